"""Drop-off: which question of a form loses how many."""

from __future__ import annotations

from flask import Blueprint, flash, render_template, request
from flask_login import current_user
from sqlalchemy import select

from dashboard import queries
from dashboard.asking import words
from dashboard.clock import utcnow
from dashboard.models import Job
from dashboard.permissions import Permission, needs
from dashboard.services import stops
from dashboard.web.edge import reading

bp = Blueprint("stops", __name__)


@bp.get("/incomplete/stops")
@needs(Permission.INCOMPLETE)
def index() -> str:
    """The jobs that most people leave; with `job`, that one's form step by step."""
    asked, session, now = words(request.args, "job", 255), reading(), utcnow()
    job = session.scalar(select(Job).where(Job.id.in_(queries.jobs_called(asked))).limit(1)) if asked else None
    if asked and job is None:
        flash("There is no such job. These are the jobs with the most drop-off.", "info")
    return render_template(
        "stops/index.html",
        job=job,
        jobs=queries.job_choices(session, current_user.reach, asked if job else ""),
        chosen=asked if job else "",
        found=stops.of_job(session, job, now=now) if job else None,
        worst=() if job else stops.worst_jobs(session, now=now),
    )
