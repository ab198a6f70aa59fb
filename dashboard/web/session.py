"""Signing in and out."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final
from urllib.parse import urlsplit

from flask import Blueprint, abort, flash, redirect, render_template, request, session, url_for
from flask_login import current_user, login_user, logout_user
from flask_wtf.csrf import generate_csrf
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from dashboard import audit_list
from dashboard.audit_actions import Action
from dashboard.clock import utcnow
from dashboard.extensions import db
from dashboard.models import Role, User
from dashboard.permissions import PUBLIC, SIGNED_IN, needs
from dashboard.services import accounts, audit, half_signed_in, sessions, throttle
from dashboard.web.edge import first_page, reading, remote_address, writing
from dashboard.web.security import OIDC, SignedIn

bp = Blueprint("session", __name__)

LINK: Final = "link"
"""`LoginSession.how` of whoever came by a link: it was made for them a moment ago, as they know."""
SAID_AT_MOST: Final = 3
DONE: Final = {
    Action.ACCESS_LINK_MADE: "created a password reset link for your account",
    Action.SECOND_FACTOR_OFF: "reset your two-step verification",
}
LET_IN: Final = "gave {} a role that sees applicants, which their own does not"
UNEXPECTED: Final = "If you didn’t expect this, tell another administrator right away."
HALF: Final = "half"
"""Where the cookie says who is half signed in, without their code so far: `services/half_signed_in.py`."""


@bp.get("/login")
@needs(PUBLIC)
def login() -> Response | str:
    if current_user.is_authenticated:
        return redirect(_safe(request.args.get("next")) or first_page())
    nobody_yet = not accounts.has_users(reading())
    return render_template(
        "session/login.html",
        next=_safe(request.args.get("next")),
        nobody_yet=nobody_yet,
        ended=_how_ended(),
    )


def _how_ended() -> sessions.Ending | None:
    """Why this browser's session is over, if it had one. Nobody else has its token, so no stranger learns it."""
    token = session.get("_user_id")
    return sessions.how_ended(reading(), str(token), utcnow()) if token else None


@bp.post("/login")
@needs(PUBLIC)
def sign_in() -> Response | tuple[str, int] | tuple[str, int, dict[str, str]]:
    email, password = request.form.get("email", "")[:320], request.form.get("password", "")
    now, address = utcnow(), remote_address()
    try:
        throttle.begin(writing(), accounts.fold(email), address, now=now)
    except throttle.SignInThrottled as throttled:
        db.session.commit()
        return _again(email, [], wait_seconds=throttled.seconds), 429, {"Retry-After": str(throttled.seconds)}
    db.session.commit()
    # Checked while nothing is being written: argon2 takes its time, and deliveries must not wait for it.
    user = accounts.authenticate(reading(), email, password)
    if user is None:
        _note_failure(email, now)
        return _again(email, ["Wrong email address or password."]), 401
    return enter(user, "password", now=now, wanted=onward())


def enter(user: User, how: str, *, now: datetime, wanted: str | None) -> Response:
    """Let in whoever gave a password, or a link that stands for one: at once, or asking for their second factor first.

    `how`, `now`: as for `begin`. `wanted`: where they wanted to go, on this site.
    """
    if user.totp_since is None:
        begin(user.id, how, now=now)
        return redirect(wanted or first_page())
    return ask_for_code(user, how, now=now, wanted=wanted)


def ask_for_code(user: User, how: str, *, now: datetime, wanted: str | None) -> Response:
    """Have whoever proved half of who they are, as for `enter`, prove the other half."""
    half, whom, before = half_signed_in.begin(user, how, now=now), accounts.subject_of(user), _token()
    writer = writing()
    by: dict[str, Any] = {"how": how} if how == OIDC else {}
    _end(before, now)
    # Nobody is in yet; but should no code follow, somebody else may have the password.
    audit.note(writer, Action.PASSWORD_ACCEPTED, at=now, remote_addr=remote_address(), subject=whom, **by)
    db.session.commit()
    session.clear()
    session[HALF] = half
    return redirect(url_for("code.ask", next=wanted))


