"""What the inbox can be filtered by: everything that really occurs, with the words people read.

There are few of these and they change seldom, so each process keeps them, until one is added (`Standing.version`).
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final
from weakref import WeakKeyDictionary

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from dashboard import queries, search
from dashboard.models import Facet, Tag, User

MOST: Final = 500
"""Of each kind, those met most often."""
KEPT_FOR: Final = 60.0
"""Seconds. What is added is known at once; in which order things stand is not worth looking up again and again."""
KINDS: Final = ("company", "campaign", "state", "city", "answer")

Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Question:
    """A question that somebody answered, with the answers to choose from: value in the address, and words."""

    text: str
    answers: Pairs


@dataclass(frozen=True, slots=True)
class Choices:
    """Pairs of what the address says and what people read."""

    jobs: Pairs
    companies: Pairs
    campaigns: Pairs
    states: Pairs
    cities: Pairs
    questions: tuple[Question, ...]
    tags: Pairs
    people: Pairs
    labels: Mapping[str, str]
    """Words by term, for `Inbox.chips`."""

    def jobs_with(self, chosen: str, session: Session) -> list[tuple[str, str]]:
        """The jobs, with the one that an address names by its reference or title; see `queries.with_chosen`."""
        return queries.with_chosen(session, dict(self.jobs), chosen)


_kept: WeakKeyDictionary[Engine, tuple[tuple[int, ...], float, Choices]] = WeakKeyDictionary()


def current_choices(session: Session, version: tuple[int, ...]) -> Choices:
    """The choices as of `version` (`Standing.version`)."""
    engine = session.get_bind().engine
    kept = _kept.get(engine)
    if kept and kept[0] == version and time.monotonic() - kept[1] < KEPT_FOR:
        return kept[2]
    found = _look_up(session)
    _kept[engine] = (version, time.monotonic(), found)
    return found


def _look_up(session: Session) -> Choices:
    facets = {kind: _facets(session, kind) for kind in KINDS}
    pairs = {kind: tuple((one.value, one.label) for one in found) for kind, found in facets.items()}
    jobs = tuple(queries.job_choices(session))
    tags = tuple((tag.key, tag.name) for tag in session.scalars(select(Tag).order_by(Tag.key).limit(MOST)))
    users = session.scalars(select(User).where(User.active.is_(True)).order_by(User.email).limit(MOST))
    people = tuple((user.public_id, user.email) for user in users)
    named = {"job": jobs, "tag": tags, "assigned": (("me", "me"), ("none", "nobody"), *people)}
    labels = {search.term(kind, value): label for kind, found in named.items() for value, label in found}
    labels |= {one.key: f"{one.question}: {one.label}" for one in facets["answer"]}
    return Choices(
        jobs=jobs,
        companies=pairs["company"],
        campaigns=pairs["campaign"],
        states=pairs["state"],
        cities=pairs["city"],
        questions=tuple(_questions(facets["answer"])),
        tags=tags,
        people=people,
        labels=labels,
    )


def _facets(session: Session, kind: str) -> list[Facet]:
    most_met = select(Facet).where(Facet.kind == kind).order_by(Facet.uses.desc()).limit(MOST)
    return sorted(session.scalars(most_met), key=lambda one: (one.question.casefold(), one.label.casefold()))


def _questions(answers: list[Facet]) -> Iterator[Question]:
    grouped: dict[str, list[tuple[str, str]]] = {}
    for one in answers:
        grouped.setdefault(one.question, []).append((one.value, one.label))
    return (Question(text, tuple(found)) for text, found in grouped.items())
