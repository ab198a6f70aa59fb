"""How long a recruiter waits for the two pages that are looked at all day."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

from bench import servers
from bench.report import Figure, percentile
from bench.servers import Visitor

NAME = "pages"
ROWS = 10_000


def measure(*, quick: bool) -> Iterator[Figure]:
    with servers.scratch() as folder, servers.dashboard(folder) as site:
        site.flask("seed", str(500 if quick else ROWS))
        with servers.visitor(site) as visitor:
            yield from figures(visitor, NAME, 20 if quick else 150)


def figures(visitor: Visitor, part: str, times: int) -> Iterator[Figure]:
    """p50 and p95 of each page, one request after the other."""
    first = re.search(r'data-application="([^"]+)"', visitor.get("/applications"))
    if first is None:
        raise RuntimeError("the inbox shows no application")
    paths = {
        "inbox": "/applications",
        "inbox, one stage": "/applications?stage=new",
        "inbox, search": "/applications?q=nurse",
        "application": f"/applications/{first[1]}",
    }
    for name, path in paths.items():
        taken = [_seconds(visitor, path) for _ in range(times)]
        yield Figure(part, f"{name}: p50", percentile(taken, 0.5) * 1000, "ms")
        yield Figure(part, f"{name}: p95", percentile(taken, 0.95) * 1000, "ms")


def _seconds(visitor: Visitor, path: str) -> float:
    begun = time.perf_counter()
    visitor.get(path)
    return time.perf_counter() - begun
