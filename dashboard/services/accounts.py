"""Users, sign-in, and sessions that can be taken back."""

from __future__ import annotations

import base64
import hashlib
import secrets
import threading
from datetime import datetime, timedelta
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from dashboard.database import insert_or_ignore
from dashboard.models import LoginSession, LoginThrottle, Role, User

SESSION_LIFE: Final = timedelta(hours=12)
THROTTLE_WINDOW: Final = timedelta(minutes=15)
FAILURES_HERE: Final = 10
"""For one account from one network address: a stranger elsewhere cannot lock its owner out with these."""
FAILURES_ELSEWHERE: Final = 100
"""For one account from anywhere, and for any account from one network address."""
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


class SignInThrottled(Exception):
    """Too many failures of late. `seconds`: until the next try counts."""

    def __init__(self, seconds: int) -> None:
        super().__init__(f"Too many failed sign-ins. Try again in {seconds} seconds.")
        self.seconds = seconds


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


def check_throttle(session: Session, email: str, address: str, *, now: datetime) -> None:
    """Raises `SignInThrottled` while this account or network address has failed too often of late."""
    limits = dict(_throttle_keys(email, address))
    rows = session.scalars(
        select(LoginThrottle).where(LoginThrottle.key.in_(limits), LoginThrottle.window_ends_at > now)
    )
    waits = [row.window_ends_at - now for row in rows if row.failures >= limits[row.key]]
    if waits:
        raise SignInThrottled(max(1, int(max(waits).total_seconds())))


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


def note_failure(session: Session, email: str, address: str, *, now: datetime) -> None:
    """Count a failed sign-in against the account and against the network address."""
    for key, _ in _throttle_keys(email, address):
        fresh = {"key": key, "failures": 0, "window_ends_at": now + THROTTLE_WINDOW}
        session.execute(delete(LoginThrottle).where(LoginThrottle.key == key, LoginThrottle.window_ends_at <= now))
        session.execute(insert_or_ignore(session, LoginThrottle, "key"), fresh)
        session.execute(
            update(LoginThrottle).where(LoginThrottle.key == key).values(failures=LoginThrottle.failures + 1)
        )


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
    session.execute(delete(LoginThrottle).where(LoginThrottle.key == _throttle_keys(user.email, address)[0][0]))
    session.execute(delete(LoginSession).where(LoginSession.expires_at <= now - SESSION_LIFE))
    session.flush()
    return token


def signed_in(session: Session, token: str, *, now: datetime) -> User | None:
    """Whom a session token belongs to, while it holds."""
    found = session.scalar(
        select(LoginSession).where(
            LoginSession.token_hash == _hash(token), LoginSession.revoked_at.is_(None), LoginSession.expires_at > now
        )
    )
    return found.user if found and found.user.active else None


def sign_out(session: Session, token: str, *, now: datetime) -> None:
    """End this session; its cookie is worth nothing from now on, wherever it is."""
    session.execute(
        update(LoginSession)
        .where(LoginSession.token_hash == _hash(token), LoginSession.revoked_at.is_(None))
        .values(revoked_at=now)
    )


def fold(email: str) -> str:
    """An e-mail address as users are known by. PostgreSQL stores no NUL, so nobody has one."""
    return email.replace("\0", "").strip().lower()


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _throttle_keys(email: str, address: str) -> tuple[tuple[str, int], ...]:
    """What failures are counted by, and how many are too many; the pair of account and address first."""
    return (
        (_hash(f"pair:{fold(email)}\0{address}"), FAILURES_HERE),
        (_hash(f"account:{fold(email)}"), FAILURES_ELSEWHERE),
        (_hash(f"address:{address}"), FAILURES_ELSEWHERE),
    )
