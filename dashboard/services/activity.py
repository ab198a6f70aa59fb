"""What all that recruiters do together has in common: who does it, to which applications, and the line it leaves."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from dashboard import reach
from dashboard.models import Activity, ActivityKind, Application, User
from dashboard.permissions import Permission, allows

HELD: Final = "held"
"""What `Line`s say of somebody who is put aside for later."""


@dataclass(frozen=True, slots=True)
class By:
    """Who does something, from which network address, and when."""

    user_id: int | None
    remote_addr: str | None
    at: datetime


@dataclass(frozen=True, slots=True)
class Done:
    """What became of the applications something was done to, by id; of those skipped with why, in words."""

    changed: tuple[int, ...] = ()
    skipped: tuple[tuple[int, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Line:
    """What happened to one application, in words: see `Activity`."""

    application_id: int
    before: str | None = None
    after: str | None = None
    other_id: int | None = None


def locked(session: Session, ids: Iterable[int]) -> Sequence[Application]:
    """The applications as they are now, held until the commit; what refers to them can still be written by others.

    In one order for everybody, so that nobody waits for somebody who waits for them. One that was restricted since
    somebody looked is not among them: nothing may be done with it.
    """
    return session.scalars(
        select(Application)
        .where(Application.id.in_(set(ids)), Application.is_shown())
        .order_by(Application.id)
        .with_for_update(of=Application, key_share=True)
        .execution_options(populate_existing=True)
    ).all()


def write_down(session: Session, kind: ActivityKind, by: By, lines: Iterable[Line]) -> None:
    """Put what was done into the timelines."""
    rows = [
        {
            "application_id": line.application_id,
            "kind": kind.value,
            "before": line.before,
            "after": line.after,
            "other_id": line.other_id,
            "user_id": by.user_id,
            "remote_addr": by.remote_addr,
            "at": by.at,
        }
        for line in lines
    ]
    if rows:
        session.execute(insert(Activity), rows)


def may_see_applications(user: User | None) -> bool:
    """Whether somebody can be given an application to look at."""
    return user is not None and user.active and allows(user.role, Permission.APPLICATIONS)


def able_to_see(session: Session, user: User, ids: Iterable[int]) -> set[int]:
    """Which of these applications, by id, somebody can be given to look at."""
    return reach.those_within(session, reach.of(session, user), ids) if may_see_applications(user) else set()


def colleagues(session: Session, limit: int = 500) -> Sequence[User]:
    """Everybody who may see applications, by email address."""
    found = session.scalars(select(User).where(User.active.is_(True)).order_by(User.email).limit(limit))
    return [user for user in found if may_see_applications(user)]
