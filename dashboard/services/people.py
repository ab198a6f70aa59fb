"""The same person: applications that belong together, by what they tell or by what somebody said.

Applications with the same email address or phone number are joined, and so are those somebody said are one person's;
whoever is joined to one of them belongs to all of them. What somebody parted is not joined, whatever it shares, and
is not found again by a third one's help.
Nothing is merged: who belongs to whom is worked out anew each time, so everything said can be taken back.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, and_, or_, select, union
from sqlalchemy.orm import InstrumentedAttribute, Session, joinedload

from dashboard.database import insert_into, table_of
from dashboard.models import ActivityKind, Application, PersonLink, StageChange
from dashboard.reach import Reach, those_within
from dashboard.services import traces
from dashboard.services.activity import By, Line, locked, write_down
from dashboard.services.review import BadChange
from dashboard.services.traces import MOST

Pair = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Person:
    """All completed applications of one person, newest first. `more`: there were too many to follow every trace.

    `said`: what people said of any of them, to be taken back. `outsiders`: of whom they said it is somebody else.
    `moves`: who moved each of them last, and when, by its id; those never moved have none.
    """

    applications: tuple[Application, ...]
    said: tuple[PersonLink, ...]
    more: bool = False
    outsiders: tuple[Application, ...] = ()
    moves: Mapping[int, StageChange] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """As in the newest application."""
        return self.applications[0].name

    @property
    def ids(self) -> frozenset[int]:
        return frozenset(application.id for application in self.applications)

    @property
    def names(self) -> tuple[str, ...]:
        """Every name they gave, the newest first, each once however it was written."""
        return _distinct((application.name.casefold(), application.name) for application in self.applications)

    @property
    def emails(self) -> tuple[str, ...]:
        return _distinct((one.email_key or one.email, one.email) for one in self.applications)

    @property
    def phones(self) -> tuple[str, ...]:
        return _distinct((one.phone_key or one.phone, one.phone) for one in self.applications)

    @property
    def shared(self) -> str:
        """The folded email address or phone number that most of them have, for the inbox to search."""
        counted = Counter(key[1:] for one in self.applications for key in keys_of(one))
        return next((key for key, _ in counted.most_common(1)), "")

    @property
    def sayings(self) -> tuple[Saying, ...]:
        """`said`, the newest first, with what was said in the same breath as one."""
        known = {one.id: one for one in (*self.applications, *self.outsiders)}
        breaths: dict[object, list[PersonLink]] = defaultdict(list)
        for link in self.said:
            if link.low_id in known and link.high_id in known:
                breaths[link.at, link.user_id, link.same].append(link)
        return tuple(_said_at_once(links, known, self.ids) for links in reversed(breaths.values()))

    def is_not(self, application: Application) -> bool:
        """Whether somebody said that it is not this person's."""
        apart = {number for link in self.said if not link.same for number in (link.low_id, link.high_id)}
        return application.id in apart - self.ids


@dataclass(frozen=True, slots=True)
class Saying:
    """What somebody said in one breath: that these applications are one person's, or that they are not.

    `about`: where it parts somebody else's from the person's, only those. `pair`: by which it can be taken back.
    """

    same: bool
    at: datetime
    actor: str
    about: tuple[Application, ...]
    pair: tuple[Application, Application]

    @property
    def of(self) -> frozenset[str]:
        """The public ids of all that it is about."""
        return frozenset(one.public_id for one in (*self.about, *self.pair))

    @property
    def is_of_others(self) -> bool:
        """Whether it is about others alone, each of them somebody else than this person."""
        return any(one not in self.about for one in self.pair)


def person(session: Session, application: Application, reach: Reach) -> Person:
    """Whom `application` belongs to, in two statements; as whoever sees no further than `reach` can know.

    It is the same for each of the person's applications, except where two that were parted share something with a
    third: each of the two has the third without the other, and the third has both.
    """
    found = find(session, application.public_id, reach)
    if found is None:
        raise BadChange("This application is no longer there.")
    return found


def find(session: Session, public_id: str, reach: Reach) -> Person | None:
    """Whom the completed application `public_id` belongs to, see `person`; None where there is none."""
    found = traces.follow(session, public_id, reach)
    if found is None:
        return None
    links, others = _said_of(session, [one.id for one in found.applications], reach)
    pool = _Pool({one.id: one for one in found.applications}, links)
    members = pool.joined_to(found.applications[0].id)
    newest_first = sorted(
        (pool.applications[number] for number in members), key=lambda one: (one.arrived_at, one.id), reverse=True
    )
    said = [link for (low, high), link in links.items() if low in members or high in members]
    outside = {number for link in said for number in (link.low_id, link.high_id)} - members
    outsiders = tuple((pool.applications.get(number) or others[number]) for number in sorted(outside))
    said.sort(key=lambda link: link.at)
    return Person(tuple(newest_first), tuple(said), found.more, outsiders, found.moves)


