"""Talroo at its busiest: senders that deliver applications with files, and again until they are acknowledged."""

from __future__ import annotations

import hashlib
import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import requests

from tests.factories import as_body, event, file_object, signed
from tests.infrastructure.processes import Site


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """What was answered 200: the event, the application it was said to be, and the SHA-256 of its file."""

    event_id: str
    application: str
    sha256: str


@dataclass
class Senders:
    """Threads that deliver until `stop`. `acknowledged`: every answer 200."""

    site: Site
    acknowledged: list[Acknowledged] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    _over: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def sending(self, number: int) -> Iterator[None]:
        threads = [threading.Thread(target=self._send, args=(seed,)) for seed in range(number)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._over.set()
            for thread in threads:
                thread.join()

    def wait_for_more(self, number: int, within: float = 120) -> None:
        """Return once `number` more deliveries were acknowledged."""
        wanted, deadline = len(self.acknowledged) + number, time.monotonic() + within
        while len(self.acknowledged) < wanted:
            assert time.monotonic() < deadline, f"Nothing was acknowledged any more.\n{self.site.log}"
            time.sleep(0.005)

    def _send(self, seed: int) -> None:
        chance = random.Random(seed)
        with requests.Session() as session:
            while not self._over.is_set():
                content = chance.randbytes(chance.randrange(1_000, 100_000))
                document = event(applicant={"resume": file_object(content)})
                self._deliver(session, document["id"], as_body(document), hashlib.sha256(content).hexdigest())

    def _deliver(self, session: requests.Session, event_id: str, body: bytes, sha256: str) -> None:
        """As Talroo does, only sooner: again and again until somebody says 200."""
        address, headers = f"{self.site.url}/talroo/applications", signed(body, secret=self.site.webhook_secret)
        while not self._over.is_set():
            try:
                answer = session.post(address, data=body, headers=headers, timeout=60)
            except requests.RequestException:
                self._over.wait(0.02)
                continue
            if answer.status_code == 200:
                self.acknowledged.append(Acknowledged(event_id, answer.json()["application"], sha256))
                return
            self.refused.append(f"{answer.status_code} {answer.text[:200]}")
            self._over.wait(0.02)
