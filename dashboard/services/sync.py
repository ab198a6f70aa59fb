"""When applications are pulled from the Platform API: asked for by somebody, or due by themselves.

Web processes read this; what calls Talroo is in `pull.py`, and with it libraries that they need not load.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any, Final

from sqlalchemy import Row, and_, func, literal, or_, select, union_all, update
from sqlalchemy.orm import Session

from dashboard.models import SyncKind, SyncRun, SyncState, WorkerBeat
from dashboard.services import pull_turn

NIGHTLY: Final = time(3, 0)
"""When completed applications are pulled, in UTC."""
NIGHT: Final = timedelta(hours=1)
"""How long a first pull may still begin after `NIGHTLY`."""
AGAIN_AFTER_FAILURE: Final = timedelta(hours=1)
AGAIN_AFTER_INTERRUPTION: Final = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class SyncStatus:
    """Where pulling of one kind stands. `asked`: the worker has yet to begin. `next_at`: None where that is off.

    `beat_at`: when any worker, which pulls, was last known to be alive.
    """

    running: SyncRun | None
    asked: bool
    asked_by_id: int | None
    last: SyncRun | None
    next_at: datetime | None
    next_is_due: bool
    beat_at: datetime | None


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
    """`statuses` of one kind."""
    return statuses(session, now=now, interval=interval, kinds=(kind,))[kind]


def statuses(
    session: Session, *, now: datetime, interval: int, kinds: Sequence[SyncKind] = tuple(SyncKind)
) -> dict[SyncKind, SyncStatus]:
    """`interval`: seconds between pulls of incomplete ones; 0 turns all automatic ones off. One statement, a SELECT."""
    rows = session.execute(_newest(kinds)).all()
    return {kind: _status(kind, [row for row in rows if row.kind == kind], now, interval) for kind in kinds}


def _status(kind: SyncKind, rows: Sequence[Row[Any]], now: datetime, interval: int) -> SyncStatus:
    state, beat_at = rows[0].SyncState, rows[0].beat_at
    runs = sorted((row.SyncRun for row in rows if row.SyncRun), key=lambda run: run.id, reverse=True)
    next_at = _next_at(kind, next(iter(runs), None), now, interval)
    return SyncStatus(
        running=next((run for run in runs if pull_turn.is_under_way(run, state, now)), None),
        asked=state is not None and state.asked_at is not None,
        asked_by_id=state.asked_by_id if state else None,
        last=next((run for run in runs if run.state != "running"), None),
        next_at=next_at,
        next_is_due=next_at is not None and next_at <= now,
        beat_at=beat_at,
    )


def _newest(kinds: Sequence[SyncKind]) -> Any:
    """Each kind's row with the newest of its pulls, the newest that ended and the one that has the turn.

    At least one line a kind, of nothing where nobody has ever pulled.
    """
    asked = union_all(*(select(literal(kind.value).label("kind")) for kind in kinds)).subquery("asked")
    newest = [select(SyncRun.id).where(SyncRun.kind == kind).order_by(SyncRun.id.desc()).limit(1) for kind in kinds]
    wanted = [*newest, *(one.where(SyncRun.state != "running") for one in newest)]
    among = or_(SyncRun.id.in_([one.scalar_subquery() for one in wanted]), SyncRun.id == SyncState.run_id)
    return (
        select(
            asked.c.kind, SyncState, SyncRun, select(func.max(WorkerBeat.beat_at)).scalar_subquery().label("beat_at")
        )
        .select_from(asked)
        .outerjoin(SyncState, SyncState.kind == asked.c.kind)
        .outerjoin(SyncRun, and_(SyncRun.kind == asked.c.kind, among))
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
