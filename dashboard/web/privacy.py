"""What is kept, restricted, erased and handed out of people; for HR administrators."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from flask import Blueprint, Response, abort, flash, redirect, render_template, request, stream_with_context, url_for
from flask_login import current_user
from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload
from werkzeug.wrappers import Response as Answer

from dashboard import privacy_list
from dashboard.asking import day, words
from dashboard.clock import utcnow
from dashboard.database import is_storage_failure
from dashboard.date_words import day as day_words
from dashboard.extensions import db
from dashboard.models import Application, Erasure, Hold
from dashboard.models.privacy import HoldKind
from dashboard.permissions import Permission, needs
from dashboard.services import belongings, cleaning, erasing, handing_out, holding, retiring, whose
from dashboard.services.audit import Subject
from dashboard.services.erasing import REASONS, CannotErase, Cause, Warrant
from dashboard.services.holding import BadHold, Keeping
from dashboard.web import exports, noting
from dashboard.web.edge import drawings, file_store, let_the_index_catch_up, reading, remote_address, settings, writing
from dashboard.web.formatting import viewer_zone

log = logging.getLogger(__name__)
bp = Blueprint("privacy", __name__, url_prefix="/privacy")

SHOWN: Final = 100
PATIENCE: Final = 2.0
"""Seconds for which whoever erased somebody waits for what is cleaned up afterwards; the worker does the rest."""
MAX_TYPED: Final = 1_000
CAME_FROM: Final = frozenset({"privacy", "person"})
"""What the page of a person can be left for, besides the application it is called by."""
ENDED_BEFORE: Final = "It has already ended. Nothing was changed."
KINDS: Final = {"hold": HoldKind.LEGAL, "restrict": HoldKind.RESTRICTION}


@bp.get("")
@needs(Permission.PRIVACY)
def index() -> str:
    """Who is under legal hold, restricted, erased, and what retention will take; with `q`, who is found."""
    typed = words(request.args, "q", 200)
    if typed:
        return _found(typed)
    session, now, months = reading(), utcnow(), settings().retention_months
    kept = holding.all_open(session, SHOWN)
    return render_template(
        "privacy/index.html",
        typed="",
        holds=kept[HoldKind.LEGAL],
        restrictions=kept[HoldKind.RESTRICTION],
        erasures=_erasures(session),
        words=belongings.WORDS,
        reasons=REASONS,
        months=months,
        warning=retiring.warning(months),
        plan=retiring.plan(session, months, now),
        next_run=retiring.next_run(now),
    )


def _found(typed: str) -> str:
    """Whom somebody looks for, wherever their data is."""
    let_the_index_catch_up()
    people = privacy_list.people(reading(), typed)
    keeping = holding.kinds(reading(), [one.id for found in people.found for one in found.applications])
    return render_template("privacy/index.html", typed=typed, people=people, keeping=keeping)


@bp.get("/people/<public_id>")
@needs(Permission.PRIVACY)
def person(public_id: str) -> str:
    """Everything of the person who has this application, and what can be done with it."""
    return _page(public_id, reading())


@bp.post("/people/<public_id>/erase")
@needs(Permission.PRIVACY)
def erase(public_id: str) -> Answer | str | tuple[str, int]:
    """Erase the chosen `application`s for a `reason`; `sure` says that the preview was read, of those `previewed`.

    `view`s go as well, of those that have their name alone. With `do` = `look` only the preview is made.
    """
    reason, now = request.form.get("reason", ""), utcnow()
    if request.form.get("do") == "look":
        return _page(public_id, reading())
    problem = _unready(reason)
    if problem:
        return _page(public_id, reading(), problem), 400
    warrant = Warrant(Cause.REQUEST, reason, now, current_user.id, remote_address())
    session = writing()
    try:
        erasure = erasing.erase(session, _chosen(session, public_id), warrant, request.form.getlist("view"))
    except CannotErase as refused:
        session.rollback()
        return _page(public_id, reading(), str(refused)), 409
    files, erased = erasure.files, erasure.public_id
    session.commit()
    drawings().forget(files)
    _clean_up()
    return redirect(url_for("privacy.erased", public_id=erased))


@bp.get("/erasures/<public_id>")
@needs(Permission.PRIVACY)
def erased(public_id: str) -> str:
    """What was erased, in numbers."""
    found = select(Erasure).where(Erasure.public_id == public_id).options(joinedload(Erasure.user))
    erasure = reading().scalar(found) or abort(404)
    return render_template("privacy/erased.html", erasure=erasure, words=belongings.WORDS, reasons=REASONS)


@bp.post("/people/<public_id>/keep")
@needs(Permission.PRIVACY)
def keep(public_id: str) -> Answer | str | tuple[str, int]:
    """Hold (`do` is `hold`) or restrict (`restrict`) the chosen `application`s, for a `reason`, maybe `until` a day.

    The page's own fields for a restriction, `restrict_words` and `restrict_until`, come before these: a date there
    erases, so it is asked about once more (`erase_after` is the answer).
    """
    session = writing()
    chosen = _chosen(session, public_id)
    kind = KINDS.get(request.form.get("do", "")) or abort(400)
    try:
        keeping = _keeping(kind).checked()
        if _erases_unasked():
            session.rollback()
            return _page(public_id, reading(), asks=(request.form["restrict_until"], _last_day(keeping)))
        number = holding.place(session, chosen, keeping)
    except BadHold as refused:
        session.rollback()
        return _page(public_id, reading(), str(refused)), 400
    session.commit()
    if not chosen:
        flash("No application was selected. Nothing was changed.", "info")
    else:
        flash(_kept_words(keeping, number), "success" if number else "info")
    if kind == HoldKind.RESTRICTION:
        return redirect(url_for("privacy.index"))
    return redirect(_person(public_id))


@bp.post("/people/<public_id>/end")
@needs(Permission.PRIVACY)
def end_all(public_id: str) -> Answer:
    """End the legal holds of the person that are named (`hold`), and be back on their page."""
    session = writing()
    application = whose.find(session, public_id) or abort(404)
    own = [one.id for one in whose.applications_of(session, application)]
    by = {"at": utcnow(), "user_id": current_user.id, "remote_addr": remote_address()}
    number = holding.end_legal(session, own, request.form.getlist("hold"), **by)
    session.commit()
    if number:
        ended = f"{number} legal holds ended. The applications" if number > 1 else "Legal hold ended. The application"
        flash(f"{ended} can be erased again.", "success")
    else:
        flash(ENDED_BEFORE, "info")
    return redirect(_person(public_id))


@bp.post("/holds/<public_id>/end")
@needs(Permission.PRIVACY)
def end(public_id: str) -> Answer:
    """Let go of one application. `back` = `person`: on to the person's page, from which that was asked."""
    session = writing()
    hold = holding.find(session, public_id) or abort(404)
    lifted = holding.end(session, hold, at=utcnow(), user_id=current_user.id, remote_addr=remote_address())
    to = url_for("privacy.index")
    if request.form.get("back") == "person":
        to = _person(hold.application.public_id)
    session.commit()
    if not lifted:
        flash(ENDED_BEFORE, "info")
    elif hold.kind == HoldKind.RESTRICTION:
        flash("Restriction lifted. The application is back in the lists, and everybody can work with it.", "success")
    else:
        flash("Legal hold ended. The application can be erased again.", "success")
    return redirect(to)


