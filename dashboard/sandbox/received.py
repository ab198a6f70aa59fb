"""What the fake Talroo was told, and what it delivered: bounded lists that many threads may write to."""

from __future__ import annotations

import json
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from dashboard.sandbox.envelopes import Payload, stamp
from dashboard.sandbox.platform import Refused

_KEPT: Final = 5000
_KEPT_MAILS: Final = 200
_EVENT_OF: Final = {"conversion.php": 1, "conversion2.php": 2, "conversion3.php": 3}
_DISPOSITION_FIELDS: Final = frozenset({"tlr_sid", "tlr_application_id", "event", "raw_event", "event_time"})
_MAX_EVENTS: Final = 1000


@dataclass(slots=True)
class Received:
    """Everything since the start, oldest first, the newest few thousand of each kind."""

    conversions: deque[Payload] = field(default_factory=lambda: deque(maxlen=_KEPT))
    dispositions: deque[Payload] = field(default_factory=lambda: deque(maxlen=_KEPT))
    deliveries: deque[Payload] = field(default_factory=lambda: deque(maxlen=_KEPT))
    mails: deque[Payload] = field(default_factory=lambda: deque(maxlen=_KEPT_MAILS))
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def conversion(self, script: str, query: Mapping[str, Sequence[str]]) -> None:
        """A ClickId conversion (talroo-contract §3). Raises `Refused` 400 without a click id."""
        click = query.get("tlr_sid", ("",))[0].strip()
        if not click:
            raise Refused(400, "tlr_sid is missing.")
        link = query.get("Link", ("",))[0]
        self._keep(self.conversions, {"tlr_sid": click, "event": _EVENT_OF[script], "link": link})

    def disposition(self, body: bytes) -> int:
        """One disposition event or an array of them (talroo-contract §4); returns how many.

        All are taken or none: raises `Refused` 400 naming what is wrong with the first bad one.
        """
        try:
            given = json.loads(body)
        except ValueError:
            raise Refused(400, "The body is not JSON.") from None
        events = given if isinstance(given, list) else [given]
        if not 1 <= len(events) <= _MAX_EVENTS:
            raise Refused(400, f"Send 1 to {_MAX_EVENTS} events.")
        for event in events:
            _check(event)
        for event in events:
            self._keep(self.dispositions, dict(event))
        return len(events)

    def delivery(self, event_id: str, kind: str, status: int | None, attempt: int) -> None:
        """One attempt to deliver; `status` is None where no answer came."""
        self._keep(self.deliveries, {"id": event_id, "type": kind, "status": status, "attempt": attempt})

    def mail(self, *, to: str, sender: str, subject: str, text: str, unsubscribe: str) -> None:
        """One mail that the dashboard sent."""
        self._keep(self.mails, {"to": to, "from": sender, "subject": subject, "text": text, "unsubscribe": unsubscribe})

    def as_json(self) -> dict[str, list[Payload]]:
        """A copy of the four lists, oldest first."""
        with self._lock:
            return {
                "conversions": list(self.conversions),
                "dispositions": list(self.dispositions),
                "deliveries": list(self.deliveries),
                "mails": list(self.mails),
            }

    def _keep(self, records: deque[Payload], record: Payload) -> None:
        with self._lock:
            records.append({**record, "at": stamp(datetime.now(UTC))})


def _check(event: Any) -> None:
    if not isinstance(event, dict):
        raise Refused(400, "An event must be an object.")
    if unknown := sorted(set(event) - _DISPOSITION_FIELDS):
        raise Refused(400, f"Unknown field: {unknown[0][:40]}.")
    for name in sorted(event):
        if not isinstance(event[name], str) or not event[name].strip():
            raise Refused(400, f"{name} must be text.")
    if "tlr_sid" not in event and "tlr_application_id" not in event:
        raise Refused(400, "tlr_sid or tlr_application_id is needed.")
    if "event" not in event:
        raise Refused(400, "event is needed.")
    _check_time(event.get("event_time", ""))


def _check_time(text: str) -> None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or "T" not in text or moment.utcoffset() != UTC.utcoffset(None):
        raise Refused(400, "event_time must be a UTC time in ISO 8601.")
