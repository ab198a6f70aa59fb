"""Whether reminders can be sent at all (settings), and who may be written to now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import Session

from config import Config
from dashboard.mail_address import is_address
from dashboard.models import Application, Attempt, FollowUp, Outbound, Reminder
from dashboard.models.outbound import UNDER_WAY, Channel, State
from dashboard.services.cadence import APART, MAX_MESSAGES
from dashboard.services.opt_outs import OPTED_OUT_WORDS, is_opted_out

COMPLETED_WORDS: Final = "They have completed their application."
GONE_WORDS: Final = "Their data is no longer here."
NO_EMAIL_WORDS: Final = "They gave no e-mail address that can be written to."
MONTH: Final = timedelta(days=30)
"""For so long messages count against what one e-mail address may get, whatever it applied for."""
WAITING_WORDS: Final = "A message to them is waiting to be sent."


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
            secrets=(config.secret_key, *config.secret_key_retired),
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
        """Why no mail can be sent to anybody; None where it can."""
        return _lacking("No mail can be sent", self._for_mail)

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


def no_longer_wanted(
    session: Session, application: Application | None, follow_up: FollowUp | None, rules: Rules
) -> str | None:
    """Why nothing may be sent to this person whatever was decided before; asked again at the moment of sending."""
    if application is None or follow_up is None:
        return GONE_WORDS
    if application.restricted_at is not None:
        return GONE_WORDS
    if application.completed or follow_up.completed_at is not None:
        return COMPLETED_WORDS
    if not is_address(application.email):
        return NO_EMAIL_WORDS
    if follow_up.opted_out_at is not None or is_opted_out(session, application.email or "", rules.secrets):
        return OPTED_OUT_WORDS
    return None


def blocked(
    session: Session, application: Application, follow_up: FollowUp | None, rules: Rules, now: datetime
) -> str | None:
    """Why nobody may write to this person now, in words; None where they may."""
    return no_longer_wanted(session, application, follow_up, rules) or _too_much(session, application, now)


def _too_much(session: Session, application: Application, now: datetime) -> str | None:
    if len(numbers_taken(session, application.id)) >= MAX_MESSAGES:
        return f"They have had {MAX_MESSAGES} of {MAX_MESSAGES} messages."
    theirs = _to_same_person(application)
    under_way = session.scalar(select(Outbound.state).where(theirs, Outbound.state.in_(UNDER_WAY)).limit(1))
    if under_way == State.PARKED:
        return "An earlier message to them could not be sent. Retry it or take it back first."
    if under_way is not None:
        return WAITING_WORDS
    last = last_written_at(session, application)
    if last is not None and now - last < APART:
        return f"They had a message less than {APART // timedelta(hours=1)} hours ago."
    since = func.coalesce(Outbound.sent_at, Outbound.event_time) > now - MONTH
    if (session.scalar(select(func.count()).where(theirs, _may_have_arrived(), since)) or 0) >= MAX_MESSAGES:
        return f"Their e-mail address had {MAX_MESSAGES} messages in {MONTH.days} days, for all they applied for."
    return None


def last_written_at(session: Session, application: Application, *, besides: int | None = None) -> datetime | None:
    """When this person was last sent a reminder that arrived or may have, for whatever they applied for.

    `besides`: the id of an outbox row that does not count.
    """
    theirs = _to_same_person(application) & (Outbound.id != (besides or 0))
    sent = session.scalar(select(func.max(Outbound.sent_at)).where(theirs, Outbound.state == State.SENT))
    unsure = session.scalar(
        select(func.max(Attempt.finished_at))
        .join(Outbound, Outbound.id == Attempt.outbound_id)
        .where(theirs, Attempt.outcome == "uncertain")
    )
    return max((moment for moment in (sent, unsure) if moment), default=None)


def _to_same_person(application: Application) -> ColumnElement[bool]:
    same_person = select(Application.id).where(Application.email_key == application.email_key)
    return (Outbound.channel == Channel.REMINDER) & Outbound.application_id.in_(same_person)


def _may_have_arrived() -> ColumnElement[bool]:
    return or_(Outbound.state == State.SENT, Outbound.uncertain > 0)


def numbers_taken(session: Session, application_id: int) -> set[int]:
    """The numbers of the reminders that went out, may have, or may yet: none is given to other words."""
    return set(
        session.scalars(
            select(Reminder.number)
            .join(Outbound, Outbound.id == Reminder.outbound_id)
            .where(
                Reminder.application_id == application_id, or_(Outbound.state != State.CANCELLED, _may_have_arrived())
            )
        )
    )
