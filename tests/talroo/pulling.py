"""What tests of the Platform API client share: answers Talroo would give, and time that passes only by being slept."""

from __future__ import annotations

import json
import random
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from dashboard.sandbox.server import FakeTalroo
from dashboard.talroo.platform import ListPage, PlatformClient
from tests.upstream import Answer, Upstream

CLIENT_ID: Final = "app-client-7"
SECRET: Final = "s3cret:of/the+client"
PATH: Final = "/applications"
TOKEN_AT: Final = "/v5/oauth2/token"


def as_json(content: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Answer:
    return Answer(status, {"Content-Type": "application/json", **(headers or {})}, json.dumps(content).encode())


def token(value: str = "token-1", **more: Any) -> Answer:
    return as_json({"accessToken": value, **more})


def listed(*items: Any, **more: Any) -> Answer:
    return as_json({"content": list(items), "number": 0, "totalElements": len(items), **more})


class Time:
    """A clock that moves when somebody sleeps, and remembers each time."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float, stop: threading.Event | None) -> None:
        self.slept.append(seconds)
        self.now += seconds


def client(upstream: Upstream | FakeTalroo, own: Time | None = None, **options: Any) -> PlatformClient:
    own = own or Time()
    options = {"clock": own.clock, "sleep": own.sleep, "rng": random.Random(1), **options}
    return PlatformClient(f"{upstream.url}/v5", PATH, CLIENT_ID, SECRET, **options)


def pull(found: PlatformClient, **options: Any) -> ListPage:
    return found.applications(**{"completed": False, "page": 0, "size": 20, **options})


def asked(upstream: Upstream) -> list[str]:
    """The requests so far: `token`, or the bearer's value for a list."""
    return [
        "token" if request.target == TOKEN_AT else request.headers["authorization"].removeprefix("Bearer ")
        for request in upstream.requests
    ]


def until(holds: Callable[[], bool], *, seconds: float = 30) -> None:
    """Wait for a condition."""
    last = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < last, "it did not come about"
        time.sleep(0.01)
