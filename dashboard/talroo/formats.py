"""What a typed answer may look like: `limit`, `format`, `min` and `max` (talroo-contract §1, the `text` type).

Talroo checks these while the applicant types; here they only explain, and an answer that breaks one is still shown.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from dashboard.talroo import wire
from dashboard.talroo.wire import Json

_NUMBER: Final = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)", re.ASCII)
# Longer than any real limit; keeps the arithmetic on what strangers send cheap.
_MOST_DIGITS: Final = 1_000
_MOST_DIGITS_SHOWN: Final = 40


@dataclass(frozen=True, slots=True)
class _Format:
    pattern: re.Pattern[str]
    words: str
    complaint: str


_FORMATS: Final = {
    "decimal": _Format(_NUMBER, "a decimal number", "The answer is not a decimal number."),
    "integer": _Format(re.compile(r"[+-]?[0-9]+", re.ASCII), "a whole number", "The answer is not a whole number."),
    "numeric_text": _Format(re.compile(r"[0-9]+", re.ASCII), "digits only", "The answer is not made of digits only."),
}


def hint(fields: dict[str, Json]) -> str:
    """What a definition lets people type, such as "A whole number, from 0 to 80"; empty where it says nothing."""
    named = _format(fields)
    limit = _limit(fields)
    parts = (named.words if named else "", _range(fields), f"up to {limit:,} characters" if limit else "")
    words = ", ".join(part for part in parts if part)
    return words[:1].upper() + words[1:]


def complaints(fields: dict[str, Json], answer: str) -> list[str]:
    """One sentence for each of the definition's rules that `answer` does not keep."""
    found: list[str] = []
    limit = _limit(fields)
    if limit and len(answer) > limit:
        found.append(f"The answer has {len(answer):,} characters, but at most {limit:,} were allowed.")
    named = _format(fields)
    if named and not named.pattern.fullmatch(answer.strip()):
        found.append(named.complaint)
    elif _is_outside(fields, _number(answer)):
        found.append(f"The answer is outside what was allowed: {_range(fields)}.")
    return found


def _format(fields: dict[str, Json]) -> _Format | None:
    return _FORMATS.get((wire.text(fields.get("format")) or "").strip().lower())


def _limit(fields: dict[str, Json]) -> int | None:
    limit = _bound(fields, "limit")
    return int(limit) if limit is not None and limit >= 1 else None


def _range(fields: dict[str, Json]) -> str:
    least, most = _bound(fields, "min"), _bound(fields, "max")
    if least is not None and most is not None:
        return f"from {least} to {most}"
    if least is not None:
        return f"at least {least}"
    return f"at most {most}" if most is not None else ""


def _is_outside(fields: dict[str, Json], number: Decimal | None) -> bool:
    if number is None:
        return False
    least, most = _bound(fields, "min"), _bound(fields, "max")
    return (least is not None and number < least) or (most is not None and number > most)


def _bound(fields: dict[str, Json], name: str) -> Decimal | None:
    text = wire.text(fields.get(name))
    return None if text is None or len(text) > _MOST_DIGITS_SHOWN else _number(text)


def _number(text: str) -> Decimal | None:
    if len(text) > _MOST_DIGITS or not _NUMBER.fullmatch(text.strip()):
        return None
    return Decimal(text.strip())
