"""What a transaction cannot overwrite when somebody is erased, done afterwards, as often as it takes: file contents,
the search index's older parts, SQLite's log, PostgreSQL's dead rows.

SQLite overwrites what it lets go of (`secure_delete`), but the index keeps the words of a deleted entry until its parts
are merged. That is done a few pages at a time, so that deliveries are never kept waiting.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Engine, delete, select, text, update
from sqlalchemy.orm import Session

from dashboard.database import start_writing
from dashboard.models import Erasure, StoredFile
from dashboard.search import TABLE
from dashboard.services import erasing
from dashboard.services.files import FileMissing, FileStore

log = logging.getLogger(__name__)

AT_ONCE: Final = 300
"""Pages of the index merged in one transaction: some milliseconds, in which deliveries wait."""
READERS_LEAVE_WITHIN_MS: Final = 200
"""While the log is cut off, nobody writes: readers are waited for no longer than that, and tried again later."""
PAUSE: Final = 0.05


def is_due(session: Session) -> bool:
    """Whether something erased is not cleaned up yet."""
    return session.scalar(select(Erasure.id).where(Erasure.finished_at.is_(None)).limit(1)) is not None


def finish(engine: Engine, store: FileStore, *, clock: Callable[[], datetime], patience: float | None = None) -> bool:
    """Clean up after everything that was erased so far. Whether all of it is done.

    `patience`: seconds after which the rest is left to the next time; None: as long as it takes. A process that does
    not wait leaves PostgreSQL's dead rows to one that does. Raises `OSError` where the store cannot delete.
    """
    until = None if patience is None else time.monotonic() + patience
    with Session(engine) as session:
        found = session.execute(select(Erasure.id, Erasure.files).where(Erasure.finished_at.is_(None))).all()
    if not found:
        return True
    _delete_files(engine, store, {sha256 for row in found for sha256 in row.files})
    if not (_clean_sqlite(engine, until) if engine.dialect.name == "sqlite" else _clean_postgresql(engine, until)):
        return False
    _note_finished(engine, [row.id for row in found], clock())
    if engine.dialect.name == "sqlite":
        _cut_log(engine, until)
    return True


def _delete_files(engine: Engine, store: FileStore, contents: Iterable[str]) -> None:
    for sha256 in sorted(contents):
        # In no transaction: whoever wants to write would wait for the store, too.
        if _is_somebodys(engine, sha256):
            continue
        with suppress(FileMissing):
            content = store.get(sha256)
            store.delete(sha256)
            if _is_somebodys(engine, sha256):  # brought again meanwhile
                store.put(sha256, content)


def _is_somebodys(engine: Engine, sha256: str) -> bool:
    """Whether a delivery has brought this content since.

    One that has put it into the store, and commits only later, cannot be seen
    (docs/decisions/0012-erasing.md, Not done).
    """
    with Session(engine) as session:
        return session.get(StoredFile, sha256) is not None


def _note_finished(engine: Engine, numbers: list[int], at: datetime) -> None:
    with Session(engine) as session:
        start_writing(session)
        session.execute(delete(Erasure).where(Erasure.id.in_(numbers), Erasure.cause == "arrival"))
        done = update(Erasure).where(Erasure.id.in_(numbers), Erasure.finished_at.is_(None))
        session.execute(done.values(finished_at=at, files=[]))
        session.commit()


# --- SQLite ---------------------------------------------------------------------------------------------------------


def _clean_sqlite(engine: Engine, until: float | None) -> bool:
    return _merge_index(engine, until) and _cut_log(engine, until)


def _merge_index(engine: Engine, until: float | None) -> bool:
    """Merge all parts of the index into one, in which deleted entries have no words. False where time ran out."""
    pages = -AT_ONCE  # below zero: all that is there now, whatever its size
    while _merge_some(engine, pages):
        if _is_over(until):
            return False
        pages = AT_ONCE
        time.sleep(0)
    return True


def _merge_some(engine: Engine, pages: int) -> bool:
    """Whether there was anything to merge."""
    with Session(engine) as session:
        start_writing(session)
        driver: Any = session.connection().connection.driver_connection
        before = driver.total_changes
        merge = text(f"INSERT INTO {TABLE} ({TABLE}, rank) VALUES ('merge', :pages)")  # noqa: S608
        session.execute(merge, {"pages": pages})
        changed = driver.total_changes - before
        session.commit()
    # The command itself counts as one change (sqlite.org/fts5.html, "The merge command").
    return bool(changed >= 2)


def _cut_log(engine: Engine, until: float | None) -> bool:
    """Write SQLite's log into the database and cut it off: it holds pages as they were. False where readers hold it."""
    while not _truncated(engine):
        if until is None or _is_over(until):
            return False  # the worker comes back to it
        time.sleep(PAUSE)
    return True


def _truncated(engine: Engine) -> bool:
    # A checkpoint cannot run inside a transaction, and SQLAlchemy would begin one.
    connection = engine.raw_connection()
    try:
        cursor = connection.cursor()
        waits = cursor.execute("PRAGMA busy_timeout").fetchone()[0]
        cursor.execute(f"PRAGMA busy_timeout={READERS_LEAVE_WITHIN_MS}")
        try:
            busy, _, _ = cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        finally:
            cursor.execute(f"PRAGMA busy_timeout={waits}")
        return not busy
    finally:
        connection.close()


def _is_over(until: float | None) -> bool:
    return until is not None and time.monotonic() > until


# --- PostgreSQL -----------------------------------------------------------------------------------------------------


def _clean_postgresql(engine: Engine, until: float | None) -> bool:
    """Have dead rows removed, and the planner's samples of values taken anew."""
    if until is not None:
        return False
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for name in dict.fromkeys(erasing.tables()):
            connection.execute(text(f"VACUUM (ANALYZE) {name}"))
    return True
