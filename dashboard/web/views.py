"""`/views`: saved views of the inbox, one's own and those that colleagues share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask_login import current_user
from werkzeug.wrappers import Response

from dashboard.choices import Choices, current_choices
from dashboard.clock import utcnow
from dashboard.extensions import db
from dashboard.inbox import Inbox
from dashboard.inbox_pages import inbox_totals
from dashboard.models import SavedView
from dashboard.permissions import Permission, needs
from dashboard.saved_views import SHOWN
from dashboard.services import views
from dashboard.services.review import BadChange
from dashboard.web import along, inbox_frame
from dashboard.web.edge import reading, writing

bp = Blueprint("views", __name__, url_prefix="/views")

Answer = Response | str | tuple[str, int]


@dataclass(frozen=True, slots=True)
class Listed:
    """A view as the page shows it: what it asks for in words, and how many match, as counted."""

    view: SavedView
    asks: Sequence[str]
    count: str


@dataclass(frozen=True, slots=True)
class Typed:
    """What a refused form held, so that nobody has to type it again, and why. `of`: a view's public id, or none."""

    of: str = ""
    name: str = ""
    query: str = ""
    shared: bool = False
    problem: str = ""


@bp.get("")
@needs(Permission.APPLICATIONS)
def index() -> str:
    """All of them, with their counts; one's own can be changed."""
    return _page()


@bp.get("/bar")
@needs(Permission.APPLICATIONS)
def bar() -> str:
    """The views over the inbox with their counts, for the page to fetch: a list should not wait for them."""
    asked = along.in_address()
    links = inbox_frame.how_it_stands().views
    shown = links[:SHOWN]
    counts = inbox_totals(reading(), [_inbox(view.query) for view in shown])
    return render_template(
        "views/_bar.html",
        views=inbox_frame.views(asked, links, counts),
        query=inbox_frame.query_of(asked),
        are_more=len(links) > len(shown),
        is_counted=True,
    )


@bp.post("")
@needs(Permission.APPLICATIONS)
def save() -> Answer:
    """Keep the list that `query` asks for, under a name; with `do` = `replace`, as the list of one's own view `of`."""
    if request.form.get("do") == "replace":
        return _replace(request.form.get("of", ""))
    typed = _typed()
    try:
        view = views.save(writing(), current_user.id, typed.name, typed.query, shared=typed.shared, now=utcnow())
    except BadChange as problem:
        return _refused(typed, problem)
    name, query = view.name, view.query
    db.session.commit()
    flash(f"“{name}” is saved. It shows up above your list.", "success")
    return redirect(f"{url_for('applications.index')}?{query}")


@bp.post("/<public_id>")
@needs(Permission.APPLICATIONS)
def change(public_id: str) -> Answer:
    """Another name, or another audience; with `query` also another list."""
    typed = _typed(public_id)
    session = writing()
    view = _own(public_id)
    try:
        query = typed.query or view.query
        views.change(session, view, name=typed.name, query=query, shared=typed.shared, now=utcnow())
    except BadChange as problem:
        return _refused(typed, problem)
    db.session.commit()
    flash(f"“{view.name}” is saved.", "success")
    return redirect(url_for("views.index"))


@bp.post("/<public_id>/delete")
@needs(Permission.APPLICATIONS)
def delete(public_id: str) -> Response:
    session = writing()
    view = _own(public_id)
    name = view.name
    views.remove(session, view)
    db.session.commit()
    flash(f"The view “{name}” is deleted. Its applications didn’t change.", "success")
    return redirect(url_for("views.index"))


def _replace(public_id: str) -> Answer:
    """Another list under the same name, for the same people."""
    session = writing()
    view = _own(public_id)
    typed = Typed(public_id, view.name, request.form.get("query", ""), view.shared)
    try:
        views.change(session, view, name=typed.name, query=typed.query, shared=typed.shared, now=utcnow())
    except BadChange as problem:
        return _refused(typed, problem)
    query = view.query
    db.session.commit()
    flash(f"“{typed.name}” now shows this list{', for colleagues too' if typed.shared else ''}.", "success")
    return redirect(f"{url_for('applications.index')}?{query}")


def _typed(public_id: str = "") -> Typed:
    form = request.form
    return Typed(public_id, form.get("name", ""), form.get("query", ""), form.get("shared") == "yes")


def _own(public_id: str) -> SavedView:
    return views.find(reading(), public_id, current_user.id) or abort(404)


def _refused(typed: Typed, problem: BadChange) -> Answer:
    db.session.rollback()
    refused = Typed(typed.of, typed.name, typed.query, typed.shared, str(problem))
    return _page(refused), 400


def _page(typed: Typed | None = None) -> str:
    session = reading()
    choices = current_choices(session, inbox_frame.how_it_stands().version, current_user.reach)
    own, shared = views.views_for(session, current_user.id)
    return render_template(
        "views/index.html",
        own=_listed(own, choices),
        shared=_listed(shared, choices),
        typed=typed or Typed(),
        asks=_words(typed.query, choices) if typed and not typed.of else (),
    )


def _listed(found: Sequence[SavedView], choices: Choices) -> list[Listed]:
    counts = inbox_totals(reading(), [_inbox(view.query) for view in found])
    return [
        Listed(view, _words(view.query, choices), inbox_frame.counted(count))
        for view, count in zip(found, counts, strict=True)
    ]


def _inbox(query: str) -> Inbox:
    # Views keep no query that cannot be read (`services.views.kept_query`).
    return along.read(query) or along.everybody()


def _words(query: str, choices: Choices) -> list[str]:
    asked = along.read(query)
    return inbox_frame.in_words(asked, choices) if asked else []
