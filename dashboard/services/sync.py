"""When applications are pulled from the Platform API: asked for by somebody, or due by themselves.

Web processes read this; what calls Talroo is in `pull.py`, and with it libraries that they need not load.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Final

from sqlalchemy import and_, literal, or_, select, union_all, update
from sqlalchemy.orm import Session

from dashboard import processes
from dashboard.models import SyncKind, SyncRun, SyncState
from dashboard.services import pull_turn

NIGHTLY: Final = time(3, 0)
"""When completed applications are pulled, in UTC."""
NIGHT: Final = timedelta(hours=1)
"""How long a first pull may still begin after `NIGHTLY`."""
AGAIN_AFTER_FAILURE: Final = timedelta(hours=1)
AGAIN_AFTER_INTERRUPTION: Final = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class SyncStatus:
    """Where pulling of one kind stands. `asked`: the worker has yet to begin. `next_at`: None where that is off."""

    running: SyncRun | None
    asked: bool
    asked_by_id: int | None
    last: SyncRun | None
    next_at: datetime | None
    next_is_due: bool


def ask(session: Session, kind: SyncKind, *, user_id: int | None, now: datetime) -> bool:
    """Have the worker pull now. False where one runs, or was asked for already. The caller has begun to write."""
    pull_turn.make_state(session, kind)
    asked = session.execute(
        update(SyncState)
        .where(pull_turn.is_free(session, kind, now), SyncState.asked_at.is_(None))
        .values(asked_at=now, asked_by_id=user_id)
    )
    return bool(asked.rowcount)  # type: ignore[attr-defined]


def status(session: Session, kind: SyncKind, *, now: datetime, interval: int) -> SyncStatus:
    """`interval`: seconds between pulls of incomplete ones; 0 turns all automatic pulls off. Only reads."""
    state = session.get(SyncState, kind.value)
    runs = select(SyncRun).where(SyncRun.kind == kind).order_by(SyncRun.id.desc()).limit(1)
    next_at = _next_at(kind, session.scalar(runs), now, interval)
    return SyncStatus(
        running=pull_turn.current(session, kind, now),
        asked=state is not None and state.asked_at is not None,
        asked_by_id=state.asked_by_id if state else None,
        last=session.scalar(runs.where(SyncRun.state != "running")),
        next_at=next_at,
        next_is_due=next_at is not None and next_at <= now,
    )


def statuses(session: Session, *, now: datetime, interval: int) -> dict[SyncKind, SyncStatus]:
    """`status` of every kind, in one statement."""
    kinds = union_all(*(select(literal(kind.value).label("kind")) for kind in SyncKind)).subquery()
    of_kind = select(SyncRun.id).order_by(SyncRun.id.desc()).limit(1)
    wanted = [of_kind.where(SyncRun.kind == kind) for kind in SyncKind]
    wanted += [one.where(SyncRun.state != "running") for one in wanted]
    among = SyncRun.id.in_([one.scalar_subquery() for one in wanted])
    rows = session.execute(
        select(kinds.c.kind, SyncState, SyncRun)
        .outerjoin_from(kinds, SyncState, SyncState.kind == kinds.c.kind)
        .outerjoin(SyncRun, and_(SyncRun.kind == kinds.c.kind, or_(among, SyncRun.id == SyncState.run_id)))
    ).all()
    return {
        kind: _status(kind, [(state, run) for name, state, run in rows if name == kind], now, interval)
        for kind in SyncKind
    }


def _status(
    kind: SyncKind, found: Sequence[tuple[SyncState | None, SyncRun | None]], now: datetime, interval: int
) -> SyncStatus:
    state = found[0][0] if found else None
    runs = sorted((run for _, run in found if run), key=lambda run: run.id, reverse=True)
    held = state.run_id if state and state.lease_until and state.lease_until >= now else None
    running = next((run for run in runs if run.id == held and not processes.has_ended(run.process)), None)
    next_at = _next_at(kind, runs[0] if runs else None, now, interval)
    return SyncStatus(
        running=running,
        asked=state is not None and state.asked_at is not None,
        asked_by_id=state.asked_by_id if state else None,
        last=next((run for run in runs if run.state != "running"), None),
        next_at=next_at,
        next_is_due=next_at is not None and next_at <= now,
    )


def _next_at(kind: SyncKind, last: SyncRun | None, now: datetime, interval: int) -> datetime | None:
    if not interval:
        return None
    if last is None:
        # Completed ones come by themselves; what a first pull finds of them may have been dealt with elsewhere already.
        return now if kind is SyncKind.INCOMPLETE else _following_night(now - NIGHT)
    if last.state in ("running", "interrupted"):
        # Nobody holds it any more, or `running` says so: it goes on soon, but no crash may begin again at once.
        return last.started_at + min(AGAIN_AFTER_INTERRUPTION, timedelta(seconds=interval))
    if kind is SyncKind.INCOMPLETE:
        return last.started_at + timedelta(seconds=interval)
    return last.started_at + AGAIN_AFTER_FAILURE if last.state == "failed" else _following_night(last.started_at)


def _following_night(moment: datetime) -> datetime:
    night = datetime.combine(moment.date(), NIGHTLY, moment.tzinfo)
    return night if night > moment else night + timedelta(days=1)
