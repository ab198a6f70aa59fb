from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest

from dashboard.backoff import next_attempt, wait

FIRST = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = 3600


def waits(failures: int, **options: float) -> list[float]:
    rng = random.Random(1)
    return [wait(failures, rng=rng, **options) for _ in range(500)]


@pytest.mark.parametrize(
    ("failures", "ceiling"),
    [(1, 1), (2, 2), (3, 4), (10, 512), (15, 16_384), (16, 6 * HOUR), (17, 6 * HOUR), (5000, 6 * HOUR)],
)
def test_the_wait_doubles_up_to_six_hours_and_is_chance_in_its_upper_half(failures, ceiling):
    found = waits(failures)
    assert ceiling / 2 <= min(found) < ceiling * 0.52
    assert ceiling * 0.98 < max(found) <= ceiling


def test_the_same_chance_gives_the_same_wait():
    assert wait(7, rng=random.Random(3)) == wait(7, rng=random.Random(3))


def test_retry_after_is_the_least_and_obeyed_up_to_a_day():
    assert waits(1, retry_after=600) == [600.0] * 500
    assert waits(3, retry_after=23 * HOUR) == [23.0 * HOUR] * 500
    assert waits(3, retry_after=48 * HOUR) == [24.0 * HOUR] * 500
    assert min(waits(12, retry_after=5)) >= 1024
    assert waits(1, retry_after=0) == waits(1)


def test_there_is_no_wait_before_the_first_failure():
    with pytest.raises(ValueError, match="failure"):
        wait(0, rng=random.Random(1))


def test_after_fourteen_days_it_is_given_up():
    late = FIRST + timedelta(days=14)
    assert next_attempt(30, first_attempt_at=FIRST, now=late - timedelta(hours=7), rng=random.Random(1)) is not None
    assert next_attempt(30, first_attempt_at=FIRST, now=late - timedelta(hours=1), rng=random.Random(1)) is None
    assert next_attempt(1, first_attempt_at=FIRST, now=late, rng=random.Random(1)) is None


def test_the_next_attempt_is_the_wait_from_now():
    now = FIRST + timedelta(days=1)
    expected = now + timedelta(seconds=wait(4, rng=random.Random(5)))
    assert next_attempt(4, first_attempt_at=FIRST, now=now, rng=random.Random(5)) == expected


def test_two_weeks_of_failing_are_a_bounded_number_of_calls():
    rng, now, calls = random.Random(2), FIRST, 1
    while (then := next_attempt(calls, first_attempt_at=FIRST, now=now, rng=rng)) is not None:
        now, calls = then, calls + 1
    assert 60 < calls < 130
    assert now > FIRST + timedelta(days=13)
