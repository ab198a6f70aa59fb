"""The words of Word and OpenDocument files: ZIPs of XML, unpacked and parsed as a stream (child process).

docx2txt is not used: it inflates and parses whole parts whatever their size, leaves out what stands in a table's order,
and says text boxes twice.
"""

from __future__ import annotations

import contextlib
import io
import re
import zipfile
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final
from xml.parsers import expat

from dashboard.documents.child import Answer, Limits
from dashboard.documents.problems import DAMAGED, LOCKED, TOO_LARGE, Unreadable
from dashboard.documents.words import Enough, Words

_CHUNK: Final = 64 * 1024
_MAX_DEPTH: Final = 2_000
_MAX_PARTS: Final = 20


@dataclass(frozen=True, slots=True)
class Dialect:
    """How words stand in a kind of XML. Names are `namespace local` by their last words, as `t` in `…/main t`.

    `holds`: elements whose characters count (None: all); `before`, `after`: what an element's start or end stands for;
    `silent`: elements that are left out with all that is in them.
    """

    namespaces: tuple[str, ...]
    holds: frozenset[str] | None
    before: dict[str, str]
    after: dict[str, str]
    silent: frozenset[str] = field(default_factory=frozenset)


# Word writes a text box twice, the second time in mc:Fallback for programs of 2007.
_WORD: Final = Dialect(
    namespaces=("wordprocessingml", "markup-compatibility"),
    holds=frozenset(("t",)),
    before={"tab": "\t", "br": "\n", "cr": "\n", "noBreakHyphen": "-"},
    after={"p": "\n", "tc": "\t"},
    silent=frozenset(("Fallback", "instrText", "delText", "pPr")),
)
_OPEN: Final = Dialect(
    namespaces=("opendocument:xmlns:text", "opendocument:xmlns:table", "opendocument:xmlns:office"),
    holds=None,
    before={"tab": "\t", "line-break": "\n", "s": " "},
    after={"p": "\n", "h": "\n", "table-cell": "\t"},
    silent=frozenset(("tracked-changes", "annotation", "scripts", "font-face-decls", "automatic-styles")),
)
_WORD_PARTS: Final = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"word/header\d*\.xml",
        r"word/document2?\.xml",
        r"word/foot(?:notes|er\d*)\.xml",
        r"word/endnotes\.xml",
    )
)
_OPEN_PARTS: Final = (re.compile(r"content\.xml"),)


def word_text(content: bytes, limits: Limits) -> Answer:
    """A .docx: headers first, as that is where applicants put their name and telephone number."""
    return _text(content, limits, _WORD, _WORD_PARTS)


def open_text(content: bytes, limits: Limits) -> Answer:
    """An .odt."""
    return _text(content, limits, _OPEN, _OPEN_PARTS)


def _text(content: bytes, limits: Limits, dialect: Dialect, patterns: Iterable[re.Pattern[str]]) -> Answer:
    words = Words(limits.text_bytes)
    budget = limits.inflated_bytes
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive, contextlib.suppress(Enough):
            for member in _members(archive, patterns):
                budget = _read_part(archive, member, dialect, words, budget)
    except (zipfile.BadZipFile, zlib.error, expat.ExpatError, EOFError, NotImplementedError) as damage:
        raise Unreadable(DAMAGED) from damage
    return words.answer()


def _members(archive: zipfile.ZipFile, patterns: Iterable[re.Pattern[str]]) -> list[zipfile.ZipInfo]:
    listed = archive.infolist()
    found = [
        member
        for pattern in patterns
        for member in [entry for entry in listed if pattern.fullmatch(entry.filename.replace("\\", "/"))][:_MAX_PARTS]
    ]
    if any(member.flag_bits & 1 for member in found):
        raise Unreadable(LOCKED)
    return found


def _read_part(archive: zipfile.ZipFile, member: zipfile.ZipInfo, dialect: Dialect, words: Words, budget: int) -> int:
    """Parse one part as it inflates, whatever size it declares; gives back what is left of `budget`, in bytes."""
    part = _Part(dialect, words)
    with archive.open(member) as stream:
        while chunk := stream.read(_CHUNK):
            budget -= len(chunk)
            if budget < 0:
                raise Unreadable(TOO_LARGE)
            part.feed(chunk)
    part.feed(b"", last=True)
    return budget


class _Part:
    """One XML part, read in chunks into `words`."""

    def __init__(self, dialect: Dialect, words: Words) -> None:
        self._dialect = dialect
        self._words = words
        self._path: list[str] = []
        self._silent = 0
        self._parser = parser = expat.ParserCreate(namespace_separator=" ")
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._characters
        parser.StartDoctypeDeclHandler = self._doctype

    def feed(self, chunk: bytes, *, last: bool = False) -> None:
        """The next bytes of the part. Raises `ExpatError`, `Unreadable` or `Enough`."""
        self._parser.Parse(chunk, last)

    def _doctype(self, *_: object) -> None:
        # No word processor writes one; it is where entity bombs live.
        raise Unreadable(DAMAGED)

    def _start(self, name: str, _: dict[str, str]) -> None:
        local = self._local(name)
        self._path.append(local)
        if len(self._path) > _MAX_DEPTH:
            raise Unreadable(DAMAGED)
        if local in self._dialect.silent:
            self._silent += 1
        elif not self._silent and local in self._dialect.before:
            self._words.add(self._dialect.before[local])

    def _end(self, _: str) -> None:
        local = self._path.pop()
        if local in self._dialect.silent:
            self._silent -= 1
        elif not self._silent and local in self._dialect.after:
            self._words.add(self._dialect.after[local])

    def _characters(self, data: str) -> None:
        holds = self._dialect.holds
        counts = self._path[-1] in holds if holds is not None else any(name in ("p", "h") for name in self._path)
        if counts and not self._silent:
            self._words.add(data)

    def _local(self, name: str) -> str:
        namespace, _, local = name.rpartition(" ")
        return local if any(known in namespace for known in self._dialect.namespaces) else ""
