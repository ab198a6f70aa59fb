"""People who did not finish, and what is written to them: for tests on the fixtures of `outbox_fixtures`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from dashboard.database import start_writing
from dashboard.models import Application, FollowUp, Job, JobFollowUp, Outbound, Reminder, ReminderTemplate
from dashboard.models.outbound import Channel
from dashboard.person_keys import email_key
from dashboard.services import cadence, reminders
from dashboard.services.reminders import Queued, Rules
from tests.outbox_fixtures import NOON, add_applicant

SECRET: Final = "for the tests only, nothing is secret"
RULES: Final = Rules("https://jobs.example.com", (SECRET,), True, "jobs@example.com", "1 Quay Street, Austin, TX 78701")
MAIL_SETTINGS: Final = {
    "mail_from": "Harbor & Vale <jobs@example.com>",
    "mail_postal_address": "1 Quay Street, Austin, TX 78701",
    "public_url": "https://jobs.example.com",
}
AFTERNOON: Final = NOON + timedelta(hours=8)
"""20:00 UTC: day everywhere from Honolulu to New York."""


def add_unfinished(session: Session, name: str = "Ada", *, job: Job | None = None, **fields: Any) -> Application:
    """Somebody in New York who did not finish, as `completion` would have noted them."""
    facts: dict[str, Any] = {"completed": False, "state": "NY", "started_at": NOON, "job_id": job.id if job else None}
    since = fields.get("started_at", NOON)
    application = add_applicant(session, name, **facts | fields)
    application.email_key = email_key(application.email)
    session.add(FollowUp(application_id=application.id, since=since, messages=0, missing=[], answered=0))
    session.commit()
    return application


def follow_up_of(session: Session, application: Application | int) -> FollowUp:
    session.rollback()
    number = application if isinstance(application, int) else application.id
    return session.scalars(select(FollowUp).where(FollowUp.application_id == number)).one()


def write(
    session: Session,
    *applications: Application,
    at: datetime = AFTERNOON,
    subject: str = "Your application",
    body: str = "Hello {first_name}",
    rules: Rules = RULES,
    **more: Any,
) -> Queued:
    """Queue one reminder to each, and commit."""
    numbers = [one.id for one in applications]
    session.rollback()
    start_writing(session)
    chosen = {"template_id": None, "user_id": None, **more}
    queued = reminders.queue(session, numbers, subject, body, at=at, rules=rules, **chosen)
    session.commit()
    return queued


def messages(session: Session) -> list[Outbound]:
    """The outbox rows of reminders as they are now, oldest first."""
    session.rollback()
    rows = select(Outbound).where(Outbound.channel == Channel.REMINDER).order_by(Outbound.id)
    return list(session.scalars(rows))


def only_message(session: Session) -> Outbound:
    (row,) = messages(session)
    return row


def words(session: Session) -> list[Reminder]:
    session.rollback()
    return list(session.scalars(select(Reminder).order_by(Reminder.id)))


def set_cadence(
    session: Session, job: Job, days: Iterable[int] = (1, 3, 7), *, now: datetime = NOON, **fields: Any
) -> list[ReminderTemplate]:
    """Turn a job's cadence on, with a template of its own for each step, and plan it."""
    session.rollback()
    start_writing(session)
    templates = [
        ReminderTemplate(name=f"day {day}", subject=f"Day {day}", body="Hello {first_name}", updated_at=now)
        for day in days
    ]
    session.add_all(templates)
    session.flush()
    steps = [{"days": day, "template": one.id} for day, one in zip(days, templates, strict=True)]
    settings: Mapping[str, Any] = {"active": True, "steps": steps, "updated_at": now, **fields}
    session.merge(JobFollowUp(job_id=job.id, **settings))
    session.flush()
    cadence.replan_job(session, job.id, now)
    session.commit()
    return templates


def take_next_steps(session: Session, now: datetime, rules: Rules = RULES) -> int:
    """What the worker does every half minute."""
    session.rollback()
    start_writing(session)
    looked_at = reminders.queue_due(session, now, rules)
    session.commit()
    return looked_at
