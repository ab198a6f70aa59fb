"""The words of texts, rich texts and web pages (child process)."""

from __future__ import annotations

import codecs
import contextlib
import re
from html.parser import HTMLParser
from typing import Final

from dashboard.documents.child import Answer, Limits
from dashboard.documents.words import Enough, Words, collected

_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_BYTES_PER_CHARACTER: Final = 4


def text(content: bytes, limits: Limits) -> Answer:
    """Plain text: by its byte order mark, else UTF-8, else the Western alphabet of Windows."""
    return collected(decoded(content[: limits.text_bytes * _BYTES_PER_CHARACTER + 2]), limits.text_bytes)


def decoded(content: bytes) -> str:
    """`content` as text; never fails. A character cut off at the end is left out."""
    encoding = next((name for mark, name in _MARKS if content.startswith(mark)), "utf-8")
    try:
        return codecs.getincrementaldecoder(encoding)().decode(content)
    except UnicodeDecodeError:
        return content.decode("utf-16" if encoding == "utf-16" else "cp1252", "replace")


# --- rich text

# Pictures and embedded files, in hexadecimal: skipped by striprtf too, but one character at a time.
_HEXADECIMAL: Final = re.compile(rb"[0-9A-Fa-f\r\n]{256,}")


def rich_text(content: bytes, limits: Limits) -> Answer:
    """RTF, without the pictures in it, which are most of its bytes and none of its words."""
    from striprtf.striprtf import rtf_to_text

    source = _HEXADECIMAL.sub(b"", content[: limits.inflated_bytes]).decode("latin-1")
    words: str = rtf_to_text(source, errors="ignore")  # type: ignore[no-untyped-call]
    return collected(words, limits.text_bytes)


# --- web pages

_SILENT: Final = frozenset(("script", "style", "head", "template", "noscript", "svg", "math", "iframe", "object"))
_BREAKS: Final = frozenset(
    (
        *("p", "div", "br", "hr", "pre", "ul", "ol", "li", "dl", "dt", "dd", "table", "tr"),
        *("section", "article", "header", "footer", "h1", "h2", "h3", "h4", "h5", "h6"),
    )
)


class _Page(HTMLParser):
    def __init__(self, words: Words) -> None:
        super().__init__(convert_charrefs=True)
        self.words = words
        self._within: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if self._within is None and tag in _SILENT:
            self._within = tag
        self._space(tag)

    def handle_endtag(self, tag: str) -> None:
        # A body ends a head that was never closed.
        if tag == self._within:
            self._within = None
        self._space(tag)

    def handle_data(self, data: str) -> None:
        if self._within is None:
            self.words.add(re.sub(r"\s+", " ", data))

    def _space(self, tag: str) -> None:
        if tag == "body":
            self._within = None
        if tag in _BREAKS:
            self.words.add("\n")
        elif tag in ("td", "th"):
            self.words.add("\t")


def page_text(content: bytes, limits: Limits) -> Answer:
    """The words of a web page, as a reader would see them: no scripts, no styles, no markup."""
    words = Words(limits.text_bytes)
    page = _Page(words)
    with contextlib.suppress(Enough):
        page.feed(decoded(content[: limits.inflated_bytes]))
        page.close()
    return words.answer()
