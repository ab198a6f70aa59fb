"""One line in the log for each request, its id in the answer, and how long it took in the figures.

An address is told by its rule: what stands in its place, and behind its question mark, may be a token or a name.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from flask import Flask, current_app, g, request
from werkzeug.wrappers import Response

from dashboard import logs, request_id
from dashboard.traffic import Traffic
from dashboard.web.edge import settings

log = logs.lines(__name__)

HEADER: Final = "X-Request-ID"
_SANE: Final = re.compile(r"[0-9A-Za-z_.-]{8,40}", re.ASCII)
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "OPTIONS", "PUT", "PATCH", "DELETE"})


def init_app(app: Flask) -> None:
    """First of all that is asked before a request, and so the last that is asked after it."""
    app.before_request(_begin)
    app.after_request(_end)


def traffic() -> Traffic:
    found: Traffic = current_app.extensions["traffic"]
    return found


def _begin() -> None:
    g.began = time.perf_counter()
    request_id.begin(_given())


def _given() -> str | None:
    """The name a proxy of ours gave the request. A stranger's could be made to look like somebody else's."""
    if not settings().trusted_proxies:
        return None
    given = request.headers.get(HEADER, "")
    return given if _SANE.fullmatch(given) else None


@dataclass(slots=True)
class _Sent:
    """How many bytes of an answer were sent so far."""

    bytes: int = 0

    def count(self, pieces: Iterable[Any]) -> Iterator[Any]:
        for piece in pieces:
            self.bytes += len(piece.encode() if isinstance(piece, str) else piece)
            yield piece


def _end(response: Response) -> Response:
    began, name = g.get("began", time.perf_counter()), request_id.current()
    if name:
        response.headers[HEADER] = name
    told = {"request_id": name, **_told(response)}
    if response.is_streamed and "Content-Length" not in response.headers:
        sent, pieces = _Sent(), response.response
        response.response = sent.count(pieces)
        close = getattr(pieces, "close", None)
        if close is not None:
            response.call_on_close(close)
        response.call_on_close(partial(_write, traffic(), told, began, sent))
    else:
        length = response.content_length
        size = response.calculate_content_length() if length is None else length
        _write(traffic(), told, began, _Sent(size or 0))
    return response


def _told(response: Response) -> dict[str, Any]:
    user = getattr(g, "_login_user", None)  # as far as anybody has asked: finding out costs a statement
    return {
        "method": request.method if request.method in _METHODS else "other",
        "endpoint": request.endpoint or "none",
        "route": request.url_rule.rule if request.url_rule else None,
        "status": response.status_code,
        "user": getattr(user, "public_id", None),
    }


def _write(counted: Traffic, told: dict[str, Any], began: float, sent: _Sent) -> None:
    seconds = time.perf_counter() - began
    counted.observe("http_request", (told["endpoint"], told["method"], str(told["status"])), seconds)
    log.info("request", **told, ms=round(seconds * 1000, 1), bytes=sent.bytes)
