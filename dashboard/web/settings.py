"""`/me`: what everybody sets for themselves: shortcuts, and the morning email. `me` has what else stands there."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_login import current_user
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from dashboard import audit_list
from dashboard.audit_actions import Action
from dashboard.clock import utcnow
from dashboard.extensions import db
from dashboard.models import User
from dashboard.permissions import SIGNED_IN, Permission, allows, needs
from dashboard.services import accounts, audit, mornings, sessions
from dashboard.services.audit import Subject
from dashboard.services.reminder_rules import Rules
from dashboard.web.edge import acting, reading, settings, writing
from dashboard.web.formatting import told_zone, viewer_zone
from dashboard.web.session import DONE, UNEXPECTED

bp = Blueprint("settings", __name__)

TOLD_FOR: Final = timedelta(days=90)
"""For how long the page says what others did to somebody's way in."""


@bp.get("/me")
@needs(SIGNED_IN)
def index() -> str:
    return page()


def page(password_problem: str = "") -> str:
    """The whole page. `password_problem`: why the password was not changed, if somebody tried to."""
    session = reading()
    user = session.get_one(User, current_user.id)
    return render_template(
        "settings/index.html",
        user=user,
        here=_zone_for(user),
        hour=mornings.BEGINS,
        last=mornings.last_of(session, user.id) if user.morning_at else None,
        no_mail=Rules.of(settings()).no_mail,
        sessions=sessions.of_user(session, user.id, utcnow()),
        here_hash=accounts.hashed_token(current_user.token),
        password_problem=password_problem,
        done=audit_list.done_to(session, user.id, user.public_id, utcnow() - TOLD_FOR),
        done_words=DONE,
        unexpected=UNEXPECTED,
    )


@bp.post("/me")
@needs(SIGNED_IN)
def save() -> Response:
    session = writing()
    accounts.use_single_keys(session, current_user.id, wanted="single_keys" in request.form)
    if allows(current_user.role, Permission.APPLICATIONS):
        _set_morning_mail(session, wanted="morning_mail" in request.form)
    if allows(current_user.role, Permission.INTEGRATION):
        accounts.want_alerts(session, current_user.id, wanted="alert_mail" in request.form)
    audit.note(
        session, Action.SETTINGS_CHANGED, at=utcnow(), subject=Subject("user", current_user.public_id), **acting()
    )
    db.session.commit()
    flash("Settings saved.", "success")
    return redirect(url_for("settings.index"))


def _set_morning_mail(session: Session, *, wanted: bool) -> None:
    if wanted:
        zone = _zone_for(session.get_one(User, current_user.id))
        mornings.want(session, current_user.id, zone=zone, now=utcnow())
    else:
        mornings.want_none(session, current_user.id)


def _zone_for(user: User) -> str:
    """The time zone this browser is in; where it does not say, the one the user has."""
    return str(viewer_zone()) if told_zone() else user.time_zone
