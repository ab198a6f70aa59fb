"""The ledger: what was sent to Talroo or to an applicant, what was not, and the sum that proves it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, tzinfo
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    ScalarSelect,
    Select,
    String,
    and_,
    case,
    exists,
    false,
    func,
    literal,
    or_,
    select,
    true,
    union_all,
)
from sqlalchemy.orm import Session, aliased, joinedload

from dashboard.asking import args_of, day, moments, one_of, words
from dashboard.database import let_go
from dashboard.models import Application, Outbound
from dashboard.models.outbound import Channel, State
from dashboard.outbound_words import WORDS
from dashboard.paging import COUNT_LIMIT, Page, count, rows_after
from dashboard.queries import jobs_called
from dashboard.reach import EVERYTHING, NOBODY, Reach
from dashboard.stages import DECISIVE, Stage

STATES: Final = ("held", "pending", "sending", "sent", "retrying", "parked", "cancelled", "unsendable")

PARITY_WORDS: Final = {
    "sent": "sent",
    "held": "waiting",
    "pending": "about to be sent",
    "sending": "sending",
    "retrying": "retrying",
    "parked": "failed",
    "unsendable": "can't be sent",
    "shared": "already reported for the same click",
    "missing": "missing",
}
"""In the order of the sentence. Of one person's several rows, the one whose state stands first here counts."""
NOUNS: Final = {Stage.HIRED: ("hire", "hires"), Stage.REJECTED: ("rejection", "rejections")}
"""What people in a stage are counted as; in any other stage they are "in Interview"."""


@dataclass(frozen=True, slots=True)
class Ledger:
    """Which rows of one channel's ledger somebody asked to see. Dates are days of the decision in the viewer's zone.

    `reach`: whose applications' rows they see; a limited viewer sees none of a click without an application.
    """

    channel: Channel
    state: str = ""
    job: str = ""
    decided_from: date | None = None
    decided_to: date | None = None
    zone: tzinfo = UTC
    reach: Reach = field(default=EVERYTHING, compare=False)
    problems: tuple[str, ...] = field(default=(), compare=False)

    @classmethod
    def read(cls, channel: Channel, args: Mapping[str, str], zone: tzinfo = UTC, *, reach: Reach = NOBODY) -> Ledger:
        """From an address's query. What cannot be read is left out and named in `problems`.

        As long as nobody says how far they see, it holds nobody's rows.
        """
        problems: list[str] = []
        return cls(
            channel=channel,
            state=one_of(args, "state", set(STATES), problems),
            job=words(args, "job", 255),
            decided_from=day(args, "from", problems),
            decided_to=day(args, "to", problems),
            zone=zone,
            reach=reach,
            problems=tuple(problems),
        )

    @property
    def is_empty(self) -> bool:
        return not self.args

    @property
    def args(self) -> dict[str, str]:
        """The query of an address that asks for the same."""
        return args_of(self, decided_from="from", decided_to="to", channel=None, zone=None)

    def statement(self, now: datetime) -> Select[Any]:
        """The rows asked for, in no order."""
        return select(Outbound).where(Outbound.channel == self.channel, concerns(self.reach), *self._conditions(now))

    def _conditions(self, now: datetime) -> Iterator[ColumnElement[bool]]:
        if self.state:
            yield in_state(self.state, now)
        if self.job:
            applied = select(Application.id).where(Application.job_id.in_(jobs_called(self.job)))
            yield Outbound.application_id.in_(applied)
        since, before = moments(self.decided_from, self.decided_to, self.zone)
        if since:
            yield Outbound.event_time >= since
        if before:
            yield Outbound.event_time < before


@dataclass(frozen=True, slots=True)
class Parity:
    """How many people stand in a stage that is reported, and what became of each one's report.

    `taken_back`: reports that Talroo has beyond that, of people who were moved out of the stage after they were sent.
    """

    channel: Channel
    stage: Stage
    people: int
    parts: Mapping[str, int]
    taken_back: int = 0

    @property
    def holds(self) -> bool:
        return self.parts.get("missing", 0) == 0 and sum(self.parts.values()) == self.people

    @property
    def sentence(self) -> str:
        """ "14 hires: 12 sent, 1 waiting, 1 can't be sent (no click ID)"."""
        one, many = NOUNS.get(self.stage, (f"in {self.stage.label}",) * 2)
        named = {**PARITY_WORDS, "unsendable": f"{PARITY_WORDS['unsendable']} ({WORDS[self.channel].unsendable})"}
        counted = [f"{self.parts[name]:,} {named[name]}" for name in PARITY_WORDS if self.parts.get(name)]
        told = f"{self.people:,} {one if self.people == 1 else many}: {', '.join(counted) or '0 sent'}"
        return f"{told} (plus {self.taken_back:,} sent and undone since)" if self.taken_back else told


