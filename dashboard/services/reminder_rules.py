"""Whether reminders can be sent at all (settings), and who may be written to now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, ScalarSelect, Select, case, func, or_, select
from sqlalchemy.orm import Session, aliased

from config import Config
from dashboard.mail_address import is_address
from dashboard.models import Application, Attempt, FollowUp, Outbound, Reminder
from dashboard.models.outbound import UNDER_WAY, Channel, State
from dashboard.services import opt_outs
from dashboard.services.cadence import APART, MAX_MESSAGES
from dashboard.services.opt_outs import OPTED_OUT_WORDS, is_opted_out

COMPLETED_WORDS: Final = "They have completed their application."
GONE_WORDS: Final = "Their data is no longer here."
NO_EMAIL_WORDS: Final = "They gave no email address that works."
MONTH: Final = timedelta(days=30)
"""For so long messages count against what one email address may get, whatever it applied for."""
WAITING_WORDS: Final = "An email to them is waiting to be sent."

_UNSURE: Final = Attempt.outcome == "uncertain"


@dataclass(frozen=True, slots=True)
class Rules:
    """What reminders take from the settings. `secrets`: the key for opt-outs and links, then the retired ones."""

    public_url: str
    secrets: tuple[str, ...] = field(repr=False)
    has_server: bool = False
    mail_from: str | None = None
    postal_address: str | None = None
    apply_url: str | None = None
    """Where apply links of jobs without an address of their own lead; `{job_reference}` stands for the job's."""
    hold: timedelta = timedelta(seconds=60)

    @classmethod
    def of(cls, config: Config) -> Rules:
        return cls(
            public_url=config.public_url,
            secrets=config.secrets,
            has_server=config.mail_url is not None,
            mail_from=config.mail_from,
            postal_address=config.mail_postal_address,
            apply_url=config.apply_url,
            hold=timedelta(seconds=config.mail_hold),
        )

    @property
    def unready(self) -> str | None:
        """Why no reminder can be sent at all, naming the settings that are missing; None where they are there."""
        needed = {**self._for_mail, "MAIL_POSTAL_ADDRESS": self.postal_address}
        return _lacking("Reminders can be written but not sent", needed)

    @property
    def no_mail(self) -> str | None:
        """Why no email can be sent to anybody; None where it can."""
        return _lacking("No email can be sent", self._for_mail)

    @property
    def _for_mail(self) -> Mapping[str, object]:
        return {"MAIL_URL": self.has_server, "MAIL_FROM": self.mail_from}


def _lacking(consequence: str, needed: Mapping[str, object]) -> str | None:
    missing = [name for name, value in needed.items() if not value]
    if not missing:
        return None
    named = " and ".join(part for part in (", ".join(missing[:-1]), missing[-1]) if part)
    are = "is" if len(missing) == 1 else "are"
    return f"{consequence}: {named} {are} not set. Ask whoever runs this dashboard."


@dataclass(frozen=True, slots=True)
class Standing:
    """Whether one person wants to be written to, and what they were written, for whatever they applied for.

    `opted_out`: the ways in which it was noted that they do not. `taken`: how many of this application's messages went
    out, may have, or may yet. `parked`: of those under way, whether one stopped (1); None where none is. `sent_at`,
    `unsure_at`: the last that arrived, the last that may have; `lately`: how many of both within a `MONTH`.
    """

    opted_out: frozenset[str]
    taken: int
    parked: int | None
    sent_at: datetime | None
    unsure_at: datetime | None
    lately: int

    @property
    def last_at(self) -> datetime | None:
        return max((moment for moment in (self.sent_at, self.unsure_at) if moment), default=None)


def standing(session: Session, application: Application, rules: Rules, now: datetime) -> Standing:
    """One person's, in one statement."""
    ways = opt_outs.ways(application.email_key or "", rules.secrets)
    found = select(*standing_columns(now), *ways).select_from(Application).where(Application.id == application.id)
    *told, first, last = session.execute(found).one()
    return Standing(frozenset(way for way in (first, last) if way), *told)


def no_longer_wanted(
    session: Session, application: Application | None, follow_up: FollowUp | None, rules: Rules
) -> str | None:
    """Why nothing may be sent to this person whatever was decided before; asked again at the moment of sending."""
    why = _over(application, follow_up)
    if why is None and application and is_opted_out(session, application.email or "", rules.secrets):
        return OPTED_OUT_WORDS
    return why


