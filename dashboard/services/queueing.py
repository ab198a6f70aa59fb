"""Rows of the outbox before they are on their way, whatever their channel: waiting, waiting anew, trying again.

`outbox` sends them. Pages load this, so it knows nothing of how anything is sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.orm import Session

from dashboard.database import insert_or_ignore, public_id
from dashboard.models import Outbound
from dashboard.models.outbound import State

UNSENT: Final = (State.WAITING, State.PARKED, State.UNSENDABLE)
"""States from which a row can still be taken back without a trace outside."""

_FROM_THE_START: Final[Mapping[str, Any]] = {
    "failures": 0,
    "alone": False,
    "first_attempt_at": None,
    "last_status": None,
    "last_answer": None,
}


def queue(
    session: Session, row: Mapping[str, Any], *, at: datetime, due: datetime, sendable: bool = True
) -> tuple[int, bool]:
    """Have `row` (columns, with its business key) wait until `due`; it was decided `at`.

    Returns the id of the row with that key and whether it waits because of this: one that was taken back waits again
    from the start, any other goes on as it is and is locked.
    """
    wanted = {**row, "state": State.WAITING if sendable else State.UNSENDABLE, "due_at": due, "event_time": at}
    new = {**wanted, **_FROM_THE_START, "public_id": public_id(), "created_at": at, "attempts": 0, "uncertain": 0}
    made = session.execute(insert_or_ignore(session, Outbound, "business_key"), new).scalar()
    if made is not None:
        return int(made), True
    known = session.scalars(
        select(Outbound)
        .where(Outbound.business_key == row["business_key"])
        .with_for_update(of=Outbound)
        .execution_options(populate_existing=True)
    ).one()
    if known.state != State.CANCELLED:
        return known.id, False
    for name, value in {**wanted, **_FROM_THE_START}.items():
        setattr(known, name, value)
    session.flush()
    return known.id, True


def retry(session: Session, row: Outbound, *, now: datetime) -> bool:
    """Have a parked or waiting row tried again now, with a clean slate. False where it is in no state for it."""
    return retry_all(session, now=now, only=Outbound.id == row.id) > 0


def retry_all(session: Session, *, now: datetime, only: ColumnElement[bool]) -> int:
    """Have every parked row that `only` selects tried again, and every one that waits for its next try. How many."""
    wanting = (Outbound.state == State.PARKED) | ((Outbound.state == State.WAITING) & (Outbound.failures > 0))
    done = session.execute(
        update(Outbound)
        .where(only, wanting)
        .values(state=State.WAITING, due_at=now, failures=0, first_attempt_at=None)
        .execution_options(synchronize_session=False)
    )
    return int(done.rowcount)  # type: ignore[attr-defined]
