"""Trying the connections out, from the integration page: each says in words what came of it."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, current_app, flash, redirect, render_template, request, url_for
from flask_login import current_user
from markupsafe import Markup
from werkzeug.wrappers import Response

from dashboard import arrivals
from dashboard.audit_actions import Action
from dashboard.clock import utcnow
from dashboard.database import end_reading
from dashboard.extensions import db
from dashboard.permissions import Permission, needs
from dashboard.services import audit, secret_uses
from dashboard.talroo.click_id import EVENTS, valid_click_id
from dashboard.web.edge import notebook, reading, remote_address, settings, writing

bp = Blueprint("rehearsal", __name__, url_prefix="/admin/test")


@bp.post("/application")
@needs(Permission.INTEGRATION)
def application() -> Response:
    """Deliver a signed test application to our own postUrl, as Talroo would."""
    from dashboard.services import rehearsal  # what calls others is loaded where somebody asks

    config = settings()
    if not config.talroo_webhook_secrets:
        flash("No webhook secret is set, so nothing can be signed: TALROO_WEBHOOK_SECRETS.", "error")
        return _back()
    end_reading(reading())  # nobody waits for the database meanwhile, least of all the delivery itself
    told = rehearsal.send_application(config, now=utcnow(), post=current_app.extensions.get("post_test"))
    delivery = arrivals.by_event(reading(), told.event_id or "")
    _note("application", ok=told.ok, delivery=delivery.public_id if delivery else None)
    if told.ok and delivery is None:
        flash(f"{told.words} But it is not in this database: another dashboard answers at that address.", "error")
        return _back()
    link = ""
    if delivery is not None:
        link = Markup(' <a href="{}">See what arrived</a>').format(
            url_for("deliveries.show", public_id=delivery.public_id)
        )
    flash(Markup("{}{}").format(told.words, link), "success" if told.ok else "error")
    return _back()


@bp.post("/app-client")
@needs(Permission.INTEGRATION)
def app_client() -> Response:
    """Ask the Platform API for a token, and a list of one."""
    from dashboard.services import rehearsal

    config = settings()
    end_reading(reading())
    told = rehearsal.try_app_client(config)
    if told.ok and config.talroo_client_secret:
        notebook().proved(secret_uses.APP_CLIENT, config.talroo_client_secret, utcnow())
    _note("app client", ok=told.ok)
    flash(told.words, "success" if told.ok else "error")
    return _back()


@bp.post("/conversion")
@needs(Permission.INTEGRATION)
def conversion() -> Response | str:
    """Show the request; sent only by a second, confirmed one."""
    from dashboard.services import rehearsal

    event, click = request.form.get("event", ""), request.form.get("tlr_sid", "").strip()
    if event not in map(str, EVENTS) or not valid_click_id(click):
        flash("That is no click id: copy tlr_sid from a landing address, such as a UUID of 36 characters.", "error")
        return _back()
    config, number = settings(), int(event)
    if request.form.get("confirmed") != "yes":
        address = rehearsal.conversion_address(config, number, click)
        return render_template("rehearsal/conversion.html", address=address, event=event, tlr_sid=click)
    end_reading(reading())
    told = rehearsal.send_conversion(config, number, click)
    _note("conversion", ok=told.ok, event=number)
    flash(told.words, "success" if told.ok else "error")
    return _back()


@bp.post("/remove")
@needs(Permission.INTEGRATION)
def remove() -> Response:
    """Remove the test applications, with their deliveries."""
    from dashboard.services import erasing, rehearsal

    try:
        number = rehearsal.remove_all(writing(), user_id=current_user.id, remote_addr=remote_address(), now=utcnow())
    except erasing.CannotErase as problem:
        db.session.rollback()
        flash(str(problem), "error")
        return _back()
    db.session.commit()
    flash(f"{number:,} test application{'s' if number != 1 else ''} removed.", "success")
    return _back()


def _note(what: str, *, ok: bool, **details: Any) -> None:
    """Into the audit log: who tried what, and whether it worked."""
    audit.note(
        writing(),
        Action.TEST_SENT,
        at=utcnow(),
        user_id=current_user.id,
        remote_addr=remote_address(),
        what=what,
        ok=ok,
        **details,
    )
    db.session.commit()


def _back() -> Response:
    return redirect(url_for("integration.index"))
