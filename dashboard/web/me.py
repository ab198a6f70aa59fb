"""On `/me`: one's own password, and where one is signed in."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, request, url_for
from flask_login import current_user
from werkzeug.wrappers import Response

from dashboard.clock import utcnow
from dashboard.extensions import db
from dashboard.permissions import SIGNED_IN, needs
from dashboard.services import accounts, passwords, sessions, throttle
from dashboard.services.accounts import AccountError
from dashboard.web import session, settings
from dashboard.web.edge import by_user, reading, remote_address, writing

bp = Blueprint("me", __name__, url_prefix="/me")

Answer = Response | tuple[str, int] | tuple[str, int, dict[str, str]]


@bp.post("/password")
@needs(SIGNED_IN)
def change_password() -> Answer:
    """Asks for the current one, as often as signing in may: whoever finds a browser open shall not stay."""
    try:
        _check_present(current_user.email, request.form.get("present", ""))
        typed = request.form.get("password", ""), request.form.get("again", "")
        password_hash = passwords.chosen(*typed, current_user.email)
    except throttle.SignInThrottled as throttled:
        db.session.commit()
        return settings.page(str(throttled)), 429, {"Retry-After": str(throttled.seconds)}
    except AccountError as problem:
        return settings.page(str(problem)), 400
    writer = writing()
    user = accounts.locked(writer, current_user.id)
    ended = passwords.change(writer, user, password_hash, current_user.token, by_user())
    token = sessions.renew(writer, current_user.token)
    db.session.commit()
    session.go_on_with(token)
    flash(f"Password changed. {_ended_words(ended)}".strip(), "success")
    return redirect(url_for("settings.index"))


@bp.post("/sessions/<public_id>/end")
@needs(SIGNED_IN)
def end_session(public_id: str) -> Response:
    writer = writing()
    ended = sessions.end(writer, accounts.locked(writer, current_user.id), public_id, by_user())
    db.session.commit()
    flash("That browser is signed out." if ended else "That browser was already signed out.", "success")
    return redirect(url_for("settings.index"))


@bp.post("/sessions/end-others")
@needs(SIGNED_IN)
def end_others() -> Response:
    writer = writing()
    ended = sessions.end_others(writer, accounts.locked(writer, current_user.id), current_user.token, by_user())
    db.session.commit()
    flash(_ended_words(ended) or "You are not signed in anywhere else.", "success")
    return redirect(url_for("settings.index"))


def _check_present(email: str, typed: str) -> None:
    """Raises `AccountError` where it is not the current password, or `SignInThrottled`."""
    throttle.begin(writing(), email, remote_address(), now=utcnow())
    db.session.commit()
    if accounts.authenticate(reading(), email, typed) is None:
        raise AccountError("That is not your current password. Nothing was changed.")
    throttle.forgive(writing(), email, remote_address())
    db.session.commit()


def _ended_words(ended: int) -> str:
    if not ended:
        return ""
    return "You are signed out of 1 other browser." if ended == 1 else f"You are signed out of {ended} other browsers."
