"""What a person does about deliveries that were not filed: read them again, accept one, dismiss one, take that back."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import select, update
from sqlalchemy.orm import Session, undefer

from dashboard.arrivals import WAITING
from dashboard.audit_actions import Action
from dashboard.clock import utcnow
from dashboard.database import let_go, start_writing
from dashboard.models import Delivery
from dashboard.services import audit, intake
from dashboard.services.activity import By
from dashboard.services.audit import Subject
from dashboard.services.files import FileMissing, FileStore
from dashboard.services.intake import Again, Outcome

MISSING_WORDS: Final = "A file of this delivery is missing from the file store, so it can’t be reprocessed."
AT_ONCE: Final = 25
"""At most so many are read again while somebody waits for the page; the worker reads the rest."""
PATIENCE: Final = 2.0


@dataclass(frozen=True, slots=True)
class ReadAgain:
    """What became of kept deliveries that were read again, and how many the worker has yet to read."""

    filed: int = 0
    kept: int = 0
    left: int = 0


class CannotBeRead(Exception):
    """A delivery whose file is gone. `str(error)` can be shown."""


def understand(delivery: Delivery, files: FileStore, *, accepts: bool = False) -> Again | None:
    """What `replay` or `accept` files, made of a delivery as it was read; None where it is not there to be accepted.

    Nothing of the database is held meanwhile: others wait for it. Raises `CannotBeRead`, `OSError`.
    """
    if accepts and delivery.status != "quarantined":
        return None
    try:
        return intake.understand_again(delivery, files, timing="late" if accepts else None)
    except FileMissing:
        raise CannotBeRead(MISSING_WORDS) from None


def replay(session: Session, again: Again, by: By) -> Outcome | None:
    """Read one again. The caller has begun to write, and commits."""
    outcome = intake.replay(session, again, now=by.at)
    if outcome is not None:
        _note(session, Action.DELIVERY_REPLAYED, _read_as(session, again), by, status=outcome.status)
    return outcome


def accept(session: Session, again: Again, by: By) -> Outcome | None:
    """File what was quarantined for its age, marked as late; None where it is quarantined no more.

    The caller has begun to write, and commits.
    """
    outcome = intake.replay(session, again, now=by.at, where=Delivery.status == "quarantined")
    if outcome is None:
        return None
    delivery = _read_as(session, again)
    if outcome.status == "kept":
        delivery.status = "kept"  # its age is settled; that nobody understands it is another matter
    _note(session, Action.DELIVERY_ACCEPTED, delivery, by, status=outcome.status)
    return outcome


def dismiss(session: Session, delivery: Delivery, by: By) -> bool:
    """Somebody looked at it and wants nothing of it; it stays in the list. False where it does not wait for that."""
    done = session.execute(
        update(Delivery)
        .where(Delivery.id == delivery.id, Delivery.status.in_(WAITING))
        .values(status="dismissed", again_at=None)
    )
    if not done.rowcount:  # type: ignore[attr-defined]
        return False
    _note(session, Action.DELIVERY_DISMISSED, delivery, by)
    return True


def take_back(session: Session, delivery: Delivery, by: By) -> bool:
    """A dismissed one waits again as it did before. False where it is dismissed no more."""
    before = "quarantined" if delivery.timing == "expired" and delivery.replayed_at is None else "kept"
    done = session.execute(
        update(Delivery).where(Delivery.id == delivery.id, Delivery.status == "dismissed").values(status=before)
    )
    if not done.rowcount:  # type: ignore[attr-defined]
        return False
    _note(session, Action.DELIVERY_TAKEN_BACK, delivery, by)
    return True


def want_all_again(session: Session, *, by: By) -> int:
    """Have all kept ones read again. Returns how many. The caller has begun to write, and commits."""
    done = session.execute(update(Delivery).where(Delivery.status == "kept").values(again_at=by.at))
    number = int(done.rowcount)  # type: ignore[attr-defined]
    if number:
        audit.note_by(session, Action.DELIVERY_REPLAYED, by, number=number)
    return number


def read_waiting(
    sessions: Callable[[], Session],
    files: FileStore,
    *,
    clock: Callable[[], datetime] = utcnow,
    most: int = AT_ONCE,
    patience: float = PATIENCE,
) -> ReadAgain:
    """Read again what is to be, each in a transaction of its own: at most `most`, begun within `patience` seconds."""
    until = time.monotonic() + patience
    filed = kept = 0
    while filed + kept < most and time.monotonic() < until:
        outcome = _read_next(sessions, files, clock())
        if outcome is None:
            return ReadAgain(filed, kept)
        filed, kept = (filed + 1, kept) if outcome == "accepted" else (filed, kept + 1)
    with sessions() as session:
        left = session.scalars(select(Delivery.id).where(Delivery.again_at.is_not(None)).limit(1_000)).all()
    return ReadAgain(filed, kept, len(left))


def _read_next(sessions: Callable[[], Session], files: FileStore, now: datetime) -> str | None:
    """Read one that is to be read again; returns what it is now, or None where there is none."""
    while True:
        with sessions() as session:
            waiting = select(Delivery).where(Delivery.again_at.is_not(None)).order_by(Delivery.id).limit(1)
            delivery = session.scalar(waiting.options(undefer(Delivery.body)))
            if delivery is None:
                return None
            let_go(session)  # before it is our turn to write, which deliveries wait for too
            status = _read_waiting(session, delivery, files, now)
            session.commit()
            if status is not None:
                return status


def _read_waiting(session: Session, delivery: Delivery, files: FileStore, now: datetime) -> str | None:
    """What became of one that was to be read again; None where somebody else has read it meanwhile."""
    try:
        again = intake.understand_again(delivery, files)
    except FileMissing:
        start_writing(session)
        unread = update(Delivery).where(Delivery.id == delivery.id, Delivery.again_at.is_not(None))
        session.execute(unread.values(again_at=None, reason=MISSING_WORDS))
        return delivery.status
    start_writing(session)
    outcome = intake.replay(session, again, now=now, where=Delivery.again_at.is_not(None))
    return _read_as(session, again).status if outcome else None


def _read_as(session: Session, again: Again) -> Delivery:
    return session.get_one(Delivery, again.delivery_id)


def _note(session: Session, action: Action, delivery: Delivery, by: By, **details: str) -> None:
    audit.note_by(session, action, by, Subject("delivery", delivery.public_id), **details)