def onward() -> str | None:
    """Where whoever signs in wanted to go, as the form or the address says: a path on this site, or None."""
    return _safe(request.values.get("next"))


def begin(user_id: int, how: str, *, now: datetime) -> None:
    """Sign this browser in as a user who has proved who they are; nothing that its cookie held before stays. Commits.

    `how`: `LoginSession.how`. `now`: when the proof was given. Answers 401 where it is worth nothing any more: whoever
    was deactivated, or given another password, since then.
    """
    before = _token()
    writer, address = writing(), remote_address()
    _end(before, now)
    try:
        user = accounts.locked(writer, user_id)
        token = accounts.sign_in(writer, user, address=address, user_agent=str(request.user_agent), how=how, now=now)
    except accounts.ProofOutdated:
        abort(401)
    audit.note(writer, Action.SIGNED_IN, at=now, user_id=user.id, remote_addr=address, how=how)
    signed_in = SignedIn(user, token)
    told = [] if how == LINK else _done_meanwhile(writer, user, now)
    db.session.commit()
    session.clear()
    login_user(signed_in)
    session.permanent = True
    generate_csrf()  # now, or two pages asked for at once each make another, and one of their forms is refused
    for words in told:
        flash(words, "info")


def _done_meanwhile(reader: Session, user: User, now: datetime) -> list[str]:
    """What others did to this user's way in since they last came, and, for HR administrators, whom others who see no
    applicants let see them: where no mail can be sent, nobody else tells them."""
    since = sessions.last_before(reader, user.id, now) or user.created_at
    entries = audit_list.done_to(reader, user.id, user.public_id, since)
    done = [(entry, DONE[Action(entry.action)]) for entry in entries[:SAID_AT_MOST]]
    if user.role == Role.HR_ADMIN:
        let_in = audit_list.let_in(reader, user.id, user.public_id, since)[:SAID_AT_MOST]
        whom = audit_list.addresses(reader, let_in)
        done += [(entry, LET_IN.format(whom[entry.subject_id or ""])) for entry in let_in]
    return [
        f"Since you last signed in, {entry.actor.email if entry.actor else 'the operator of the dashboard'} "
        f"{words}. {UNEXPECTED}"
        for entry, words in done
    ]


def go_on_with(token: str) -> None:
    """Have this browser's session go on by another token. After the commit that made it worth something."""
    session["_user_id"] = current_user.token = token


@bp.post("/logout")
@needs(SIGNED_IN)
def logout() -> Response:
    writer, now = writing(), utcnow()
    accounts.sign_out(writer, current_user.token, now=now)
    audit.note(writer, Action.SIGNED_OUT, at=now, user_id=current_user.id, remote_addr=remote_address())
    db.session.commit()
    logout_user()
    session.clear()
    flash("You are signed out.", "success")
    return redirect(url_for("session.login"))


def _token() -> str | None:
    """Of the session that this browser has already, if any."""
    return current_user.token if current_user.is_authenticated else None


def _end(token: str | None, now: datetime) -> None:
    """No cookie leads any more to the session that a browser had before it began another."""
    if token:
        accounts.sign_out(reading(), token, now=now)


def _note_failure(email: str, now: datetime) -> None:
    """Whose sign-in failed, if anybody's: what was typed may be somebody's password."""
    writer = writing()
    subject = accounts.subject_of(accounts.find_by_email(writer, email))
    audit.note(writer, Action.SIGN_IN_FAILED, at=now, remote_addr=remote_address(), subject=subject)
    db.session.commit()


def _again(email: str, errors: list[str], wait_seconds: int | None = None) -> str:
    return render_template(
        "session/login.html",
        email=email,
        errors=errors,
        wait_seconds=wait_seconds,
        next=_safe(request.form.get("next")),
    )


def _safe(target: str | None) -> str | None:
    """`target` if it is a path on this site. Browsers read `\\` as `/` and drop tabs and line breaks."""
    if (
        not target
        or not target.startswith("/")
        or target.startswith("//")
        or "\\" in target
        or not target.isprintable()
    ):
        return None
    parts = urlsplit(target)
    return target if not parts.scheme and not parts.netloc else None
