"""How values read on the page: times in the viewer's zone, sizes, phone numbers, initials.

The functions are plain: the moment, the zone and the value arrive as arguments. `register` ties them
to Jinja's filters. Nothing stands for None: an empty string, so that a template needs no branch.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import Final

from flask import Flask, has_request_context, request
from markupsafe import Markup, escape

from dashboard import browsers
from dashboard.clock import utcnow, zone_named
from dashboard.date_words import clock, day
from dashboard.highlight import marked
from dashboard.stages import Stage

ZONE_COOKIE: Final = "tz"
"""Set by static/js/app.js to an IANA name such as `America/Chicago`; over https its name begins with `__Host-`."""

_PHONE: Final = re.compile(r"[0-9 ()+.\-/]+", re.ASCII)
_US_NUMBER: Final = re.compile(r"1?([2-9][0-9]{2})([2-9][0-9]{2})([0-9]{4})", re.ASCII)
_NOT_DIGIT: Final = re.compile(r"[^0-9]", re.ASCII)
_FEWEST_DIGITS: Final = 5

_MINUTE: Final = 60
_HOUR: Final = 60 * _MINUTE
_DAY: Final = 24 * _HOUR
_SPANS: Final = ((_HOUR, _MINUTE, "min"), (_DAY, _HOUR, "h"), (14 * _DAY, _DAY, "day"))
"""Below this many seconds, count in units of that many, under this name."""

_SIZES: Final = ((1_000_000_000, "GB"), (1_000_000, "MB"), (1_000, "KB"))


def viewer_zone() -> tzinfo:
    """The zone of whoever asked for this page; UTC outside a request and without the cookie."""
    return zone_named(told_zone() or "UTC") if has_request_context() else UTC


def told_zone() -> str | None:
    """The zone that the browser says it is in, if it does."""
    return request.cookies.get(f"__Host-{ZONE_COOKIE}") or request.cookies.get(ZONE_COOKIE)


def span(moment: datetime, *, now: datetime, zone: tzinfo) -> str:
    """How far `moment` lies from `now`: `just now`, `3 min ago`, `in 2 h`, `5 days ago`; from 14 days on, its date.

    The date that it has in `zone`.
    """
    seconds = round((now - moment).total_seconds())
    if abs(seconds) < _MINUTE:
        return "just now" if seconds >= 0 else "in a moment"
    for below, unit, name in _SPANS:
        if abs(seconds) < below:
            words = _counted(abs(seconds) // unit, name)
            return f"{words} ago" if seconds > 0 else f"in {words}"
    return day(moment.astimezone(zone))


def _counted(count: int, name: str) -> str:
    return f"{count} {name}s" if name == "day" and count > 1 else f"{count} {name}"


def short(value: date, *, today: date) -> str:
    """`Nov 21`, with the year where it is another than today's."""
    return f"{value:%b} {value.day}" if value.year == today.year else day(value)


def iso_day(value: str) -> str:
    """`2026-11-21` as `Nov 21, 2026`; what is no such date as it is."""
    try:
        return day(date.fromisoformat(value))
    except ValueError:
        return value


def clock_time(moment: datetime, *, now: datetime, zone: tzinfo) -> str:
    """`today 12:04 PM CST`, `yesterday 12:04 PM CST`, else `Sat, Nov 21, 2026, 12:04 PM CST`, all in `zone`."""
    there = moment.astimezone(zone)
    today = now.astimezone(zone).date()
    near = {today: "today", today - timedelta(days=1): "yesterday"}.get(there.date())
    words = f"{near} {clock(there)}" if near else f"{there:%a}, {day(there)}, {clock(there)}"
    return f"{words} {there.tzname() or 'UTC'}"


def full_time(moment: datetime, *, zone: tzinfo) -> str:
    """`Sat, Nov 21, 2026, 12:04:31 PM CST`: exact, for titles."""
    there = moment.astimezone(zone)
    return f"{there:%a}, {day(there)}, {clock(there, seconds=True)} {there.tzname() or 'UTC'}"


def _there(value: date) -> date:
    """A moment in the viewer's zone; a mere date stays what it is."""
    return value.astimezone(viewer_zone()) if isinstance(value, datetime) else value


