"""One thing done to many applications: looked at before, done in one transaction, and taken back as a whole.

What is done is kept (`BulkAction`), so that its result can be read again and Undo survives a restart.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from sqlalchemy import func, insert, select, update
from sqlalchemy.orm import Session, contains_eager

from dashboard.database import insert_or_ignore, public_id
from dashboard.inbox import Inbox
from dashboard.inbox_pages import inbox_ids
from dashboard.models import Application, BulkAction, BulkItem
from dashboard.reach import Reach, those_within
from dashboard.services import bulk_verbs
from dashboard.services.activity import By, locked
from dashboard.services.bulk_move import Before
from dashboard.services.bulk_verbs import Verb
from dashboard.services.forecast import counted
from dashboard.services.reporting import Rules
from dashboard.services.review import BadChange, Wanted

MOST: Final = 1_000
"""Applications an action can take. On SQLite deliveries, which have five seconds, wait while it is written: a thousand
rejections, all reported, took 0.8 seconds of a processor, holding took 0.3. One is done at a time (`web.bulk`)."""
NAMED: Final = 200
"""How many of the skipped a result names."""
BEYOND_REACH: Final = "You no longer have access"

_PICKED: Final = re.compile(r"([\w-]{1,32})(?::([0-9]{1,9}))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Picked:
    """One application, by public id, and its `stage_version` where it was picked, if known: "ID" or "ID:3"."""

    public_id: str
    version: int | None = None

    def __str__(self) -> str:
        return self.public_id if self.version is None else f"{self.public_id}:{self.version}"


@dataclass(frozen=True, slots=True)
class Selection:
    """Which applications: those picked, or all that match what somebody asked to see."""

    picked: tuple[Picked, ...] = ()
    asked: Inbox | None = None

    @classmethod
    def read(cls, values: Iterable[str]) -> Selection:
        """From a form's values "ID" or "ID:version"; what is neither is nobody's."""
        found = (_PICKED.fullmatch(value) for value in values)
        picked = {one[1]: Picked(one[1], int(one[2]) if one[2] else None) for one in found if one}
        return cls(tuple(picked.values()))


@dataclass(frozen=True, slots=True)
class Chosen:
    """The applications of a selection, as they are now. `missing`: how many are not there; `more`: beyond `MOST`."""

    applications: Sequence[Application]
    wanted: tuple[Wanted, ...]
    missing: int = 0
    more: bool = False


@dataclass(frozen=True, slots=True)
class Preview:
    """What an action would do. `picked` goes into the confirmation, so that exactly what was looked at is done.

    `verb`: empty where nobody has said yet what to do. `idle`: the ids of those of `applications` who need nothing.
    """

    verb: str
    applications: Sequence[Application]
    words: tuple[str, ...]
    picked: tuple[str, ...]
    idle: frozenset[int] = frozenset()

    @property
    def total(self) -> int:
        return len(self.applications)

    @property
    def changes(self) -> int:
        """How many would be changed."""
        return self.total - len(self.idle)


@dataclass(frozen=True, slots=True)
class Left:
    """Those something was not done to for one reason. `applications`: the first of `number`."""

    why: str
    number: int
    applications: tuple[Application, ...]


@dataclass(frozen=True, slots=True)
class Result:
    """What became of an action. `kept`: what could not be taken back."""

    action: BulkAction
    done: int
    skipped: tuple[Left, ...]
    kept: tuple[Left, ...]

    @property
    def can_be_undone(self) -> bool:
        return self.done > 0 and self.action.undone_at is None

    @property
    def words(self) -> str:
        """ "Move to Hired: 11 done, 2 skipped."."""
        skipped = sum(left.number for left in self.skipped) + self.action.missing
        return f"{self.action.words}: {self.done:,} done" + (f", {skipped:,} skipped." if skipped else ".")


def choose(session: Session, selection: Selection, reach: Reach) -> Chosen:
    """Who is meant and within `reach`: anybody else is not there. Of more than `MOST`, the newest."""
    if selection.asked is not None:
        meant = Application.id.in_(inbox_ids(session, selection.asked, MOST + 1))
    else:
        meant = Application.public_id.in_([picked.public_id for picked in selection.picked[: MOST + 1]])
    newest_first = (
        select(Application)
        .where(meant, Application.is_finished(), reach.holds(Application.job_id))
        .order_by(Application.arrived_at.desc(), Application.id.desc())
    )
    found = session.scalars(newest_first).all()
    versions = {picked.public_id: picked.version for picked in selection.picked}
    chosen = found[:MOST]
    wanted = tuple(Wanted(one.id, versions.get(one.public_id)) for one in chosen)
    missing = 0 if selection.asked else len(selection.picked[: MOST + 1]) - len(found)
    return Chosen(chosen, wanted, missing, more=len(found) > MOST or len(selection.picked) > MOST)


def preview(session: Session, selection: Selection, verb: Verb | None, rules: Rules, reach: Reach) -> Preview:
    """What `verb` would do to whom, and what Talroo would hear of it, in words. Changes nothing.

    Without a verb: who is meant.
    """
    chosen = choose(session, selection, reach)
    idle = verb.idle(session, chosen.applications) if verb else set()
    words = [*_of_those(chosen, idle)] if verb else [f"{counted(len(chosen.applications), 'application')} selected."]
    if chosen.more:
        words.append(f"These are the newest {MOST:,}, the most one action can take. Do the rest next.")
    if chosen.missing:
        words.append(f"{counted(chosen.missing, 'application')} can no longer be found.")
    if verb:
        words += verb.will_send(session, [one for one in chosen.applications if one.id not in idle], rules)
    seen = {one.application_id: one.seen_version for one in chosen.wanted}
    picked = (_as_seen(application, seen[application.id]) for application in chosen.applications)
    named = verb.words(session) if verb else ""
    return Preview(named, chosen.applications, tuple(words), tuple(picked), frozenset(idle))


def act(
    session: Session, selection: Selection, verb: Verb, by: By, rules: Rules, reach: Reach, *, token: str
) -> BulkAction:
    """Do it. The caller has begun to write, and commits. `token`: made with the confirmation; the second time, what
    was done the first time is returned. Raises `BadChange`, having done nothing, where the verb cannot be done at all,
    or where the token was used for something else.
    """
    fresh = {
        "public_id": public_id(),
        "token": token[:32] or public_id(),
        "user_id": by.user_id,
        "at": by.at,
        "verb": verb.name,
        "arguments": verb.arguments,
        "words": verb.words(session)[:400],
        "missing": 0,
    }
    made = session.execute(insert_or_ignore(session, BulkAction, "user_id", "token"), fresh).scalar()
    if made is None:
        return _done_before(session, selection, verb, by, reach, str(fresh["token"]))
    action = session.get_one(BulkAction, made)
    chosen = choose(session, selection, reach)
    applications = locked(session, (application.id for application in chosen.applications))
    before = verb.remember(session, applications, by)
    done = verb.do(session, chosen.wanted, by, rules)
    action.missing = chosen.missing
    items: dict[int, tuple[str | None, Before]] = {number: (None, before[number]) for number in done.changed}
    items |= {number: (why, {}) for number, why in done.skipped}
    rows = [
        {"action_id": made, "application_id": number, "skipped": why, "before": was}
        for number, (why, was) in items.items()
    ]
    if rows:
        session.execute(insert(BulkItem), rows)
    session.flush()
    return action


def _done_before(session: Session, selection: Selection, verb: Verb, by: By, reach: Reach, token: str) -> BulkAction:
    mine = select(BulkAction).where(BulkAction.user_id == by.user_id, BulkAction.token == token)
    action = session.scalars(mine).one()
    concerned = set(session.scalars(select(BulkItem.application_id).where(BulkItem.action_id == action.id)))
    asked = {one.id for one in choose(session, selection, reach).applications}
    if (action.verb, action.arguments, concerned) != (verb.name, verb.arguments, asked):
        raise BadChange(
            f"This page was already used for something else ({action.words}), so nothing was changed. "
            "Press the button again if this is what you want."
        )
    return action


def undo(session: Session, action: BulkAction, by: By, rules: Rules, reach: Reach) -> bool:
    """Take an action back, as far as nobody changed or restricted its applications since; `result` tells what stayed.

    False where it was taken back before. The database decides between two who press Undo at once.
    """
    first = session.execute(
        update(BulkAction)
        .where(BulkAction.id == action.id, BulkAction.undone_at.is_(None))
        .values(undone_at=by.at, undone_by_id=by.user_id),
        execution_options={"synchronize_session": False},
    )
    if not first.rowcount:  # type: ignore[attr-defined]
        return False
    verb = bulk_verbs.again(action.verb, action.arguments)
    done = session.execute(
        select(BulkItem.application_id, BulkItem.before).where(
            BulkItem.action_id == action.id, BulkItem.skipped.is_(None)
        )
    )
    before: dict[int, Before] = {number: was for number, was in done}  # noqa: C416 - rows are no pairs to mypy
    seen = locked(session, those_within(session, reach, before))
    kept = dict.fromkeys(before.keys() - {one.id for one in seen}, BEYOND_REACH)
    kept |= verb.undo(session, seen, before, by, rules)
    for why in set(kept.values()):
        numbers = [number for number, reason in kept.items() if reason == why]
        session.execute(
            update(BulkItem)
            .where(BulkItem.action_id == action.id, BulkItem.application_id.in_(numbers))
            .values(kept=why[:200]),
            execution_options={"synchronize_session": False},
        )
    session.flush()
    session.expire_all()
    return True


def result(session: Session, action: BulkAction, reach: Reach) -> Result:
    """What became of an action, read from what was kept of it. Those beyond `reach` are counted, not named."""
    rows = session.execute(
        select(BulkItem.skipped, BulkItem.kept, func.count())
        .where(BulkItem.action_id == action.id)
        .group_by(BulkItem.skipped, BulkItem.kept)
    ).all()
    done = sum(number for skipped, _, number in rows if skipped is None)
    skipped, kept = Counter[str](), Counter[str]()
    for why_skipped, why_kept, number in rows:
        skipped[why_skipped or ""] += number
        kept[why_kept or ""] += number
    left_out = _left(session, action, "skipped", skipped, reach)
    return Result(action, done, left_out, _left(session, action, "kept", kept, reach))


def _most_first(numbers: Counter[str]) -> list[tuple[str, int]]:
    return sorted(numbers.items(), key=lambda pair: (-pair[1], pair[0]))


def latest(session: Session, user_id: int, limit: int = 20) -> Sequence[BulkAction]:
    """What a user last did to many at once, newest first."""
    mine = select(BulkAction).where(BulkAction.user_id == user_id)
    return session.scalars(mine.order_by(BulkAction.id.desc()).limit(limit)).all()


def find(session: Session, public_id: str, user_id: int) -> BulkAction | None:
    """An action of the user's own: nobody takes back what a colleague did."""
    return session.scalar(select(BulkAction).where(BulkAction.public_id == public_id, BulkAction.user_id == user_id))


