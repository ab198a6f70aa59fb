"""`/login/oidc`: to the OpenID provider, and back."""

from __future__ import annotations

import logging
from datetime import datetime
from typing import Any, Final

from flask import Blueprint, abort, redirect, render_template, request, session, url_for
from flask_login import current_user
from werkzeug.wrappers import Response

from dashboard.audit_actions import Action
from dashboard.clock import utcnow
from dashboard.extensions import db
from dashboard.identity import Attempt, Identity, Provider, SignInFailed
from dashboard.models import User
from dashboard.permissions import PUBLIC, needs
from dashboard.services import accounts, audit, single_sign_on, throttle
from dashboard.services.activity import By
from dashboard.services.single_sign_on import NotAdmitted
from dashboard.services.throttle import SignInThrottled
from dashboard.web.edge import another_site_asks, first_page, reading, remote_address, settings, writing
from dashboard.web.security import OIDC, OIDC_FACTOR
from dashboard.web.session import ask_for_code, begin, onward

bp = Blueprint("oidc", __name__)
log = logging.getLogger(__name__)

LIFE: Final = 1_800
"""Seconds that somebody may take at the provider's."""
_ATTEMPT: Final = "oidc"
_BEGUN_ELSEWHERE: Final = "This sign-in was started in another browser, or too long ago. Please start again."

_STEPS: Final = 2
"""Tries that signing in once counts as: there, and back."""

Answer = Response | tuple[str, int] | tuple[str, int, dict[str, str]]


# GET, and a link: a form that posts may lead nowhere else (form-action 'self'), and nothing changes but a cookie.
@bp.get("/login/oidc")
@needs(PUBLIC)
def go() -> Answer:
    if current_user.is_authenticated:
        return redirect(onward() or first_page())
    if another_site_asks():  # it would have somebody signed in who does not want that
        return redirect(url_for("session.login", next=onward()))
    provider = _provider()
    from dashboard import openid

    try:
        _count_a_try()
        address, attempt = openid.begin(provider)
    except SignInFailed as failed:
        return _refused(failed.words, failed.why, status=failed.status)
    except SignInThrottled as throttled:
        return _wait(throttled)
    session[_ATTEMPT] = {**attempt.as_json(), "at": int(utcnow().timestamp()), "next": onward()}
    return redirect(address)


@bp.get("/login/oidc/callback")
@needs(PUBLIC)
def back() -> Answer:
    now, kept = utcnow(), session.pop(_ATTEMPT, None)
    if kept is None or not 0 <= now.timestamp() - kept["at"] <= LIFE:
        return _refused(_BEGUN_ELSEWHERE, "no attempt of this browser")
    attempt, provider = Attempt(kept["state"], kept["nonce"], kept["verifier"]), _provider()
    from dashboard import openid

    try:
        _count_a_try()
        who = openid.finish(provider, attempt, request.args, now=now)
        user_id = _admitted(who, now)
    except SignInFailed as failed:
        return _refused(failed.words, failed.why, status=failed.status)
    except NotAdmitted as refused:
        return _not_admitted(refused, now)
    except SignInThrottled as throttled:
        return _wait(throttled)
    return _let_in(user_id, who, now=now, wanted=kept["next"])


def _let_in(user_id: int, who: Identity, *, now: datetime, wanted: str | None) -> Response:
    """At once where the provider asked for a second factor, or the role wants none; else asking for ours.

    Whoever has none is in, and led to setting it up (`SignedIn.must_set_up`).
    """
    user = reading().get_one(User, user_id)
    is_wanted = user.role in settings().totp_required_roles and not who.has_second_factor
    if is_wanted and user.totp_since is not None:
        return ask_for_code(user, OIDC, now=now, wanted=wanted)
    begin(user_id, OIDC_FACTOR if who.has_second_factor else OIDC, now=now)
    return redirect(wanted or first_page())


def _admitted(who: Identity, now: datetime) -> int:
    writer = writing()
    user = single_sign_on.admit(writer, who, settings().oidc_roles, By(None, remote_address(), now))
    user_id = user.id
    throttle.forgive_from(writer, remote_address(), door=throttle.PROVIDER, times=_STEPS)
    db.session.commit()
    return user_id


def _count_a_try() -> None:
    """Raises `SignInThrottled`. Commits: nothing is held of the database while somebody else is waited for."""
    try:
        throttle.begin_from(writing(), remote_address(), now=utcnow(), door=throttle.PROVIDER)
    except SignInThrottled:
        db.session.commit()
        raise
    db.session.commit()


def _wait(throttled: SignInThrottled) -> Answer:
    page = render_template("session/login.html", wait_seconds=throttled.seconds, next=onward())
    return page, 429, {"Retry-After": str(throttled.seconds)}


def _not_admitted(refused: NotAdmitted, now: datetime) -> Answer:
    user_id = refused.user.id if refused.user else None
    writer = writing()
    whom = accounts.subject_of(writer.get(User, user_id) if user_id else None)
    audit.note(writer, Action.SIGN_IN_FAILED, at=now, remote_addr=remote_address(), subject=whom, how=OIDC)
    db.session.commit()
    return _refused(refused.words, refused.why, status=403, user_id=user_id)


def _refused(words: str, why: str, *, status: int = 400, user_id: int | None = None) -> Answer:
    log.warning("sign-in through the provider failed: %s (user %s)", why, user_id or "unknown")
    return render_template("session/login.html", errors=[words], next=onward()), status


def _provider() -> Provider:
    return Provider.of(settings()) or _nothing_here()


def _nothing_here() -> Any:
    abort(404)
