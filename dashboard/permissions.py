"""Who may do what. One table; a view that names no permission is closed to everybody."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Any, Final, TypeVar

from dashboard.models.user import Role

View = TypeVar("View", bound=Callable[..., Any])


class Permission(StrEnum):
    APPLICATIONS = "applications"
    """See applications and their files, move stages, mark hires."""
    LEDGER = "ledger"
    """See what was reported to Talroo, and retry it."""
    INCOMPLETE = "incomplete"
    DELIVERIES = "deliveries"
    """See what Talroo sent, with verdicts, and replay it; not what stands in it."""
    INTEGRATION = "integration"
    """See how the connections to Talroo stand; nobody's data."""
    CONTENTS = "contents"
    """See the contents of a delivery."""
    USERS = "users"
    """Invite people, say what they may do, and end that."""
    AUDIT = "audit"
    """See who did what."""
    PRIVACY = "privacy"
    """Erase, hold and hand out what is stored of a person."""


_RECRUITING: Final = frozenset({Permission.APPLICATIONS, Permission.LEDGER})
_RUNNING: Final = frozenset({Permission.DELIVERIES, Permission.INTEGRATION, Permission.USERS, Permission.AUDIT})

GRANTED: Final = {
    Role.RECRUITER: _RECRUITING,
    Role.HR_ADMIN: _RECRUITING | _RUNNING | {Permission.INCOMPLETE, Permission.CONTENTS, Permission.PRIVACY},
    Role.IT_ADMIN: _RUNNING,
}

FIRST_PAGE: Final = {
    Role.RECRUITER: "applications.index",
    Role.HR_ADMIN: "applications.index",
    Role.IT_ADMIN: "deliveries.index",
}

_ROLES: Final = frozenset(Role)
PUBLIC: Final = "public"
SIGNED_IN: Final = "signed in"


def needs(permission: Permission | str) -> Callable[[View], View]:
    """Mark a view with what it takes to reach it: a `Permission`, `SIGNED_IN`, or `PUBLIC`."""

    def mark(view: View) -> View:
        view.needs = permission  # type: ignore[attr-defined]
        return view

    return mark


def allows(role: str | None, permission: str) -> bool:
    """Whether somebody with `role` (None: signed out) may pass; unknown roles and permissions may not."""
    if permission == PUBLIC:
        return True
    if role is None or role not in _ROLES:
        return False
    return permission == SIGNED_IN or permission in GRANTED[Role(role)]
