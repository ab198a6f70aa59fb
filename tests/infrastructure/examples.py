"""How Hypothesis looks for examples: without a clock, and in `make test` the same ones each time (`tests/soak.py`).

By itself it refuses an example that takes more than 200 ms, which on a busy machine any may.
"""

from __future__ import annotations

from hypothesis import HealthCheck, settings

from tests.soak import ROUNDS

settings.register_profile(
    "ours", deadline=None, derandomize=ROUNDS == 1, database=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("ours")
