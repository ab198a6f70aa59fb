"""Whose turn it is to pull, from when on, and what became of it. One pull of a kind at a time, whoever starts it.

The turn is a lease on the kind's row in `sync_state`, taken by one conditional UPDATE: a process that dies gives it
back by itself, at once where it ran on this machine.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import ColumnElement, and_, or_, select, update
from sqlalchemy.orm import Session

from dashboard import processes
from dashboard.database import insert_or_ignore, start_writing
from dashboard.models import SyncKind, SyncRun, SyncState

LEASE: Final = timedelta(minutes=5)
"""Renewed at each page. Longer than the longest call of the client (180 s) and keeping what it brought."""
FIRST: Final = timedelta(days=30)
"""How far back a first pull reads."""
OVERLAP: Final = {SyncKind.INCOMPLETE: timedelta(hours=48), SyncKind.COMPLETED: FIRST}
"""How far behind the watermark the next pull begins: lists tell when an application was started, and people go on with
what they began. Completed ones reach further back: a cadence brings somebody to finish up to `cadence.ONLY_SINCE` after
their start, and an outage of a fortnight must not hide that they did."""
AWAY: Final = "Its process stopped before the end. The next one goes on."


class AlreadyRunning(Exception):
    """Somebody pulls already. The message says since when and by whom."""

    def __init__(self, run: SyncRun) -> None:
        super().__init__(
            f"A pull of {run.kind} applications is running already, since {run.started_at:%H:%M:%S} UTC,"
            f" started by {run.starter}."
        )


class TurnLost(Exception):
    """Another process took the turn, because this one had not renewed its lease for too long."""


def is_under_way(run: SyncRun, state: SyncState | None, now: datetime) -> bool:
    """Whether `run`, of the kind whose row is `state`, is the pull under way."""
    if state is None or state.run_id != run.id or state.lease_until is None or state.lease_until < now:
        return False
    return not processes.has_ended(run.process)


def make_state(session: Session, kind: SyncKind) -> None:
    """See to it that the kind has its row."""
    session.execute(insert_or_ignore(session, SyncState, "kind"), {"kind": kind.value})


def is_free(session: Session, kind: SyncKind, now: datetime) -> ColumnElement[bool]:
    """The condition for a kind's row that nobody holds it, nor a process that is known to have ended."""
    free = or_(SyncState.lease_until.is_(None), SyncState.lease_until < now)
    held_by = session.execute(
        select(SyncRun.id, SyncRun.process)
        .join(SyncState, SyncState.run_id == SyncRun.id)
        .where(SyncState.kind == kind)
    ).first()
    if held_by and processes.has_ended(held_by.process):
        free = or_(free, SyncState.run_id == held_by.id)
    return and_(SyncState.kind == kind, free)


def take(
    session: Session, kind: SyncKind, *, trigger: str, user_id: int | None, since: datetime | None, now: datetime
) -> SyncRun:
    """Begin a pull, asked for or not. `since`: as somebody wants it; None as far back as is owed.

    Raises `AlreadyRunning`. The caller commits.
    """
    start_writing(session)
    make_state(session, kind)
    taken = session.execute(
        update(SyncState)
        .where(is_free(session, kind, now))
        .values(lease_until=now + LEASE, asked_at=None, asked_by_id=None)
        .execution_options(synchronize_session=False)
    )
    state = session.get_one(SyncState, kind.value, populate_existing=True)
    if not taken.rowcount:  # type: ignore[attr-defined]
        raise AlreadyRunning(session.get_one(SyncRun, state.run_id))
    _mark_interrupted(session, kind, now)
    run = SyncRun(
        kind=kind.value,
        trigger=trigger,
        started_by_id=user_id,
        started_at=now,
        state="running",
        since=since or _owed(state, kind, now),
        process=processes.this_process(),
    )
    session.add(run)
    session.flush()
    state.run_id = run.id
    state.floor = min(run.since, state.floor or run.since)
    session.flush()
    return run


def renew(session: Session, run: SyncRun, numbers: Mapping[str, int], *, now: datetime) -> None:
    """Write down how far the pull has come and keep the turn. Raises `TurnLost`. The caller commits."""
    kept = session.execute(update(SyncState).where(*_is_ours(run)).values(lease_until=now + LEASE))
    if not kept.rowcount:  # type: ignore[attr-defined]
        raise TurnLost
    session.execute(update(SyncRun).where(SyncRun.id == run.id).values(**numbers))


def give_back(
    session: Session,
    run: SyncRun,
    ended: str,
    problem: str | None,
    *,
    newest: datetime | None,
    now: datetime,
    forgive: bool = False,
) -> None:
    """End the pull as `done`, `failed` or `interrupted`, unless the turn was lost. The caller commits.

    `newest`: the latest start seen. Everything that was read is stored by now, so a pull that is done moves the
    watermark up to there, but not beyond now: a date in the future would hide what starts until then.
    `forgive`: owe no longer what it was to reach, because that can never be read or is not wanted.
    """
    start_writing(session)
    state = session.scalar(select(SyncState).where(*_is_ours(run)).with_for_update())
    if state is None:
        return
    state.lease_until = None
    if ended == "done" and _has_no_hole(state, run):
        state.floor = None
        if newest is not None:
            reached = min(newest, now)
            state.watermark = max(reached, state.watermark or reached)
    if forgive:
        state.floor = None
    session.execute(
        update(SyncRun)
        .where(SyncRun.id == run.id)
        .values(state=ended, problem=problem[:300] if problem else None, finished_at=now)
    )
    session.flush()


def _is_ours(run: SyncRun) -> tuple[ColumnElement[bool], ...]:
    return SyncState.kind == run.kind, SyncState.run_id == run.id, SyncState.lease_until.is_not(None)


def _mark_interrupted(session: Session, kind: SyncKind, now: datetime) -> None:
    session.execute(
        update(SyncRun)
        .where(SyncRun.kind == kind, SyncRun.state == "running")
        .values(state="interrupted", problem=AWAY, finished_at=now)
    )


def _owed(state: SyncState, kind: SyncKind, now: datetime) -> datetime:
    """How far back a pull must read by itself: to the watermark and its overlap, and to what an unfinished one owes."""
    usual = state.watermark - OVERLAP[kind] if state.watermark else now - FIRST
    return min(usual, state.floor or usual)


def _has_no_hole(state: SyncState, run: SyncRun) -> bool:
    """Whether with this pull everything was read; not so where it was bounded to begin after the watermark."""
    reaches_floor = state.floor is None or run.since <= state.floor
    return reaches_floor and (state.watermark is None or run.since <= state.watermark)
