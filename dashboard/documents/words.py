"""Collecting a document's words up to a limit (child process)."""

from __future__ import annotations

import contextlib
import re
from typing import Final

from dashboard.documents.child import Answer
from dashboard.documents.problems import WORDLESS, Unreadable

_TRAILING: Final = re.compile(r"[ \t\xa0]+(?=\n|\Z)")
_EMPTY_LINES: Final = re.compile(r"\n{3,}")


class Enough(Exception):
    """The limit is reached: what follows in the document need not be read."""


class Words:
    """Text in the order it is read. `add` raises `Enough` after `most` bytes of UTF-8."""

    __slots__ = ("_left", "_parts", "shortened")

    def __init__(self, most: int) -> None:
        self._parts: list[str] = []
        self._left = most
        self.shortened = False

    def add(self, text: str) -> None:
        """Keep `text`, or as much of it as there is room for."""
        encoded = text.encode("utf-8", "replace")
        if len(encoded) > self._left:
            self._parts.append(encoded[: self._left].decode("utf-8", "ignore"))
            self._left = 0
            self.shortened = True
            raise Enough
        self._left -= len(encoded)
        self._parts.append(text)

    def answer(self, pages: int | None = None, sheets: tuple[tuple[int, int], ...] = ()) -> Answer:
        """What was collected, tidied. Raises `Unreadable` where that is nothing."""
        text = "".join(self._parts).replace("\r\n", "\n").replace("\r", "\n")
        text = _EMPTY_LINES.sub("\n\n", _TRAILING.sub("", text)).strip("\n")
        if not text.strip():
            raise Unreadable(WORDLESS, pages, sheets)
        return Answer(text.encode("utf-8", "replace"), pages, None, self.shortened, sheets)


def collected(text: str, most: int) -> Answer:
    """The answer for a text that is already whole."""
    words = Words(most)
    with contextlib.suppress(Enough):
        words.add(text)
    return words.answer()
