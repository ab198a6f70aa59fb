"""What colleagues say and do on an application's page: rate, assign, tag, note; and who is looking at it.

Every form goes back to the page it stands on; sent by htmx, it gets that part of the page anew. Rating, assigning,
tagging and noting are one form, so that what somebody has typed in the other fields stands there still.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from flask import Blueprint, abort, flash, redirect, render_template, request
from flask_login import current_user
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from dashboard import queries
from dashboard.clock import utcnow
from dashboard.models import Application, Note
from dashboard.permissions import Permission, needs
from dashboard.services import accounts, notes, tagging, teamwork, viewing
from dashboard.services.review import BadChange
from dashboard.web import along, application_page, noting
from dashboard.web.edge import by_user, reading, writing

bp = Blueprint("team", __name__, url_prefix="/applications/<public_id>")

Answer = Response | str | tuple[str, int]

NOTHING_SEEN: Final = '<svg xmlns="http://www.w3.org/2000/svg" width="1" height="1"/>'


@bp.post("/rating")
@needs(Permission.APPLICATIONS)
def rate(public_id: str) -> Answer:
    """`rating`: 1 to 4; empty takes it away."""
    session, application = _begin(public_id)
    try:
        teamwork.rate(session, [application.id], teamwork.read_rating(request.form.get("rating", "")), by_user())
    except BadChange as problem:
        return _refused(public_id, problem)
    return _done(session, public_id)


@bp.post("/assign")
@needs(Permission.APPLICATIONS)
def assign(public_id: str) -> Answer:
    """`assigned`: "me", "none", or a user's public id; of two, the button's, which comes after what is chosen."""
    chosen = (request.form.getlist("assigned") or [""])[-1]
    session, application = _begin(public_id)
    try:
        teamwork.assign(session, [application.id], _whom(session, chosen), by_user())
    except BadChange as problem:
        return _refused(public_id, problem)
    return _done(session, public_id)


@bp.post("/tags")
@needs(Permission.APPLICATIONS)
def tag(public_id: str) -> Answer:
    """`tag`: its name."""
    session, application = _begin(public_id)
    try:
        done = tagging.tag(session, [application.id], request.form.get("tag", ""), by_user())
    except BadChange as problem:
        return _refused(public_id, problem)
    return _done(session, public_id, "tag", told=[(f"{why}. Nothing was changed.", "info") for _, why in done.skipped])


@bp.post("/tags/remove")
@needs(Permission.APPLICATIONS)
def untag(public_id: str) -> Answer:
    """`off`, or `tag`: its public id, or its name. Taken off by somebody else before, it stays off."""
    session, application = _begin(public_id)
    found = tagging.find(session, request.form.get("off") or request.form.get("tag", ""))
    if found is not None:
        tagging.untag(session, [application.id], found, by_user())
    return _done(session, public_id, "tag")


@bp.post("/notes")
@needs(Permission.APPLICATIONS)
def write(public_id: str) -> Answer:
    """`body`: the words. `token`: made with the form, so that a double click writes one note."""
    session, application = _begin(public_id)
    try:
        written = notes.write(
            session, [application.id], request.form.get("body", ""), by_user(), token=request.form.get("token", "")
        )
    except BadChange as problem:
        return _refused(public_id, problem)
    return _done(session, public_id, "body", told=[_who_is_told(written)])


@bp.post("/notes/<note_id>")
@needs(Permission.APPLICATIONS)
def edit(public_id: str, note_id: str) -> Answer:
    """`body`: the new words. `edits`: the edition they were written over; a newer one is not lost, nor are they."""
    session, application = _begin(public_id)
    note, body = _note(session, application, note_id), request.form.get("body", "")
    try:
        changed = notes.edit(session, note, body, by_user(), seen=_seen())
    except BadChange as problem:
        return _refused(public_id, problem, {"body": body, "note": note_id})
    if changed:
        return _done(session, public_id, "body")
    if note.removed_at is None:
        flash("This note was changed meanwhile, so nothing was overwritten. Look at both, then save again.", "error")
        return _page(public_id, {"body": body, "note": note_id}, 409)
    flash("This note was removed meanwhile. What you wrote stands in the form for a new one.", "error")
    return _page(public_id, {"body": body}, 409)


@bp.post("/notes/<note_id>/remove")
@needs(Permission.APPLICATIONS)
def remove(public_id: str, note_id: str) -> Answer:
    """`edits`: the edition that was seen."""
    session, application = _begin(public_id)
    try:
        removed = notes.remove(session, _note(session, application, note_id), by_user(), seen=_seen())
    except BadChange as problem:
        return _refused(public_id, problem)
    if removed:
        return _done(session, public_id, "body")
    flash("This note was changed meanwhile, so it was not removed. Read it again, then decide.", "error")
    return _page(public_id, {}, 409)


@bp.post("/looking")
@needs(Permission.APPLICATIONS)
def looking(public_id: str) -> str:
    """Whoever sends this has the page open: it is read, and so is what its notes say to them. Who else has it open."""
    application = _note_a_look(public_id)
    others = viewing.who_is_looking(reading(), application.id, utcnow(), but=current_user.id)
    return render_template("applications/_who_is_looking.html", looking=others)


@bp.get("/looking.svg")
@needs(Permission.APPLICATIONS)
def look(public_id: str) -> Response:
    """The same as a picture of nothing, for browsers without scripts. Prefetching a page does not load it."""
    _note_a_look(public_id)
    return Response(NOTHING_SEEN, mimetype="image/svg+xml")


def _note_a_look(public_id: str) -> Application:
    application, now = _find(public_id), utcnow()
    noting.kept_page_shown(application)
    if viewing.must_note(reading(), current_user.id, application.id, now):
        number, session = application.id, writing()
        viewing.see(session, current_user.id, number, now)
        notes.read_mentions(session, current_user.id, number, now)
        session.commit()
    return application


def _begin(public_id: str) -> tuple[Session, Application]:
    """As a writer from the first statement on."""
    session = writing()
    return session, _find(public_id)


def _seen() -> int:
    """The edition a note was changed over, or a number that none has."""
    typed = request.form.get("edits", "")
    return int(typed) if re.fullmatch(r"[0-9]{1,9}", typed, re.ASCII) else -1


def _whom(session: Session, typed: str) -> int | None:
    if typed == "none":
        return None
    user = accounts.find(session, current_user.public_id if typed == "me" else typed)
    return user.id if user else -1


def _who_is_told(written: notes.Written) -> tuple[str, str]:
    """What to say of it, and as what."""
    said = ["The note is written."]
    if written.told:
        said.append(f"Told of it: {_some(written.told)}.")
    if written.strangers:
        said.append(f"Nobody is called {_some(written.strangers)}.")
    if written.kept_out:
        said.append(f"Not told, because they may not see this application: {_some(written.kept_out)}.")
    return " ".join(said), "info" if written.strangers or written.kept_out else "success"


def _some(names: tuple[str, ...]) -> str:
    return f"{', '.join(names[:5])}{', …' if len(names) > 5 else ''}"


def _note(session: Session, application: Application, note_id: str) -> Note:
    note = notes.find(session, note_id)
    return note if note is not None and note.application_id == application.id else abort(404)


def _done(session: Session, public_id: str, *sent: str, told: Iterable[tuple[str, str]] = ()) -> Answer:
    """Back, with what there is to tell; what is typed and was not `sent` still stands in its field."""
    session.commit()
    for words, kind in told:
        flash(words, kind)
    beside = {name: request.form.get(name, "") for name in ("body", "tag") if name not in sent}
    return _page(public_id, {name: typed for name, typed in beside.items() if typed.strip()}, 200)


def _refused(public_id: str, problem: BadChange, typed: Mapping[str, str] | None = None) -> Answer:
    reading().rollback()
    flash(str(problem), "error")
    return _page(public_id, request.form if typed is None else typed, 400)


def _page(public_id: str, typed: Mapping[str, Any], status: int) -> Answer:
    """Back to the page; the page itself where something `typed` has to be shown; to htmx, the part that changed."""
    if "HX-Request" in request.headers:
        return application_page.team_part(_read(public_id), typed)
    if status == 200 and not typed:
        return redirect(f"{along.page_of(public_id)}#team")
    return application_page.page(_read(public_id), team_typed=typed), status


def _find(public_id: str) -> Application:
    return queries.application(reading(), public_id, current_user.reach) or abort(404)


def _read(public_id: str) -> Application:
    return queries.application_to_read(reading(), public_id, current_user.reach) or abort(404)
