"""Ways in for people who have no password: the links that open once, and asking for one."""

from __future__ import annotations

from collections.abc import Sequence
from time import monotonic, sleep
from typing import Final

from flask import Blueprint, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from dashboard.clock import utcnow
from dashboard.extensions import db
from dashboard.models import AccessLink, Purpose, Role, User
from dashboard.permissions import FIRST_PAGE, PUBLIC, needs
from dashboard.services import access_links, accounts, invitations, notices, passwords, throttle, users
from dashboard.services.access_links import LinkOver, LinkUnknown
from dashboard.services.accounts import AccountError
from dashboard.services.activity import By
from dashboard.services.notices import Notice
from dashboard.services.reminder_rules import Rules
from dashboard.web import session
from dashboard.web.edge import reading, remote_address, settings, writing

bp = Blueprint("access", __name__)

Answer = Response | str | tuple[str, int] | tuple[str, int, dict[str, str]]

FIRST: Final = (Purpose.SETUP,)
OWN: Final = (Purpose.INVITATION, Purpose.RESET)
ANSWERS_AFTER: Final = 0.5
"""Seconds that asking for a link takes at least: known addresses take a little longer than others, and nobody shall
learn by that who works here."""


@bp.get("/access/<token>")
@needs(PUBLIC)
def show(token: str) -> Answer:
    """Asks for a password, and changes nothing: programs that check links in mails open them too."""
    return _choosing(token)


@bp.post("/access/<token>")
@needs(PUBLIC)
def choose(token: str) -> Answer:
    """Take the password. Whoever has a second factor signs in with both; anybody else is in."""
    try:
        password_hash = _chosen(token, OWN)
        writing()
        link = _read(token, OWN)
        user = passwords.choose(reading(), link, password_hash, _by())
    except (LinkUnknown, LinkOver) as problem:
        return _closed(problem)
    except AccountError as problem:
        return _choosing(token, str(problem))
    if Rules.of(settings()).no_mail is None:
        notices.queue(reading(), Notice.PASSWORD, user, By(link.created_by_id, remote_address(), utcnow()))
    return _enter(user)


@bp.get("/setup/<token>")
@needs(PUBLIC)
def set_up(token: str) -> Answer:
    try:
        _read(token, FIRST)
    except (LinkUnknown, LinkOver) as problem:
        return _closed(problem)
    return render_template("access/set_up.html", token=token)


@bp.post("/setup/<token>")
@needs(PUBLIC)
def begin(token: str) -> Answer:
    """Make the first administrator."""
    email = request.form.get("email", "")[:320]
    try:
        password_hash = _chosen(token, FIRST)
        writing()
        user = passwords.set_up(reading(), _read(token, FIRST), email, password_hash, _by())
    except (LinkUnknown, LinkOver) as problem:
        return _closed(problem)
    except AccountError as problem:
        db.session.rollback()
        return render_template("access/set_up.html", token=token, email=email, problem=str(problem)), 400
    return _enter(user)


@bp.get("/forgot")
@needs(PUBLIC)
def forgot() -> Answer:
    return render_template("access/forgot.html", no_mail=Rules.of(settings()).no_mail)


@bp.post("/forgot")
@needs(PUBLIC)
def ask() -> Answer:
    """Send a link to whoever has the address, if anybody. The answer never tells."""
    began = monotonic()
    email, no_mail = accounts.fold(request.form.get("email", "")[:320]), Rules.of(settings()).no_mail
    if no_mail is not None:
        return render_template("access/forgot.html", no_mail=no_mail), 400
    try:
        _send_link(email)
    except throttle.SignInThrottled as throttled:
        db.session.commit()
        page = render_template("access/forgot.html", no_mail=None, email=email, wait_seconds=throttled.seconds)
        return page, 429, {"Retry-After": str(throttled.seconds)}
    sleep(max(0.0, began + ANSWERS_AFTER - monotonic()))
    return render_template("access/forgot.html", no_mail=None, email=email, asked=True)


def _send_link(email: str) -> None:
    writer, by = writing(), _by()
    throttle.begin(writer, email, remote_address(), now=by.at, door="forgotten")
    link = users.forgotten(writer, email, by)
    if link is not None:
        invitations.queue(writer, link, by)
    db.session.commit()


def _read(token: str, purposes: Sequence[Purpose]) -> AccessLink:
    return access_links.read(reading(), token, purposes, settings().secrets, utcnow())


def _chosen(token: str, purposes: Sequence[Purpose]) -> str:
    """The hash of the password that was typed for a link that is open. Nothing waits for the database meanwhile."""
    user = _read(token, purposes).user
    email = user.email if user else request.form.get("email", "")
    db.session.rollback()
    return passwords.chosen(request.form.get("password", ""), request.form.get("again", ""), email)


def _choosing(token: str, problem: str = "") -> Answer:
    """The page that asks for a password; `problem`: why one was not taken. The link may be over meanwhile."""
    try:
        link = _read(token, OWN)
    except (LinkUnknown, LinkOver) as over:
        return _closed(over)
    page = render_template("access/show.html", token=token, link=link, user=link.user, problem=problem)
    return page, 400 if problem else 200


def _enter(user: User) -> Response:
    user_id, first, has_second_factor = user.id, FIRST_PAGE[Role(user.role)], user.totp_since is not None
    db.session.commit()
    if has_second_factor:
        flash("Your new password is saved. Sign in with it.", "success")
        return redirect(url_for("session.login"))
    session.begin(user_id, "link", now=utcnow())
    return redirect(url_for(first))


def _closed(problem: Exception) -> Answer:
    """The same page whatever is the matter: what it was, only we need to know."""
    db.session.rollback()
    status = 410 if isinstance(problem, LinkOver) else 404
    return render_template("access/closed.html", no_mail=Rules.of(settings()).no_mail), status


def _by() -> By:
    return By(None, remote_address(), utcnow())
