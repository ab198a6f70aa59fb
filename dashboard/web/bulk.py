"""`/applications/bulk`: one thing done to many applications after a look at whom it concerns; what they sent, to keep.

A table or an archive of those selected is what a recruiter may download one by one anyway, so both are theirs.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from threading import BoundedSemaphore
from typing import Any, Final

from flask import Blueprint, abort, flash, redirect, render_template, request, stream_with_context, url_for
from flask_login import current_user
from markupsafe import Markup
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from dashboard.choices import Choices, current_choices
from dashboard.clock import utcnow
from dashboard.database import end_reading, let_go
from dashboard.extensions import db
from dashboard.inbox_tabs import standing
from dashboard.one_at_a_time import alone
from dashboard.permissions import Permission, needs
from dashboard.services import activity, bulk, bulk_verbs, bundle
from dashboard.services import reading as reading_verbs
from dashboard.services.bulk import Selection
from dashboard.services.bulk_verbs import Verb
from dashboard.services.review import BadChange
from dashboard.services.teamwork import BEST
from dashboard.stages import REJECTION_REASONS, Stage
from dashboard.web import along, csv, exports, inbox_frame, noting
from dashboard.web.edge import (
    by_user,
    file_store,
    let_the_index_catch_up,
    reading,
    reporting_rules,
    settings,
    writing,
)
from dashboard.web.formatting import viewer_zone

bp = Blueprint("bulk", __name__, url_prefix="/applications/bulk")

Answer = Response | tuple[str, int]

NAMED: Final = 200
"""How many of those who are meant a confirmation names."""

PATIENCE: Final = 4.0
"""Seconds somebody waits while another does something to many."""
_BUSY: Final = (
    "Something else is being done to many applications just now, so nothing was done. Press the button again."
)
_ARCHIVES: Final = BoundedSemaphore(2)
"""Packed at once by a process: each keeps a thread and much of a processor busy until it is sent."""

_PARTS: Final = {"stage": ("stage", "reason"), "assign": ("user",), "rate": ("rating",)}
_ASKS: Final = {
    "assign": ("user", "Assign to a colleague", "Choose a colleague."),
    "tag": ("tag", "Tag", "Write the tag, or choose one that there is."),
    "untag": ("tag", "Take a tag off", "Choose the tag to take off."),
}
"""What a verb must still be told on the confirmation's own page: the field, the page's heading, and what to do."""


def _options(name: str, choices: Mapping[str, str]) -> Markup:
    options = (Markup('<option value="%s">%s</option>') % choice for choice in choices.items())
    return Markup('<optgroup label="%s">%s</optgroup>') % (name, Markup().join(options))


_OPTIONS: Final = Markup().join(
    (
        _options("Move to", {f"stage:{stage}": stage.label for stage in Stage if stage != Stage.REJECTED}),
        _options("Reject", {f"stage:rejected:{reason}": words for reason, words in REJECTION_REASONS.items()}),
        _options("Assign", {"assign:me": "To me", "assign": "To a colleague…", "assign:": "To nobody"}),
        _options(
            "Mark", {"tag": "Tag…", "untag": "Take a tag off…", "hold": "Hold for later", "unhold": "Take up again"}
        ),
        _options(
            "Rate", {f"rate:{number}": f"{number} of {BEST}" for number in range(BEST, 0, -1)} | {"rate:": "Not rated"}
        ),
        _options("Download", {"csv": "As a table (CSV)", "files": "Files and answers (ZIP)"}),
    )
)
"""What can be done, as the options of a `<select name="do">`; see `Wish`."""


@bp.app_context_processor
def _bulk_choices() -> dict[str, Markup]:
    return {"bulk_choices": _OPTIONS}


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody wants done. `do`: as a list's choices have it ("stage:rejected:withdrew", or only "tag").

    `fields`: what `bulk_verbs.read` wants to know.
    """

    do: str
    fields: Mapping[str, str]

    @classmethod
    def read(cls, form: Mapping[str, str]) -> Wish:
        verb, *given = form.get("do", "").split(":")
        fields = {name: form.get(name, "") for name in ("note", *(asked for asked, *_ in _ASKS.values()))}
        fields |= {"verb": verb, **dict(zip(_PARTS.get(verb, ()), given, strict=False))}
        if fields["user"] == "me":
            fields["user"] = current_user.public_id
        return cls(form.get("do", "")[:100], fields)

    @property
    def lacks(self) -> str:
        """The field that must still be filled in, or nothing."""
        field, *_ = _ASKS.get(self.do, ("",))
        return field if field and not self.fields[field].strip() else ""

    @property
    def heading(self) -> str:
        return _ASKS[self.do][1] if self.do in _ASKS else "What to do with them"

    def verb(self, session: Session) -> Verb:
        """Raises `BadChange` for what cannot be done."""
        if self.lacks:
            raise BadChange(_ASKS[self.do][2])
        return bulk_verbs.read(self.fields, session)


