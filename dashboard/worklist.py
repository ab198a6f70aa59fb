"""The worklist: who began an application and did not finish it. What is asked of it becomes SELECTs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, Select, and_, case, func, literal, not_, or_, select, union_all
from sqlalchemy.orm import InstrumentedAttribute, Session, aliased, joinedload

from dashboard import search
from dashboard.asking import args_of, one_of, words
from dashboard.models import Application, Delivery, FollowUp, Outbound, Reminder
from dashboard.models.outbound import UNDER_WAY, Channel
from dashboard.paging import Page, after, counted, cut, total
from dashboard.queries import jobs_called

AGES: Final = {"day": timedelta(days=1), "week": timedelta(days=7), "month": timedelta(days=30)}
"""Started at most so long ago; `older` is what is left."""
PROGRESS: Final = ("contact", "some", "most")
SHOWS: Final = ("open", "recovered", "opted-out", "all")
LATELY: Final = 10

_FAR: Final = and_(FollowUp.answered > 0, FollowUp.answered * 2 >= FollowUp.asked)
"""At least half of the questions; null, so neither true nor false, where nobody knows how many there are."""
_WAITING: Final = select(Outbound.application_id).where(
    Outbound.channel == Channel.REMINDER,
    Outbound.state.in_(UNDER_WAY),
    Outbound.application_id.is_not(None),
)
_CONTACTED: Final = or_(FollowUp.messages > 0, FollowUp.application_id.in_(_WAITING))
"""Somebody has written to them, even if it has not gone out: nobody else should."""


@dataclass(frozen=True, slots=True)
class Worklist:
    """Whom an HR administrator asked to see.

    `progress`: `contact` (only the contact page), `some` (some questions), `most` (at least half of them).
    `show`: those who still have to finish (`open`), those who did since, those who want no messages (finished or not),
    or all who ever began.
    """

    text: str = ""
    job: str = ""
    age: str = ""
    progress: str = ""
    contacted: str = ""
    show: str = "open"
    problems: tuple[str, ...] = field(default=(), compare=False)

    @classmethod
    def read(cls, args: Mapping[str, str]) -> Worklist:
        """From an address's query. What cannot be read is left out and named in `problems`, in words."""
        problems: list[str] = []
        return cls(
            text=search.sought(words(args, "q", 200), problems),
            job=words(args, "job", 255),
            age=one_of(args, "age", {*AGES, "older"}, problems),
            progress=one_of(args, "progress", set(PROGRESS), problems),
            contacted=one_of(args, "contacted", {"yes", "no"}, problems),
            show=one_of(args, "show", set(SHOWS), problems) or "open",
            problems=tuple(problems),
        )

    @property
    def is_empty(self) -> bool:
        """Whether everybody is shown whom `show` means."""
        return replace(self, show="open") == Worklist()

    @property
    def args(self) -> dict[str, str]:
        """The query of an address that asks for the same."""
        return args_of(self, text="q")

    @property
    def newest_by(self) -> InstrumentedAttribute[Any]:
        """The time that orders the list."""
        return FollowUp.completed_at if self.show == "recovered" else FollowUp.since

    def statement(self, dialect: str, now: datetime) -> Select[Any]:
        """The rows asked for, in no order."""
        found = select(FollowUp).where(*self._shown(), *self._conditions(now), _may_be_shown())
        if not self.text:
            return found
        return found.where(FollowUp.application_id.in_(search.narrow(select(Application.id), self.text, dialect)))

    def _shown(self) -> Iterator[ColumnElement[bool]]:
        if self.show == "open":
            yield FollowUp.completed_at.is_(None)
        elif self.show == "recovered":
            yield FollowUp.completed_at.is_not(None)
        elif self.show == "opted-out":
            yield FollowUp.opted_out_at.is_not(None)

    def _conditions(self, now: datetime) -> Iterator[ColumnElement[bool]]:
        if self.job:
            yield FollowUp.application_id.in_(select(Application.id).where(*self._of_the_job()))
        if self.age:
            yield _began(self.age, now)
        if self.progress:
            yield _came(self.progress)
        if self.contacted:
            yield _CONTACTED if self.contacted == "yes" else not_(_CONTACTED)

    def _of_the_job(self) -> Iterator[ColumnElement[bool]]:
        yield Application.job_id.in_(jobs_called(self.job))
        if self.show == "open":
            # An open follow-up's application is unfinished too: saying so lets the job's index pass over all others.
            yield Application.completed.is_(False)


def _may_be_shown() -> ColumnElement[bool]:
    """Whom nobody may work with at present are few, and their index holds nobody else.

    By their own ids, which every index of the list has: for the applications', SQLite would read the whole table.
    """
    restricted = aliased(FollowUp)
    apart = select(restricted.id).join(Application, Application.id == restricted.application_id)
    return FollowUp.id.not_in(apart.where(Application.restricted_at.is_not(None)))


def _began(age: str, now: datetime) -> ColumnElement[bool]:
    return FollowUp.since < now - AGES["month"] if age == "older" else FollowUp.since >= now - AGES[age]


