"""Asking one question about one file to one short-lived process, and outliving whatever that process does."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any, Final

from dashboard.documents import problems

_log: Final = logging.getLogger(__name__)

MIB: Final = 1024 * 1024
# `-m dashboard.documents.reader` would first run dashboard/__init__.py: Flask, the database and every screen, for
# seconds and megabytes that belong to the file. So the child is given a package `dashboard` without its beginning.
PACKAGE_ONLY: Final = """
import sys, types
dashboard = sys.modules["dashboard"] = types.ModuleType("dashboard")
dashboard.__path__ = [sys.argv[1]]
"""
_PROGRAM: Final = PACKAGE_ONLY + "from dashboard.documents.reader import main; main(sys.argv[2])"
PACKAGE: Final = str(Path(__file__).resolve().parents[1])
_MAX_HEADER: Final = 1_000
_CHUNK: Final = 64 * 1024
MOST_SHEETS: Final = 10
_LONGEST: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Limits:
    """What one file may cost: bytes of address space, of text and of PNG; seconds of CPU and on the clock; PDF pages.

    `inflated_bytes` bounds what is unpacked from one document; `pixels` how large a picture may claim to be.
    """

    memory_bytes: int = 512 * MIB
    cpu_seconds: int = 10
    wall_seconds: float = 15.0
    text_bytes: int = 200_000
    png_bytes: int = 4 * MIB
    text_pages: int = 20
    inflated_bytes: int = 32 * MIB
    pixels: int = 60_000_000


@dataclass(frozen=True, slots=True)
class Answer:
    """What the child said, or `problem`: a word of `problems` for why it said nothing.

    `sheets`: width and height of the first pages, in units of their own.
    """

    payload: bytes = b""
    pages: int | None = None
    problem: str | None = None
    shortened: bool = False
    sheets: tuple[tuple[int, int], ...] = ()


def ask(request: dict[str, Any], content: bytes, limits: Limits, *, at_most: int) -> Answer:
    """Have `request` answered about `content` by a child under `limits`, in `at_most` bytes. Never raises."""
    try:
        with tempfile.TemporaryDirectory(prefix="document-") as empty, tempfile.TemporaryFile() as handed:
            handed.write(content)
            handed.seek(0)
            return _converse(json.dumps({**request, "limits": asdict(limits)}), handed, Path(empty), limits, at_most)
    except OSError as refusal:  # no process, no memory for one, no room on the disk: says nothing about the file
        _log.warning("No process could be started to read a file: %s", refusal.strerror)
        return Answer(problem=problems.BUSY)


def _converse(question: str, handed: IO[bytes], empty: Path, limits: Limits, at_most: int) -> Answer:
    deadline = time.monotonic() + limits.wall_seconds
    child = _start(question, handed, empty)
    try:
        said, ended = _listen(child, deadline, _MAX_HEADER + at_most)
    finally:
        # Before it is reaped: until then its number, and so its group's, cannot belong to anybody else.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, signal.SIGKILL)
        status = child.wait()
        if child.stdout:
            child.stdout.close()
    if not ended:
        return Answer(problem=problems.TOO_SLOW if time.monotonic() >= deadline else problems.TOO_LARGE)
    return _understood(said, at_most) or Answer(problem=_cause(status))


def _start(question: str, handed: IO[bytes], empty: Path) -> subprocess.Popen[bytes]:
    # -I: modules come from the virtual environment and, by the program above, this package; -B: nothing may be written.
    # It limits itself as its first act: preexec_fn is not safe in a process with threads.
    return subprocess.Popen(  # noqa: S603 — our own interpreter and program; the file is data on stdin
        [sys.executable, "-I", "-B", "-X", "utf8", "-c", _PROGRAM, PACKAGE, question],
        stdin=handed,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=empty,
        env={"HOME": str(empty), "TMPDIR": str(empty), "LANG": "C.UTF-8"},
        start_new_session=True,
    )


def _listen(child: subprocess.Popen[bytes], deadline: float, at_most: int) -> tuple[bytes, bool]:
    """What the child writes, and whether it came to its end in time and within `at_most` bytes."""
    assert child.stdout is not None
    pipe, said = child.stdout.fileno(), bytearray()
    poll = select.poll()  # not select(): a busy server has descriptors above 1024
    poll.register(pipe, select.POLLIN)
    while len(said) <= at_most:
        left = deadline - time.monotonic()
        if left <= 0 or not poll.poll(left * 1000):
            return bytes(said), False
        chunk = os.read(pipe, _CHUNK)
        if not chunk:
            return bytes(said), True
        said += chunk
    return bytes(said), False


def _understood(said: bytes, at_most: int) -> Answer | None:
    """The child's answer: one line of JSON, then the payload. None where it is not whole."""
    line, _, payload = said.partition(b"\n")
    try:
        header = json.loads(line)
        size, pages, problem = int(header["size"]), header["pages"], header["problem"]
        shortened, sheets = bool(header["shortened"]), _sheets(header["sheets"])
    except (ValueError, KeyError, TypeError):
        return None
    if size != len(payload) or size > at_most:
        return None
    known_pages = pages if isinstance(pages, int) and 0 <= pages < 10**9 else None
    return Answer(payload, known_pages, None if problem is None else str(problem), shortened, sheets)


def _sheets(said: list[list[int]]) -> tuple[tuple[int, int], ...]:
    """The sizes of pages, each at least 1 and at most `_LONGEST`. Raises `ValueError` or `TypeError` for others."""
    return tuple((_length(across), _length(down)) for across, down in said[:MOST_SHEETS])


def _length(said: int) -> int:
    return min(max(int(said), 1), _LONGEST)


def _cause(status: int) -> str:
    return problems.TOO_SLOW if -status in (signal.SIGXCPU, signal.SIGALRM) else problems.CRASHED
