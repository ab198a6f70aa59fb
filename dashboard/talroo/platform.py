"""Talroo's Platform API: lists of job applications, read page by page (talroo-contract §2 and §5).

What goes wrong is one of a family, and its words can be logged and shown: they hold no address, token or secret.

| what happened | raised |
|---|---|
| no App Client is set | `NotConfigured` |
| the App Client or its fresh token is refused | `CredentialsRefused` |
| 403 for the list | `NotPermitted` |
| 429, 5XX, broken connections and time-outs, until the time was used up | `PlatformUnavailable` |
| any other answer, or one that cannot be read | `ReplyNotUnderstood` |
| an answer longer, or of more values, than allowed | `ReplyTooLarge` |
| we were told to stop | `PullStopped` |
"""

from __future__ import annotations

import base64
import math
import random
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final
from urllib.parse import urlencode

from dashboard import backoff
from dashboard.talroo import wire
from dashboard.talroo.exchange import Address, Reply, Request, retry_after
from dashboard.talroo.wire import Json

DEADLINE: Final = 60.0
TOTAL: Final = 180.0
MAX_REPLY: Final = 64 * 1024 * 1024
MAX_VALUES: Final = 1_000_000
"""JSON values in an answer. Each costs a hundred bytes or more once it is read, and may have cost three on the way."""
MAX_TIMES_SIZE: Final = 10
"""A server may have a page size of its own, but not list everything at once: one statement asks about a whole page."""

_TOKEN: Final = re.compile(r"[!-~]{1,16384}", re.ASCII)
_COUNT: Final = re.compile(r"[0-9]{1,15}", re.ASCII)
_LISTS: Final = ("content", "items", "data", "results")
_BEFORE_A_VALUE: Final = (b",", b"[", b"{")
_SPARE: Final = 30.0
_TURN_SEEN_WITHIN: Final = 0.05


class PlatformError(Exception):
    """The Platform API did not give what was asked. `str(error)` is safe to log and to show."""


class NotConfigured(PlatformError):
    """No App Client is set, so nothing was asked."""


class CredentialsRefused(PlatformError):
    """Talroo does not know the App Client, or refuses a token it has just given."""


class NotPermitted(PlatformError):
    """The App Client is known and may not read job applications."""


class PlatformUnavailable(PlatformError):
    """Talroo could not be reached, broke off, or was busy, for as long as one call may take."""


class ReplyNotUnderstood(PlatformError):
    """An answer that asking again would not change, and that is not what the Platform API is documented to say."""


class ReplyTooLarge(PlatformError):
    """An answer longer, or of more values, than allowed; a smaller page may help."""


class PullStopped(PlatformError):
    """This process is stopping and did not wait for the answer."""


@dataclass(frozen=True, slots=True)
class ListPage:
    """One page of a list. `items`: as parsed, whatever stood there. `total`: of all pages, None where not told."""

    items: tuple[Json, ...]
    total: int | None


@dataclass(frozen=True, slots=True)
class _Token:
    """`ends`: on the client's clock; None where Talroo tells no life, so that it is used until it is refused."""

    value: str = field(repr=False)
    ends: float | None

    def lives_at(self, moment: float) -> bool:
        return self.ends is None or moment < self.ends


@dataclass(slots=True)
class _Patience:
    """How long one call of the client may still go on, and what has gone wrong in it so far."""

    ends: float
    stop: threading.Event | None
    failures: int = 0
    trouble: str = "no access token came in time"

    def over(self) -> PlatformUnavailable:
        """The error for a call that has used up its time."""
        tries = f"; tried {self.failures} times" if self.failures > 1 else ""
        return PlatformUnavailable(f"Talroo's Platform API is not available at the moment ({self.trouble}{tries}).")


def _sleep(seconds: float, stop: threading.Event | None) -> None:
    if stop is None:
        time.sleep(seconds)
    else:
        stop.wait(seconds)


