"""Whoever has given their password, or comes from the OpenID provider, and has not yet given their code.

It stands in the signed cookie of the browser that did so, and nowhere else: there is nothing to clean up,
and all that must end it is in it. Another password, another second factor, or ten minutes, and it is nobody's.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy.orm import Session

from dashboard.models import User
from dashboard.services import accounts

LIFE: Final = timedelta(minutes=10)


def begin(user: User, how: str, *, now: datetime) -> dict[str, Any]:
    """For the cookie: that this user has proved who they are by `how`, now."""
    return {"user": user.public_id, "at": int(now.timestamp()), "mark": _mark(user), "how": how}


def whose(session: Session, kept: Mapping[str, Any] | None, *, now: datetime) -> User | None:
    """Who may still give their code by it. `kept`: as `begin` made it, from the cookie."""
    if not kept or not 0 <= now.timestamp() - kept["at"] <= LIFE.total_seconds():
        return None
    user = accounts.find(session, kept["user"])
    if user is None or not user.active or user.totp_since is None:
        return None
    return user if hmac.compare_digest(_mark(user), kept["mark"]) else None


def _mark(user: User) -> str:
    """Of the password and the second factor that it was begun with. Salt and key are in them: it tells nothing."""
    return hashlib.sha256(f"{user.password_hash} {user.totp_secret}".encode()).hexdigest()
