"""What a decision here means for Talroo: rows in the outbox, written in the transaction of the decision.

The unique business key (click id and event; application and disposition event) makes double clicks, replays,
hire–undo–hire and two recruiters lead to one message.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.orm import Session

from dashboard.database import insert_or_ignore, public_id
from dashboard.models import Application, Outbound
from dashboard.models.outbound import Channel, State
from dashboard.stages import Stage
from dashboard.talroo.click_id import valid_click_id

DECISIVE: Final = frozenset({Stage.HIRED, Stage.REJECTED})
"""Leaving one of these takes a decision back; leaving any other is progress, and what it reported stays true."""


@dataclass(frozen=True, slots=True)
class Rules:
    """Which stage reports what to Talroo (settings), and how long a decision may still be undone without trace."""

    conversions: Mapping[str, int]
    dispositions: Mapping[str, str]
    hold: timedelta

    def in_words(self, application: Application, stage: Stage) -> str:
        """What moving `application` to `stage` will send: "conversion event 2 for click 9e21…; disposition: none…"."""
        event = self.conversions.get(stage)
        if event is None:
            conversion = "no conversion configured"
        elif valid_click_id(application.tlr_sid):
            conversion = f"conversion event {event} for click {(application.tlr_sid or '')[:4]}…"
        else:
            conversion = f"conversion event {event} cannot be sent: no click id"
        name = self.dispositions.get(stage)
        known = application.tlr_application_id or valid_click_id(application.tlr_sid)
        if name is None:
            disposition = "none configured"
        else:
            disposition = f"“{name}”" if known else f"“{name}” cannot be sent: no application id and no click id"
        return f"{conversion}; disposition: {disposition}"


def report(
    session: Session, application: Application, stage: Stage, rules: Rules, *, at: datetime, user_id: int | None
) -> None:
    """Queue what reaching `stage` means for Talroo, if anything."""
    due = at + rules.hold
    about: dict[str, Any] = {"application_id": application.id, "stage": stage.value, "created_by_id": user_id}
    event = rules.conversions.get(stage)
    if event is not None:
        queue_conversion(session, application.tlr_sid, event, at=at, due=due, **about)
    name = rules.dispositions.get(stage)
    if name is not None:
        _queue_disposition(session, application, name, at=at, due=due, about=about)


def queue_conversion(
    session: Session,
    tlr_sid: str | None,
    event: int,
    *,
    at: datetime,
    due: datetime,
    application_id: int | None,
    stage: str | None = None,
    created_by_id: int | None = None,
) -> bool:
    """Queue one conversion for a click; False where it was queued or sent before.

    Without a usable click id the row says so: nobody should wonder why a hire was never reported.
    """
    sendable = valid_click_id(tlr_sid)
    key = f"conversion:{tlr_sid}:{event}" if sendable else f"conversion:application:{application_id}:{event}"
    row = {
        "channel": Channel.CONVERSION,
        "business_key": key,
        "application_id": application_id,
        "tlr_sid": tlr_sid,
        "tlr_application_id": None,
        "event": str(event),
        "stage": stage,
        "created_by_id": created_by_id,
    }
    return _queue(session, row, sendable=sendable, at=at, due=due)


def _queue_disposition(
    session: Session, application: Application, name: str, *, at: datetime, due: datetime, about: dict[str, Any]
) -> bool:
    tlr_sid = application.tlr_sid if valid_click_id(application.tlr_sid) else None
    row = {
        **about,
        "channel": Channel.DISPOSITION,
        "business_key": f"disposition:{application.id}:{name}",
        "tlr_sid": tlr_sid,
        "tlr_application_id": application.tlr_application_id,
        "event": name,
    }
    return _queue(session, row, sendable=bool(tlr_sid or application.tlr_application_id), at=at, due=due)


def take_back(session: Session, application_ids: Iterable[int], stage: Stage) -> None:
    """Cancel what reaching `stage` queued and nobody has sent yet. What is on its way or sent stays as it is."""
    if stage not in DECISIVE:
        return
    session.execute(
        update(Outbound)
        .where(
            Outbound.application_id.in_(list(application_ids)),
            Outbound.stage == stage.value,
            Outbound.state.in_([State.WAITING, State.PARKED, State.UNSENDABLE]),
        )
        .values(state=State.CANCELLED)
    )


def conversion_of(session: Session, application: Application) -> Outbound | None:
    """The newest conversion about an application, for its page; through its click if another row reported it."""
    found = session.scalar(
        select(Outbound)
        .where(Outbound.channel == Channel.CONVERSION, Outbound.application_id == application.id)
        .order_by(Outbound.id.desc())
        .limit(1)
    )
    if found or not application.tlr_sid:
        return found
    return session.scalar(
        select(Outbound)
        .where(Outbound.channel == Channel.CONVERSION, Outbound.tlr_sid == application.tlr_sid)
        .order_by(Outbound.id.desc())
        .limit(1)
    )


def retry(session: Session, row: Outbound, *, now: datetime) -> bool:
    """Have a parked or waiting row tried again now, with a clean slate. False where it is in no state for it."""
    return retry_all(session, now=now, only=Outbound.id == row.id) > 0


def retry_all(session: Session, *, now: datetime, only: ColumnElement[bool]) -> int:
    """Have every parked row that `only` selects tried again, and every one that waits for its next try. How many."""
    wanting = (Outbound.state == State.PARKED) | ((Outbound.state == State.WAITING) & (Outbound.failures > 0))
    done = session.execute(
        update(Outbound)
        .where(only, wanting)
        .values(state=State.WAITING, due_at=now, failures=0, uncertain=0, first_attempt_at=None)
        .execution_options(synchronize_session=False)
    )
    return int(done.rowcount)  # type: ignore[attr-defined]


def _queue(session: Session, row: dict[str, Any], *, sendable: bool, at: datetime, due: datetime) -> bool:
    state = State.WAITING if sendable else State.UNSENDABLE
    timing = {"state": state, "due_at": due, "event_time": at}
    fresh = {
        **row,
        **timing,
        "public_id": public_id(),
        "created_at": at,
        "attempts": 0,
        "failures": 0,
        "uncertain": 0,
        "alone": False,
    }
    made = session.execute(insert_or_ignore(session, Outbound, "business_key"), fresh).scalar()
    if made is not None:
        return True
    # Taken back before and now decided again: the same row waits again, from the start.
    revived = session.execute(
        update(Outbound)
        .where(Outbound.business_key == row["business_key"], Outbound.state == State.CANCELLED)
        .values(**row, **timing, failures=0, uncertain=0, alone=False, first_attempt_at=None)
    )
    return bool(revived.rowcount)  # type: ignore[attr-defined]