@bp.get("")
@needs(Permission.APPLICATIONS)
def index() -> str:
    """What somebody did to many lately, to look at again or take back."""
    return render_template("bulk/index.html", actions=bulk.latest(reading(), current_user.id))


@bp.post("")
@needs(Permission.APPLICATIONS)
def choose() -> Answer:
    """Who is meant, what will be done, and what Talroo will hear of it. Changes nothing."""
    if request.form.get("do") in _KEPT:
        return _KEPT[request.form["do"]]()
    selection = _selection()
    return _confirmation(selection, Wish.read(request.form)) if selection else _nobody()


@bp.post("/do")
@needs(Permission.APPLICATIONS)
def do() -> Answer:
    """Do what was confirmed. A second press is answered with what the first one did."""
    selection, wish = Selection.read(request.form.getlist("application")), Wish.read(request.form)
    if not selection.picked:
        return _nobody()
    with _alone() as may:
        try:
            if not may:
                raise BadChange(_BUSY)
            session = writing()
            verb = wish.verb(session)
            token = request.form.get("token", "")
            action = bulk.act(session, selection, verb, by_user(), reporting_rules(), current_user.reach, token=token)
        except BadChange as problem:
            db.session.rollback()
            return _confirmation(selection, wish, str(problem))
        db.session.commit()
        return redirect(_result(action.public_id))


@bp.get("/<public_id>")
@needs(Permission.APPLICATIONS)
def show(public_id: str) -> str:
    """What became of it: how many, who was skipped and why, what could not be taken back."""
    action = bulk.find(reading(), public_id, current_user.id) or abort(404)
    result = bulk.result(reading(), action, current_user.reach)
    return render_template("bulk/show.html", result=result, list_url=_list_url())


@bp.post("/<public_id>/undo")
@needs(Permission.APPLICATIONS)
def undo(public_id: str) -> Response:
    with _alone() as may:
        if not may:
            flash(_BUSY, "error")
            return redirect(_result(public_id))
        session = writing()
        action = bulk.find(session, public_id, current_user.id) or abort(404)
        was_first = bulk.undo(session, action, by_user(), reporting_rules(), current_user.reach)
        db.session.commit()
    if not was_first:
        flash("This was taken back before. Nothing was changed.", "info")
    return redirect(_result(public_id))


@bp.post("/csv")
@needs(Permission.APPLICATIONS)
def table() -> Response:
    """Those selected as the inbox's table."""
    selection = _selection()
    if selection is None:
        return _nobody()
    if selection.asked is not None:
        args: dict[str, Any] = selection.asked.args
        return redirect(url_for("applications.csv", **args))
    people = bulk.choose(reading(), selection, current_user.reach).applications
    if not people:
        return _nobody()
    trails = reading_verbs.trails(reading(), people)
    let_go(reading())
    return csv.download("applications.csv", csv.application_columns(trails), people)


