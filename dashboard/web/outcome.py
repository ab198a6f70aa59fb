"""Deciding about one application: its stage, a hire, holding it, taking that back; and what Talroo has heard of it.

A form says in `then` whether the `next` application of the list opens, and in `queue` which list that is (`along`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Final

from flask import Blueprint, abort, flash, redirect, render_template, request, session
from flask_login import current_user
from werkzeug.wrappers import Response

from dashboard import queries, review_queue
from dashboard.clock import utcnow
from dashboard.extensions import db
from dashboard.models import Application, Outbound, StageChange
from dashboard.models.outbound import Channel, State
from dashboard.permissions import Permission, needs
from dashboard.services import reporting, review, teamwork
from dashboard.services.review import BadChange, Change, Moved, Wanted
from dashboard.stages import REJECTION_REASONS, Stage
from dashboard.web import along, application_page
from dashboard.web.edge import by_user, reading, remote_address, reporting_rules, writing

bp = Blueprint("outcome", __name__, url_prefix="/applications/<public_id>")
along.init_app(bp)

Answer = Response | tuple[str, int]

STEPS_TOLD: Final = 5
"""Of what happened meanwhile: the flash travels in a cookie, and browsers keep 4 KB."""

NAME_TOLD: Final = 80
"""Characters of a name, for the same reason."""

HOLDING: Final = {
    "hold": (teamwork.hold, "Held for later"),
    "unhold": (teamwork.unhold, "Taken up again"),
}
OPPOSITE: Final = {"hold": "unhold", "unhold": "hold"}
TAKEN_BACK: Final = {"hold": "is no longer held", "unhold": "is held again"}

LAST: Final = "decision"
"""Where the browser's session keeps its last decision: id, version, verb, words, second; no name."""

OFFERED: Final = 5 * 60
"""Seconds for which taking the last decision back is offered on others' pages. Whoever made a mistake sees it
at the next person or the one after; later nobody remembers whom it was about. Their own page still moves them."""


@dataclass(frozen=True, slots=True)
class Decision:
    """Somebody's last decision, which they may take back for so many `seconds` more.

    `name`: None where looking it up costs too much.
    """

    id: str
    version: int
    verb: str
    words: str
    name: str | None
    seconds: int


@bp.app_template_global("last_decision")
def last_decision(queue: review_queue.Queue) -> Decision | None:
    """What was decided last in this browser's session, for `OFFERED`, or until the next decision, or it is taken back.

    Nothing where it was about somebody who is not there any more, or beyond the reader's reach.
    """
    if LAST not in session:
        return None
    public_id, version, verb, words, at = session[LAST]
    seconds = seconds_left_of(at)
    if not seconds:
        return None
    name = next((row.name for row in queue.rows if row.public_id == public_id), None)
    # A page in order of names has one statement more already, so that only who may have lost sight of them looks.
    if name is None and (queue.asked.order != "name" or current_user.reach.is_limited):
        decided = queries.application(reading(), public_id, current_user.reach)
        if decided is None:
            return None
        name = decided.name
    return Decision(public_id, version, verb, words, name, seconds)


@bp.app_template_global("seconds_left_of")
def seconds_left_of(at: int) -> int:
    """For how much longer taking a decision back is offered that was made in this second of the epoch; 0: no more."""
    return max(0, OFFERED - max(0, _second() - at))


def _second() -> int:
    return int(utcnow().timestamp())


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
    if _find(public_id).stage != Stage.HIRED:
        flash("This person is not marked hired. Nothing was changed.", "info")
    else:
        moved = _take_back(public_id)
        session.pop(LAST, None)
        _say_what_is_again(public_id, moved)
    return redirect(along.page_of(public_id))


@bp.post("/hold")
@needs(Permission.APPLICATIONS)
def hold(public_id: str) -> Response:
    """Put aside for later; the stage stays."""
    return _hold(public_id, "hold")


@bp.post("/unhold")
@needs(Permission.APPLICATIONS)
def unhold(public_id: str) -> Response:
    """Take up again what was held."""
    return _hold(public_id, "unhold")


@bp.post("/undo")
@needs(Permission.APPLICATIONS)
def undo(public_id: str) -> Answer:
    """Take the decision back that led to `version`, or a `verb` of `HOLDING`, and open that application again."""
    verb = request.form.get("verb", "")
    if verb in OPPOSITE:
        answer = _hold(public_id, OPPOSITE[verb], undone=verb)
        session.pop(LAST, None)
        return answer
    moved = _take_back(public_id)
    session.pop(LAST, None)
    if moved and moved.changed:
        _say_what_is_again(public_id, moved)
        return _onward(public_id)
    return _answer(public_id, moved)


@bp.get("/outcome")
@needs(Permission.APPLICATIONS)
def show(public_id: str) -> str:
    """The part of the page that changes by itself while a report is on its way."""
    return render_template("applications/_outcome.html", **application_page.context(_find(public_id)))


def _move(public_id: str, stage: str, *, holds: bool = False) -> Moved | None:
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
            start_date=form.get("start_date"),
        )
    except BadChange as problem:
        flash(str(problem), "error")
        return None
    writer = writing()
    number = _find(public_id).id
    moved = review.move(writer, [Wanted(number, seen)], replace(change, holds=holds), reporting_rules())
    db.session.commit()
    if moved.overtaken:
        _say_what_happened(number, seen or 0)
    if moved.unchanged:
        flash(f"The stage was {change.to.label} already. Nothing was changed.", "info")
    if moved.noted:
        flash("The note is in the history. The stage stays as it was.", "success")
    return moved


