"""The fake Talroo as one HTTP server on loopback: everything the dashboard calls, and a page for people."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import TCPServer
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs, urlsplit

from dashboard.sandbox.applications import SEED, catalogue, never_pushed
from dashboard.sandbox.delivering import Deliverer, Pace, Progress
from dashboard.sandbox.envelopes import STARTED, Payload
from dashboard.sandbox.incomplete import finishing, incomplete_applications, unfinished
from dashboard.sandbox.looking import apply_page, page
from dashboard.sandbox.platform import Refused, Tokens, listing
from dashboard.sandbox.received import Received
from dashboard.sandbox.scenes import WITHDRAWN

if TYPE_CHECKING:
    from dashboard.sandbox.mailbox import Mailbox

_LOG: Final = logging.getLogger(__name__)
_MAX_BODY: Final = 1_000_000
_MAX_LISTED: Final = 2000


class FakeTalroo:
    """Talroo for trying things out and for tests: delivers to `postback_url`, answers on `http://host:port`.

    With `postback_url` None it delivers nothing and only answers. Port 0 takes a free one; `port` and `url`
    then say which. With `mail_port` it takes mails there, too. `state_path` lets a restart continue instead of
    repeating. Use as a context manager, or call `start` and `stop`; stopping takes at most a second.
    """

    def __init__(
        self,
        host: str,
        port: int,
        *,
        postback_url: str | None,
        secret: str,
        client_id: str,
        client_secret: str,
        seed: int = SEED,
        pace: Pace | None = None,
        state_path: Path | None = None,
        mail_port: int | None = None,
    ) -> None:
        progress = Progress.read(state_path, seed, now=time.time())
        began = datetime.fromtimestamp(progress.began, UTC)
        self.events = catalogue(seed, began)
        self.received = Received()
        self.tokens = Tokens(client_id, client_secret)
        self._applications = deque(_listed(self.events, seed, began), maxlen=_MAX_LISTED)
        self._deliverer = postback_url and Deliverer(
            postback_url, secret, self.events, self.received, progress, pace or Pace(), self._happened
        )
        self._mailbox = _mailbox(host, mail_port, self.received)
        progress.write()
        self._server = _Server((host, port), partial(_Handler, self))
        self._thread: threading.Thread | None = None
        self.port: int = self._server.server_address[1]
        self.url = f"http://{host}:{self.port}"

    @property
    def conversions(self) -> list[Payload]:
        """Conversions received, oldest first: `tlr_sid`, `event` (1 to 3), `link`, `at`."""
        return self.received.as_json()["conversions"]

    @property
    def dispositions(self) -> list[Payload]:
        """Disposition events received, oldest first, as sent, with `at` added."""
        return self.received.as_json()["dispositions"]

    @property
    def deliveries(self) -> list[Payload]:
        """Attempts to deliver, oldest first: `id`, `type`, `status` (None: no answer), `attempt`, `at`."""
        return self.received.as_json()["deliveries"]

    def applications(self) -> list[Payload]:
        """Everything the Platform API lists, complete and incomplete."""
        return list(self._applications)

    def unfinished(self, reference: str) -> list[Payload]:
        """The applications for a job that wait to be finished; none where nothing is delivered."""
        return unfinished(self.applications(), reference) if self._deliverer else []

    def finish(self, data: Payload) -> bool:
        """Let somebody finish what they began, as `unfinished` gave it. Returns whether the dashboard took it."""
        event = finishing(data, datetime.now(UTC))
        if not self._deliverer or not self._deliverer.deliver(event):
            return False
        data.update(event["data"])
        return True

    def start(self) -> FakeTalroo:
        """Begin to answer and to deliver; returns itself."""
        serve = partial(self._server.serve_forever, poll_interval=0.1)
        self._thread = threading.Thread(target=serve, name="sandbox-server", daemon=True)
        self._thread.start()
        if self._mailbox:
            self._mailbox.start()
        if self._deliverer:
            self._deliverer.start()
        return self

    def stop(self) -> None:
        """End delivering and answering, within a second."""
        if self._deliverer:
            self._deliverer.stop()
        if self._mailbox:
            self._mailbox.stop()
        if self._thread:
            self._server.shutdown()
        self._server.server_close()

    def __enter__(self) -> FakeTalroo:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _happened(self, event: Payload) -> None:
        self._applications.append(event["data"])


def _mailbox(host: str, port: int | None, received: Received) -> Mailbox | None:
    if port is None:
        return None
    # Imported where it is wanted: a mail server is no small thing to load for whoever only wants applications.
    from dashboard.sandbox.mailbox import Mailbox

    return Mailbox(host, port, received)


def _listed(events: list[Payload], seed: int, now: datetime) -> list[Payload]:
    """What the Platform API knows: unlike the events, each application once."""
    pushed = {found["data"]["id"]: found["data"] for found in events if found["type"] not in (STARTED, WITHDRAWN)}
    return [*pushed.values(), *never_pushed(seed, now), *incomplete_applications(seed, now, events)]


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def server_bind(self) -> None:
        # The library's own asks DNS for this machine's name, which may take seconds and leaves loopback.
        TCPServer.server_bind(self)
        host, self.server_port = self.server_address[:2]
        self.server_name = str(host)


class _Handler(BaseHTTPRequestHandler):
    """One request. Every answer closes the connection, so that stopping waits for nobody."""

    timeout = 10

    def __init__(self, talroo: FakeTalroo, *arguments: Any) -> None:
        self.talroo = talroo
        super().__init__(*arguments)

    def do_GET(self) -> None:
        """Answer a GET."""
        self._answer("GET")

    def do_POST(self) -> None:
        """Answer a POST."""
        self._answer("POST")

    def _answer(self, method: str) -> None:
        address = urlsplit(self.path)
        route = _ROUTES.get((method, address.path))
        try:
            if route is None:
                raise Refused(404, "There is nothing here.")
            status, kind, content = 200, "application/json", route(self)
        except Refused as refusal:
            status, kind, content = refusal.status, "application/json", {"message": str(refusal)}
        if isinstance(content, str):
            kind = "text/html; charset=utf-8"
        self._send(status, kind, content)

    def _send(self, status: int, kind: str, content: Any) -> None:
        body = content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)
        raw = body.encode(errors="backslashreplace")  # half a character, in JSON, as its escape
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def query(self) -> dict[str, list[str]]:
        """The query string's parameters."""
        return parse_qs(urlsplit(self.path).query, keep_blank_values=True)

    def body(self) -> bytes:
        """The request's body. Raises `Refused`: 411 without a length, 413 when too large."""
        length = self.headers.get("Content-Length", "")
        if not length.isascii() or not length.isdigit():
            raise Refused(411, "Content-Length is needed.")
        if len(length) > 9 or int(length) > _MAX_BODY:
            raise Refused(413, "The body is too large.")
        return self.rfile.read(int(length))

    def log_message(self, format: str, *arguments: Any) -> None:
        """Method and path only: a query string can hold an applicant's email."""
        _LOG.debug("%s %s", self.command, urlsplit(self.path).path)


