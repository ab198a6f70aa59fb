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

import http.client
import os
import re
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import ClassVar, Final
from urllib.parse import SplitResult, urlsplit

import requests
from requests.utils import DEFAULT_CA_BUNDLE_PATH
from urllib3.exceptions import HTTPError

from dashboard.talroo.deadline import Cut, Watch, WatchedAdapter
from dashboard.talroo.wire import clean

USER_AGENT: Final = "talroo-dashboard/1"
DEADLINE: Final = 15.0
ABORT_AFTER: Final = 3.0
MAX_ANSWER: Final = 2048
KEPT_OF_ANSWER: Final = 500
LONGEST_RETRY_AFTER: Final = 24 * 3600

_SECONDS: Final = re.compile(r"[0-9]{1,4000}", re.ASCII)


class Outcome(StrEnum):
    """What is to be done about a call."""

    SENT = "sent"
    RETRY = "retry"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Proof:
    """What is known of one call, to be written down beside what was sent.

    `answer`: the first 500 bytes of the body, as text any database keeps. `error`: a few words without address or ids.
    `retry_after`: seconds, at most a day. `connected`: a request could be written, so it may have been heard.
    """

    started_at: datetime
    duration_ms: int = 0
    status: int | None = None
    answer: str = ""
    error: str | None = None
    retry_after: int | None = None
    connected: bool = False

    @property
    def unknown(self) -> bool:
        """Whether Talroo may have heard the request although no answer says so."""
        return self.connected and self.status is None


class TalrooError(Exception):
    """A call that did not end in 2XX. `str(error)` is `proof.error`: words that are safe to log and to show."""

    outcome: ClassVar[Outcome]

    def __init__(self, proof: Proof) -> None:
        super().__init__(proof.error)
        self.proof = proof


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


@dataclass(frozen=True, slots=True)
class Request:
    """`target`: what follows the endpoint's base, empty or beginning with `/`. `body`: JSON bytes."""

    method: str
    target: str = ""
    body: bytes | None = None


@dataclass(slots=True)
class _Answer:
    """What has come in so far; a call that breaks off keeps what it has."""

    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytearray = field(default_factory=bytearray)


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
        parts = _checked(base_url)
        self._base = base_url
        self._deadline = deadline
        self._abort_after = abort_after
        self._now = now
        self._trust = _trust(authorities) if parts.scheme == "https" else None

    def call(self, request: Request, *, stop: threading.Event | None = None) -> Proof:
        """Make one call; never longer than the deadline. Returns the proof of a 2XX, else raises a `TalrooError`.

        Raises ValueError, before anything is sent, for a target that leads elsewhere.
        """
        prepared = self._prepare(request)
        started_at = self._now()
        if stop is not None and stop.is_set():
            raise CallAborted(Proof(started_at, error="stopped before the call began"))
        answer = _Answer()
        problem: Exception | None = None
        with Watch(self._deadline, stop=stop, abort_after=self._abort_after) as watch:
            try:
                self._exchange(prepared, watch, answer)
            except (requests.RequestException, HTTPError, http.client.HTTPException, OSError, ValueError) as met:
                problem = met
        broken = self._broken(watch, answer, problem)
        return _decide(self._proof(started_at, watch, answer, broken), watch, broken=broken is not None)

    def _prepare(self, request: Request) -> requests.PreparedRequest:
        if request.target and not request.target.startswith("/"):
            raise ValueError("A target begins with a slash, else it could name another host.")
        if ".." in request.target.partition("?")[0].split("/"):
            raise ValueError("A target stays under its base.")
        headers = {"User-Agent": USER_AGENT, "Accept": "*/*", "Accept-Encoding": "identity", "Connection": "close"}
        if request.body is not None:
            headers["Content-Type"] = "application/json"
        # The address itself is called exactly as configured; only what is joined to it decides about the slash between.
        base = self._base.rstrip("/") if request.target else self._base
        return requests.Request(request.method, base + request.target, headers, data=request.body).prepare()

    def _exchange(self, request: requests.PreparedRequest, watch: Watch, answer: _Answer) -> None:
        # The adapter without a Session around it: no redirects, cookies, .netrc or proxies of the environment at all.
        adapter = WatchedAdapter(self._trust)
        try:
            raw = adapter.answer(request, watch)
            try:
                answer.status, answer.headers = raw.status, raw.headers
                while len(answer.body) < MAX_ANSWER and (piece := raw.read1(MAX_ANSWER - len(answer.body))):
                    answer.body += piece
            finally:
                raw.close()
        finally:
            adapter.close()

    def _broken(self, watch: Watch, answer: _Answer, problem: Exception | None) -> str | None:
        """The words for a call that did not come to its end, or None for one whose status counts."""
        if watch.cut is Cut.STOPPED:
            return "stopped before the answer was complete"
        causes = tuple(_causes(problem))
        if watch.cut is Cut.DEADLINE or _holds(causes, TimeoutError):
            return f"{_waiting_for(watch, answer)} within {self._deadline:g} s"
        if problem is None or _is_only_odd(answer, causes):
            return None
        if answer.status is not None:
            return "connection reset after the headers"
        return _words(causes)

    def _proof(self, started_at: datetime, watch: Watch, answer: _Answer, broken: str | None) -> Proof:
        return Proof(
            started_at=started_at,
            duration_ms=round(watch.elapsed() * 1000),
            status=answer.status,
            answer=clean(bytes(answer.body[:KEPT_OF_ANSWER]).decode("utf-8", errors="replace")),
            error=broken or _refusal(answer.status),
            retry_after=retry_after(answer.headers.get("Retry-After"), now=self._now()),
            connected=watch.connected,
        )


