"""Where somebody is signed in, and ending that."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum

from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.orm import Session

from dashboard.audit_actions import Action
from dashboard.models import LoginSession, User
from dashboard.services import accounts
from dashboard.services.activity import By


def of_user(session: Session, user_id: int, now: datetime) -> Sequence[LoginSession]:
    """Where the user is signed in now, the newest first."""
    alive = (LoginSession.revoked_at.is_(None), LoginSession.expires_at > now)
    found = select(LoginSession).where(LoginSession.user_id == user_id, *alive)
    return session.scalars(found.order_by(LoginSession.created_at.desc(), LoginSession.id.desc())).all()


def prolong(session: Session, until: Mapping[str, datetime]) -> None:
    """Have sessions, by the hash of their token, go on until then. One that was ended meanwhile stays so."""
    for token_hash, at in sorted(until.items()):
        same = (LoginSession.token_hash == token_hash, LoginSession.revoked_at.is_(None))
        session.execute(update(LoginSession).where(*same, LoginSession.expires_at < at).values(expires_at=at))


def renew(session: Session, token: str) -> str:
    """Another token for the session with this one, which is worth nothing from the commit on."""
    renewed = secrets.token_urlsafe(32)
    session.execute(
        update(LoginSession)
        .where(LoginSession.token_hash == accounts.hashed_token(token))
        .values(token_hash=accounts.hashed_token(renewed))
        .execution_options(synchronize_session=False)
    )
    return renewed


class Ending(StrEnum):
    """Why a session is over."""

    REVOKED = "revoked"
    """By somebody, before its time."""
    IDLE = "idle"
    """Nothing was done for `accounts.SESSION_IDLE`."""
    LIFE = "life"
    """It had gone on for `accounts.SESSION_LIFE`."""


def how_ended(session: Session, token: str, now: datetime) -> Ending | None:
    """Why the session with this token is over; None where it is not, or there was none."""
    same = LoginSession.token_hash == accounts.hashed_token(token)
    found = session.execute(
        select(LoginSession.created_at, LoginSession.expires_at, LoginSession.revoked_at).where(same)
    ).one_or_none()
    if found is None:
        return None
    if found.revoked_at is not None:
        return Ending.REVOKED
    if found.expires_at > now:
        return None
    return Ending.LIFE if found.expires_at - found.created_at >= accounts.SESSION_LIFE else Ending.IDLE


def last_before(session: Session, user_id: int, now: datetime) -> datetime | None:
    """When the user signed in before `now`, by something that is theirs: a link may have been somebody else's."""
    own = (LoginSession.user_id == user_id, LoginSession.created_at < now, LoginSession.how.is_distinct_from("link"))
    return session.scalar(select(func.max(LoginSession.created_at)).where(*own))


def end(session: Session, user: User, public_id: str, by: By) -> int:
    """End one of the user's sessions. How many that were: none where it had ended, or is somebody else's."""
    return _end(session, user, by, LoginSession.public_id == public_id)


def end_others(session: Session, user: User, token: str, by: By) -> int:
    """End all of the user's sessions but the one with this token. How many."""
    return _end(session, user, by, LoginSession.token_hash != accounts.hashed_token(token))


def end_all(session: Session, user: User, by: By) -> int:
    """End all of the user's sessions. How many."""
    return _end(session, user, by)


def _end(session: Session, user: User, by: By, *which: ColumnElement[bool]) -> int:
    alive = (LoginSession.revoked_at.is_(None), LoginSession.expires_at > by.at)
    done = session.execute(
        update(LoginSession)
        .where(LoginSession.user_id == user.id, *alive, *which)
        .values(revoked_at=by.at)
        .execution_options(synchronize_session=False)
    )
    ended = int(done.rowcount)  # type: ignore[attr-defined]
    if ended:
        accounts.note(session, Action.SESSION_REVOKED, user, by, sessions=ended)
    return ended
