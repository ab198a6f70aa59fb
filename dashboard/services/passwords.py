"""Choosing a password: by who has one, by an invitation, and by the first administrator."""

from __future__ import annotations

from typing import Final

from sqlalchemy.orm import Session

from dashboard.audit_actions import Action
from dashboard.models import AccessLink, Role, User
from dashboard.services import access_links, accounts, guessable, sessions, users
from dashboard.services.accounts import AccountError
from dashboard.services.activity import By

TWICE_WORDS: Final = "The passwords don’t match. Enter the new password twice."
STOLEN_WORDS: Final = "This password appears in lists of stolen passwords. Choose another."
KNOWN_WORDS: Final = (
    "This password is too close to your email address or to this dashboard’s name. Add words that nobody would guess."
)


def chosen(password: str, again: str, email: str) -> str:
    """The hash of a new password that was typed twice. Raises `AccountError` where it cannot be one.

    `email`: whose it will be.

    Takes its time, so nothing should wait for it: neither a transaction nor a lock.
    """
    accounts.check_length(password)
    if password != again:
        raise AccountError(TWICE_WORDS)
    if words := weakness(password, email):
        raise AccountError(words)
    return accounts.hashed(password)


def weakness(password: str, email: str) -> str | None:
    """In words, why somebody would guess it; None where nobody would."""
    if guessable.is_stolen(password):
        return STOLEN_WORDS
    return KNOWN_WORDS if guessable.is_of_known_words(password, email) else None


def change(session: Session, user: User, password_hash: str, token: str, by: By) -> int:
    """Give a user who is signed in with `token` another password. How many other sessions of theirs that ended."""
    _set(session, user, password_hash, by)
    return sessions.end_others(session, user, token, by)


def choose(session: Session, link: AccessLink, password_hash: str, by: By) -> User:
    """Give whoever has this link a password. Raises `LinkOver` where it opens nothing any more."""
    user = accounts.locked(session, link.user_id or 0)
    access_links.use_up(session, link, by.at)
    if not user.active:
        raise access_links.LinkOver
    _set(session, user, password_hash, By(user.id, by.remote_addr, by.at))
    sessions.end_all(session, user, By(user.id, by.remote_addr, by.at))
    return user


def set_up(session: Session, link: AccessLink, email: str, password_hash: str, by: By) -> User:
    """Make the first administrator, for whoever has the set-up link. Raises `LinkOver`, or `AccountError`."""
    access_links.use_up(session, link, by.at)
    if accounts.has_users(session):
        raise access_links.LinkOver
    user = accounts.new_user(session, email, Role.HR_ADMIN, password_hash, now=by.at)
    users.note_added(session, user, By(user.id, by.remote_addr, by.at))
    return user


def _set(session: Session, user: User, password_hash: str, by: By) -> None:
    user.password_hash, user.password_changed_at = password_hash, by.at
    session.flush()
    access_links.take_back(session, by.at, AccessLink.user_id == user.id)
    accounts.note(session, Action.PASSWORD_CHANGED, user, by)
