"""Lists in pages: keyset paging, so that the last page is as quick as the first, and counts that stop in time."""

from __future__ import annotations

import base64
import binascii
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Generic, TypeVar

from sqlalchemy import ColumnElement, Integer, Select, func, literal, literal_column, select, tuple_
from sqlalchemy.orm import InstrumentedAttribute, Session

PAGE_SIZE: Final = 50
COUNT_LIMIT: Final = 1_000
"""Counting further costs more than the number is worth: "1,000+"."""

Row = TypeVar("Row")

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Page(Generic[Row]):
    """One page of a list. `next_cursor`: opaque, None on the last page; `total`: None above `COUNT_LIMIT`."""

    rows: Sequence[Row]
    next_cursor: str | None
    total: int | None

    @property
    def total_capped(self) -> bool:
        return self.total is None


@dataclass(frozen=True, slots=True)
class Position:
    """Where a page ended: the last row's id, and its time in lists that are ordered by one."""

    at: datetime
    id: int

    def cursor(self) -> str:
        micros = (self.at - _EPOCH) // timedelta(microseconds=1)
        return _packed(">qq", micros, self.id)

    @classmethod
    def read(cls, cursor: str) -> Position | None:
        """The position a cursor names, or None where it names none."""
        try:
            micros, number = _unpacked(">qq", cursor)
            return cls(_EPOCH + timedelta(microseconds=micros), number)
        except (ValueError, struct.error, binascii.Error, OverflowError):
            return None


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page ended in a list that has parts: in which of them, and at which number."""

    part: int
    number: int

    def cursor(self) -> str:
        return _packed(">Bi", self.part, self.number)

    @classmethod
    def read(cls, cursor: str) -> Place | None:
        """The place a cursor names, or None where it names none."""
        try:
            return cls(*_unpacked(">Bi", cursor))
        except (ValueError, struct.error, binascii.Error):
            return None


def _packed(form: str, *numbers: int) -> str:
    return base64.urlsafe_b64encode(struct.pack(form, *numbers)).decode().rstrip("=")


def _unpacked(form: str, cursor: str) -> tuple[int, ...]:
    return struct.unpack(form, base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))


def rows_after(
    session: Session,
    statement: Select[Any],
    cursor: str | None,
    at: InstrumentedAttribute[Any] | None,
    number: InstrumentedAttribute[int],
    size: int = PAGE_SIZE,
) -> tuple[Sequence[Any], str | None]:
    """Keyset paging, newest first by `at` (if given) and `number`: an index finds where the last page ended."""
    rows = session.scalars(after(statement, cursor, at, number, size)).unique().all()
    return cut(rows, at, number, size)


def after(
    statement: Select[Any],
    cursor: str | None,
    at: InstrumentedAttribute[Any] | None,
    number: InstrumentedAttribute[int],
    size: int = PAGE_SIZE,
) -> Select[Any]:
    """The statement of `rows_after`: one page, and one row more that says whether another follows."""
    position = Position.read(cursor) if cursor else None
    if position and at is None:
        statement = statement.where(number < position.id)
    elif position and at is not None:
        statement = statement.where(tuple_(at, number) < tuple_(literal(position.at, at.type), literal(position.id)))
    order = (number.desc(),) if at is None else (at.desc(), number.desc())
    return statement.order_by(*order).limit(size + 1)


def cut(
    rows: Sequence[Any],
    at: InstrumentedAttribute[Any] | None,
    number: InstrumentedAttribute[int],
    size: int = PAGE_SIZE,
) -> tuple[Sequence[Any], str | None]:
    """What `after` found, as the page and the cursor of the page after it; None on the last."""
    if len(rows) <= size:
        return rows, None
    last = rows[size - 1]
    return rows[:size], Position(_EPOCH if at is None else getattr(last, at.key), getattr(last, number.key)).cursor()


def count(session: Session, statement: Select[Any]) -> int | None:
    """How many rows there are, or None where they are more than `COUNT_LIMIT`."""
    return total(session.scalar(counted(statement)) or 0)


def counted(statement: Select[Any], most: int = COUNT_LIMIT + 1) -> Select[int]:
    """How many rows there are, counted no further than `most`; as a scalar subquery, a column of another statement."""
    return select(func.count()).select_from(statement.limit(most).subquery())


def total(found: int) -> int | None:
    """What `counted` came to as a page tells it: None above `COUNT_LIMIT`."""
    return found if found <= COUNT_LIMIT else None


def written(limit: int) -> ColumnElement[int]:
    """A limit as a part of the statement's text.

    As a parameter, PostgreSQL would take it for a tenth of the table, and so make the plan anew at every page.
    """
    return literal_column(f"{limit:d}", Integer)
