"""A person looked for by those who answer for their data: by name, e-mail address or telephone number, also where they
never finished, and where nobody else may see them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import ColumnElement, Select, or_, select
from sqlalchemy.orm import Session, joinedload

from dashboard import search
from dashboard.models import Application
from dashboard.person_keys import email_key, phone_key
from dashboard.search import Query

MOST: Final = 50
"""People shown; whoever finds more asks for more of the name."""
RESTRICTED_MOST: Final = 1_000
FEWEST_LETTERS: Final = 2


@dataclass(frozen=True, slots=True)
class Found:
    """Applications that have one e-mail address, else one telephone number and name; the newest first."""

    applications: Sequence[Application]

    @property
    def newest(self) -> Application:
        return self.applications[0]


@dataclass(frozen=True, slots=True)
class People:
    """Who was found. `more`: there are others."""

    found: Sequence[Found]
    more: bool = False


def people(session: Session, typed: str) -> People:
    """Whoever is called so, has this address or this number, the newest first. At most three statements.

    Nobody for fewer than `FEWEST_LETTERS` letters or digits.
    """
    query = Query(typed)
    if len("".join(query.typed_words)) < FEWEST_LETTERS:
        return People(())
    exactly = _exactly(typed)
    if exactly is not None:
        found = list(session.scalars(_with_jobs().where(exactly).limit(MOST + 1)))
    else:
        found = _called_so(session, query)
    return People(_by_person(found[:MOST]), more=len(found) > MOST)


def _exactly(typed: str) -> ColumnElement[bool] | None:
    """The condition for a whole address or number, which has an index of its own."""
    if "@" in typed:
        return Application.email_key == email_key(typed)
    number = phone_key(typed) if search.is_phone(typed) else None
    return Application.phone_key == number if number else None


def _called_so(session: Session, query: Query) -> list[Application]:
    """By the index of the lists, in which those who are restricted do not stand: they are few, and gone through."""
    numbers = session.scalars(search.called(query, session.get_bind().dialect.name, MOST + 1)).all()
    named = or_(
        Application.inbox_no.in_([number for number in numbers if number > 0]),
        Application.id.in_([-number for number in numbers if number < 0]),
    )
    found = session.scalars(_with_jobs().where(named)).all()
    restricted = session.scalars(_with_jobs().where(Application.restricted_at.is_not(None)).limit(RESTRICTED_MOST))
    return [*(one for one in restricted if search.part_of(query, one) == 1), *found]


def _with_jobs() -> Select[Application]:
    return select(Application).order_by(Application.id.desc()).options(joinedload(Application.job))


def _by_person(applications: Iterable[Application]) -> list[Found]:
    people: dict[object, list[Application]] = {}
    for one in applications:
        people.setdefault(_known_by(one), []).append(one)
    return [Found(theirs) for theirs in people.values()]


def _known_by(one: Application) -> object:
    return one.email_key or ((one.phone_key, one.name) if one.phone_key else one.id)
