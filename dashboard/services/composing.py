"""Writing one message to chosen people: each one's own copy before it is sent, and undoing all of them after."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, and_, func, select
from sqlalchemy.orm import Session

from dashboard import daytime
from dashboard.date_words import clock
from dashboard.models import Application, FollowUp, JobFollowUp, Outbound
from dashboard.models.outbound import Channel, State
from dashboard.services import opt_outs, reminders
from dashboard.services.reminder_rules import Rules, Standing, standing_columns, why_not
from dashboard.services.reminder_words import FIELDS
from dashboard.services.reminders import Draft


@dataclass(frozen=True, slots=True)
class Reader:
    """Somebody who was chosen, with all that decides whether and what they may be written."""

    application: Application
    follow_up: FollowUp | None
    settings: JobFollowUp | None
    stands: Standing


@dataclass(frozen=True, slots=True)
class Copy:
    """A message as one person would get it. `blocked`: why nobody may write to them now, whatever the words."""

    application: Application
    follow_up: FollowUp | None
    draft: Draft
    blocked: str | None

    @property
    def why_not(self) -> str | None:
        """Why it cannot be sent to them, in words; None where it can."""
        if self.blocked is None and self.draft.missing:
            return f"Not known: {', '.join(self.draft.missing)}."
        return self.blocked

    @property
    def lacks_apply_url(self) -> bool:
        """Whether nothing but the job's apply link is in the way, which an HR administrator can add."""
        lacks = self.blocked is None and self.draft.missing == (FIELDS["apply_link"],)
        return lacks and self.application.job is not None

    def clocks(self, now: datetime) -> list[str]:
        """What the clocks show where the person lives: "10:40 PM", or two where their state has two zones."""
        return list(dict.fromkeys(clock(now.astimezone(zone)) for zone in daytime.zones(*self.application.states)))


@dataclass(frozen=True, slots=True)
class Chosen:
    """Somebody to write to, by name; it outlives the transaction that read it."""

    id: int
    public_id: str
    name: str


@dataclass(frozen=True, slots=True)
class Batch:
    """Messages that somebody sent in one go and that can still be taken back, all until `leaves_at`."""

    sent_at: datetime
    leaves_at: datetime
    count: int


def readers(session: Session, public_ids: Sequence[str], rules: Rules, now: datetime) -> list[Reader]:
    """Who was chosen, in the order in which they were; ids of nobody are left out. Two statements, however many."""
    if not public_ids:
        return []
    rows = session.execute(
        select(Application, FollowUp, JobFollowUp, *standing_columns(now))
        .outerjoin(FollowUp, FollowUp.application_id == Application.id)
        .outerjoin(JobFollowUp, JobFollowUp.job_id == Application.job_id)
        .where(Application.public_id.in_(public_ids), Application.is_shown())
    ).all()
    noted = opt_outs.noted(session, {row.Application.email_key or "" for row in rows}, rules.secrets)
    found = {}
    for application, follow_up, settings, *told in rows:
        stands = Standing(frozenset(noted.get(application.email_key or "", ())), *told)
        found[application.public_id] = Reader(application, follow_up, settings, stands)
    return [found[public_id] for public_id in dict.fromkeys(public_ids) if public_id in found]


def copies(readers: Iterable[Reader], subject: str, body: str, rules: Rules, now: datetime) -> list[Copy]:
    """Each reader's copy. Raises `BadWords`."""
    return [_copy(reader, subject, body, rules, now) for reader in readers]


def chosen(session: Session, public_ids: Sequence[str]) -> list[Chosen]:
    """The people who were chosen, in the order in which they were; ids of nobody are left out."""
    found = session.scalars(select(Application).where(Application.public_id.in_(public_ids), Application.is_shown()))
    by_id = {one.public_id: Chosen(one.id, one.public_id, one.name) for one in found}
    return [by_id[public_id] for public_id in dict.fromkeys(public_ids) if public_id in by_id]


def held(session: Session, user_id: int, now: datetime) -> Batch | None:
    """What this person sent last, as far as it can still be taken back."""
    batches = (
        select(Outbound.event_time, func.max(Outbound.due_at), func.count())
        .where(_sent_by(user_id), Outbound.state == State.WAITING, Outbound.failures == 0, Outbound.due_at > now)
        .group_by(Outbound.event_time)
        .order_by(Outbound.event_time.desc())
        .limit(1)
    )
    newest = session.execute(batches).first()
    return Batch(*newest) if newest else None


def batch(session: Session, user_id: int, sent_at: datetime) -> Sequence[int]:
    """The outbox rows of what this person sent in one go and nobody has taken back."""
    sent = select(Outbound.id).where(
        _sent_by(user_id), Outbound.event_time == sent_at, Outbound.state != State.CANCELLED
    )
    return session.scalars(sent.order_by(Outbound.id)).all()


def _sent_by(user_id: int) -> ColumnElement[bool]:
    return and_(Outbound.channel == Channel.REMINDER, Outbound.created_by_id == user_id)


def _copy(reader: Reader, subject: str, body: str, rules: Rules, now: datetime) -> Copy:
    application, follow_up = reader.application, reader.follow_up
    draft = reminders.draft(application, follow_up, subject, body, reader.settings, rules)
    return Copy(application, follow_up, draft, why_not(application, follow_up, reader.stands, now))
