"""The inbox and one application."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask_login import current_user
from werkzeug.wrappers import Response

from dashboard import queries
from dashboard.choices import current_choices
from dashboard.database import let_go
from dashboard.highlight import Marks
from dashboard.inbox import Inbox
from dashboard.inbox_pages import inbox_batches, inbox_newer, inbox_page
from dashboard.inbox_row import InboxRow
from dashboard.inbox_tabs import Standing
from dashboard.models import Application
from dashboard.paging import Page, Place
from dashboard.permissions import Permission, needs
from dashboard.saved_views import SHOWN
from dashboard.services import reading as reading_verbs
from dashboard.services import views
from dashboard.services.reading import Trail
from dashboard.stages import Stage
from dashboard.web import along, application_page, csv, inbox_frame
from dashboard.web.edge import following, reading, settings
from dashboard.web.inbox_frame import how_it_stands

bp = Blueprint("applications", __name__)

NEWER_TOLD = 50
"""More have come: "50+ new"."""


@bp.get("/applications")
@needs(Permission.APPLICATIONS)
def index() -> Response | str:
    """The inbox: newest first, with the filters of the address (interface.md, `GET /applications`)."""
    if "view" in request.args:
        return _view(request.args["view"])
    if request.accept_mimetypes.best_match(["text/html", "text/csv"], default="text/html") == "text/csv":
        return _csv(along.in_address())
    asked = along.in_address()
    standing = how_it_stands(asks_index=not asked.query.is_empty)
    page = inbox_page(reading(), asked, request.args.get("after"), standing.everybody)
    return render_template(
        "applications/index.html",
        page=page,
        filters=asked,
        query=inbox_frame.query_of(asked),
        marks=Marks.of(asked.text),
        tabs=list(inbox_frame.tabs(asked, standing)),
        sorts=inbox_frame.sorts(asked),
        views=inbox_frame.views(asked, standing.views),
        are_more_views=len(standing.views) > SHOWN,
        next_url=following("applications.index", asked.args, page),
        chosen=request.args.get("select") == "page",
        postback_url=settings().postback_url,
        newest=_newest(asked, page),
        has_any=bool(page.rows) or standing.has_any,
        **_choices(asked, standing),
    )


@bp.get("/applications/newer")
@needs(Permission.APPLICATIONS)
def newer() -> Response | str:
    """How many have come since the list of this address was opened, for its page to ask now and then.

    `since`: the place of its first, as a cursor (`Place`). Nothing is put into the index for it: the worker does that.
    """
    since = Place.read(request.args.get("since", ""))
    asked = along.in_address()
    number = inbox_newer(reading(), asked, since.number, NEWER_TOLD) if since else 0
    if not number:
        return Response(status=204)
    return render_template(
        "applications/_newer.html", number=number, most=NEWER_TOLD, address=inbox_frame.list_address(asked)
    )


@bp.get("/applications/filters")
@needs(Permission.APPLICATIONS)
def filters() -> str:
    """Every filter with all there is to choose from: a page for itself, of which the inbox fetches what it lacks."""
    asked = along.in_address()
    for problem in asked.problems:
        flash(problem, "info")
    return render_template("applications/filters.html", filters=asked, **_choices(asked, how_it_stands()))


@bp.get("/applications.csv", endpoint="csv")
@needs(Permission.APPLICATIONS)
def as_csv() -> Response:
    """The same selection as a table."""
    return _csv(along.in_address())


@bp.get("/applications/<public_id>")
@needs(Permission.APPLICATIONS)
def show(public_id: str) -> str:
    return application_page.page(queries.application_to_read(reading(), public_id, current_user.reach) or abort(404))


def _newest(asked: Inbox, page: Page[InboxRow]) -> str | None:
    """Where a list begins that grows there: the cursor of its first; None of any other page."""
    if asked.order != "newest" or "after" in request.args:
        return None
    return Place(0, page.rows[0].inbox_no if page.rows else 0).cursor()


def _choices(asked: Inbox, standing: Standing) -> dict[str, Any]:
    """What there is to choose from, and in words what is chosen."""
    choices = current_choices(reading(), standing.version, current_user.reach)
    return {
        "choices": choices,
        "chips": asked.chips(choices.labels),
        "jobs": choices.jobs_with(asked.job, reading(), current_user.reach),
        "stages": tuple(Stage),
        "frame": inbox_frame,
    }


def _view(public_id: str) -> Response:
    """A saved view's address: it stays the same when the view's list changes."""
    view = views.visible(reading(), public_id, current_user.id)
    if view is None:
        flash("That view was deleted or is no longer shared. This is the whole inbox.", "info")
    return redirect(url_for("applications.index") + (f"?{view.query}" if view else ""))


def _csv(asked: Inbox) -> Response:
    how_it_stands(asks_index=not asked.query.is_empty)
    session = reading()
    trails: dict[int, Trail] = {}

    def rows() -> Iterator[Application]:
        for batch in inbox_batches(session, asked):
            trails.clear()
            trails.update(reading_verbs.trails(session, batch))
            let_go(session)
            yield from batch

    return csv.download("applications.csv", csv.application_columns(trails), rows())
