"""Where the tests' temporary files lie: in memory, where there is room.

Much time was once spent waiting for a disk to flush databases that are thrown away at once: making and dropping one
took PostgreSQL 730 ms there and 73 ms here. Everything is flushed as in earnest all the same, so that the
tests which count flushes, and those which kill, see what they would see on a disk.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import Final

import pytest

IN_MEMORY: Final = Path("/dev/shm")
ROOM: Final = 4 * 1024**3
"""Bytes: generous, because a test that finds the memory full would only fail."""


@pytest.hookimpl(tryfirst=True)
def pytest_configure() -> None:
    """Choose before anything temporary is made; whoever set `TMPDIR` has chosen, and the workers inherit it."""
    if "TMPDIR" not in os.environ and has_room(IN_MEMORY):
        os.environ["TMPDIR"] = tempfile.tempdir = str(IN_MEMORY)


def has_room(folder: Path, room: int = ROOM) -> bool:
    """Whether so many bytes can be written to `folder`, which takes as much memory."""
    if not os.access(folder, os.W_OK | os.X_OK):
        return False
    return min(shutil.disk_usage(folder).free, available_memory()) >= room


def available_memory() -> int:
    """Bytes, 0 where this system does not say."""
    try:
        told = Path("/proc/meminfo").read_text()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in told.splitlines() if line.startswith("MemAvailable:")), 0)