def _take_back(public_id: str) -> Moved | None:
    """Undo the last move; what of it cannot be recalled is said."""
    application = _find(public_id)
    reports = [report.id for report in _reports_of_its_stage(application)]
    held = review.was_held(reading(), application.id)
    moved = _move(public_id, review.stage_before(reading(), application.id), holds=held)
    if moved and moved.changed:
        for report_id in reports:
            _say_what_was_sent(reading().get_one(Outbound, report_id))
    return moved


def _reports_of_its_stage(application: Application) -> list[Outbound]:
    rules = reporting_rules()
    converts = application.stage == Stage.HIRED or application.stage in rules.conversions
    told = rules.dispositions.get(application.stage)
    if not converts and told is None:
        return []
    concerned = reporting.concerning(reading(), application, rules)
    conversion = reporting.conversion_of(application, concerned, rules) if converts else None
    dispositions = [row for row in concerned if row.channel == Channel.DISPOSITION and row.event == told]
    return [conversion, *dispositions] if conversion else dispositions


def _hold(public_id: str, verb: str, undone: str = "") -> Response:
    """Hold or take up again; `undone`: the verb which that takes back, if any."""
    do, words = HOLDING[verb]
    writer = writing()
    application = _find(public_id)
    done = do(writer, [application.id], by_user())
    db.session.commit()
    if not done.changed:
        flash(f"{done.skipped[0][1]}. Nothing was changed.", "info")
        return _onward(public_id)
    if undone:
        flash(f"Taken back: {application.name[:NAME_TOLD]} {TAKEN_BACK[undone]}.", "success")
        return _onward(public_id)
    return _onward(public_id, words, verb)


def _answer(public_id: str, moved: Moved | None) -> Answer:
    """Onward; where nothing was done, the page itself, with what was typed still in the form."""
    if not moved or moved.overtaken:
        return application_page.page(_find(public_id), request.form), 409 if moved else 400
    return _onward(public_id, _words_of(_find(public_id)) if moved.changed else "")


def _onward(public_id: str, words: str = "", verb: str = "stage") -> Response:
    """To the next application of the list, if the form says so, with what was decided and how to undo it.

    Else back to the page; from the last one to the list, which shows whoever is left.
    """
    application = _find(public_id)
    if words:
        session[LAST] = [public_id, application.stage_version, verb, words, _second()]
    if request.form.get("then") != "next":
        return redirect(along.page_of(public_id))
    if words:
        name = application.name[:NAME_TOLD]
        told = {
            "words": words,
            "name": name,
            "version": application.stage_version,
            "verb": verb,
            "id": public_id,
            "at": _second(),
        }
        flash(told, "decided")  # type: ignore[arg-type]
    asked = along.asked()
    if asked is None:
        flash("The list you came from cannot be read, so nobody of it follows. This is the whole inbox.", "info")
        return redirect(along.back())
    following = review_queue.around(reading(), asked, application).next
    if following:
        return redirect(along.page_of(following))
    flash("That was the last one of this list.", "info")
    return redirect(along.back())


def _words_of(application: Application) -> str:
    """What became of somebody, for the message: "Hired", "Rejected (Withdrew)"."""
    reason = REJECTION_REASONS.get(request.form.get("reason", "")) if application.stage == Stage.REJECTED else None
    return f"{application.stage_label} ({reason})" if reason else application.stage_label


def _say_what_happened(application_id: int, seen: int) -> None:
    steps = review.changes_since(reading(), application_id, seen)[-STEPS_TOLD:]
    told = "; ".join(_told(step) for step in steps) or "the page was out of date"
    is_own = bool(steps) and all(step.user_id == current_user.id for step in steps)
    who = "You were faster in another window" if is_own else "Somebody was faster"
    flash(f"{who}, so nothing was changed: {told}. Look again, then decide.", "error")


def _told(step: StageChange) -> str:
    who = "you" if step.user_id == current_user.id else step.actor[:100]
    return f"{who} {'wrote a note' if step.is_note else f'moved it {step.text}'}"


def _say_what_is_again(public_id: str, moved: Moved | None) -> None:
    if moved and moved.changed:
        application = _find(public_id)
        flash(f"Taken back: {application.name[:NAME_TOLD]} is {application.stage_label} again.", "success")


def _say_what_was_sent(report: Outbound) -> None:
    """After a decision was taken back: what of it cannot be."""
    kind = report.channel
    name = f"disposition “{report.event}”" if kind == Channel.DISPOSITION else kind
    if report.state == State.SENT:
        flash(f"The {name} was already sent to Talroo, and a {kind} cannot be recalled.", "info")
    elif report.state == State.SENDING:
        flash(f"The {name} is being sent to Talroo at this moment, and a {kind} cannot be recalled.", "info")
    elif report.uncertain:
        flash(f"Nobody knows whether Talroo heard the {name}; if it did, it cannot be recalled.", "info")


def _find(public_id: str) -> Application:
    return queries.application(reading(), public_id, current_user.reach) or abort(404)
