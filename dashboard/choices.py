"""What the inbox can be filtered by: everything that really occurs, with the words people read.

There are few of these and they change seldom, so each process keeps them, until one is added (`Standing.version`).
Whoever is limited chooses from what occurs within their reach: an answer or a town can tell of a stranger.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final
from weakref import WeakKeyDictionary

from sqlalchemy import Engine, Row, String, cast, exists, func, literal, null, select, union_all
from sqlalchemy.orm import Session

from dashboard import queries, search, tokens
from dashboard.models import ApplicationTag, Facet, Job, Role, Tag, User
from dashboard.permissions import Permission, allows
from dashboard.reach import Reach
from dashboard.search import Query

MOST: Final = 500
"""Of each kind, those met most often."""
MOST_LETTERS: Final = 80
"""Of a choice as it is shown: an answer can be as long as a letter, and the page holds hundreds."""
KEPT_FOR: Final = 60.0
"""Seconds. What is added is known at once; in which order things stand is not worth looking up again and again."""
MOST_REACHES: Final = 200
"""Of limited users whose choices a process keeps."""
MET_IN: Final = 2_000
"""Of the applications within somebody's reach the newest so many, whose facts they choose from."""
MOST_MET: Final = 20_000
"""Facts looked for at once: SQLite takes some thirty thousand values."""
_REVIEWERS: Final = [role.value for role in Role if allows(role, Permission.APPLICATIONS)]
"""Roles whose people can be assigned to."""
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

    def jobs_with(self, chosen: str, session: Session, reach: Reach) -> list[tuple[str, str]]:
        """The jobs, with the one that an address names by its reference or title; see `queries.with_chosen`."""
        return queries.with_chosen(session, dict(self.jobs), chosen, reach)


_Kept = tuple[tuple[int, ...], float, Choices]
_kept: WeakKeyDictionary[Engine, dict[Reach, _Kept]] = WeakKeyDictionary()


def current_choices(session: Session, version: tuple[int, ...] | None, reach: Reach) -> Choices:
    """The choices as of `version` (`Standing.version`; None: as they were a moment ago), as far as somebody sees."""
    of_engine = _kept.setdefault(session.get_bind().engine, {})
    kept = of_engine.get(reach)
    if kept and version in (None, kept[0]) and time.monotonic() - kept[1] < KEPT_FOR:
        return kept[2]
    found = _made_of(_rows_within(session, reach) if reach.is_limited else session.execute(_ALL))
    if len(of_engine) >= MOST_REACHES:
        of_engine.clear()
    of_engine[reach] = (version or (), time.monotonic(), found)
    return found


def _rows_within(session: Session, reach: Reach) -> Iterator[Row[Any]]:
    """The same as `_ALL` has, of what the newest applications within reach have; in three statements."""
    met = search.terms_of_newest(session, Query(terms=(reach.terms,)), MET_IN)
    facets = select(*_FACET).where(Facet.key.in_(list(met)[:MOST_MET])).order_by(Facet.uses.desc())
    numbers = Counter[str]()
    for row in session.execute(facets):
        numbers[row.kind] += 1
        if numbers[row.kind] <= MOST:
            yield row
    others = (_OTHERS["job"].where(reach.holds(Job.id)), _OTHERS["tag"].limit(10 * MOST), _OTHERS["user"])
    for row in session.execute(union_all(*(select(one.subquery()) for one in others))):
        if row.kind != "tag" or tokens.term("tag", row.value) in met:
            yield row


def _made_of(rows: Iterable[Row[Any]]) -> Choices:
    found: dict[str, list[Row[Any]]] = {kind: [] for kind in (*KINDS, *_OTHERS)}
    for row in rows:
        found[row.kind].append(row)
    pairs = {kind: tuple((one.value, one.label) for one in rows) for kind, rows in found.items()}
    jobs = tuple((row.value, queries.job_words(row.key, row.label, row.question, row.more)) for row in found["job"])
    people = pairs["user"]
    named = {"job": jobs, "tag": pairs["tag"], "assigned": (("me", "me"), ("none", "nobody"), *people)}
    labels = {tokens.term(kind, value): label for kind, rows in named.items() for value, label in rows}
    labels |= {one.key: f"{one.question}: {one.label}" for one in found["answer"]}
    return Choices(
        jobs=jobs,
        companies=pairs["company"],
        campaigns=pairs["campaign"],
        states=pairs["state"],
        cities=pairs["city"],
        questions=tuple(_questions(found["answer"])),
        tags=pairs["tag"],
        people=people,
        labels=labels,
    )


_FACET: Final[tuple[Any, ...]] = (
    Facet.kind,
    Facet.value,
    func.substr(Facet.label, 1, MOST_LETTERS).label("label"),
    Facet.question,
    Facet.key,
    null().label("more"),
)


def _facets(kind: str) -> Any:
    return select(*_FACET).where(Facet.kind == kind).order_by(Facet.uses.desc()).limit(MOST)


def _table(kind: str, *columns: Any) -> Any:
    """A table's rows in the shape of facets: value, label, question, key and what more there is."""
    names = ("value", "label", "question", "key", "more")
    filled = (*columns, *(null() for _ in names[len(columns) :]))
    shaped = (cast(one, String).label(name) for one, name in zip(filled, names, strict=True))
    return select(literal(kind).label("kind"), *shaped).limit(MOST)


_OTHERS: Final = {
    "job": _table("job", Job.public_id, Job.title, Job.company, Job.reference, Job.city).order_by(
        Job.title, Job.company, Job.city, Job.id
    ),
    "tag": _table("tag", Tag.key, Tag.name).where(exists().where(ApplicationTag.tag_id == Tag.id)).order_by(Tag.key),
    "user": _table("user", User.public_id, User.email)
    .where(User.active.is_(True), User.role.in_(_REVIEWERS))
    .order_by(User.email),
}
# Each limited by itself, which a union's parts can only be as tables of their own.
_PARTS: Final = [part.subquery() for part in (*map(_facets, KINDS), *_OTHERS.values())]
_ALL: Final = union_all(*(select(part) for part in _PARTS))


def _questions(answers: list[Row[Any]]) -> Iterator[Question]:
    grouped: dict[str, list[tuple[str, str]]] = {}
    for one in sorted(answers, key=lambda one: (one.question.casefold(), one.label.casefold())):
        grouped.setdefault(one.question, []).append((one.value, one.label))
    return (Question(text, tuple(found)) for text, found in grouped.items())
