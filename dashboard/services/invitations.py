"""Mails with a link to choose a password by: queued with the link, written in the moment they go.

Only then is the link's token made anew: nothing that waits opens anything.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, NamedTuple

from sqlalchemy import literal, select
from sqlalchemy.orm import Session

from dashboard.date_words import moment
from dashboard.mail_address import NO_ADDRESS_WORDS, is_address
from dashboard.models import AccessLink, Outbound, Purpose, User
from dashboard.models.outbound import Channel
from dashboard.services import access_links, queueing
from dashboard.services.activity import By

_KEY: Final = "access:"
"""Before a link's public id, the business key of the mail with it."""


class Told(NamedTuple):
    """A mail's words."""

    subject: str
    text: str


def queue(session: Session, link: AccessLink, by: By) -> None:
    """Have the link sent to whom it is for. The caller commits."""
    row = {
        "channel": Channel.ACCESS,
        "business_key": f"{_KEY}{link.public_id}",
        "event": link.public_id,
        "created_by_id": by.user_id,
    }
    queueing.queue(session, row, at=by.at, due=by.at)


def link_of(session: Session, row: Outbound) -> AccessLink | None:
    return session.scalar(select(AccessLink).where(AccessLink.public_id == row.event))


def open_link(session: Session, user: User, now: datetime) -> tuple[AccessLink | None, Outbound | None]:
    """The newest link by which this user could still choose a password, and the mail with it, sent or not.

    No mail where it was only shown. One statement.
    """
    columns: tuple[Any, ...] = (AccessLink, Outbound)
    links = (
        select(*columns)
        .outerjoin(Outbound, Outbound.business_key == literal(_KEY) + AccessLink.public_id)
        .where(AccessLink.user_id == user.id)
        .order_by(AccessLink.id.desc())
    )
    found = ((link, mail) for link, mail in session.execute(links) if access_links.is_open(session, link, now))
    return next(found, (None, None))


def no_longer_wanted(session: Session, link: AccessLink | None, now: datetime) -> str | None:
    """Why a queued mail is not to be sent, in words; None where it is. Asked at the moment of sending."""
    if link is None or link.user is None or not access_links.is_open(session, link, now):
        return access_links.REPLACED_WORDS
    return None if is_address(link.user.email) else NO_ADDRESS_WORDS


def words(link: AccessLink, address: str, public_url: str, by: str | None) -> Told:
    """What the mail says. `address`: the link's, with its token. `by`: the address of who had it sent, if anybody."""
    who = by or "Somebody"
    until = moment(link.expires_at)
    role = link.user.role_label if link.user else ""
    if link.purpose == Purpose.INVITATION:
        subject = "Your access to the Talroo dashboard"
        begin = f"{who} added you to the Talroo dashboard at {public_url} as {role}. Choose a password here:"
    else:
        subject = "Reset your password for the Talroo dashboard"
        asked = f"{by} requested a password reset" if by else "A password reset was requested"
        begin = f"{asked} for your account at {public_url}. Choose a new password here:"
    end = f"The link works once, until {until}. If you did not expect it, you can ignore this email."
    return Told(subject, f"{begin}\n\n{address}\n\n{end}\n")
