"""What goes into a table for a spreadsheet: text that none of them takes for a formula."""

from __future__ import annotations

import unicodedata
from datetime import datetime
from typing import Any, Final

_STARTS_A_FORMULA: Final = frozenset("=+-@＝＋－＠")
_BREAKS_A_CELL: Final = ("\t", "\r", "\n")

BYTE_ORDER_MARK: Final = "\ufeff"
"""Begins a table in UTF-8: Excel guesses wrong without one."""


def cell(value: Any) -> str:
    """A value as text that no spreadsheet takes for a formula."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S")
    words = str(value)
    return f"'{words}" if words.startswith(_BREAKS_A_CELL) or _first(words) in _STARTS_A_FORMULA else words


def _first(words: str) -> str:
    """The first character that can be seen: spaces and invisible ones before it are stripped by some spreadsheets."""
    return next((one for one in words if not one.isspace() and unicodedata.category(one)[0] not in "CZ"), "")
