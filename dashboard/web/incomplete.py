"""People who started an application and did not finish it: for HR administrators."""

from __future__ import annotations

from flask import Blueprint, abort, render_template, request
from sqlalchemy import select

from dashboard import queries
from dashboard.models import Application
from dashboard.permissions import Permission, needs
from dashboard.queries import Incomplete
from dashboard.services import reading as reading_verbs
from dashboard.web.edge import following, reading

bp = Blueprint("incomplete", __name__)


@bp.get("/incomplete")
@needs(Permission.INCOMPLETE)
def index() -> str:
    asked = Incomplete(queries.words(request.args, "q", 200))
    page = queries.incomplete_page(reading(), asked, request.args.get("after"))
    return render_template(
        "incomplete/index.html",
        page=page,
        filters=asked,
        linked=queries.completed_by(reading(), page.rows),
        next_url=following("incomplete.index", asked.args, page),
        has_any=reading().scalar(select(Application.id).where(Application.completed.is_(False)).limit(1)) is not None,
    )


@bp.get("/incomplete/<public_id>")
@needs(Permission.INCOMPLETE)
def show(public_id: str) -> str:
    application = queries.application(reading(), public_id, completed=False) or abort(404)
    return render_template(
        "incomplete/show.html",
        application=application,
        linked=queries.completed_by(reading(), [application]).get(application.id),
        sheet=reading_verbs.answers(application),
        timeline=reading_verbs.timeline(reading(), application),
    )
