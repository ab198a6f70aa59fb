"""`/admin/users`: who may sign in, and as what."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, request, session, url_for
from flask_login import current_user
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from dashboard import user_list
from dashboard.clock import utcnow
from dashboard.extensions import db
from dashboard.models import AccessLink, Role, User
from dashboard.permissions import Permission, needs
from dashboard.services import access_links, accounts, invitations, scopes, sessions, users
from dashboard.services.accounts import AccountError
from dashboard.services.reminder_rules import Rules
from dashboard.web.edge import by_user, reading, settings, writing

bp = Blueprint("users", __name__, url_prefix="/admin/users")

Answer = Response | str | tuple[str, int]

SHOWN_LINK = "shown_link"
"""In the cookie, the public id of the link to show on the next page: alone it opens nothing."""


@bp.get("")
@needs(Permission.USERS)
def index() -> str:
    return _index()


@bp.post("")
@needs(Permission.USERS)
def invite() -> Answer:
    """`sees` = `some`: a recruiter who sees nothing yet; the next page asks which jobs and companies."""
    email, role = request.form.get("email", "")[:320].strip(), request.form.get("role", "")
    sees = request.form.get("sees", "")
    writer = writing()
    try:
        user, link = users.invite(writer, email, role, by_user(), is_limited=sees == "some", mails=_mails())
    except AccountError as problem:
        db.session.rollback()
        return _index(email=email, role=role, sees=sees, problem=str(problem)), 400
    return _hand_over(writer, user, link)


@bp.get("/<public_id>")
@needs(Permission.USERS)
def show(public_id: str) -> str:
    row = user_list.one(reading(), public_id) or abort(404)
    now, rules = utcnow(), Rules.of(settings())
    link, mail = invitations.open_link(reading(), row.user, now)
    return render_template(
        "users/show.html",
        row=row,
        roles=list(Role),
        sessions=sessions.of_user(reading(), row.user.id, now),
        link=link,
        mail=mail,
        link_address=_shown_address(link, rules),
        no_mail=rules.no_mail,
        is_oneself=row.user.id == current_user.id,
    )


@bp.post("/<public_id>/role")
@needs(Permission.USERS)
def set_role(public_id: str) -> Response:
    role, mails = request.form.get("role", ""), _mails()
    return _do(public_id, lambda writer, user: users.set_role(writer, user.id, role, by_user(), mails=mails), _has_role)


@bp.post("/<public_id>/deactivate")
@needs(Permission.USERS)
def deactivate(public_id: str) -> Response:
    return _do(public_id, lambda writer, user: users.deactivate(writer, user.id, by_user()), _is_out)


@bp.post("/<public_id>/reactivate")
@needs(Permission.USERS)
def reactivate(public_id: str) -> Response:
    told, mails = "{0.email} can sign in again.", _mails()
    return _do(public_id, lambda writer, user: users.reactivate(writer, user.id, by_user(), mails=mails), told.format)


@bp.post("/<public_id>/sessions/end")
@needs(Permission.USERS)
def end_sessions(public_id: str) -> Response:
    return _do(
        public_id,
        lambda writer, user: users.end_sessions(writer, user.id, by_user()),
        "{0.email} is signed out everywhere.".format,
    )


@bp.post("/<public_id>/link")
@needs(Permission.USERS)
def make_link(public_id: str) -> Response:
    """A new link to choose a password by, shown once and sent where mail can be."""
    writer = writing()
    user = accounts.find(writer, public_id) or abort(404)
    try:
        link = users.new_link(writer, user.id, by_user())
    except AccountError as problem:
        return _refuse(public_id, problem)
    return _hand_over(writer, user, link)


def _index(**typed: Any) -> str:
    rows, rules = user_list.everybody(reading()), Rules.of(settings())
    return render_template("users/index.html", rows=rows, roles=list(Role), no_mail=rules.no_mail, **typed)


def _hand_over(writer: Session, user: User, link: AccessLink) -> Response:
    """Show the link on the next page, and have it sent where that can be."""
    if _mails():
        invitations.queue(writer, link, by_user())
    session[SHOWN_LINK] = link.public_id
    told = f"{user.email} is invited. Choose which jobs they can see: none until you save. Then their link is shown."
    is_new = user.is_invited and user.is_limited and scopes.of(writer, user).is_empty
    address = url_for("scope.show" if is_new else "users.show", public_id=user.public_id)
    db.session.commit()
    if is_new:
        flash(told, "info")
    return redirect(address)


def _mails() -> bool:
    return Rules.of(settings()).no_mail is None


def _shown_address(link: AccessLink | None, rules: Rules) -> str | None:
    """The address of a link that was made a moment ago: shown once."""
    if link is None or session.pop(SHOWN_LINK, None) != link.public_id:
        return None
    return access_links.address(link, rules.public_url, rules.secrets)


def _do(public_id: str, verb: Callable[[Session, User], object], told: Callable[[User], str]) -> Response:
    """Do it, say so, and show the user. `told`: the words, given the user as they are then."""
    writer = writing()
    user = accounts.find(writer, public_id) or abort(404)
    try:
        verb(writer, user)
    except AccountError as problem:
        return _refuse(public_id, problem)
    words = told(user)
    db.session.commit()
    flash(words, "success")
    return redirect(url_for("users.show", public_id=public_id))


def _refuse(public_id: str, problem: AccountError) -> Response:
    db.session.rollback()
    flash(str(problem), "error")
    return redirect(url_for("users.show", public_id=public_id))


def _has_role(user: User) -> str:
    """Whoever never came has nowhere to be signed out of."""
    then = "They will have it when they first sign in" if user.is_invited else "They are signed out everywhere"
    return f"{user.email} now has the role {user.role_label}. {then}."


def _is_out(user: User) -> str:
    if not (user.has_password or user.oidc_subject):
        return f"{user.email} is deactivated. Their link no longer works."
    return f"{user.email} is deactivated and signed out everywhere. Their past activity stays."
