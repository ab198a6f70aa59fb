"""The words of a .doc, Word 97 to 2003 (child process; [MS-DOC]).

No library in reach reads these, and many an applicant's résumé still is one; the words alone take a page of code.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from contextlib import suppress
from typing import Final

from dashboard.documents.child import Answer, Limits
from dashboard.documents.compound import CompoundFile
from dashboard.documents.problems import DAMAGED, LOCKED, UNSUPPORTED, Unreadable
from dashboard.documents.words import Enough, Words

_MAGIC: Final = 0xA5EC
_WORD_97: Final = 0x00C1
_ENCRYPTED: Final = 0x0100
_SECOND_TABLE: Final = 0x0200
_PIECES_PLACE: Final = 0x01A2
_ONE_BYTE: Final = 0x40000000
_FIELD_CODE: Final = re.compile("\x13[^\x13\x14\x15]*\x14?")
_UNSEEN: Final = dict.fromkeys("\x01\x08\x14\x15\x1f")
_MARKS: Final = str.maketrans({"\r": "\n", "\x07": "\t", "\x0b": "\n", "\x1e": "-"} | _UNSEEN)


def text(content: bytes, limits: Limits) -> Answer:
    """The words of the document, then of its footnotes, headers and footers."""
    file = CompoundFile(content)
    document = file.stream("WordDocument")
    words = Words(limits.text_bytes)
    try:
        flags = _checked(document)
        table = file.stream("1Table" if flags & _SECOND_TABLE else "0Table")
        whole = "".join(_within(_pieces(document, table), limits.text_bytes * 2))
    except struct.error as damage:
        raise Unreadable(DAMAGED) from damage
    with suppress(Enough):
        words.add(_FIELD_CODE.sub("", whole).translate(_MARKS))
    return words.answer()


def _checked(document: bytes) -> int:
    magic, version = struct.unpack_from("<2H", document)
    (flags,) = struct.unpack_from("<H", document, 10)
    if magic != _MAGIC:
        raise Unreadable(DAMAGED)
    if flags & _ENCRYPTED:
        raise Unreadable(LOCKED)
    if version < _WORD_97:
        raise Unreadable(UNSUPPORTED)
    return int(flags)


def _pieces(document: bytes, table: bytes) -> Iterator[str]:
    """The text in order: an edited document is kept as pieces, each in one byte or two a character."""
    plan = _piece_table(document, table)
    count = (len(plan) - 4) // 12
    starts = struct.unpack_from(f"<{count + 1}I", plan)
    for number in range(count):
        length = max(0, starts[number + 1] - starts[number])
        (place,) = struct.unpack_from("<I", plan, (count + 1) * 4 + number * 8 + 2)
        if place & _ONE_BYTE:
            at = (place & ~_ONE_BYTE) // 2
            yield document[at : at + length].decode("cp1252", "replace")
        else:
            yield document[place : place + 2 * length].decode("utf-16-le", "replace")


def _piece_table(document: bytes, table: bytes) -> bytes:
    start, size = struct.unpack_from("<2I", document, _PIECES_PLACE)
    plan = table[start : start + size]
    at = 0
    while plan[at : at + 1] == b"\x01":  # formatting, before the pieces
        at += 3 + int(struct.unpack_from("<H", plan, at + 1)[0])
    if plan[at : at + 1] != b"\x02":
        raise Unreadable(DAMAGED)
    (length,) = struct.unpack_from("<I", plan, at + 1)
    return plan[at + 5 : at + 5 + length]


def _within(pieces: Iterator[str], most: int) -> Iterator[str]:
    # Pieces may overlap, so a small file can hold a text without end.
    for piece in pieces:
        yield piece
        most -= len(piece)
        if most < 0:
            return
