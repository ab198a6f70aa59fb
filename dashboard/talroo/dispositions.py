"""Telling Talroo how an application goes on: its disposition events (talroo-contract §4)."""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from dashboard.calls import Proof
from dashboard.talroo.exchange import Request
from dashboard.talroo.http import DEADLINE, Endpoint


@dataclass(frozen=True, slots=True)
class Disposition:
    """One change of status. `event`: Talroo's name for it; `raw_event`: our stage; `event_time`: with a time zone.

    Names its application by `tlr_application_id` where that is known, else by `tlr_sid`.
    Raises ValueError for one without either, or with a time whose zone nobody knows.
    """

    event: str
    raw_event: str
    event_time: datetime
    tlr_application_id: str | None = None
    tlr_sid: str | None = None

    def __post_init__(self) -> None:
        if not (self.tlr_application_id or self.tlr_sid):
            raise ValueError("a disposition needs a tlr_application_id or a tlr_sid")
        if self.event_time.utcoffset() is None:
            raise ValueError("event_time needs a time zone")

    def as_json(self) -> dict[str, str]:
        """The event as Talroo takes it; times in UTC, to the second."""
        identity = (
            {"tlr_application_id": self.tlr_application_id}
            if self.tlr_application_id
            else {"tlr_sid": self.tlr_sid or ""}
        )
        moment = self.event_time.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds")
        return {**identity, "event": self.event, "raw_event": self.raw_event, "event_time": f"{moment}Z"}


class DispositionClient:
    """Sends dispositions to one address. Safe to use from many threads at once.

    `deadline`: seconds for a whole call; `options`: the rest of what `Endpoint` takes. Raises ValueError for an address
    that cannot be used.
    """

    def __init__(self, url: str, *, deadline: float = DEADLINE, **options: Any) -> None:
        self._endpoint = Endpoint(url, deadline=deadline, **options)

    def send(self, dispositions: Sequence[Disposition], *, stop: threading.Event | None = None) -> Proof:
        """Report one or many in one request: one goes as an object, many as an array.

        Returns the proof of a 2XX, which counts for all of them, else raises a `TalrooError`.
        Raises ValueError for none at all.
        """
        if not dispositions:
            raise ValueError("there is nothing to send")
        events = [disposition.as_json() for disposition in dispositions]
        body = json.dumps(events[0] if len(events) == 1 else events)
        return self._endpoint.call(Request("POST", body=body.encode()), stop=stop)
