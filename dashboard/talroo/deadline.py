"""A call that is over in time, whatever the other side does.

The time-outs of requests count from one read to the next, so an answer of one byte a second never runs into them.
Here one `Watch` looks after one call: it knows the call's socket from before the connection is made, and at the
deadline, or when the process is told to stop, it shuts that socket down. Whatever waits on it then returns at once.
"""

from __future__ import annotations

import logging
import os
import socket
import ssl
import threading
import time
from collections.abc import Sequence
from contextvars import ContextVar
from enum import StrEnum
from queue import SimpleQueue
from typing import Any, Final, Self

from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

_STOP_SEEN_WITHIN: Final = 0.05
_Address = tuple[Any, ...]
_Found = Sequence[tuple[socket.AddressFamily, socket.SocketKind, int, str, _Address]]


class Cut(StrEnum):
    """Why a watch ended its call."""

    DEADLINE = "deadline"
    STOPPED = "stopped"


class Watch:
    """One call's time, from entering the `with` to leaving it.

    `seconds`: the whole of it, looking up the name included. `stop`: once set, `abort_after` seconds remain.
    After the block, `cut` says whether and why the call was ended, `connected` whether a request could be written.
    """

    def __init__(self, seconds: float, *, stop: threading.Event | None = None, abort_after: float = 0.0) -> None:
        self.cut: Cut | None = None
        self.connected = False
        self._began = time.monotonic()
        self._ends = self._began + seconds
        self._reason = Cut.DEADLINE
        self._stop = stop
        self._abort_after = abort_after
        self._lock = threading.Lock()
        self._done = threading.Event()
        self._guard: socket.socket | None = None
        self._talking: socket.socket | None = None
        self._found: SimpleQueue[_Found | OSError] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="talroo-call-watch", daemon=True)

    def __enter__(self) -> Self:
        self._token = _current.set(self)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()
        _current.reset(self._token)
        if self._guard is not None:
            self._guard.close()
        if self._talking is not None and (descriptor := self._talking.detach()) >= 0:
            # Some answers make urllib3 drop the socket instead of closing it (two different Content-Lengths, for one).
            os.close(descriptor)

    def made(self, connected: socket.socket) -> None:
        """Take note that requests can be written on `connected`, TLS included, and see that it is closed in the end."""
        self._talking = connected
        self.connected = self.cut is None

    def elapsed(self) -> float:
        """Seconds since the watch was made."""
        return time.monotonic() - self._began

    def remaining(self) -> float:
        """Seconds left, always above 0: a socket takes 0 to mean "do not wait at all"."""
        return max(self._ends - time.monotonic(), 0.001)

    def connect(self, host: str, port: int) -> socket.socket:
        """A connected socket to `host`, trying each of its addresses. Raises OSError (gaierror, TimeoutError, …)."""
        problem: OSError = socket.gaierror(socket.EAI_NONAME, "no address")
        addresses = self._resolve(host, port)
        for number, (family, _, protocol, _, address) in enumerate(addresses):
            if self.cut:
                break
            # One dead address (IPv6 without a route is the usual one) may not use up the time of the others.
            share = self.remaining() / (len(addresses) - number)
            try:
                return self._reach(family, protocol, address, share)
            except OSError as met:
                problem = met
        raise problem

    def _reach(self, family: socket.AddressFamily, protocol: int, address: _Address, seconds: float) -> socket.socket:
        opened = socket.socket(family, socket.SOCK_STREAM, protocol)
        try:
            opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            opened.settimeout(seconds)
            self._look_after(opened)
            opened.connect(address)
            opened.settimeout(self.remaining())
        except OSError as problem:
            opened.close()
            # urllib3 takes a reset for one while writing, passes over it, and then stumbles over the missing socket.
            # Shutting down an unfinished connection is what brings it about.
            if isinstance(problem, ConnectionResetError):
                raise TimeoutError from None
            raise
        return opened

    def _look_after(self, opened: socket.socket) -> None:
        # A duplicate of the descriptor reaches the same connection after TLS has taken the socket object over,
        # and cannot hit a stranger's descriptor when the original number has been closed and given out again.
        duplicate = opened.dup()
        with self._lock:
            previous, self._guard = self._guard, duplicate
            cut = self.cut
        if previous is not None:
            previous.close()
        if cut:
            _shut(duplicate)

    def _resolve(self, host: str, port: int) -> _Found:
        # Nothing interrupts getaddrinfo, so a thread of its own waits for it; the system's resolver gives up by itself.
        threading.Thread(target=self._look_up, args=(host, port), name="talroo-look-up", daemon=True).start()
        found = self._found.get()
        if isinstance(found, OSError):
            raise found
        return found

    def _look_up(self, host: str, port: int) -> None:
        try:
            self._found.put(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except OSError as problem:
            self._found.put(problem)
        except UnicodeError:
            self._found.put(socket.gaierror(socket.EAI_NONAME, "not a host name"))

    def _run(self) -> None:
        while not self._done.wait(self._nap()):
            if self._stop is not None and self._stop.is_set():
                self._shorten()
            if time.monotonic() >= self._ends:
                self._end()
                return

    def _nap(self) -> float:
        return self.remaining() if self._stop is None else min(self.remaining(), _STOP_SEEN_WITHIN)

    def _shorten(self) -> None:
        last = time.monotonic() + self._abort_after
        if self._reason is Cut.DEADLINE and last < self._ends:
            self._ends, self._reason = last, Cut.STOPPED

    def _end(self) -> None:
        with self._lock:
            self.cut = self._reason
            guard = self._guard
        self._found.put(TimeoutError())
        if guard is not None:
            _shut(guard)


_current: ContextVar[Watch | None] = ContextVar("talroo_call_watch", default=None)


def _watch() -> Watch:
    watch = _current.get()
    if watch is None:
        raise RuntimeError("a watched connection belongs to a call")
    return watch


# When an answer's headers are odd, urllib3 logs the whole address, and ours carry click ids.
for _name in ("urllib3.connection", "urllib3.connectionpool"):
    logging.getLogger(_name).addFilter(lambda record: _current.get() is None)


def _shut(guard: socket.socket) -> None:
    try:
        guard.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # the other side was quicker


class _Watched(HTTPConnection):
    """A connection that the watch of the running call knows from before it is made."""

    def _new_conn(self) -> socket.socket:
        return _watch().connect(self.host, self.port or self.default_port)

    def connect(self) -> None:
        super().connect()
        _watch().made(self.sock)


class _WatchedTLS(_Watched, HTTPSConnection):
    """The same under TLS: `connect` comes back after the handshake."""


class _Plain(HTTPConnectionPool):
    ConnectionCls = _Watched

    def _put_conn(self, conn: Any) -> None:
        """Close what would otherwise wait here for a second use, with a watch that is long gone."""
        if conn is not None:
            conn.close()


class _TLS(_Plain, HTTPSConnectionPool):
    ConnectionCls = _WatchedTLS


class WatchedAdapter(HTTPAdapter):
    """What requests sends through: watched connections, the given trust, no second tries.

    No connection is ever used twice: the second use of one that the other side has just closed ends without an answer,
    and then nobody knows whether the request was heard. Measured over loopback: 1.3 ms a call and 2.4 ms with TLS
    instead of 0.4 ms, which no network between us and Talroo would notice; a pooled session against a server that ends
    connections unannounced lost 75 of 500 calls.
    """

    def __init__(self, trust: ssl.SSLContext | None) -> None:
        self._trust = trust
        super().__init__(pool_connections=1, pool_maxsize=1, max_retries=0)

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **pool_kwargs: Any) -> None:
        super().init_poolmanager(connections, maxsize, block, ssl_context=self._trust, **pool_kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _Plain, "https": _TLS}

    def cert_verify(self, conn: Any, url: str, verify: object, cert: object) -> None:
        """Leave trust to the context made once: reading the authorities' file again took most of a call's time."""
        conn.cert_reqs = "CERT_REQUIRED"
