"""The ledger: what was reported to Talroo, what was not, and the sum that proves it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, and_, exists, func, or_, select
from sqlalchemy.orm import Session, aliased, joinedload, selectinload

from dashboard.models import Application, Job, Outbound
from dashboard.models.outbound import Channel, State
from dashboard.paging import Page, rows_after
from dashboard.queries import day, one_of

STATES: Final = ("held", "pending", "sending", "sent", "retrying", "parked", "cancelled", "unsendable")

PARITY_WORDS: Final = {
    "sent": "sent",
    "held": "held",
    "pending": "about to be sent",
    "sending": "being sent",
    "retrying": "retrying",
    "parked": "parked",
    "unsendable": "without click id",
    "shared": "reported for the same click before",
    "missing": "never queued",
}


@dataclass(frozen=True, slots=True)
class Ledger:
    """Which rows of one channel's ledger somebody asked to see. Dates are days of the decision in the viewer's zone."""

    channel: Channel
    state: str = ""
    job: str = ""
    decided_from: date | None = None
    decided_to: date | None = None
    zone: tzinfo = UTC
    problems: tuple[str, ...] = field(default=(), compare=False)

    @classmethod
    def read(cls, channel: Channel, args: Mapping[str, str], zone: tzinfo = UTC) -> Ledger:
        """From an address's query. What cannot be read is left out and named in `problems`."""
        problems: list[str] = []
        return cls(
            channel=channel,
            state=one_of(args, "state", set(STATES), problems),
            job=args.get("job", "").strip()[:255],
            decided_from=day(args, "from", problems),
            decided_to=day(args, "to", problems),
            zone=zone,
            problems=tuple(problems),
        )

    @property
    def is_empty(self) -> bool:
        return not self.args

    @property
    def args(self) -> dict[str, str]:
        """The query of an address that asks for the same."""
        named = {
            "state": self.state,
            "job": self.job,
            "from": self.decided_from.isoformat() if self.decided_from else "",
            "to": self.decided_to.isoformat() if self.decided_to else "",
        }
        return {name: value for name, value in named.items() if value}

    def statement(self, now: datetime) -> Select[Any]:
        """The rows asked for, in no order."""
        return select(Outbound).where(Outbound.channel == self.channel, *self._conditions(now))

    def _conditions(self, now: datetime) -> Iterator[ColumnElement[bool]]:
        if self.state:
            yield in_state(self.state, now)
        if self.job:
            jobs = select(Job.id).where(
                or_(Job.reference == self.job, Job.public_id == self.job, Job.title == self.job)
            )
            yield Outbound.application_id.in_(select(Application.id).where(Application.job_id.in_(jobs)))
        if self.decided_from:
            yield Outbound.event_time >= self._midnight(self.decided_from)
        if self.decided_to:
            yield Outbound.event_time < self._midnight(self.decided_to + timedelta(days=1))

    def _midnight(self, when: date) -> datetime:
        return datetime.combine(when, time(), self.zone).astimezone(UTC)


@dataclass(frozen=True, slots=True)
class Parity:
    """How many people stand in a stage that reports a conversion, and what became of each one's report."""

    hires: int
    parts: Mapping[str, int]

    @property
    def holds(self) -> bool:
        return self.parts.get("missing", 0) == 0 and sum(self.parts.values()) == self.hires

    @property
    def sentence(self) -> str:
        """ "14 hires = 12 sent + 1 held + 1 without click id"."""
        noun = "hire" if self.hires == 1 else "hires"
        counted = [f"{self.parts[name]:,} {words}" for name, words in PARITY_WORDS.items() if self.parts.get(name)]
        return f"{self.hires:,} {noun} = {' + '.join(counted) or '0 sent'}"


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
    loaded = asked.statement(now).options(
        joinedload(Outbound.application).joinedload(Application.job), selectinload(Outbound.tries)
    )
    rows, following = rows_after(session, loaded, cursor, None, Outbound.id)
    return Page(rows, following, None)


def ledger_rows(session: Session, asked: Ledger, *, now: datetime) -> Sequence[Outbound]:
    """All rows asked for, for a download."""
    loaded = joinedload(Outbound.application).joinedload(Application.job)
    return session.scalars(asked.statement(now).options(loaded).order_by(Outbound.id.desc())).unique().all()


def failing(session: Session) -> int:
    """How many reports want somebody's eye: parked, or tried without success so far."""
    wants = or_(Outbound.state == State.PARKED, and_(Outbound.state == State.WAITING, Outbound.failures > 0))
    return session.scalar(select(func.count()).where(wants)) or 0


def parity(session: Session, stages: Mapping[str, int], *, now: datetime) -> Parity:
    """Compare the people in reporting `stages` (stage → conversion event) with the ledger, person by person."""
    parts: Counter[str] = Counter()
    hires = 0
    for stage, event in stages.items():
        own = aliased(Outbound)
        rows = session.execute(
            select(own, _shared(event))
            .select_from(Application)
            .outerjoin(own, _reports(own, event))
            .where(Application.stage == stage, Application.completed.is_(True))
        )
        for outbound, shared in rows:
            hires += 1
            parts[outbound.shown_state(now) if outbound else "shared" if shared else "missing"] += 1
    return Parity(hires, parts)


def _reports(row: Any, event: int) -> ColumnElement[bool]:
    return and_(
        row.application_id == Application.id,
        row.channel == Channel.CONVERSION,
        row.event == str(event),
        row.state != State.CANCELLED,
    )


def _shared(event: int) -> ColumnElement[bool]:
    """Whether another application's row reported this person's click."""
    other = aliased(Outbound)
    return exists().where(
        other.tlr_sid == Application.tlr_sid,
        other.channel == Channel.CONVERSION,
        other.event == str(event),
        other.state != State.CANCELLED,
    )
