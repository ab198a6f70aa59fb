"""`/incomplete/templates`: the words an email starts with."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask_login import current_user
from werkzeug.wrappers import Response

from dashboard.audit_actions import Action
from dashboard.clock import utcnow
from dashboard.extensions import db
from dashboard.models import ReminderTemplate
from dashboard.permissions import Permission, needs
from dashboard.services import audit, reminder_templates
from dashboard.services.audit import Subject
from dashboard.services.reminder_rules import Rules
from dashboard.services.reminder_templates import Overtaken, Words
from dashboard.services.reminder_words import FIELDS, BadWords
from dashboard.web.edge import acting, reading, settings, writing

bp = Blueprint("reminder_templates", __name__, url_prefix="/incomplete/templates")

Answer = Response | tuple[str, int]

NOTHING_WRONG: Mapping[str, str] = MappingProxyType({})


@bp.get("")
@needs(Permission.INCOMPLETE)
def index() -> str:
    templates = reminder_templates.listed(reading())
    return render_template(
        "reminder_templates/index.html", templates=templates, uses=reminder_templates.uses(reading())
    )


@bp.route("/new", methods=["GET", "POST"])
@needs(Permission.INCOMPLETE)
def new() -> Answer:
    return _edit(None)


@bp.route("/<public_id>", methods=["GET", "POST"])
@needs(Permission.INCOMPLETE)
def show(public_id: str) -> Answer:
    """One template, to be changed."""
    return _edit(_find(public_id))


@bp.post("/<public_id>/archive")
@needs(Permission.INCOMPLETE)
def archive(public_id: str) -> Response:
    writing()
    template = _find(public_id)
    reminder_templates.archive(reading(), template, at=utcnow())
    _note(template)
    db.session.commit()
    flash(f"“{template.name}” is archived. Emails that were made from it keep their words.", "success")
    return redirect(url_for("reminder_templates.index"))


@bp.post("/<public_id>/restore")
@needs(Permission.INCOMPLETE)
def restore(public_id: str) -> Response:
    """Offer an archived template again."""
    writing()
    template = _find(public_id)
    reminder_templates.archive(reading(), template, at=None)
    _note(template)
    db.session.commit()
    flash(f"“{template.name}” is restored.", "success")
    return redirect(url_for("reminder_templates.index"))


def _edit(template: ReminderTemplate | None) -> Answer:
    """The form, or what became of it: only the button "Save" saves, everything else shows the words as they are."""
    if request.method == "GET":
        return _page(template, Words.of(template) if template else Words())
    words = Words.read(request.form)
    if request.form.get("do") != "save":
        return _page(template, words)
    problems = words.problems()
    return _page(template, words, problems) if problems else _save(template, words)


def _save(template: ReminderTemplate | None, words: Words) -> Answer:
    public_id = template.public_id if template else None
    session = writing()
    template = _find(public_id) if public_id else None
    same_name = reminder_templates.namesake(session, words, template)
    if same_name is not None and (template or Words.of(same_name) != words):
        return _page(template, words, {"name": "Another template has this name. Choose a different one."})
    by = {"user_id": current_user.id, "at": utcnow()}
    try:
        if template is not None:
            reminder_templates.change(session, template, words, seen=request.form.get("version", ""), **by)
        elif same_name is None:  # else it is the same form, sent twice
            template = reminder_templates.add(session, words, **by)
    except Overtaken:
        return _overtaken(template, words)
    if template is not None:
        _note(template)
    db.session.commit()
    flash(f"“{words.name}” is saved.", "success")
    return redirect(url_for("reminder_templates.index"))


def _note(template: ReminderTemplate) -> None:
    subject = Subject("template", template.public_id)
    audit.note(reading(), Action.SETTINGS_CHANGED, at=utcnow(), subject=subject, **acting())


def _overtaken(template: ReminderTemplate | None, words: Words) -> Answer:
    by = template.updated_by.email if template and template.updated_by else "Somebody"
    words_told = "so yours was not saved. Your words are below. Save again to keep them."
    flash(f"{by} changed this template meanwhile, {words_told}", "error")
    return _page(template, words, status=409)


def _page(
    template: ReminderTemplate | None, words: Words, problems: Mapping[str, str] = NOTHING_WRONG, status: int = 200
) -> Answer:
    page = render_template(
        "reminder_templates/edit.html",
        template=template,
        version=reminder_templates.version(template) if template else "",
        words=words,
        problems=problems,
        fields=FIELDS,
        mail_from=settings().mail_from,
        example=reminder_templates.EXAMPLE_NAME,
        **_preview(words),
    )
    return page, 400 if problems else status


def _preview(words: Words) -> dict[str, Any]:
    """The words as an example person would read them, or what is wrong with their merge fields."""
    try:
        return {"draft": reminder_templates.example(words, Rules.of(settings())), "unreadable": None}
    except BadWords as problem:
        return {"draft": None, "unreadable": str(problem)}


def _find(public_id: str) -> ReminderTemplate:
    return reminder_templates.found(reading(), public_id) or abort(404)
