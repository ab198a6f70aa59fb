"""One HTTP exchange with a configured address, bounded in time and size; nothing else is ever called.

Nothing of the environment takes part: no proxies, no .netrc, no cookies, and a redirect is an answer like any other.
`http.py` makes proofs and decisions for single calls of it, `platform.py` reads lists with it.
"""

from __future__ import annotations

import http.client
import os
import re
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final
from urllib.parse import SplitResult, urlsplit

import requests
from requests.utils import DEFAULT_CA_BUNDLE_PATH
from urllib3.exceptions import HTTPError

from dashboard.talroo.deadline import Cut, Watch, WatchedAdapter

USER_AGENT: Final = "talroo-dashboard/1"
LONGEST_RETRY_AFTER: Final = 24 * 3600

_PIECE: Final = 65536
_SECONDS: Final = re.compile(r"[0-9]{1,4000}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Request:
    """`target`: what follows the address, empty or beginning with `/`. `body`: JSON bytes. `headers`: besides ours."""

    method: str
    target: str = ""
    body: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(slots=True)
class Reply:
    """What came in; an exchange that breaks off keeps what it has.

    `status`: None where no headers came. `body`: up to the limit. `cut`: why we ended it ourselves.
    `connected`: a request could be written. `seconds`: the time it was given, `took`: the time it used.
    `causes`: what went wrong, outermost first.
    """

    seconds: float
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytearray = field(default_factory=bytearray, repr=False)
    cut: Cut | None = None
    connected: bool = False
    took: float = 0.0
    causes: tuple[BaseException, ...] = field(default=(), repr=False)

    @property
    def trouble(self) -> str | None:
        """Why the exchange did not come to its end, in words without address or ids, or None where it did."""
        if self.cut is Cut.STOPPED:
            return "stopped before the answer was complete"
        if self.cut is Cut.DEADLINE or _holds(self.causes, TimeoutError):
            return f"{self._waiting_for} within {self.seconds:.3g} s"
        if not self.causes:
            return None
        if self.is_only_odd:
            return "the answer is shorter than announced or wrongly chunked"
        if self.status is not None:
            return "connection reset after the headers"
        return _words(self.causes)

    @property
    def is_only_odd(self) -> bool:
        """Whether the body came, though wrongly chunked or shorter than announced.

        A server that miscounts does so every time, and asking it again would only bring the same thing again and again.
        Headers with nothing at all behind them, however, are what a server that died leaves.
        """
        ended = self.cut is None and not _holds(self.causes, TimeoutError, ConnectionError, ssl.SSLError)
        return ended and bool(self.causes) and bool(self.body)

    @property
    def _waiting_for(self) -> str:
        if self.status is not None:
            return "no end of the answer"
        return "no answer" if self.connected else "no connection"


class Address:
    """One configured address. Safe to use from many threads at once.

    `base_url`: http or https, without credentials, query or fragment. `authorities`: a PEM file to trust besides the
    usual ones. Raises ValueError for an address that cannot be used.
    """

    def __init__(self, base_url: str, *, authorities: str | None = None) -> None:
        parts = _checked(base_url)
        self._base = base_url
        self._session = _Session(_trust(authorities) if parts.scheme == "https" else None)

    def prepare(self, request: Request) -> requests.PreparedRequest:
        """`request` as it will go out. Raises ValueError for a target that leads elsewhere."""
        if request.target and not request.target.startswith("/"):
            raise ValueError("A target begins with a slash, else it could name another host.")
        if ".." in request.target.partition("?")[0].split("/"):
            raise ValueError("A target stays under its base.")
        headers = {"User-Agent": USER_AGENT, "Accept": "*/*", "Accept-Encoding": "identity", "Connection": "close"}
        if request.body is not None:
            headers["Content-Type"] = "application/json"
        # The address itself is called exactly as configured; only what is joined to it decides about the slash between.
        base = self._base.rstrip("/") if request.target else self._base
        return requests.Request(
            request.method, base + request.target, {**headers, **request.headers}, data=request.body
        ).prepare()

    def exchange(
        self,
        prepared: requests.PreparedRequest,
        *,
        seconds: float,
        limit: int,
        stop: threading.Event | None = None,
        abort_after: float = 0.0,
    ) -> Reply:
        """Send `prepared` once and read up to `limit` bytes of the answer's body, all within `seconds`. Never raises.

        Once `stop` is set, `abort_after` seconds remain.
        """
        reply = Reply(seconds)
        with Watch(seconds, stop=stop, abort_after=abort_after) as watch:
            try:
                self._read(prepared, watch, reply, limit)
            except (requests.RequestException, HTTPError, http.client.HTTPException, OSError, ValueError) as met:
                reply.causes = tuple(_causes(met))
        reply.cut, reply.connected, reply.took = watch.cut, watch.connected, watch.elapsed()
        return reply

    def _read(self, prepared: requests.PreparedRequest, watch: Watch, reply: Reply, limit: int) -> None:
        left = watch.remaining()
        raw = self._session.send(prepared, stream=True, timeout=(left, left), verify=True).raw
        try:
            reply.status, reply.headers = raw.status, raw.headers
            while len(reply.body) < limit and (piece := raw.read1(min(_PIECE, limit - len(reply.body)))):
                reply.body += piece
        finally:
            raw.close()


class _Session(requests.Session):
    """A session that adds nothing to what is sent through it, and follows nothing.

    What it sends was prepared without it, and only preparing adds cookies and passwords.
    """

    def __init__(self, trust: ssl.SSLContext | None) -> None:
        super().__init__()
        self.trust_env = False
        adapter = WatchedAdapter(trust)
        self.mount("http://", adapter)
        self.mount("https://", adapter)

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """Nowhere. Switching redirects off is not enough: requests then still reads the whole body, however long."""
        return None


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