def _of_those(chosen: Chosen, idle: set[int]) -> Iterator[str]:
    yield f"{counted(len(chosen.applications) - len(idle), 'application')} will change."
    if idle:
        yield f"{counted(len(idle), 'application')} {'is' if len(idle) == 1 else 'are'} already there and won’t change."


def _as_seen(application: Application, version: int | None) -> str:
    return str(Picked(application.public_id, application.stage_version if version is None else version))


def _left(
    session: Session, action: BulkAction, why: Literal["skipped", "kept"], numbers: Counter[str], reach: Reach
) -> tuple[Left, ...]:
    """The reasons of one kind, each with how many and the first of them."""
    del numbers[""]  # those for whom there is no such reason
    if not numbers:
        return ()
    reason = getattr(BulkItem, why)
    named: dict[str, list[Application]] = {}
    rows = session.scalars(
        select(BulkItem)
        .join(BulkItem.application)
        .where(BulkItem.action_id == action.id, reason.is_not(None), reach.holds(Application.job_id))
        .order_by(BulkItem.application_id.desc())
        .options(contains_eager(BulkItem.application))
        .limit(NAMED)
    )
    for item in rows:
        if item.application.restricted_at is None:
            named.setdefault(getattr(item, why), []).append(item.application)
    return tuple(Left(words, number, tuple(named.get(words, ()))) for words, number in _most_first(numbers))