class PlatformClient:
    """The Platform API at one address, with one App Client. Safe to use from many threads at once.

    `base_url`: http or https, without credentials, query or fragment. `applications_path`: begins with `/`.
    `deadline`: seconds for one exchange; `total`: seconds for one call of a method, its waits and repeats included.
    `max_reply`: bytes of an answer. `authorities`: a PEM file to trust besides the usual ones.
    `clock`: seconds that only grow; `now`: the date, for a Retry-After that names one; `sleep`: waits so many seconds,
    or until the event is set; `granted` is called for each token that Talroo gives.
    Raises ValueError for an address or a path that cannot be used.
    """

    def __init__(
        self,
        base_url: str,
        applications_path: str,
        client_id: str | None,
        client_secret: str | None,
        *,
        deadline: float = DEADLINE,
        total: float = TOTAL,
        max_reply: int = MAX_REPLY,
        authorities: str | None = None,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        sleep: Callable[[float, threading.Event | None], None] = _sleep,
        rng: random.Random | None = None,
        granted: Callable[[], None] | None = None,
    ) -> None:
        if "?" in applications_path or "#" in applications_path:
            raise ValueError("the path of the applications has neither query nor fragment")
        self._address = Address(base_url, authorities=authorities)
        self._address.prepare(Request("GET", applications_path))
        self._path = applications_path
        self._tell_granted = granted
        self._client_id = client_id or ""
        self._client_secret = client_secret or ""
        self._deadline = deadline
        self._total = total
        self._max_reply = max_reply
        self._clock = clock
        self._now = now
        self._sleep = sleep
        self._rng = rng or random.SystemRandom()
        self._token: _Token | None = None
        self._fetching = threading.Lock()

    def applications(self, *, completed: bool, page: int, size: int, stop: threading.Event | None = None) -> ListPage:
        """Page number `page` (from 0) of the applications that are or are not completed, newest first.

        Talroo is asked to filter and to sort; whoever reads on checks each item. Raises a `PlatformError`.
        """
        patience = self._begin(stop)
        term = f"completed={'true' if completed else 'false'}"
        query = urlencode({"search": term, "sort": "createdAt,desc", "page": page, "size": size})
        reply = self._authorized(f"{self._path}?{query}", patience)
        found = _page(_list_content(reply))
        if len(found.items) > size * MAX_TIMES_SIZE:
            raise ReplyNotUnderstood(
                f"Talroo lists {len(found.items)} job applications on a page that was to hold {size}."
            )
        return found

    def _begin(self, stop: threading.Event | None) -> _Patience:
        if not (self._client_id and self._client_secret):
            raise NotConfigured(
                "Talroo's Platform API is not set up here. Set TALROO_CLIENT_ID and TALROO_CLIENT_SECRET."
            )
        return _Patience(self._clock() + self._total, stop)

    # --- the token ----------------------------------------------------------------------------------------------------

    def _authorized(self, target: str, patience: _Patience) -> Reply:
        """The reply to a GET with a token; a token that is refused is replaced once."""
        token = self._living_token(patience)
        reply = self._insist(_bearing(token, target), patience)
        if reply.status == 401:
            fresh = self._living_token(patience, instead_of=token)
            reply = self._insist(_bearing(fresh, target), patience)
        if reply.status == 401:
            raise CredentialsRefused(
                "Talroo gave an access token and then refused it. Check at Talroo that the App Client is active."
            )
        return reply

    def _living_token(self, patience: _Patience, *, instead_of: _Token | None = None) -> _Token:
        """The token all threads share, or a new one; not `instead_of`, which another may have replaced meanwhile."""
        with self._my_turn(patience):
            known = self._token
            if known is None or known is instead_of or not known.lives_at(self._clock()):
                self._token = None
                known = self._token = self._granted(patience)
            return known

    @contextmanager
    def _my_turn(self, patience: _Patience) -> Iterator[None]:
        # A thread that waits for another's fetch has its own time and its own word to stop.
        while not self._fetching.acquire(timeout=_TURN_SEEN_WITHIN):
            self._left(patience)
        try:
            yield
        finally:
            self._fetching.release()

    def _granted(self, patience: _Patience) -> _Token:
        reply = self._insist(self._grant_request(), patience)
        arrived = self._clock()
        found = _token_content(reply)
        value = wire.text(found.get("accessToken") or found.get("access_token")) or ""
        if not _TOKEN.fullmatch(value):
            raise ReplyNotUnderstood("Talroo's token reply holds no accessToken that could be used.")
        if self._tell_granted is not None:
            self._tell_granted()
        life = _seconds(found.get("expiresIn", found.get("expires_in")))
        # Counted from when it was asked for, and a little less than told: no clock here can end it too late.
        return _Token(value, None if life is None else arrived - reply.took + life - min(_SPARE, life / 10))

    def _grant_request(self) -> Request:
        pair = f"{self._client_id}:{self._client_secret}".encode()
        body = wire.dump({"grantType": "CLIENT_CREDENTIALS", "clientId": self._client_id})
        basic = base64.b64encode(pair).decode()
        return Request("POST", "/oauth2/token", body, {"Authorization": f"Basic {basic}"})

    # --- one exchange after the other, until there is an answer -------------------------------------------------------

    def _insist(self, request: Request, patience: _Patience) -> Reply:
        """The first reply to `request` that asking again would not change.

        Raises `PlatformUnavailable` when the time is used up, `PullStopped`, and `ReplyTooLarge`.
        """
        prepared = self._address.prepare(request)
        while True:
            seconds = min(self._deadline, self._left(patience))
            reply = self._address.exchange(prepared, seconds=seconds, limit=self._max_reply + 1, stop=patience.stop)
            if _is_success(reply) and len(reply.body) > self._max_reply:
                raise ReplyTooLarge(f"Talroo's answer is longer than {self._max_reply} bytes. Ask for smaller pages.")
            trouble = _passing_trouble(reply)
            if trouble is None:
                return reply
            self._wait(trouble, reply, patience)

    def _left(self, patience: _Patience) -> float:
        """Seconds `patience` still has. Raises `PlatformUnavailable` where there are none, and `PullStopped`."""
        if patience.stop is not None and patience.stop.is_set():
            raise PullStopped("Stopped before Talroo had answered.")
        left = patience.ends - self._clock()
        if left <= 0:
            raise patience.over()
        return left

    def _wait(self, trouble: str, reply: Reply, patience: _Patience) -> None:
        asked_for = retry_after(reply.headers.get("Retry-After"), now=self._now())
        patience.failures += 1
        patience.trouble = f"{trouble}, to be asked again in {asked_for} s" if asked_for else trouble
        seconds = backoff.wait(patience.failures, rng=self._rng, retry_after=asked_for)
        if seconds >= self._left(patience):
            raise patience.over()
        self._sleep(seconds, patience.stop)


