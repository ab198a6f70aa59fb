"""For whatever watches this site."""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Iterator, Mapping
from typing import Any, Final

from flask import Blueprint, abort, request
from sqlalchemy import text
from werkzeug.wrappers import Response

from dashboard import metrics, schema
from dashboard.clock import utcnow
from dashboard.extensions import db
from dashboard.permissions import PUBLIC, needs
from dashboard.services import secret_uses
from dashboard.traffic import Key, Times
from dashboard.web.edge import file_store, notebook, reading, settings
from dashboard.web.tracing import traffic

bp = Blueprint("health", __name__)

Answer = tuple[dict[str, object], int]

_FROM_A_PROXY: Final = (
    *("Forwarded", "Via", "X-Real-IP"),
    *("X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Port", "X-Forwarded-Proto"),
)


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
    try:
        file_store().check()
    except OSError as problem:
        problems["files"] = type(problem).__name__
    if problems:
        return {"status": "not ready", "problems": problems, "details": details}, 503
    return {"status": "ok", "details": details}, 200


def _details() -> dict[str, object]:
    from dashboard.worker import last_beat  # what sends and reads files is loaded where somebody asks

    session = reading()
    beat = last_beat(session)
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
