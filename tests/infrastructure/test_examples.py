from __future__ import annotations

import time

from hypothesis import given
from hypothesis import strategies as st


@given(st.just("an example"))
def test_an_example_may_take_as_long_as_a_busy_machine_needs(example: str):
    time.sleep(0.3)
    assert example
