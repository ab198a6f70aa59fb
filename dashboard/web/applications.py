"""The inbox and one application."""

from __future__ import annotations

from collections.abc import Iterator

from flask import Blueprint, abort, flash, render_template, request
from sqlalchemy import select
from werkzeug.wrappers import Response

from dashboard import queries
from dashboard.models import Application
from dashboard.permissions import Permission, needs
from dashboard.queries import Inbox
from dashboard.services import reading as reading_verbs
from dashboard.services.reading import Trail
from dashboard.stages import Stage
from dashboard.web import csv, outcome
from dashboard.web.edge import following, reading, settings
from dashboard.web.formatting import viewer_zone

bp = Blueprint("applications", __name__)


@bp.get("/applications")
@needs(Permission.APPLICATIONS)
def index() -> Response | str:
    """The inbox: newest first, with the filters of the address (interface.md, `GET /applications`)."""
    asked = _asked()
    if request.accept_mimetypes.best_match(["text/html", "text/csv"], default="text/html") == "text/csv":
        return _csv(asked)
    session = reading()
    page = queries.inbox_page(session, asked, request.args.get("after"))
    counts = queries.other_counts(session, page.rows)
    for row in page.rows:
        row.other_count = counts.get(row.id, 0)
    return render_template(
        "applications/index.html",
        page=page,
        filters=asked,
        jobs=queries.job_choices(session, asked.job),
        stages=list(Stage),
        next_url=following("applications.index", asked.args, page),
        postback_url=settings().postback_url,
        has_any=bool(page.rows) or _has_any(),
    )


@bp.get("/applications.csv", endpoint="csv")
@needs(Permission.APPLICATIONS)
def as_csv() -> Response:
    """The same selection as a table."""
    return _csv(_asked())


@bp.get("/applications/<public_id>")
@needs(Permission.APPLICATIONS)
def show(public_id: str) -> str:
    return outcome.page(queries.application(reading(), public_id) or abort(404))


def _asked() -> Inbox:
    asked = Inbox.read(request.args, viewer_zone())
    for problem in asked.problems:
        flash(problem, "info")
    return asked


def _has_any() -> bool:
    return reading().scalar(select(Application.id).where(Application.completed.is_(True)).limit(1)) is not None


def _csv(asked: Inbox) -> Response:
    session = reading()
    trails: dict[int, Trail] = {}

    def rows() -> Iterator[Application]:
        for batch in queries.inbox_batches(session, asked):
            trails.clear()
            trails.update(reading_verbs.trails(session, batch))
            yield from batch

    return csv.download("applications.csv", csv.application_columns(trails), rows())