def link(session: Session, one_id: int, other_id: int, by: By) -> bool:
    """Say that two applications are one person's. False where that was said already. The caller has begun to write.

    Raises `BadChange` for an application and itself, and for one that is not there.
    """
    if one_id == other_id:
        raise BadChange("Choose two different applications.")
    return _say(session, [_pair(one_id, other_id)], by, same=True) > 0


def part(session: Session, application: Application, others: Iterable[int], by: By) -> int:
    """Say that `application` is not the person's who has the `others`: whatever joins it to one of them is cut.

    How many pairs that were. Shared with none of them, nothing has to be said.
    """
    theirs = _members(session, set(others) - {application.id})
    links = _links(session, {application.id})
    pairs = []
    for other in theirs:
        pair = _pair(application.id, other.id)
        known = links.get(pair)
        if _shares_a_key(application, other) or (known is not None and known.same):
            pairs.append(pair)
    return _say(session, pairs, by, same=False)


def tell_apart(session: Session, application: Application, other: Application, by: By, reach: Reach) -> bool:
    """Say that `other` is not the person's who has `application`. False where that was said already.

    One of the person's own is parted from all of them, be it `application` itself; of anybody else it is remembered.
    """
    known = person(session, application, reach)
    if other.id in known.ids:
        return part(session, other, known.ids, by) > 0
    if known.is_not(other):
        return False
    return _say(session, [_pair(application.id, other.id)], by, same=False) > 0


def take_back(session: Session, one_id: int, other_id: int, by: By, reach: Reach, *, same: bool | None = None) -> bool:
    """Take back what was said of two applications, with what was said in the same breath. False where nothing was.

    What it took the place of stands again; what concerns one beyond `reach` stays as it is. `same`: only if it says so,
    for whoever presses twice.
    """
    pair = _pair(one_id, other_id)
    said = session.get(PersonLink, pair)
    if said is None or same not in (None, said.same):
        return False
    breath = (PersonLink.at == said.at, PersonLink.user_id.is_not_distinct_from(said.user_id))
    found = session.scalars(
        select(PersonLink)
        .where(_touches(pair), PersonLink.same == said.same, *breath)
        .order_by(PersonLink.low_id, PersonLink.high_id)
        .with_for_update(of=PersonLink)
        .execution_options(populate_existing=True)
    ).all()
    seen = those_within(session, reach, (number for link in found for number in (link.low_id, link.high_id)))
    links = [link for link in found if {link.low_id, link.high_id} <= seen]
    pairs = [(link.low_id, link.high_id) for link in links]
    if pair not in pairs:
        return False
    words = _WORDS[said.same]
    for link in links:
        _forget(session, link, by)
    session.flush()
    write_down(session, ActivityKind.UNLINKED, by, _both(pairs, words))
    return True


def _forget(session: Session, link: PersonLink, by: By) -> None:
    """What it took the place of stands again."""
    if link.replaced is None:
        session.delete(link)
    else:
        link.same, link.replaced, link.at, link.user_id = link.replaced, None, by.at, by.user_id


_WORDS: Final = {True: "the same person as another application", False: "a different person from another application"}


def _say(session: Session, pairs: Sequence[Pair], by: By, *, same: bool) -> int:
    """Write down what was said, in place of the opposite. How many pairs it is new for."""
    numbers = {number for pair in pairs for number in pair}
    if {one.id for one in locked(session, numbers) if one.completed} != numbers:
        raise BadChange("One of these applications is no longer there.")
    known = _links(session, numbers)
    new = [pair for pair in dict.fromkeys(pairs) if pair not in known or known[pair].same != same]
    for low, high in new:
        _put(session, {"low_id": low, "high_id": high, "same": same, "at": by.at, "user_id": by.user_id})
    session.expire_all()
    write_down(session, ActivityKind.LINKED, by, _both(new, _WORDS[same]))
    return len(new)


def _put(session: Session, row: Mapping[str, object]) -> None:
    statement = insert_into(session.get_bind().dialect.name, PersonLink).values(**row)
    said = {name: row[name] for name in ("same", "at", "user_id")} | {"replaced": table_of(PersonLink).c.same}
    session.execute(statement.on_conflict_do_update(index_elements=["low_id", "high_id"], set_=said))


def _both(pairs: Iterable[Pair], words: str) -> Iterator[Line]:
    for low, high in pairs:
        yield Line(low, after=words, other_id=high)
        yield Line(high, after=words, other_id=low)


