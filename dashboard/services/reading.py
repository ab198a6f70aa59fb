"""An application as a person reads it: its answers and its timeline, from what is stored."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import Row, ScalarSelect, Select, String, cast, literal, null, select, union_all
from sqlalchemy.orm import Session

from dashboard.clock import utcnow
from dashboard.date_words import day
from dashboard.ledger import PARITY_WORDS
from dashboard.models import (
    Activity,
    Application,
    ApplicationTag,
    Delivery,
    FollowUp,
    LinkKey,
    Note,
    Outbound,
    StageChange,
    Tag,
    User,
)
from dashboard.models.outbound import Channel
from dashboard.outbound_words import WORDS
from dashboard.reach import Reach
from dashboard.services import record
from dashboard.services.record import Record
from dashboard.stages import REJECTION_REASONS, Stage
from dashboard.talroo import payload, progress, questions, wire
from dashboard.talroo.answer_sheet import AnswerSheet
from dashboard.talroo.progress import FormQuestion

REPORT_WORDS: Final = {**PARITY_WORDS, "cancelled": "canceled"}


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the timeline; `note` may be empty.

    `other`: the public id of another application it tells of, or empty; `other_unfinished`: that one is not completed,
    so its page is among the incomplete. `written`: the note it is, for whoever may change or remove it.
    """

    at: datetime
    actor: str
    text: str
    note: str = ""
    other: str = ""
    other_unfinished: bool = False
    written: Note | None = None


@dataclass(slots=True)
class Trail:
    """What was done with one application, for a table: when it last moved, why it was rejected, the last note; whose it
    is, and its tags by name.
    """

    moved_at: datetime | None = None
    reason: str = ""
    note: str = ""
    assigned_to: str = ""
    tags: list[str] = field(default_factory=list)


def answers(application: Application) -> AnswerSheet:
    """The questions and answers, read from the delivery that brought them. Never raises for its content."""
    brought_by = application.answers_from
    return sheet(brought_by.body, brought_by.source) if brought_by else questions.read({})


def form(session: Session, job_id: int | None) -> tuple[FormQuestion, ...]:
    """The questions of a job's form, as its newest completed application shows them; none where there is no such."""
    return _form(session.execute(_shows_form(job_id)).first())


def form_and(session: Session, job_id: int, number: ScalarSelect[int]) -> tuple[int, tuple[FormQuestion, ...]]:
    """A number, and the form of a job, in one statement."""
    newest = _shows_form(job_id).subquery()
    asked = select(number.label("number"), literal(1).label("one")).subquery()
    row = session.execute(select(asked.c.number, newest).outerjoin(newest, asked.c.one == 1)).one()
    return row.number, _form(row if row.body is not None else None)


def _shows_form(job_id: int | None) -> Select[bytes, str]:
    return (
        select(Delivery.body, Delivery.source)
        .join(Application, Application.answers_from_id == Delivery.id)
        .where(Application.job_id == job_id, Application.completed.is_(True))
        .order_by(Application.arrived_at.desc(), Application.id.desc())
        .limit(1)
    )


def _form(newest: Row[Any] | Row[bytes, str] | None) -> tuple[FormQuestion, ...]:
    return progress.form(sheet(newest.body, newest.source)) if newest else ()


def sheet(body: bytes, source: str) -> AnswerSheet:
    """The questions and answers in a delivery's body. Never raises for its content."""
    try:
        document = wire.parse(body).value
    except wire.NotJson:
        return questions.read({})
    return questions.read(payload.outside(document, source=source).data)


def timeline(session: Session, application: Application, reach: Reach, *, now: datetime | None = None) -> list[Entry]:
    """What happened to an application, newest first, in one statement; see `history`."""
    return history(application, record.of(session, application, reach, now=now or utcnow()), now=now)


def history(application: Application, found: Record, *, now: datetime | None = None) -> list[Entry]:
    """What happened to an application, newest first: arrivals, what became of what was begun; moves, notes and the rest
    with who, when and from where.

    With `now` also reminders and what Talroo was told of it, or not told as yet.
    """
    # Of the same moment, what follows from the other stands first.
    entries = [*(_reports(application, found, now) if now else ()), *_moves(application, found.changes)]
    entries += [*map(_note, found.notes), *map(_activity, found.activities)]
    entries += _followed_up(application, found)
    entries += (_arrival(delivery) for delivery in reversed(found.deliveries))
    return sorted(entries, key=lambda entry: entry.at, reverse=True)


def trails(session: Session, applications: Iterable[Application]) -> dict[int, Trail]:
    """The trails of many applications in two statements, by application id."""
    found = {application.id: Trail() for application in applications}
    _lead(session, found)
    _whose(session, found)
    return found


