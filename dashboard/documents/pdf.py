"""The words and the pages of a PDF, by PDFium (child process)."""

from __future__ import annotations

import contextlib
from typing import Any, Final

import pypdfium2
from pypdfium2 import raw

from dashboard.documents.child import MOST_SHEETS, Answer, Limits
from dashboard.documents.problems import DAMAGED, LOCKED, NO_SUCH_PAGE, Unreadable
from dashboard.documents.words import Enough, Words

_LETTER: Final = (612, 792)
_TALLEST: Final = 4
"""Times the width: a page as long as a street is shown small rather than whole."""


def text(content: bytes, limits: Limits) -> Answer:
    """The words of the first pages, a form feed between two. A page that cannot be read is left out, unless all are."""
    document = _opened(content)
    pages, words = len(document), Words(limits.text_bytes)
    words.shortened = pages > limits.text_pages
    first = range(min(pages, limits.text_pages))
    said = [_page_text(document, number, limits.text_bytes) for number in first]
    if all(page is None for page in said):
        raise Unreadable(DAMAGED, pages)
    with contextlib.suppress(Enough):
        words.add("\f".join(page or "" for page in said))
    return words.answer(pages, _sheets(document, min(pages, MOST_SHEETS)))


def picture(content: bytes, limits: Limits, width: int, page: int) -> Answer:
    """Page `page`, counted from 1, as a PNG `width` pixels wide."""
    from dashboard.documents.pictures import as_png

    document = _opened(content)
    if not 1 <= page <= len(document):
        raise Unreadable(NO_SUCH_PAGE, len(document))
    sheet = document[page - 1]
    across, down = sheet.get_size()
    if not (across > 0 and down > 0):
        raise Unreadable(DAMAGED, len(document))
    # Half a pixel less, as the size is rounded up.
    scale = min((width - 0.5) / across, (width * _TALLEST - 0.5) / down)
    # Forms are not drawn: their scripts and fields are not the applicant's words.
    bitmap = sheet.render(scale=scale, may_draw_forms=False, rev_byteorder=True)
    return Answer(as_png(bitmap.to_pil(), limits.png_bytes), len(document))


def _sheets(document: Any, most: int) -> tuple[tuple[int, int], ...]:
    """Width and height of the first pages, in points; of one that cannot be read, those of a letter."""
    return tuple(_size(document, number) for number in range(most))


def _size(document: Any, number: int) -> tuple[int, int]:
    try:
        across, down = document.get_page_size(number)
    except pypdfium2.PdfiumError:
        return _LETTER
    return (round(across), round(down)) if across >= 1 and down >= 1 else _LETTER


def _opened(content: bytes) -> Any:
    try:
        document = pypdfium2.PdfDocument(content)
    except pypdfium2.PdfiumError as problem:
        locked = getattr(problem, "err_code", None) == raw.FPDF_ERR_PASSWORD
        raise Unreadable(LOCKED if locked else DAMAGED) from problem
    if not len(document):
        raise Unreadable(DAMAGED)
    return document


def _page_text(document: Any, number: int, most: int) -> str | None:
    try:
        sheet = document[number]
        words = sheet.get_textpage()
        return str(words.get_text_range(0, min(words.count_chars(), most + 1)))
    except pypdfium2.PdfiumError:
        return None
