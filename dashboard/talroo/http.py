"""One HTTP call to Talroo: what may be called, how long it may take, what it proves, and whether to try again.

A call either returns a `Proof` (Talroo answered 2XX) or raises a `TalrooError`, with the proof and the decision:

| what happened | raised | outcome |
|---|---|---|
| 2XX | nothing | sent |
| 429 | `TalrooBusy` | retry, not before `proof.retry_after` |
| 5XX, any time-out, reset, refused connection, unknown host, TLS | `TalrooUnavailable` | retry |
| any other status; redirects are not followed | `TalrooRefused` | refused |
| we were told to stop | `CallAborted` | retry |

`proof.unknown` says that a request went out and no status came back: Talroo may or may not have heard it.
"""

from __future__ import annotations

import http
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from dashboard.calls import CallFailed, Outcome, Proof
from dashboard.talroo.deadline import Cut
from dashboard.talroo.exchange import Address, Reply, Request, retry_after
from dashboard.talroo.wire import clean

DEADLINE: Final = 15.0
ABORT_AFTER: Final = 3.0
MAX_ANSWER: Final = 2048
KEPT_OF_ANSWER: Final = 500


class TalrooError(CallFailed):
    """A call that did not end in 2XX."""


class TalrooUnavailable(TalrooError):
    """Talroo cannot be reached, broke off, or says itself that it failed (5XX)."""

    outcome = Outcome.RETRY


class TalrooBusy(TalrooUnavailable):
    """429: Talroo asks for patience, `proof.retry_after` seconds where it says how long."""


class TalrooRefused(TalrooError):
    """An answer that will not change by asking again, redirects included."""

    outcome = Outcome.REFUSED


class CallAborted(TalrooError):
    """This process is stopping and could not wait for the end of the call."""

    outcome = Outcome.RETRY

    @property
    def is_uncertain(self) -> bool:
        return self.proof.unknown


class Endpoint:
    """One configured address; nothing outside it can be called through it. Safe to use from many threads at once.

    `base_url`: http or https, without credentials, query or fragment. `deadline`: seconds for a whole call.
    `abort_after`: seconds a call may still take once we are told to stop. `authorities`: a PEM file to trust besides
    the usual ones. Raises ValueError for an address that cannot be used.
    """

    def __init__(
        self,
        base_url: str,
        *,
        deadline: float = DEADLINE,
        abort_after: float = ABORT_AFTER,
        authorities: str | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._address = Address(base_url, authorities=authorities)
        self._deadline = deadline
        self._abort_after = abort_after
        self._now = now

    def call(self, request: Request, *, stop: threading.Event | None = None) -> Proof:
        """Make one call; never longer than the deadline. Returns the proof of a 2XX, else raises a `TalrooError`.

        Raises ValueError, before anything is sent, for a target that leads elsewhere.
        """
        prepared = self._address.prepare(request)
        started_at = self._now()
        if stop is not None and stop.is_set():
            raise CallAborted(Proof(started_at, error="stopped before the call began"))
        reply = self._address.exchange(
            prepared, seconds=self._deadline, limit=MAX_ANSWER, stop=stop, abort_after=self._abort_after
        )
        # The status is what counts here, so an answer that is only odd is one all the same.
        broken = None if reply.is_only_odd else reply.trouble
        return _decide(self._proof(started_at, reply, broken), reply, broken=broken is not None)

    def _proof(self, started_at: datetime, reply: Reply, broken: str | None) -> Proof:
        return Proof(
            started_at=started_at,
            duration_ms=round(reply.took * 1000),
            status=reply.status,
            answer=clean(bytes(reply.body[:KEPT_OF_ANSWER]).decode("utf-8", errors="replace")),
            error=broken or _refusal(reply.status),
            retry_after=retry_after(reply.headers.get("Retry-After"), now=self._now()),
            connected=reply.connected,
        )


def _decide(proof: Proof, reply: Reply, *, broken: bool) -> Proof:
    if reply.cut is Cut.STOPPED:
        raise CallAborted(proof)
    if broken or proof.status is None or 500 <= proof.status <= 599:
        raise TalrooUnavailable(proof)
    if proof.status == http.HTTPStatus.TOO_MANY_REQUESTS:
        raise TalrooBusy(proof)
    if not 200 <= proof.status <= 299:
        raise TalrooRefused(proof)
    return proof


def _refusal(status: int | None) -> str | None:
    if status is None or 200 <= status <= 299:
        return None
    return f"answered {status}" + (", and redirects are not followed" if 300 <= status <= 399 else "")
