"""What goes into a table for a spreadsheet: text that none of them takes for a formula."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

_STARTS_A_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")

BYTE_ORDER_MARK: Final = "\ufeff"
"""Begins a table in UTF-8: Excel guesses wrong without one."""


def cell(value: Any) -> str:
    """A value as text that no spreadsheet takes for a formula."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S")
    words = str(value)
    return f"'{words}" if words.startswith(_STARTS_A_FORMULA) else words
