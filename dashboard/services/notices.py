"""Mails that tell somebody what was done to their way in, whoever did it: queued with the deed, cancelled by nothing.

An administrator can make a link for somebody's password and reset their two-step verification. Whoever that happens to
hears of it even where the link was used before its own mail went. And one who sees no applicants can have somebody see
them, themselves by another address among them: of that those hear who answer for the applicants' data.
"""

from __future__ import annotations

from collections.abc import Iterable
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
    """What was done. With the user's public id it is the row's event: `password:…`; for `LET_IN` with the public id of
    whoever sees applicants now, too."""

    PASSWORD = "password"  # noqa: S105
    SECOND_FACTOR = "second_factor"
    LET_IN = "let_in"


_SUBJECTS: Final = {
    Notice.PASSWORD: "Your password for the Talroo dashboard was changed",
    Notice.SECOND_FACTOR: "Your two-step verification for the Talroo dashboard was reset",
    Notice.LET_IN: "Somebody was given access to applicants in the Talroo dashboard",
}
_DONE: Final = {
    Notice.PASSWORD: "A new password was chosen for your account at {url} on {at}, with a link that {who}.",
    Notice.SECOND_FACTOR: "{who} reset two-step verification for your account at {url} on {at}.",
    Notice.LET_IN: "{who}, whose role sees no applicants, gave {whom} a role that does at {url} on {at}.",
}
_END: Final = "If you didn’t expect this, tell another administrator right away."
_ENDS: Final = {Notice.LET_IN: "If you didn’t expect this, check that user right away: {url}/admin/users/{id}"}


def queue(session: Session, notice: Notice, user: User, by: By, about: User | None = None) -> None:
    """Have the user told. `by`: who made the link, or reset the factor; and when it was done. The caller commits.

    `about`: whom it was done to, where that is somebody else.
    """
    row = {
        "channel": Channel.ACCESS,
        "business_key": f"notice:{public_id()}",
        "event": f"{notice}:{user.public_id}" + (f":{about.public_id}" if about else ""),
        "created_by_id": by.user_id,
    }
    queueing.queue(session, row, at=by.at, due=by.at, sendable=is_address(user.email))


def queue_let_in(session: Session, user: User, told: Iterable[User], by: By) -> None:
    """Have `told` hear that the user sees applicants now."""
    for one in told:
        queue(session, Notice.LET_IN, one, by, about=user)


def is_one(row: Outbound) -> bool:
    return ":" in row.event


def user_of(session: Session, row: Outbound) -> User | None:
    """Whom the row tells."""
    return _called(session, row.event.split(":")[1])


def words(session: Session, row: Outbound, public_url: str) -> Told:
    """What the mail says, with the address of whoever did it."""
    kind, _, *rest = row.event.split(":")
    notice, about = Notice(kind), "".join(rest)
    whom = _called(session, about)
    told = {"url": public_url, "at": moment(row.event_time), "who": _who(notice, row.created_by), "id": about}
    told |= {"whom": whom.email if whom else ""}
    end = _ENDS.get(notice, _END).format(**told)
    return Told(_SUBJECTS[notice], f"{_DONE[notice].format(**told)}\n\n{end}\n")


def _called(session: Session, public_id: str) -> User | None:
    return session.scalar(select(User).where(User.public_id == public_id))


def _who(notice: Notice, user: User | None) -> str:
    if notice is not Notice.PASSWORD:
        return user.email if user else "The operator of the dashboard"
    return f"{user.email} created" if user else "was requested on the sign-in page"
