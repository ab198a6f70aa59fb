"""One pull under way: what a page brought is stored, counted, and written down with a longer lease."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from dashboard.database import is_storage_failure, start_writing
from dashboard.models import Delivery, SyncKind, SyncRun
from dashboard.services import intake, pull_turn
from dashboard.services.files import FileStore
from dashboard.services.intake import Arrival
from dashboard.services.pull_list import Item, Sheet
from dashboard.talroo.payload import PULLED

log = logging.getLogger(__name__)

TOGETHER: Final = 10
"""Items in one transaction on SQLite, whose one writer webhooks wait for meanwhile. On PostgreSQL each has its own: two
transactions about many applications could wait for each other there."""
MOST_EXPECTED: Final = 2**31 - 1
"""What the column holds, whatever Talroo claims."""

Sessions = Callable[[], Session]


class Stopped(Exception):
    """This process is to stop."""


class Keeper:
    """Keeps what a pull brings, counts it, and holds its turn."""

    def __init__(
        self,
        sessions: Sessions,
        files: FileStore,
        run: SyncRun,
        clock: Callable[[], datetime],
        stop: threading.Event | None,
    ) -> None:
        self._sessions = sessions
        self._files = files
        self._run = run
        self._clock = clock
        self._stop = stop
        self._newest: datetime | None = None
        self._numbers: Counter[str] = Counter()

    def keep(self, sheet: Sheet) -> None:
        """Store the items of a page that are not known, and count all of them. Raises `TurnLost`, `Stopped`."""
        if sheet.newest is not None:
            self._newest = max(sheet.newest, self._newest or sheet.newest)
        found = Counter(pages=1, fetched=len(sheet.items))
        with self._sessions() as session:
            known = _known(session, sheet.items)
            pushed = _pushed(session, sheet.items) if self._run.kind == SyncKind.COMPLETED else None
            together = TOGETHER if session.get_bind().dialect.name == "sqlite" else 1
        ends = dict.fromkeys((item.key for item in sheet.items), "unchanged")
        ends |= {key: "failed" for key, state in known.items() if state != "accepted"}
        new = [item for item in sheet.items if item.key not in known]
        for first in range(0, len(new), together):
            ends |= self._store(new[first : first + together], sheet.asked_at)
        found.update(ends.values())
        if pushed is not None:
            found.update(_origins(sheet.items, ends, pushed))
        self._note(found, sheet.total)

    def _store(self, items: Sequence[Item], at: datetime) -> dict[str, str]:
        """What became of each of `items`, by key. Their files are durable before the transaction begins."""
        arrivals = [Arrival(item.raw, PULLED, at, "fresh") for item in items]
        read = [(arrival, intake.understand(arrival, self._files)) for arrival in arrivals]
        if self._stop is not None and self._stop.is_set():
            raise Stopped
        with self._sessions() as session:
            start_writing(session)
            outcomes = [intake.store_among(session, arrival, understood) for arrival, understood in read]
            session.commit()
        return {item.key: _end(outcome) for item, outcome in zip(items, outcomes, strict=True)}

    def _note(self, found: Counter[str], total: int | None) -> None:
        """Commit the numbers so far, and with them a longer lease."""
        self._numbers.update(found)
        if total is not None:
            self._numbers["expected"] = min(total, MOST_EXPECTED)
        for name, number in self._numbers.items():
            setattr(self._run, name, number)
        with self._sessions() as session:
            start_writing(session)
            pull_turn.renew(session, self._run, self._numbers, now=self._clock())
            session.commit()

    def end(self, ended: str, problem: str | None = None, *, forgive: bool = False) -> None:
        """Write down how it ended (`pull_turn.give_back`). Where even that fails, the lease runs out by itself."""
        now = self._clock()
        self._run.state, self._run.problem, self._run.finished_at = ended, problem, now
        try:
            with self._sessions() as session:
                pull_turn.give_back(session, self._run, ended, problem, newest=self._newest, now=now, forgive=forgive)
                session.commit()
        except Exception as failure:
            if not is_storage_failure(failure):
                raise
            log.warning("the end of pull %s is not written down: %s", self._run.public_id, type(failure).__name__)


def _end(outcome: intake.Outcome) -> str:
    if outcome.status == "kept":
        return "failed"
    return outcome.effect.value if outcome.effect else "unchanged"


def _origins(items: Sequence[Item], ends: dict[str, str], pushed: set[str]) -> Iterator[str]:
    """For each completed application that is filed: whether the webhook had brought it, or only the API has it."""
    for item in items:
        if item.completed and ends[item.key] != "failed":
            yield "pushed" if item.talroo_id in pushed else "only_pulled"


def _known(session: Session, items: Sequence[Item]) -> dict[str, str]:
    """Of `items` those that came before with the very same bytes, by key, and what became of them then."""
    if not items:
        return {}
    found = session.execute(select(Delivery.key, Delivery.status).where(Delivery.key.in_([one.key for one in items])))
    return {row.key: row.status for row in found}


def _pushed(session: Session, items: Sequence[Item]) -> set[str]:
    """The ids of applications that the webhook brought as completed ones."""
    if not items:
        return set()
    found = session.scalars(
        select(Delivery.talroo_id).where(
            Delivery.talroo_id.in_([item.talroo_id for item in items if item.talroo_id]),
            Delivery.source != PULLED,
            Delivery.status == "accepted",
            or_(Delivery.event_type.is_(None), Delivery.event_type.not_like("%:started:%")),
        )
    )
    return {talroo_id for talroo_id in found if talroo_id}
