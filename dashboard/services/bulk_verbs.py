"""What can be done to many applications at once. Each verb knows its words, and how it is taken back.

Taking back asks of each application whether it still is as the action left it; what somebody changed since stays.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Protocol

from sqlalchemy import select
from sqlalchemy.orm import Session

from dashboard.models import Application, ApplicationTag, Tag, User
from dashboard.services import forecast, tagging, teamwork
from dashboard.services.activity import By, Done
from dashboard.services.bulk_move import CHANGED_SINCE, Before, Move
from dashboard.services.reporting import Rules
from dashboard.services.review import BadChange, Wanted
from dashboard.stages import Stage


class Verb(Protocol):
    """`arguments`: what makes it the same verb again, as JSON (see `again`)."""

    name: ClassVar[str]

    @property
    def arguments(self) -> dict[str, Any]: ...

    def words(self, session: Session) -> str:
        """ "Move to Rejected: Withdrew"."""

    def idle(self, session: Session, applications: Sequence[Application]) -> set[int]:
        """Those for whom there is nothing to do, by id."""

    def will_send(self, session: Session, applications: Sequence[Application], rules: Rules) -> tuple[str, ...]: ...

    def remember(self, session: Session, applications: Sequence[Application], by: By) -> dict[int, Before]:
        """What undoing will need, by id, before anything is done."""

    def do(self, session: Session, wanted: Sequence[Wanted], by: By, rules: Rules) -> Done: ...

    def undo(
        self, session: Session, applications: Sequence[Application], before: Mapping[int, Before], by: By, rules: Rules
    ) -> dict[int, str]:
        """Put back what is still as it was left. The others by id, with why."""


class _TellsNobody:
    """Talroo hears of moves only."""

    def will_send(self, session: Session, applications: Sequence[Application], rules: Rules) -> tuple[str, ...]:
        return (forecast.NOTHING,)


class _Sets(_TellsNobody, ABC):
    """A verb that sets one column of an application to `value`."""

    column: ClassVar[str]
    value: Any

    @abstractmethod
    def put(self, session: Session, ids: Iterable[int], value: Any, by: By) -> Done: ...

    @property
    def arguments(self) -> dict[str, Any]:
        return {"value": self.value}

    def idle(self, session: Session, applications: Sequence[Application]) -> set[int]:
        return {application.id for application in applications if getattr(application, self.column) == self.value}

    def remember(self, session: Session, applications: Sequence[Application], by: By) -> dict[int, Before]:
        return {application.id: {"was": getattr(application, self.column)} for application in applications}

    def do(self, session: Session, wanted: Sequence[Wanted], by: By, rules: Rules) -> Done:
        return self.put(session, _ids(wanted), self.value, by)

    def undo(
        self, session: Session, applications: Sequence[Application], before: Mapping[int, Before], by: By, rules: Rules
    ) -> dict[int, str]:
        unchanged = self.idle(session, applications)
        ids_by_value: dict[Any, list[int]] = {}
        for number in unchanged:
            ids_by_value.setdefault(before[number]["was"], []).append(number)
        for was, ids in ids_by_value.items():
            self.put(session, ids, was, by)
        return _left_out(applications, unchanged)


@dataclass(frozen=True)
class Assign(_Sets):
    """To a user by id, or with None to nobody."""

    name: ClassVar[str] = "assign"
    column: ClassVar[str] = "assigned_to_id"
    value: int | None

    def words(self, session: Session) -> str:
        user = session.get(User, self.value) if self.value is not None else None
        return f"Assign to {user.email}" if user else "Assign to nobody"

    def do(self, session: Session, wanted: Sequence[Wanted], by: By, rules: Rules) -> Done:
        return teamwork.assign(session, _ids(wanted), self.value, by)

    def put(self, session: Session, ids: Iterable[int], value: int | None, by: By) -> Done:
        return teamwork.give(session, ids, session.get(User, value) if value is not None else None, by)


@dataclass(frozen=True)
class Rate(_Sets):
    """With a number up to `teamwork.BEST`, or with None not at all."""

    name: ClassVar[str] = "rate"
    column: ClassVar[str] = "rating"
    value: int | None

    def words(self, session: Session) -> str:
        return f"Rate {self.value}" if self.value else "Take the rating away"

    def put(self, session: Session, ids: Iterable[int], value: int | None, by: By) -> Done:
        return teamwork.rate(session, ids, value, by)


@dataclass(frozen=True, slots=True)
class Hold(_TellsNobody):
    """For later, or with `on` False taken up again."""

    name: ClassVar[str] = "hold"
    on: bool = True

    @property
    def arguments(self) -> dict[str, Any]:
        return {"on": self.on}

    def words(self, session: Session) -> str:
        return "Hold for later" if self.on else "Take up again"

    def idle(self, session: Session, applications: Sequence[Application]) -> set[int]:
        return {application.id for application in applications if (application.held_at is not None) == self.on}

    def remember(self, session: Session, applications: Sequence[Application], by: By) -> dict[int, Before]:
        since = by.at.isoformat() if self.on else None
        return {application.id: {"left": since} for application in applications}

    def do(self, session: Session, wanted: Sequence[Wanted], by: By, rules: Rules) -> Done:
        return (teamwork.hold if self.on else teamwork.unhold)(session, _ids(wanted), by)

    def undo(
        self, session: Session, applications: Sequence[Application], before: Mapping[int, Before], by: By, rules: Rules
    ) -> dict[int, str]:
        unchanged = {one.id for one in applications if one.held_at == _time(before[one.id]["left"])}
        (teamwork.unhold if self.on else teamwork.hold)(session, unchanged, by)
        return _left_out(applications, unchanged)


@dataclass(frozen=True, slots=True)
class SetTag(_TellsNobody):
    """Put a tag on, or with `on` False take it off."""

    name: ClassVar[str] = "tag"
    tag: str
    on: bool = True

    @property
    def arguments(self) -> dict[str, Any]:
        return {"tag": self.tag, "on": self.on}

    def words(self, session: Session) -> str:
        return f"Tag “{self.tag}”" if self.on else f"Take the tag “{self.tag}” off"

    def idle(self, session: Session, applications: Sequence[Application]) -> set[int]:
        tag = tagging.find(session, self.tag)
        return {application.id for application in applications} - self._wanting(session, tag, applications)

    def remember(self, session: Session, applications: Sequence[Application], by: By) -> dict[int, Before]:
        return {application.id: {} for application in applications}

    def do(self, session: Session, wanted: Sequence[Wanted], by: By, rules: Rules) -> Done:
        return self._put(session, _ids(wanted), by, on=self.on)

    def undo(
        self, session: Session, applications: Sequence[Application], before: Mapping[int, Before], by: By, rules: Rules
    ) -> dict[int, str]:
        if self.on and tagging.find(session, self.tag) is None:
            # The last who wore it lost it by hand, and was erased: a tag that nobody wears goes with them.
            return _left_out(applications, set())
        return dict(self._put(session, [application.id for application in applications], by, on=not self.on).skipped)

    def _put(self, session: Session, ids: Iterable[int], by: By, *, on: bool) -> Done:
        if on:
            return tagging.tag(session, ids, self.tag, by)
        tag = tagging.find(session, self.tag)
        if tag is None:
            raise BadChange(f"There is no tag “{self.tag}”.")
        return tagging.untag(session, ids, tag, by)

    def _wanting(self, session: Session, tag: Tag | None, applications: Sequence[Application]) -> set[int]:
        ids = {application.id for application in applications}
        carrying = select(ApplicationTag.application_id).where(
            ApplicationTag.tag_id == (tag.id if tag else 0), ApplicationTag.application_id.in_(ids)
        )
        carriers = set(session.scalars(carrying))
        return ids - carriers if self.on else carriers


def read(form: Mapping[str, str], session: Session) -> Verb:
    """The verb a form asks for: `verb`, and what it needs. Raises `BadChange` for what cannot be done, in words.

    `stage` (with `stage`, `reason`, `note`), `assign` (`user`: a public id, or empty), `rate` (`rating`, or empty),
    `hold`, `unhold`, `tag` and `untag` (`tag`).
    """
    readers: dict[str, Callable[[], Verb]] = {
        "stage": lambda: Move.read(form),
        "assign": lambda: Assign(_user(session, form.get("user", ""))),
        "rate": lambda: Rate(teamwork.read_rating(form.get("rating", ""))),
        "hold": lambda: Hold(True),
        "unhold": lambda: Hold(False),
        "tag": lambda: SetTag(tagging.named(form.get("tag", ""))),
        "untag": lambda: SetTag(tagging.named(form.get("tag", "")), on=False),
    }
    reader = readers.get(form.get("verb", ""))
    if reader is None:
        raise BadChange("Choose what to do with them.")
    return reader()


def again(name: str, arguments: Mapping[str, Any]) -> Verb:
    """The verb that was kept as its name and arguments."""
    if name == Move.name:
        return Move(**{**arguments, "to": Stage(arguments["to"])})
    kinds: dict[str, type[Assign | Rate | Hold | SetTag]] = {kind.name: kind for kind in (Assign, Rate, Hold, SetTag)}
    return kinds[name](**arguments)


def _user(session: Session, public_id: str) -> int | None:
    if not public_id:
        return None
    found = session.scalar(select(User.id).where(User.public_id == public_id))
    if found is None:
        raise BadChange("Choose whom to assign them to.")
    return found


def _ids(wanted: Iterable[Wanted]) -> list[int]:
    return [one.application_id for one in wanted]


def _left_out(applications: Iterable[Application], unchanged: set[int]) -> dict[int, str]:
    return {application.id: CHANGED_SINCE for application in applications if application.id not in unchanged}


def _time(written: str | None) -> datetime | None:
    return datetime.fromisoformat(written) if written else None