@bp.get("/export/<public_id>")
@needs(Permission.PRIVACY)
def export(public_id: str) -> Response:
    """Everything stored of the chosen `application`s of the person who has this one, as one archive.

    None chosen: of those that are surely theirs.
    """
    exports.count()
    session = reading()
    application = whose.find(session, public_id) or abort(404)
    own = whose.applications_of(session, application)
    chosen = set(request.args.getlist("application")) or whose.surely(session, application, own)
    applications = [one for one in own if one.public_id in chosen] or abort(404)
    numbers = [one.id for one in applications]
    pieces = handing_out.pieces(session, numbers, file_store(), now=utcnow())
    told: dict[str, Any] = {"applications": [one.public_id for one in applications]}
    given = noting.handed_out("person", pieces, counts=False, subject=Subject("application", public_id), **told)
    response = Response(stream_with_context(given), mimetype="application/zip")
    response.headers["Content-Disposition"] = f'attachment; filename="person-{public_id[:8]}.zip"'
    return response


# --- the person's page ----------------------------------------------------------------------------------------------


def _page(public_id: str, session: Session, problem: str = "", asks: tuple[str, str] | None = None) -> str:
    application = whose.find(session, public_id) or abort(404)
    noting.application_shown(application, page="privacy")
    applications = whose.applications_of(session, application)
    sure = whose.surely(session, application, applications)
    chosen = set(request.values.getlist("application")) or sure
    meant = [one for one in applications if one.public_id in chosen]
    holds = _by_application(holding.of(session, [one.id for one in applications]))
    return render_template(
        "privacy/person.html",
        application=application,
        applications=applications,
        chosen=chosen,
        doubts={one.id: whose.doubt(application, one) for one in applications if one.public_id not in sure},
        exported=() if chosen == sure else [one.public_id for one in meant],
        found=erasing.preview(session, meant),
        words=belongings.WORDS,
        holds=holds,
        legal=[hold for one in applications if one.public_id in sure for hold in _legal(holds, one)],
        keeping=holding.that_keep([hold for one in meant for hold in holds.get(one.id, ())], utcnow()),
        months=settings().retention_months,
        way_back=_way_back(),
        reasons=REASONS,
        problem=problem,
        asks=asks,
        typed=request.form,
    )


