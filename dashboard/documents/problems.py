"""Why a file could not be shown: one word between the processes, one sentence for people."""

from __future__ import annotations

from typing import Final

DAMAGED: Final = "damaged"
LOCKED: Final = "locked"
WORDLESS: Final = "wordless"
UNSUPPORTED: Final = "unsupported"
TOO_LARGE: Final = "too-large"
TOO_SLOW: Final = "too-slow"
CRASHED: Final = "crashed"
NO_SUCH_PAGE: Final = "no-such-page"
BUSY: Final = "busy"

_SENTENCES: Final = {
    DAMAGED: "This {noun} is damaged and cannot be opened.",
    LOCKED: "This {noun} is protected with a password.",
    WORDLESS: "This {noun} holds no text; its words may be in a picture.",
    UNSUPPORTED: "This {noun} cannot be shown here.",
    TOO_LARGE: "This {noun} is too large to be shown here.",
    TOO_SLOW: "This {noun} takes too long to open and is not shown here.",
    CRASHED: "This {noun} is damaged or too large, and is not shown here.",
    NO_SUCH_PAGE: "This {noun} has no such page.",
    BUSY: "This {noun} could not be opened just now. Try again in a while.",
}

# The other labels begin with a name (PDF, Word, Pages), which keeps its capital.
_COMMON: Final = ("Picture", "Drawing", "Plain", "Rich", "Web", "Archive", "Program", "Office", "Empty", "File")


class Unreadable(Exception):
    """Raised while reading, in the child only. `code` is one of this module's words."""

    def __init__(self, code: str, pages: int | None = None, sheets: tuple[tuple[int, int], ...] = ()) -> None:
        super().__init__(code)
        self.code = code
        self.pages = pages
        self.sheets = sheets


def sentence(code: str, label: str) -> str:
    """What to tell people about a file whose `FileType.label` is `label`; an unknown `code` counts as damaged."""
    noun = label.partition(" (")[0]
    if noun.startswith(_COMMON):
        noun = noun[:1].lower() + noun[1:]
    return _SENTENCES.get(code, _SENTENCES[DAMAGED]).format(noun=noun)
