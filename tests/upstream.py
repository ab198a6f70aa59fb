"""A stand-in for Talroo on a real loopback socket that goes wrong exactly as told.

    with Upstream(["reset", "503", "ok"]) as upstream:
        ...call upstream.url three times...
        assert [request.target for request in upstream.requests] == [...]

The script is used up connection by connection; after it every request gets the default, at first "ok". A step is a name
from `FAULTS`, three digits for a bare status, an `Answer` of your own, or bytes that are said as they are.

Two steps happen before anybody can be counted: "refused" (the port is bound, nobody listens) and "no_connection" (the
listener's queue is full, so Linux drops the SYN and the caller waits). They begin when their turn comes and end after
`unreachable_for` seconds or with `advance()`; however many callers run into them meanwhile, they count as one step.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, Self

REASONS: Final = {200: "OK", 301: "Moved Permanently", 404: "Not Found", 429: "Too Many Requests", 503: "Unavailable"}
_RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)
_PROBLEMS: Final = (OSError, ssl.SSLError)


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole, well-formed answer; Content-Length and `Connection: close` are added."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b"OK"

    def head(self, **more: str) -> bytes:
        named = {"Content-Length": str(len(self.body)), "Connection": "close", **self.headers}
        named.update({name.replace("_", "-"): value for name, value in more.items()})
        lines = [f"HTTP/1.1 {self.status} {REASONS.get(self.status, 'Status')}"]
        lines += [f"{name}: {value}" for name, value in named.items() if value]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def busy(seconds: int | str) -> Answer:
    """429 with a Retry-After of seconds or a date."""
    return Answer(429, {"Retry-After": str(seconds)}, b"slow down")


def moved(location: str, status: int = 301) -> Answer:
    """A redirect that nobody should follow."""
    return Answer(status, {"Location": location}, b"over there")


@dataclass(frozen=True, slots=True)
class Seen:
    """A request as it arrived. `headers`: names in lower case. `at`: `time.monotonic()`."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes
    at: float


Step = str | Answer | bytes
_UNREACHABLE: Final = ("refused", "no_connection")


