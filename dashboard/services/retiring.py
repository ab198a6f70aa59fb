"""Retention: what is old enough is erased, a few at a time, once a day; and what it would be.

An application is as old as the last that happened to it: applied, arrived, moved. One that was never finished is as old
as its beginning. What is held stays.
"""

from __future__ import annotations

import calendar
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, delete, exists, func, select
from sqlalchemy.orm import Session

from dashboard.database import start_writing
from dashboard.models import Application, Click, Delivery, FollowUp, Refusal, StageChange
from dashboard.services import erasing, holding, intake, refusals
from dashboard.services.erasing import CannotErase, Cause, Warrant

LEAST_MONTHS: Final = 12
FEW: Final = 20
"""Applications or deliveries in a transaction, for which deliveries wait on SQLite."""
HOUR: Final = 2
"""Of the day (UTC) when the worker does it."""
TOO_SHORT: Final = (
    "RETENTION_MONTHS is below 12. In the United States, employers have to keep applications for one year after the"
    " decision (29 CFR 1602.14), and longer while a charge is pending."
)
OFF: Final = "RETENTION_MONTHS is 0: nothing is ever erased by age."

Sessions = Callable[[], Session]


@dataclass(frozen=True, slots=True)
class Plan:
    """What would go now. `before`: what nothing happened to since. `held`: applications that are kept in spite."""

    before: datetime | None
    completed: int = 0
    incomplete: int = 0
    held: int = 0
    deliveries: int = 0
    clicks: int = 0
    refusals: int = 0

    @property
    def total(self) -> int:
        return self.completed + self.incomplete + self.deliveries + self.clicks + self.refusals


def warning(months: int) -> str | None:
    """What to say about the setting, if anything."""
    if months == 0:
        return OFF
    return TOO_SHORT if months < LEAST_MONTHS else None


def day(now: datetime) -> str:
    """Which night's work is due."""
    return (now - timedelta(hours=HOUR)).date().isoformat()


def next_run(now: datetime) -> datetime:
    """When the worker does it next."""
    today = now.replace(hour=HOUR, minute=0, second=0, microsecond=0)
    return today if today > now else today + timedelta(days=1)


def limit(months: int, now: datetime) -> datetime | None:
    """What nothing happened to since then is old enough; None where nothing ever is."""
    if months == 0:
        return None
    year, month = divmod(now.year * 12 + now.month - 1 - months, 12)
    return now.replace(year=year, month=month + 1, day=min(now.day, calendar.monthrange(year, month + 1)[1]))


def plan(session: Session, months: int, now: datetime) -> Plan:
    """What would go now. Only reads, in one statement."""
    before = limit(months, now)
    counted = {"refusals": select(func.count()).where(refusals.is_old(now))}
    if before is not None:
        counted |= _due(before, now)
    found = session.execute(select(*(one.scalar_subquery().label(name) for name, one in counted.items()))).one()
    return Plan(before, **found._mapping)


def _due(before: datetime, now: datetime) -> dict[str, Select[int]]:
    """How many are old enough, by the names of a `Plan`."""
    free = ~holding.is_kept(now)
    count = select(func.count()).select_from(Application)
    return {
        "completed": count.where(_old_completed(before), free),
        "incomplete": count.where(_old_incomplete(before), free),
        "held": count.where(_old(before), ~free),
        "deliveries": select(func.count()).where(_old_delivery(before)),
        "clicks": select(func.count()).where(_old_click(before)),
    }


def in_words(plan: Plan) -> Iterator[str]:
    """A line for each kind of thing."""
    if plan.before is not None:
        yield f"Due for erasure, with no activity since {plan.before:%Y-%m-%d}:"
        kept = f"{plan.held:,} more are kept, under legal hold or restricted"
        yield f"  {plan.completed:,} applications, {plan.incomplete:,} incomplete ones ({kept})"
        yield f"  {plan.deliveries:,} deliveries without an application, {plan.clicks:,} clicks"
    yield f"Older than {refusals.KEPT_FOR.days} days: {plan.refusals:,} lines about refused deliveries"


def retire_some(sessions: Sessions, months: int, now: datetime) -> int:
    """Erase a few of what is due: ended restrictions, old applications, then what came of nobody. How many."""
    with sessions() as session:
        before = limit(months, now)
        ended = holding.overdue_restrictions(session, now, FEW)
        old = _old_ones(session, before, now) if before and not ended else ()
    cause = Cause.RESTRICTION if ended else Cause.RETENTION
    done = _erase(sessions, ended or old, Warrant(cause, cause.value, now))
    return done or _tidy(sessions, before, now)


def _erase(sessions: Sessions, public_ids: Sequence[str], warrant: Warrant) -> int:
    """All at once, or where one of them cannot be erased now, one by one."""
    if not public_ids:
        return 0
    try:
        with sessions() as session:
            start_writing(session)
            erasing.erase(session, public_ids, warrant)
            session.commit()
    except CannotErase:
        return 0 if len(public_ids) == 1 else sum(_erase(sessions, [one], warrant) for one in public_ids)
    return len(public_ids)


def _tidy(sessions: Sessions, before: datetime | None, now: datetime) -> int:
    with sessions() as session:
        start_writing(session)
        done = holding.end_overdue(session, now)
        done += _deleted(session, delete(Refusal).where(refusals.is_old(now)))
        if before is not None:
            done += _deleted(session, delete(Click).where(_old_click(before)))
            old = session.scalars(select(Delivery).where(_old_delivery(before)).order_by(Delivery.id).limit(FEW)).all()
            for delivery in old:
                intake.blank(session, delivery)
            done += len(old)
        session.commit()
    return done


def _deleted(session: Session, statement: Any) -> int:
    done = session.execute(statement, execution_options={"synchronize_session": False})
    return int(done.rowcount)  # type: ignore[attr-defined]


def _old_ones(session: Session, before: datetime, now: datetime) -> Sequence[str]:
    due = select(Application.public_id).where(_old(before), ~holding.is_kept(now))
    return session.scalars(due.order_by(Application.id).limit(FEW)).all()


def _old(before: datetime) -> ColumnElement[bool]:
    return _old_completed(before) | _old_incomplete(before)


def _old_completed(before: datetime) -> ColumnElement[bool]:
    moved = exists().where(StageChange.application_id == Application.id, StageChange.at >= before)
    return (
        Application.completed.is_(True)
        & (Application.applied_at < before)
        & (Application.arrived_at < before)
        & ~moved.correlate(Application)
    )


def _old_incomplete(before: datetime) -> ColumnElement[bool]:
    begun = exists().where(FollowUp.application_id == Application.id, FollowUp.since < before)
    return Application.completed.is_(False) & begun.correlate(Application)


def _old_delivery(before: datetime) -> ColumnElement[bool]:
    """What nobody could file: it belongs to no application that would take it along."""
    return Delivery.status.in_(("kept", "quarantined", "dismissed")) & (Delivery.received_at < before)


def _old_click(before: datetime) -> ColumnElement[bool]:
    """Of a click that somebody here came by, their application decides."""
    theirs = exists().where(Application.tlr_sid == Click.tlr_sid)
    return (Click.landed_at < before) & ~theirs.correlate(Click)
