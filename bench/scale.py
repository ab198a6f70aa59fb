"""What a hundred times as many stored applications cost. Takes minutes, so it only runs when asked for."""

from __future__ import annotations

from collections.abc import Iterator

from bench import load, pages, servers
from bench.report import Figure, at_most
from tests.infrastructure.processes import Site

NAME = "scale"
FEW, MANY = 10_000, 1_000_000


def measure(*, quick: bool) -> Iterator[Figure]:
    """Both databases are filled first, then measured in turns."""
    few, many = (1_000, 20_000) if quick else (FEW, MANY)
    with (
        servers.scratch() as folder,
        servers.dashboard(folder / "few") as small,
        servers.dashboard(folder / "many") as large,
        load.client(small.port, small.webhook_secret) as of_small,
        load.client(large.port, large.webhook_secret) as of_large,
    ):
        small.flask("seed", str(few))
        large.flask("seed", str(many))
        seconds = {few: 0.0, many: 0.0}
        count, rounds = (100, 2) if quick else (300, 6)
        for number in range(rounds + 1):
            for stored, client in ((few, of_small), (many, of_large)):
                client.prepare(count)
                taken = client.run().seconds
                seconds[stored] += taken if number else 0  # the first round warms up
        for stored, total in seconds.items():
            yield Figure(NAME, f"rate with {stored:,} stored", rounds * count / total, "/s")
        yield at_most(NAME, f"times slower with {many:,}", seconds[many] / seconds[few], "", 1.3)
        for stored, site in ((few, small), (many, large)):
            yield from _pages(site, stored, 10 if quick else 60)


def _pages(site: Site, stored: int, times: int) -> Iterator[Figure]:
    with servers.visitor(site) as visitor:
        for figure in pages.figures(visitor, NAME, times):
            yield Figure(NAME, f"{stored:,} stored, {figure.name}", figure.value, figure.unit)