@bp.post("/files")
@needs(Permission.APPLICATIONS)
def files() -> Response:
    """Those selected as an archive of their files and answers."""
    selection = _selection()
    if selection is None:
        return _nobody()
    chosen = bulk.choose(reading(), selection, current_user.reach)
    numbers = [one.id for one in chosen.applications]
    if not numbers:
        return _nobody()
    if chosen.more or bundle.size(reading(), numbers) > bundle.MOST_BYTES:
        flash(
            f"That is too much for one download: it holds {bulk.MOST:,} applications and "
            f"{bundle.MOST_BYTES // 1_000_000} MB. Select fewer, or narrow the list, by job or by date.",
            "error",
        )
        return redirect(_list_url())
    address = f"{settings().public_url}/applications/{{}}".format
    if not _ARCHIVES.acquire(blocking=False):
        flash("Two archives are being downloaded just now, which is as many as there can be. Try again soon.", "error")
        return redirect(_list_url())
    try:
        exports.count()
    except BaseException:
        _ARCHIVES.release()
        raise
    pieces = bundle.pieces(reading(), numbers, file_store(), address)
    given = noting.handed_out("applications.zip", pieces, counts=False, applications=len(numbers))
    response = Response(stream_with_context(given), mimetype="application/zip")
    response.call_on_close(_ARCHIVES.release)
    name = f"applications-{utcnow().astimezone(viewer_zone()):%Y-%m-%d}.zip"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


_KEPT: Final = {"csv": table, "files": files}
"""What is downloaded rather than done: a choice like the others, where there is no room for buttons."""


def _alone() -> AbstractContextManager[bool]:
    """Whether nobody else is doing something to many; who waits for that holds no connection.

    On SQLite two in the writers' queue would keep deliveries waiting for longer than they can.
    """
    end_reading(reading())
    return alone(db.engine, "many", PATIENCE)


def _selection() -> Selection | None:
    """Those picked, or all that match; None where there is nobody.

    Nobody matches a list of which anything cannot be read: without it, it would be a list of more people.
    """
    if request.form.get("all") == "1":
        asked = along.read(_queue())
        if asked is None or asked.problems:
            return None
        if not asked.query.is_empty:
            let_the_index_catch_up()
        return Selection(asked=asked)
    selection = Selection.read(request.form.getlist("application"))
    return selection if selection.picked else None


def _nobody() -> Response:
    if _selection() is not None:
        flash("Nobody of those selected is in the list any more, so there is nothing to download.", "info")
    elif request.form.get("all") == "1":
        flash("That list cannot be read, so nobody is selected. Open the list again and select there.", "error")
    else:
        flash("Nobody is selected. Tick the boxes beside the names first.", "info")
    return redirect(_list_url())


def _confirmation(selection: Selection, wish: Wish, problem: str = "") -> Answer:
    """The page that asks once more. `problem`: why it was refused; everything typed is still there."""
    verb = None
    if wish.do and not wish.lacks:
        try:
            verb = wish.verb(reading())
        except BadChange as refused:
            problem = problem or str(refused)
    shown = bulk.preview(reading(), selection, verb, reporting_rules(), current_user.reach)
    page = render_template(
        "bulk/confirm.html",
        shown=shown,
        wish=wish,
        asks=_ASKS.get(wish.do, ("",))[0],
        problem=problem,
        named=shown.applications[:NAMED],
        # What was refused was not done: pressed again, it is another action.
        token=(not problem and request.form.get("token")) or secrets.token_urlsafe(20),
        queue=_queue(),
        list_url=_list_url(),
        asked_for=_in_words(selection),
        **_choices(wish),
    )
    return page, 400 if problem else 200


def _in_words(selection: Selection) -> list[str]:
    """The list of which all are meant, filter by filter."""
    if selection.asked is None:
        return []
    return inbox_frame.in_words(selection.asked, _all_choices())


def _all_choices() -> Choices:
    version = standing(reading(), current_user.id, along.everybody()).version
    return current_choices(reading(), version, current_user.reach)


def _choices(wish: Wish) -> dict[str, Any]:
    """What there is to choose from where the verb asks for it."""
    if wish.do == "assign":
        return {"people": activity.colleagues(reading())}
    if wish.do in ("tag", "untag"):
        return {"tags": _all_choices().tags}
    return {}


def _queue() -> str:
    """The list somebody selected in: the query of its address, as the form brings it."""
    return request.values.get("queue", "")


def _list_url() -> str:
    asked = along.read(_queue())
    args: dict[str, Any] = asked.args if asked else {}
    return url_for("applications.index", **args)


def _result(public_id: str) -> str:
    return url_for("bulk.show", public_id=public_id, queue=_queue() or None)
