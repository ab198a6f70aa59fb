"""What all calls to the outside have in common: what one proves, and what is to be done about it when it failed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import ClassVar


class Outcome(StrEnum):
    """What is to be done about a call."""

    SENT = "sent"
    RETRY = "retry"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Proof:
    """What is known of one call, to be written down beside what was sent.

    `status`: HTTP's or SMTP's. `answer`: its first 500 bytes, as text any database keeps. `error`: a few words without
    address or ids. `retry_after`: seconds, at most a day. `connected`: the request could be written whole, so it may
    have been heard.
    """

    started_at: datetime
    duration_ms: int = 0
    status: int | None = None
    answer: str = ""
    error: str | None = None
    retry_after: int | None = None
    connected: bool = False

    @property
    def unknown(self) -> bool:
        """Whether the other side may have heard the request although no answer says so."""
        return self.connected and self.status is None


class CallFailed(Exception):
    """A call that did not succeed. `str(error)` is `proof.error`: words that are safe to log and to show."""

    outcome: ClassVar[Outcome]

    def __init__(self, proof: Proof) -> None:
        super().__init__(proof.error)
        self.proof = proof

    @property
    def is_uncertain(self) -> bool:
        """Whether it counts as an attempt whose outcome nobody knows, of which only one is repeated by itself."""
        return False
