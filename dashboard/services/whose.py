"""Everything one person ever sent, for those who erase, hold or hand it out: also what was never finished, and what is
restricted. `people` decides who a person is; this adds what it does not show.

Anybody can type somebody else's telephone number, and households share one: what is joined by less than an email
address or a person's word is found, but nobody's by itself (`surely`, `doubt`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import ColumnElement, or_, select, union
from sqlalchemy.orm import Session

from dashboard.models import Application, FollowUp, PersonLink
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


def surely(session: Session, application: Application, applications: Sequence[Application]) -> frozenset[str]:
    """Of `applications` those that are surely the person's who has `application`, by public id.

    They have its email address, or somebody linked them to it; and so on from each of them. What somebody parted from
    it is not among them.
    """
    linked, parted = _said(session, application, applications)
    rest = {one.id: one for one in applications if one.id not in parted}
    sure, waiting = {application.public_id}, [application]
    while waiting:
        one = waiting.pop()
        near = [other for other in rest.values() if _is_joined(one, other, linked) and other.public_id not in sure]
        sure |= {other.public_id for other in near}
        waiting += near
    return frozenset(sure)


def doubt(application: Application, other: Application) -> str:
    """Why `other` may be somebody else's than `application`, in words."""
    same_phone = application.phone_key and application.phone_key == other.phone_key
    shares = "Same phone number" if same_phone else "Shares something with another of these"
    return f"{shares}, {'different' if other.email_key else 'no'} email address. Maybe another person."


_Pairs = set[frozenset[int]]


def _is_joined(one: Application, other: Application, linked: _Pairs) -> bool:
    same_email = one.email_key is not None and one.email_key == other.email_key
    return same_email or frozenset((one.id, other.id)) in linked


def _said(session: Session, application: Application, applications: Iterable[Application]) -> tuple[_Pairs, set[int]]:
    """Which of these somebody said belong together, and which were parted from `application`."""
    ids = [one.id for one in applications]
    among = select(PersonLink).where(PersonLink.low_id.in_(ids), PersonLink.high_id.in_(ids))
    links = session.scalars(among).all()
    linked = {frozenset((link.low_id, link.high_id)) for link in links if link.same}
    apart = [{link.low_id, link.high_id} for link in links if not link.same]
    return linked, {number for pair in apart if application.id in pair for number in pair - {application.id}}


def _is_shown(application: Application) -> bool:
    """Whether `people` knows of it, and so of everybody who was parted from it."""
    return application.completed and application.restricted_at is None


def _joined(session: Session, known: Iterable[Application]) -> list[Application]:
    first = next((one for one in known if _is_shown(one)), None)
    person = people.find(session, first.public_id, EVERYTHING) if first else None
    return list(person.applications) if person else []


def _sharing(session: Session, known: Iterable[Application]) -> Sequence[Application]:
    """Those with an email address or a telephone number of one of `known`."""
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