def retry_after(value: str | None, *, now: datetime) -> int | None:
    """Seconds a Retry-After header asks for (digits or an HTTP date), 0 to a day; None if it says nothing usable."""
    given = (value or "").strip()
    if _SECONDS.fullmatch(given):
        return min(int(given), LONGEST_RETRY_AFTER)
    try:
        moment = parsedate_to_datetime(given)
        wait = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - now
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return min(max(round(wait.total_seconds()), 0), LONGEST_RETRY_AFTER)


def _checked(base_url: str) -> SplitResult:
    parts = urlsplit(base_url)
    usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    if not usable or "@" in parts.netloc or parts.query or parts.fragment or not base_url.isascii():
        raise ValueError("not an http(s) address of a host, without credentials, query or fragment")
    return parts


def _trust(authorities: str | None) -> ssl.SSLContext:
    trust = ssl.create_default_context()
    trust.load_verify_locations(DEFAULT_CA_BUNDLE_PATH)
    if authorities is not None:
        trust.load_verify_locations(authorities)
    return trust


def _decide(proof: Proof, watch: Watch, *, broken: bool) -> Proof:
    if watch.cut is Cut.STOPPED:
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


def _waiting_for(watch: Watch, answer: _Answer) -> str:
    if answer.status is not None:
        return "no end of the answer"
    return "no answer" if watch.connected else "no connection"


def _is_only_odd(answer: _Answer, causes: tuple[BaseException, ...]) -> bool:
    """Whether the status counts although the body is wrongly chunked or shorter than announced.

    A server that miscounts does so every time, and asking it again would only report the same thing again and again.
    Headers with nothing at all behind them, however, are what a server that died leaves.
    """
    return bool(answer.body) and not _holds(causes, ConnectionError, ssl.SSLError)


_WORDS: Final[tuple[tuple[type[BaseException], str], ...]] = (
    (socket.gaierror, "host name not found"),
    (ConnectionRefusedError, "connection refused"),
    (ssl.SSLCertVerificationError, "certificate not trusted"),
    (ssl.SSLError, "TLS failed"),
    (http.client.RemoteDisconnected, "connection closed without an answer"),
    (ConnectionError, "connection reset before the headers"),
)


def _words(causes: tuple[BaseException, ...]) -> str:
    for kind, words in _WORDS:
        if _holds(causes, kind):
            return words
    for cause in causes:
        if isinstance(cause, OSError) and cause.errno:
            return os.strerror(cause.errno).lower()
    return "the answer is not HTTP"


def _holds(causes: tuple[BaseException, ...], *kinds: type[BaseException]) -> bool:
    return any(isinstance(cause, kinds) for cause in causes)


def _causes(problem: BaseException | None) -> Iterator[BaseException]:
    """`problem` and everything it was made of: requests wraps urllib3, which wraps what the socket said."""
    waiting: list[object] = [problem]
    seen: set[int] = set()
    while waiting:
        cause = waiting.pop()
        if not isinstance(cause, BaseException) or id(cause) in seen:
            continue
        seen.add(id(cause))
        yield cause
        waiting += [cause.__cause__, cause.__context__, getattr(cause, "reason", None), *cause.args]
