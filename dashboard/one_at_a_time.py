"""What only one may do at a time on a machine, kept apart from the queue of those who write to the database."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from sqlalchemy import Engine

_LOOK_AGAIN: Final = 0.05


@contextmanager
def alone(engine: Engine, what: str, patience: float) -> Iterator[bool]:
    """Whether it is one's turn to do `what`, until the end of the block; False where it is not in `patience` seconds.

    On SQLite, among all threads and processes by a lock on a file beside the database; a process that dies gives it
    back. On PostgreSQL, where writers do not wait for each other, it is always one's turn.
    """
    database = engine.url.database
    if engine.dialect.name != "sqlite" or database in (None, "", ":memory:"):
        yield True
        return
    file = os.open(f"{database}.{what}", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        yield locked(file, time.monotonic() + patience, _LOOK_AGAIN)
    finally:
        os.close(file)


def locked(file: int, deadline: float, look_again: float) -> bool:
    """Lock an open file, looking every so many seconds. False where it is somebody else's until the deadline.

    (A waiting flock knows no time-out.)
    """
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                return False
            time.sleep(look_again)
        else:
            return True
