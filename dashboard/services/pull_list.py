"""The Platform API's list, read so that nothing on it is skipped and nothing loops. No database.

Nothing that the server says about its own list is relied on; docs/decisions/0006-pulling.md says why, case by case.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from dashboard.services import intake
from dashboard.talroo import payload, wire
from dashboard.talroo.platform import ListPage, ReplyTooLarge
from dashboard.talroo.wire import Json

SIZES: Final = (50, 10, 2, 1)
"""Items a page; the next smaller where a reply grows too large, because items carry résumés."""
MOST_PASSES: Final = 4
MOST_ITEMS: Final = 100_000
"""Beyond, a list that never ends and a long one cannot be told apart; nor after as many pages as would hold them."""
ENOUGH: Final = 10
"""So many items in a row were started too long ago before the list counts as read: one may have a wrong date."""
ASTRAY: Final = 10
"""So many may stand where they do not belong, of few items fewer (`ONE_IN`), and the list still counts as sorted."""
ONE_IN: Final = 20
LOOKS_BEYOND: Final = 2
"""Pages looked at behind an empty one before it counts as the end."""
MOST_REPEATS: Final = 3
"""Pages in a row that bring nothing new to a pass."""


class ListUnreadable(Exception):
    """The list does not come to an end that can be believed. The message tells a person what happens."""


class SamePageAgain(ListUnreadable):
    """Talroo answers what it answered before, although it says that there is more."""


class ListTooLong(ListUnreadable):
    """More than `MOST_ITEMS`."""


@dataclass(frozen=True, slots=True)
class Item:
    """One application as listed. `raw`: its bytes, written anew; `key`: what its delivery is known by."""

    raw: bytes
    key: str
    talroo_id: str | None
    started_at: datetime | None
    completed: bool

    @property
    def identity(self) -> str:
        """What makes it the same one wherever it stands in the list."""
        return self.talroo_id or self.key


@dataclass(frozen=True, slots=True)
class Sheet:
    """What one page brought. `items`: those that were not handed over before and were started late enough.

    `asked_at`: when it was asked for. `total`: how many Talroo says there are. `newest`: the latest start on it.
    """

    items: tuple[Item, ...]
    asked_at: datetime
    total: int | None
    newest: datetime | None


Ask = Callable[[int, int], ListPage]
"""`ask(page, size)`: one page of the list, newest first."""


def sheets(ask: Ask, *, since: datetime, clock: Callable[[], datetime]) -> Iterator[Sheet]:
    """Every item that was started at `since` or later, or whose start cannot be read, page by page.

    Ends only where the list was read as far as `since`. Raises `ListUnreadable`, and whatever `ask` raises.
    """
    memory = _Memory()
    sizes = iter(SIZES)
    size = next(sizes)
    passes = 0
    while passes < MOST_PASSES:
        one = _Pass(ask, size, since, clock, memory)
        try:
            yield from one.sheets()
        except ReplyTooLarge:
            smaller = next(sizes, None)
            if smaller is None:
                raise
            size = smaller
            continue
        passes += 1
        # What is taken off the list while it is read lets later items move up past us: a second look finds them.
        if one.pages <= 1 or (passes > 1 and not one.found_more):
            return


@dataclass(slots=True)
class _Memory:
    """What all passes of one reading have in common.

    `known`: identities that came past; `handed`: keys of items that were handed over. Two sets, because one
    application may stand in the list with other content than a moment ago.
    """

    known: set[str] = field(default_factory=set)
    handed: set[str] = field(default_factory=set)
    newest: datetime | None = None


class _Pass:
    """One reading of the list from its top, as far as `since`.

    `pages`: how many had items. `found_more`: whether something stood there that earlier passes had not come by.
    """

    def __init__(self, ask: Ask, size: int, since: datetime, clock: Callable[[], datetime], memory: _Memory) -> None:
        self.pages = 0
        self.found_more = False
        self._ask = ask
        self._size = size
        self._since = since
        self._clock = clock
        self._memory = memory
        self._newest_before = memory.newest
        self._come_past: set[str] = set()
        self._starts = _Starts()
        self._too_old = 0
        self._empty = 0
        self._repeats = 0

    def sheets(self) -> Iterator[Sheet]:
        came = 0
        for number in range(MOST_ITEMS // self._size):
            asked_at = self._clock()
            page = self._ask(number, self._size)
            items = tuple(_item(document) for document in page.items)
            fresh = [item for item in items if item.identity not in self._come_past]
            self._note(fresh)
            yield Sheet(self._unhanded(items), asked_at, page.total, _newest(items))
            came += len(items)
            if self._is_the_end(items, fresh, page.total):
                return
            if came >= MOST_ITEMS:
                break
        raise ListTooLong(f"Talroo's list did not end within {MOST_ITEMS:,} applications. {self._advice()}")

    def _note(self, fresh: Sequence[Item]) -> None:
        """Remember what came past, in which order."""
        self.pages += bool(fresh)
        for item in fresh:
            if item.started_at is not None:
                self._starts.add(item.started_at)
            if item.identity not in self._memory.known:
                self.found_more |= self._counts_as_missed(item)
        self._come_past.update(item.identity for item in fresh)
        self._memory.known.update(item.identity for item in fresh)

    def _counts_as_missed(self, item: Item) -> bool:
        """Not what was started since the first pass: that is the next pull's, or busy hours would have no end."""
        before = self._newest_before
        return self._is_in_range(item) and (item.started_at is None or before is None or item.started_at <= before)

    def _unhanded(self, items: Sequence[Item]) -> tuple[Item, ...]:
        newest = _newest(items)
        if newest is not None:
            self._memory.newest = max(newest, self._memory.newest or newest)
        wanted = {item.key: item for item in items if self._is_in_range(item) and item.key not in self._memory.handed}
        self._memory.handed.update(wanted)
        return tuple(wanted.values())

    def _is_in_range(self, item: Item) -> bool:
        return item.started_at is None or item.started_at >= self._since

    def _is_the_end(self, items: Sequence[Item], fresh: Sequence[Item], total: int | None) -> bool:
        if not items:
            self._empty += 1
            return self._empty > LOOKS_BEYOND
        self._empty = 0
        if not fresh:
            return self._repeats_itself(items, total)
        self._repeats = 0
        self._too_old = 0 if any(self._is_in_range(item) for item in fresh) else self._too_old + len(fresh)
        # A list that is out of order may hold anything further down.
        return self._too_old >= ENOUGH and self._starts.are_sorted

    def _advice(self) -> str:
        if self._starts.are_sorted:
            return "Pull in the terminal with a later --since; what lies before it is not read then."
        return "It is not sorted by when they were started, so all of it has to be read. Ask Talroo to fix that."

    def _repeats_itself(self, items: Sequence[Item], total: int | None) -> bool:
        """Whether that was the end: a server may answer its last page, or all it has, whatever page is asked for."""
        self._repeats += 1
        if self._repeats < MOST_REPEATS:
            return False
        owed = len(items) == self._size if total is None else total > len(self._come_past)
        if owed:
            raise SamePageAgain(
                "Talroo answers the same page again although it says that there is more. What it showed is kept."
                " The next one tries again."
            )
        return True


class _Starts:
    """Whether a list is sorted, newest first, but for some that stand where they do not belong.

    Told by the longest run that is in order once the others are left out: a single wrong date costs one, however far
    it is off, while two sorted lists one behind the other cost as many as the shorter has.
    """

    def __init__(self) -> None:
        self._count = 0
        # For each length of such a run: how far back the best one reaches, in seconds before 1970.
        self._ends: list[float] = []

    def add(self, started_at: datetime) -> None:
        self._count += 1
        key = -started_at.timestamp()
        place = bisect_right(self._ends, key)
        self._ends[place : place + 1] = [key]

    @property
    def are_sorted(self) -> bool:
        return self._count - len(self._ends) <= min(ASTRAY, self._count // ONE_IN)


def _item(document: Json) -> Item:
    raw = wire.dump(document)
    outer = payload.item(document)
    return Item(
        raw=raw,
        key=intake.pulled_key(raw),
        talroo_id=payload.talroo_id(outer),
        started_at=payload.started_at(outer),
        completed=payload.is_completed(outer.data),
    )


def _newest(items: Sequence[Item]) -> datetime | None:
    return max((item.started_at for item in items if item.started_at), default=None)
