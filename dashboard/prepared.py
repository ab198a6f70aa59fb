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

from dashboard import postgres
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
        self._ready = lru_cache(maxsize=8)(self._make_ready)

    @classmethod
    def insert(cls, model: type[Base], *unique: str) -> Prepared:
        """`database.insert_or_ignore`: the first column of `first()` is the new row's primary key."""
        return cls(lambda dialect: write_insert(dialect, model, unique))

    def first(self, session: Session, values: Mapping[str, Any]) -> Any:
        """Run it and return its first row as a tuple, or None. Raises SQLAlchemy's errors, without values."""
        connection = session.connection()
        postgres.goes_unseen(connection)
        ready = self._ready(connection.dialect, tuple(values))
        driver: Any = connection.connection.driver_connection
        dbapi: Any = connection.dialect.dbapi
        try:
            cursor = driver.execute(ready.sql, ready.stored(values))
            found = cursor.fetchone() if cursor.description else None
            cursor.close()
        except dbapi.Error as problem:
            raise DBAPIError.instance(
                ready.sql, None, problem, dbapi.Error, hide_parameters=True, dialect=connection.dialect
            ) from problem
        return found

    def rows(self, session: Session, values: Mapping[str, Any]) -> list[list[Any]]:
        """All rows of a SELECT, each value as the models have it. Whoever listens to the connection hears of it."""
        connection = session.connection()
        ready = self._ready(connection.dialect, tuple(values))
        result = connection.exec_driver_sql(ready.sql, ready.stored(values))
        found = result.cursor.fetchall()
        result.close()
        return [ready.understood(row) for row in found]

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
            understand=tuple((place, understand) for place, understand in enumerate(readers) if understand),
        )
