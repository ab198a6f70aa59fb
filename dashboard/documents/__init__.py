"""The text and the picture of an applicant's file, made where a hostile file can do no harm.

Each file is opened by a process of its own (`reader.py`) that is bounded in memory, time and output, has no
environment, writes nothing and is killed with everything it started. Whatever the file does, the two functions
here return a value; what went wrong is in its `problem`, a sentence for people.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from dashboard.documents import problems
from dashboard.documents.child import Answer, Limits, ask
from dashboard.filetypes import FileType

__all__ = ["Extraction", "Limits", "Rendering", "extract_text", "render_picture"]

MAX_WIDTH: Final = 2_000
"""Pixels; a wider picture is not made."""

_PNG: Final = b"\x89PNG\r\n\x1a\n"
_UNSTORABLE: Final = re.compile("[\x00-\x08\x0b\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
_LIMITS: Final = Limits()


@dataclass(frozen=True, slots=True)
class Extraction:
    """The words of a file.

    `text` has no control characters but tab, line feed and form feed (between the pages of a PDF), and at most
    `Limits.text_bytes` of UTF-8; `shortened` where there was more. `pages`: the count, for a PDF or a picture.
    `sheets`: width and height of the first of them, for their shape alone.
    `problem`: why there is no text; None for pictures and scans, which are sound without any.
    `temporary`: nothing is known about the file, as no process could be started: ask again later.
    """

    text: str = ""
    pages: int | None = None
    problem: str | None = None
    shortened: bool = False
    temporary: bool = False
    sheets: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Rendering:
    """A picture of a file: `png` (at most `Limits.png_bytes`, free of the file's metadata), or a `problem` instead."""

    png: bytes | None = None
    pages: int | None = None
    problem: str | None = None
    temporary: bool = False


def extract_text(content: bytes, file_type: FileType, *, limits: Limits = _LIMITS) -> Extraction:
    """The words of `content`, which `filetypes.detect` found to be a `file_type`. Never raises for a file's sake."""
    answer = ask({"verb": "text", "mime": file_type.mime}, content, limits, at_most=limits.text_bytes)
    if answer.problem == problems.WORDLESS and file_type.previewable == "picture":
        return Extraction(pages=answer.pages, sheets=answer.sheets)
    if answer.problem:
        return Extraction("", answer.pages, _sentence(answer, file_type), temporary=answer.problem == problems.BUSY)
    text = _UNSTORABLE.sub("", answer.payload.decode("utf-8", "replace"))
    return Extraction(text, answer.pages, None, answer.shortened, sheets=answer.sheets)


def render_picture(
    content: bytes, file_type: FileType, width: int = 900, *, page: int = 1, limits: Limits = _LIMITS
) -> Rendering:
    """A PNG of `content`, at most `width` pixels wide: of a PDF its `page`, counted from 1. Never raises."""
    request = {"verb": "picture", "mime": file_type.mime, "width": min(max(width, 1), MAX_WIDTH), "page": page}
    answer = ask(request, content, limits, at_most=limits.png_bytes)
    if answer.problem:
        return Rendering(None, answer.pages, _sentence(answer, file_type), answer.problem == problems.BUSY)
    if not answer.payload.startswith(_PNG):
        return Rendering(None, answer.pages, problems.sentence(problems.DAMAGED, file_type.label))
    return Rendering(answer.payload, answer.pages)


def _sentence(answer: Answer, file_type: FileType) -> str:
    return problems.sentence(answer.problem or problems.DAMAGED, file_type.label)
