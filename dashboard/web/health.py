"""For whatever watches this site."""

from __future__ import annotations

import hmac
import ipaddress
import threading
from collections.abc import Callable, Iterator, Mapping
from time import monotonic
from typing import Any, Final, cast

from flask import Blueprint, abort, current_app, request
from flask.sansio.blueprints import BlueprintSetupState
from sqlalchemy import text
from werkzeug.wrappers import Response

from dashboard import metrics, schema
from dashboard.clock import utcnow
from dashboard.extensions import db
from dashboard.permissions import PUBLIC, needs
from dashboard.services import heartbeat, secret_uses
from dashboard.traffic import Key, Times
from dashboard.web.edge import file_store, notebook, reading, settings
from dashboard.web.tracing import traffic

bp = Blueprint("health", __name__)

Answer = tuple[dict[str, object], int]

LOOKS_EVERY: Final = 5.0
"""Seconds for which what the file store said stands."""

_FROM_A_PROXY: Final = (
    *("Forwarded", "Via", "X-Real-IP"),
    *("X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Port", "X-Forwarded-Proto"),
)


class _LastLook:
    """What was wrong with the file store when it was last tried: anybody may ask, and on S3 a try is a call."""

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._until: float | None = None
        self._problem: str | None = None

    def at(self, check: Callable[[], None]) -> str | None:
        """The problem's type, if any, as it was at most `LOOKS_EVERY` seconds and one try ago.

        One try at a time: meanwhile others are told of the last one, where there was one.
        """
        if self._turn.acquire(blocking=self._until is None):
            try:
                if self._until is None or monotonic() >= self._until:
                    self._problem = _problem_with(check)
                    self._until = monotonic() + LOOKS_EVERY
            finally:
                self._turn.release()
        return self._problem


def _problem_with(check: Callable[[], None]) -> str | None:
    try:
        check()
    except OSError as problem:
        return type(problem).__name__
    return None


def _last_look() -> _LastLook:
    """This process's."""
    return cast("_LastLook", current_app.extensions["last_look"])


@bp.record_once
def _begin(state: BlueprintSetupState) -> None:
    state.app.extensions["last_look"] = _LastLook()


@bp.get("/healthz")
@needs(PUBLIC)
def healthz() -> Answer:
    """The process answers."""
    return {"status": "ok"}, 200


@bp.get("/readyz")
@needs(PUBLIC)
def readyz() -> Answer:
    """The database and the file store answer too, so deliveries can be kept. Problems are named by their type only."""
    problems: dict[str, str] = {}
    details: dict[str, object] = {}
    try:
        reading().execute(text("SELECT 1 FROM delivery LIMIT 1"))
        details = _details()
    except Exception as problem:
        db.session.rollback()
        problems["database"] = type(problem).__name__
    if problem_of_files := _last_look().at(file_store().check):
        problems["files"] = problem_of_files
    if problems:
        return {"status": "not ready", "problems": problems, "details": details}, 503
    return {"status": "ok", "details": details}, 200


def _details() -> dict[str, object]:
    session = reading()
    beat = heartbeat.last_beat(session)
    return {
        "database": session.get_bind().dialect.name,
        "migrated": schema.is_current(session),
        "worker_seen_seconds_ago": round((utcnow() - beat).total_seconds(), 1) if beat else None,
    }


@bp.get("/metrics")
@needs(PUBLIC)
def prometheus() -> Response:
    """Figures for Prometheus: to this machine itself, and to whoever has `METRICS_TOKEN`."""
    if not (_has_token() or _is_this_machine()):
        abort(403)
    from prometheus_client import CollectorRegistry, generate_latest  # spares processes that nobody scrapes
    from prometheus_client.exposition import CONTENT_TYPE_LATEST

    registry = CollectorRegistry()
    registry.register(_Figures())
    return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


class _Figures:
    """What the database says, in the shape `prometheus_client` collects."""

    def collect(self) -> Iterator[Any]:
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        for figure in metrics.figures(reading(), now=utcnow()):
            of_its_kind = CounterMetricFamily if figure.name.endswith("_total") else GaugeMetricFamily
            family = of_its_kind(figure.name, figure.help, labels=figure.labels)
            for labels, value in figure.values.items():
                family.add_metric(labels, value)
            yield family
        yield from _traffic(traffic().read())

    def describe(self) -> list[Any]:
        """Nothing: registering must not ask the database."""
        return []


def _traffic(counted: Mapping[Key, Times]) -> Iterator[Any]:
    """Rates and latencies, of all processes of this machine."""
    from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily

    names = ("endpoint", "method", "status")
    requests = CounterMetricFamily("dashboard_http_requests_total", "Requests that were answered.", labels=names)
    for (what, labels), times in sorted(counted.items()):
        if what == "http_request":
            requests.add_metric(labels, times.count)
    yield requests
    for name, (what, explanation, told) in _HISTOGRAMS.items():
        family = HistogramMetricFamily(f"dashboard_{name}_duration_seconds", explanation, labels=told)
        for labels, times in sorted(metrics.together(counted, what, len(told)).items()):
            family.add_metric(labels, times.up_to, sum_value=times.seconds)
        yield family


_HISTOGRAMS: Final = {
    "http_request": ("http_request", "From a request's arrival to the end of its answer.", ("endpoint",)),
    "delivery": ("delivery", "What Talroo delivered, by what it was told.", ("status",)),
    "send": ("send", "Calls to the outside by the workers of this machine.", ("channel", "outcome")),
}


def _has_token() -> bool:
    token = settings().metrics_token
    given = request.headers.get("Authorization", "").encode("utf-8", "replace")
    if token is None or not hmac.compare_digest(given, f"Bearer {token}".encode()):
        return False
    notebook().proved(secret_uses.METRICS, token, utcnow())
    return True


def _is_this_machine() -> bool:
    """Asked from loopback, and not on behalf of somebody else."""
    if any(name in request.headers for name in _FROM_A_PROXY):
        return False
    try:
        return ipaddress.ip_address(request.remote_addr or "").is_loopback
    except ValueError:
        return False
