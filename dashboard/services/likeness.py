"""Who is likely the same person though nothing says so: the same résumé, or a similar name in the same city.

Only suggestions, to be looked at side by side; a person decides (`people.link`, `people.part`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Final

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from dashboard import search
from dashboard.models import Application, Attachment, PersonLink
from dashboard.services.people import Person

SIMILAR: Final = 0.82
"""From here on two names may be one's: "Jon Smith" and "John Smyth" are at 0.84, "John" and "Jane Smith" at 0.8."""
LOOKED_AT: Final = 100
SUGGESTED: Final = 5


@dataclass(frozen=True, slots=True)
class Suggestion:
    """An application that is likely the person's, and why, in words."""

    application: Application
    why: str


def likely(session: Session, person: Person, limit: int = SUGGESTED) -> tuple[Suggestion, ...]:
    """Who is likely the same as `person`: the same résumé first, then the most similar names."""
    known = person.ids | _judged(session, person)
    found: dict[int, Suggestion] = {}
    for one in _with_the_same_resume(session, person):
        found.setdefault(one.id, Suggestion(one, "The same résumé"))
    newest = person.applications[0]
    similar = [(similarity(newest.name, one.name), one) for one in _called_alike(session, newest)]
    for closeness, one in sorted(similar, key=lambda pair: (-pair[0], -pair[1].id)):
        if closeness >= SIMILAR:
            found.setdefault(one.id, Suggestion(one, f"A similar name, also from {one.city}"))
    return tuple(suggestion for number, suggestion in found.items() if number not in known)[:limit]


def similarity(one: str, other: str) -> float:
    """How alike two names are, from 0 to 1, whatever their case, accents, script and which part stands first."""
    first, second = search.words([one]), search.words([other])
    if not first or not second:
        return 0.0
    orders = (second, [second[-1], *second[:-1]], [*second[1:], second[0]])
    return max(SequenceMatcher(None, " ".join(first), " ".join(order), autojunk=False).ratio() for order in orders)


def _judged(session: Session, person: Person) -> set[int]:
    """Those somebody has already said something of, who need not be suggested again."""
    ids = person.ids
    links = session.execute(
        select(PersonLink.low_id, PersonLink.high_id)
        .where(or_(PersonLink.low_id.in_(ids), PersonLink.high_id.in_(ids)))
        .limit(2_000)
    )
    return {number for pair in links for number in pair}


def _with_the_same_resume(session: Session, person: Person) -> Sequence[Application]:
    own = _resume_hashes(session, person.ids)
    if not own:
        return ()
    return (
        session.scalars(
            select(Application)
            .join(Attachment, Attachment.application_id == Application.id)
            .where(
                Attachment.sha256.in_(own),
                Attachment.question_id.is_(None),
                Application.id.not_in(person.ids),
                Application.is_finished(),
            )
            .limit(LOOKED_AT)
        )
        .unique()
        .all()
    )


def _resume_hashes(session: Session, ids: Iterable[int]) -> set[str]:
    found = session.scalars(
        select(Attachment.sha256).where(
            Attachment.application_id.in_(ids), Attachment.question_id.is_(None), Attachment.sha256.is_not(None)
        )
    )
    return {sha256 for sha256 in found if sha256}


def _called_alike(session: Session, application: Application) -> Sequence[Application]:
    """Some of the newest from the same city whose names begin alike, found by the search index."""
    first, last, city = (
        search.words([text]) for text in (application.first_name, application.last_name, application.city)
    )
    if not (first and last and city):
        return ()
    beginnings = search.Query(" ".join([first[0][:3], last[-1][:3], *city]))
    newest = search.found(beginnings, session.get_bind().dialect.name, after=None, limit=LOOKED_AT).subquery("newest")
    found = select(Application).join(newest, newest.c.number == Application.inbox_no)
    return [one for one in session.scalars(found) if search.words([one.city]) == city]