def _time_element(kind: str, moment: datetime, words: str, zone: tzinfo) -> Markup:
    """A `<time>` that static/js/app.js can find by `kind` and rewrite in the browser's own zone."""
    # A list shows fifty of these: put together of parts that are safe already.
    return Markup(f"{_time_begun(moment, zone)} data-{kind}>{escape(words)}</time>")  # noqa: S704


@lru_cache(maxsize=4_096)
def _time_begun(moment: datetime, zone: tzinfo) -> str:
    """What stays the same of a `<time>`, however long ago it comes to be."""
    instant = moment.astimezone(UTC).isoformat(timespec="seconds")
    return f'<time datetime="{instant}" title="{escape(full_time(moment, zone=zone))}"'


def instant(moment: datetime) -> str:
    """`2026-11-21T12:04:31Z`: for machines, to the second."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def filesize(size: int | None) -> str:
    """`732 bytes`, `138 KB`, `1.4 MB`: decimal units, as phones and macOS count."""
    if size is None:
        return ""
    for unit, name in _SIZES:
        if size >= unit:
            scaled = size / unit
            return f"{scaled:.1f} {name}" if scaled < 10 and name != "KB" else f"{scaled:.0f} {name}"
    return f"{size} byte" if size == 1 else f"{size} bytes"


def phone(value: str | None) -> str:
    """A number of the US and its neighbours as `(512) 555-0123`; anything else as it was sent."""
    number = _us_number(value or "")
    return "({}) {}-{}".format(*number.groups()) if number else value or ""


def _us_number(value: str) -> re.Match[str] | None:
    return _US_NUMBER.fullmatch(_NOT_DIGIT.sub("", value)) if _PHONE.fullmatch(value.strip()) else None


def tel(value: str | None) -> str:
    """What belongs behind `tel:`: digits with at most a leading plus; empty where too few were sent.

    An extension is left out: dialled as digits it would reach a stranger.
    """
    number = _us_number(value or "")
    if number:
        return "+1" + "".join(number.groups())
    before_words = re.split(r"[A-Za-z#;,]", (value or "").strip(), maxsplit=1)[0]
    digits = _NOT_DIGIT.sub("", before_words)
    if len(digits) < _FEWEST_DIGITS:
        return ""
    return ("+" if before_words.startswith("+") else "") + digits


def number(value: int | None) -> str:
    """`1234` as `1,234`."""
    return "" if value is None else f"{value:,}"


def initials(name: str | None) -> str:
    """The first letters of the first and last word of a name, for the little round sign; `?` without letters."""
    letters = [word[0] for word in re.findall(r"[^\W\d_]+", name or "")]
    return (letters[0] + letters[-1] if len(letters) > 1 else "".join(letters)).upper() or "?"


def stage_label(stage: str) -> str:
    """`interview` as `Interview`."""
    return Stage(stage).label


def register(app: Flask, *, now: Callable[[], datetime] = utcnow) -> None:
    """Add `ago`, `when`, `exact`, `clock`, `instant`, `date`, `short_date`, `filesize`, `phone`, `tel`, `number`,
    `initials`, `browser`, `marked` and `stage_label` to `app`, and the test `past`.

    `ago`, `when` and `exact` take timezone-aware datetimes and give `<time>` elements; everything else gives text that
    Jinja escapes.
    """

    def time_filter(kind: str, words: Callable[[datetime, tzinfo], str]) -> Callable[[datetime | None], str]:
        def show(moment: datetime | None) -> str:
            if not moment:
                return ""
            zone = viewer_zone()
            return _time_element(kind, moment, words(moment, zone), zone)

        return show

    ago = time_filter("ago", lambda moment, zone: span(moment, now=now(), zone=zone))

    when = time_filter("when", lambda moment, zone: clock_time(moment, now=now(), zone=zone))
    exact = time_filter("exact", lambda moment, zone: full_time(moment, zone=zone))

    def on_day(value: date | str | None) -> str:
        if isinstance(value, str):
            return iso_day(value)
        return day(_there(value)) if value else ""

    def short_day(value: date) -> str:
        return short(_there(value), today=now().astimezone(viewer_zone()))

    plain = {"clock": clock, "instant": instant, "filesize": filesize, "phone": phone, "tel": tel, "number": number}
    plain |= {"browser": browsers.words, "initials": initials, "marked": marked, "stage_label": stage_label}
    app.jinja_env.tests["past"] = lambda moment: moment <= now()
    app.jinja_env.filters.update(plain, ago=ago, when=when, exact=exact, date=on_day, short_date=short_day)
