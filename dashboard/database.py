"""How the two databases are made to keep the same promises: what is committed is on disk, and no update is lost."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from functools import cache
from typing import Any, Final, cast

from sqlalchemy import DateTime, Dialect, Engine, MetaData, String, Table, TypeDecorator, insert, inspect
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DatabaseError, InterfaceError, InternalError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import DeclarativeBase, Session

import dashboard.postgres
import dashboard.sqlite


class Base(DeclarativeBase):
    """Every constraint has a name, because SQLite's batch migrations can only change what they can name."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class UTCDateTime(TypeDecorator[datetime]):
    """Aware UTC datetimes on both databases; SQLite would hand back naive ones."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("A datetime without time zone cannot be stored.")
        utc = value.astimezone(UTC)
        return utc if dialect.name == "postgresql" else utc.replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)


def public_id() -> str:
    """An id to show in addresses: 128 random bits, 22 characters."""
    return secrets.token_urlsafe(16)


PublicId: Final = String(32)


def keep_promises(engine: Engine) -> None:
    """Hook `engine` so that each connection is durable and writers queue instead of losing updates."""
    hooks = dashboard.sqlite if engine.dialect.name == "sqlite" else dashboard.postgres
    hooks.keep_promises(engine)


def start_writing(session: Session) -> None:
    """Begin the session's transaction as a writer: on SQLite it takes its turn now, not at its first write."""
    session.connection(execution_options={"for_writing": True})


def commit_what_was_read(session: Session) -> None:
    """Before a session that may have only read is rolled back: what its database then would forget, it keeps."""
    # Not after a flush that failed: all that such a session can do is to be rolled back.
    if session.in_transaction() and session.is_active and session.get_bind().dialect.name == "postgresql":
        dashboard.postgres.end_reading(session)


def end_reading(session: Session) -> None:
    """End what the session has begun, and give its connection back."""
    commit_what_was_read(session)
    session.rollback()


def let_go(session: Session) -> None:
    """Give the connection back and keep what was read, as it is: whoever waits, or downloads slowly, keeps nobody from
    the database. Whatever was not loaded cannot be any more.
    """
    session.expunge_all()
    end_reading(session)


def table_of(model: type[Base]) -> Table:
    """The table of a model, for statements that need not go through the mapped class."""
    return cast("Table", model.__table__)


def insert_or_ignore(session: Session, model: type[Base], *unique: str) -> Any:
    """An INSERT that does nothing where a row with the same `unique` columns is: the database decides the race.

    Executed, its `scalar()` is the new row's primary key, or None where the row was there.
    """
    return write_insert(session.get_bind().dialect.name, model, unique)


@cache
def write_insert(dialect: str, model: type[Base], unique: tuple[str, ...]) -> Any:
    """`insert_or_ignore`'s statement; without `unique` columns, a plain INSERT."""
    table = table_of(model)
    if not unique:
        return insert(table)
    statement = insert_into(dialect, model)
    return statement.on_conflict_do_nothing(index_elements=[*unique]).returning(*inspect(model).primary_key)


def insert_into(dialect: str, model: type[Base]) -> Any:
    """The database's own INSERT: what both say alike of conflicts, `on_conflict_do_update` or `…_nothing`, follows."""
    return (postgresql.insert if dialect == "postgresql" else sqlite.insert)(table_of(model))


def is_storage_failure(problem: BaseException) -> bool:
    """Whether the database or the disk could not do its work now, so that the same thing may succeed later.

    Everything else (a value a column refuses, a broken constraint) would fail again.
    """
    if isinstance(problem, OSError | OperationalError | InterfaceError | InternalError | PoolTimeout):
        return True
    return type(problem) is DatabaseError
