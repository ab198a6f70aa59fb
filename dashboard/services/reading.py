"""An application as a person reads it: its answers and its timeline, from what is stored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from dashboard.models import Application, Click, Delivery, StageChange
from dashboard.talroo import payload, questions, wire
from dashboard.talroo.answer_sheet import AnswerSheet


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the timeline; `note` may be empty."""

    at: datetime
    actor: str
    text: str
    note: str = ""


def answers(application: Application) -> AnswerSheet:
    """The questions and answers, read from the delivery that brought them. Never raises for its content."""
    if application.answers_from is None:
        return questions.read({})
    try:
        document = wire.parse(application.answers_from.body).value
    except wire.NotJson:
        return questions.read({})
    return questions.read(payload.envelope(document).data)


def timeline(session: Session, application: Application) -> list[Entry]:
    """What happened to an application, newest first: arrivals, and moves with who, when and from where."""
    entries = [_arrival(delivery) for delivery in _deliveries(session, application)]
    changes = session.scalars(select(StageChange).where(StageChange.application_id == application.id))
    entries += (
        Entry(
            change.at,
            f"{change.actor}{f' from {change.remote_addr}' if change.remote_addr else ''}",
            change.text,
            change.note or "",
        )
        for change in changes
    )
    return sorted(entries, key=lambda entry: entry.at, reverse=True)


def click(session: Session, application: Application) -> Click | None:
    """The click through `/click` that this application came from, if one is stored."""
    if not application.tlr_sid:
        return None
    return session.scalar(select(Click).where(Click.tlr_sid == application.tlr_sid))


def _deliveries(session: Session, application: Application) -> Sequence[Delivery]:
    return session.scalars(
        select(Delivery).where(Delivery.talroo_id == application.talroo_id).order_by(Delivery.id).limit(100)
    ).all()


def _arrival(delivery: Delivery) -> Entry:
    started = "JobApplication:started" in (delivery.event_type or "")
    words = "Started, not yet submitted" if started else "Application received"
    repeats = f"Delivered again {delivery.duplicate_count} times" if delivery.duplicate_count else ""
    return Entry(delivery.received_at, "Talroo", words, repeats)