def _came(progress: str) -> ColumnElement[bool]:
    """How far somebody came. Where the form is not known, any answer is "some"."""
    if progress == "contact":
        return FollowUp.answered == 0
    if progress == "most":
        return _FAR
    return and_(FollowUp.answered > 0, not_(func.coalesce(_FAR, False)))


@dataclass(frozen=True, slots=True)
class Opened:
    """The worklist as somebody opens it.

    `waiting`: the application ids of those to whom a message is written that has not gone out. `lately`: beside those
    who still have to finish, who did last, newest first. `has_any`: whether anybody ever began without finishing.
    """

    page: Page[FollowUp]
    tiles: Tiles
    waiting: set[int]
    lately: Sequence[FollowUp]
    has_any: bool


def opened(session: Session, asked: Worklist, cursor: str | None, *, now: datetime) -> Opened:
    """One page, newest first (by when they began, those who finished by when they did), and what stands around it.

    Two statements: the people, and the figures.
    """
    found = asked.statement(session.get_bind().dialect.name, now)
    people = session.execute(_people(asked, found, cursor)).all()
    rows, following = cut(_newest_first(people, _PAGE, asked.newest_by), asked.newest_by, FollowUp.id)
    tiles, total, has_any = _figures(session, found, now)
    return Opened(
        page=Page(rows, following, total),
        tiles=tiles,
        waiting={row.FollowUp.application_id for row in people if row.waits},
        lately=_newest_first(people, _LATELY, FollowUp.completed_at),
        has_any=has_any,
    )


_PAGE: Final = "page"
_LATELY: Final = "lately"


def _newest_first(people: Sequence[Row[Any]], wanted: str, at: InstrumentedAttribute[Any]) -> list[FollowUp]:
    found = [row.FollowUp for row in people if row.part == wanted]
    return sorted(found, key=lambda row: (getattr(row, at.key), row.id), reverse=True)


def _people(asked: Worklist, found: Select[Any], cursor: str | None) -> Select[Any]:
    """The page's rows, and who finished lately, each with its part of the screen and whether a message waits."""
    parts = {_PAGE: after(found, cursor, asked.newest_by, FollowUp.id)}
    if asked.show == "open":
        finished = select(FollowUp).where(FollowUp.completed_at.is_not(None), _may_be_shown())
        parts[_LATELY] = after(finished, None, FollowUp.completed_at, FollowUp.id, LATELY - 1)
    chosen = (
        select(rows.with_only_columns(FollowUp.id, literal(name).label("part")).subquery())
        for name, rows in parts.items()
    )
    wanted = union_all(*chosen).subquery("wanted")
    waits = _WAITING.where(Outbound.application_id == FollowUp.application_id).exists().label("waits")
    return _with_people(select(FollowUp, wanted.c.part, waits).join(wanted, wanted.c.id == FollowUp.id))


def follow_up(session: Session, public_id: str) -> FollowUp | None:
    """One application that ever reached us unfinished, by its application's public id, with its answers."""
    own = select(Application.id).where(Application.public_id == public_id, Application.is_shown()).scalar_subquery()
    answers = _APPLICATION.joinedload(Application.answers_from)
    found = _with_people(select(FollowUp).where(FollowUp.application_id == own))
    return session.scalars(found.options(answers.load_only(Delivery.body, Delivery.source))).one_or_none()


def messages_to(session: Session, application: Application) -> Sequence[Reminder]:
    """What was written to one person, the newest first, with what became of it."""
    written = select(Reminder).where(Reminder.application_id == application.id).order_by(Reminder.number.desc())
    way = joinedload(Reminder.outbound)
    shown = written.options(way.joinedload(Outbound.created_by), way.joinedload(Outbound.tries))
    return session.scalars(shown).unique().all()


def _with_people(found: Select[Any]) -> Select[Any]:
    return found.options(_APPLICATION, joinedload(FollowUp.completed_by))


_APPLICATION: Final = joinedload(FollowUp.application, innerjoin=True)


@dataclass(frozen=True, slots=True)
class Tiles:
    """What became of those who began within `days`. `after_message`: of the recovered, whom a reminder preceded."""

    days: int
    started: int
    contacted: int
    recovered: int
    after_message: int
    opted_out: int

    def rate(self, number: int) -> str:
        """`number` as a share of those who started: "31%"; empty where nobody did."""
        return f"{100 * number / self.started:.0f}%" if self.started else ""


def _figures(session: Session, found: Select[Any], now: datetime) -> tuple[Tiles, int | None, bool]:
    """The tiles, over a month's rows (each can be asked for: see the template); how many are `found`; if anybody is."""
    recovered = FollowUp.completed_at.is_not(None)
    conditions = (_CONTACTED, recovered, and_(recovered, FollowUp.messages_before > 0))
    sums = [_how_many(condition) for condition in (*conditions, FollowUp.opted_out_at.is_not(None))]
    here = counted(found.with_only_columns(FollowUp.id)).scalar_subquery()
    any_at_all = counted(select(FollowUp.id), 1).scalar_subquery()
    figures = select(here, any_at_all, func.count(), *sums).where(_began("month", now))
    number, has_any, *tiles = (int(figure or 0) for figure in session.execute(figures).one())
    return Tiles(AGES["month"].days, *tiles), total(number), bool(has_any)


def _how_many(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return func.sum(case((condition, 1), else_=0))
