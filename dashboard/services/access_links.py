"""Links that open a door once: for whoever sets this dashboard up, was invited, or lost their password.

A link's token is signed over its public id by a key made from `SECRET_KEY` (retired ones are still read), so whoever
reads the table, or an old mail's row in the outbox, has nothing that opens anything.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from itsdangerous import BadSignature, Signer
from sqlalchemy import ColumnElement, select, update
from sqlalchemy.orm import Session

from dashboard.audit_actions import Action
from dashboard.models import AccessLink, Outbound, Purpose, User
from dashboard.models.outbound import Channel, State
from dashboard.services import accounts
from dashboard.services.activity import By
from dashboard.services.queueing import UNSENT

LIVES: Final = {
    Purpose.SETUP: timedelta(days=7),
    Purpose.INVITATION: timedelta(days=7),
    Purpose.RESET: timedelta(hours=24),
}
REPLACED_WORDS: Final = "The link in it no longer works."

_PATHS: Final = {Purpose.SETUP: "setup", Purpose.INVITATION: "access", Purpose.RESET: "access"}
_TOKEN_PURPOSE: Final = b"access link"


class LinkUnknown(Exception):
    """We have made no such link."""


class LinkOver(Exception):
    """The link was used, taken back or too old; or what it was for is done."""


def make(session: Session, purpose: Purpose, user: User | None, by: By, **details: str) -> AccessLink:
    """A new link for `user`, or to set the dashboard up. The caller commits. `details`: for the audit log."""
    link = AccessLink(
        purpose=purpose,
        user_id=user.id if user else None,
        created_at=by.at,
        created_by_id=by.user_id,
        expires_at=by.at + LIVES[purpose],
    )
    session.add(link)
    session.flush()
    action = Action.USER_INVITED if purpose == Purpose.INVITATION else Action.ACCESS_LINK_MADE
    accounts.note(session, action, user, by, purpose=purpose.value, **details)
    return link


def purpose_for(user: User) -> Purpose:
    """What a link would be for now: somebody who never had a password is still invited."""
    return Purpose.INVITATION if user.is_invited else Purpose.RESET


def take_back(session: Session, at: datetime, whose: ColumnElement[bool]) -> None:
    """Have all links that `whose` selects open nothing any more, and no mail with one be sent."""
    taken = session.scalars(
        update(AccessLink)
        .where(whose, AccessLink.used_at.is_(None), AccessLink.revoked_at.is_(None))
        .values(revoked_at=at)
        .returning(AccessLink.public_id)
        .execution_options(synchronize_session=False)
    ).all()
    _cancel_mails(session, taken)


def set_up(session: Session, by: By) -> AccessLink | None:
    """The link by which the first administrator enters; the one before is worth nothing. None where there are users."""
    if accounts.has_users(session):
        return None
    take_back(session, by.at, AccessLink.purpose == Purpose.SETUP)
    return make(session, Purpose.SETUP, None, by)


def address(link: AccessLink, public_url: str, secrets: Sequence[str]) -> str:
    """Where the link leads, with its token."""
    token = _signer(secrets[0]).sign(link.public_id).decode()
    return f"{public_url}/{_PATHS[Purpose(link.purpose)]}/{token}"


def read(
    session: Session, token: str, purposes: Sequence[Purpose], secrets: Sequence[str], now: datetime
) -> AccessLink:
    """The link with this token, for one of `purposes`. Raises `LinkUnknown`, or `LinkOver` where it opens nothing."""
    found = select(AccessLink).where(AccessLink.public_id == _signed(token, secrets), AccessLink.purpose.in_(purposes))
    link = session.scalar(found)
    if link is None:
        raise LinkUnknown
    if not is_open(session, link, now):
        raise LinkOver
    return link


def is_open(session: Session, link: AccessLink, now: datetime) -> bool:
    """Whether the link would let somebody in now."""
    if link.used_at is not None or link.revoked_at is not None or link.expires_at <= now:
        return False
    return link.user.active if link.user else not accounts.has_users(session)


def use_up(session: Session, link: AccessLink, now: datetime) -> None:
    """Take note that somebody entered by it. Raises `LinkOver` where somebody else was quicker.

    Decided by one UPDATE. Whoever enters by one of several set-up links uses all of them up: there is one first
    administrator.
    """
    door = AccessLink.purpose == Purpose.SETUP if link.purpose == Purpose.SETUP else AccessLink.id == link.id
    used = session.scalars(
        update(AccessLink)
        .where(door, AccessLink.used_at.is_(None), AccessLink.revoked_at.is_(None), AccessLink.expires_at > now)
        .values(used_at=now)
        .returning(AccessLink.id)
        .execution_options(synchronize_session=False)
    ).all()
    if link.id not in used:
        raise LinkOver
    _cancel_mails(session, [link.public_id])


def _cancel_mails(session: Session, links: Sequence[str]) -> None:
    session.execute(
        update(Outbound)
        .where(Outbound.channel == Channel.ACCESS, Outbound.event.in_(links), Outbound.state.in_(UNSENT))
        .values(state=State.CANCELLED, last_answer=REPLACED_WORDS)
        .execution_options(synchronize_session=False)
    )


def _signed(token: str, secrets: Sequence[str]) -> str:
    """The public id that the token is signed over. Raises `LinkUnknown` for a token that is not ours."""
    for secret in secrets:
        try:
            return _signer(secret).unsign(token.encode()).decode()
        except (BadSignature, UnicodeError):
            continue
    raise LinkUnknown


def _signer(secret: str) -> Signer:
    return Signer(secret, salt=_TOKEN_PURPOSE, digest_method=hashlib.sha256)
