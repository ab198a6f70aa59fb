"""Everything one person ever sent, for those who erase, hold or hand it out: also what was never finished, and what is
restricted. `people` decides who a person is; this adds what it does not show.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import ColumnElement, or_, select, union
from sqlalchemy.orm import Session

from dashboard.models import Application, FollowUp
from dashboard.reach import EVERYTHING
from dashboard.services import people
from dashboard.services.traces import MOST


def find(session: Session, public_id: str) -> Application | None:
    """One application, complete or not, restricted or not: for HR administrators alone."""
    return session.scalar(select(Application).where(Application.public_id == public_id))


def applications_of(session: Session, application: Application) -> list[Application]:
    """All applications of the person who has `application`, which stands first, then the newest first."""
    found = {application.id: application}
    if not _is_shown(application):
        _add(found, _sharing(session, found.values()))
    _add(found, _joined(session, found.values()))
    _add(found, _aside(session, found))
    rest = sorted(found.values(), key=lambda one: (one.arrived_at, one.id), reverse=True)
    return [application, *(one for one in rest if one.id != application.id)]


def _is_shown(application: Application) -> bool:
    """Whether `people` knows of it, and so of everybody who was parted from it."""
    return application.completed and application.restricted_at is None


def _joined(session: Session, known: Iterable[Application]) -> list[Application]:
    first = next((one for one in known if _is_shown(one)), None)
    person = people.find(session, first.public_id, EVERYTHING) if first else None
    return list(person.applications) if person else []


def _sharing(session: Session, known: Iterable[Application]) -> Sequence[Application]:
    """Those with an e-mail address or a telephone number of one of `known`."""
    shares = select(Application).where(_shares(known))
    return session.scalars(shares.order_by(Application.id.desc()).limit(MOST)).all()


def _aside(session: Session, known: Mapping[int, Application]) -> Sequence[Application]:
    """What `people` does not know of: who shares something with these, and what they began and one of all finished."""
    unseen = or_(Application.completed.is_not(True), Application.restricted_at.is_not(None))
    sharing = select(Application.id).where(_shares(known.values()), unseen).order_by(Application.id.desc()).limit(MOST)
    ids = sharing.cte("sharing")
    # Two parts: asked for either at once, PostgreSQL would read every follow-up there is.
    finished = (FollowUp.completed_by_id.in_(list(known)), FollowUp.completed_by_id.in_(select(ids.c.id)))
    theirs = union(select(ids.c.id), *(select(FollowUp.application_id).where(by) for by in finished))
    return session.scalars(select(Application).where(Application.id.in_(theirs))).all()


def _shares(known: Iterable[Application]) -> ColumnElement[bool]:
    applications = list(known)
    emails = {one.email_key for one in applications if one.email_key}
    phones = {one.phone_key for one in applications if one.phone_key}
    return or_(Application.email_key.in_(emails), Application.phone_key.in_(phones))


def _add(found: dict[int, Application], more: Iterable[Application]) -> None:
    for one in more:
        found.setdefault(one.id, one)
