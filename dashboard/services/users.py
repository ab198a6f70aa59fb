"""Who may sign in, and as what: inviting people, changing what they may do, and ending it.

Somebody must be left who can do this, and who answers for the applicants' data. Whoever would take that away is
refused, also where two do it to each other at the same moment: see `_held`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.orm import Session

from dashboard.audit_actions import Action
from dashboard.mail_address import is_address
from dashboard.models import AccessLink, Purpose, Role, User
from dashboard.models.user import NO_PASSWORD
from dashboard.permissions import Permission, allows
from dashboard.services import access_links, accounts, notices, scopes, second_factor, sessions
from dashboard.services.accounts import AccountError
from dashboard.services.activity import By
from dashboard.services.scopes import Scope

ASKED: Final = ((timedelta(minutes=5), 1), (timedelta(hours=1), 3), (timedelta(days=1), 5))
"""So many links are sent within each time to somebody who forgot their password, or whom a stranger wants to annoy."""

_MANAGERS: Final = frozenset(role for role in Role if allows(role, Permission.USERS))


class NotAllowed(AccountError):
    """Something that nobody may do, or not any more; the message says what to do instead."""


def invite(
    session: Session, email: str, role: str, by: By, *, is_limited: bool = False, mails: bool = False
) -> tuple[User, AccessLink]:
    """Add somebody, with a link by which they choose a password. Raises `AccountError`. The caller commits.

    `is_limited`: a recruiter sees nothing until it is chosen what they may see. `mails`: see `_let_in`.
    """
    _, managers = _held(session, None, by)
    if is_limited and role != Role.RECRUITER:
        raise AccountError("Only recruiters can be limited to some jobs and companies.")
    if not is_address(accounts.fold(email)):
        raise AccountError(f"{email!r} is not an email address.")
    user = accounts.new_user(session, email, role, NO_PASSWORD, now=by.at)
    note_added(session, user, by, **_let_in(session, user, managers, by, mails=mails))
    if is_limited:
        scopes.limit(session, user, Scope(is_limited=True), by)
    return user, access_links.make(session, Purpose.INVITATION, user, by)


def note_added(session: Session, user: User, by: By, **details: Any) -> None:
    """Have it in the audit log that this user was made."""
    accounts.note(session, Action.USER_ADDED, user, by, role=user.role, **details)


def new_link(session: Session, user_id: int, by: By) -> AccessLink:
    """A new link to choose a password by; those before are worth nothing. Raises `AccountError`."""
    user, _ = _held(session, user_id, by)
    # Whoever finds an administrator's browser open shall not stay: one's own takes the present one.
    _refuse_oneself(user, by, "Change your own password in “Your settings”.")
    if not user.active:
        raise NotAllowed(f"{user.email} is deactivated. Reactivate them first.")
    access_links.take_back(session, by.at, AccessLink.user_id == user.id)
    return access_links.make(session, access_links.purpose_for(user), user, by)


def forgotten(session: Session, email: str, by: By) -> AccessLink | None:
    """A link for whoever has this address and may sign in by a password; None where nobody is to be written to.

    Earlier links go on working: a stranger who asks must not make an invitation worthless.
    """
    user = accounts.find_by_email(session, email)
    if user is None or not user.active or not (user.is_invited or user.has_password):
        return None
    user = accounts.locked(session, user.id)
    since = by.at - max(within for within, _ in ASKED)
    asked = session.scalars(select(AccessLink.created_at).where(_asked_for(user), AccessLink.created_at > since)).all()
    if any(sum(at > by.at - within for at in asked) >= most for within, most in ASKED):
        return None
    return access_links.make(session, access_links.purpose_for(user), user, by, way="asked for")


def set_role(session: Session, user_id: int, role: str, by: By, *, mails: bool = False) -> User:
    """Give a user another role; their sessions end, so that nothing of the former one stays. Raises `AccountError`.

    `mails`: see `_let_in`.
    """
    user, managers = _held(session, user_id, by)
    _refuse_oneself(user, by, "You cannot change your own role. Another administrator can.")
    accounts.check_role(role)
    if user.role == role:
        return user
    _refuse_the_last(user, managers, role)
    before, user.role = user.role, role
    let_in = _let_in(session, user, managers, by, mails=mails)
    accounts.note(session, Action.ROLE_CHANGED, user, by, before=before, after=role, **let_in)
    session.flush()
    sessions.end_all(session, user, by)
    return user


def deactivate(session: Session, user_id: int, by: By) -> User:
    """Let somebody in no more, and end their sessions. What they did keeps their name. Raises `AccountError`."""
    user, managers = _held(session, user_id, by)
    _refuse_oneself(user, by, "You cannot deactivate yourself. Another administrator can.")
    if not user.active:
        return user
    _refuse_the_last(user, managers, None)
    user.active = False
    session.flush()
    accounts.note(session, Action.USER_DEACTIVATED, user, by)
    access_links.take_back(session, by.at, AccessLink.user_id == user.id)
    sessions.end_all(session, user, by)
    return user


def reactivate(session: Session, user_id: int, by: By, *, mails: bool = False) -> User:
    """Let somebody in again, with the password and the role they had. Raises `AccountError`. `mails`: see `_let_in`."""
    user, managers = _held(session, user_id, by)
    if user.active:
        return user
    sessions.end_all(session, user, by)  # begun in the moment in which they were deactivated
    user.active = True
    session.flush()
    let_in = _let_in(session, user, managers, by, mails=mails)
    accounts.note(session, Action.USER_REACTIVATED, user, by, **let_in)
    return user


def end_sessions(session: Session, user_id: int, by: By) -> int:
    """Sign somebody out everywhere. How many sessions that ended. Raises `AccountError`."""
    user, _ = _held(session, user_id, by)
    return sessions.end_all(session, user, by)


def reset_second_factor(session: Session, user_id: int, by: By) -> bool:
    """Ask somebody, who lost phone and recovery codes, for no second factor any more, and end their sessions: whoever
    has their phone may be in. False where there was none. Raises `AccountError`."""
    user, _ = _held(session, user_id, by)
    _refuse_oneself(user, by, "Turn off your own two-step verification in “Your settings”.")
    if not second_factor.reset(session, user, by):
        return False
    sessions.end_all(session, user, by)
    return True


def _held(session: Session, user_id: int | None, by: By) -> tuple[User, Sequence[User]]:
    """The user, and who may manage users, as they are now; both stay so until the commit.

    All rows in one order: of two administrators who demote each other at once, the second waits for the first and finds
    out that they may not any more. SQLite has one writer at a time anyway.
    """
    managing = and_(User.active.is_(True), User.role.in_(_MANAGERS))
    rows = session.scalars(
        select(User)
        .where(or_(User.id == user_id, managing))
        .order_by(User.id)
        .with_for_update(of=User, key_share=True)
        .execution_options(populate_existing=True)
    ).all()
    managers = [user for user in rows if user.active and user.role in _MANAGERS]
    if by.user_id is not None and by.user_id not in {user.id for user in managers}:
        raise NotAllowed("You can no longer manage users.")
    found = next((user for user in rows if user.id == (user_id or by.user_id)), None)
    if found is None:
        raise NotAllowed("That user doesn’t exist.")
    return found, managers


def _let_in(session: Session, user: User, managers: Iterable[User], by: By, *, mails: bool) -> dict[str, Any]:
    """That the user may see applicants now, by the word of somebody who may not: said in the audit log by the details
    returned, and where `mails` can be sent, to each HR administrator. Else they read it where they sign in next.
    """
    who = next((one for one in managers if one.id == by.user_id), None)
    if who is None or allows(who.role, Permission.APPLICATIONS) or not allows(user.role, Permission.APPLICATIONS):
        return {}
    if mails:
        told = [one for one in managers if one.role == Role.HR_ADMIN and one.id != user.id]
        notices.queue_let_in(session, user, told, by)
    return {"let_in": 1}


def _refuse_oneself(user: User, by: By, words: str) -> None:
    if user.id == by.user_id:
        raise NotAllowed(words)


def _refuse_the_last(user: User, managers: Collection[User], role: str | None) -> None:
    """Raises `NotAllowed` where nobody would be left. `role`: which they will have, None for none."""
    left = [other for other in managers if other.id != user.id and other.can_sign_in]
    if not user.can_sign_in:
        return
    if user.role == Role.HR_ADMIN and role != Role.HR_ADMIN and all(other.role != Role.HR_ADMIN for other in left):
        raise NotAllowed(f"{user.email} is the last HR administrator who can sign in. Make another user one first.")
    if user.role in _MANAGERS and role not in _MANAGERS and not left:
        raise NotAllowed(f"{user.email} is the last who can manage users. Make another user an administrator first.")


def _asked_for(user: User) -> ColumnElement[bool]:
    """Links that they asked for themselves."""
    return and_(AccessLink.user_id == user.id, AccessLink.created_by_id.is_(None))
