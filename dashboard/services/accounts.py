"""Users, sign-in, and sessions that can be taken back."""

from __future__ import annotations

import base64
import hashlib
import secrets
import threading
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Final, NamedTuple

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import ScalarSelect, Select, bindparam, delete, func, select, update
from sqlalchemy.orm import Session

from dashboard import reach
from dashboard.models import Application, LoginSession, Mention, Note, Role, User
from dashboard.reach import NOBODY, Reach
from dashboard.services import throttle

SESSION_LIFE: Final = timedelta(hours=12)
MIN_PASSWORD: Final = 10
MAX_PASSWORD: Final = 1_000

# OWASP's lower-memory setting: about 50 ms here, and 19 MiB, which eight at once can still spend.
_hasher: Final = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
_checks: Final = threading.BoundedSemaphore(2)


def _nobodys_hash() -> str:
    """A hash that no password has, at the usual cost. Made up, because making a real one takes every start 50 ms."""

    def noise(length: int) -> str:
        return base64.b64encode(secrets.token_bytes(length)).decode().rstrip("=")

    cost = f"m={_hasher.memory_cost},t={_hasher.time_cost},p={_hasher.parallelism}"
    return f"$argon2id$v=19${cost}${noise(_hasher.salt_len)}${noise(_hasher.hash_len)}"


_NOBODYS_HASH: Final = _nobodys_hash()


class AccountError(ValueError):
    """A wish that cannot be granted; the message says what to do instead."""


class Caller(NamedTuple):
    """Who is asking: what every page needs of a user. Columns, because making an object of the model takes longer."""

    id: int
    public_id: str
    email: str
    role: str
    single_keys: bool
    unread_mentions: int = 0
    """How many notes that name the user wait to be read, on applications within their reach."""
    reach: Reach = NOBODY


def add_user(session: Session, email: str, password: str, role: str, *, now: datetime) -> User:
    """Make a user. Raises `AccountError` for an address that is none or taken, a short password, an unknown role."""
    folded = fold(email)
    if not (3 <= len(folded) <= 320) or folded.count("@") != 1 or folded[0] == "@" or folded[-1] == "@":
        raise AccountError(f"{email!r} is not an e-mail address.")
    if role not in set(Role):
        raise AccountError(f"The role must be one of {', '.join(Role)}.")
    if not MIN_PASSWORD <= len(password) <= MAX_PASSWORD:
        raise AccountError(f"The password must have {MIN_PASSWORD} to {MAX_PASSWORD:,} characters.")
    if session.scalar(select(User.id).where(User.email == folded)):
        raise AccountError(f"There is a user {folded} already.")
    user = User(email=folded, password_hash=_hasher.hash(password), role=role, created_at=now)
    session.add(user)
    session.flush()
    return user


def authenticate(session: Session, email: str, password: str) -> User | None:
    """The user these belong to, else None. Takes as long for an unknown address as for a wrong password.

    Ends the session's transaction: while a password is checked, no database connection waits with it.
    """
    found = session.execute(select(User.id, User.password_hash).where(User.email == fold(email))).one_or_none()
    session.rollback()
    try:
        # A flood of sign-ins may take time, but neither all the memory nor the connections deliveries need.
        with _checks:
            _hasher.verify(found.password_hash if found else _NOBODYS_HASH, password[:MAX_PASSWORD])
    except (VerificationError, InvalidHashError):
        return None
    user = session.get(User, found.id) if found else None
    return user if user and user.active else None


def sign_in(session: Session, user: User, *, address: str, user_agent: str, now: datetime) -> str:
    """Begin a session and return its token, which only the browser keeps."""
    token = secrets.token_urlsafe(32)
    session.add(
        LoginSession(
            token_hash=_hash(token),
            user_id=user.id,
            created_at=now,
            expires_at=now + SESSION_LIFE,
            remote_addr=address[:64],
            user_agent=user_agent[:300],
        )
    )
    throttle.forgive(session, user.email, address)
    session.execute(delete(LoginSession).where(LoginSession.expires_at <= now - SESSION_LIFE))
    session.flush()
    return token


def signed_in(
    session: Session, token: str, *, now: datetime, beside: tuple[ScalarSelect[int], ...] = ()
) -> tuple[Caller, tuple[int, ...]] | None:
    """Whom a session token belongs to, while it holds; with what is counted `beside` it in the same statement."""
    asked = {"token_hash": _hash(token), "now": now}
    found = session.connection().execute(_signed_in(beside), asked).one_or_none()
    if found is None:
        return None
    width = len(Caller._fields)
    *told, scopes = found[:width]
    return Caller._make([*told, reach.read(found.id, scopes)]), tuple(found[width:])


_OF_CALLER: Final = [getattr(User, name) for name in Caller._fields[:-2]]


@cache
def _signed_in(beside: tuple[ScalarSelect[int], ...]) -> Select[Any]:
    """Written once: every request asks it."""
    where = select(Note.id).join(Application, Application.id == Note.application_id)
    seen = where.where(Note.id == Mention.note_id, reach.within(Application.job_id, User.id)).exists()
    unread = select(func.count()).where(Mention.user_id == User.id, Mention.read_at.is_(None), ~reach.LIMITED | seen)
    return (
        select(*_OF_CALLER, unread.correlate(User).scalar_subquery(), reach.TOLD, *beside)
        .join(LoginSession, LoginSession.user_id == User.id)
        .where(
            LoginSession.token_hash == bindparam("token_hash"),
            LoginSession.revoked_at.is_(None),
            LoginSession.expires_at > bindparam("now"),
            User.active.is_(True),
        )
    )


def sign_out(session: Session, token: str, *, now: datetime) -> None:
    """End this session; its cookie is worth nothing from now on, wherever it is."""
    session.execute(
        update(LoginSession)
        .where(LoginSession.token_hash == _hash(token), LoginSession.revoked_at.is_(None))
        .values(revoked_at=now)
    )


def find(session: Session, public_id: str) -> User | None:
    return session.scalar(select(User).where(User.public_id == public_id))


def use_single_keys(session: Session, user_id: int, *, wanted: bool) -> None:
    """Have one key alone do something for this user, or not. The caller commits."""
    session.get_one(User, user_id).single_keys = wanted


def fold(email: str) -> str:
    """An e-mail address as users are known by. PostgreSQL stores no NUL, so nobody has one."""
    return email.replace("\0", "").strip().lower()


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
