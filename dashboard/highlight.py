"""Which parts of a text a search asked for, found as `search` finds them: folded, and from the beginning of a word."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Self

from anyascii import anyascii
from markupsafe import Markup, escape

from dashboard.search import Query

_FEWEST_DIGITS: Final = 4
"""As many digits and more may be a phone number's, which people write with anything in between."""
_BETWEEN: Final = r"[\s()+./-]{0,4}"
_PHONE_FORMS: Final = (7, 10)
"""As `tokens.phone_forms`: a number is found from its beginning, or from its last so many digits on."""
_MARK: Final = Markup("<mark>%s</mark>")


@dataclass(frozen=True, slots=True)
class Marks:
    """What to mark in any text: the `words` of a search, folded, as one pattern over folded text."""

    words: tuple[str, ...]
    pattern: re.Pattern[str]

    @classmethod
    def of(cls, text: str | None) -> Self | None:
        """What a search for `text` marks; None where that is nothing."""
        words = tuple(Query(text or "").typed_words)
        return cls(words, _pattern(words)) if words else None

    def split(self, text: str) -> Iterator[tuple[str, bool]]:
        """The pieces of `text`, in order and not empty, each with whether it was asked for."""
        done = 0
        for start, end in self._places(text):
            if start > done:
                yield text[done:start], False
            yield text[start:end], True
            done = end
        if done < len(text):
            yield text[done:], False

    def _places(self, text: str) -> Iterator[tuple[int, int]]:
        if text.isascii():
            yield from (match.span() for match in self.pattern.finditer(text.lower()))
            return
        folded = [_folded(character) for character in text]
        # Letter by letter of what is folded: the character of `text` that it comes from.
        origins = [at for at, letters in enumerate(folded) for _ in letters]
        done = 0
        for match in self.pattern.finditer("".join(folded)):
            start, end = max(origins[match.start()], done), origins[match.end() - 1] + 1
            while end < len(text) and unicodedata.combining(text[end]):
                end += 1
            if start < end:  # else it began within a character that is marked already
                yield start, end
                done = end


def marked(text: str | None, marks: Marks | None) -> str | Markup:
    """`text` with what was asked for in `<mark>`, everything else escaped; without `marks`, and what is HTML already,
    as it is. Nothing stands for None."""
    if marks is None or not text or isinstance(text, Markup):
        return text or ""
    return Markup("").join(_MARK % piece if asked else escape(piece) for piece, asked in marks.split(text))


@lru_cache(maxsize=4_096)
def _folded(character: str) -> str:
    return anyascii(character).lower()


@lru_cache(maxsize=256)
def _pattern(words: tuple[str, ...]) -> re.Pattern[str]:
    longest_first = sorted(words, key=len, reverse=True)
    return re.compile("|".join(form for word in longest_first for form in _forms(word)))


def _forms(word: str) -> Iterator[str]:
    """How `word` may stand in a folded text."""
    if not word.isdigit() or len(word) < _FEWEST_DIGITS:
        yield f"(?<![a-z0-9]){word}"
        return
    spread = _BETWEEN.join(word)
    yield f"(?<![a-z0-9]){spread}"
    for length in _PHONE_FORMS:
        if len(word) <= length:
            yield f"{spread}(?=(?:{_BETWEEN}[0-9]){{{length - len(word)}}}(?!{_BETWEEN}[0-9]))"
