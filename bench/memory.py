"""What the web processes hold together after work: the memory that a small machine must have for them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from bench import load, servers
from bench.report import Figure, at_most

NAME = "memory"


def measure(*, quick: bool) -> Iterator[Figure]:
    """After deliveries and pages: what is idle tells little."""
    with servers.scratch() as folder, servers.dashboard(folder) as site:
        yield Figure(
            NAME, "PSS of all web processes, just started", _megabytes(servers.web_processes(site), "Pss"), "MB"
        )
        with load.client(site.port, site.webhook_secret) as client:
            client.prepare(200 if quick else 1_500)
            client.run()
        with servers.visitor(site) as visitor:
            for _ in range(20):
                visitor.get("/applications")
        processes = servers.web_processes(site)
        yield at_most(NAME, "PSS of all web processes, after load", _megabytes(processes, "Pss"), "MB", 150)
        # Counts what they share once for each of them, so it says more than there is.
        yield Figure(NAME, "RSS of all web processes, after load", _megabytes(processes, "Rss"), "MB")
        for name, process in zip(
            ("parent", "worker 1", "worker 2"), processes[:1] + _largest(processes[1:]), strict=False
        ):
            yield Figure(NAME, f"PSS of the {name}", _megabytes([process], "Pss"), "MB")


def _largest(processes: list[int]) -> list[int]:
    return sorted(processes, key=lambda process: -_megabytes([process], "Pss"))


def _megabytes(processes: list[int], kind: str) -> float:
    rollups = (Path(f"/proc/{process}/smaps_rollup").read_text() for process in processes)
    return sum(int(re.findall(rf"^{kind}: +([0-9]+) kB", rollup, re.MULTILINE)[0]) for rollup in rollups) / 1000
