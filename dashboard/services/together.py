"""Deliveries that wait for SQLite at the same time, stored in one transaction.

SQLite has one writer. Eight deliveries at once would take eight turns, each with its own begin, flush and hand-over;
whoever has its turn may as well store what has come in meanwhile. Each is answered after the commit that holds it, and
a delivery that fails takes nobody with it: the others are stored again by themselves.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

from sqlalchemy.orm import Session

from dashboard.database import is_storage_failure, start_writing
from dashboard.services import intake
from dashboard.services.files import FileStore
from dashboard.services.intake import Arrival, Outcome, Understood

MOST: Final = 32
PATIENCE: Final = 5.0


class StorageBusy(OSError):
    """Nobody could be stored for too long; delivering it again later may work."""


class _Waiting:
    """One delivery in the queue, and what became of it once somebody has stored it."""

    __slots__ = ("arrival", "outcome", "problem", "understood")

    def __init__(self, arrival: Arrival, understood: Understood) -> None:
        self.arrival = arrival
        self.understood = understood
        self.outcome: Outcome | None = None
        self.problem: Exception | None = None

    @property
    def is_over(self) -> bool:
        return self.outcome is not None or self.problem is not None

    def result(self) -> Outcome:
        if self.outcome is None:
            raise self.problem or StorageBusy("the delivery was not stored in time")
        return self.outcome


class Together:
    """One queue for the threads of a process. `sessions`: makes a session.

    `shared`: whether one transaction may hold several deliveries. On PostgreSQL it should not: writers do not wait for
    each other there, and two such transactions could wait for each other's rows. `patience`: seconds in the queue.
    """

    def __init__(self, sessions: Callable[[], Session], *, shared: bool, patience: float = PATIENCE) -> None:
        self._sessions = sessions
        self.shared = shared
        self._patience = patience
        self._changed = threading.Condition()
        self._led = False
        self._queue: deque[_Waiting] = deque()

    def receive(self, arrival: Arrival, files: FileStore) -> Outcome:
        """`intake.understand` and `store_or_keep`, and its commit. Raises what `is_storage_failure` knows."""
        waiting = _Waiting(arrival, intake.understand(arrival, files))
        if not self.shared or not waiting.understood.attached:
            # Without a file of its own, a flush of its own: at least one stands behind each acknowledgement.
            self._store_alone(waiting)
            return waiting.result()
        if self._must_lead(waiting):
            try:
                self._lead(waiting)
            finally:
                with self._changed:
                    self._led = False
                    self._changed.notify_all()
        return waiting.result()

    def _must_lead(self, waiting: _Waiting) -> bool:
        """Wait until somebody has stored `waiting`, or until it is on us to store whoever waits."""
        with self._changed:
            self._queue.append(waiting)
            if not self._changed.wait_for(lambda: waiting.is_over or not self._led, self._patience):
                raise StorageBusy("the queue did not move in time")
            if waiting.is_over:
                return False
            self._led = True
            return True

    def _lead(self, leader: _Waiting) -> None:
        """Store whoever waits until the leader is stored, who may stand behind more than one transaction holds."""
        until = time.monotonic() + self._patience
        while not leader.is_over and time.monotonic() < until:
            self._store_some()

    def _store_some(self) -> None:
        """Store everybody who waits by the time it is our turn to write."""
        batch: list[_Waiting] = []
        try:
            with self._sessions() as session:
                start_writing(session)
                while self._queue and len(batch) < MOST:
                    batch.append(self._queue.popleft())
                outcomes = [intake.store(session, one.arrival, one.understood) for one in batch]
                session.commit()
        except Exception as problem:
            self._after(problem, batch or [self._queue.popleft() for _ in range(len(self._queue))])
        else:
            for one, outcome in zip(batch, outcomes, strict=True):
                one.outcome = outcome

    def _after(self, problem: Exception, batch: Sequence[_Waiting]) -> None:
        """What a failed transaction means for those it held."""
        if is_storage_failure(problem):
            for one in batch:
                one.problem = problem
        else:
            for one in batch:
                self._store_alone(one)

    def _store_alone(self, one: _Waiting) -> None:
        try:
            with self._sessions() as session:
                outcome = intake.store_or_keep(session, one.arrival, one.understood)
                session.commit()
            one.outcome = outcome
        except Exception as problem:
            one.problem = problem
