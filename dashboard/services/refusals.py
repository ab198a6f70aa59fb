"""Deliveries that were refused: counted by hour, reason and address. Nobody vouches for their bytes: none are kept.

What browsers refused on our pages is counted by the same means (`violations`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from dashboard.database import insert_into, table_of
from dashboard.models import Refusal
from dashboard.paging import Page, rows_after

KEPT_FOR: Final = timedelta(days=90)
OTHERS: Final = "others"
"""In place of an address, once there were too many different ones within an hour."""


@dataclass(frozen=True, slots=True)
class Tally:
    """How often something was refused within one hour, and when first and last. `key`: hour, reason and address."""

    key: tuple[datetime, str, str]
    count: int
    first_at: datetime
    last_at: datetime

    def and_again(self, other: Tally) -> Tally:
        """Both together."""
        first, last = min(self.first_at, other.first_at), max(self.last_at, other.last_at)
        return Tally(self.key, self.count + other.count, first, last)

    @classmethod
    def once(cls, reason: str, address: str, at: datetime) -> Tally:
        return cls((hour_of(at), reason, address), 1, at, at)


def hour_of(at: datetime) -> datetime:
    return at.replace(minute=0, second=0, microsecond=0)


def add(session: Session, tallies: Iterable[Tally]) -> None:
    """Count what was refused. The caller has begun to write, and commits."""
    rows = [
        dict(zip(("hour", "reason", "remote_addr"), tally.key, strict=True))
        | {"count": tally.count, "first_at": tally.first_at, "last_at": tally.last_at}
        for tally in sorted(tallies, key=lambda one: one.key)  # in one order, or two processes wait for each other
    ]
    if rows:
        session.execute(_counting(session.get_bind().dialect.name), rows)


def is_old(now: datetime) -> ColumnElement[bool]:
    """What `retiring` forgets at night."""
    return Refusal.last_at < now - KEPT_FOR


def page(
    session: Session, cursor: str | None, begin: datetime | None = None, end: datetime | None = None
) -> Page[Refusal]:
    """One page of deliveries that were refused, last from `begin` on and before `end`, newest first."""
    asked = select(Refusal).where(~Refusal.is_of_a_page())
    asked = asked.where(Refusal.last_at >= begin) if begin else asked
    asked = asked.where(Refusal.last_at < end) if end else asked
    rows, following = rows_after(session, asked, cursor, Refusal.last_at, Refusal.id)
    return Page(rows, following, None if following else len(rows) if not cursor else None)


def _counting(dialect: str) -> Any:
    table = table_of(Refusal)
    statement = insert_into(dialect, Refusal)
    new = statement.excluded
    return statement.on_conflict_do_update(
        index_elements=["hour", "reason", "remote_addr"],
        set_={"count": table.c.count + new.count, "last_at": new.last_at},
    )
