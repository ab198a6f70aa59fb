"""A person looked for by those who answer for their data: by name, email address or telephone number, also where they
never finished, and where nobody else may see them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import ColumnElement, Select, func, or_, select
from sqlalchemy.orm import Session, joinedload

from dashboard import search
from dashboard.models import Application
from dashboard.person_keys import email_key, phone_key
from dashboard.search import Query

MOST: Final = 50
"""People shown; whoever finds more asks for more of the name."""
RESTRICTED_MOST: Final = 1_000
FEWEST_LETTERS: Final = 2
LOOKED_THROUGH: Final = 1_000
"""Of so many who could be meant by a part of an address, which the index knows by its words alone, it is looked at."""


@dataclass(frozen=True, slots=True)
class Found:
    """Applications that have one email address, else one telephone number and name; the newest first."""

    applications: Sequence[Application]

    @property
    def newest(self) -> Application:
        return self.applications[0]


@dataclass(frozen=True, slots=True)
class People:
    """Who was found. `more`: there are others."""

    found: Sequence[Found]
    more: bool = False


@dataclass(frozen=True, slots=True)
class _Asked:
    """What was typed, taken apart: words of a name or number, and parts of an email address, known by their @."""

    name: str
    addresses: tuple[str, ...]

    @classmethod
    def read(cls, typed: str) -> _Asked:
        parts = typed.lower().split()
        return cls(" ".join(one for one in parts if "@" not in one), tuple(one for one in parts if "@" in one))

    @property
    def of_index(self) -> Query:
        """Whoever could be meant: the index has the words of an address, not what stands between them."""
        before = [word for one in self.addresses for word in Query(one.partition("@")[0]).typed_words]
        behind = " ".join(one.partition("@")[2] for one in self.addresses)
        return Query(typed=" ".join(Query(behind).typed_words), called=(*Query(self.name).typed_words, *before))

    @property
    def of_address(self) -> list[ColumnElement[bool]]:
        return [func.lower(Application.email).contains(one, autoescape=True) for one in self.addresses]

    def is_for(self, one: Application) -> bool:
        """The same, of somebody who stands in no index."""
        address, name = (one.email or "").lower(), Query(self.name)
        return all(part in address for part in self.addresses) and search.part_of(name, one) < 2


def people(session: Session, typed: str) -> People:
    """Whoever is called so, has this address (or a part of it, with its @) or this number, the newest first.

    At most four statements. Nobody for fewer than `FEWEST_LETTERS` letters or digits.
    """
    if len("".join(Query(typed).typed_words)) < FEWEST_LETTERS:
        return People(())
    exactly = _exactly(typed)
    found = [] if exactly is None else list(session.scalars(_with_jobs().where(exactly).limit(MOST + 1)))
    if exactly is None or ("@" in typed and not found):
        found = _called_so(session, _Asked.read(typed))
    return People(_by_person(found[:MOST]), more=len(found) > MOST)


def _exactly(typed: str) -> ColumnElement[bool] | None:
    """The condition for a whole address or number, which has an index of its own."""
    if "@" in typed:
        return Application.email_key == email_key(typed) if len(typed.split()) == 1 else None
    number = phone_key(typed) if search.is_phone(typed) else None
    return Application.phone_key == number if number else None


def _called_so(session: Session, asked: _Asked) -> list[Application]:
    """By the index of the lists, in which those who are restricted do not stand: they are few, and gone through."""
    most = LOOKED_THROUGH if asked.addresses else MOST + 1
    numbers = session.scalars(search.called(asked.of_index, session.get_bind().dialect.name, most)).all()
    named = or_(
        Application.inbox_no.in_([number for number in numbers if number > 0]),
        Application.id.in_([-number for number in numbers if number < 0]),
    )
    found = session.scalars(_with_jobs().where(named, *asked.of_address).limit(MOST + 1)).all()
    restricted = session.scalars(_with_jobs().where(Application.restricted_at.is_not(None)).limit(RESTRICTED_MOST))
    return [*(one for one in restricted if asked.is_for(one)), *found]


def _with_jobs() -> Select[Application]:
    return select(Application).order_by(Application.id.desc()).options(joinedload(Application.job))


def _by_person(applications: Iterable[Application]) -> list[Found]:
    people: dict[object, list[Application]] = {}
    for one in applications:
        people.setdefault(_known_by(one), []).append(one)
    return [Found(theirs) for theirs in people.values()]


def _known_by(one: Application) -> object:
    return one.email_key or ((one.phone_key, one.name) if one.phone_key else one.id)
