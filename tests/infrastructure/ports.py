"""Ports for the tests' servers, which have to be known before anybody listens on them.

A port that the system itself gives out is nobody's until it is taken: meanwhile any call from this machine may leave
by it, and then the server cannot start. So these lie below those, and are handed out one after the other.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Final

from dashboard.first_start import is_free

FIRST: Final = 10_000
EACH: Final = 2_700
"""Ports for one test process: those that run side by side do not meet."""
PROCESSES: Final = 8
_GIVEN_OUT: Final = Path("/proc/sys/net/ipv4/ip_local_port_range")


def free_port() -> int:
    """A port on 127.0.0.1 that nobody listens on and nobody else will be given."""
    return next(port for port in _PORTS if is_free(port))


def first_given_out() -> int:
    """The lowest port that the system gives out by itself."""
    return int(_GIVEN_OUT.read_text().split()[0]) if _GIVEN_OUT.exists() else 32_768


def _ports() -> Iterator[int]:
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw7").removeprefix("gw")) % PROCESSES
    # Another run of the tests on this machine begins elsewhere.
    return (FIRST + worker * EACH + (os.getpid() * 37 + number) % EACH for number in count())


_PORTS: Final = _ports()
