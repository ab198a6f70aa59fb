"""Quiet hours: whatever the state, the season and the hour, nobody is written to between nine and eight."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dashboard import daytime

MOMENTS = st.integers(0, 8 * 365 * 86_400).map(
    lambda second: datetime(2024, 1, 1, tzinfo=UTC) + timedelta(seconds=second)
)
STATES = st.sampled_from([*sorted(daytime.STATES), None, "", "Ontario", "Bavaria"])
SUMMER_BEGINS, SUMMER_ENDS = datetime(2027, 3, 14, 9, 30, tzinfo=UTC), datetime(2027, 11, 7, 8, 30, tzinfo=UTC)


@given(MOMENTS, STATES)
@example(SUMMER_BEGINS, "CA")
@example(SUMMER_ENDS, "CA")
@example(SUMMER_BEGINS, "AZ")
@example(SUMMER_ENDS, None)
@example(datetime(2027, 11, 7, 5, 59, 59, 999999, tzinfo=UTC), "FL")
def test_the_next_day_is_day_everywhere_there_and_comes_within_a_day(moment: datetime, state: str | None):
    found = daytime.next_day(moment, state)
    assert timedelta() <= found - moment < timedelta(hours=25)
    assert daytime.is_day(found, state)
    for zone in daytime.zones(state):
        # A minute later, too: so long may sending take.
        for instant in (found, found + timedelta(minutes=1)):
            assert time(8) <= instant.astimezone(zone).time() <= time(21)


@given(MOMENTS, STATES)
def test_a_moment_is_put_off_only_where_somebody_there_has_a_quiet_hour(moment: datetime, state: str | None):
    waits = not daytime.is_day(moment, state)
    hours = [moment.astimezone(zone).time() for zone in daytime.zones(state)]
    assert waits == any(hour < time(8) or hour >= time(20, 59) for hour in hours)


@pytest.mark.parametrize(
    ("state", "now", "then"),
    [
        ("TX", "2026-11-21 12:00", "2026-11-21 15:00"),  # 6:00 in Austin; El Paso's 8:00 counts
        ("NY", "2026-11-21 12:00", "2026-11-21 13:00"),
        ("New York", "2026-11-22 02:00", "2026-11-22 13:00"),
        ("n.y.", "2026-11-21 18:00", "2026-11-21 18:00"),
        (" california ", "2026-11-21 12:00", "2026-11-21 16:00"),
        ("HI", "2026-11-21 12:00", "2026-11-21 18:00"),
        (None, "2026-11-21 13:30", "2026-11-21 16:00"),
        ("Bavaria", "2026-11-22 02:30", "2026-11-22 16:00"),
        ("NY", "2026-03-08 08:00", "2026-03-08 12:00"),  # the night the clocks go forward
    ],
)
def test_it_waits_for_eight_where_they_are(state: str | None, now: str, then: str):
    moment = datetime.fromisoformat(now).replace(tzinfo=UTC)
    assert daytime.next_day(moment, state) == datetime.fromisoformat(then).replace(tzinfo=UTC)


def test_the_first_state_that_is_one_counts():
    assert daytime.zones(None, "HI") == (ZoneInfo("Pacific/Honolulu"),)
    assert daytime.zones("Atlantis", "HI", "NY") == (ZoneInfo("Pacific/Honolulu"),)
    assert len(daytime.zones("Atlantis", None)) == 2


def test_every_zone_of_the_table_has_a_day_in_common():
    for state in daytime.STATES:
        day = datetime.combine(date(2026, 7, 1), time(0), UTC)
        assert any(daytime.is_day(day + timedelta(minutes=minutes), state) for minutes in range(0, 1440, 30)), state
