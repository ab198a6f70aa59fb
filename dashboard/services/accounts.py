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
from dashboard.audit_actions import Action
from dashboard.database import insert_or_ignore
from dashboard.models import Application, LoginSession, Mention, Note, Role, User
from dashboard.models.user import NO_PASSWORD
from dashboard.prepared import Prepared
from dashboard.reach import NOBODY, Reach
from dashboard.services import audit, throttle
from dashboard.services.activity import By
from dashboard.services.audit import Subject

SESSION_LIFE: Final = timedelta(hours=12)
SESSION_IDLE: Final = timedelta(hours=2)
"""How long a session of somebody who does nothing goes on (docs/security.md says why so long)."""
_NOTED_EVERY: Final = timedelta(minutes=5)
"""By how much less a session may be left before it is prolonged: else every page would write."""
REMEMBERED: Final = timedelta(days=60)
"""How long sessions that are over are kept: by them `throttle` knows from where somebody signs in."""
_COUNTED: Final = frozenset({"password", "totp", "recovery"})
"""Ways in that began with a try at the password, which `throttle` counted."""
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


class ProofOutdated(Exception):
    """Somebody proved who they are, and was deactivated, or given another password, before that was used."""


class Caller(NamedTuple):
    """Who is asking: what every page needs of a user. Columns, because making an object of the model takes longer."""

    id: int
    public_id: str
    email: str
    role: str
    single_keys: bool
    totp_since: datetime | None
    how: str | None
    """By what they signed in."""
    session_began: datetime
    session_ends: datetime
    """If nothing is done any more."""
    unread_mentions: int = 0
    """How many notes that name the user wait to be read, on applications within their reach."""
    reach: Reach = NOBODY

    def prolonged(self, now: datetime) -> datetime | None:
        """Until when the session goes on, since something is done now; None where that makes no difference yet."""
        until = min(now + SESSION_IDLE, self.session_began + SESSION_LIFE)
        return until if until - self.session_ends > _NOTED_EVERY else None


def add_user(session: Session, email: str, password: str, role: str, *, now: datetime) -> User:
    """Make a user. Raises `AccountError` for an address that is none or taken, a short password, an unknown role."""
    _check_address(email)
    check_role(role)
    check_length(password)
    if find_by_email(session, email) is not None:  # asked first: a password takes its time
        raise AccountError(f"{fold(email)} is already a user.")
    return new_user(session, email, role, hashed(password), now=now)


def new_user(session: Session, email: str, role: str, password_hash: str, *, now: datetime) -> User:
    """Make a user whose password has this hash. Raises `AccountError` for an address that is none or taken, or an
    unknown role."""
    _check_address(email)
    check_role(role)
    row = {"email": fold(email), "password_hash": password_hash, "role": role, "created_at": now}
    made = session.execute(insert_or_ignore(session, User, "email"), row).scalar()
    if made is None:
        raise AccountError(f"{fold(email)} is already a user.")
    return session.get_one(User, made)


def has_users(session: Session) -> bool:
    return session.scalar(select(User.id).limit(1)) is not None


def check_role(role: str) -> None:
    """Raises `AccountError` for an unknown role."""
    if role not in set(Role):
        raise AccountError(f"The role must be one of {', '.join(Role)}.")


def check_length(password: str) -> None:
    """Raises `AccountError` for a password that is too short, or longer than anybody's."""
    if not MIN_PASSWORD <= len(password) <= MAX_PASSWORD:
        raise AccountError(f"The password must have {MIN_PASSWORD} to {MAX_PASSWORD:,} characters.")


def hashed(password: str) -> str:
    """What is kept of a password."""
    with _checks:
        return _hasher.hash(password)


def _check_address(email: str) -> None:
    folded = fold(email)
    if not (3 <= len(folded) <= 320) or folded.count("@") != 1 or folded[0] == "@" or folded[-1] == "@":
        raise AccountError(f"{email!r} is not an email address.")


def authenticate(session: Session, email: str, password: str) -> User | None:
    """The user these belong to, else None. Takes as long for an unknown address, and for somebody who has no password,
    as for a wrong one.

    Ends the session's transaction: while a password is checked, no database connection waits with it.
    """
    found = session.execute(select(User.id, User.password_hash).where(User.email == fold(email))).one_or_none()
    session.rollback()
    typed = password if len(password) <= MAX_PASSWORD else ""
    try:
        # A flood of sign-ins may take time, but neither all the memory nor the connections deliveries need.
        with _checks:
            _hasher.verify(_to_verify(found.password_hash if found else NO_PASSWORD), typed)
    except (VerificationError, InvalidHashError):
        return None
    user = session.get(User, found.id) if found else None
    return user if user and user.active else None


