"""Whether a worker is alive: each says so every few seconds (`worker.HOUSEKEEPING`), and when it leaves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from dashboard.database import insert_or_ignore, start_writing
from dashboard.models import WorkerBeat

SILENT_AFTER: Final = timedelta(seconds=30)
FORGET_AFTER: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class WorkerSeen:
    """When a worker was last known to be alive, if ever; `silent` where that is too long ago."""

    at: datetime | None
    silent: bool

    @classmethod
    def of(cls, at: datetime | None, now: datetime) -> WorkerSeen:
        return cls(at, at is None or now - at > SILENT_AFTER)


def beat(sessions: Callable[[], Session], name: str, *, now: datetime) -> None:
    """Note that the worker `name` is alive."""
    with sessions() as session:
        start_writing(session)
        session.execute(
            insert_or_ignore(session, WorkerBeat, "name"), {"name": name, "started_at": now, "beat_at": now}
        )
        session.execute(update(WorkerBeat).where(WorkerBeat.name == name).values(beat_at=now))
        session.execute(delete(WorkerBeat).where(WorkerBeat.beat_at < now - FORGET_AFTER))
        session.commit()


def leave(sessions: Callable[[], Session], name: str) -> None:
    """The worker `name` stops, and is not missed."""
    with sessions() as session:
        start_writing(session)
        session.execute(delete(WorkerBeat).where(WorkerBeat.name == name))
        session.commit()


def last_beat(session: Session) -> datetime | None:
    """When any worker was last known to be alive."""
    return session.scalar(select(func.max(WorkerBeat.beat_at)))