def _whose(session: Session, found: Mapping[int, Trail]) -> None:
    """Fill in whose these applications are, and their tags."""
    assigned = select(Application.id.label("id"), User.email.label("word"), cast(null(), String).label("tag"))
    tagged = select(ApplicationTag.application_id, Tag.name, Tag.key).join(Tag, Tag.id == ApplicationTag.tag_id)
    words = union_all(
        assigned.join(User, User.id == Application.assigned_to_id).where(Application.id.in_(found)),
        tagged.where(ApplicationTag.application_id.in_(found)),
    ).subquery()
    for application_id, word, tag in session.execute(select(words).order_by(words.c.tag)):
        if tag is None:
            found[application_id].assigned_to = word
        else:
            found[application_id].tags.append(word)


def _lead(session: Session, found: Mapping[int, Trail]) -> None:
    """Fill in where the steps of these applications led."""
    steps = session.execute(
        select(
            StageChange.application_id,
            StageChange.from_stage,
            StageChange.to_stage,
            StageChange.at,
            StageChange.reason,
            StageChange.note,
        )
        .where(StageChange.application_id.in_(found))
        .order_by(StageChange.id)
    )
    for application_id, before, after, at, reason, note in steps:
        trail = found[application_id]
        if before != after:
            trail.moved_at, trail.reason = at, ""
        trail.reason = REJECTION_REASONS.get(reason, reason) if reason else trail.reason
        trail.note = note or trail.note


def _moves(application: Application, changes: Sequence[StageChange]) -> Iterator[Entry]:
    last_hire = next((change.id for change in changes if change.to_stage == Stage.HIRED and not change.is_note), None)
    for change in changes:
        text = change.text
        if change.id == last_hire and application.start_date:
            first_day = date.fromisoformat(application.start_date)
            text += f", first day of work {day(first_day)}"
        yield Entry(change.at, _actor(change), text, change.note or "")


def _note(note: Note) -> Entry:
    return Entry(note.at, _actor(note), "Note, changed since" if note.edits else "Note", note.body, written=note)


def _activity(activity: Activity) -> Entry:
    return Entry(activity.at, _actor(activity), activity.text, **_told_of(activity.other))


def _told_of(other: Application | None) -> dict[str, Any]:
    if other is None or other.restricted_at is not None:
        return {}
    return {"other": other.public_id, "other_unfinished": not other.completed}


def _actor(step: StageChange | Note | Activity) -> str:
    return f"{step.actor}{f' from {step.remote_addr}' if step.remote_addr else ''}"


def _reports(application: Application, found: Record, now: datetime) -> Iterator[Entry]:
    return (_report(row, row.shown_state(now)) for row in found.outbounds if row.application_id == application.id)


def _report(row: Outbound, state: str) -> Entry:
    words, told = WORDS[Channel(row.channel)], {"event": row.event, "state": REPORT_WORDS[state]}
    if state != "sent":
        return Entry(row.event_time, "", words.unsent.format(**told))
    return Entry(row.sent_at or row.event_time, words.sent_by.format(status=row.last_status), words.sent.format(**told))


def _followed_up(application: Application, found: Record) -> Iterator[Entry]:
    """That they asked for no more reminders, that it was finished after all, and earlier attempts that it took over."""
    for follow_up in reversed(found.follow_ups):
        if follow_up.application_id != application.id:
            yield _taken_over(follow_up)
            continue
        yield from _opt_out(follow_up, found.changes)
        # Nearly everybody finishes what they began by themselves: their application's arrival says it.
        if follow_up.completed_at and (follow_up.completed_by_id != application.id or follow_up.messages_before):
            words = follow_up.link_words[:1].lower() + follow_up.link_words[1:]
            yield Entry(follow_up.completed_at, "", f"Completed: {words}")


def _opt_out(follow_up: FollowUp, changes: Sequence[StageChange]) -> Iterator[Entry]:
    at = follow_up.opted_out_at
    # What a person noted for them stands there already, with who did.
    if at and not any(change.is_note and change.at == at for change in changes):
        after = f", after email {follow_up.messages}" if follow_up.messages else ""
        yield Entry(at, "", f"Opted out of messages{after}")


def _taken_over(follow_up: FollowUp) -> Entry:
    """Of an earlier attempt, in the history of the application that finished it."""
    at = follow_up.completed_at or follow_up.since
    after = f" after email {follow_up.messages_before}" if follow_up.messages_before else ""
    words = f"Had started earlier and came back{after}"
    if at < follow_up.since:
        at, words = follow_up.since, "Started again after applying"
    matched = f" (matched by {LinkKey(follow_up.completed_key).label})" if follow_up.completed_key else ""
    return Entry(at, "", f"{words}{matched}", **_told_of(follow_up.application))


def _arrival(delivery: Delivery) -> Entry:
    started = "JobApplication:started" in (delivery.event_type or "")
    words = "Started, not yet submitted" if started else "Application received"
    if delivery.source == payload.PULLED:
        words = "Read in Talroo’s list of applications"
    repeats = f"Delivered again {delivery.duplicate_count} times" if delivery.duplicate_count else ""
    return Entry(delivery.received_at, "Talroo", words, repeats)
