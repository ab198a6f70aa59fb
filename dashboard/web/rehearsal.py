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
from dashboard.web import integration
from dashboard.web.edge import notebook, reading, remote_address, settings, writing

bp = Blueprint("rehearsal", __name__, url_prefix="/admin/test")

_NO_CLICK_ID = "That click ID isn’t valid. Copy tlr_sid from a landing page’s address, such as a 36-character UUID."


@bp.post("/application")
@needs(Permission.INTEGRATION)
def application() -> Response:
    """Deliver a signed test application to our own postUrl, as Talroo would."""
    from dashboard.services import rehearsal  # what calls others is loaded where somebody asks

    config = settings()
    if not config.talroo_webhook_secrets:
        return _back("application", "Nothing can be signed: no webhook secret is set (TALROO_WEBHOOK_SECRETS).")
    end_reading(reading())  # nobody waits for the database meanwhile, least of all the delivery itself
    told = rehearsal.send_application(config, now=utcnow(), post=current_app.extensions.get("post_test"))
    delivery = arrivals.by_event(reading(), told.event_id or "")
    _note("application", ok=told.ok, delivery=delivery.public_id if delivery else None)
    if told.ok and delivery is None:
        words = f"{told.words} But it is not in this database: another dashboard answers at that address."
        return _back("application", words)
    link = ""
    if delivery is not None:
        link = Markup(' <a href="{}">View the delivery</a>').format(
            url_for("deliveries.show", public_id=delivery.public_id)
        )
    return _back("application", Markup("{}{}").format(told.words, link), ok=told.ok)


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
    return _back("app-client", told.words, ok=told.ok)


@bp.post("/conversion")
@needs(Permission.INTEGRATION)
def conversion() -> Response | str | tuple[str, int]:
    """Show the request; sent only by a second, confirmed one."""
    from dashboard.services import rehearsal

    event, click = request.form.get("event", ""), request.form.get("tlr_sid", "").strip()
    if event not in map(str, EVENTS) or not valid_click_id(click):
        return integration.page(event=event, tlr_sid=click[:255], problem=_NO_CLICK_ID), 400
    config, number = settings(), int(event)
    if request.form.get("confirmed") != "yes":
        address = rehearsal.conversion_address(config, number, click)
        return render_template("rehearsal/conversion.html", address=address, event=event, tlr_sid=click)
    end_reading(reading())
    told = rehearsal.send_conversion(config, number, click)
    _note("conversion", ok=told.ok, event=number)
    return _back("conversion", told.words, ok=told.ok)


@bp.post("/remove")
@needs(Permission.INTEGRATION)
def remove() -> Response:
    """Remove the test applications, with their deliveries."""
    from dashboard.services import erasing, rehearsal

    try:
        number = rehearsal.remove_all(writing(), user_id=current_user.id, remote_addr=remote_address(), now=utcnow())
    except erasing.CannotErase as problem:
        db.session.rollback()
        return _back("application", str(problem))
    db.session.commit()
    return _back("application", f"{number:,} test application{'s' if number != 1 else ''} removed.", ok=True)


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


def _back(of: str, words: str, *, ok: bool = False) -> Response:
    """To the integration page, where what came of it stands beside the test, and has the focus."""
    flash(words, f"test:{of}:{'success' if ok else 'error'}")
    return redirect(url_for("integration.index", _anchor=f"test-{of}"))
