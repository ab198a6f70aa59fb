"""Moving one application: its stage, a hire, a hire taken back; and what Talroo has heard of it."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import timedelta
from types import MappingProxyType
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
from dashboard.services import reading as reading_verbs
from dashboard.services import reporting, review
from dashboard.services.reporting import Rules
from dashboard.services.review import BadChange, Change, Moved, Wanted
from dashboard.stages import REJECTION_REASONS, Stage, still_true
from dashboard.web.edge import reading, remote_address, settings, writing

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


def page(application: Application, typed: Mapping[str, str] = MappingProxyType({})) -> str:
    """An application's page. `typed`: what a refused form held, so that nobody has to write it again."""
    return render_template(
        "applications/show.html",
        sheet=reading_verbs.answers(application),
        click=reading_verbs.click(reading(), application),
        others=queries.others_of(reading(), application),
        timeline=reading_verbs.timeline(reading(), application, now=utcnow()),
        **context(application, typed),
    )


def context(application: Application, typed: Mapping[str, str] = MappingProxyType({})) -> dict[str, object]:
    """What `_outcome.html` shows of an application."""
    now = utcnow()
    reporting_stages = [stage for stage in Stage if stage in rules().conversions or stage in rules().dispositions]
    report = reporting.conversion_of(reading(), application, rules())
    return {
        "application": application,
        "stages": list(Stage),
        "now": now,
        "typed": typed,
        "tells": [(stage, _told_at(application, stage)) for stage in reporting_stages],
        "will_send": reporting.in_words(reading(), application, Stage.HIRED, rules()),
        "report": report if report and _concerns(report, application) else None,
        "taken_back": bool(report and report.stage and not still_true(Stage(report.stage), Stage(application.stage))),
        "is_reported": application.stage in rules().conversions,
        "rejection_reasons": REJECTION_REASONS,
        "seconds_left": max(0, math.ceil((report.due_at - now).total_seconds())) if report else 0,
    }


def _told_at(application: Application, stage: Stage) -> str:
    """What moving to `stage` tells Talroo, without what it does not."""
    words = reporting.in_words(reading(), application, stage, rules())
    return words.removeprefix("no conversion configured; ").removesuffix("; disposition: none configured")


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
    moved = review.move(session, [Wanted(application.id, seen)], change, rules())
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
    return page(_find(public_id), request.form), 409 if moved else 400


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
