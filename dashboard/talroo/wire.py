"""JSON as it arrives from outside: read tolerantly, changed by nothing.

Python's own reader is the most tolerant there is, once four edges are covered: numbers of any
length, bytes that are not UTF-8, characters no database keeps, and duplicate keys.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, repeat
from operator import add
from typing import Any, Final

_UNSTORABLE: Final = re.compile("[\x00\ud800-\udfff]")
_write: Final = json.JSONEncoder(ensure_ascii=False).encode

Json = Any
"""What `parse` returns: dict, list, str, Number, bool or None, nested. Numbers are never int or float."""


class NotJson(ValueError):
    """The bytes cannot be read as JSON at all; the message says why, without quoting the content."""


class Number(str):
    """A JSON number, kept exactly as it was written.

    Zip codes, ids and limits arrive sometimes as numbers and sometimes as strings (talroo-contract §5),
    so both are text here. It also makes a 6,000-digit number or `NaN` as harmless as any other text.
    """

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Parsed:
    """A document and what was odd about reading it.

    `notes` are short English sentences for the person who looks at the delivery; usually empty.
    """

    value: Json
    notes: tuple[str, ...] = ()


def parse(raw: bytes) -> Parsed:
    """Read `raw` as JSON.

    Raises `NotJson` where no document can be made of it: syntax, nesting too deep for the reader.
    Bytes that are no text are read as replacement characters and duplicate keys by their last value, both noted.
    """
    notes: list[str] = []
    text = _decode(raw, notes)
    repeated: set[str] = set()

    def pairs(items: list[tuple[str, Json]]) -> dict[str, Json]:
        found = dict(items)
        if len(found) != len(items):
            seen: set[str] = set()
            repeated.update(key for key, _ in items if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        return found

    try:
        value = json.loads(
            text, object_pairs_hook=pairs, parse_int=Number, parse_float=Number, parse_constant=Number, strict=False
        )
    except RecursionError:
        raise NotJson("The body is nested too deeply to be read.") from None
    except ValueError as problem:
        reason = getattr(problem, "msg", "unreadable")
        raise NotJson(f"The body is not JSON ({reason}, position {getattr(problem, 'pos', 0)}).") from None
    if repeated:
        names = ", ".join(sorted(clean(key)[:40] for key in repeated)[:5])
        notes.append(f"Some keys came twice; the last value counts: {names}.")
    return Parsed(value, tuple(notes))


def dump(value: Json) -> bytes:
    """`value` as compact UTF-8, so that `parse(dump(value)).value == value`; numbers are written as they came.

    Half a character, which UTF-8 has no bytes for, is written as its escape. Raises TypeError for what is no JSON.
    """
    written: list[str] = []
    # A list of what is open, not calls within calls: those could meet Python's limit where the reader had not met it.
    waiting: list[tuple[Iterator[tuple[str, Json]], str]] = [(iter([("", value)]), "")]
    while waiting:
        members, end = waiting[-1]
        lead, inner = next(members, (None, None))
        if lead is None:
            written.append(end)
            waiting.pop()
            continue
        written.append(lead + _opening(inner))
        if isinstance(inner, dict | list):
            waiting.append(_members(inner))
    return "".join(written).encode("utf-8", errors="backslashreplace")


def _opening(value: Json) -> str:
    """All of a scalar, the first character of anything else."""
    if isinstance(value, dict | list):
        return "{" if isinstance(value, dict) else "["
    return str(value) if isinstance(value, Number) else _write(value)


def _members(value: dict[str, Json] | list[Json]) -> tuple[Iterator[tuple[str, Json]], str]:
    """What stands in `value`, each with what is written before it, and what is written after all."""
    commas = chain([""], repeat(","))
    if isinstance(value, list):
        return zip(commas, value, strict=False), "]"
    keys = (_write(key) + ":" for key in value)
    return zip(map(add, commas, keys), value.values(), strict=False), "}"


def _decode(raw: bytes, notes: list[str]) -> str:
    encoding = json.detect_encoding(raw)
    try:
        return raw.decode(encoding)
    except UnicodeDecodeError:
        notes.append("Some bytes of the body are no text; they are shown as �.")
        return raw.decode(encoding, errors="replace")


def clean(text: str) -> str:
    """`text` as every database can keep it: NUL and lone surrogates become U+FFFD."""
    return _UNSTORABLE.sub("\ufffd", text)


def text(value: Json) -> str | None:
    """A scalar as the words to show, or None for null, objects and arrays.

    Strings and numbers stay as they were written; booleans are `true` and `false`.
    """
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return None


def mapping(value: Json) -> dict[str, Json]:
    """`value` if it is a JSON object, else an empty one."""
    return value if isinstance(value, dict) else {}
