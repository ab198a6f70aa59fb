"""Rating, assigning and holding applications, one or many at once, each with a line in its timeline.

Who comes last is right: of two people who rate or assign at the same moment the later one's word stands, which is what
both expect, and the timeline shows both. Nothing else is overwritten by it. The caller has begun to write, and commits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from sqlalchemy.orm import Session

from dashboard.models import ActivityKind, Application, User
from dashboard.services import indexing
from dashboard.services.activity import HELD, By, Done, Line, able_to_see, locked, may_see_applications, write_down
from dashboard.services.review import BadChange

BEST: Final = 4
_NO_RATING: Final = f"A rating is a number from 1 to {BEST}."

Words = tuple[str | None, str | None]


def read_rating(typed: str) -> int | None:
    """What a form says; empty is none. Raises `BadChange` for what is no rating."""
    if typed and typed not in map(str, range(1, BEST + 1)):
        raise BadChange(_NO_RATING)
    return int(typed) if typed else None


def rate(session: Session, ids: Iterable[int], rating: int | None, by: By) -> Done:
    """Give 1 to `BEST`, or None for no rating. Raises `BadChange` for any other number."""
    if rating is not None and not 1 <= rating <= BEST:
        raise BadChange(_NO_RATING)

    def change(application: Application) -> Words | None:
        if application.rating == rating:
            return None
        before, application.rating = application.rating, rating
        return _number(before), _number(rating)

    already = f"Already rated {rating}" if rating else "Has no rating"
    return _each(session, ids, ActivityKind.RATED, by, change, already)


def assign(session: Session, ids: Iterable[int], user_id: int | None, by: By) -> Done:
    """Give applications to somebody, or with None to nobody. Raises `BadChange` for who may see none of them."""
    user = session.get(User, user_id) if user_id is not None else None
    if user_id is None:
        return give(session, ids, None, by)
    if user is None or not may_see_applications(user):
        raise BadChange("Choose a colleague from the list: others cannot see applications.")
    asked = sorted(set(ids))
    seen = able_to_see(session, user, asked)
    if asked and not seen:
        raise BadChange(f"{user.email} cannot see this job or company. Choose a colleague who can.")
    done = give(session, seen, user, by)
    hidden = tuple((number, f"{user.email} cannot see it") for number in asked if number not in seen)
    return Done(done.changed, done.skipped + hidden)


def give(session: Session, ids: Iterable[int], user: User | None, by: By) -> Done:
    """`assign` without asking who it is: taking an assignment back may return it to somebody who has left."""

    def change(application: Application) -> Words | None:
        if application.assigned_to_id == (user.id if user else None):
            return None
        before = application.assigned_to
        application.assigned_to_id = user.id if user else None
        return before.email if before else None, user.email if user else None

    already = f"Already assigned to {user.email}" if user else "Assigned to nobody"
    return _each(session, ids, ActivityKind.ASSIGNED, by, change, already)


def hold(session: Session, ids: Iterable[int], by: By) -> Done:
    """Put aside for later; the stage stays."""

    def change(application: Application) -> Words | None:
        if application.held_at is not None:
            return None
        application.held_at = by.at
        return None, HELD

    return _each(session, ids, ActivityKind.HELD, by, change, "Already held")


def unhold(session: Session, ids: Iterable[int], by: By) -> Done:
    """Take off hold what was put aside."""

    def change(application: Application) -> Words | None:
        if application.held_at is None:
            return None
        application.held_at = None
        return HELD, None

    return _each(session, ids, ActivityKind.HELD, by, change, "Not held")


def _each(
    session: Session,
    ids: Iterable[int],
    kind: ActivityKind,
    by: By,
    change: Callable[[Application], Words | None],
    already: str,
) -> Done:
    """Do `change` to each, which tells in words what was and what is, or None where nothing had to be done."""
    lines: list[Line] = []
    skipped: list[tuple[int, str]] = []
    for application in locked(session, ids):
        words = change(application)
        if words is None:
            skipped.append((application.id, already))
        else:
            lines.append(Line(application.id, *words))
            session.expire(application, ["assigned_to"])
    session.flush()
    write_down(session, kind, by, lines)
    indexing.restate(session, (line.application_id for line in lines))
    return Done(tuple(line.application_id for line in lines), tuple(skipped))


def _number(rating: int | None) -> str | None:
    return None if rating is None else str(rating)