def _person(public_id: str) -> str:
    """The address of the person's page, which goes on knowing from where somebody came to it."""
    return url_for("privacy.person", public_id=public_id, **_way_back())


def _way_back() -> dict[str, Any]:
    """From where somebody came to the person's page, for its addresses and its form: with `q`, whom they looked for."""
    told = {"from": request.values.get("from", ""), "q": words(request.values, "q", 200)}
    return {name: value for name, value in told.items() if value} if told["from"] in CAME_FROM else {}


def _legal(holds: Mapping[int, Iterable[Hold]], application: Application) -> list[Hold]:
    return [hold for hold in holds.get(application.id, ()) if hold.kind == HoldKind.LEGAL]


def _by_application(holds: Iterable[Hold]) -> dict[int, list[Hold]]:
    found: dict[int, list[Hold]] = {}
    for hold in holds:
        found.setdefault(hold.application_id, []).append(hold)
    return found


def _chosen(session: Session, public_id: str) -> list[str]:
    """Of the person's own applications those that were chosen."""
    application = whose.find(session, public_id) or abort(404)
    own = {one.public_id for one in whose.applications_of(session, application)}
    chosen = [one for one in request.form.getlist("application") if one in own]
    # Whoever erases must be the first to lock: what was read is let go of.
    writing()
    return chosen


def _unready(reason: str) -> str:
    chosen, previewed = (set(request.form.getlist(name)) for name in ("application", "previewed"))
    if not chosen:
        return "Select at least one application."
    if previewed and chosen != previewed:
        return "You changed the selection. Review the new list below, then erase."
    if reason not in REASONS:
        return "Choose a reason for erasing."
    if not request.form.get("sure"):
        return "Check the box to confirm: erasing can’t be undone."
    return ""


def _erases_unasked() -> bool:
    """Whether the page's form gives a restriction a date, and does not say yet that this is the one meant."""
    date = request.form.get("restrict_until", "")
    return bool(date) and request.form.get("do") == "restrict" and request.form.get("erase_after") != date


def _keeping(kind: HoldKind) -> Keeping:
    """Raises `BadHold`."""
    problems: list[str] = []
    own = "restrict_" if kind == HoldKind.RESTRICTION and "restrict_until" in request.form else ""
    until = day(request.form, f"{own}until", problems)
    if problems:
        raise BadHold("That date isn’t valid. Choose a date, or leave it empty.")
    # Until a day means to its end, where the reader is.
    end_of = datetime.combine(until, datetime.min.time(), viewer_zone()) + timedelta(days=1) if until else None
    # One form erases and keeps, and a reason to erase is chosen from a list there.
    reason = request.form.get(f"{own}words", request.form.get("reason", ""))[:MAX_TYPED].strip()
    return Keeping(kind, reason, end_of, utcnow(), current_user.id, remote_address())


def _kept_words(keeping: Keeping, number: int) -> str:
    is_restriction, until = keeping.kind == HoldKind.RESTRICTION, _last_day(keeping)
    if not number:
        return f"Already {'restricted' if is_restriction else 'under legal hold'}. Nothing was changed."
    one, it, they = ("1 application is", "it", "It") if number == 1 else (f"{number} applications are", "them", "They")
    if is_restriction:
        return f"{one} {_restricted_words(until, it, they)}"
    return f"{one} under legal hold{f' until {until}' if until else ''}. {they} can’t be erased until the hold ends."


def _restricted_words(until: str, it: str, they: str) -> str:
    """What follows from a restriction, told of what is called `it` or `they`."""
    if until:
        then = "will be permanently erased after that date unless you lift the restriction first"
        return f"restricted until {until}. {they} {then}."
    return f"restricted: in no list, and nobody works with {it} until you lift the restriction here."


def _last_day(keeping: Keeping) -> str:
    """The last day on which it is kept, in words; nothing where that has no end."""
    return day_words(keeping.until.astimezone(viewer_zone()) - timedelta(days=1)) if keeping.until else ""


def _clean_up() -> None:
    """At once where that is quick; else the worker finishes it."""
    try:
        cleaning.finish(db.engine, file_store(), clock=utcnow, patience=PATIENCE)
    except Exception as problem:
        if not is_storage_failure(problem):
            raise
        log.warning("what was erased is cleaned up later: %s", type(problem).__name__)


def _erasures(session: Session) -> list[Erasure]:
    newest = select(Erasure).where(Erasure.cause != "arrival").order_by(Erasure.id.desc()).limit(SHOWN)
    return list(session.scalars(newest.options(joinedload(Erasure.user))))
