"""How fast deliveries are acknowledged, beside the bare endpoint under the same server in the same minutes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

from bench import load, servers
from bench.load import Client, Run
from bench.report import Figure, at_least, at_most, median, percentile

NAME = "webhook"


def measure(*, quick: bool) -> Iterator[Figure]:
    """Rounds of both, taking turns, so that what else the machine does falls on both alike."""
    rounds, count = (2, 150) if quick else (8, 400)
    with ExitStack() as stack:
        folder = stack.enter_context(servers.scratch())
        sites = {
            "dashboard": stack.enter_context(servers.dashboard(folder)),
            "bare": stack.enter_context(servers.bare(folder)),
            "on PostgreSQL": stack.enter_context(servers.on_postgres(folder / "postgres")),
        }
        clients = {
            name: stack.enter_context(load.client(site.port, site.webhook_secret)) for name, site in sites.items()
        }
        for client in clients.values():
            _round(client, 100)
        runs: dict[str, list[Run]] = {name: [] for name in clients}
        for number in range(rounds):
            for name in list(clients)[:: 1 if number % 2 else -1]:
                runs[name].append(_round(clients[name], count))
        yield from _figures(runs)


def _round(client: Client, count: int) -> Run:
    client.prepare(count)
    return client.run()


def rate(runs: list[Run]) -> float:
    return sum(run.accepted for run in runs) / sum(run.seconds for run in runs)


def _figures(runs: dict[str, list[Run]]) -> Iterator[Figure]:
    for name, of_name in runs.items():
        latencies = [latency for run in of_name for latency in run.latencies]
        p50, p95 = percentile(latencies, 0.5), percentile(latencies, 0.95)
        yield Figure(NAME, f"{name}: rate at concurrency 8", rate(of_name), "/s")
        yield Figure(NAME, f"{name}: p50", p50 * 1000, "ms")
        yield Figure(NAME, f"{name}: p95", p95 * 1000, "ms")
        spread = f"{name}: p95 / p50"
        yield Figure(NAME, spread, p95 / p50, "") if name == "bare" else at_most(NAME, spread, p95 / p50, "", 3)
    pairs = [rate([ours]) / rate([theirs]) for ours, theirs in zip(runs["dashboard"], runs["bare"], strict=True)]
    yield at_least(
        NAME, "rate beside the bare one, all rounds", 100 * rate(runs["dashboard"]) / rate(runs["bare"]), "%", 75
    )
    yield Figure(NAME, "rate beside the bare one, median round", 100 * median(pairs), "%")
