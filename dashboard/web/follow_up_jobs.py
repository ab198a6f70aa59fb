"""`/incomplete/jobs`: for each job, where a reminder's link leads and whether reminders are automatic."""

from __future__ import annotations

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask_login import current_user
from werkzeug.wrappers import Response

from dashboard.asking import words
from dashboard.audit_actions import Action
from dashboard.clock import utcnow
from dashboard.extensions import db
from dashboard.permissions import Permission, needs
from dashboard.services import audit, cadence, job_follow_ups, stops
from dashboard.services.audit import Subject
from dashboard.services.cadence import MAX_DAYS
from dashboard.services.job_follow_ups import Opened, Wanted
from dashboard.services.reminder_rules import Rules
from dashboard.services.reminder_words import apply_link
from dashboard.web.edge import acting, reading, settings, writing

bp = Blueprint("follow_up_jobs", __name__, url_prefix="/incomplete/jobs")

Answer = Response | tuple[str, int]


@bp.get("")
@needs(Permission.INCOMPLETE)
def index() -> str:
    asked = words(request.args, "q", 200)
    rows = job_follow_ups.listed(reading(), asked)
    return render_template(
        "follow_up_jobs/index.html",
        rows=rows,
        asked=asked,
        most=job_follow_ups.SHOWN_JOBS,
        usual=settings().apply_url,
    )


@bp.get("/<public_id>")
@needs(Permission.INCOMPLETE)
def show(public_id: str) -> Answer:
    found = _find(public_id)
    return _page(found, Wanted.of(found.settings, found.templates))


@bp.post("/<public_id>")
@needs(Permission.INCOMPLETE)
def save(public_id: str) -> Answer:
    session = writing()
    found = _find(public_id)
    wanted = Wanted.read(request.form, found.templates, usual_apply_url=settings().apply_url)
    if wanted.problems:
        return _page(found, wanted, status=400)
    now = utcnow()
    job_follow_ups.save(session, found.job, wanted, user_id=current_user.id, at=now)
    audit.note(session, Action.SETTINGS_CHANGED, at=now, subject=Subject("job", public_id), **acting())
    cadence.replan_job(session, found.job.id, now)
    planned = job_follow_ups.concerned(session, found.job, now).planned
    db.session.commit()
    flash(_told(wanted, planned), "success")
    return redirect(url_for("follow_up_jobs.show", public_id=public_id))


def _told(wanted: Wanted, people: int) -> str:
    if not wanted.active:
        return "Saved. Automatic reminders are off for this job."
    whom = "1 person who already started is" if people == 1 else f"{people} people who already started are"
    return f"Saved. {whom} emailed when their day comes, and so is everybody who starts from now on."


def _page(found: Opened, wanted: Wanted, status: int = 200) -> Answer:
    job, now = found.job, utcnow()
    page = render_template(
        "follow_up_jobs/show.html",
        job=job,
        wanted=wanted,
        saved=found.settings,
        templates=found.templates,
        concerned=job_follow_ups.concerned(reading(), job, now),
        last_day=MAX_DAYS,
        unready=Rules.of(settings()).unready,
        usual=apply_link(job, None, settings().apply_url),
        found=stops.of_job(reading(), job, now=now),
    )
    return page, status


def _find(public_id: str) -> Opened:
    return job_follow_ups.opened(reading(), public_id) or abort(404)
