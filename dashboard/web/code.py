"""`/login/code`: the second factor, asked of whoever has given their password, or comes from the OpenID provider."""

from __future__ import annotations

from datetime import datetime

from flask import Blueprint, flash, redirect, render_template, request, session, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from dashboard.audit_actions import Action
from dashboard.clock import utcnow
from dashboard.extensions import db
from dashboard.models import User
from dashboard.permissions import PUBLIC, needs
from dashboard.services import accounts, audit, half_signed_in, second_factor, throttle
from dashboard.services.second_factor import How, WrongCode
from dashboard.web.edge import first_page, reading, remote_address, settings, writing
from dashboard.web.security import OIDC, OIDC_CODE
from dashboard.web.session import HALF, begin, onward

bp = Blueprint("code", __name__)

Answer = Response | str | tuple[str, int] | tuple[str, int, dict[str, str]]


@bp.get("/login/code")
@needs(PUBLIC)
def ask() -> Response | str:
    user = half_signed_in.whose(reading(), session.get(HALF), now=utcnow())
    return _page() if user else _too_late()


@bp.post("/login/code")
@needs(PUBLIC)
def give() -> Answer:
    now = utcnow()
    user = half_signed_in.whose(reading(), session.get(HALF), now=now)
    if user is None:
        return _too_late()
    user_id = user.id
    try:
        how = use_code(user_id, request.form.get("code", ""), now=now)
    except throttle.SignInThrottled as throttled:
        return _page(wait_seconds=throttled.seconds), 429, {"Retry-After": str(throttled.seconds)}
    except WrongCode:
        return _page(is_wrong=True), 401
    wanted, began = onward(), session[HALF].get("how")
    begin(user_id, OIDC_CODE if began == OIDC else how, now=now)
    if how is How.RECOVERY:
        _tell_what_is_left(second_factor.codes_left(reading(), user_id))
    return redirect(wanted or first_page())


def use_code(user_id: int, given: str, *, now: datetime) -> How:
    """Have somebody pass by a code, which is used up. Raises `WrongCode` or `SignInThrottled`. Commits either way."""
    user = count_a_try(user_id, now=now)
    try:
        how = second_factor.check(reading(), user, given, settings().secrets, now=now)
    except WrongCode:
        address, whom = remote_address(), accounts.subject_of(user)
        audit.note(reading(), Action.SIGN_IN_FAILED, at=now, remote_addr=address, subject=whom, how="code")
        db.session.commit()
        raise
    forgive(reading(), user.email)
    db.session.commit()
    return how


def count_a_try(user_id: int, *, now: datetime) -> User:
    """Count a try at the codes of this user, who is held as they are now. Raises `SignInThrottled`."""
    email = writing().get_one(User, user_id).email
    try:
        throttle.begin(reading(), email, remote_address(), now=now, door=throttle.CODES)
    except throttle.SignInThrottled:
        db.session.commit()
        raise
    db.session.commit()
    return accounts.locked(writing(), user_id)


def forgive(writer: Session, email: str) -> None:
    """What was tried was right."""
    throttle.forgive(writer, email, remote_address(), door=throttle.CODES)


def _page(*, is_wrong: bool = False, wait_seconds: int | None = None) -> str:
    asked = {"by_recovery": "recovery" in request.values, "next": onward()}
    return render_template("second_factor/code.html", is_wrong=is_wrong, wait_seconds=wait_seconds, **asked)


def _too_late() -> Response:
    flash("Sign in again: you have 10 minutes to enter the code.", "info")
    return redirect(url_for("session.login", next=onward()))


def _tell_what_is_left(left: int) -> None:
    still = "None is left" if not left else f"{left} {'is' if left == 1 else 'are'} left"
    words = f"You used a recovery code. {still}. Create new ones in your settings, under “Two-step verification”."
    flash(words, "info")
