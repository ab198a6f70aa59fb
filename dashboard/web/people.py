"""One person: all their applications, what people said of who they are, and who is likely the same."""

from __future__ import annotations

from typing import Final

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask_login import current_user
from werkzeug.wrappers import Response

from dashboard import queries
from dashboard.extensions import db
from dashboard.models import Application
from dashboard.permissions import Permission, allows, needs
from dashboard.services import holding, likeness, people
from dashboard.services.people import Person, Saying
from dashboard.services.review import BadChange
from dashboard.web import noting
from dashboard.web.edge import by_user, reading, writing

bp = Blueprint("people", __name__, url_prefix="/people/<public_id>")

SHOWN: Final = 50
"""Applications on the page; of a phone that hundreds share, the inbox has the rest."""
MAX_TYPED: Final = 500


@bp.get("")
@needs(Permission.APPLICATIONS)
def show(public_id: str) -> str:
    """The person who has the application `public_id`. `?said=ID`: of which it was just said who has it."""
    person = people.find(reading(), public_id, current_user.reach) or abort(404)
    application = next(one for one in person.applications if one.public_id == public_id)
    noting.application_shown(application, page="person")
    return render_template(
        "people/show.html",
        application=application,
        person=person,
        shown=person.applications[:SHOWN],
        suggestions=likeness.likely(reading(), person, current_user.reach),
        just_said=_just_said(person, request.args.get("said", "")),
        keeping=_keeping(person),
    )


@bp.post("/same")
@needs(Permission.APPLICATIONS)
def link(public_id: str) -> Response:
    """The application `other` is this person's, too: by its ID, or its address as somebody pasted it."""
    session = writing()
    application, other = _find(public_id), _other()
    if other is None:
        return _refused(public_id)
    try:
        said = people.link(session, application.id, other.id, by_user())
    except BadChange as problem:
        flash(str(problem), "error")
        return redirect(_page(public_id))
    return _answer(public_id, other, said=said)


@bp.post("/different")
@needs(Permission.APPLICATIONS)
def part(public_id: str) -> Response:
    """The application `other` is somebody else's."""
    session = writing()
    application, other = _find(public_id), _other()
    if other is None:
        return _refused(public_id)
    return _answer(public_id, other, said=people.tell_apart(session, application, other, by_user(), current_user.reach))


@bp.post("/take-back")
@needs(Permission.APPLICATIONS)
def take_back(public_id: str) -> Response:
    """What was said of the applications `one` and `other`, with what was said in the same breath."""
    session = writing()
    _find(public_id)
    one, other = (_named(request.form.get(name, "")) for name in ("one", "other"))
    same = {"yes": True, "no": False}.get(request.form.get("same", ""))
    if one and other and people.take_back(session, one.id, other.id, by_user(), current_user.reach, same=same):
        db.session.commit()
        flash("Undone. The matches are up to date.", "success")
    else:
        flash("This was already undone. Nothing was changed.", "info")
    return redirect(_page(public_id))


def _answer(public_id: str, other: Application, *, said: bool) -> Response:
    """Back to the page, which then offers to take back what was said."""
    other_id = other.public_id
    db.session.commit()
    if said:
        return redirect(_page(public_id, said=other_id))
    flash("This was already marked. Nothing was changed.", "info")
    return redirect(_page(public_id))


def _refused(public_id: str) -> Response:
    flash(
        "No application found. Open the other application, copy its link from the address bar, and paste it.",
        "error",
    )
    return redirect(_page(public_id))


def _keeping(person: Person) -> dict[int, set[str]]:
    """How privacy keeps this person's applications, by id, for those who decide that."""
    if not allows(current_user.role, Permission.PRIVACY):
        return {}
    return holding.kinds(reading(), [one.id for one in person.applications[:SHOWN]])


def _just_said(person: Person, public_id: str) -> Saying | None:
    """The newest that was said of an application, however old: an address may be opened again."""
    return next((saying for saying in person.sayings if public_id in saying.of), None)


def _find(public_id: str) -> Application:
    return _named(public_id) or abort(404)


def _named(public_id: str) -> Application | None:
    return queries.application(reading(), public_id[:MAX_TYPED], current_user.reach)


def _other() -> Application | None:
    """The application a form names: by its ID or by an address that ends with it."""
    typed = request.form.get("other", "")[:MAX_TYPED].strip()
    address = typed.partition("?")[0].partition("#")[0].rstrip("/")
    return _named(address.rpartition("/")[2])


def _page(public_id: str, said: str | None = None) -> str:
    return url_for("people.show", public_id=public_id, said=said)
