"""The inbox: what somebody asked to see of the completed applications, as a value; and its pages, tabs and choices.

Every combination of filters and words is one question to one index (`search`), which answers in the list's order.
Without any, the list is the applications themselves. Building a value never touches the database.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, tzinfo
from functools import cache
from typing import Any, Final

from sqlalchemy import ColumnElement, Integer, Select, String, bindparam, exists, func, literal, literal_column, select
from sqlalchemy.orm import Session, contains_eager

from dashboard import saved_views, search
from dashboard.asking import day, moments, one_of, words
from dashboard.database import let_go, table_of
from dashboard.inbox_row import InboxRow, rows_at
from dashboard.models import Application, Facet, Job, Tag, User
from dashboard.paging import COUNT_LIMIT, PAGE_SIZE, Page, Place
from dashboard.reach import EVERYTHING, NOBODY, Reach
from dashboard.saved_views import ViewLink
from dashboard.search import Query
from dashboard.stages import DECISIVE, Stage

TABS: Final = {
    "new": "New",
    "mine": "Mine",
    "progress": "In progress",
    "hired": "Hired",
    "rejected": "Rejected",
    "held": "Held",
}
SORTS: Final = ("best", "newest", "oldest", "name")
SORTED_BY_NAME: Final = COUNT_LIMIT
"""By name, the newest so many of what matches are sorted: an index on names would cost every delivery."""
MAX_ANSWERS: Final = 10
_ANSWER: Final = re.compile(r"[0-9a-f]{16}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Chip:
    """One filter in words, and the query of the address without it."""

    label: str
    without: dict[str, str | list[str]]


@dataclass(frozen=True, slots=True)
class Inbox:
    """Which applications a recruiter asked to see. Dates are days in the viewer's zone, both inclusive.

    `answers`: `Facet.value`s, all of which must hold. `assigned`: `me`, `none` or a user's public id; `viewer`: the
    public id of whoever `me` is. `sort`: empty for what suits, which is the best first where words are sought.
    `reach`: how far they see, which is part of the question: a list, its counts and all that is done to it agree.
    """

    text: str = ""
    tab: str = ""
    stage: str = ""
    job: str = ""
    company: str = ""
    campaign: str = ""
    state: str = ""
    city: str = ""
    qualified: str = ""
    resume: str = ""
    assigned: str = ""
    tag: str = ""
    held: str = ""
    answers: tuple[str, ...] = ()
    applied_from: date | None = None
    applied_to: date | None = None
    sort: str = ""
    zone: tzinfo = field(default=UTC, compare=False)
    viewer: str = field(default="", compare=False)
    reach: Reach = field(default=EVERYTHING, compare=False)
    problems: tuple[str, ...] = field(default=(), compare=False)

    @classmethod
    def read(cls, args: Mapping[str, str], zone: tzinfo = UTC, *, viewer: str = "", reach: Reach = NOBODY) -> Inbox:
        """From an address's query. What cannot be read is left out and named in `problems`, in words.

        As long as nobody says whose list it is (`reach`), it shows nobody.
        """
        problems: list[str] = []
        since, until = day(args, "from", problems), day(args, "to", problems)
        if since and until and until < since:
            problems.append("“Applied until” is before “Applied from”, so nobody matches.")
        return cls(
            text=words(args, "q", 200),
            tab=one_of(args, "tab", set(TABS), problems),
            stage=one_of(args, "stage", set(Stage), problems),
            **{name: words(args, name, 255) for name in _NAMES},
            **{name: one_of(args, name, {"yes", "no"}, problems) for name in ("qualified", "resume", "held")},
            answers=_answers(args, problems),
            applied_from=since,
            applied_to=until,
            sort=one_of(args, "sort", set(SORTS), problems),
            zone=zone,
            viewer=viewer,
            reach=reach,
            problems=tuple(problems),
        )

    @property
    def is_empty(self) -> bool:
        """Whether everybody is shown, in whatever order."""
        return replace(self, sort="") == Inbox()

    @property
    def order(self) -> str:
        """One of `SORTS`."""
        if self.sort and (self.sort != "best" or self.text):
            return self.sort
        return "best" if self.text else "newest"

    @property
    def args(self) -> dict[str, str | list[str]]:
        """The query of an address that asks for the same."""
        named: dict[str, str | list[str]] = {
            "q": self.text,
            "tab": self.tab,
            "stage": self.stage,
            **{name: getattr(self, name) for name in (*_NAMES, "qualified", "resume", "held")},
            "answer": list(self.answers),
            "from": self.applied_from.isoformat() if self.applied_from else "",
            "to": self.applied_to.isoformat() if self.applied_to else "",
            "sort": self.sort,
        }
        return {name: value for name, value in named.items() if value}

    def chips(self, labels: Mapping[str, str]) -> list[Chip]:
        """What is asked, filter by filter. `labels`: words for values by their term (`Choices.labels`)."""
        return [Chip(label, changed.args) for label, changed in self._chips(labels)]

    def _chips(self, labels: Mapping[str, str]) -> Iterator[tuple[str, Inbox]]:
        for name, words_of in _CHIPS.items():
            value = getattr(self, name)
            if value:
                known = labels.get(search.term(name, value), _VALUES.get(value, value))
                yield _YES_OR_NO.get((name, value)) or words_of.format(known), self._without(name)
        for answer in self.answers:
            rest = tuple(one for one in self.answers if one != answer)
            yield labels.get(_answer_term(answer), "An answer nobody gave"), replace(self, answers=rest)
        if self.applied_from:
            yield f"Applied from {_day(self.applied_from)}", replace(self, applied_from=None)
        if self.applied_to:
            yield f"Applied until {_day(self.applied_to)}", replace(self, applied_to=None)

    def _without(self, name: str) -> Inbox:
        changes: dict[str, Any] = {name: ""}
        return replace(self, **changes)

    @property
    def query(self) -> Query:
        """What is asked of the index."""
        since, before = moments(self.applied_from, self.applied_to, self.zone)
        groups: list[tuple[str, ...]] = [(term,) for term in self._terms()]
        if self.reach.is_limited:
            groups.append(self.reach.terms)
        if since or before:
            groups.append(search.applied_terms(since, before))
        return Query(self.text, tuple(groups), since=since, before=before)

    def statement(self, dialect: str, limit: int = COUNT_LIMIT + 1) -> Select[Any]:
        """The first `limit` applications asked for, in no order."""
        wanted = _numbers(self, dialect, None, limit).subquery("wanted")
        found = select(Application).where(Application.inbox_no.in_(select(wanted.c.number)))
        return found.where(self.reach.holds(Application.job_id))

    def _terms(self) -> Iterator[str]:
        named = {name: getattr(self, name) for name in ("stage", "qualified", "resume", "held", *_NAMES)}
        me = self.viewer or "nobody"
        named["assigned"] = me if self.assigned == "me" else self.assigned
        named["tab"] = self.tab if self.tab != "mine" else ""
        named["mine"] = me if self.tab == "mine" else ""
        yield from (search.term(name, value) for name, value in named.items() if value)
        yield from map(_answer_term, self.answers)


_NAMES: Final = ("job", "company", "campaign", "state", "city", "assigned", "tag")
_CHIPS: Final = {
    "text": "“{}”",
    "stage": "Stage: {}",
    "job": "Job: {}",
    "company": "Company: {}",
    "campaign": "Campaign: {}",
    "state": "State: {}",
    "city": "City: {}",
    "qualified": "Qualified: {}",
    "resume": "Résumé: {}",
    "assigned": "Assigned to: {}",
    "tag": "Tag: {}",
    "held": "Held: {}",
}
_YES_OR_NO: Final = {
    ("qualified", "yes"): "Qualified",
    ("qualified", "no"): "Not qualified",
    ("resume", "yes"): "With résumé",
    ("resume", "no"): "Without résumé",
    ("held", "yes"): "Held",
    ("held", "no"): "Not held",
}
_VALUES: Final = {stage.value: stage.label for stage in Stage}


def _day(day: date) -> str:
    return f"{day.day} {day:%b %Y}"


def _answers(args: Mapping[str, str], problems: list[str]) -> tuple[str, ...]:
    several: Any = getattr(args, "getlist", None)
    sent = several("answer") if several else [args["answer"]] if "answer" in args else []
    asked = dict.fromkeys(value.strip() for value in sent if value.strip())
    known = tuple(value for value in asked if _ANSWER.fullmatch(value))[:MAX_ANSWERS]
    if len(known) < len(asked):
        problems.append(f"Not every answer could be read, or there are more than {MAX_ANSWERS}; those were left out.")
    return known


def _answer_term(value: str) -> str:
    return search.FACT + value


# --- pages ----------------------------------------------------------------------------------------------------------


def inbox_page(session: Session, asked: Inbox, cursor: str | None, standing: Standing | None = None) -> Page[InboxRow]:
    """One page of applications as a row shows them, and how many there are.

    One statement; by name two, see `SORTED_BY_NAME`. `standing`: tells how many everybody is, else they are counted.
    """
    after = Place.read(cursor) if cursor else None
    if asked.order == "name":
        return _page_by_name(session, asked, after)
    # By the connection: what the session adds is for objects of the models.
    connection = session.connection()
    found = connection.execute(*_page_statement(connection.dialect.name, asked, after)).all()
    rows = _in_order((InboxRow._make(row[: len(InboxRow._fields)]) for row in found), asked)
    following = Place(rows[PAGE_SIZE - 1].part, rows[PAGE_SIZE - 1].inbox_no) if len(rows) > PAGE_SIZE else None
    if asked.query.is_empty and standing:
        total = told(standing.everybody)
    elif found and not asked.query.is_empty:
        total = told(found[0].total)
    else:
        total = inbox_total(session, asked) if found or after else 0
    return Page(rows[:PAGE_SIZE], following.cursor() if following else None, total)


def _page_statement(dialect: str, asked: Inbox, after: Place | None) -> tuple[Select[Any], dict[str, Any]]:
    """One page and one more row, and what it is executed with; with the total but for everybody."""
    values = {"viewer": asked.viewer}
    if asked.query.is_empty:
        statement = _page_of_everybody(is_oldest=asked.order == "oldest", begins=after is None)
        return statement, values | ({"mark": after.number} if after else {})
    numbers = _numbers(asked, dialect, after, PAGE_SIZE + 1)
    return rows_at(numbers, total_of(asked, dialect).label("total"), reach=asked.reach), values


@cache
def _page_of_everybody(*, is_oldest: bool, begins: bool) -> Select[Any]:
    """The list that is asked for most, written once."""
    numbers = everybody(None if begins else bindparam("mark", type_=Integer), PAGE_SIZE + 1, is_oldest=is_oldest)
    return rows_at(numbers, reach=EVERYTHING)


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
    return everybody.order_by(number.asc() if is_oldest else number.desc()).limit(_written(limit))


def _written(limit: int) -> ColumnElement[int]:
    # As a parameter, PostgreSQL would take it for a tenth of the table, and so make the plan anew at every page.
    return literal_column(f"{limit:d}", Integer)


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
    everybody = select(literal(1)).where(Application.inbox_no.is_not(None)).limit(_written(COUNT_LIMIT + 1))
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
    folded = [search.words([row.last_name]), search.words([row.first_name])]
    return (not folded[0], *folded, -row.inbox_no)


# --- tabs and choices -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Standing:
    """How things stand, whatever is asked for: applications by tab, counted to `COUNT_LIMIT` + 1; and what has changed.

    `waiting`: whether an application waits to be indexed. `version`: another value once there is more to choose from.
    `views`: the saved views that stand over the list, and one more where there are more (`saved_views.SHOWN`).
    """

    tabs: Mapping[str, int]
    waiting: bool
    version: tuple[int, ...]
    views: Sequence[ViewLink] = ()

    @property
    def everybody(self) -> int:
        """Everybody is in one tab, and may be somebody's besides."""
        return min(sum(number for tab, number in self.tabs.items() if tab != "mine"), COUNT_LIMIT + 1)

    @property
    def has_any(self) -> bool:
        return any(self.tabs.values())


