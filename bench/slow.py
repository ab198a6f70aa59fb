"""Senders that stop in the middle must cost good deliveries nothing."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice

from bench import deliveries, load, servers
from bench.report import Figure, at_most, percentile
from tests.infrastructure.processes import Site

NAME = "slow"
SENDERS = 60


def measure(*, quick: bool) -> Iterator[Figure]:
    with (
        servers.scratch() as folder,
        servers.dashboard(folder) as site,
        load.client(site.port, site.webhook_secret, concurrency=1) as client,
    ):
        client.prepare(100)
        alone = client.run().latencies
        client.prepare(20 if quick else 200)
        with _half_sent(site):
            beside = client.run().latencies
    yield Figure(NAME, "p50 of a good delivery, alone", percentile(alone, 0.5) * 1000, "ms")
    yield Figure(NAME, f"p50 beside {SENDERS} halted senders", percentile(beside, 0.5) * 1000, "ms")
    yield at_most(NAME, f"longest beside {SENDERS} halted senders", max(beside) * 1000, "ms", 1_000)


@contextmanager
def _half_sent(site: Site) -> Iterator[None]:
    """Connections that have sent half of a good request and say nothing more."""
    halted: list[socket.socket] = []
    try:
        for request in islice(deliveries.requests(SENDERS, site.webhook_secret, f"127.0.0.1:{site.port}"), SENDERS):
            halted.append(socket.create_connection(("127.0.0.1", site.port)))
            halted[-1].sendall(request[: len(request) // 2])
        yield
    finally:
        for connection in halted:
            connection.close()
