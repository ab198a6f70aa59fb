"""Whoever the OpenID provider names, as a user of ours: known from before, found by a verified address, or new.

By what the provider says of their groups they have a role, each time they sign in; without one they do not get in.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from dashboard.audit_actions import Action
from dashboard.identity import Identity
from dashboard.models import User
from dashboard.models.user import NO_PASSWORD
from dashboard.services import accounts, audit, users
from dashboard.services.accounts import AccountError
from dashboard.services.activity import By

OIDC: Final = "oidc"


class NotAdmitted(Exception):
    """`words`: for whoever wanted in. `why`: for the log. `user`: whose account it would have been, if anybody's."""

    def __init__(self, words: str, why: str, user: User | None = None) -> None:
        super().__init__(why)
        self.words, self.why, self.user = words, why, user


def admit(session: Session, who: Identity, roles: Mapping[str, str], by: By) -> User:
    """The user who signs in. Raises `NotAdmitted`, with nothing changed. The caller commits.

    `roles`: which role follows from which group, the first that fits counts. `by`: from where and when; nobody is
    signed in yet.
    """
    user = _known(session, who) or _by_address(session, who)
    role = next((role for group, role in roles.items() if group in who.groups), None)
    if user is not None and not user.active:
        raise NotAdmitted("Your account here is deactivated. Ask an administrator.", "deactivated", user)
    if role is None:
        raise NotAdmitted(
            "None of your groups has access to this dashboard. Ask an administrator.",
            "no group with a role",
            user,
        )
    if user is None:
        return _made(session, who, role, by)
    return _in_role(session, _linked(session, who, user), role, by)


def _known(session: Session, who: Identity) -> User | None:
    return session.scalar(
        select(User)
        .where(User.oidc_issuer == who.issuer, User.oidc_subject == who.subject)
        .execution_options(populate_existing=True)
    )


def _by_address(session: Session, who: Identity) -> User | None:
    """Who has the address here; somebody the provider knows by another name has it no more there."""
    user = accounts.find_by_email(session, who.email) if who.email else None
    if user is not None and user.oidc_subject is not None:
        raise _another(user)
    return user


def _linked(session: Session, who: Identity, user: User) -> User:
    if user.oidc_subject is None:
        # Two at once, from two windows: the second finds it done.
        session.execute(
            update(User)
            .where(User.id == user.id, User.oidc_subject.is_(None))
            .values(oidc_issuer=who.issuer, oidc_subject=who.subject)
            .execution_options(synchronize_session=False)
        )
        session.refresh(user)
    if (user.oidc_issuer, user.oidc_subject) != (who.issuer, who.subject):
        raise _another(user)
    return user


def _another(user: User) -> NotAdmitted:
    words = "Your email address belongs to another account here. Ask an administrator."
    return NotAdmitted(words, "the address is another's", user)


def _made(session: Session, who: Identity, role: str, by: By) -> User:
    if who.email is None:
        raise NotAdmitted(
            "The sign-in service has not verified your email address, so it can’t be used here. Ask an administrator.",
            "no verified address",
        )
    try:
        user = accounts.new_user(session, who.email, role, NO_PASSWORD, now=by.at)
    except AccountError:
        found = _known(session, who) or _by_address(session, who)  # another window was quicker
        if found is None:
            words = "Your email address can’t be used here. Ask an administrator."
            raise NotAdmitted(words, "not an address") from None
        return _linked(session, who, found)
    audit.note_by(session, Action.USER_ADDED, by, accounts.subject_of(user), role=role, how=OIDC)
    return _linked(session, who, user)


def _in_role(session: Session, user: User, role: str, by: By) -> User:
    """The provider's word counts, unless nobody would be left who can manage users."""
    if user.role == role:
        return user
    try:
        return users.set_role(session, user.id, role, by)
    except users.NotAllowed:
        return user
