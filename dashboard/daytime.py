"""When it is day where somebody lives: a table of the states' time zones, and quiet hours by it.

A state with two zones is day when it is day in both; where the state is not known, when it is day on both coasts.
"""

from __future__ import annotations

from datetime import datetime, time, timedelta
from functools import cache
from typing import Final
from zoneinfo import ZoneInfo

DAY_BEGINS: Final = time(8)
DAY_ENDS: Final = time(20, 59)
"""A minute before nine, so that what is begun by then is over at nine."""

_EASTERN: Final = ("America/New_York",)
_CENTRAL: Final = ("America/Chicago",)
_MOUNTAIN: Final = ("America/Denver",)
_PACIFIC: Final = ("America/Los_Angeles",)
_BOTH_COASTS: Final = (*_EASTERN, *_PACIFIC)

_STATES: Final[dict[tuple[str, str], tuple[str, ...]]] = {
    ("AL", "Alabama"): _CENTRAL,
    ("AK", "Alaska"): ("America/Anchorage", "America/Adak"),
    ("AZ", "Arizona"): ("America/Phoenix", *_MOUNTAIN),  # the Navajo Nation keeps summer time
    ("AR", "Arkansas"): _CENTRAL,
    ("CA", "California"): _PACIFIC,
    ("CO", "Colorado"): _MOUNTAIN,
    ("CT", "Connecticut"): _EASTERN,
    ("DE", "Delaware"): _EASTERN,
    ("DC", "District of Columbia"): _EASTERN,
    ("FL", "Florida"): (*_EASTERN, *_CENTRAL),
    ("GA", "Georgia"): _EASTERN,
    ("HI", "Hawaii"): ("Pacific/Honolulu",),
    ("ID", "Idaho"): ("America/Boise", *_PACIFIC),
    ("IL", "Illinois"): _CENTRAL,
    ("IN", "Indiana"): ("America/Indiana/Indianapolis", *_CENTRAL),
    ("IA", "Iowa"): _CENTRAL,
    ("KS", "Kansas"): (*_CENTRAL, *_MOUNTAIN),
    ("KY", "Kentucky"): (*_EASTERN, *_CENTRAL),
    ("LA", "Louisiana"): _CENTRAL,
    ("ME", "Maine"): _EASTERN,
    ("MD", "Maryland"): _EASTERN,
    ("MA", "Massachusetts"): _EASTERN,
    ("MI", "Michigan"): ("America/Detroit", *_CENTRAL),
    ("MN", "Minnesota"): _CENTRAL,
    ("MS", "Mississippi"): _CENTRAL,
    ("MO", "Missouri"): _CENTRAL,
    ("MT", "Montana"): _MOUNTAIN,
    ("NE", "Nebraska"): (*_CENTRAL, *_MOUNTAIN),
    ("NV", "Nevada"): (*_PACIFIC, *_MOUNTAIN),
    ("NH", "New Hampshire"): _EASTERN,
    ("NJ", "New Jersey"): _EASTERN,
    ("NM", "New Mexico"): _MOUNTAIN,
    ("NY", "New York"): _EASTERN,
    ("NC", "North Carolina"): _EASTERN,
    ("ND", "North Dakota"): (*_CENTRAL, *_MOUNTAIN),
    ("OH", "Ohio"): _EASTERN,
    ("OK", "Oklahoma"): (*_CENTRAL, *_MOUNTAIN),
    ("OR", "Oregon"): (*_PACIFIC, "America/Boise"),
    ("PA", "Pennsylvania"): _EASTERN,
    ("RI", "Rhode Island"): _EASTERN,
    ("SC", "South Carolina"): _EASTERN,
    ("SD", "South Dakota"): (*_CENTRAL, *_MOUNTAIN),
    ("TN", "Tennessee"): (*_EASTERN, *_CENTRAL),
    ("TX", "Texas"): (*_CENTRAL, *_MOUNTAIN),
    ("UT", "Utah"): _MOUNTAIN,
    ("VT", "Vermont"): _EASTERN,
    ("VA", "Virginia"): _EASTERN,
    ("WA", "Washington"): _PACIFIC,
    ("WV", "West Virginia"): _EASTERN,
    ("WI", "Wisconsin"): _CENTRAL,
    ("WY", "Wyoming"): _MOUNTAIN,
    ("AS", "American Samoa"): ("Pacific/Pago_Pago",),
    ("GU", "Guam"): ("Pacific/Guam",),
    ("MP", "Northern Mariana Islands"): ("Pacific/Guam",),
    ("PR", "Puerto Rico"): ("America/Puerto_Rico",),
    ("VI", "Virgin Islands"): ("America/Puerto_Rico",),
}
STATES: Final[dict[str, tuple[str, ...]]] = {
    name.casefold(): zones for names, zones in _STATES.items() for name in names
}
"""Two-letter code or name, in small letters → the zones there."""


def zones(*states: str | None) -> tuple[ZoneInfo, ...]:
    """The time zones of the first of `states` that is one; where none is, those of both coasts."""
    for state in states:
        found = STATES.get(" ".join((state or "").replace(".", "").split()).casefold())
        if found:
            return _made(found)
    return _made(_BOTH_COASTS)


def is_day(moment: datetime, *states: str | None) -> bool:
    """Whether `moment` lies outside the quiet hours (21 to 8) wherever somebody in `states` may be."""
    return next_day(moment, *states) == moment


def next_day(moment: datetime, *states: str | None) -> datetime:
    """`moment` itself where it is day, else the next one, to the minute, at which it is."""
    there = zones(*states)
    while True:
        later = max(_next_day_in(moment, zone) for zone in there)
        if later == moment:
            return moment
        moment = later


def _next_day_in(moment: datetime, zone: ZoneInfo) -> datetime:
    local = moment.astimezone(zone)
    if DAY_BEGINS <= local.time() < DAY_ENDS:
        return moment
    day = local.date() + timedelta(days=local.time() >= DAY_ENDS)
    return datetime.combine(day, DAY_BEGINS, zone).astimezone(moment.tzinfo)


@cache
def _made(names: tuple[str, ...]) -> tuple[ZoneInfo, ...]:
    return tuple(ZoneInfo(name) for name in names)
