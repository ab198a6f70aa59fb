"""Moving one application: its stage, a hire, a hire taken back; and what Talroo has heard of it."""

from __future__ import annotations

import re
from typing import Final

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask_login import current_user
from werkzeug.wrappers import Response

from dashboard import queries
from dashboard.clock import utcnow
from dashboard.extensions import db
from dashboard.models import Application, Outbound, StageChange
from dashboard.models.outbound import State
from dashboard.permissions import Permission, needs
from dashboard.services import reporting, review
from dashboard.services.review import BadChange, Change, Moved, Wanted
from dashboard.stages import Stage
from dashboard.web import application_page
from dashboard.web.edge import reading, remote_address, reporting_rules, writing

bp = Blueprint("outcome", __name__, url_prefix="/applications/<public_id>")

Answer = Response | tuple[str, int]

STEPS_TOLD: Final = 5
"""Of what happened meanwhile: the flash travels in a cookie, and browsers keep 4 KB."""


@bp.post("/stage")
@needs(Permission.APPLICATIONS)
def change_stage(public_id: str) -> Answer:
    return _answer(public_id, _move(public_id, request.form.get("stage", "")))


@bp.post("/hire")
@needs(Permission.APPLICATIONS)
def hire(public_id: str) -> Answer:
    """Mark hired: the same as moving to that stage."""
    return _answer(public_id, _move(public_id, Stage.HIRED))


@bp.post("/unhire")
@needs(Permission.APPLICATIONS)
def unhire(public_id: str) -> Response:
    """Take a hire back: to the stage the person was in before."""
    application = _find(public_id)
    if application.stage != Stage.HIRED:
        flash("This person is not marked hired. Nothing was changed.", "info")
        return redirect(_page(public_id))
    report_id = getattr(reporting.conversion_of(reading(), application, reporting_rules()), "id", None)
    moved = _move(public_id, review.stage_before(reading(), application.id))
    if moved and moved.changed and report_id is not None:
        _say_what_was_sent(reading().get_one(Outbound, report_id))
    return redirect(_page(public_id))


@bp.get("/outcome")
@needs(Permission.APPLICATIONS)
def show(public_id: str) -> str:
    """The part of the page that changes by itself while a report is on its way."""
    return render_template("applications/_outcome.html", **application_page.context(_find(public_id)))


def _move(public_id: str, stage: str) -> Moved | None:
    """Move one application as the form says, and tell whoever asked what they could not have known. None: refused."""
    form = request.form
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
    session = writing()
    application = _find(public_id)
    moved = review.move(session, [Wanted(application.id, seen)], change, reporting_rules())
    if moved.overtaken:
        _say_what_happened(application.id, seen or 0)
    if moved.unchanged:
        flash(f"The stage was {change.to.label} already. Nothing was changed.", "info")
    if moved.noted:
        flash("The note is in the history. The stage stays as it was.", "success")
    db.session.commit()
    return moved


def _answer(public_id: str, moved: Moved | None) -> Answer:
    """Back to the page; where nothing was done, the page itself, with what was typed still in the form."""
    if moved and not moved.overtaken:
        return redirect(_page(public_id))
    return application_page.page(_find(public_id), request.form), 409 if moved else 400


def _say_what_happened(application_id: int, seen: int) -> None:
    steps = review.changes_since(reading(), application_id, seen)[-STEPS_TOLD:]
    told = "; ".join(_told(step) for step in steps) or "the page was out of date"
    flash(f"Somebody was faster, so nothing was changed: {told}. Look again, then decide.", "error")


def _told(step: StageChange) -> str:
    return f"{step.actor[:100]} {'wrote a note' if step.is_note else f'moved it {step.text}'}"


def _say_what_was_sent(report: Outbound) -> None:
    """After a hire was taken back: what of it cannot be."""
    if report.state == State.SENT:
        flash("The conversion was already sent to Talroo, and a conversion cannot be recalled.", "info")
    elif report.state == State.SENDING:
        flash("The conversion is being sent to Talroo at this moment, and a conversion cannot be recalled.", "info")
    elif report.uncertain:
        flash("Nobody knows whether Talroo heard the conversion; if it did, it cannot be recalled.", "info")


def _find(public_id: str) -> Application:
    return queries.application(reading(), public_id) or abort(404)


def _page(public_id: str) -> str:
    return url_for("applications.show", public_id=public_id)
