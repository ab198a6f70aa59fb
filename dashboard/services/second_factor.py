"""The second factor: a code from an app (TOTP, RFC 6238), or a recovery code for the day the phone is gone.

The app's secret is encrypted and recovery codes are hashed, both under keys made from `SECRET_KEY`; what was kept under
a key in `SECRET_KEY_RETIRED` still counts. `secrets` are these keys, newest first.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import re
import secrets as chance
from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

import pyotp
from sqlalchemy import CursorResult, delete, func, insert, or_, select, update
from sqlalchemy.orm import Session

from dashboard.audit_actions import Action
from dashboard.models import RecoveryCode, User
from dashboard.services import audit, sealing
from dashboard.services.activity import By
from dashboard.services.sealing import NotOurs

log = logging.getLogger(__name__)

ISSUER: Final = "Talroo dashboard"
"""What the app on the phone calls the account."""
STEP: Final = timedelta(seconds=30)
WINDOW: Final = (0, -1, 1)
"""Steps beside the present one whose codes count: people type slowly, and phones' clocks are off."""
RECOVERY_CODES: Final = 10
SETTING_UP: Final = timedelta(minutes=30)
"""How long a secret that was shown waits for its first code."""

# Crockford's: no letter can be taken for a digit. 24 of 32 are 120 bits, which no hash has to be slow for.
_LETTERS: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_LENGTH: Final = 24
_PURPOSE: Final = b"second factor: secrets of apps"
_MISREAD: Final = str.maketrans("OIL", "011")
_APP_CODE: Final = re.compile(r"[0-9]{6}", re.ASCII)


class How(StrEnum):
    """By what somebody passed; as in `LoginSession.how`."""

    TOTP = "totp"
    RECOVERY = "recovery"


class WrongCode(Exception):
    """Not a code that counts now: mistyped, over, or used before."""


class AlreadyOn(Exception):
    """There is a second factor: another window was quicker."""


# --- setting it up --------------------------------------------------------------------------------------------------


def propose(user: User, secrets: Sequence[str], *, now: datetime) -> str:
    """A new secret, sealed for the browser that sets it up: nothing is kept here until its first code has come."""
    words = f"{user.public_id} {int(now.timestamp())} {pyotp.random_base32()}"
    return sealing.seal(words, _PURPOSE, secrets)


def proposed(user: User, sealed: str, secrets: Sequence[str], *, now: datetime) -> str | None:
    """The secret in it, base32; None for what is too old, somebody else's, or not ours."""
    try:
        owner, at, secret = sealing.open_sealed(sealed, _PURPOSE, secrets).split(" ")
    except (NotOurs, ValueError):
        return None
    in_time = now.timestamp() - int(at) <= SETTING_UP.total_seconds()
    return secret if owner == user.public_id and in_time else None


def app_address(user: User, secret: str) -> str:
    """What the QR code says, and a link on a phone opens: `otpauth://…`."""
    return pyotp.TOTP(secret).provisioning_uri(name=user.email, issuer_name=ISSUER)


def turn_on(session: Session, user: User, secret: str, code: str, secrets: Sequence[str], by: By) -> list[str]:
    """Ask for the second factor from now on. Returns the recovery codes, which can be shown only now.

    Raises `WrongCode` unless `code` proves that the app has the secret, `AlreadyOn` where it has one.
    """
    step = _step_of(secret, typed(code), by.at)
    if step is None:
        raise WrongCode
    sealed = sealing.seal(secret, _PURPOSE, secrets)
    on = update(User).where(User.id == user.id, User.totp_since.is_(None))
    if not _changes(session, on.values(totp_secret=sealed, totp_since=by.at, totp_step=step)):
        raise AlreadyOn
    session.refresh(user)
    _note(session, Action.SECOND_FACTOR_ON, user, by)
    return _new_codes(session, user, secrets)


def renew_codes(session: Session, user: User, secrets: Sequence[str], by: By) -> list[str]:
    """Ten new recovery codes; the old ones are worth nothing from now on."""
    _note(session, Action.RECOVERY_CODES_MADE, user, by)
    return _new_codes(session, user, secrets)


