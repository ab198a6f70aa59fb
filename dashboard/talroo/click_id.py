"""Talroo's name for a click, `tlr_sid`, and what it can be converted by (talroo-contract §3).

Apart from the client: a page need not load HTTP.
"""

from __future__ import annotations

import re
from typing import Final

EVENTS: Final = (1, 2, 3)
"""The conversions Talroo knows; which means what is agreed with it."""

_CLICK_ID: Final = re.compile(r"[0-9A-Za-z-]{1,64}", re.ASCII)


def valid_click_id(text: str | None) -> bool:
    """Whether `text` can be a click id: 1 to 64 ASCII letters, digits and hyphens (a UUID, typically)."""
    return text is not None and _CLICK_ID.fullmatch(text) is not None
