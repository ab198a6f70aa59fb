"""`/admin/users/ID/scope`: which jobs and companies a recruiter is limited to."""

from __future__ import annotations

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from dashboard.asking import words
from dashboard.extensions import db
from dashboard.models import User
from dashboard.permissions import Permission, needs
from dashboard.services import accounts, scopes
from dashboard.services.review import BadChange
from dashboard.services.scopes import Scope
from dashboard.web.edge import by_user, reading, writing

bp = Blueprint("scope", __name__, url_prefix="/admin/users/<public_id>/scope")

Answer = Response | str | tuple[str, int]


@bp.app_template_global("scope_of")
def scope_of(user: User) -> Scope:
    """What was chosen for a user, for their own page (`users/_scope.html`)."""
    return scopes.of(reading(), user)


@bp.get("")
@needs(Permission.USERS)
def show(public_id: str) -> str:
    user = _user(reading(), public_id)
    return _page(user, scopes.of(reading(), user), words(request.args, "q", 100))


@bp.post("")
@needs(Permission.USERS)
def save(public_id: str) -> Answer:
    """`limited` = `yes`; `job` (public ids) and `company`, repeated. With `do` = `find`, what `q` finds is offered and
    nothing is saved; what is ticked stays ticked.
    """
    session = reading() if request.form.get("do") == "find" else writing()
    user = _user(session, public_id)
    wanted = _wanted(session)
    if request.form.get("do") == "find":
        return _page(user, wanted, words(request.form, "q", 100))
    try:
        hidden = scopes.limit(session, user, wanted, by_user())
    except BadChange as problem:
        db.session.rollback()
        return _page(_user(reading(), public_id), wanted, "", str(problem)), 400
    told = _told(user, wanted, hidden)
    db.session.commit()
    flash(told, "info" if hidden or (wanted.is_limited and wanted.is_empty) else "success")
    return redirect(url_for("users.show", public_id=public_id, _anchor="scope"))


def _wanted(session: Session) -> Scope:
    form = request.form
    is_limited = form.get("limited") == "yes"
    return scopes.chosen(session, form.getlist("job"), form.getlist("company"), is_limited=is_limited)


def _told(user: User, wanted: Scope, hidden: int) -> str:
    if not wanted.is_limited:
        return f"{user.email} can now see all applications."
    if wanted.is_empty:
        return f"{user.email} can’t see any applications until you choose a job or a company."
    words = f"{user.email} can now see only the jobs and companies chosen here."
    if not hidden:
        return words
    what = "1 undecided application" if hidden == 1 else f"{hidden:,} undecided applications"
    return f"{words} They can no longer see {what} assigned to them. Reassign {'it' if hidden == 1 else 'them'}."


def _page(user: User, wanted: Scope, typed: str, problem: str = "") -> str:
    offer = scopes.offered(reading(), typed, wanted)
    return render_template(
        "users/scope.html", user=user, scope=wanted, offer=offer, typed=typed, problem=problem, most=scopes.MOST
    )


def _user(session: Session, public_id: str) -> User:
    return accounts.find(session, public_id) or abort(404)
