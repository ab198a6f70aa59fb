"""How SQLite keeps the promises that PostgreSQL keeps by itself: durable, no lost update, writers in a queue."""

from __future__ import annotations

import fcntl
import os
import sqlite3
import threading
import time
from typing import Any, Final

from sqlalchemy import Connection, Engine, event
from sqlalchemy.pool import ConnectionPoolEntry

from dashboard.one_at_a_time import locked

BUSY_TIMEOUT_MS: Final = 5_000
WAL_PAGES_BEFORE_A_WRITER_CHECKPOINTS: Final = 16_384
"""64 MB. The worker checkpoints every few seconds, so that no acknowledgement waits for it; this is the safety net."""

PRAGMAS: Final = (
    f"busy_timeout={BUSY_TIMEOUT_MS}",
    "synchronous=FULL",
    "foreign_keys=ON",
    "secure_delete=ON",  # what is erased is overwritten, not only let go of
    "temp_store=MEMORY",
    "cache_size=-2000",
    f"wal_autocheckpoint={WAL_PAGES_BEFORE_A_WRITER_CHECKPOINTS}",
)

_HAS_TURN: Final = "has the writers' turn"
_LOOK_AGAIN: Final = 0.0003


def keep_promises(engine: Engine, *, patience: float = BUSY_TIMEOUT_MS / 1000) -> None:
    """Hook a SQLite `engine`. `patience`: seconds a writer waits for its turn before it fails as "locked"."""
    turn = WritersTurn(engine.url.database, patience)
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", turn.begin)
    event.listen(engine, "checkin", turn.give_back)


class WritersTurn:
    """Who may write next, among the threads of this process and among the processes of this machine.

    SQLite has one writer at a time and lets the others sleep and look again, at growing intervals: eight at once spend
    three quarters of their time asleep beside a free database. Here they wait in a queue that wakes them: a lock for
    the threads, and one on a file beside the database for the processes. Both are courtesy: what decides is still
    SQLite's own lock, which also keeps out programs that know nothing of this queue.
    """

    def __init__(self, database: str | None, patience: float) -> None:
        self._threads = threading.Lock()
        self._patience = patience
        on_disk = database not in (None, "", ":memory:")
        self._paths = [f"{database}.{name}" for name in ("next", "turn")] if on_disk else []
        self._files: list[int] = []

    def begin(self, connection: Connection) -> None:
        """Reading begins deferred, so that readers never wait; writing says so with `for_writing`, and queues."""
        if not connection.get_execution_options().get("for_writing", False):
            _driver(connection).execute("BEGIN DEFERRED")
            return
        deadline = time.monotonic() + self._patience
        self._take(connection, deadline)
        try:
            _begin_immediate(connection, deadline - time.monotonic())
        except BaseException:
            self._release(connection.info)
            raise

    def give_back(self, _connection: sqlite3.Connection | None, record: ConnectionPoolEntry) -> None:
        """Let the next one write. At the pool's checkin, because SQLAlchemy has no event after a commit."""
        self._release(record.info)

    def _release(self, info: dict[Any, Any]) -> None:
        if info.pop(_HAS_TURN, False):
            for file in self._files[1:]:
                fcntl.flock(file, fcntl.LOCK_UN)
            self._threads.release()

    def _take(self, connection: Connection, deadline: float) -> None:
        """Wait for the turn; without it in time, SQLite itself will say "locked", as whoever handles that expects."""
        if connection.info.get(_HAS_TURN) or not self._threads.acquire(timeout=max(0.0, deadline - time.monotonic())):
            return
        connection.info[_HAS_TURN] = True
        if not self._files:
            self._files = [os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600) for path in self._paths]
        if self._files:
            # Who waits for the turn holds the place next in line, so that a busy process cannot overtake a patient one.
            following, turn = self._files
            # At most one thread of each process stands here.
            locked(following, deadline, _LOOK_AGAIN)
            locked(turn, deadline, _LOOK_AGAIN)
            fcntl.flock(following, fcntl.LOCK_UN)


def _driver(connection: Connection) -> sqlite3.Connection:
    """Past SQLAlchemy, which makes a result of everything: every page begins, and there is nothing to hand out."""
    found: Any = connection.connection.driver_connection
    assert isinstance(found, sqlite3.Connection)
    return found


def _begin_immediate(connection: Connection, seconds: float) -> None:
    """Begin, waiting at most so many `seconds` for programs that know nothing of the queue."""
    if seconds > BUSY_TIMEOUT_MS / 2000:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        return
    # Much of the patience is spent already; it may not wait for as long again.
    connection.exec_driver_sql(f"PRAGMA busy_timeout={max(0, round(seconds * 1000))}")
    try:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    finally:
        connection.exec_driver_sql(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")


def _prepare(connection: sqlite3.Connection, _record: Any) -> None:
    # isolation_level None: Python's own transaction handling would begin late and deferred, and lose updates.
    connection.isolation_level = None
    for pragma in PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")
    _use_wal(connection)


def _use_wal(connection: sqlite3.Connection) -> None:
    # Two processes that open a new database at once: the change of mode fails at once instead of waiting its turn.
    deadline = time.monotonic() + BUSY_TIMEOUT_MS / 1000
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)