def reset(session: Session, user: User, by: By) -> bool:
    """Ask for no second factor any more, whoever wants that. False where there was none."""
    off = update(User).where(User.id == user.id, User.totp_since.is_not(None))
    if not _changes(session, off.values(totp_secret=None, totp_since=None, totp_step=None)):
        return False
    session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user.id))
    session.refresh(user)
    _note(session, Action.SECOND_FACTOR_OFF, user, by)
    return True


# --- asking for it --------------------------------------------------------------------------------------------------


def check(session: Session, user: User, given: str, secrets: Sequence[str], *, now: datetime) -> How:
    """Use a code, of the app or a recovery code, as somebody typed it: from now on it is worth nothing.

    Raises `WrongCode`. Of two who bring the same one at once, the database lets one pass.
    """
    code = typed(given)
    if is_app_code(given):
        _use_step(session, user, code, secrets, now)
        return How.TOTP
    hashes = [_hashed(user, code.translate(_MISREAD), secret) for secret in secrets]
    use = update(RecoveryCode).where(
        RecoveryCode.user_id == user.id, RecoveryCode.code_hash.in_(hashes), RecoveryCode.used_at.is_(None)
    )
    if user.totp_since is None or not _changes(session, use.values(used_at=now)):
        raise WrongCode
    return How.RECOVERY


def is_app_code(given: str) -> bool:
    """Whether it looks like a code of the app: six digits, however they are spaced."""
    return _APP_CODE.fullmatch(typed(given)) is not None


def codes_left(session: Session, user_id: int) -> int:
    """How many recovery codes somebody has not used yet."""
    unused = (RecoveryCode.user_id == user_id, RecoveryCode.used_at.is_(None))
    return session.scalar(select(func.count()).select_from(RecoveryCode).where(*unused)) or 0


def typed(given: str) -> str:
    """A code without what people put between its parts."""
    return re.sub(r"[\s-]", "", given).upper()


def _use_step(session: Session, user: User, code: str, secrets: Sequence[str], now: datetime) -> None:
    secret = _secret_of(user, secrets)
    step = None if secret is None else _step_of(secret, code, now)
    if step is None:
        raise WrongCode
    # One conditional UPDATE: a code that was watched while it was typed is worth nothing to the watcher.
    unused = or_(User.totp_step.is_(None), User.totp_step < step)
    once = update(User).where(User.id == user.id, User.totp_since.is_not(None), unused)
    if not _changes(session, once.values(totp_step=step)):
        raise WrongCode


def _secret_of(user: User, secrets: Sequence[str]) -> str | None:
    if user.totp_secret is None:
        return None
    try:
        return sealing.open_sealed(user.totp_secret, _PURPOSE, secrets)
    except NotOurs:
        log.error("the second factor of user %s cannot be read: is its SECRET_KEY not in SECRET_KEY_RETIRED?", user.id)
        return None


def _step_of(secret: str, code: str, now: datetime) -> int | None:
    """The time step whose code this is, among those that count now."""
    present = int(now.timestamp() // STEP.total_seconds())
    counter = pyotp.HOTP(secret)
    fitting = [step for step in (present + off for off in WINDOW) if _same(counter.at(step), code)]
    return fitting[0] if fitting else None


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(), other.encode())


def _new_codes(session: Session, user: User, secrets: Sequence[str]) -> list[str]:
    session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user.id))
    codes = ["".join(chance.choice(_LETTERS) for _ in range(_LENGTH)) for _ in range(RECOVERY_CODES)]
    rows = [{"user_id": user.id, "code_hash": _hashed(user, code, secrets[0])} for code in codes]
    session.execute(insert(RecoveryCode), rows)
    return ["-".join(re.findall("....", code)) for code in codes]


def _hashed(user: User, code: str, secret: str) -> str:
    """Keyed, and fast: nobody tries out 120 bits, and least of all without the key."""
    key = hmac.digest(secret.encode(), b"second factor: recovery codes", "sha256")
    return hmac.new(key, f"{user.public_id} {code}".encode(), hashlib.sha256).hexdigest()


def _changes(session: Session, statement: Any) -> bool:
    """Whether the UPDATE found its row as it wanted it."""
    done = session.execute(statement.execution_options(synchronize_session=False))
    return isinstance(done, CursorResult) and done.rowcount == 1


def _note(session: Session, action: Action, user: User, by: By) -> None:
    audit.note_by(session, action, by, audit.Subject("user", user.public_id))