def concerns(reach: Reach) -> ColumnElement[bool]:
    """Of a row: whether its application is within reach."""
    if not reach.is_limited:
        return true()
    # Asked of each row as the ledger is gone through, never joined; see `reach.within`.
    theirs = Application.id == Outbound.application_id, reach.holds(Application.job_id)
    seen = exists().where(*theirs).correlate(Outbound)
    return seen.is_(True)


def in_state(state: str, now: datetime) -> ColumnElement[bool]:
    """The condition for one of the states people see (`Outbound.shown_state`)."""
    waiting = Outbound.state == State.WAITING
    derived = {
        "held": and_(waiting, Outbound.failures == 0, Outbound.due_at > now),
        "pending": and_(waiting, Outbound.failures == 0, Outbound.due_at <= now),
        "retrying": and_(waiting, Outbound.failures > 0),
    }
    return derived.get(state, Outbound.state == state)


def ledger_page(session: Session, asked: Ledger, cursor: str | None, *, now: datetime) -> Page[Outbound]:
    """One page of the ledger, newest first, with people, jobs and attempts."""
    loaded = _with_people(asked, now).options(joinedload(Outbound.tries))
    rows, following = rows_after(session, loaded, cursor, None, Outbound.id)
    return Page(rows, following, None)


def ledger_batches(session: Session, asked: Ledger, *, now: datetime, size: int = 500) -> Iterator[Sequence[Outbound]]:
    """All rows asked for, newest first, in batches, for a download.

    Between two of them the session holds no connection.
    """
    loaded = _with_people(asked, now)
    cursor: str | None = None
    while True:
        rows, cursor = rows_after(session, loaded, cursor, None, Outbound.id, size)
        let_go(session)
        yield rows
        if cursor is None:
            return


def failing(session: Session, wanted: Mapping[str, tuple[Channel, ...]], reach: Reach) -> dict[str, int]:
    """How many rows of each name's channels want somebody's eye, counted to the limit: parked, or not taken so far.

    One statement, or none where nothing is wanted.
    """
    if not wanted:
        return {}
    names = tuple(sorted(wanted))
    counts = session.execute(select(*failing_counts(tuple(wanted[name] for name in names), reach))).one()
    return dict(zip(names, counts, strict=True))


@lru_cache(maxsize=200)
def failing_counts(groups: tuple[tuple[Channel, ...], ...], reach: Reach = EVERYTHING) -> tuple[ScalarSelect[int], ...]:
    """The same as columns of any statement, one for each group of channels; written once, because every page asks."""
    wants = or_(Outbound.state == State.PARKED, and_(Outbound.state == State.WAITING, Outbound.failures > 0))
    wants = and_(wants, concerns(reach))
    few = (select(literal(1)).where(Outbound.channel.in_(one), wants).limit(COUNT_LIMIT).subquery() for one in groups)
    return tuple(select(func.count()).select_from(one).scalar_subquery() for one in few)


def parked(session: Session, channel: Channel, reach: Reach) -> int:
    """How many rows of a channel stopped, counted to the limit."""
    return _counted(session, and_(Outbound.channel == channel, Outbound.state == State.PARKED, concerns(reach)))


def parities(
    session: Session, channel: Channel, events: Mapping[str, int] | Mapping[str, str], reach: Reach, *, now: datetime
) -> list[Parity]:
    """For each reporting stage (of stage → event): the people in it compared with the ledger, person by person.

    One statement, whose sums the database makes; none where no stage reports.
    """
    if not events:
        return []
    reports = [(Stage(stage), str(event)) for stage, event in events.items()]
    sums = (part for stage, event in reports for part in _sums(channel, stage, event, reach, now))
    found = session.execute(union_all(*sums)).all()
    return [
        _parity(channel, stage, {row.part: row.number for row in found if row.stage == stage}) for stage, _ in reports
    ]


