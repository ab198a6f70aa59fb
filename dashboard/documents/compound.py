"""Streams inside a compound file, the container of Office before 2007 (child process; [MS-CFB])."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from dashboard.documents.problems import DAMAGED, Unreadable

_LAST_SECTOR: Final = 0xFFFFFFFA
"""Higher numbers are marks: end of chain, free, part of the table itself."""
_ENTRY: Final = 128
_HEADER: Final = 512


@dataclass(frozen=True, slots=True)
class _Stream:
    start: int
    size: int


class CompoundFile:
    """A file of named streams. Raises `Unreadable` where its tables lead nowhere or in circles."""

    def __init__(self, content: bytes) -> None:
        if len(content) < _HEADER:
            raise Unreadable(DAMAGED)
        self._content = content
        sector_shift, mini_shift = struct.unpack_from("<2H", content, 30)
        if sector_shift not in (9, 12) or mini_shift != 6:
            raise Unreadable(DAMAGED)
        self._sector, self._mini_sector = 1 << sector_shift, 1 << mini_shift
        directory, self._cutoff, mini_table = struct.unpack_from("<I4xII", content, 48)
        self._table = self._numbers(self._table_sectors())
        self._streams = dict(self._entries(self._joined(directory)))
        self._mini_table = self._numbers(self._chain(mini_table, self._table))
        root = self._streams.get("Root Entry")
        self._mini = self._joined(root.start) if root else b""

    def stream(self, name: str) -> bytes:
        """The bytes of stream `name`."""
        found = self._streams.get(name)
        if found is None:
            raise Unreadable(DAMAGED)
        if found.size >= self._cutoff:
            return self._joined(found.start)[: found.size]
        size = self._mini_sector
        pieces = (self._mini[at * size : (at + 1) * size] for at in self._chain(found.start, self._mini_table))
        return b"".join(pieces)[: found.size]

    def _sector_at(self, number: int) -> bytes:
        at = (number + 1) * self._sector
        return self._content[at : at + self._sector]

    def _joined(self, start: int) -> bytes:
        return b"".join(map(self._sector_at, self._chain(start, self._table)))

    def _numbers(self, sectors: Iterator[int]) -> Sequence[int]:
        whole = b"".join(map(self._sector_at, sectors))
        return struct.unpack(f"<{len(whole) // 4}I", whole[: len(whole) // 4 * 4])

    def _chain(self, start: int, table: Sequence[int]) -> Iterator[int]:
        number = start
        for _ in range(len(table) + 1):
            if number >= _LAST_SECTOR:
                return
            if number >= len(table):
                raise Unreadable(DAMAGED)
            yield number
            number = table[number]
        raise Unreadable(DAMAGED)

    def _table_sectors(self) -> Iterator[int]:
        """Where the table of sectors is: 109 places in the header, more in a chain of sectors for files over 7 MB."""
        places = struct.unpack_from("<109I", self._content, 76)
        following, _ = struct.unpack_from("<2I", self._content, 68)
        for _ in range(len(self._content) // self._sector + 1):
            yield from (place for place in places if place < _LAST_SECTOR)
            sector = self._sector_at(following) if following < _LAST_SECTOR else b""
            if len(sector) < self._sector:
                return
            *places, following = struct.unpack(f"<{self._sector // 4}I", sector)  # type: ignore[assignment]

    def _entries(self, directory: bytes) -> Iterator[tuple[str, _Stream]]:
        for at in range(0, len(directory) - _ENTRY + 1, _ENTRY):
            length, kind = struct.unpack_from("<HB", directory, at + 64)
            start, size = struct.unpack_from("<2I", directory, at + 116)
            if kind:
                name = directory[at : at + max(0, min(length, 64) - 2)]
                yield name.decode("utf-16-le", "replace"), _Stream(start, size)
