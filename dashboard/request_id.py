"""Which request is being worked at (or round of the worker, or command): its name in log lines and audit entries."""

from __future__ import annotations

import secrets
from contextvars import ContextVar

_CURRENT: ContextVar[str | None] = ContextVar("request_id", default=None)


def begin(name: str | None = None) -> str:
    """From now on this thread works at `name`, or at something new. Returns the name."""
    chosen = name or secrets.token_hex(8)
    _CURRENT.set(chosen)
    return chosen


def current() -> str | None:
    return _CURRENT.get()
