"""The client: keep-alive connections in a process of its own, which sends what was made beforehand."""

from __future__ import annotations

import asyncio
import multiprocessing
import socket
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Any, Final

from bench import deliveries

GIVE_UP: Final = 120.0
"""Seconds after which a round is stuck rather than slow."""


@dataclass(slots=True)
class Run:
    """What a run came to. Times in seconds; `answers` counts the words that were answered."""

    seconds: float
    latencies: list[float]
    answers: Counter[str] = field(default_factory=Counter)

    @property
    def accepted(self) -> int:
        return self.answers["accepted"]


class Client:
    """A process with `concurrency` connections to 127.0.0.1:`port`."""

    def __init__(self, port: int, secret: str, concurrency: int) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, port, secret, concurrency), daemon=True)
        self._process.start()
        theirs.close()

    def prepare(self, count: int) -> None:
        """Make `count` deliveries; returns when they are ready to be sent."""
        self._pipe.send(count)
        self._pipe.recv()

    def run(self) -> Run:
        """Send what was prepared, each connection one after the other. Raises `RuntimeError` if any was not taken."""
        self._pipe.send("go")
        done: Run = self._pipe.recv()  # EOFError where the client failed: its own traceback is on the terminal
        if done.accepted != len(done.latencies):
            raise RuntimeError(f"not every delivery was accepted: {dict(done.answers)}")
        return done

    def close(self) -> None:
        self._process.kill()
        self._process.join()


@contextmanager
def client(port: int, secret: str, concurrency: int = 8) -> Iterator[Client]:
    made = Client(port, secret, concurrency)
    try:
        yield made
    finally:
        made.close()


def _serve(pipe: Connection[Any, Any], port: int, secret: str, concurrency: int) -> None:
    while True:
        prepared = list(deliveries.requests(pipe.recv(), secret, f"127.0.0.1:{port}"))
        pipe.send("ready")
        pipe.recv()
        pipe.send(asyncio.run(_send_all(port, prepared, concurrency)))


async def _send_all(port: int, prepared: list[bytes], concurrency: int) -> Run:
    run = Run(0.0, [])
    connections = [await _connect(port) for _ in range(concurrency)]
    begun = time.perf_counter()
    async with asyncio.timeout(GIVE_UP):
        await asyncio.gather(*(_send(connection, prepared, run) for connection in connections))
    run.seconds = time.perf_counter() - begun
    for connection in connections:
        connection.close()
    return run


async def _connect(port: int) -> socket.socket:
    made = socket.create_connection(("127.0.0.1", port))
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
    made.setblocking(False)
    return made


async def _send(connection: socket.socket, prepared: list[bytes], run: Run) -> None:
    loop = asyncio.get_running_loop()
    while prepared:
        request = prepared.pop()
        begun = time.perf_counter()
        await loop.sock_sendall(connection, request)
        answer = await _answer(loop, connection)
        run.latencies.append(time.perf_counter() - begun)
        run.answers["accepted" if b'"accepted"' in answer else answer[-300:].decode("latin-1")] += 1


async def _answer(loop: asyncio.AbstractEventLoop, connection: socket.socket) -> bytes:
    answer = b""
    while b"\r\n\r\n" not in answer:
        piece = await loop.sock_recv(connection, 65_536)
        if not piece:
            raise ConnectionError("the server closed the connection")
        answer += piece
    head, _, body = answer.partition(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
    while len(body) < length:
        body += await loop.sock_recv(connection, 65_536)
    return head + b"\r\n\r\n" + body
