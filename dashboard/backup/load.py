"""Putting a backup in the place of what is there: checked whole first, loaded beside it, exchanged in one step."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from sqlalchemy import (
    Boolean,
    Connection,
    DateTime,
    Engine,
    Integer,
    MetaData,
    NullPool,
    Table,
    create_engine,
    func,
    insert,
    inspect,
    select,
    text,
    update,
)
from sqlalchemy.exc import DatabaseError, OperationalError
from sqlalchemy.orm import Session

from dashboard import schema
from dashboard.backup import keep
from dashboard.backup.archive import Manifest, NoBackup, Reader, decode, opened
from dashboard.backup.dump import Told
from dashboard.backup.keep import Kept
from dashboard.database import Base
from dashboard.models import Application, SyncState, WorkerBeat
from dashboard.services import cleaning, erasing_again
from dashboard.services.files import FileStore

ALIVE_WITHIN: Final = timedelta(seconds=15)
_WAIT_FOR_LOCKS: Final = "SET LOCAL lock_timeout = '10s'"

Migrate = Callable[[Connection, str], None]
"""Brings the tables of a connection to a revision, within its transaction."""


class InUse(Exception):
    """The dashboard is running: what it takes in meanwhile would be lost."""


class OldTables(Exception):
    """What is in place was made by an older version, and must be migrated before anything of it can be kept."""


@dataclass(frozen=True, slots=True)
class Restored:
    """What came of it. `kept`: of what was in place, in words.

    `held`: how many applications were left, because they are held, though they share something with whoever was erased.
    """

    manifest: Manifest
    kept: tuple[str, ...]
    held: int = 0


def check(path: Path, *, secrets: Sequence[str], told: Told = lambda _done: None) -> Manifest:
    """Read a backup whole. Raises `NoBackup`, `OSError`."""
    with opened(path, secrets) as archive:
        _check(archive, told)
        return archive.manifest


def restore(
    engine: Engine,
    store: FileStore,
    path: Path,
    *,
    secrets: Sequence[str],
    now: datetime,
    migrate: Migrate,
    told: Told = lambda _done: None,
) -> Restored:
    """Check the backup, load it, and put it in the place of what `engine` and `store` hold.

    Whoever was erased, there or in the backup, is erased again before anybody can see it. Raises `NoBackup`, `InUse`,
    `OldTables`, `OSError`; after each of them everything is as it was.
    """
    with opened(path, secrets) as archive:
        _check(archive, told)
        for sha256 in archive.files:
            store.put(sha256, archive.file(sha256))
            told(1)
        place = _in_postgresql if engine.dialect.name == "postgresql" else _in_sqlite
        with place(engine, archive.manifest, now) as (connection, kept):
            _load(connection, archive, migrate, told)
            keep.put(connection, kept, archive.manifest)
            _begin_anew(connection)
            again = _bury_again(connection, secrets, now)
        _forget(engine, store, kept.contents - set(archive.files), now)
        return Restored(archive.manifest, tuple(kept.words), again.held)


def _bury_again(connection: Connection, secrets: Sequence[str], now: datetime) -> erasing_again.Again:
    with Session(connection) as session:
        again = erasing_again.bury_again(session, secrets, at=now)
        session.commit()  # within the transaction that restores
        return again


def _forget(engine: Engine, store: FileStore, gone: Iterable[str], now: datetime) -> None:
    """Delete contents that nothing refers to any more: those that came after the backup, and of whoever was erased."""
    for sha256 in gone:
        store.delete(sha256)
    cleaning.finish(engine, store, clock=lambda: now)


def _check(archive: Reader, told: Told) -> None:
    if archive.manifest.revision not in schema.revisions():
        raise NoBackup(f"It was made by a newer version (its tables are {archive.manifest.revision}). Upgrade first.")
    archive.check(told)


# --- rows -----------------------------------------------------------------------------------------------------------


def _load(connection: Connection, archive: Reader, migrate: Migrate, told: Told) -> None:
    """Make the tables as they were, fill them, and bring them to this version."""
    migrate(connection, archive.manifest.revision)
    there = MetaData()
    there.reflect(connection, only=[*archive.manifest.tables])
    for name, contents in archive.manifest.tables.items():
        table = there.tables[name]
        connection.execute(table.delete())  # a migration may have put a first row in
        for part in archive.rows(name):
            if rows := [_row(table, contents.columns, values) for values in part]:
                connection.execute(insert(table), rows)
            told(len(part))
    migrate(connection, schema.newest_revision())


def _row(table: Table, columns: Sequence[tuple[str, str]], values: Sequence[Any]) -> dict[str, Any]:
    decoded = {name: decode(value, kind) for (name, kind), value in zip(columns, values, strict=True)}
    return {name: _fitting(table, name, value) for name, value in decoded.items()}


def _fitting(table: Table, name: str, value: Any) -> Any:
    """As a column that was read from the database takes it: SQLite's times are without zone."""
    kind = table.c[name].type
    if isinstance(kind, DateTime) and isinstance(value, datetime) and not kind.timezone:
        return value.replace(tzinfo=None)
    return bool(value) if isinstance(kind, Boolean) and value is not None else value


