"""`/me/second-factor`: setting it up, new recovery codes, and turning it off; and resetting somebody else's."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

import segno
from flask import Blueprint, abort, flash, redirect, render_template, request, session, url_for
from flask_login import current_user
from markupsafe import Markup
from werkzeug.wrappers import Response

from dashboard.clock import utcnow
from dashboard.extensions import db
from dashboard.models import User
from dashboard.permissions import SIGNED_IN, Permission, needs
from dashboard.services import accounts, notices, second_factor, sessions, users
from dashboard.services.accounts import AccountError
from dashboard.services.notices import Notice
from dashboard.services.reminder_rules import Rules
from dashboard.services.second_factor import AlreadyOn, WrongCode
from dashboard.services.throttle import SignInThrottled
from dashboard.web.code import count_a_try, forgive, use_code
from dashboard.web.edge import by_user, reading, settings, writing
from dashboard.web.session import go_on_with

bp = Blueprint("second_factor", __name__)

Answer = Response | str | tuple[str, int]

FRESH: Final = timedelta(minutes=10)
"""For so long the provider's word stands for a password that somebody has not: a stolen session locks nobody out."""
WRONG_CODE: Final = "That code is wrong. Enter the newest code in your app, and check that your phone’s clock is right."
_PROPOSED: Final = "second_factor"
"""Where the cookie has the sealed secret that is being set up."""


@bp.get("/me/second-factor")
@needs(SIGNED_IN)
def index() -> str:
    return _page()


@bp.post("/me/second-factor/start")
@needs(SIGNED_IN)
def start() -> Answer:
    problem = _unproven("password") if _user().has_password else _came_long_ago()
    if problem:
        return _page(problem=problem), 400
    session[_PROPOSED] = second_factor.propose(_user(), settings().secrets, now=utcnow())
    return redirect(url_for("second_factor.index"))


@bp.post("/me/second-factor/confirm")
@needs(SIGNED_IN)
def confirm() -> Answer:
    by = by_user()
    user = accounts.locked(writing(), current_user.id)
    secret = _proposed(user)
    if secret is None:
        flash("That took too long. Start again.", "info")
        return redirect(url_for("second_factor.index"))
    try:
        codes = second_factor.turn_on(reading(), user, secret, request.form.get("code", ""), settings().secrets, by)
        sessions.end_others(reading(), user, current_user.token, by)  # they began with the password alone
    except WrongCode:
        return _page(problem=WRONG_CODE), 400
    except AlreadyOn:
        return redirect(url_for("second_factor.index"))
    token = sessions.renew(reading(), current_user.token)
    db.session.commit()
    go_on_with(token)
    session.pop(_PROPOSED, None)
    return _codes(codes, "Two-step verification is on")


@bp.post("/me/second-factor/codes")
@needs(SIGNED_IN)
def renew() -> Answer:
    if problem := _unproven("codes"):
        return _page(problem=problem, about="codes"), 400
    codes = second_factor.renew_codes(reading(), _user(), settings().secrets, by_user())
    db.session.commit()
    return _codes(codes, "New recovery codes")


@bp.post("/me/second-factor/off")
@needs(SIGNED_IN)
def turn_off() -> Answer:
    if _is_wanted():
        return _page(problem="Your role requires two-step verification."), 400
    if problem := _unproven("off"):
        return _page(problem=problem, about="off"), 400
    user = _user()
    second_factor.reset(reading(), user, by_user())
    sessions.end_others(reading(), user, current_user.token, by_user())
    db.session.commit()
    flash("Two-step verification is off.", "success")
    return redirect(url_for("second_factor.index"))


@bp.post("/admin/users/<public_id>/second-factor/reset")
@needs(Permission.USERS)
def reset(public_id: str) -> Response:
    """For somebody else, who lost phone and recovery codes; one's own takes a proof."""
    user = accounts.find(writing(), public_id) or abort(404)
    if user.id == current_user.id:
        return redirect(url_for("second_factor.index"))
    try:
        was_on, no_mail = users.reset_second_factor(reading(), user.id, by_user()), Rules.of(settings()).no_mail
    except AccountError as problem:
        db.session.rollback()
        flash(str(problem), "error")
        return redirect(url_for("users.show", public_id=public_id))
    if was_on and no_mail is None:
        notices.queue(reading(), Notice.SECOND_FACTOR, user, by_user())
    db.session.commit()
    told = "They get an email about it." if no_mail is None else "No email can be sent, so tell them yourself."
    off = "Two-step verification is not on for this user."
    flash(f"Their two-step verification is reset. {told}" if was_on else off, "success")
    return redirect(url_for("users.show", public_id=public_id))


def _came_long_ago() -> str | None:
    """What is wrong with whoever has no password: theirs is the provider's word, which counts for a while."""
    if not _is_wanted():
        return "You sign in without a password here, so two-step verification would not be used."
    if current_user.began is None or utcnow() - current_user.began > FRESH:
        return "Sign out, sign in again, then set it up within 10 minutes."
    return None


def _unproven(field: str) -> str | None:
    """What is wrong with the proof in this field, a password or a code; None leaves the session writing."""
    given, user_id, now = request.form.get(field, ""), current_user.id, utcnow()
    try:
        if field != "password" and second_factor.is_app_code(given):
            use_code(user_id, given, now=now)
        elif not _is_password(user_id, given):
            return "Wrong password or code. Try again."
    except WrongCode:
        return "That code is wrong or expired. Enter the newest code in your app."
    except SignInThrottled as throttled:
        minutes = -(-throttled.seconds // 60)
        return f"Too many attempts. Try again in {minutes} minute{'s' if minutes != 1 else ''}."
    accounts.locked(writing(), user_id)
    return None


def _is_password(user_id: int, given: str) -> bool:
    """Whether it is theirs; wrong ones are counted as wrong codes are."""
    email = count_a_try(user_id, now=utcnow()).email
    if accounts.authenticate(reading(), email, given) is None:
        return False
    forgive(writing(), email)
    db.session.commit()
    return True


def _page(**words: Any) -> str:
    user = _user()
    secret = None if user.totp_since else _proposed(user)
    return render_template(
        "second_factor/index.html",
        user=user,
        left=second_factor.codes_left(reading(), user.id),
        has_password=user.has_password,
        is_wanted=_is_wanted(),
        secret=secret,
        app_address=second_factor.app_address(user, secret) if secret else None,
        picture=_picture(second_factor.app_address(user, secret)) if secret else None,
        **words,
    )


def _codes(codes: list[str], title: str) -> str:
    return render_template("second_factor/codes.html", codes=codes, title=title, email=current_user.email)


def _picture(words: str) -> Markup:
    """A QR code as SVG: in the page itself, since what it says is nobody else's and no address may serve it."""
    drawn = segno.make(words, error="m", micro=False)
    svg = drawn.svg_inline(border=4, dark="#000", light="#fff", omitsize=True, svgclass=None, lineclass=None)
    return Markup(svg)  # noqa: S704 (the library's own paths and numbers)


def _proposed(user: User) -> str | None:
    return second_factor.proposed(user, session.get(_PROPOSED, ""), settings().secrets, now=utcnow())


def _is_wanted() -> bool:
    return current_user.role in settings().totp_required_roles


def _user() -> User:
    return reading().get_one(User, current_user.id)
