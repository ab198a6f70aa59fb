"""Everybody who may sign in, or might once, with when they last did."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from dashboard.audit_actions import Action
from dashboard.models import AuditEntry, LoginSession, User


@dataclass(frozen=True, slots=True)
class Row:
    """One user. `last_at`: when they last signed in, as far as is known."""

    user: User
    last_at: datetime | None

    @property
    def state(self) -> str:
        """`active`, `invited` (never signed in and has no way to yet) or `deactivated`."""
        if not self.user.active:
            return "deactivated"
        return "invited" if self.user.is_invited else "active"


def everybody(session: Session) -> list[Row]:
    """All users, those who may sign in first."""
    return _rows(session, None)


def one(session: Session, public_id: str) -> Row | None:
    return next(iter(_rows(session, public_id)), None)


def _rows(session: Session, public_id: str | None) -> list[Row]:
    # Sessions are forgotten (`accounts.REMEMBERED`); the audit log remembers. Read from its end, one entry a user.
    noted = (
        select(AuditEntry.at)
        .where(AuditEntry.actor_id == User.id, AuditEntry.action == Action.SIGNED_IN)
        .order_by(AuditEntry.number.desc())
        .limit(1)
        .correlate(User)
        .scalar_subquery()
    )
    begun = select(func.max(LoginSession.created_at)).where(LoginSession.user_id == User.id).correlate(User)
    asked = select(User, noted, begun.scalar_subquery()).order_by(User.active.desc(), User.email)
    if public_id is not None:
        asked = asked.where(User.public_id == public_id)
    return [Row(user, _later(*moments)) for user, *moments in session.execute(asked)]


def _later(*moments: datetime | None) -> datetime | None:
    return max((moment for moment in moments if moment is not None), default=None)