def _count_on(connection: Connection) -> None:
    """Have PostgreSQL number new rows from where the old ones end."""
    for table in Base.metadata.sorted_tables:
        for column in table.columns:
            if not isinstance(column.type, Integer):
                continue
            sequence = connection.scalar(select(func.pg_get_serial_sequence(table.name, column.name)))
            if sequence:
                highest = connection.scalar(select(func.coalesce(func.max(column), 0))) or 0
                connection.execute(select(func.setval(sequence, highest + 1, False)))


def _begin_anew(connection: Connection) -> None:
    """What is derived is made again by the worker; nobody is pulling."""
    connection.execute(update(Application).values(unindexed=1))
    connection.execute(update(SyncState).values(lease_until=None, asked_at=None))
    if connection.dialect.name == "postgresql":
        _count_on(connection)


# --- SQLite: a new file beside the old one, exchanged by renaming -----------------------------------------------------


@contextmanager
def _in_sqlite(engine: Engine, manifest: Manifest, _now: datetime) -> Iterator[tuple[Connection, Kept]]:
    path = Path(engine.url.database or "")
    engine.dispose()
    draft = path.with_name(f"{path.name}.restoring")
    draft.unlink(missing_ok=True)
    os.close(os.open(draft, os.O_WRONLY | os.O_CREAT, 0o600))
    try:
        with _locked(path, manifest) as kept:
            with _scratch(draft) as connection:
                yield connection, kept
            _exchange(draft, path)
    finally:
        draft.unlink(missing_ok=True)


@contextmanager
def _scratch(draft: Path) -> Iterator[Connection]:
    new = create_engine(f"sqlite:///{draft}", poolclass=NullPool)
    with new.connect() as connection:
        # It is nobody's yet: it is flushed once, when it is whole.
        for pragma in ("journal_mode=OFF", "synchronous=OFF"):
            connection.exec_driver_sql(f"PRAGMA {pragma}")
        yield connection
        if broken := connection.exec_driver_sql("PRAGMA foreign_key_check").all():
            raise NoBackup(f"Rows of {broken[0][0]} in it refer to rows that it does not have.")
        connection.commit()


@contextmanager
def _locked(path: Path, manifest: Manifest) -> Iterator[Kept]:
    """Keep everybody out of the database that is there, and read what must be kept of it. Raises `InUse`."""
    if not path.exists() or not path.stat().st_size:
        yield Kept()
        return
    old = create_engine(f"sqlite:///{path}", poolclass=NullPool, hide_parameters=True)
    with old.connect() as connection:
        driver: Any = connection.connection.driver_connection
        driver.isolation_level = None
        try:
            # Nobody leaves WAL while another connection is open, so that finds them all, idle ones too.
            connection.exec_driver_sql("PRAGMA busy_timeout=2000")
            connection.exec_driver_sql("PRAGMA journal_mode=DELETE").all()
            connection.exec_driver_sql("BEGIN EXCLUSIVE")
            kept = _kept(connection, manifest)
        except OperationalError as problem:
            if "locked" not in str(problem.orig):
                raise
            raise InUse(
                "The database is in use. Stop the dashboard first (make run: Ctrl-C), then try again."
            ) from None
        except DatabaseError:
            kept = Kept()  # too broken to be read: that is what backups are for
        yield kept


def _exchange(draft: Path, path: Path) -> None:
    for name in (draft, draft.parent):
        descriptor = os.open(name, os.O_RDONLY)
        os.fsync(descriptor)
        os.close(descriptor)
    draft.replace(path)
    for beside in ("-wal", "-shm"):
        path.with_name(path.name + beside).unlink(missing_ok=True)
    descriptor = os.open(path.parent, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)


# --- PostgreSQL: everything in one transaction ------------------------------------------------------------------------


@contextmanager
def _in_postgresql(engine: Engine, manifest: Manifest, now: datetime) -> Iterator[tuple[Connection, Kept]]:
    with engine.begin() as connection:
        connection.execute(text(_WAIT_FOR_LOCKS))
        kept = Kept()
        if inspect(connection).has_table("alembic_version"):
            _refuse_while_working(connection, now)
            kept = _kept(connection, manifest)
            _drop_everything(connection)
        yield connection, kept


def _refuse_while_working(connection: Connection, now: datetime) -> None:
    if not inspect(connection).has_table(WorkerBeat.__tablename__):
        return
    seen = connection.scalar(select(func.max(WorkerBeat.beat_at)))
    if seen and now - seen < ALIVE_WITHIN:
        ago = max(0, round((now - seen).total_seconds()))
        raise InUse(f"A worker was alive {ago} s ago. Stop the dashboard everywhere first, then try again.")


def _drop_everything(connection: Connection) -> None:
    tables = ", ".join(f'"{name}"' for name in inspect(connection).get_table_names())
    connection.execute(text(f"DROP TABLE IF EXISTS {tables} CASCADE"))
    connection.execute(text("DROP FUNCTION IF EXISTS audit_entry_keep()"))


def _kept(connection: Connection, manifest: Manifest) -> Kept:
    """Raises `OldTables`."""
    if not inspect(connection).has_table("alembic_version"):
        return Kept()
    if connection.scalar(text("SELECT version_num FROM alembic_version")) != schema.newest_revision():
        raise OldTables("The tables in place are of another version. Run flask --app wsgi db upgrade first.")
    return keep.read(connection, manifest)