class Upstream:
    """The server; see the top of this file. `drip`: seconds between two bytes of a slow answer."""

    def __init__(
        self,
        script: Iterable[Step] = (),
        *,
        tls: ssl.SSLContext | None = None,
        drip: float = 1.0,
        unreachable_for: float = 0.5,
    ) -> None:
        self._script = deque(script)
        for step in self._script:
            _known(step)
        self._default: Step = "ok"
        self._tls = tls
        self._drip = drip
        self._unreachable_for = unreachable_for
        self._requests: list[Seen] = []
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._go_on = threading.Event()
        self._threads: list[threading.Thread] = []
        self._away = False
        self._fillers: list[socket.socket] = []
        self._port = 0
        self._bound = self._listen()
        self._port = self._bound.getsockname()[1]
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self._port}"

    def __enter__(self) -> Self:
        self._settle()
        self._start(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def requests(self) -> list[Seen]:
        """What was asked so far, oldest first; a request whose head did not arrive is not in it."""
        with self._lock:
            return list(self._requests)

    def set_default(self, step: Step) -> None:
        """What every request gets once the script is used up. An unreachable default begins within 20 ms."""
        _known(step)
        with self._lock:
            self._default = step

    def add(self, *steps: Step) -> None:
        """More script."""
        for step in steps:
            _known(step)
        with self._lock:
            self._script.extend(steps)

    def advance(self) -> None:
        """End an unreachable step now."""
        self._go_on.set()

    def close(self) -> None:
        """End everything, slow answers included, and wait for the threads."""
        self._closing.set()
        self._go_on.set()
        for thread in tuple(self._threads):
            thread.join(10)
        for opened in (self._bound, *self._fillers):
            opened.close()

    def _bind(self) -> socket.socket:
        opened = socket.socket()
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.bind(("127.0.0.1", self._port))
        return opened

    def _listen(self, backlog: int = 128) -> socket.socket:
        opened = self._bind()
        opened.listen(backlog)
        opened.settimeout(0.02)
        return opened

    def _start(self, work: Callable[..., None], *args: object) -> None:
        thread = threading.Thread(target=work, args=args, name="upstream", daemon=True)
        self._threads = [known for known in self._threads if known.is_alive()] + [thread]
        thread.start()

    def _accept(self) -> None:
        while not self._closing.is_set():
            self._settle()
            if self._away:
                self._sit_out()
                continue
            try:
                connection, _ = self._bound.accept()
            except OSError:
                continue
            step = self._take()
            # Before this caller has its answer, so that its next call cannot find the door still open.
            self._settle()
            self._start(self._serve, connection, step)

    def _take(self) -> Step:
        with self._lock:
            return self._script.popleft() if self._script else self._default

    def _peek(self) -> Step:
        with self._lock:
            return self._script[0] if self._script else self._default

    def _settle(self) -> None:
        """Listen, or do not, as the next step wants it."""
        step = self._peek()
        if self._away or step not in _UNREACHABLE:
            return
        self._bound.close()
        self._bound = self._bind() if step == "refused" else self._listen(backlog=0)
        self._fillers = [] if step == "refused" else self._fill()
        self._away = True

    def _sit_out(self) -> None:
        self._go_on.wait(self._unreachable_for)
        self._go_on.clear()
        self._take()
        for filler in self._fillers:
            filler.close()
        self._away = False
        self._bound.close()
        self._bound = self._listen()

    def _fill(self) -> list[socket.socket]:
        """Callers that nobody will ever accept; a queue of length 0 holds one, the second is for good measure."""
        fillers = []
        for _ in range(2):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", self._port))
            fillers.append(filler)
        return fillers

    def _serve(self, connection: socket.socket, step: Step) -> None:
        connection.settimeout(10)
        with contextlib.suppress(*_PROBLEMS), connection:
            if isinstance(step, str) and step in _BEFORE_A_REQUEST:
                _BEFORE_A_REQUEST[step](Turn(connection, self._closing, self._drip))
                return
            with self._tls.wrap_socket(connection, server_side=True) if self._tls else connection as talking:
                self._note(talking)
                _play(step, Turn(talking, self._closing, self._drip))

    def _note(self, talking: socket.socket) -> None:
        with talking.makefile("rb") as stream:
            first = stream.readline(65536).decode("latin-1")
            if not first.endswith("\n"):
                raise ConnectionAbortedError("the caller left before it had asked")
            method, target, _ = first.split(" ", 2)
            headers: dict[str, str] = {}
            while (line := stream.readline(65536).decode("latin-1").strip()) != "":
                name, _, value = line.partition(":")
                headers[name.lower()] = value.strip()
            body = stream.read(int(headers.get("content-length", "0")))
        with self._lock:
            self._requests.append(Seen(method, target, headers, body, time.monotonic()))


@dataclass(frozen=True, slots=True)
class Turn:
    """What a fault has to work with: the connection, whose request has been read."""

    connection: socket.socket
    closing: threading.Event
    drip: float

    def say(self, words: bytes) -> None:
        self.connection.sendall(words)

    def say_slowly(self, words: bytes, after: bytes = b"") -> None:
        """`after` at once, then `words` byte by byte."""
        self.say(after)
        for byte in words:
            self.say(bytes([byte]))
            if self.closing.wait(self.drip):
                return

    def say_and_wait(self, words: bytes = b"") -> None:
        self.say(words)
        self.closing.wait(60)

    def say_without_end(self, words: bytes) -> None:
        self.say(words)
        while not self.closing.is_set():
            self.say(b"o" * 65536)

    def reset(self) -> None:
        """Close with RST instead of FIN."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)

    def reset_after(self, words: bytes) -> None:
        self.say(words)
        # An RST overtakes what has not been read yet; the headers are to arrive.
        self.closing.wait(0.05)
        self.reset()


def _chunked(chunks: bytes) -> bytes:
    return Answer().head(Content_Length="", Transfer_Encoding="chunked") + chunks


_OK: Final = Answer()
_ANSWER: Final = _OK.head() + _OK.body
_UNMEASURED: Final = _OK.head(Content_Length="")

FAULTS: Final[Mapping[str, Callable[[Turn], None]]] = {
    "ok": lambda turn: turn.say(_ANSWER),
    "reset": lambda turn: turn.reset(),
    "closed": lambda turn: None,
    "reset_after_headers": lambda turn: turn.reset_after(_OK.head()),
    "reset_in_body": lambda turn: turn.reset_after(_OK.head(Content_Length="100") + b"half of"),
    "closed_after_headers": lambda turn: turn.say(_OK.head()),
    "silent": lambda turn: turn.say_and_wait(),
    "silent_after_headers": lambda turn: turn.say_and_wait(_OK.head()),
    "slow_headers": lambda turn: turn.say_slowly(_ANSWER),
    "slow_body": lambda turn: turn.say_slowly(b"x" * 300, after=_OK.head(Content_Length="300")),
    "slow_endless_body": lambda turn: turn.say_slowly(b"x" * 300, after=_UNMEASURED),
    "binary": lambda turn: turn.say(Answer(body=bytes(range(256)) * 4).head() + bytes(range(256)) * 4),
    "huge": lambda turn: turn.say(Answer().head(Content_Length=str(10**9)) + b"o" * 50_000_000),
    "endless": lambda turn: turn.say_without_end(_UNMEASURED),
    "bad_chunks": lambda turn: turn.say(_chunked(b"2\r\nOK\r\nnot a length\r\n")),
    "length_too_long": lambda turn: turn.say(_OK.head(Content_Length="100") + _OK.body),
    "length_too_short": lambda turn: turn.say(_OK.head(Content_Length="1") + _OK.body),
    "no_http": lambda turn: turn.say(b"\x00\x01\x02 what?\r\n\r\n"),
    "no_body": lambda turn: turn.say(Answer(204, body=b"").head()),
}


_BEFORE_A_REQUEST: Final[Mapping[str, Callable[[Turn], None]]] = {
    "silent_handshake": lambda turn: turn.say_and_wait(),
    "no_handshake": lambda turn: turn.say(b"this is not TLS\r\n"),
}


def _known(step: Step) -> None:
    known = isinstance(step, Answer | bytes) or step in FAULTS or step in (*_UNREACHABLE, *_BEFORE_A_REQUEST)
    if not known and not (isinstance(step, str) and step.isdecimal() and len(step) == 3):
        raise ValueError(f"no such step: {step!r}")


def _play(step: Step, turn: Turn) -> None:
    if isinstance(step, str) and step in FAULTS:
        FAULTS[step](turn)
        return
    if isinstance(step, bytes):
        turn.say(step)
        return
    answer = step if isinstance(step, Answer) else Answer(int(step), {}, f"answer {step}".encode())
    turn.say(answer.head() + answer.body)