# --- who belongs to whom --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Pool:
    """The applications that may belong together, and what was said of them."""

    applications: Mapping[int, Application]
    links: Mapping[Pair, PersonLink]

    def joined_to(self, start: int) -> set[int]:
        """Everybody who can be reached from `start` by what joins two and was not cut, nor from `start`."""
        sharing = self._sharing()
        parted = {number for pair, link in self.links.items() if start in pair and not link.same for number in pair}
        reached, waiting = {start}, [start]
        while waiting:
            number = waiting.pop()
            following = self._joined(number, sharing) - reached - parted
            reached |= following
            waiting += following
        return reached

    def _sharing(self) -> dict[str, set[int]]:
        """Who has each address and number."""
        found: dict[str, set[int]] = defaultdict(set)
        for application in self.applications.values():
            for key in keys_of(application):
                found[key].add(application.id)
        return found

    def _joined(self, number: int, sharing: Mapping[str, set[int]]) -> set[int]:
        near = {other for key in keys_of(self.applications[number]) for other in sharing[key]}
        for (low, high), link in self.links.items():
            if number in (low, high):
                other = high if number == low else low
                (near.add if link.same else near.discard)(other)
        return near & self.applications.keys()


def _said_of(
    session: Session, ids: Sequence[int], reach: Reach
) -> tuple[dict[Pair, PersonLink], dict[int, Application]]:
    """What people said of the applications `ids`, and of whom else within reach they said it, by their ids."""
    sides = (PersonLink.low_id, PersonLink.high_id), (PersonLink.high_id, PersonLink.low_id)
    # Of each side by itself: asked for either at once, a database may prefer to read every link there is.
    about = union(*(_pairs(own.in_(ids), other) for own, other in sides)).limit(10 * MOST).subquery("about")
    columns: tuple[Any, ...] = (PersonLink, Application)
    rows = session.execute(
        select(*columns)
        .select_from(PersonLink)
        .join(about, and_(about.c.low_id == PersonLink.low_id, about.c.high_id == PersonLink.high_id))
        .join(
            Application,
            and_(Application.id == about.c.other_id, Application.is_shown(), reach.holds(Application.job_id)),
        )
        .options(joinedload(PersonLink.user))
    ).all()
    links = {(link.low_id, link.high_id): link for link, _ in rows}
    return links, {application.id: application for _, application in rows}


def _pairs(has_one: ColumnElement[bool], other: InstrumentedAttribute[int]) -> Select[Any]:
    columns: tuple[Any, ...] = (PersonLink.low_id, PersonLink.high_id, other.label("other_id"))
    return select(*columns).where(has_one)


def _members(session: Session, ids: set[int]) -> Sequence[Application]:
    if not ids:
        return ()
    return session.scalars(select(Application).where(Application.id.in_(ids)).limit(MOST)).all()


def _links(session: Session, ids: Iterable[int]) -> dict[Pair, PersonLink]:
    links = session.scalars(
        select(PersonLink).where(_touches(ids)).options(joinedload(PersonLink.user)).limit(10 * MOST)
    )
    return {(link.low_id, link.high_id): link for link in links}


def _touches(ids: Iterable[int]) -> ColumnElement[bool]:
    return or_(PersonLink.low_id.in_(ids), PersonLink.high_id.in_(ids))


def keys_of(application: Application) -> list[str]:
    """What joins an application to others: "@" with an email address, "#" with a phone number."""
    keys = (("@", application.email_key), ("#", application.phone_key))
    return [kind + key for kind, key in keys if key]


def _shares_a_key(one: Application, other: Application) -> bool:
    return bool(set(keys_of(one)) & set(keys_of(other)))


def _distinct(told: Iterable[tuple[str | None, str | None]]) -> tuple[str, ...]:
    """The first value of each key."""
    found: dict[str, str] = {}
    for key, value in told:
        if key and value:
            found.setdefault(key, value)
    return tuple(found.values())


def _said_at_once(links: Sequence[PersonLink], known: Mapping[int, Application], own: frozenset[int]) -> Saying:
    first = links[0]
    numbers = dict.fromkeys(number for link in links for number in (link.low_id, link.high_id))
    outside = [] if first.same else [number for number in numbers if number not in own]
    about = tuple(known[number] for number in outside or numbers)
    actor = first.user.email if first.user else "The system"
    return Saying(first.same, first.at, actor, about, (known[first.low_id], known[first.high_id]))


def _pair(one_id: int, other_id: int) -> Pair:
    return (one_id, other_id) if one_id < other_id else (other_id, one_id)