def _over(application: Application | None, follow_up: FollowUp | None) -> str | None:
    if application is None or follow_up is None:
        return GONE_WORDS
    if application.restricted_at is not None:
        return GONE_WORDS
    if application.completed or follow_up.completed_at is not None:
        return COMPLETED_WORDS
    if not is_address(application.email):
        return NO_EMAIL_WORDS
    return None if follow_up.opted_out_at is None else OPTED_OUT_WORDS


def blocked(
    session: Session, application: Application, follow_up: FollowUp | None, rules: Rules, now: datetime
) -> str | None:
    """Why nobody may write to this person now, in words; None where they may. One statement."""
    return why_not(application, follow_up, standing(session, application, rules, now), now)


def why_not(application: Application, follow_up: FollowUp | None, stands: Standing, now: datetime) -> str | None:
    """The same, where it is known how they stand."""
    opted_out = OPTED_OUT_WORDS if stands.opted_out else None
    return _over(application, follow_up) or opted_out or _too_much(stands, now)


def _too_much(stands: Standing, now: datetime) -> str | None:
    if stands.taken >= MAX_MESSAGES:
        return f"They got {MAX_MESSAGES} of {MAX_MESSAGES} emails."
    if stands.parked:
        return "An earlier email to them failed. Try it again first."
    if stands.parked is not None:
        return WAITING_WORDS
    if stands.last_at is not None and now - stands.last_at < APART:
        return f"They got an email less than {APART // timedelta(hours=1)} hours ago."
    if stands.lately >= MAX_MESSAGES:
        return f"They got {MAX_MESSAGES} emails in {MONTH.days} days, across all jobs they applied for."
    return None


def standing_columns(now: datetime) -> tuple[ScalarSelect[Any], ...]:
    """`Standing` without the opt-outs, as columns of any statement over `Application`."""
    numbers = _taken(select(func.count(Reminder.number.distinct())), Application.id)
    stopped = func.max(case((Outbound.state == State.PARKED, 1), else_=0))
    since = func.coalesce(Outbound.sent_at, Outbound.event_time) > now - MONTH
    told = (
        numbers,
        _to_this_person(select(stopped)).where(Outbound.state.in_(UNDER_WAY)),
        _to_this_person(select(func.max(Outbound.sent_at))).where(Outbound.state == State.SENT),
        _to_this_person(select(func.max(Attempt.finished_at)).join(Outbound.tries)).where(_UNSURE),
        _to_this_person(select(func.count(Outbound.id))).where(_may_have_arrived(), since),
    )
    return tuple(one.correlate(Application).scalar_subquery() for one in told)


def _to_this_person(asked: Select[Any]) -> Select[Any]:
    """Of the reminders to whoever has the email address of a statement's `Application`, whatever they applied for."""
    same = aliased(Application)
    theirs = asked.select_from(Outbound).join(same, same.id == Outbound.application_id)
    return theirs.where(Outbound.channel == Channel.REMINDER, same.email_key == Application.email_key)


def last_written_at(session: Session, application: Application, *, besides: int | None = None) -> datetime | None:
    """When this person was last sent a reminder that arrived or may have, for whatever they applied for.

    `besides`: the id of an outbox row that does not count.
    """
    theirs = _to_same_person(application) & (Outbound.id != (besides or 0))
    sent = session.scalar(select(func.max(Outbound.sent_at)).where(theirs, Outbound.state == State.SENT))
    unsure = session.scalar(
        select(func.max(Attempt.finished_at)).join(Outbound, Outbound.id == Attempt.outbound_id).where(theirs, _UNSURE)
    )
    return max((moment for moment in (sent, unsure) if moment), default=None)


def _to_same_person(application: Application) -> ColumnElement[bool]:
    same_person = select(Application.id).where(Application.email_key == application.email_key)
    return (Outbound.channel == Channel.REMINDER) & Outbound.application_id.in_(same_person)


def _may_have_arrived() -> ColumnElement[bool]:
    return or_(Outbound.state == State.SENT, Outbound.uncertain > 0)


def numbers_taken(session: Session, application_id: int) -> set[int]:
    """The numbers of the reminders that went out, may have, or may yet: none is given to other words."""
    return set(session.scalars(_taken(select(Reminder.number), application_id)))


def _taken(asked: Select[Any], application_id: Any) -> Select[Any]:
    counts = or_(Outbound.state != State.CANCELLED, _may_have_arrived())
    own = asked.join(Outbound, Outbound.id == Reminder.outbound_id)
    return own.where(Reminder.application_id == application_id, counts)