def _bearing(token: _Token, target: str) -> Request:
    return Request("GET", target, headers={"Authorization": f"Bearer {token.value}"})


def _is_success(reply: Reply) -> bool:
    return reply.status is not None and 200 <= reply.status <= 299


def _passing_trouble(reply: Reply) -> str | None:
    """What may be over by the next try, in words. Of an answer that refuses, the status alone counts."""
    if reply.status is None or _is_success(reply):
        return reply.trouble
    passes = reply.status in (408, 429) or 500 <= reply.status <= 599
    return f"answered {reply.status}" if passes else None


def _token_content(reply: Reply) -> dict[str, Json]:
    if reply.status in (400, 401, 403):
        raise CredentialsRefused(
            f"Talroo refuses the App Client (answered {reply.status}). Check TALROO_CLIENT_ID and TALROO_CLIENT_SECRET."
        )
    return wire.mapping(_content(reply, "asked for an access token", "TALROO_API_URL"))


def _list_content(reply: Reply) -> Json:
    if reply.status == 403:
        raise NotPermitted(
            "Talroo knows the App Client but does not let it read job applications (answered 403). "
            "Ask Talroo to permit it."
        )
    return _content(reply, "asked for job applications", "TALROO_API_URL and TALROO_APPLICATIONS_PATH")


def _content(reply: Reply, asked: str, settings: str) -> Json:
    """The JSON of a 2XX. Raises `ReplyNotUnderstood` naming the settings that lead there."""
    if not _is_success(reply):
        moved = ", and redirects are not followed" if reply.status and 300 <= reply.status <= 399 else ""
        raise ReplyNotUnderstood(f"Talroo answered {reply.status} when {asked}{moved}. Check {settings}.")
    body = bytes(reply.body)
    if sum(map(body.count, _BEFORE_A_VALUE)) > MAX_VALUES:
        raise ReplyTooLarge(f"Talroo's answer holds more than {MAX_VALUES} values. Ask for smaller pages.")
    try:
        return wire.parse(body).value
    except wire.NotJson:
        raise ReplyNotUnderstood(f"Talroo's answer when {asked} is not JSON. Check {settings}.") from None


def _page(found: Json) -> ListPage:
    """The list in `found`, bare or under one of the names it may have, and how many items Talroo claims there are."""
    if isinstance(found, list):
        return ListPage(tuple(found), None)
    named = wire.mapping(found)
    items = next((named[name] for name in _LISTS if isinstance(named.get(name), list)), None)
    if items is None:
        raise ReplyNotUnderstood(
            "Talroo's answer when asked for job applications holds no list of them. Check TALROO_APPLICATIONS_PATH."
        )
    return ListPage(tuple(items), _count(named.get("totalElements")))


def _count(value: Json) -> int | None:
    given = wire.text(value) or ""
    return int(given) if _COUNT.fullmatch(given) else None


def _seconds(value: Json) -> float | None:
    """A life in seconds, or None for what tells none."""
    try:
        seconds = float(wire.text(value) or "")
    except ValueError:
        return None
    return max(seconds, 0.0) if math.isfinite(seconds) else None
