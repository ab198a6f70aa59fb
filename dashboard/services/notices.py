"""Mails that tell somebody what was done to their way in, whoever did it: queued with the deed, cancelled by nothing.

An administrator can make a link for somebody's password and reset their two-step verification. Whoever that happens to
hears of it even where the link was used before its own mail went.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from dashboard.database import public_id
from dashboard.date_words import moment
from dashboard.mail_address import is_address
from dashboard.models import Outbound, User
from dashboard.models.outbound import Channel
from dashboard.services import queueing
from dashboard.services.activity import By
from dashboard.services.invitations import Told


class Notice(StrEnum):
    """What was done. With the user's public id it is the row's event: `password:…`."""

    PASSWORD = "password"  # noqa: S105
    SECOND_FACTOR = "second_factor"


_SUBJECTS: Final = {
    Notice.PASSWORD: "Your password for the Talroo dashboard was changed",
    Notice.SECOND_FACTOR: "Your two-step verification for the Talroo dashboard was reset",
}
_DONE: Final = {
    Notice.PASSWORD: "A new password was chosen for your account at {url} on {at}, with a link that {who}.",
    Notice.SECOND_FACTOR: "{who} reset two-step verification for your account at {url} on {at}.",
}
_END: Final = "If you didn’t expect this, tell another administrator right away."


def queue(session: Session, notice: Notice, user: User, by: By) -> None:
    """Have the user told. `by`: who made the link, or reset the factor; and when it was done. The caller commits."""
    row = {
        "channel": Channel.ACCESS,
        "business_key": f"notice:{public_id()}",
        "event": f"{notice}:{user.public_id}",
        "created_by_id": by.user_id,
    }
    queueing.queue(session, row, at=by.at, due=by.at, sendable=is_address(user.email))


def is_one(row: Outbound) -> bool:
    return ":" in row.event


def user_of(session: Session, row: Outbound) -> User | None:
    """Whom the row tells."""
    return session.scalar(select(User).where(User.public_id == row.event.partition(":")[2]))


def words(row: Outbound, public_url: str) -> Told:
    """What the mail says, with the address of whoever did it."""
    notice = Notice(row.event.partition(":")[0])
    told = {"url": public_url, "at": moment(row.event_time), "who": _who(notice, row.created_by)}
    return Told(_SUBJECTS[notice], f"{_DONE[notice].format(**told)}\n\n{_END}\n")


def _who(notice: Notice, user: User | None) -> str:
    if notice is Notice.SECOND_FACTOR:
        return user.email if user else "The operator of the dashboard"
    return f"{user.email} created" if user else "was requested on the sign-in page"
