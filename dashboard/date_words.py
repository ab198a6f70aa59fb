"""How days and times of day are written for people: as in the United States, where Talroo's employers are."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, tzinfo


def day(value: date) -> str:
    """`Nov 21, 2026`, of a date or of a datetime in its own zone."""
    return f"{value:%b} {value.day}, {value.year}"


def clock(value: datetime | time, *, seconds: bool = False) -> str:
    """`12:04 PM`, or `12:04:31 PM`, of a time of day or of a datetime in its own zone."""
    rest = f"{value:%M:%S %p}" if seconds else f"{value:%M %p}"
    return f"{value.hour % 12 or 12}:{rest}"


def moment(value: datetime, zone: tzinfo = UTC) -> str:
    """`Nov 21, 2026, 12:04 PM UTC`, in `zone`: for mails, which nobody's browser puts into its own."""
    there = value.astimezone(zone)
    return f"{day(there)}, {clock(there)} {there.tzname() or 'UTC'}"
