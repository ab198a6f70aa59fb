"""Writing a backup while the dashboard runs: rows as they are at one moment, and every content they refer to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Engine, Table, func, select, text

from dashboard.backup.archive import Manifest, TableContents, Writer, encode, kind_of, written
from dashboard.database import Base, table_of
from dashboard.models import AuditHead, Facet, LoginSession, LoginThrottle, StoredFile, WorkerBeat
from dashboard.services.files import FileMissing, FileStore

LEFT_OUT: Final = frozenset(model.__tablename__ for model in (LoginSession, LoginThrottle, WorkerBeat, Facet))
"""Nobody is signed in by a backup, no worker lives in one, and choices to filter by are made with the index."""
ROWS_AT_ONCE: Final = 2_000

Told = Callable[[int], None]
"""Called with how many more rows or files are done."""


def backup(
    engine: Engine, store: FileStore, path: Path, *, secret: str, now: datetime, told: Told = lambda _done: None
) -> Manifest:
    """Write everything into a new file at `path`. Raises `OSError`.

    Rows first, all of one moment: a content is in the store before any row refers to it. One that an erasure takes
    away meanwhile, or that was lost, is named in the manifest.
    """
    with written(path, now) as archive:
        with _one_moment(engine) as connection:
            manifest = _rows(connection, archive, now, told)
            contents = list(connection.scalars(select(StoredFile.sha256).order_by(StoredFile.sha256)))
        missing = [sha256 for sha256 in contents if not _add(archive, store, sha256, told)]
        return archive.manifest(manifest, secret, missing)


def size(engine: Engine) -> int:
    """About how many rows and files a backup has, for a progress bar."""
    counted = [select(func.count()).select_from(table).scalar_subquery() for table in tables()]
    with engine.connect() as connection:
        rows = sum(connection.execute(select(*counted)).one())
        return rows + (connection.scalar(select(func.count()).select_from(table_of(StoredFile))) or 0)


def tables() -> list[Table]:
    """What is written, in an order in which it can be loaded."""
    return [table for table in Base.metadata.sorted_tables if table.name not in LEFT_OUT]


@contextmanager
def _one_moment(engine: Engine) -> Iterator[Connection]:
    """A connection that sees the database as it is now, whatever is written meanwhile."""
    with engine.connect() as connection:
        if engine.dialect.name == "postgresql":
            connection = connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        with connection.begin():
            yield connection


def _rows(connection: Connection, archive: Writer, now: datetime, told: Told) -> Manifest:
    head = connection.execute(select(AuditHead.number, AuditHead.digest)).one()
    return Manifest(
        made_at=now.isoformat(),
        revision=str(connection.scalar(text("SELECT version_num FROM alembic_version"))),
        database=connection.dialect.name,
        audit_number=head.number,
        audit_digest=head.digest,
        tables={table.name: _table(connection, archive, table, told) for table in tables()},
    )


def _table(connection: Connection, archive: Writer, table: Table, told: Told) -> TableContents:
    columns = tuple((column.name, kind_of(column)) for column in table.columns)
    asked = select(table).order_by(*table.primary_key.columns).execution_options(yield_per=ROWS_AT_ONCE)
    count = 0
    with connection.execute(asked) as found:
        for number, part in enumerate(found.partitions(), 1):
            archive.rows(table.name, number, ([*map(_encoded, row, columns)] for row in part))
            count += len(part)
            told(len(part))
    return TableContents(columns, count)


def _encoded(value: Any, column: tuple[str, str]) -> Any:
    return encode(value, column[1])


def _add(archive: Writer, store: FileStore, sha256: str, told: Told) -> bool:
    told(1)
    try:
        archive.file(sha256, store.get(sha256))
    except FileMissing:
        return False
    return True
