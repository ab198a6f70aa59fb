"""When a job's cadence writes next to somebody who did not finish: planning only; `reminders.queue_due` writes."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session, contains_eager

from dashboard import daytime
from dashboard.mail_address import is_address
from dashboard.models import Application, FollowUp, JobFollowUp, Outbound, Reminder
from dashboard.models.outbound import UNDER_WAY, Channel, State

MAX_MESSAGES: Final = 3
"""Reminders to one applicant, ever, whoever writes them."""
MAX_DAYS: Final = 13
"""The last day a step can be on: with its night it still lies within `ONLY_SINCE`."""
ONLY_SINCE: Final = timedelta(days=14)
"""Turning a cadence on must not write to everybody of the last year: nobody hears from it later than this."""
APART: Final = timedelta(hours=20)
"""Between two reminders to one person, whoever writes them."""

_NIGHT: Final = timedelta(hours=4)
"""Two steps a day apart may come this much closer, so that a night's delay of one does not put off all after it."""


def plan(session: Session, follow_up: FollowUp, now: datetime) -> None:
    """Set when the cadence of the applicant's job writes next; None where it does not."""
    application = session.get_one(Application, follow_up.application_id)
    settings = session.get(JobFollowUp, application.job_id) if application.job_id is not None else None
    if settings is None or not settings.active:
        follow_up.next_message_at = None
        return
    written = _written(session, Outbound.application_id == follow_up.application_id)
    follow_up.next_message_at = _next(follow_up, application, settings, now, written.get(application.id, ()))
    follow_up.next_blocked = None


def replan_job(session: Session, job_id: int, now: datetime) -> None:
    """Plan anew for everybody whom the job's changed settings concern."""
    settings = session.get(JobFollowUp, job_id)
    concerned = session.scalars(
        select(FollowUp)
        .join(FollowUp.application)
        .where(Application.job_id == job_id, FollowUp.completed_at.is_(None))
        .where(FollowUp.next_message_at.is_not(None) | (FollowUp.since >= now - ONLY_SINCE))
        .order_by(FollowUp.id)
        .with_for_update(of=FollowUp, key_share=True)
        .options(contains_eager(FollowUp.application))
        .execution_options(populate_existing=True)
    ).all()
    # Asked for all at once: a busy job has thousands, and meanwhile nobody else can write to SQLite.
    people = select(Application.id).where(Application.job_id == job_id)
    written = _written(session, Outbound.application_id.in_(people))
    for follow_up in concerned:
        own = written.get(follow_up.application_id, ())
        follow_up.next_message_at = _next(follow_up, follow_up.application, settings, now, own)
        follow_up.next_blocked = None
    session.flush()


def step_of(follow_up: FollowUp, settings: JobFollowUp | None) -> dict[str, Any] | None:
    """The step that is next for this person; None where none is.

    A message that a person wrote takes the place of a step: nobody gets more because somebody looked after them.
    """
    if settings is None or not settings.active or follow_up.messages >= min(len(settings.steps), MAX_MESSAGES):
        return None
    return settings.steps[follow_up.messages]


def is_due(session: Session, now: datetime) -> bool:
    """Whether any cadence has something to write. Only reads."""
    return session.scalar(select(FollowUp.id).where(FollowUp.next_message_at <= now).limit(1)) is not None


def _next(
    follow_up: FollowUp,
    application: Application,
    settings: JobFollowUp | None,
    now: datetime,
    written: Iterable[Any],
) -> datetime | None:
    step = step_of(follow_up, settings)
    if step is None or settings is None or not _can_be_written_to(follow_up, application):
        return None
    wanted = follow_up.since + timedelta(days=step["days"])
    if follow_up.last_message_at:
        wanted = max(wanted, follow_up.last_message_at + _gap(follow_up.messages, settings))
    moment = daytime.next_day(max(wanted, now), *application.states)
    if moment > follow_up.since + ONLY_SINCE or _is_answered_for(follow_up, written):
        return None
    return daytime.next_day(wanted, *application.states)


def _can_be_written_to(follow_up: FollowUp, application: Application) -> bool:
    over = follow_up.completed_at or follow_up.opted_out_at or application.completed or application.restricted_at
    return not over and is_address(application.email)


def _gap(step: int, settings: JobFollowUp) -> timedelta:
    """The distance of a step from the one before it, kept also where that one went out late."""
    before = settings.steps[step - 1]["days"] if step else 0
    return max(APART, timedelta(days=settings.steps[step]["days"] - before) - _NIGHT)


def _written(session: Session, whose: ColumnElement[bool]) -> dict[int, list[Any]]:
    """The reminders to some applicants, by application: how each stands, whether the cadence wrote it, its number."""
    found = session.execute(
        select(Outbound.state, Reminder.automatic, Reminder.number, Reminder.application_id)
        .join(Reminder, Reminder.outbound_id == Outbound.id)
        .where(whose, Outbound.channel == Channel.REMINDER)
    )
    by_person: dict[int, list[Any]] = {}
    for row in found:
        by_person.setdefault(row.application_id, []).append(row)
    return by_person


def _is_answered_for(follow_up: FollowUp, written: Iterable[Any]) -> bool:
    """Whether a message is under way already, or the next one was written by the cadence and taken back."""
    return any(
        row.state in UNDER_WAY
        or (row.state == State.CANCELLED and row.automatic and row.number == follow_up.messages + 1)
        for row in written
    )
