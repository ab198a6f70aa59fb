"""The list that comes along with one application: where it stands there, who comes before it and who next.

The list is asked from the application's own place in both directions, as pages of the inbox are, so that it costs no
more in the middle of a million than at the top, and goes on also after a decision has taken the application out of it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from sqlalchemy import Integer, func, literal, select, union, union_all
from sqlalchemy.orm import Session

from dashboard import search
from dashboard.inbox import Inbox
from dashboard.inbox_pages import by_name, everybody, sorted_by_name, told, total_of
from dashboard.inbox_row import InboxRow, rows_at
from dashboard.models import Application
from dashboard.paging import COUNT_LIMIT, Place

BEFORE: Final = 8
AFTER: Final = 20
"""How many neighbours are shown, at most."""


@dataclass(frozen=True, slots=True)
class Queue:
    """An application in the list it was opened from.

    `position`: from 1, None beyond `COUNT_LIMIT` and once it has left the list (`is_listed`). `total`: None above
    `COUNT_LIMIT`. `previous`, `next`: public ids, None at the ends. `rows`: the neighbours and itself, in order.
    """

    asked: Inbox
    position: int | None
    total: int | None
    previous: str | None
    next: str | None
    rows: Sequence[InboxRow]
    is_listed: bool


def around(session: Session, asked: Inbox, application: Application) -> Queue:
    """The list `asked` for, as it is around the application: one statement; two where it is in order of names."""
    if asked.order == "name":
        return _among_names(session, asked, application)
    dialect = session.get_bind().dialect.name
    here = _place_of(asked, application)
    ahead = _ahead(asked, dialect, here)
    # From the place right before it, so that it is itself the first as long as it is in the list.
    onward = _places(asked, dialect, Place(here.part, here.number + _step(asked)), AFTER + 1).cte("onward")
    nearest = select(ahead).order_by(ahead.c.part.desc(), ahead.c.number * _step(asked)).limit(BEFORE).subquery()
    itself = select(literal(here.part, Integer).label("part"), literal(here.number, Integer).label("number"))
    wanted = union(select(nearest), select(onward.c.part, onward.c.number), itself)
    counts = (
        select(func.count()).select_from(ahead).scalar_subquery(),
        select(func.count()).where(onward.c.number == here.number).scalar_subquery(),
        total_of(asked, dialect),
    )
    found = session.execute(rows_at(wanted, *counts, reach=asked.reach), {"viewer": asked.viewer}).all()
    rows = sorted(
        (InboxRow._make(row[: -len(counts)]) for row in found), key=lambda row: (row.part, -_step(asked) * row.inbox_no)
    )
    number_ahead, is_listed, total = found[0][-len(counts) :] if found else (0, 0, 0)
    return _queue(asked, application, rows, number_ahead if is_listed else None, told(total))


def _place_of(asked: Inbox, application: Application) -> Place:
    part = search.part_of(asked.query, application) if asked.order == "best" else 0
    return Place(part, application.inbox_no or 0)


def _step(asked: Inbox) -> int:
    """What leads up the list: to a higher number, except where the oldest stand first."""
    return -1 if asked.order == "oldest" else 1


def _places(asked: Inbox, dialect: str, after: Place, limit: int, *, is_backwards: bool = False) -> Any:
    """The places beyond one, down the list or up, as a SELECT of `part` and `number`."""
    is_oldest = (asked.order == "oldest") != is_backwards
    if asked.query.is_empty:
        return everybody(after.number, limit, is_oldest=is_oldest)
    best_first = asked.order == "best"
    return search.found(asked.query, dialect, after=after, limit=limit, oldest=is_oldest, best_first=best_first)


def _ahead(asked: Inbox, dialect: str, here: Place) -> Any:
    """The places ahead of one, counted no further than `COUNT_LIMIT` in each part: a CTE of `part` and `number`."""
    begun = [here] if here.part < 2 else [here, Place(1, 0)]
    pieces = []
    for after in begun:
        places = _places(asked, dialect, after, COUNT_LIMIT, is_backwards=True).subquery()
        pieces.append(select(places.c.part, places.c.number).where(places.c.part == after.part))
    return union_all(*pieces).cte("ahead")


def _among_names(session: Session, asked: Inbox, application: Application) -> Queue:
    listed, total = sorted_by_name(session, asked)
    keys, own = [by_name(row) for row in listed], by_name(application)
    at = bisect_left(keys, own)
    numbers = {row.inbox_no for row in listed[max(0, at - BEFORE) : at + AFTER + 1]} | {application.inbox_no}
    wanted = select(literal(0, Integer).label("part"), Application.inbox_no.label("number"))
    statement = rows_at(wanted.where(Application.inbox_no.in_(numbers)), reach=asked.reach)
    found = map(InboxRow._make, session.execute(statement, {"viewer": asked.viewer}))
    return _queue(asked, application, sorted(found, key=by_name), at if own in keys[at : at + 1] else None, total)


def _queue(
    asked: Inbox, application: Application, rows: Sequence[InboxRow], ahead: int | None, total: int | None
) -> Queue:
    at = next((index for index, row in enumerate(rows) if row.public_id == application.public_id), 0)
    return Queue(
        asked=replace(asked, problems=()),
        position=ahead + 1 if ahead is not None and ahead < COUNT_LIMIT else None,
        total=total,
        previous=rows[at - 1].public_id if at else None,
        next=rows[at + 1].public_id if at + 1 < len(rows) else None,
        rows=rows,
        is_listed=ahead is not None,
    )
