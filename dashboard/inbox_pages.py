"""The pages of an inbox, its whole as batches and ids, and how many there are.

With filters or words the index (`search`) is asked, which answers in the list's order. Without any, the list is the
applications themselves.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cache
from typing import Any, Final

from sqlalchemy import Integer, Select, bindparam, func, literal, select
from sqlalchemy.orm import Session, contains_eager

from dashboard import search, tokens
from dashboard.database import let_go, table_of
from dashboard.inbox import Inbox
from dashboard.inbox_row import InboxRow, rows_at
from dashboard.models import Application
from dashboard.paging import COUNT_LIMIT, PAGE_SIZE, Page, Place, written
from dashboard.prepared import Prepared
from dashboard.reach import EVERYTHING

SORTED_BY_NAME: Final = COUNT_LIMIT
"""By name, the newest so many of what matches are sorted: an index on names would cost every delivery."""


def inbox_page(session: Session, asked: Inbox, cursor: str | None, counted: int | None = None) -> Page[InboxRow]:
    """One page of applications as a row shows them, and how many there are.

    One statement; by name two, see `SORTED_BY_NAME`. `counted`: how many everybody is; another statement counts them
    where that is not known.
    """
    after = Place.read(cursor) if cursor else None
    if asked.order == "name":
        return _page_by_name(session, asked, after)
    if asked.query.is_empty:
        found = _rows_of_everybody(session, asked, after)
        total = told(counted) if counted is not None else inbox_total(session, asked)
    else:
        found, total = _rows_that_match(session, asked, after)
    rows = _in_order(found, asked)
    following = Place(rows[PAGE_SIZE - 1].part, rows[PAGE_SIZE - 1].inbox_no) if len(rows) > PAGE_SIZE else None
    return Page(rows[:PAGE_SIZE], following.cursor() if following else None, total)


def _rows_of_everybody(session: Session, asked: Inbox, after: Place | None) -> Iterator[InboxRow]:
    """The rows of a page and one more."""
    page = _page_of_everybody(is_oldest=asked.order == "oldest", begins=after is None)
    mark = {"mark": after.number} if after else {}
    return map(InboxRow._make, page.rows(session, {"viewer": asked.viewer, **mark}))


@cache
def _page_of_everybody(*, is_oldest: bool, begins: bool) -> Prepared:
    """The list that is asked for most."""
    numbers = everybody(None if begins else bindparam("mark", type_=Integer), PAGE_SIZE + 1, is_oldest=is_oldest)
    return Prepared(lambda _: rows_at(numbers, reach=EVERYTHING))


def _rows_that_match(session: Session, asked: Inbox, after: Place | None) -> tuple[Iterator[InboxRow], int | None]:
    """The rows of a page and one more, and how many match, in one statement."""
    # By the connection: what the session adds is for objects of the models.
    connection = session.connection()
    numbers = _numbers(asked, connection.dialect.name, after, PAGE_SIZE + 1)
    total = total_of(asked, connection.dialect.name).label("total")
    found = connection.execute(rows_at(numbers, total, reach=asked.reach), {"viewer": asked.viewer}).all()
    if not found:
        return iter(()), inbox_total(session, asked) if after else 0
    return (InboxRow._make(row[:-1]) for row in found), told(found[0].total)


def inbox_batches(session: Session, asked: Inbox, size: int = 500) -> Iterator[Sequence[Application]]:
    """All applications asked for in batches, for a download; by age, whatever order was asked for.

    Between two of them the session holds no connection.
    """
    asked = replace(asked, sort="oldest" if asked.order == "oldest" else "newest")
    after: Place | None = None
    while True:
        numbers = _numbers(asked, session.get_bind().dialect.name, after, size)
        found = _by_age(session.scalars(_whole(numbers).where(asked.reach.holds(Application.job_id))), asked)
        let_go(session)
        if found:
            after = Place(0, found[-1].inbox_no or 0)
            yield found
        if len(found) < size:
            return


def inbox_ids(session: Session, asked: Inbox, limit: int) -> list[int]:
    """The ids of the applications asked for, in their order (by name: newest first), at most `limit`."""
    numbers = _numbers(asked, session.get_bind().dialect.name, None, limit).subquery("wanted")
    statement = select(Application.id, Application.inbox_no, numbers.c.part).where(
        asked.reach.holds(Application.job_id)
    )
    found = session.execute(statement.join(numbers, numbers.c.number == Application.inbox_no)).all()
    sign = 1 if asked.order == "oldest" else -1
    return [row.id for row in sorted(found, key=lambda row: (row.part, sign * row.inbox_no))]


def inbox_totals(session: Session, lists: Sequence[Inbox]) -> list[int]:
    """How many each list shows, counted to `COUNT_LIMIT` + 1, in one statement."""
    dialect = session.get_bind().dialect.name
    return list(session.execute(select(*(total_of(asked, dialect) for asked in lists))).one()) if lists else []


def inbox_total(session: Session, asked: Inbox) -> int | None:
    """How many there are, None above `COUNT_LIMIT`."""
    return told(session.scalar(select(total_of(asked, session.get_bind().dialect.name))) or 0)


def inbox_newer(session: Session, asked: Inbox, number: int, most: int) -> int:
    """How many of those asked for came after the place `number`, counted to `most` + 1, in one statement."""
    number = max(number, 0)  # below are those that never finished
    if not asked.query.is_empty:
        return session.scalar(select(search.later(asked.query, session.get_bind().dialect.name, number, most + 1))) or 0
    newer = everybody(number, most + 1, is_oldest=True).subquery()
    return session.scalar(select(func.count()).select_from(newer)) or 0


def _numbers(asked: Inbox, dialect: str, after: Place | None, limit: int) -> Any:
    """The places of those asked for, as a SELECT of `part` and `number`."""
    oldest, query = asked.order == "oldest", asked.query
    if not query.is_empty:
        best_first = asked.order == "best"
        return search.found(query, dialect, after=after, limit=limit, oldest=oldest, best_first=best_first)
    return everybody(after.number if after else None, limit, is_oldest=oldest)


def everybody(mark: Any, limit: int, *, is_oldest: bool) -> Any:
    """The places of everybody beyond `mark`, if given."""
    number = table_of(Application).c.inbox_no
    everybody = select(literal(0, Integer).label("part"), number.label("number")).where(number.is_not(None))
    if mark is not None:
        everybody = everybody.where(number > mark if is_oldest else number < mark)
    return everybody.order_by(number.asc() if is_oldest else number.desc()).limit(written(limit))


def _whole(numbers: Any) -> Select[Any]:
    """The applications that stand at `numbers`, with their jobs, in no order."""
    wanted = numbers.subquery("wanted")
    return (
        select(Application)
        .join(wanted, wanted.c.number == Application.inbox_no)
        .outerjoin(Application.job)
        .options(contains_eager(Application.job))
    )


# Here rather than by the database, which would sort what the index has handed out in order.
def _in_order(found: Iterable[InboxRow], asked: Inbox) -> list[InboxRow]:
    sign = 1 if asked.order == "oldest" else -1
    return sorted(found, key=lambda row: (row.part, sign * row.inbox_no))


def _by_age(found: Iterable[Application], asked: Inbox) -> list[Application]:
    return sorted(found, key=lambda one: one.inbox_no or 0, reverse=asked.order != "oldest")


def total_of(asked: Inbox, dialect: str) -> Any:
    query = asked.query
    if not query.is_empty:
        return search.total(query, dialect, COUNT_LIMIT + 1)
    everybody = select(literal(1)).where(Application.inbox_no.is_not(None)).limit(written(COUNT_LIMIT + 1))
    return select(func.count()).select_from(everybody.subquery()).scalar_subquery()


def told(total: int) -> int | None:
    return total if total <= COUNT_LIMIT else None


def _page_by_name(session: Session, asked: Inbox, after: Place | None) -> Page[InboxRow]:
    ordered, total = sorted_by_name(session, asked)
    begin = after.number if after else 0
    wanted = [row.inbox_no for row in ordered[begin : begin + PAGE_SIZE]]
    chosen = select(literal(0, Integer).label("part"), Application.inbox_no.label("number"))
    statement = rows_at(chosen.where(Application.inbox_no.in_(wanted)), reach=asked.reach)
    found = session.execute(statement, {"viewer": asked.viewer})
    by_number = {row.inbox_no: row for row in map(InboxRow._make, found)}
    more = begin + PAGE_SIZE < len(ordered)
    following = Place(0, begin + PAGE_SIZE).cursor() if more else None
    return Page([by_number[number] for number in wanted if number in by_number], following, total)


def sorted_by_name(session: Session, asked: Inbox) -> tuple[list[Any], int | None]:
    """The newest of those asked for as rows of `inbox_no` and names, sorted, and how many there are: one statement."""
    newest = replace(asked, sort="newest")
    numbers = _numbers(newest, session.get_bind().dialect.name, None, SORTED_BY_NAME + 1).subquery("wanted")
    columns = (Application.inbox_no, Application.last_name, Application.first_name)
    named = select(*columns).where(asked.reach.holds(Application.job_id))
    people: Any = session.execute(named.join(numbers, numbers.c.number == Application.inbox_no)).all()
    return sorted(people, key=by_name)[:SORTED_BY_NAME], told(len(people))


def by_name(row: Any) -> tuple[Any, ...]:
    """Last name, first name, newest first; who gave none comes last."""
    folded = [tokens.words([row.last_name]), tokens.words([row.first_name])]
    return (not folded[0], *folded, -row.inbox_no)
