"""What a résumé says, before it becomes a document: a value that the PDF, Word, RTF and text writers share."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle, islice

from dashboard.sandbox.people import Person
from dashboard.sandbox.trades import ANY_DUTIES, SCHOOLS, TRADES, Trade


@dataclass(frozen=True, slots=True)
class Position:
    """One job held. `years` is the text to show, such as `2019 – 2022`."""

    title: str
    workplace: str
    years: str
    duties: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Resume:
    """The content of a résumé, newest position first."""

    name: str
    headline: str
    contact: tuple[str, ...]
    summary: str
    positions: tuple[Position, ...]
    skills: tuple[str, ...]
    certificates: tuple[str, ...]
    school: str


def compose(person: Person, trade_name: str, rng: random.Random, *, this_year: int, positions: int = 3) -> Resume:
    """A résumé for `person` that fits the trade; more than about five `positions` need a second page."""
    trade = TRADES[trade_name]
    return Resume(
        name=" ".join(person.full_name.split()),
        headline=trade.titles[0] if positions < 3 else f"{trade.titles[0]} · {trade.titles[1]}",
        contact=(f"{person.town.city}, {person.town.state} {person.town.zipcode}", person.phone, person.email),
        summary=trade.summary,
        positions=tuple(_history(trade, rng, this_year, positions)),
        skills=tuple(rng.sample(trade.skills, len(trade.skills) - 1)),
        certificates=trade.certificates,
        school=f"{rng.choice(SCHOOLS)}, {this_year - rng.randrange(8, 25)}",
    )


def _history(trade: Trade, rng: random.Random, this_year: int, positions: int) -> Iterator[Position]:
    # Dealt out in turn, the trade's own first, so that a short career repeats nothing and a long one hardly.
    ordinary = rng.sample(ANY_DUTIES, len(ANY_DUTIES))
    duties = cycle((*rng.sample(trade.duties, len(trade.duties)), *ordinary))
    titles = cycle(rng.sample(trade.titles, len(trade.titles)))
    until = this_year
    for number in range(positions):
        since = until - rng.randrange(1, 4)
        years = f"{since} – {'present' if number == 0 else until}"
        chosen = tuple(islice(duties, 2 if positions < 3 else rng.randrange(2, 4)))
        yield Position(next(titles), trade.workplaces[number % len(trade.workplaces)], years, chosen)
        until = since