def _with_people(asked: Ledger, now: datetime) -> Select[Any]:
    person = Outbound.application.and_(Application.is_shown())
    loaded = asked.statement(now).options(joinedload(person).joinedload(Application.job))
    if asked.channel == Channel.REMINDER:
        return loaded.options(joinedload(Outbound.reminder), joinedload(Outbound.created_by))
    return loaded


# --- parity ---------------------------------------------------------------------------------------------------------


def _counted(session: Session, condition: ColumnElement[bool]) -> int:
    found = count(session, select(literal(1)).where(condition))
    return COUNT_LIMIT if found is None else found


_TAKEN_BACK: Final = -1
"""The part of a sum that is none: what was sent of people who have left the stage."""


def _parity(channel: Channel, stage: Stage, numbers: Mapping[int, int]) -> Parity:
    parts = {name: numbers[place] for place, name in enumerate(PARITY_WORDS) if place in numbers}
    return Parity(channel, stage, sum(parts.values()), parts, numbers.get(_TAKEN_BACK, 0))


def _sums(channel: Channel, stage: Stage, event: str, reach: Reach, now: datetime) -> Iterator[Select[str, int, int]]:
    """How many of a stage's people have which part, by its place in `PARITY_WORDS`."""
    yield _people_by_part(channel, stage, event, reach, now)
    if stage in DECISIVE:
        yield _taken_back(channel, stage, event, reach)


def _people_by_part(channel: Channel, stage: Stage, event: str, reach: Reach, now: datetime) -> Select[str, int, int]:
    own = aliased(Outbound)
    best = func.min(_rank(own, now))
    people = (
        select(Application.tlr_sid, best.label("best"))
        .outerjoin(
            own,
            and_(
                own.application_id == Application.id,
                own.channel == channel,
                own.event == event,
                own.state != State.CANCELLED,
            ),
        )
        .where(
            Application.stage == stage,
            Application.completed.is_(True),
            Application.is_test.is_(False),
            reach.holds(Application.job_id),
        )
        .group_by(Application.id, Application.tlr_sid)
        .subquery()
    )
    names = list(PARITY_WORDS)
    part = case(
        (people.c.best.is_not(None), people.c.best),
        (_is_shared(people.c.tlr_sid, channel, event), names.index("shared")),
        else_=names.index("missing"),
    )
    parts = select(part.label("part")).select_from(people).subquery()
    return select(_named(stage), parts.c.part, func.count().label("number")).group_by(parts.c.part)


def _named(stage: Stage) -> ColumnElement[str]:
    return literal(stage.value, String).label("stage")


def _rank(row: Any, now: datetime) -> ColumnElement[int]:
    """The position in `PARITY_WORDS` of a row's state as people see it; null where there is no row."""
    positions = {name: position for position, name in enumerate(PARITY_WORDS)}
    waiting = case(
        (row.failures > 0, positions["retrying"]), (row.due_at > now, positions["held"]), else_=positions["pending"]
    )
    stored = {state.value: positions[state] for state in State if state.value in positions}
    return case({**stored, State.WAITING.value: waiting}, value=row.state)


def _is_shared(tlr_sid: ColumnElement[Any], channel: Channel, event: str) -> ColumnElement[bool]:
    """Whether another row reported this person's click."""
    if channel != Channel.CONVERSION:
        return false()
    other = aliased(Outbound)
    return exists().where(
        other.tlr_sid == tlr_sid,
        other.channel == channel,
        other.event == event,
        other.state.not_in([State.CANCELLED, State.UNSENDABLE]),
    )


def _taken_back(channel: Channel, stage: Stage, event: str, reach: Reach) -> Select[str, int, int]:
    return (
        select(_named(stage), literal(_TAKEN_BACK).label("part"), func.count().label("number"))
        .select_from(Outbound)
        .join(Application, Application.id == Outbound.application_id)
        .where(
            Outbound.channel == channel,
            Outbound.state == State.SENT,
            Outbound.stage == stage.value,
            Outbound.event == event,
            Application.stage != stage.value,
            reach.holds(Application.job_id),
        )
    )
