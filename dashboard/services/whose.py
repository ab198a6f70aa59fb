"""Everything one person ever sent, for those who erase, hold or hand it out: also what was never finished, and what is
restricted. `people` decides who a person is; this adds what it does not show.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import or_, select
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
    _add(found, (one for one in _sharing(session, found.values()) if not _is_shown(one)))
    _add(found, _taken_over(session, found))
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
    applications = list(known)
    emails = {one.email_key for one in applications if one.email_key}
    phones = {one.phone_key for one in applications if one.phone_key}
    shares = or_(Application.email_key.in_(emails), Application.phone_key.in_(phones))
    return session.scalars(select(Application).where(shares).order_by(Application.id.desc()).limit(MOST)).all()


def _taken_over(session: Session, ids: Iterable[int]) -> Sequence[Application]:
    """What they began and one of these finished."""
    begun = select(FollowUp.application_id).where(FollowUp.completed_by_id.in_(set(ids)))
    return session.scalars(select(Application).where(Application.id.in_(begun))).all()


def _add(found: dict[int, Application], more: Iterable[Application]) -> None:
    for one in more:
        found.setdefault(one.id, one)
