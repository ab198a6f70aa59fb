"""Calls for tests that ask how a call ends rather than what it raises."""

from __future__ import annotations

from typing import Final

from dashboard.talroo.exchange import Request
from dashboard.talroo.http import Endpoint, Outcome, Proof, TalrooError
from tests.upstream import Step, Upstream

DEADLINE: Final = 0.3
LATE: Final = 0.25
"""Seconds a call may come back after its deadline on a busy machine; it is usually 2 ms."""

ASK: Final = Request("GET", "/conversion2.php?tlr_sid=0000-secret&Link=true")


def ended(endpoint: Endpoint, request: Request = ASK) -> tuple[Outcome, Proof]:
    try:
        return Outcome.SENT, endpoint.call(request)
    except TalrooError as error:
        return error.outcome, error.proof


def against(step: Step, *, deadline: float = DEADLINE) -> tuple[Outcome, Proof]:
    """How one call ends that meets `step`."""
    with Upstream([step], drip=0.05, unreachable_for=5) as upstream:
        return ended(Endpoint(upstream.url, deadline=deadline))
