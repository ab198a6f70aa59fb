"""Telling Talroo that a click became something: its ClickId conversions (talroo-contract §3)."""

from __future__ import annotations

import threading
from typing import Any, Final

from dashboard.calls import Proof
from dashboard.talroo.click_id import valid_click_id
from dashboard.talroo.exchange import Request
from dashboard.talroo.http import DEADLINE, Endpoint

PATHS: Final = {1: "/conversion.php", 2: "/conversion2.php", 3: "/conversion3.php"}
"""Conversion event → the address that stands for it, under the base."""


class ConversionClient:
    """Sends conversions to one base address. Safe to use from many threads at once.

    `deadline`: seconds for a whole call; `options`: the rest of what `Endpoint` takes. Raises ValueError for an address
    that cannot be used.
    """

    def __init__(self, base_url: str, *, deadline: float = DEADLINE, **options: Any) -> None:
        self._endpoint = Endpoint(base_url, deadline=deadline, **options)

    def send(self, tlr_sid: str, event: int, *, stop: threading.Event | None = None) -> Proof:
        """Report `event` (1, 2 or 3) for a click id. Returns the proof of a 2XX, else raises a `TalrooError`.

        Raises ValueError, with nothing sent, for a click id or an event that cannot be one.
        """
        if not valid_click_id(tlr_sid):
            raise ValueError("not a click id")
        if event not in PATHS:
            raise ValueError("not a conversion event: 1, 2 or 3")
        return self._endpoint.call(Request("GET", f"{PATHS[event]}?tlr_sid={tlr_sid}&Link=true"), stop=stop)
