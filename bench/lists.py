"""How long lists take at 10,000 and at 1,000,000 applications on both databases, beside a bare page of the same rows.

Takes an hour, most of it for filling the databases, so it only runs when asked for. Databases that are kept are
filled once: what a later run finds too few of is added.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from bench import servers
from bench.report import Figure, at_most, percentile
from dashboard.paging import Place
from tests.infrastructure.processes import Site

NAME = "lists"
SIZES: Final = (10_000, 1_000_000)
QUICK_SIZES: Final = (1_000, 20_000)
MOST_GROWTH: Final = {"inbox": 1.2, "application": 1.2, "search": 1.5, "filter by an answer": 1.5}
"""From few to many, of the p50; what is not named has no goal."""


@dataclass(slots=True)
class Filled:
    """One database of one size, its site and what to ask of it."""

    database: str
    size: int
    site: Site
    visitor: servers.Visitor
    bare: str
    addresses: dict[str, str] = field(default_factory=dict)
    taken: dict[str, list[float]] = field(default_factory=dict)

    def p50(self, name: str) -> float:
        return percentile(self.taken[name], 0.5) * 1000


def measure(*, quick: bool, sizes: tuple[int, int] | None = None, kept: Path | None = None) -> Iterator[Figure]:
    """All databases are filled first, then every page is asked for in turns.

    `sizes`: other than the usual ones. `kept`: a folder whose databases are used, filled up, and left there.
    """
    few, many = sizes or (QUICK_SIZES if quick else SIZES)
    with nullcontext(kept) if kept else servers.scratch() as folder, ExitStack() as stack:
        opened = _OPEN_KEPT if kept else _OPEN
        sites = {
            (database, size): stack.enter_context(opened[database](folder / f"{database}-{size}"))
            for database in opened
            for size in (few, many)
        }
        with ThreadPoolExecutor(len(opened)) as pool:
            rates = list(pool.map(lambda place: _fill(sites[place], place[1]), sites))
        for (database, size), rate in zip(sites, rates, strict=True):
            if rate is not None:
                yield Figure(NAME, f"{database}, {size:,}: filled", rate, "/s")
        filled = [stack.enter_context(_opened(*place, site)) for place, site in sites.items()]
        for one in filled:
            one.addresses = _addresses(one)
        for number in range((20 if quick else 80) + 3):
            for one in filled[:: 1 if number % 2 else -1]:
                _round(one, warm=number < 3)
        for one in filled:
            yield from _figures(one)
        for database in ("SQLite", "PostgreSQL"):
            yield from _growth(*(one for one in filled if one.database == database))


_OPEN: Final = {"SQLite": servers.dashboard, "PostgreSQL": servers.on_postgres}
_OPEN_KEPT: Final = {"SQLite": servers.dashboard, "PostgreSQL": servers.on_kept_postgres}


def _fill(site: Site, size: int) -> float | None:
    """Fill a site up to `size`, with the index. Applications a second; None where there are enough."""
    lacking = size - servers.ask(site, "SELECT count(*) FROM application")
    if lacking <= 0:
        return None
    begun = time.perf_counter()
    site.flask("seed", str(lacking))
    taken = time.perf_counter() - begun
    # What a database does by itself, PostgreSQL a minute after so many rows came in.
    servers.ask(site, "VACUUM ANALYZE" if site.database_url else "PRAGMA optimize")
    return lacking / taken


@contextmanager
def _opened(database: str, size: int, site: Site) -> Iterator[Filled]:
    """A filled site, the bare page over the same database, and a visitor of both."""
    address = site.environment["DATABASE_URL"]
    with (
        servers.running(site.folder / "bare", app="bench.bare_list:app", database_url=address) as bare,
        servers.visitor(site) as visitor,
    ):
        yield Filled(database, size, site, visitor, bare.url)


def _addresses(one: Filled) -> dict[str, str]:
    first = re.search(r'data-application="([^"]+)"', one.visitor.get("/applications"))
    if first is None:
        raise RuntimeError("the inbox shows no application")
    answer = _an_answer(one.site)
    return {
        "inbox": "/applications",
        "deepest page": f"/applications?after={Place(0, 51).cursor()}",
        "tab": "/applications?tab=rejected",
        "search": "/applications?q=nurse",
        "search for a name": "/applications?q=maria",
        "filter by an answer": f"/applications?answer={answer}",
        "answer, tab and words": f"/applications?answer={answer}&tab=new&q=ma",
        "days": "/applications?from=2026-11-01&to=2026-11-15",
        "by name": "/applications?sort=name",
        "application": f"/applications/{first[1]}",
    }


def _an_answer(site: Site) -> str:
    return str(servers.ask(site, "SELECT value FROM facet WHERE kind = 'answer' ORDER BY question, label LIMIT 1"))


def _round(one: Filled, *, warm: bool) -> None:
    """One browser asks for all of it: what it costs to ask, with its cookies, is the same for each."""
    for name, address in {**one.addresses, "bare page": f"{one.bare}/applications"}.items():
        begun = time.perf_counter()
        one.visitor.get(address)
        if not warm:
            one.taken.setdefault(name, []).append(time.perf_counter() - begun)


def _figures(one: Filled) -> Iterator[Figure]:
    where = f"{one.database}, {one.size:,}"
    for name, taken in one.taken.items():
        yield Figure(NAME, f"{where}, {name}: p50", one.p50(name), "ms")
        yield Figure(NAME, f"{where}, {name}: p95", percentile(taken, 0.95) * 1000, "ms")
    yield at_most(NAME, f"{where}: inbox beside the bare page", one.p50("inbox") / one.p50("bare page"), "times", 2)
    yield at_most(
        NAME, f"{where}: deepest page beside the first", one.p50("deepest page") / one.p50("inbox"), "times", 1.2
    )


def _growth(few: Filled, many: Filled) -> Iterator[Figure]:
    for name in few.addresses:
        grown, what = many.p50(name) / few.p50(name), f"{few.database}: {name}, grown"
        most = MOST_GROWTH.get(name)
        yield at_most(NAME, what, grown, "times", most) if most else Figure(NAME, what, grown, "times")
