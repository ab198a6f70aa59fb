"""Tokens of the index (`search`): the words an application is found by, and terms for what lists can be narrowed by.

Words are folded to ASCII letters and digits, so that "Muñoz" is found by "munoz" and Arabic names by their Latin
spelling. A term stands for a fact to filter by (a job, a stage, an answer): it begins with "_", which no word can, and
is the hash of what it stands for, so that asking needs no look-up.
"""

from __future__ import annotations

import calendar
import hashlib
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Final

from anyascii import anyascii

from dashboard.models import Application, Job
from dashboard.stages import DECISIVE, Stage
from dashboard.talroo.payload import Facts

MAX_WORDS: Final = 4_000
MAX_WORD: Final = 40
MAX_FACTS: Final = 400

OPEN_TABS: Final = ("new", "progress")
"""Where an application waits for somebody."""

_WORD: Final = re.compile(r"[a-z0-9]+")
WHO: Final = "_w"
"""Before a word that tells who somebody is, rather than what they wrote."""
FACT: Final = "___"
STATE: Final = "__s"
"""Before a term that people's decisions change."""
_CHANGING: Final = frozenset({"stage", "tab", "mine", "assigned", "tag", "held"})
_FIRST_DAY: Final = date(1990, 1, 1)
_LAST_DAY: Final = date(2200, 12, 31)


def words(parts: Iterable[str | None]) -> list[str]:
    """The words to index: folded, in order, bounded in number and length."""
    found: list[str] = []
    for part in parts:
        if part:
            found += (word[:MAX_WORD] for word in _WORD.findall(anyascii(part).lower()))
            if len(found) >= MAX_WORDS:
                break
    return found[:MAX_WORDS]


def application_words(facts: Application | Facts, job: Job | None, texts: Iterable[str | None] = ()) -> list[str]:
    """Everything `facts` (an application, or what a delivery tells of one) can be found by, with answers and files."""
    called = words(who(facts))
    place = (facts.city, facts.state, facts.zipcode)
    offer = (job.title, job.company, job.reference, job.city, job.state, job.zipcode) if job else ()
    named = called + words([facts.email, *place, *offer])
    own = dict.fromkeys([*named, *words(texts)])
    return [WHO + word for word in dict.fromkeys(called)] + list(own)[:MAX_WORDS]


def who(facts: Application | Facts) -> Iterator[str | None]:
    """What somebody is called by: names, the address before its @, and the ways to write their number."""
    yield from (facts.first_name, facts.last_name)
    yield (facts.email or "").rpartition("@")[0]
    yield from phone_forms(facts.phone)


def phone_forms(phone: str | None) -> tuple[str, ...]:
    """A phone number as people look for it: all its digits, without the country code, its last seven, its last four."""
    digits = "".join(character for character in anyascii(phone or "") if character.isdigit())
    return tuple(dict.fromkeys(form for form in (digits, digits[-10:], digits[-7:], digits[-4:]) if form))


@lru_cache(maxsize=20_000)
def term(kind: str, value: str) -> str:
    """The token of a fact; upper and lower case, and how much white space there is, make no difference."""
    folded = " ".join(value.casefold().split())
    digest = hashlib.blake2b(f"{kind}\0{folded}".encode("utf-8", "replace"), digest_size=8).hexdigest()
    return (STATE if kind in _CHANGING else FACT) + digest


def fact_terms(
    facts: Application | Facts, job: Job | None, *, applied_at: datetime, has_resume: bool, answers: Iterable[str] = ()
) -> list[str]:
    """What an application can be filtered by and nobody changes. `answers`: terms."""
    place = job if job and job.place else facts
    named = [("company", job.company if job else None), ("campaign", facts.campaign_id), ("state", place.state)]
    named += [("city", place.city), ("city", ", ".join(part for part in (place.city, place.state) if part))]
    named += [("job", name) for name in ((job.public_id, job.reference, job.title) if job else ())]
    named += [("resume", "yes" if has_resume else "no")]
    if facts.qualified is not None:
        named.append(("qualified", "yes" if facts.qualified else "no"))
    named += [("applied", unit) for unit in _units(applied_at.astimezone(UTC).date())]
    found = [term(kind, value) for kind, value in named if value]
    return list(dict.fromkeys([*found, *answers]))[:MAX_FACTS]


def state_terms(*, stage: str, is_held: bool, assigned_to: str | None, tags: Iterable[str] = ()) -> list[str]:
    """What people decide. `assigned_to`: a user's public id; `tags`: their folded names."""
    tab = tab_of(stage, is_held=is_held)
    named = [("stage", stage), ("tab", tab), ("assigned", assigned_to or "none"), ("held", "yes" if is_held else "no")]
    if assigned_to and tab in OPEN_TABS:
        named.append(("mine", assigned_to))
    return [term(kind, value) for kind, value in [*named, *(("tag", tag) for tag in tags)]]


def tab_of(stage: str, *, is_held: bool) -> str:
    """The tab an application stands under: `new`, `progress`, `hired`, `rejected` or `held`."""
    if stage in DECISIVE:
        return stage
    if is_held:
        return "held"
    return "new" if stage == Stage.NEW else "progress"


def _units(day: date) -> tuple[str, str, str, str]:
    return day.isoformat(), f"{day:%Y-%m}", f"{day:%Y}", f"{day:%Y}"[:3]


def applied_terms(since: datetime | None, before: datetime | None) -> tuple[str, ...]:
    """Terms of which one belongs to everybody who applied on a UTC day that lies in part between the two times."""
    first = max(since.astimezone(UTC).date(), _FIRST_DAY) if since else _FIRST_DAY
    last = min((before.astimezone(UTC) - timedelta(microseconds=1)).date(), _LAST_DAY) if before else _LAST_DAY
    return tuple(term("applied", unit) for unit in _cover(first, last)) or (term("applied", "never"),)


def _cover(first: date, last: date) -> Iterator[str]:
    """As few decades, years, months and days as hold exactly the days from `first` to `last`."""
    while first <= last:
        day, month, year, decade = _units(first)
        begins_year = (first.month, first.day) == (1, 1)
        ends = [
            (decade, begins_year and first.year % 10 == 0, date(first.year // 10 * 10 + 9, 12, 31)),
            (year, begins_year, date(first.year, 12, 31)),
            (month, first.day == 1, first.replace(day=calendar.monthrange(first.year, first.month)[1])),
            (day, True, first),
        ]
        unit, end = next((unit, end) for unit, begins, end in ends if begins and end <= last)
        yield unit
        first = end + timedelta(days=1)
