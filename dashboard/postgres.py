"""How PostgreSQL stays quick: what was planned is kept, and only connections that rested are asked whether they live.

After a ROLLBACK psycopg has the server forget every statement that it prepared, lest a table that was rolled back be
meant. So a page that only reads, and ends by rolling back, is planned anew each time: 5 of the inbox's 14 ms. Whoever
has only read commits instead, which comes to the same.
"""

from __future__ import annotations

import time
from typing import Any, Final

from psycopg.pq import TransactionStatus
from sqlalchemy import Connection, Engine, event
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.orm import Session
from sqlalchemy.pool import ConnectionPoolEntry

RESTED: Final = 1.0
"""Seconds after which PostgreSQL may have been restarted unnoticed; it takes longer than that to come back."""

_HAS_ONLY_READ: Final = "has only read"
_USED_AT: Final = "used at"
_OPEN: Final = (TransactionStatus.INTRANS, TransactionStatus.INERROR)
_READS: Final = ("SELECT", "WITH")


def keep_promises(engine: Engine) -> None:
    """Hook a PostgreSQL `engine`."""
    event.listen(engine, "begin", _begin)
    event.listen(engine, "before_cursor_execute", _execute)
    event.listen(engine, "checkin", _rest)

    def look(connection: Any, record: ConnectionPoolEntry, _proxy: Any) -> None:
        if time.monotonic() - record.info.get(_USED_AT, 0.0) > RESTED and not _answers(engine, connection):
            raise InvalidatePoolError("The connection was lost.")

    event.listen(engine, "checkout", look)


def end_reading(session: Session) -> None:
    """Commit what `session` has begun, if it has only read; else do nothing. Nor where the server is gone."""
    connection = session.connection()
    if not connection.info.get(_HAS_ONLY_READ):
        return
    try:
        connection.connection.commit()
    except connection.dialect.loaded_dbapi.Error:
        connection.invalidate()  # else whoever read, and has their page already, would be told of an error


def _begin(connection: Connection) -> None:
    connection.info[_HAS_ONLY_READ] = not connection.get_execution_options().get("for_writing", False)


def _execute(connection: Connection, _cursor: Any, statement: str, *_rest: Any) -> None:
    if not statement.startswith(_READS):
        connection.info[_HAS_ONLY_READ] = False


def _rest(connection: Any, record: ConnectionPoolEntry) -> None:
    record.info[_USED_AT] = time.monotonic()
    # Where a commit fails before it is sent, SQLAlchemy takes its transaction for ended; the next would go on in it.
    if connection is not None and connection.info.transaction_status in _OPEN:
        connection.rollback()


def _answers(engine: Engine, connection: Any) -> bool:
    try:
        return bool(engine.dialect.do_ping(connection))
    except engine.dialect.loaded_dbapi.Error:
        return False