def _to_verify(password_hash: str) -> str:
    return _NOBODYS_HASH if password_hash == NO_PASSWORD else password_hash


def sign_in(
    session: Session, user: User, *, address: str, user_agent: str, how: str = "password", now: datetime
) -> str:
    """Begin a session and return its token, which only the browser keeps.

    `how`: `LoginSession.how`. `now`: when they proved who they are; raises `ProofOutdated` where that is over.
    """
    if not user.active or (user.password_changed_at is not None and user.password_changed_at > now):
        raise ProofOutdated
    token = secrets.token_urlsafe(32)
    session.add(
        LoginSession(
            token_hash=hashed_token(token),
            user_id=user.id,
            created_at=now,
            expires_at=now + SESSION_IDLE,
            remote_addr=address[:64],
            user_agent=user_agent[:300],
            how=how,
        )
    )
    if how in _COUNTED:
        throttle.forgive(session, user.email, address)
    session.execute(delete(LoginSession).where(LoginSession.expires_at <= now - REMEMBERED))
    session.flush()
    return token


def signed_in(
    session: Session, token: str, *, now: datetime, beside: tuple[ScalarSelect[int], ...] = ()
) -> tuple[Caller, tuple[int, ...]] | None:
    """Whom a session token belongs to, while it holds; with what is counted `beside` it in the same statement."""
    asked = {"token_hash": hashed_token(token), "now": now}
    rows = _signed_in(beside).rows(session, asked)
    if not rows:
        return None
    (found,), width = rows, len(Caller._fields)
    *told, scopes = found[:width]
    return Caller._make([*told, reach.read(told[0], scopes)]), tuple(found[width:])


_OF_USER: Final = (User.id, User.public_id, User.email, User.role, User.single_keys, User.totp_since)
_OF_SESSION: Final = (LoginSession.how, LoginSession.created_at, LoginSession.expires_at)
"""With these, and in this order, a `Caller` begins."""


@cache
def _signed_in(beside: tuple[ScalarSelect[int], ...]) -> Prepared:
    """Every request asks it."""
    return Prepared(lambda _: _whose_session(beside))


def _whose_session(beside: tuple[ScalarSelect[int], ...]) -> Select[Any]:
    where = select(Note.id).join(Application, Application.id == Note.application_id)
    seen = where.where(Note.id == Mention.note_id, reach.within(Application.job_id, User.id)).exists()
    unread = select(func.count()).where(Mention.user_id == User.id, Mention.read_at.is_(None), ~reach.LIMITED | seen)
    return (
        select(*_OF_USER, *_OF_SESSION, unread.correlate(User).scalar_subquery(), reach.TOLD, *beside)
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
        .where(LoginSession.token_hash == hashed_token(token), LoginSession.revoked_at.is_(None))
        .values(revoked_at=now)
    )


def find(session: Session, public_id: str) -> User | None:
    return session.scalar(select(User).where(User.public_id == public_id))


def find_by_email(session: Session, email: str) -> User | None:
    return session.scalar(select(User).where(User.email == fold(email)))


def locked(session: Session, user_id: int) -> User:
    """The user as they are now; whoever changes them waits until this transaction ends."""
    return session.get_one(User, user_id, populate_existing=True, with_for_update={"key_share": True})


def subject_of(user: User | None) -> Subject | None:
    """Whom an entry of the audit log is about."""
    return Subject("user", user.public_id) if user else None


def note(session: Session, action: Action, user: User | None, by: By, **details: Any) -> None:
    """Have the audit log say what was done to `user`, or to nobody yet. `details`: as `audit.note` takes them."""
    audit.note_by(session, action, by, subject_of(user), **details)


def use_single_keys(session: Session, user_id: int, *, wanted: bool) -> None:
    """Have one key alone do something for this user, or not. The caller commits."""
    session.get_one(User, user_id).single_keys = wanted


def want_alerts(session: Session, user_id: int, *, wanted: bool) -> None:
    """Have this user told by mail when something is wrong, or not. The caller commits."""
    session.get_one(User, user_id).alert_mail = wanted


def fold(email: str) -> str:
    """An email address as users are known by. PostgreSQL stores no NUL, so nobody has one."""
    return email.replace("\0", "").strip().lower()


def hashed_token(token: str) -> str:
    """What is kept of a session's token."""
    return hashlib.sha256(token.encode()).hexdigest()
