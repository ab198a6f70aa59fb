"""What tests of working together share: recruiters who do things, and the lines those leave."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session

from dashboard.database import start_writing
from dashboard.models import Application, ApplicationTag, Tag, User
from dashboard.reach import EVERYTHING
from dashboard.services import reading
from dashboard.services.activity import By
from tests.outbox_fixtures import NOON

Result = TypeVar("Result")


def by(user: User | int | None, at: datetime = NOON) -> By:
    return By(user.id if isinstance(user, User) else user, "192.0.2.7", at)


def do(session: Session, verb: Callable[..., Result], *args: Any, **more: Any) -> Result:
    """Call `verb(session, …)` as the edge does: as a writer from the start, and commit."""
    session.rollback()
    start_writing(session)
    done = verb(session, *args, **more)
    session.commit()
    return done


def told(session: Session, application: Application) -> list[str]:
    """The texts of the timeline, newest first."""
    session.rollback()
    return [entry.text for entry in reading.timeline(session, application, EVERYTHING)]


def tags_of(session: Session, application_id: int) -> list[str]:
    """The names of an application's tags."""
    carried = select(Tag.name).join(ApplicationTag).where(ApplicationTag.application_id == application_id)
    return list(session.scalars(carried.order_by(Tag.key)))