def _token(handler: _Handler) -> Payload:
    return handler.talroo.tokens.grant(handler.headers.get("Authorization"), handler.body())


def _applications(handler: _Handler) -> Payload:
    handler.talroo.tokens.check(handler.headers.get("Authorization"))
    return listing(handler.talroo.applications(), handler.query())


def _conversion(handler: _Handler) -> Payload:
    script = urlsplit(handler.path).path.lstrip("/")
    handler.talroo.received.conversion(script, handler.query())
    return {"status": "ok"}


def _disposition(handler: _Handler) -> Payload:
    return {"accepted": handler.talroo.received.disposition(handler.body())}


def _received(handler: _Handler) -> Payload:
    return dict(handler.talroo.received.as_json())


def _looking(handler: _Handler) -> str:
    return page(handler.talroo.received.as_json())


def _apply(handler: _Handler) -> str:
    """What reminders' links lead to, in earnest the employer's own page."""
    return apply_page(handler.talroo.unfinished(_asked_job(handler)))


def _finish(handler: _Handler) -> str:
    talroo, reference = handler.talroo, _asked_job(handler)
    (number,) = parse_qs(handler.body().decode("ascii", "replace")).get("id", [""])[:1]
    data = next((one for one in talroo.unfinished(reference) if str(one["id"]) == number), None)
    if data is None:
        told = "This application is finished already, or it is for another job."
    else:
        told = "Done: delivered." if talroo.finish(data) else "The dashboard did not take it. Try again."
    return apply_page(talroo.unfinished(reference), told)


def _asked_job(handler: _Handler) -> str:
    return handler.query().get("job", [""])[0]


_ROUTES: Final[dict[tuple[str, str], Callable[[_Handler], Payload | str]]] = {
    ("POST", "/v5/oauth2/token"): _token,
    ("GET", "/v5/applications"): _applications,
    ("GET", "/conversion.php"): _conversion,
    ("GET", "/conversion2.php"): _conversion,
    ("GET", "/conversion3.php"): _conversion,
    ("POST", "/disposition/v1/events"): _disposition,
    ("GET", "/received"): _received,
    ("GET", "/apply"): _apply,
    ("POST", "/apply"): _finish,
    ("GET", "/"): _looking,
}
