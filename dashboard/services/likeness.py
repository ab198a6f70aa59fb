"""Who is likely the same person though nothing says so: the same résumé, or a similar name in the same city.

Only suggestions, to be looked at side by side; a person decides (`people.link`, `people.part`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any, Final

from sqlalchemy import Integer, Select, cast, null, select, union_all
from sqlalchemy.orm import Session, aliased

from dashboard import search, tokens
from dashboard.models import Application, Attachment
from dashboard.reach import Reach
from dashboard.services import people
from dashboard.services.people import Person

SIMILAR: Final = 0.82
"""From here on two names may be one's: "Jon Smith" and "John Smyth" are at 0.84, "John" and "Jane Smith" at 0.8."""
COMPARED: Final = 80
"""Letters of a name, folded: comparing takes the square of them, and whoever applies can send thousands."""
LOOKED_AT: Final = 100
SUGGESTED: Final = 5


@dataclass(frozen=True, slots=True)
class Suggestion:
    """An application that is likely the person's, beside the one of theirs that it resembles.

    `alike`: in what, of `name`, `city`, `email`, `phone`, `resume`. `resumes`: SHA-256 of either's newest, if one came.
    """

    application: Application
    beside: Application
    alike: frozenset[str]
    resumes: tuple[str | None, str | None]

    @property
    def why(self) -> str:
        """In words: "The same résumé", "A similar name, also from Austin"."""
        words = [_WORDS[trait].format(self.application) for trait in _WORDS if trait in self.alike]
        told = ", ".join(words)
        return told[:1].upper() + told[1:]


_WORDS: Final = {
    "resume": "the same résumé",
    "name": "a similar name",
    "city": "also from {0.city}",
    "email": "a similar email address",
    "phone": "a similar phone number",
}


def likely(session: Session, person: Person, reach: Reach, limit: int = SUGGESTED) -> tuple[Suggestion, ...]:
    """Who is likely the same as `person`: the same résumé first, then the most similar names; of each one application.

    In two statements.
    """
    newest = person.applications[0]
    own = {application.id: application for application in person.applications}
    same_resume, alike = _found(session, newest, own, reach)
    similar = [(similarity(newest.name, one.name), one) for one in alike if one.id not in own]
    similar.sort(key=lambda pair: (-pair[0], -pair[1].id))
    candidates = [*same_resume, *((one, newest) for closeness, one in similar if closeness >= SIMILAR)]
    chosen = list(_one_of_each(candidates, person))[:limit]
    resumes = _resumes(session, {one.id for pair in chosen for one in pair})
    return tuple(_suggestion(one, beside, resumes) for one, beside in chosen)


def _one_of_each(
    candidates: Iterable[tuple[Application, Application]], person: Person
) -> Iterator[tuple[Application, Application]]:
    """Without the person's own, those of whom somebody has said something, and those who share a key with one seen."""
    seen = set(person.ids) | {number for link in person.said for number in (link.low_id, link.high_id)}
    keys = {key for one in person.outsiders for key in people.keys_of(one)}
    for one, beside in candidates:
        if one.id in seen or keys & set(people.keys_of(one)):
            continue
        seen.add(one.id)
        keys |= set(people.keys_of(one))
        yield one, beside


def _suggestion(one: Application, beside: Application, resumes: Mapping[int, Sequence[str]]) -> Suggestion:
    own, theirs = resumes.get(beside.id, ()), resumes.get(one.id, ())
    shared = next((sha256 for sha256 in theirs if sha256 in own), None)
    traits = {
        "name": similarity(one.name, beside.name) >= SIMILAR,
        "city": _same(tokens.words([one.city]), tokens.words([beside.city])),
        "email": _same(_before_the_at(one), _before_the_at(beside)),
        "phone": _same((one.phone_key or "")[-7:], (beside.phone_key or "")[-7:]),
        "resume": shared is not None,
    }
    alike = frozenset(trait for trait, same in traits.items() if same)
    return Suggestion(one, beside, alike, (shared or next(iter(own), None), shared or next(iter(theirs), None)))


def _same(one: object, other: object) -> bool:
    return bool(one) and one == other


def _before_the_at(application: Application) -> str:
    return (application.email_key or "").rpartition("@")[0]


def similarity(one: str, other: str) -> float:
    """How alike two names are, from 0 to 1, whatever their case, accents, script and which part stands first."""
    first, second = (" ".join(tokens.words([name[:COMPARED]]))[:COMPARED].split() for name in (one, other))
    if not first or not second:
        return 0.0
    orders = (second, [second[-1], *second[:-1]], [*second[1:], second[0]])
    return max(SequenceMatcher(None, " ".join(first), " ".join(order), autojunk=False).ratio() for order in orders)


def _found(
    session: Session, newest: Application, own: Mapping[int, Application], reach: Reach
) -> tuple[list[tuple[Application, Application]], list[Application]]:
    """Some applications with a résumé that one of the person's has as well, each with that one; some of a like name."""
    called_alike = _called_alike(newest, session.get_bind().dialect.name, reach)
    pieces = [_with_the_same_resume(list(own), reach), *([called_alike] if called_alike is not None else [])]
    lines = union_all(*pieces).subquery("line")
    rows = session.execute(
        select(Application, lines.c.own_id)
        .join(lines, lines.c.id == Application.id)
        .where(reach.holds(Application.job_id))
    ).all()
    city = tokens.words([newest.city])
    alike = [one for one, own_id in rows if own_id is None and tokens.words([one.city]) == city]
    return [(one, own[own_id]) for one, own_id in rows if own_id is not None], alike


def _with_the_same_resume(own_ids: Sequence[int], reach: Reach) -> Select[Any]:
    """The id of another's application, and that of the person's with the same file."""
    own = aliased(Attachment)
    found = (
        select(Application.id, own.application_id.label("own_id"))
        .join(Attachment, Attachment.application_id == Application.id)
        .join(own, own.sha256 == Attachment.sha256)
        .where(
            own.application_id.in_(own_ids),
            own.question_id.is_(None),
            Attachment.question_id.is_(None),
            Application.id.not_in(own_ids),
            Application.is_finished(),
            reach.holds(Application.job_id),
        )
        .limit(LOOKED_AT)
    )
    return select(found.subquery())


def _resumes(session: Session, ids: Iterable[int]) -> dict[int, list[str]]:
    """SHA-256 of the résumés of each application, the newest first."""
    wanted = list(ids)
    if not wanted:
        return {}
    files = session.execute(
        select(Attachment.application_id, Attachment.sha256)
        .where(Attachment.application_id.in_(wanted), Attachment.question_id.is_(None), Attachment.sha256.is_not(None))
        .order_by(Attachment.id.desc())
    )
    found: dict[int, list[str]] = {}
    for application_id, sha256 in files:
        found.setdefault(application_id, []).append(str(sha256))
    return found


def _called_alike(application: Application, dialect: str, reach: Reach) -> Select[Any] | None:
    """Some of the newest from the same city whose names begin alike, found by the search index."""
    first, last, city = (
        tokens.words([text]) for text in (application.first_name, application.last_name, application.city)
    )
    if not (first and last and city):
        return None
    # Two letters: Jon Smith and John Smyth share no more.
    within = (reach.terms,) if reach.is_limited else ()
    asked = search.Query(" ".join(city), within, called=(first[0][:2], last[-1][:2]))
    newest = search.found(asked, dialect, after=None, limit=LOOKED_AT).subquery("newest")
    columns: tuple[Any, ...] = (Application.id, cast(null(), Integer).label("own_id"))
    return select(*columns).join(newest, newest.c.number == Application.inbox_no)
