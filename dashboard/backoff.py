"""When a failed call is made again: pure arithmetic, with the chance and the clock passed in."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from typing import Final

FIRST_WAIT: Final = 1.0
LONGEST_WAIT: Final = 6 * 3600.0
LONGEST_OBEYED: Final = 24 * 3600.0
GIVEN_UP_AFTER: Final = timedelta(days=14)


def wait(failures: int, *, rng: random.Random, retry_after: float | None = None) -> float:
    """Seconds to wait after the `failures`-th failure in a row (1 is the first).

    The ceiling doubles from 1 second to 6 hours; the wait is chance between half and all of it, so that many calls
    that failed together do not come back together. `retry_after` is the least, in seconds, and obeyed up to a day.
    Raises ValueError for less than one failure.
    """
    if failures < 1:
        raise ValueError("a wait follows a failure")
    # 2 ** 15 seconds are more than six hours; a larger power, after years of failures, would not fit a float.
    ceiling = min(FIRST_WAIT * (1 << min(failures - 1, 15)), LONGEST_WAIT)
    jittered = ceiling / 2 + rng.random() * ceiling / 2
    return max(jittered, min(retry_after or 0.0, LONGEST_OBEYED))


def next_attempt(
    failures: int,
    *,
    first_attempt_at: datetime,
    now: datetime,
    rng: random.Random,
    retry_after: float | None = None,
) -> datetime | None:
    """The moment of the next attempt, or None where it would come later than 14 days after the first: given up."""
    moment = now + timedelta(seconds=wait(failures, rng=rng, retry_after=retry_after))
    return moment if moment - first_attempt_at <= GIVEN_UP_AFTER else None
