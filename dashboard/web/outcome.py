"""Moving one application: its stage, a hire, a hire taken back; and what Talroo has heard of it."""

from __future__ import annotations

import math
import re
from datetime import timedelta
from typing import Final

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask_login import current_user
from werkzeug.wrappers import Response

from dashboard import queries
from dashboard.clock import utcnow
from dashboard.extensions import db
from dashboard.models import Application, Outbound
from dashboard.models.outbound import State
from dashboard.permissions import Permission, needs
from dashboard.services import reporting, review
from dashboard.services.reporting import Rules
from dashboard.services.review import BadChange, Change, Moved, Wanted
from dashboard.stages import REJECTION_REASONS, Stage
from dashboard.web.edge import reading, remote_address, settings, writing

bp = Blueprint("outcome", __name__, url_prefix="/applications/<public_id>")

STEPS_TOLD: Final = 5
"""Of what happened meanwhile: the flash travels in a cookie, and browsers keep 4 KB."""


@bp.post("/stage")
@needs(Permission.APPLICATIONS)
def change_stage(public_id: str) -> Response:
    _move(public_id, request.form.get("stage", ""))
    return redirect(_page(public_id))


@bp.post("/hire")
@needs(Permission.APPLICATIONS)
def hire(public_id: str) -> Response:
    """Mark hired: the same as moving to that stage."""
    _move(public_id, Stage.HIRED)
    return redirect(_page(public_id))


@bp.post("/unhire")
@needs(Permission.APPLICATIONS)
def unhire(public_id: str) -> Response:
    """Take a hire back: to the stage the person was in before."""
    application = _find(public_id)
    if application.stage != Stage.HIRED:
        flash("This person is not marked hired. Nothing was changed.", "info")
        return redirect(_page(public_id))
    report_id = getattr(reporting.conversion_of(reading(), application, rules()), "id", None)
    moved = _move(public_id, review.stage_before(reading(), application.id))
    if moved and moved.changed and report_id is not None:
        _say_what_was_sent(reading().get_one(Outbound, report_id))
    return redirect(_page(public_id))


@bp.get("/outcome")
@needs(Permission.APPLICATIONS)
def show(public_id: str) -> str:
    """The part of the page that changes by itself while a report is on its way."""
    return render_template("applications/_outcome.html", **context(_find(public_id)))


def context(application: Application) -> dict[str, object]:
    """What `_outcome.html` shows of an application."""
    now = utcnow()
    report = reporting.conversion_of(reading(), application, rules())
    return {
        "application": application,
        "stages": list(Stage),
        "now": now,
        "will_send": reporting.in_words(reading(), application, Stage.HIRED, rules()),
        "report": report if report and _concerns(report, application) else None,
        "is_reported": application.stage in rules().conversions,
        "rejection_reasons": REJECTION_REASONS,
        "seconds_left": max(0, math.ceil((report.due_at - now).total_seconds())) if report else 0,
    }


def rules() -> Rules:
    config = settings()
    return Rules(
        conversions=config.talroo_conversion_events,
        dispositions=config.talroo_disposition_events,
        hold=timedelta(seconds=config.talroo_conversion_hold),
    )


def _concerns(report: Outbound, application: Application) -> bool:
    """A cancelled report is worth a line only while somebody may wonder whether it went out."""
    return report.state != State.CANCELLED or application.stage != Stage.HIRED


def _move(public_id: str, stage: str) -> Moved | None:
    """Move one application as the form says, and tell whoever asked what they could not have known. None: refused."""
    form = request.form
    session = writing()
    application = _find(public_id)
    version = form.get("version", "")
    seen = int(version) if re.fullmatch(r"[0-9]{1,9}", version, re.ASCII) else None
    try:
        change = Change.read(
            stage,
            user_id=current_user.id,
            remote_addr=remote_address(),
            at=utcnow(),
            reason=form.get("reason", ""),
            note=form.get("note", ""),
            start_date=form.get("start_date", ""),
        )
    except BadChange as problem:
        flash(str(problem), "error")
        return None
    moved = review.move(session, [Wanted(application.id, seen)], change, rules())
    if moved.overtaken:
        _say_what_happened(application.id, seen or 0)
    if moved.unchanged:
        flash(f"The stage was {change.to.label} already. Nothing was changed.", "info")
    db.session.commit()
    return moved


def _say_what_happened(application_id: int, seen: int) -> None:
    steps = review.changes_since(reading(), application_id, seen)[-STEPS_TOLD:]
    told = "; ".join(f"{step.actor[:100]} moved it {step.text}" for step in steps) or "the page was out of date"
    flash(f"Somebody was faster, so nothing was changed: {told}. Look again, then decide.", "error")


def _say_what_was_sent(report: Outbound) -> None:
    """After a hire was taken back: what of it cannot be."""
    if report.state == State.SENT:
        flash("The conversion was already sent to Talroo, and a conversion cannot be recalled.", "info")
    elif report.state == State.SENDING:
        flash("The conversion is being sent to Talroo at this moment, and a conversion cannot be recalled.", "info")
    elif report.uncertain:
        flash("Nobody knows whether Talroo heard the conversion; if it did, it cannot be recalled.", "info")


def _find(public_id: str) -> Application:
    return queries.application(reading(), public_id, completed=True) or abort(404)


def _page(public_id: str) -> str:
    return url_for("applications.show", public_id=public_id)