def standing(session: Session, user_id: int, everybody: Inbox) -> Standing:
    """One statement, which looks at no more rows for a million applications than for a thousand.

    `everybody`: the whole inbox of the user, whose tabs are counted by the index where they are limited.
    """
    limited = everybody.reach.is_limited
    statement = _standing_within(everybody, session.get_bind().dialect.name) if limited else _STANDING
    tabs = list(TABS) if limited else [tab for tab, _ in _COUNTED]
    row = session.connection().execute(statement, {"user_id": user_id}).one()
    counted: dict[str, int] = dict.fromkeys(TABS, 0)
    for tab, number in zip(tabs, row, strict=False):
        counted[tab] = min(counted[tab] + number, COUNT_LIMIT + 1)
    waiting, *newest, views = row[len(tabs) :]
    return Standing(counted, bool(waiting), tuple(number or 0 for number in newest), saved_views.read(views))


def _tab_conditions() -> Iterator[tuple[str, list[ColumnElement[bool]]]]:
    """Conditions that an index answers, by tab; a tab of several stages is counted stage by stage."""
    completed = Application.inbox_no.is_not(None)
    waits = [Application.held_at.is_(None), completed]
    for stage in Stage:
        here = Application.stage == _constant(stage)
        if stage in DECISIVE:
            yield search.tab_of(stage, is_held=False), [here, completed]
        else:
            yield search.tab_of(stage, is_held=False), [here, *waits]
            yield "held", [here, Application.held_at.is_not(None), completed]
    is_open = (Application.stage != _constant(stage) for stage in DECISIVE)
    yield "mine", [Application.assigned_to_id == bindparam("user_id"), *is_open, *waits]


def _counted(conditions: Iterable[ColumnElement[bool]]) -> Any:
    few = select(_written(1)).select_from(Application).where(*conditions).limit(_written(COUNT_LIMIT + 1)).subquery()
    return select(func.count()).select_from(few).scalar_subquery()


def _constant(stage: Stage) -> ColumnElement[str]:
    # Each parameter is read, sent and planned with at every page; with so many the driver reads the text anew, too.
    return literal_column(f"'{stage:s}'", String)


_COUNTED: Final = list(_tab_conditions())
_NEWEST: Final = [select(func.max(model.id)).scalar_subquery() for model in (Job, Facet, Tag, User)]
_BESIDE_THE_TABS: Final = (exists().where(Application.unindexed.is_not(None)), *_NEWEST, saved_views.TOLD)
_STANDING: Final = select(*(_counted(conditions) for _, conditions in _COUNTED), *_BESIDE_THE_TABS)


def _standing_within(everybody: Inbox, dialect: str) -> Select[Any]:
    return select(*(total_of(replace(everybody, tab=tab), dialect) for tab in TABS), *_BESIDE_THE_TABS)
