"""The delivering thread: posts signed events one at a time, retries what was not taken, then keeps them coming."""

from __future__ import annotations

import json
import logging
import os
import random
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlsplit

import requests
import urllib3

from dashboard.sandbox.applications import next_application
from dashboard.sandbox.envelopes import Payload
from dashboard.sandbox.received import Received
from dashboard.talroo import signature

_LOG: Final = logging.getLogger(__name__)
_ATTEMPTS: Final = 100
_TIMEOUT: Final = (3.0, 20.0)


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds between events of the catalogue, between later ones (at least, at most), and before a retry."""

    catalogue: float = 0.1
    interval: tuple[float, float] = (20.0, 60.0)
    retry: float = 10.0


@dataclass(slots=True)
class Progress:
    """How far delivery came, kept in a small JSON file where `path` is given, so a restart goes on from there.

    `began` (unix seconds) fixes the catalogue's times; `streamed` counts the applications made after it.
    """

    path: Path | None
    seed: int
    began: int = 0
    delivered: set[str] = field(default_factory=set)
    streamed: int = 0

    @classmethod
    def read(cls, path: Path | None, seed: int, *, now: float) -> Progress:
        """What `path` says, or a fresh start where it says nothing usable for this seed."""
        fresh = cls(path, seed, began=int(now))
        try:
            kept = json.loads(path.read_text()) if path else {}
            if kept.get("seed") != seed:
                return fresh
            return cls(path, seed, int(kept["began"]), set(kept["delivered"]), int(kept["streamed"]))
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return fresh

    def write(self) -> None:
        """Replace the file in one step, so that a crash leaves the old one or the new one."""
        if not self.path:
            return
        kept = {
            "seed": self.seed,
            "began": self.began,
            "delivered": sorted(self.delivered),
            "streamed": self.streamed,
        }
        beside = self.path.with_name(f"{self.path.name}.new")
        beside.write_text(json.dumps(kept))
        os.replace(beside, self.path)


@dataclass(slots=True, eq=False)
class _Waiting:
    """An event that still has to be taken; `due` in monotonic seconds."""

    event: Payload
    due: float = 0.0
    attempts: int = 0
    streamed: bool = False


@dataclass(slots=True)
class Deliverer:
    """Delivers `catalogue`, then one new application after another, until `stop`.

    `postback_url` is where the dashboard listens; the job's reference is appended, as in an employer's feed.
    `happened` is called with each new event, so that the Platform API lists it too.
    """

    postback_url: str
    secret: str
    catalogue: Sequence[Payload]
    received: Received
    progress: Progress
    pace: Pace = field(default_factory=Pace)
    happened: Callable[[Payload], None] = lambda event: None
    _stopping: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin in a thread of its own."""
        self._thread = threading.Thread(target=self._run, name="sandbox-deliverer", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End within a second; a delivery whose answer has not come by then is abandoned, to be repeated later."""
        self._stopping.set()
        if self._thread:
            self._thread.join(timeout=0.8)

    def deliver(self, event: Payload) -> bool:
        """Post one event now, beside the thread and only once. Returns whether the dashboard took it."""
        with _session(self.postback_url) as session:
            return self._deliver(session, _Waiting(event, streamed=True))

    def _run(self) -> None:
        with _session(self.postback_url) as session:
            self._wait_for_dashboard(session)
            self._deliver_all(session)

    def _wait_for_dashboard(self, session: requests.Session) -> None:
        address = urlsplit(self.postback_url)._replace(path="/healthz", query="", fragment="").geturl()
        while not self._stopping.is_set() and not _answers(session, address):
            self._stopping.wait(0.5)

    def _deliver_all(self, session: requests.Session) -> None:
        queue = deque(_Waiting(event) for event in self.catalogue if event["id"] not in self.progress.delivered)
        next_at = time.monotonic() + self._interval()
        while not self._stopping.is_set():
            ready = next((waiting for waiting in queue if waiting.due <= time.monotonic()), None)
            if ready is None and time.monotonic() >= next_at:
                queue.append(self._new())
                next_at = time.monotonic() + self._interval()
            elif ready is None:
                self._stopping.wait(min(0.2, self.pace.interval[0]))
            else:
                queue.remove(ready)
                self._try(session, ready, queue)

    def _try(self, session: requests.Session, waiting: _Waiting, queue: deque[_Waiting]) -> None:
        if not self._deliver(session, waiting) and waiting.attempts < _ATTEMPTS:
            waiting.due = time.monotonic() + self.pace.retry
            queue.append(waiting)
        self._stopping.wait(self.pace.catalogue)

    def _deliver(self, session: requests.Session, waiting: _Waiting) -> bool:
        waiting.attempts += 1
        status = self._post(session, waiting.event)
        taken = status is not None and 200 <= status < 300
        self.received.delivery(waiting.event["id"], waiting.event["type"], status, waiting.attempts)
        _LOG.info("delivered %s: %s", waiting.event["id"], status or "no answer")
        if taken and not waiting.streamed:
            self.progress.delivered.add(waiting.event["id"])
            self._remember()
        return taken

    def _remember(self) -> None:
        try:
            self.progress.write()
        except OSError as problem:
            _LOG.warning("progress is not kept: %s", problem)

    def _post(self, session: requests.Session, event: Payload) -> int | None:
        body = json.dumps(event, ensure_ascii=False).encode()
        headers = {
            "Content-Type": "application/json",
            signature.HEADER: signature.sign(self.secret, body, at=int(time.time())),
        }
        address = _with_job(self.postback_url, event["data"].get("job", {}))
        try:
            answer = session.post(address, data=body, headers=headers, timeout=_TIMEOUT, allow_redirects=False)
        except requests.RequestException:
            return None
        return answer.status_code

    def _new(self) -> _Waiting:
        # The start is part of the seed: without a state file, a second start must not repeat the first one's stream.
        rng = random.Random(f"{self.progress.seed}:{self.progress.began}:{self.progress.streamed}")
        self.progress.streamed += 1
        self._remember()
        event = next_application(rng, datetime.now(UTC).replace(microsecond=0))
        self.happened(event)
        return _Waiting(event, streamed=True)

    def _interval(self) -> float:
        return random.uniform(*self.pace.interval)


def _session(address: str) -> requests.Session:
    session = requests.Session()
    # Nothing of the surroundings (proxies, .netrc) may come between two processes on one machine.
    session.trust_env = False
    if address.startswith("https://127.0.0.1:"):
        # A dashboard that serves HTTPS itself: its certificate is for its public name, if anybody vouches for it.
        session.verify = False
        urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
    return session


def _answers(session: requests.Session, address: str) -> bool:
    try:
        return session.get(address, timeout=_TIMEOUT, allow_redirects=False).ok
    except requests.RequestException:
        return False


def _with_job(address: str, job: dict[str, Any]) -> str:
    reference = quote(str(job.get("originalJobReference", "")), safe="")
    return f"{address}{'&' if '?' in address else '?'}jobid={reference}"
