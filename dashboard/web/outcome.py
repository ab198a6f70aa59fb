"""Moving one application: its stage, a hire, a hire taken back; and what Talroo has heard of it."""

from __future__ import annotations

import re
from datetime import timedelta

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
from dashboard.services.review import BadChange, Change, Wanted
from dashboard.stages import REJECTION_REASONS, Stage
from dashboard.web.edge import reading, remote_address, settings, writing

bp = Blueprint("outcome", __name__, url_prefix="/applications/<public_id>")


@bp.post("/stage")
@needs(Permission.APPLICATIONS)
def change_stage(public_id: str) -> Response:
    return _move(public_id, request.form.get("stage", ""))


@bp.post("/hire")
@needs(Permission.APPLICATIONS)
def hire(public_id: str) -> Response:
    """Mark hired: the same as moving to that stage."""
    return _move(public_id, Stage.HIRED)


@bp.post("/unhire")
@needs(Permission.APPLICATIONS)
def unhire(public_id: str) -> Response:
    """Take a hire back: to the stage the person was in before."""
    application = _find(public_id)
    if application.stage != Stage.HIRED:
        flash("This person is not marked hired. Nothing was changed.", "info")
        return redirect(_page(public_id))
    sent = reporting.conversion_of(reading(), application)
    answer = _move(public_id, review.stage_before(reading(), application.id))
    if sent and sent.state in (State.SENT, State.SENDING):
        flash("The conversion was already sent to Talroo, and a conversion cannot be recalled.", "info")
    return answer


@bp.get("/outcome")
@needs(Permission.APPLICATIONS)
def show(public_id: str) -> str:
    """The part of the page that changes by itself while a report is on its way."""
    return render_template("applications/_outcome.html", **context(_find(public_id)))


def context(application: Application) -> dict[str, object]:
    """What `_outcome.html` shows of an application."""
    now = utcnow()
    report = reporting.conversion_of(reading(), application)
    return {
        "application": application,
        "stages": list(Stage),
        "now": now,
        "will_send": rules().in_words(application, Stage.HIRED),
        "report": report if report and _concerns(report, application) else None,
        "rejection_reasons": REJECTION_REASONS,
        "seconds_left": max(0, round((report.due_at - now).total_seconds())) if report else 0,
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


def _move(public_id: str, stage: str) -> Response:
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
        return redirect(_page(public_id))
    moved = review.move(session, [Wanted(application.id, seen)], change, rules())
    if moved.overtaken:
        _say_what_happened(application.id, seen or 0)
    db.session.commit()
    return redirect(_page(public_id))


def _say_what_happened(application_id: int, seen: int) -> None:
    steps = review.changes_since(reading(), application_id, seen)
    told = "; ".join(f"{step.actor} moved it {step.text}" for step in steps)
    flash(f"Somebody was faster, so nothing was changed: {told}. Look again, then decide.", "error")


def _find(public_id: str) -> Application:
    return queries.application(reading(), public_id, completed=True) or abort(404)


def _page(public_id: str) -> str:
    return url_for("applications.show", public_id=public_id)
