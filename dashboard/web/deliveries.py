"""What Talroo sent, with verdicts, and reading it again."""

from __future__ import annotations

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask_login import current_user
from werkzeug.wrappers import Response

from dashboard import queries
from dashboard.clock import utcnow
from dashboard.extensions import db
from dashboard.permissions import Permission, allows, needs
from dashboard.queries import Deliveries
from dashboard.services import intake
from dashboard.services.files import FileMissing
from dashboard.web.edge import file_store, following, reading, writing

bp = Blueprint("deliveries", __name__, url_prefix="/admin/deliveries")

STATUSES = ("accepted", "kept", "quarantined")
SHOWN_CHARACTERS = 200_000


@bp.get("")
@needs(Permission.DELIVERIES)
def index() -> str:
    status = request.args.get("status", "")
    asked = Deliveries(status if status in STATUSES else "")
    page = queries.deliveries_page(reading(), asked, request.args.get("after"))
    return render_template(
        "deliveries/index.html",
        page=page,
        filters=asked,
        counts=queries.status_counts(reading(), ("kept", "quarantined")),
        next_url=following("deliveries.index", {"status": asked.status} if asked.status else {}, page),
    )


@bp.get("/<public_id>")
@needs(Permission.DELIVERIES)
def show(public_id: str) -> str:
    delivery = queries.delivery(reading(), public_id) or abort(404)
    body = None
    restricted = delivery.application is not None and delivery.application.restricted_at is not None
    if allows(current_user.role, Permission.CONTENTS) and not restricted:
        body = delivery.body[:SHOWN_CHARACTERS].decode("utf-8", "replace")
    return render_template("deliveries/show.html", delivery=delivery, body_text=body)


@bp.post("/<public_id>/replay")
@needs(Permission.DELIVERIES)
def replay(public_id: str) -> Response:
    """Read a delivery again, as this version understands it. Reading it twice changes nothing twice."""
    delivery = queries.delivery(writing(), public_id) or abort(404)
    try:
        outcome = intake.replay(db.session(), delivery, files=file_store(), now=utcnow())
    except FileMissing:
        db.session.rollback()
        flash("A file of this delivery is missing from the file store, so it cannot be read again.", "error")
        return redirect(url_for("deliveries.show", public_id=public_id))
    db.session.commit()
    if outcome.status == "erased":
        flash(outcome.reason or "", "error")
    elif outcome.status == "accepted":
        flash("Read again: its application is filed.", "success")
    else:
        flash(f"Read again, and still not understood. {outcome.reason}", "info")
    return redirect(url_for("deliveries.show", public_id=public_id))
