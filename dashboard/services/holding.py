"""Keeping what may not be erased yet: a legal hold, with which everybody works on, and a restriction, which takes the
application out of every list until it is lifted, or ends in erasure.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, or_, select, union_all, update
from sqlalchemy.orm import Session, contains_eager, joinedload

from dashboard import search
from dashboard.audit_actions import Action
from dashboard.date_words import day
from dashboard.models import Application, FollowUp, Hold
from dashboard.models.privacy import HoldKind
from dashboard.services import audit, cadence, filing, opt_outs
from dashboard.services.audit import Subject

MAX_REASON: Final = 300
RESTRICTED_WORDS: Final = "The application is restricted."


class BadHold(Exception):
    """It cannot be kept like that; the message says why."""


@dataclass(frozen=True, slots=True)
class Keeping:
    """Why something is kept, by whom, since when (`at`) and until when, if somebody does not end it before."""

    kind: HoldKind
    reason: str
    until: datetime | None
    at: datetime
    user_id: int | None
    remote_addr: str | None = None

    def checked(self) -> Keeping:
        """Raises `BadHold`."""
        if not self.reason.strip():
            raise BadHold("Enter a reason. Anybody who wants to erase the application later will see it.")
        if len(self.reason) > MAX_REASON:
            raise BadHold(f"The reason is too long ({len(self.reason)} characters). Use at most {MAX_REASON}.")
        if self.until is not None and self.until <= self.at:
            raise BadHold("The date must be in the future.")
        return self


def place(session: Session, public_ids: Iterable[str], keeping: Keeping) -> int:
    """Hold these applications. How many were not held like that before. The caller has begun to write, and commits.

    Raises `BadHold`.
    """
    keeping.checked()
    wanted = select(Application).where(Application.public_id.in_(list(public_ids))).order_by(Application.id)
    locked = wanted.with_for_update(of=Application).execution_options(populate_existing=True)
    applications = session.scalars(locked).all()
    known = set(session.scalars(select(Hold.application_id).where(_is_open(), Hold.kind == keeping.kind)))
    new = [one for one in applications if one.id not in known]
    for application in new:
        _hold(session, application, keeping)
    session.flush()
    return len(new)


def end(session: Session, hold: Hold, *, at: datetime, user_id: int | None, remote_addr: str | None = None) -> bool:
    """Let go of one application. False where it was let go of before. The caller has begun to write, and commits."""
    # The application first, as whoever erases it does.
    application = session.get(Application, hold.application_id, with_for_update={"of": Application})
    ended = session.execute(
        update(Hold).where(Hold.id == hold.id, Hold.ended_at.is_(None)).values(ended_at=at, ended_by_id=user_id)
    )
    if application is None or not ended.rowcount:  # type: ignore[attr-defined]
        return False
    if hold.kind == HoldKind.RESTRICTION:
        _lift(session, application, hold, at)
    who = {"at": at, "user_id": user_id, "remote_addr": remote_addr}
    subject = Subject("application", application.public_id)
    audit.note(session, Action.HOLD_ENDED, **who, subject=subject, kind=hold.kind, hold=hold.public_id)  # type: ignore[arg-type]
    session.flush()
    return True


def end_legal(
    session: Session,
    application_ids: Iterable[int],
    named: Iterable[str],
    *,
    at: datetime,
    user_id: int | None,
    remote_addr: str | None = None,
) -> int:
    """End, of the legal holds with these public ids, those that keep one of these applications. How many that were.

    Each is noted. The caller has begun to write, and commits.
    """
    holds = (
        select(Hold)
        .where(_is_open(), Hold.kind == HoldKind.LEGAL, Hold.public_id.in_(list(named)))
        .where(Hold.application_id.in_(list(application_ids)))
        .order_by(Hold.application_id)
    )
    found = session.scalars(holds).all()
    return sum(end(session, hold, at=at, user_id=user_id, remote_addr=remote_addr) for hold in found)


def end_overdue(session: Session, now: datetime) -> int:
    """Legal holds whose time is over end by themselves. How many. The caller has begun to write, and commits."""
    over = session.scalars(select(Hold).where(_is_open(), Hold.kind == HoldKind.LEGAL, Hold.until <= now)).all()
    return sum(end(session, hold, at=now, user_id=None) for hold in over)


def overdue_restrictions(session: Session, now: datetime, limit: int) -> Sequence[str]:
    """Public ids of applications whose restriction is over, and that nothing else keeps: they are to be erased."""
    over = (
        select(Application.public_id)
        .join(Hold, Hold.application_id == Application.id)
        .where(_is_open(), Hold.kind == HoldKind.RESTRICTION, Hold.until <= now)
        .where(Application.id.not_in(_kept(now)))
    )
    return session.scalars(over.distinct().limit(limit)).all()


def why_kept(session: Session, application_ids: Iterable[int], now: datetime) -> str | None:
    """Why these may not be erased now: who said so, when, until when. None where they may."""
    kept = select(Hold).where(Hold.application_id.in_(list(application_ids)), *_keeps(now)).order_by(Hold.id)
    hold = session.scalars(kept.options(joinedload(Hold.user)).limit(1)).first()
    return _words(hold) if hold else None


def of(session: Session, application_ids: Iterable[int]) -> Sequence[Hold]:
    """What keeps these applications."""
    return session.scalars(_open_ones().where(Hold.application_id.in_(list(application_ids)))).all()


def that_keep(holds: Iterable[Hold], now: datetime) -> list[Hold]:
    """Of what was not ended, that which keeps an application from being erased now: as `why_kept` has it."""
    return [hold for hold in holds if hold.ended_at is None and (hold.until is None or hold.until > now)]


def kinds(session: Session, application_ids: Iterable[int]) -> dict[int, set[str]]:
    """How these applications are kept, by id: `HoldKind`s; those that nothing keeps are not in it."""
    found: dict[int, set[str]] = {}
    asked = select(Hold.application_id, Hold.kind).where(_is_open(), Hold.application_id.in_(list(application_ids)))
    for number, kind in session.execute(asked):
        found.setdefault(number, set()).add(kind)
    return found


def all_open(session: Session, limit: int) -> dict[HoldKind, list[Hold]]:
    """What is kept, by how: of each kind at most `limit`, the newest first. One statement."""
    newest = (
        select(Hold.id).where(_is_open(), Hold.kind == kind).order_by(Hold.id.desc()).limit(limit).subquery()
        for kind in HoldKind
    )
    found = session.scalars(_open_ones().where(Hold.id.in_(union_all(*(select(one.c.id) for one in newest))))).all()
    return {kind: [hold for hold in found if hold.kind == kind] for kind in HoldKind}


def find(session: Session, public_id: str) -> Hold | None:
    return session.scalar(select(Hold).where(Hold.public_id == public_id))


def is_kept(now: datetime) -> ColumnElement[bool]:
    """The condition that something keeps an application."""
    return Application.id.in_(_kept(now))


def _kept(now: datetime) -> Select[Any]:
    return select(Hold.application_id).where(*_keeps(now))


def _is_open() -> ColumnElement[bool]:
    return Hold.ended_at.is_(None)


def _keeps(now: datetime) -> tuple[ColumnElement[bool], ...]:
    return _is_open(), or_(Hold.until.is_(None), Hold.until > now)


def _open_ones() -> Select[Hold]:
    found = select(Hold).join(Hold.application).where(_is_open())
    person = contains_eager(Hold.application).joinedload(Application.job)
    return found.options(person, joinedload(Hold.user)).order_by(Hold.id.desc())


def _words(hold: Hold) -> str:
    who = hold.user.email if hold.user else "somebody"
    # A day ends at midnight where it was chosen: noon before that has its date in any zone.
    until = f" until {day(hold.until - timedelta(hours=12))}" if hold.until else ""
    what = "Restricted" if hold.kind == HoldKind.RESTRICTION else "Under legal hold"
    return f"{what} since {day(hold.at)}{until} by {who}: {hold.reason}. End that first, or deselect the application."


def _hold(session: Session, application: Application, keeping: Keeping) -> None:
    hold = Hold(
        application_id=application.id,
        kind=keeping.kind.value,
        reason=keeping.reason.strip(),
        at=keeping.at,
        user_id=keeping.user_id,
        until=keeping.until,
    )
    session.add(hold)
    if keeping.kind == HoldKind.RESTRICTION:
        _restrict(session, application, hold, keeping.at)
    session.flush()
    audit.note(
        session,
        Action.HELD,
        at=keeping.at,
        user_id=keeping.user_id,
        remote_addr=keeping.remote_addr,
        subject=Subject("application", application.public_id),
        kind=keeping.kind.value,
        hold=hold.public_id,
    )


def _restrict(session: Session, application: Application, hold: Hold, at: datetime) -> None:
    number = application.inbox_no
    hold.inbox_no, application.inbox_no = number, None
    application.restricted_at, application.unindexed = at, None
    session.flush()
    search.remove(session, [-application.id, *([] if number is None else [number])])
    opt_outs.cancel_waiting(session, [application.id], RESTRICTED_WORDS)
    _plan(session, application, at)


def _lift(session: Session, application: Application, hold: Hold, at: datetime) -> None:
    application.restricted_at = None
    if application.completed:
        application.inbox_no = hold.inbox_no or filing.next_inbox_no(session.get_bind().dialect.name)
    application.unindexed = search.mark()
    session.flush()
    _plan(session, application, at)


def _plan(session: Session, application: Application, at: datetime) -> None:
    """Whether the job's cadence goes on writing to them."""
    own = select(FollowUp).where(FollowUp.application_id == application.id)
    for follow_up in session.scalars(own.with_for_update(of=FollowUp, key_share=True)):
        cadence.plan(session, follow_up, at)
    session.flush()
