"""Reading what somebody asked for in an address. What cannot be read is left out and said in words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import fields
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any, Final
from urllib.parse import parse_qsl

from werkzeug.datastructures import MultiDict

LONGEST: Final = 8_000
"""Characters of a query that a form brings or a view keeps; none of ours comes near."""
MOST_FIELDS: Final = 100

_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)


def args_in(query: str) -> MultiDict[str, str] | None:
    """A query in text, as an address's is read. None for what nobody's list has: to leave a part of it out, or to read
    none for it, would ask for more people than it does.
    """
    if len(query) > LONGEST:
        return None
    try:
        return MultiDict(parse_qsl(query.removeprefix("?"), max_num_fields=MOST_FIELDS, errors="replace"))
    except ValueError:
        return None


def args_of(asked: Any, **called: str | None) -> dict[str, str]:
    """The query of an address that asks for the same as `asked`, a value made of filters: those not their default.

    A field stands in it under its own name, or as it is `called`; with None, not at all. That a new field is in it by
    itself matters: what a link to the next page, or to everybody on it, leaves out shows other people.
    """
    filters = {called.get(one.name, one.name): one for one in fields(asked) if one.compare}
    told = {name: getattr(asked, one.name) for name, one in filters.items() if name}
    return {name: str(value) for name, value in told.items() if value != filters[name].default}


def words(args: Mapping[str, str], name: str, limit: int) -> str:
    """What was typed. A NUL, which PostgreSQL takes in no text, is in nothing that can be found."""
    return args.get(name, "").replace("\0", "").strip()[:limit]


def one_of(args: Mapping[str, str], name: str, allowed: set[Any], problems: list[str]) -> str:
    value = args.get(name, "").strip()
    if value and value not in allowed:
        problems.append(f"The filter “{name}” has an unknown value, so it was ignored.")
        return ""
    return value


def day(args: Mapping[str, str], name: str, problems: list[str]) -> date | None:
    value = args.get(name, "").strip()
    if not value:
        return None
    try:
        if not _DATE.fullmatch(value):
            raise ValueError
        found = date.fromisoformat(value)
        if not 1990 <= found.year <= 2200:
            raise ValueError
    except ValueError:
        problems.append(f"“{value[:20]}” isn’t a valid date, so the filter “{name}” was ignored.")
        return None
    return found


def moments(first: date | None, last: date | None, zone: tzinfo) -> tuple[datetime | None, datetime | None]:
    """Days of a zone, both inclusive, as times in UTC: since when, and before when; None where there is no end."""
    since = _midnight(first, zone) if first else None
    return since, _midnight(last + timedelta(days=1), zone) if last else None


def _midnight(when: date, zone: tzinfo) -> datetime:
    return datetime.combine(when, time(), zone).astimezone(UTC)
