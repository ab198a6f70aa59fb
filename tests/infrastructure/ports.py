"""Ports for the tests' servers, which have to be known before anybody listens on them.

A port that the system itself gives out is nobody's until it is taken: meanwhile any call from this machine may leave
by it, and then the server cannot start. So these lie below those, and are handed out one after the other.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import count
from typing import Final

from dashboard.first_start import is_free

FIRST: Final = 10_000
EACH: Final = 2_700
"""Ports for one test process: those that run side by side do not meet."""
PROCESSES: Final = 8
GIVEN_OUT: Final = 32_768
"""The lowest port that Linux gives out by itself, unless it was told otherwise."""


def free_port() -> int:
    """A port on 127.0.0.1 that nobody listens on and nobody else will be given."""
    return next(port for port in _PORTS if is_free(port))


def _ports() -> Iterator[int]:
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw7").removeprefix("gw")) % PROCESSES
    # Another run of the tests on this machine begins elsewhere.
    return (FIRST + worker * EACH + (os.getpid() * 37 + number) % EACH for number in count())


_PORTS: Final = _ports()
