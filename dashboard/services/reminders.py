"""Writing to people who did not finish: who may be written to, the words, the outbox row; by hand or by cadence."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from dashboard import daytime
from dashboard.models import Application, FollowUp, JobFollowUp, Outbound, Reminder, ReminderTemplate
from dashboard.models.outbound import Channel, State
from dashboard.services import cadence, key_locks, queueing, reminder_words
from dashboard.services.cadence import MAX_MESSAGES
from dashboard.services.opt_outs import OPTED_OUT_WORDS
from dashboard.services.reminder_rules import GONE_WORDS, WAITING_WORDS, Rules, blocked, numbers_taken
from dashboard.services.reminder_words import BadWords

BATCH: Final = 50
"""At most so many automatic messages in one transaction."""
UNDONE_WORDS: Final = "Undone before it was sent."
UNSURE_WORDS: Final = "It may have arrived. It is not tried again."
PUT_AWAY_WORDS: Final = "Its template is archived."
TRY_AGAIN: Final = timedelta(days=1)
_PURPOSE: Final = b"reminders"


@dataclass(frozen=True, slots=True)
class Draft:
    """A reminder as it would be sent. `closing`: the lines added below. `missing`: merge fields without a value."""

    subject: str
    body: str
    closing: str
    missing: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Queued:
    """`done`: ids of the outbox rows (for `undo`). `skipped`: application id and why, in words."""

    done: tuple[int, ...]
    skipped: tuple[tuple[int, str], ...]


@dataclass(frozen=True, slots=True)
class _Message:
    """What somebody, or a cadence, wants to write, before it is merged."""

    subject: str
    body: str
    template_id: int | None
    user_id: int | None
    at: datetime
    automatic: bool


class _Blocked(Exception):
    """This person cannot be written to; the message says why."""


# --- the words ------------------------------------------------------------------------------------------------------


def draft(
    application: Application,
    follow_up: FollowUp | None,
    subject: str,
    body: str,
    job_settings: JobFollowUp | None,
    rules: Rules,
) -> Draft:
    """The reminder as this person would get it. Raises `BadWords` for a merge field there is not."""
    values = reminder_words.values_for(application, follow_up, job_settings, rules.apply_url)
    head, text = reminder_words.merge(subject, values), reminder_words.merge(body, values)
    return Draft(
        subject=" ".join(head.text.split()),
        body=text.text.strip(),
        closing=closing(application, f"{rules.public_url}/unsubscribe/…", rules),
        missing=tuple(dict.fromkeys((*head.missing, *text.missing))),
    )


def closing(application: Application, unsubscribe_url: str, rules: Rules) -> str:
    """The lines below every reminder: why it came, from where, and how to get no more."""
    values = reminder_words.values_for(application, None, None)
    title, company = values["job_title"] or "a job", values["company"]
    why = f"You're getting this email because you started an application for {title}"
    return "\n".join(
        (
            f"{why}{f' at {company}' if company else ''}.",
            rules.postal_address or "[The postal address is not set: MAIL_POSTAL_ADDRESS]",
            f"To stop these emails: {unsubscribe_url}",
        )
    )


# --- writing --------------------------------------------------------------------------------------------------------


def queue(
    session: Session,
    application_ids: Iterable[int],
    subject: str,
    body: str,
    *,
    template_id: int | None,
    user_id: int | None,
    at: datetime,
    rules: Rules,
    automatic: bool = False,
) -> Queued:
    """Queue one reminder to each of these applicants who may have one. The caller has begun to write, and commits.

    Raises `BadWords`, with nothing queued, for a merge field there is not.
    """
    for text in (subject, body):
        reminder_words.fields_in(text)
    message = _Message(subject, body, template_id, user_id, at, automatic)
    wanted = tuple(dict.fromkeys(application_ids))
    found = _locked(session, wanted)
    done: list[int] = []
    skipped: list[tuple[int, str]] = []
    for application_id in wanted:
        try:
            done.append(_write_to(session, found.get(application_id), message, rules))
        except _Blocked as why:
            skipped.append((application_id, str(why)))
    return Queued(tuple(done), tuple(skipped))


def undo(session: Session, outbound_id: int, *, now: datetime) -> bool:
    """Take back a reminder that has not gone out. False where it has, or was taken back before.

    One that may have gone out (`Outbound.uncertain`) is not tried again, and counts as sent.
    The job's cadence goes on as if it had not been written; where the cadence wrote it, it does not write it again.
    """
    theirs = select(Outbound.application_id).where(Outbound.id == outbound_id).scalar_subquery()
    # Before the row, as whoever else locks both: what finishes the application, and what writes to them.
    follow_up = session.scalar(
        select(FollowUp)
        .where(FollowUp.application_id == theirs)
        .with_for_update(of=FollowUp, key_share=True)
        .execution_options(populate_existing=True)
    )
    row = session.scalar(
        select(Outbound)
        .where(Outbound.id == outbound_id, Outbound.channel == Channel.REMINDER)
        .with_for_update(of=Outbound)
        .execution_options(populate_existing=True)
    )
    if row is None or row.state not in queueing.UNSENT:
        return False
    row.state, row.last_answer = State.CANCELLED, UNSURE_WORDS if row.uncertain else UNDONE_WORDS
    session.flush()
    if follow_up is not None:
        cadence.plan(session, follow_up, now)
    return True


def queue_due(session: Session, now: datetime, rules: Rules) -> int:
    """Write what the jobs' cadences have due, a bounded batch. Returns how many people it looked at.

    The caller has begun to write, and commits. While reminders cannot be sent at all, nothing is queued.
    """
    if rules.unready:
        return 0
    due = session.scalars(
        select(FollowUp.application_id)
        .where(FollowUp.next_message_at <= now)
        .order_by(FollowUp.next_message_at, FollowUp.id)
        .limit(BATCH)
    ).all()
    for follow_up in _locked(session, due).values():
        if follow_up.next_message_at is not None and follow_up.next_message_at <= now:
            _take_next_step(session, follow_up, now, rules)
    session.flush()
    return len(due)


def _locked(session: Session, application_ids: Sequence[int]) -> dict[int, FollowUp]:
    """Application id → follow-up, nobody else's until the transaction ends.

    So that of two people who write to the same person at once, the second sees the first one's message. Applications
    first, as `completion` does it: a new outbox row refers to its application, which PostgreSQL locks for that.
    """
    people = session.execute(
        select(Application.id, Application.email_key)
        .where(Application.id.in_(application_ids))
        .order_by(Application.id)
        .with_for_update(read=True, key_share=True)
    ).all()
    # One person's other applications as well: whoever writes for another of them waits here.
    key_locks.hold(session, [key_locks.number(_PURPOSE, row.email_key) for row in people if row.email_key])
    follow_ups = session.scalars(
        select(FollowUp)
        .where(FollowUp.application_id.in_(application_ids))
        .order_by(FollowUp.id)
        .with_for_update(of=FollowUp, key_share=True)
        .execution_options(populate_existing=True)
    )
    return {follow_up.application_id: follow_up for follow_up in follow_ups}


def _take_next_step(session: Session, follow_up: FollowUp, now: datetime, rules: Rules) -> None:
    application = session.get_one(Application, follow_up.application_id)
    settings = session.get(JobFollowUp, application.job_id) if application.job_id is not None else None
    step = cadence.step_of(follow_up, settings)
    template = session.get(ReminderTemplate, step["template"]) if step else None
    if step is None or follow_up.since < now - cadence.ONLY_SINCE:
        follow_up.next_message_at = None
        return
    if not daytime.is_day(now, *application.states):
        follow_up.next_message_at = daytime.next_day(now, *application.states)
        return
    # What is in the way today (a field without value, a template put away) may have been mended tomorrow.
    follow_up.next_message_at = daytime.next_day(now + TRY_AGAIN, *application.states)
    if template is None or template.archived_at is not None:
        follow_up.next_blocked = PUT_AWAY_WORDS
        return
    try:
        message = _Message(template.subject, template.body, template.id, None, now, automatic=True)
        _write_to(session, follow_up, message, rules)
    except (_Blocked, BadWords) as why:
        follow_up.next_blocked = str(why)[:300]
        if str(why) == OPTED_OUT_WORDS:
            follow_up.opted_out_at, follow_up.next_message_at = now, None


def _write_to(session: Session, follow_up: FollowUp | None, message: _Message, rules: Rules) -> int:
    """Queue one reminder; its outbox row's id. Raises `_Blocked`."""
    if follow_up is None:
        raise _Blocked(GONE_WORDS)
    application = session.get_one(Application, follow_up.application_id, populate_existing=True)
    if why := rules.unready or blocked(session, application, follow_up, rules, message.at):
        raise _Blocked(why)
    settings = session.get(JobFollowUp, application.job_id) if application.job_id is not None else None
    drafted = draft(application, follow_up, message.subject, message.body, settings, rules)
    if drafted.missing:
        raise _Blocked(f"Not known: {', '.join(drafted.missing)}.")
    taken = numbers_taken(session, application.id)
    number = next(one for one in range(1, MAX_MESSAGES + 1) if one not in taken)
    outbound_id = _wait_in_outbox(session, application.id, number, message, rules)
    _keep_words(session, outbound_id, application.id, number, message, drafted)
    follow_up.next_message_at = follow_up.next_blocked = None
    session.flush()
    return outbound_id


def _wait_in_outbox(session: Session, application_id: int, number: int, message: _Message, rules: Rules) -> int:
    row = {
        "channel": Channel.REMINDER,
        "business_key": f"reminder:{application_id}:{number}",
        "application_id": application_id,
        "event": str(number),
        "created_by_id": message.user_id,
    }
    outbound_id, waits = queueing.queue(session, row, at=message.at, due=message.at + rules.hold)
    if not waits:
        raise _Blocked(WAITING_WORDS)
    return outbound_id


def _keep_words(
    session: Session, outbound_id: int, application_id: int, number: int, message: _Message, drafted: Draft
) -> None:
    reminder = session.scalar(select(Reminder).where(Reminder.outbound_id == outbound_id))
    if reminder is None:
        reminder = Reminder(outbound_id=outbound_id, application_id=application_id, number=number)
        session.add(reminder)
    reminder.template_id, reminder.automatic = message.template_id, message.automatic
    reminder.subject, reminder.body = drafted.subject[:500], drafted.body
    session.flush()
