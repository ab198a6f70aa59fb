"""Who has opened an application: the unread marker, and who else is looking at it now."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from dashboard.database import insert_or_ignore
from dashboard.models import Seen, User

LOOKING: Final = timedelta(seconds=40)
"""How long after its last sign a page counts as open. An open page gives one about every third of that."""
_WRITTEN_EVERY: Final = timedelta(seconds=10)


def see(session: Session, user_id: int, application_id: int, now: datetime) -> bool:
    """Note that somebody has the application open. The caller has begun to write. Whether it was unread to them."""
    row = {"user_id": user_id, "application_id": application_id, "first_at": now, "last_at": now}
    if session.execute(insert_or_ignore(session, Seen, "user_id", "application_id"), row).first() is not None:
        return True
    session.execute(
        update(Seen)
        .where(Seen.user_id == user_id, Seen.application_id == application_id, Seen.last_at < now - _WRITTEN_EVERY)
        .values(last_at=now),
        execution_options={"synchronize_session": False},
    )
    return False


def must_note(session: Session, user_id: int, application_id: int, now: datetime) -> bool:
    """Whether `see` would write anything: a page that is read again at once need not wait for its turn to write."""
    last = session.scalar(select(Seen.last_at).where(Seen.user_id == user_id, Seen.application_id == application_id))
    return last is None or last < now - _WRITTEN_EVERY


def unread(session: Session, user_id: int, ids: Iterable[int]) -> set[int]:
    """Which of these applications the user has not opened yet, in one statement."""
    asked = set(ids)
    known = select(Seen.application_id).where(Seen.user_id == user_id, Seen.application_id.in_(asked))
    return asked - set(session.scalars(known))


def who_is_looking(
    session: Session, application_id: int, now: datetime, *, but: int | None = None, limit: int = 5
) -> Sequence[User]:
    """Who has the application open at this moment, who came last first, except the user `but`."""
    return session.scalars(
        select(User)
        .join(Seen, Seen.user_id == User.id)
        .where(Seen.application_id == application_id, Seen.last_at > now - LOOKING, Seen.user_id != (but or 0))
        .order_by(Seen.last_at.desc(), User.id)
        .limit(limit)
    ).all()
