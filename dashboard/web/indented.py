"""JSON for people to read: the same tokens, indented. Nothing is read out of it and written anew, so numbers, keys that
come twice and escapes stay as they were sent.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Final

from dashboard.talroo.wire import NotJson, parse

DEEPEST: Final = 40
"""Levels: deeper, indenting would take more room than what is indented."""
_OPENING: Final = frozenset("{[")
_CLOSING: Final = frozenset("}]")
_TOKENS: Final = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[{}\[\],:]|[^\s{}\[\],:"]+', re.DOTALL)


def indented(body: bytes) -> str | None:
    """The text of `body` with a line for each value; None where it is no JSON, or nested too deeply."""
    try:
        parse(body)
    except NotJson:
        return None
    pieces = _TOKENS.findall(body.decode(json.detect_encoding(body), "replace"))
    return "".join(_laid_out(pieces)) if _depth(pieces) <= DEEPEST else None


def _depth(pieces: list[str]) -> int:
    deepest = depth = 0
    for piece in pieces:
        depth += (piece in _OPENING) - (piece in _CLOSING)
        deepest = max(deepest, depth)
    return deepest


def _laid_out(pieces: list[str]) -> Iterator[str]:
    depth, before = 0, ""
    for piece in pieces:
        if piece in _CLOSING:
            depth -= 1
        if _begins_a_line(before, piece):
            yield "\n" + "  " * depth
        yield ": " if piece == ":" else piece
        if piece in _OPENING:
            depth += 1
        before = piece


def _begins_a_line(before: str, piece: str) -> bool:
    """What is in brackets has lines of its own; empty ones stay together."""
    if piece in _CLOSING:
        return before not in _OPENING
    return before == "," or before in _OPENING
