"""Whoever has given their password and not yet their code.

A row (`AccessLink`) and not only a cookie: it opens one session, once, and a password that is changed meanwhile, or an
account that is switched off, ends it. Its id stands in the signed cookie of the browser that gave the password.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import CursorResult, delete, or_, select, update
from sqlalchemy.orm import Session

from dashboard.models import AccessLink, User
from dashboard.models.access import Purpose

LIFE: Final = timedelta(minutes=10)


def begin(session: Session, user: User, *, now: datetime) -> str:
    """Note that the password was right; returns the id for the cookie. Rows that are over go."""
    over = (AccessLink.purpose == Purpose.CODE, AccessLink.expires_at <= now)
    session.execute(delete(AccessLink).where(*over).execution_options(synchronize_session=False))
    row = AccessLink(purpose=Purpose.CODE, user_id=user.id, created_at=now, expires_at=now + LIFE)
    session.add(row)
    session.flush()
    return row.public_id


def whose(session: Session, public_id: str, *, now: datetime) -> User | None:
    """Who may still give their code by it."""
    return session.scalar(
        select(User)
        .join(AccessLink, AccessLink.user_id == User.id)
        .where(
            AccessLink.public_id == public_id,
            AccessLink.purpose == Purpose.CODE,
            AccessLink.used_at.is_(None),
            AccessLink.revoked_at.is_(None),
            AccessLink.expires_at > now,
            User.active.is_(True),
            User.totp_since.is_not(None),
            or_(User.password_changed_at.is_(None), User.password_changed_at <= AccessLink.created_at),
        )
    )


def finish(session: Session, public_id: str, *, now: datetime) -> bool:
    """The code was right: nobody gets in by this row again. False where somebody just did."""
    done = session.execute(
        update(AccessLink)
        .where(AccessLink.public_id == public_id, AccessLink.purpose == Purpose.CODE, AccessLink.used_at.is_(None))
        .values(used_at=now)
        .execution_options(synchronize_session=False)
    )
    return isinstance(done, CursorResult) and done.rowcount == 1
