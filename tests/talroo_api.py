"""The Platform API on a real loopback socket, with lists of any length and every way in which they can be wrong.

    with TalrooApi(incomplete(5_000)) as api:
        client = api.client()

A fault is an attribute that a test sets, or something to do before the n-th page is answered (`before`).
"""

from __future__ import annotations

import json
import random
import socket
import struct
import threading
from collections import deque
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from typing import Any, Final, Self
from urllib.parse import parse_qs, urlsplit

from dashboard.talroo.platform import PlatformClient

Item = dict[str, Any]
NOON: Final = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
SECRET: Final = "the App Client's secret"
_RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)


def item(number: int, *, at: datetime | None = None, completed: bool = False, **changes: Any) -> Item:
    """One application as the list tells of it; number 0 is the newest, each is a minute older than the one before."""
    started = at or NOON - timedelta(minutes=number + 1)
    return {
        "id": f"listed-{number}",
        "job": {"originalJobReference": f"WH-{number % 7}", "title": "Picker", "company": "Harbor & Vale"},
        "tlrSid": f"click-{number}",
        "applicant": {"firstName": "Ada", "lastName": f"Quill {number}", "emailAddress": f"ada{number}@example.com"},
        "completed": completed,
        "qualified": True if completed else None,
        "createdAt": stamp(started),
        "applicationTime": stamp(started + timedelta(minutes=5)) if completed else None,
        "questionsAndAnswers": [],
        **changes,
    }


def items(count: int, **changes: Any) -> list[Item]:
    """Items 0 to `count` - 1."""
    return [item(number, **changes) for number in range(count)]


def stamp(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")


class TalrooApi:
    """The server; see the top of this file.

    `most`: items a page at most, whatever is asked for. `claims`: what `totalElements` says instead of the truth, None
    for nothing. `blank`: numbers of pages that are answered empty. `script`: statuses or "reset", used up before
    anything is answered. `before`: what happens to the list before the n-th page (from 0) is answered. `refuse_after`:
    how many pages a token is good for. `too_large`: pages of more items are made 2 MB long.
    """

    def __init__(self, listed: Iterable[Item]) -> None:
        self.items = list(listed)
        self.most = 200
        self.claims: Callable[[int], int | None] = lambda total: total
        self.blank: set[int] = set()
        self.frozen_page = False
        self.clamped = False
        self.unsorted = False
        self.unfiltered = False
        self.script: deque[int | str] = deque()
        self.before: dict[int, Callable[[], object]] = {}
        self.refuse_after: int | None = None
        self.too_large: int | None = None
        self.pages: list[tuple[int, int]] = []
        self.tokens = 0
        self.hold = threading.Event()
        self.hold.set()
        self._served_by_token = 0
        self._lock = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"api": self}))
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/v5"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.hold.set()
        self._server.shutdown()
        self._server.server_close()

    @property
    def settings(self) -> dict[str, str]:
        """As on `Config`."""
        return {"talroo_api_url": self.url, "talroo_client_id": "the-client", "talroo_client_secret": SECRET}

    def client(self, **options: Any) -> PlatformClient:
        """A client of this server that does not wait between its tries."""
        chosen = {"sleep": lambda _seconds, _stop: None, "rng": random.Random(1), **options}
        return PlatformClient(self.url, "/applications", "the-client", SECRET, **chosen)

    def insert(self, *new: Item) -> None:
        self.items = [*new, *self.items]

    def remove(self, *identifiers: str) -> None:
        self.items = [one for one in self.items if one.get("id") not in identifiers]

    def trouble(self) -> int | str | None:
        """The next line of the script."""
        with self._lock:
            return self.script.popleft() if self.script else None

    def token(self) -> str:
        with self._lock:
            self.tokens += 1
            self._served_by_token = 0
            return f"token-{self.tokens}"

    def knows(self, token: str) -> bool:
        with self._lock:
            self._served_by_token += 1
            worn = self.refuse_after is not None and self._served_by_token > self.refuse_after
            return token == f"token-{self.tokens}" and not worn

    def page(self, query: dict[str, list[str]]) -> Item:
        number, size = int(query["page"][0]), int(query["size"][0])
        with self._lock:
            happening = self.before.pop(len(self.pages), None)
            self.pages.append((number, size))
        if happening:
            happening()
        found = self._found(query["search"][0] == "completed=true")
        total, asked, size = len(found), number, min(size, self.most)
        if self.frozen_page:
            number = 0
        elif self.clamped:
            number = min(number, max(0, (total - 1) // size))
        content = [] if asked in self.blank else found[number * size : (number + 1) * size]
        if self.too_large is not None and len(content) > self.too_large:
            content = [*content, "x" * 2_000_000]
        claimed = self.claims(total)
        reply: Item = {"content": content, "number": number, "size": size}
        if claimed is not None:
            reply |= {"totalElements": claimed, "totalPages": -(-claimed // size)}
        return reply

    def _found(self, completed: bool) -> list[Item]:
        wanted = [one for one in self.items if self.unfiltered or one.get("completed") is completed]
        if self.unsorted:
            return wanted
        return sorted(wanted, key=_started, reverse=True)


def _started(one: Any) -> str:
    """What is no object, and what has no date, stands first: as PostgreSQL sorts what is missing."""
    return str(one.get("createdAt") or "9") if isinstance(one, dict) else "9"


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def server_bind(self) -> None:
        # The library's own asks DNS for this machine's name, which may leave loopback.
        TCPServer.server_bind(self)
        self.server_name, self.server_port = "127.0.0.1", self.server_address[1]

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away is what some tests are about."""


class _Handler(BaseHTTPRequestHandler):
    api: TalrooApi

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self._send(200, {"accessToken": self.api.token(), "expiresIn": 300})

    def do_GET(self) -> None:
        self.api.hold.wait(300)
        trouble = self.api.trouble()
        if trouble == "reset":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
            self.connection.close()
        elif trouble is not None:
            self._send(int(trouble), {"message": "not now"})
        elif not self.api.knows((self.headers.get("Authorization") or "").removeprefix("Bearer ")):
            self._send(401, {"message": "who?"})
        else:
            self._send(200, self.api.page(parse_qs(urlsplit(self.path).query)))

    def _send(self, status: int, content: Any) -> None:
        raw = json.dumps(content, ensure_ascii=False).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, format: str, *arguments: Any) -> None:
        """Nobody reads it."""
