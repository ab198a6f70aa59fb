"""What requests notice in passing, written down behind their backs: who was refused, what browsers refused on our
pages, which secret proved something, which session is still used.

Anybody can have us refuse them a thousand times a second, so no refusal writes by itself. The first is written at once,
by a thread of its own; what comes meanwhile is gathered and written together, at most once a second.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from dashboard.database import start_writing
from dashboard.services import refusals, secret_uses, sessions, violations
from dashboard.services.refusals import OTHERS, Tally

log = logging.getLogger(__name__)

EVERY: Final = 1.0
"""Seconds between two writes."""
MOST_ADDRESSES: Final = 200
"""Different addresses that are told apart within an hour, by one process."""
MOST_VIOLATIONS: Final = 50
"""Different pairs of directive and page, likewise."""
MINUTE: Final = timedelta(minutes=1)


class _Few:
    """What is told apart within an hour, so many at most: anybody can make up more."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._hour: datetime | None = None
        self._known: set[str] = set()

    def has_room_for(self, hour: datetime, what: str) -> bool:
        if self._hour != hour:
            self._hour, self._known = hour, set()
        if what not in self._known and len(self._known) >= self._most:
            return False
        self._known.add(what)
        return True


class Notebook:
    """One for the threads of a process. `sessions`: makes a session; `secret_key`: names secrets without telling them.

    `every`: seconds between two writes.
    """

    def __init__(self, sessions: Callable[[], Session], secret_key: str, *, every: float = EVERY) -> None:
        self._sessions = sessions
        self._secret_key = secret_key
        self._every = every
        self._lock = threading.Lock()
        self._writing = threading.Lock()
        self._noted = threading.Event()
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None
        self._tallies: dict[tuple[datetime, str, str], Tally] = {}
        self._addresses, self._violations = _Few(MOST_ADDRESSES), _Few(MOST_VIOLATIONS)
        self._uses: dict[tuple[str, str], datetime] = {}
        self._last_uses: dict[tuple[str, str], datetime] = {}
        self._sessions_until: dict[str, datetime] = {}

    def refused(self, reason: str, address: str, at: datetime) -> None:
        """A delivery was refused. Never waits for the database."""
        with self._lock:
            told_apart = self._addresses.has_room_for(refusals.hour_of(at), address)
            self._gather(Tally.once(reason, address if told_apart else OTHERS, at))
            self._wake()

    def violated(self, directive: str, page: str, at: datetime) -> None:
        """A browser refused something on a page of ours. Never waits for the database."""
        with self._lock:
            told_apart = self._violations.has_room_for(refusals.hour_of(at), f"{directive} {page}")
            what = (directive, page) if told_apart else (violations.OTHER, OTHERS)
            self._gather(violations.tally(*what, at))
            self._wake()

    def proved(self, setting: str, secret: str, at: datetime) -> None:
        """A secret proved something. Written down once a minute. Never waits for the database."""
        key = (setting, secret_uses.fingerprint(self._secret_key, setting, secret))
        last = self._last_uses.get(key)
        if last is not None and at - last < MINUTE:
            return
        with self._lock:
            self._last_uses[key] = self._uses[key] = at
            self._wake()

    def used(self, token_hash: str, until: datetime) -> None:
        """Somebody does something in a session, which therefore goes on. Never waits for the database."""
        with self._lock:
            self._sessions_until[token_hash] = until
            self._wake()

    def flush(self) -> None:
        """Write down what was noted. Where the database cannot, it stays noted."""
        with self._writing:
            with self._lock:
                tallies, self._tallies = self._tallies, {}
                uses, self._uses = self._uses, {}
                until, self._sessions_until = self._sessions_until, {}
            if not (tallies or uses or until):
                return
            try:
                with self._sessions() as session:
                    start_writing(session)
                    refusals.add(session, tallies.values())
                    secret_uses.note(session, uses)
                    sessions.prolong(session, until)
                    session.commit()
            except (SQLAlchemyError, OSError) as problem:
                log.warning("what was noticed could not be written down yet: %s", type(problem).__name__)
                self._put_back(list(tallies.values()), uses, until)

    def close(self) -> None:
        """Write down what is left, and nothing any more by itself."""
        self._closed.set()
        self._noted.set()
        if self._thread is not None:
            self._thread.join(10)
        self.flush()

    def _gather(self, tally: Tally) -> None:
        before = self._tallies.get(tally.key)
        self._tallies[tally.key] = before.and_again(tally) if before else tally

    def _put_back(
        self, tallies: list[Tally], uses: dict[tuple[str, str], datetime], until: dict[str, datetime]
    ) -> None:
        with self._lock:
            for tally in tallies:
                self._gather(tally)
            self._uses = {**uses, **self._uses}
            self._sessions_until = {**until, **self._sessions_until}

    def _wake(self) -> None:
        """Begun by the first that is noted: a process that is forked before then has its own."""
        if self._thread is None and not self._closed.is_set():
            self._thread = threading.Thread(target=self._keep_writing, name="notebook", daemon=True)
            self._thread.start()
        self._noted.set()

    def _keep_writing(self) -> None:
        while not self._closed.is_set():
            self._noted.wait()
            self._noted.clear()
            if not self._closed.is_set():
                self.flush()
                self._closed.wait(self._every)
