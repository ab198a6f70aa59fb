"""How often something happened and how long it took, across all processes of this machine.

Each process counts in a file of its own, mapped into memory, so that counting is an addition and no call to the
system. Whoever asks adds the files up. What ended processes counted is kept in one file, so that no figure goes back.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import mmap
import os
import threading
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Final

from dashboard import processes

log = logging.getLogger(__name__)

BOUNDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Seconds: the upper ends of the histograms' parts."""

_KEY: Final = 128
"""Bytes for a row's name; the rest of it are numbers of eight bytes: the sum, then one for each part."""
_NUMBERS: Final = 1 + len(BOUNDS) + 1
_ROW: Final = _KEY + 8 * _NUMBERS
_ROWS: Final = 2_000
"""Rows of a file, which takes 460 kB; there are a few hundred different ones."""
_ENDED: Final = "ended"

Key = tuple[str, tuple[str, ...]]
"""What is counted, and its labels."""


@dataclass(frozen=True, slots=True)
class Times:
    """How often, by the parts that `BOUNDS` makes (the last has no end), and how many seconds in all."""

    parts: tuple[float, ...]
    seconds: float

    @property
    def count(self) -> float:
        return sum(self.parts)

    @property
    def up_to(self) -> list[tuple[str, float]]:
        """How often it took at most so many seconds."""
        return list(zip((*map(str, BOUNDS), "+Inf"), accumulate(self.parts), strict=True))

    def __add__(self, other: Times) -> Times:
        parts = tuple(a + b for a, b in zip(self.parts, other.parts, strict=True))
        return Times(parts, self.seconds + other.seconds)


class Traffic:
    """`folder`: of this machine alone; without one, or where it cannot be written, a process knows only of itself."""

    def __init__(self, folder: str | None = None) -> None:
        self._folder = Path(folder) if folder else None
        self._lock = threading.Lock()
        self._table: _Table | None = None
        self._process = 0

    def observe(self, what: str, labels: tuple[str, ...], seconds: float) -> None:
        """Count something that took so long."""
        with self._lock:
            if self._table is None or self._process != os.getpid():  # a server may have forked
                self._table, self._process = self._open(), os.getpid()
            self._table.add((what, labels), seconds)

    def read(self) -> Mapping[Key, Times]:
        """What all processes of this machine have counted."""
        found: dict[Key, list[float]] = {}
        with self._lock:
            own = self._table
        for table in self._tables(own):
            for key, numbers in table.rows():
                before = found.get(key)
                found[key] = [a + b for a, b in zip(before, numbers, strict=True)] if before else numbers
        return {key: Times(tuple(numbers[1:]), numbers[0]) for key, numbers in found.items()}

    def _open(self) -> _Table:
        process = processes.this_process()
        if self._folder is None or process is None:
            return _Table(None)
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with _alone(self._folder):
                _keep_what_ended(self._folder)
                return _Table(self._folder / f"{os.getpid()}-{process.rpartition(':')[2]}.figures", process)
        except OSError as problem:
            log.warning("figures are counted by each process for itself: %s", type(problem).__name__)
            return _Table(None)

    def _tables(self, own: _Table | None) -> Iterator[_Table]:
        if self._folder is None or not self._folder.is_dir() or (own is not None and own.path is None):
            yield from [own] if own else []
            return
        with _alone(self._folder):
            yield from (_Table(path) for path in sorted(self._folder.glob("*.figures")))


class _Table:
    """Rows of one file; of none, where `path` is None: then in memory alone. `process`: who writes into a new one."""

    def __init__(self, path: Path | None, process: str = "") -> None:
        self.path = path
        self._memory = _mapped(path, grows=bool(process))
        self._numbers = memoryview(self._memory).cast("d")
        self._places: dict[Key, int] = {}
        self._used = 1
        if process:
            self._memory[:_KEY] = process.encode()[:_KEY].ljust(_KEY, b"\0")

    @property
    def process(self) -> str:
        return self._memory[:_KEY].rstrip(b"\0").decode("utf-8", "replace")

    def add(self, key: Key, seconds: float) -> None:
        place = self._places.get(key) or self._new(key)
        if place:
            self._numbers[place] += seconds
            self._numbers[place + 1 + bisect_left(BOUNDS, seconds)] += 1

    def add_all(self, key: Key, numbers: list[float]) -> None:
        place = self._places.get(key) or self._new(key)
        for offset, number in enumerate(numbers if place else ()):
            self._numbers[place + offset] += number

    def rows(self) -> Iterator[tuple[Key, list[float]]]:
        for row in range(1, _ROWS):
            name = self._memory[row * _ROW : row * _ROW + _KEY].rstrip(b"\0")
            if not name:
                return
            what, *labels = name.decode("utf-8", "replace").split("\x1f")
            first = (row * _ROW + _KEY) // 8
            yield (what, tuple(labels)), [*map(float, self._numbers[first : first + _NUMBERS])]

    def learn(self) -> None:
        """Go on in a file that has rows already."""
        for key, _ in self.rows():
            self._places[key] = (self._used * _ROW + _KEY) // 8
            self._used += 1

    def _new(self, key: Key) -> int:
        """A row for `key`; 0 where there is no room, which costs figures and nothing else."""
        what, labels = key
        name = "\x1f".join((what, *labels)).encode()
        if self._used >= _ROWS or len(name) > _KEY:
            return 0
        begin = self._used * _ROW
        self._memory[begin : begin + _KEY] = name.ljust(_KEY, b"\0")
        self._used += 1
        self._places[key] = (begin + _KEY) // 8
        return self._places[key]


def _mapped(path: Path | None, *, grows: bool = False) -> mmap.mmap:
    """A file's bytes, or nobody's. `grows`: something will be written. Raises `OSError`."""
    if path is None:
        return mmap.mmap(-1, _ROWS * _ROW)
    with path.open("a+b") as file:
        file.truncate(_ROWS * _ROW)
        if grows and hasattr(os, "posix_fallocate"):  # macOS has none
            # What has no room on the disk is refused here. A store into the map would meet a signal that ends us.
            os.posix_fallocate(file.fileno(), 0, _ROWS * _ROW)
        return mmap.mmap(file.fileno(), _ROWS * _ROW)


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Nobody puts files together meanwhile."""
    with (folder / "lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _keep_what_ended(folder: Path) -> None:
    """Add what ended processes counted to the file that keeps it, and remove theirs."""
    ended = None
    for path in folder.glob("[0-9]*.figures"):
        table = _Table(path)
        if _is_over(table.process):
            if ended is None:
                ended = _Table(folder / f"{_ENDED}.figures", _ENDED)
                ended.learn()
            for key, numbers in table.rows():
                ended.add_all(key, numbers)
            path.unlink()


def _is_over(process: str) -> bool:
    """Ended, or of a time before this machine was last started."""
    here = (processes.this_process() or "").partition("/")[0]
    return processes.has_ended(process) or process.partition("/")[0] != here
