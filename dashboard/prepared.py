"""Statements made ready once, for what happens on every delivery and on the page that is asked for most.

SQLAlchemy writes the SQL and knows how each value is stored; the driver runs it in the session's own transaction.
That is a tenth of what executing through the session costs: for a delivery, while the writers' turn is held and others
wait for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import Dialect, Select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from dashboard.database import Base, write_insert


@dataclass(frozen=True, slots=True)
class _Ready:
    sql: str
    places: tuple[str, ...] | None
    """The values' names in order, where the driver takes them by place."""
    convert: tuple[tuple[str, Callable[[Any], Any]], ...]
    constants: Mapping[str, Any]
    """What the statement itself says, by the names it gave."""
    understand: tuple[tuple[int, Callable[[Any], Any]], ...]
    """Of each row, by place, what the driver hands out otherwise than the models have it."""

    def stored(self, values: Mapping[str, Any]) -> Any:
        stored = {**self.constants, **values}
        for name, convert in self.convert:
            stored[name] = convert(stored[name])
        return stored if self.places is None else tuple([stored[name] for name in self.places])

    def understood(self, row: Sequence[Any]) -> list[Any]:
        values = list(row)
        for place, understand in self.understand:
            values[place] = understand(values[place])
        return values


class Prepared:
    """`write`: makes the statement for a dialect, by its name."""

    def __init__(self, write: Callable[[str], Any]) -> None:
        self._write = write
        self._made: dict[tuple[str, tuple[str, ...]], _Ready] = {}

    @classmethod
    def insert(cls, model: type[Base], *unique: str) -> Prepared:
        """`database.insert_or_ignore`: the first column of `first()` is the new row's primary key."""
        return cls(lambda dialect: write_insert(dialect, model, unique))

    def first(self, session: Session, values: Mapping[str, Any]) -> Any:
        """Run it and return its first row as a tuple, or None. Raises SQLAlchemy's errors, without values."""
        _, found = self._run(session, values, lambda cursor: cursor.fetchone() if cursor.description else None)
        return found

    def rows(self, session: Session, values: Mapping[str, Any]) -> list[list[Any]]:
        """All rows of a SELECT, each value as the models have it. Raises SQLAlchemy's errors, without values.

        Only for values that nobody changes: several rows, and later ones, may have the same object.
        """
        ready, found = self._run(session, values, _all)
        return [ready.understood(row) for row in found]

    def _run(self, session: Session, values: Mapping[str, Any], take: Callable[[Any], Any]) -> tuple[_Ready, Any]:
        """Whoever listens for the connection's statements hears of it, as of any other."""
        connection = session.connection()
        ready = self._ready(connection.dialect, tuple(values))
        stored = ready.stored(values)
        driver: Any = connection.connection.driver_connection
        dbapi: Any = connection.dialect.dbapi
        for hear in connection.dispatch.before_cursor_execute:
            hear(connection, None, ready.sql, stored, None, False)
        try:
            cursor = driver.execute(ready.sql, stored)
            found = take(cursor)
            cursor.close()
        except dbapi.Error as problem:
            raise DBAPIError.instance(
                ready.sql, None, problem, dbapi.Error, hide_parameters=True, dialect=connection.dialect
            ) from problem
        return ready, found

    def _ready(self, dialect: Dialect, names: tuple[str, ...]) -> _Ready:
        """By the dialect's name: every engine has a dialect of its own, which says the same."""
        key = (dialect.name, names)
        made = self._made.get(key)
        if made is None:
            made = self._made[key] = self._make_ready(dialect, names)
        return made

    def _make_ready(self, dialect: Dialect, names: tuple[str, ...]) -> _Ready:
        statement = self._write(dialect.name)
        compiled: Any = statement.compile(dialect=dialect, column_keys=names)
        state = compiled.construct_expanded_state(dict.fromkeys(names))
        columns: Iterable[Any] = statement.selected_columns if isinstance(statement, Select) else ()
        readers = (one.type.dialect_impl(dialect).result_processor(dialect, None) for one in columns)
        converters = (
            (name, bound.type.dialect_impl(dialect).bind_processor(dialect))
            for name, bound in compiled.binds.items()
            if name in state.parameters
        )
        return _Ready(
            sql=state.statement,
            places=tuple(state.positiontup) if compiled.positional else None,
            convert=tuple((name, convert) for name, convert in converters if convert),
            constants={name: value for name, value in state.parameters.items() if name not in names},
            understand=tuple((place, _kept(understand)) for place, understand in enumerate(readers) if understand),
        )


def _all(cursor: Any) -> Any:
    return cursor.fetchall()


def _kept(understand: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Rows are read again and again; and a moment that is the same object knows its hash, which lists are kept by."""
    return lru_cache(maxsize=4_000)(understand)
