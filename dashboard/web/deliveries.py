"""What Talroo sent, with verdicts; what becomes of what could not be filed; and what was refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from flask import Blueprint, Response, abort, flash, redirect, render_template, request, url_for
from flask_login import current_user
from markupsafe import Markup, escape
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from dashboard import arrivals
from dashboard.arrivals import EVENTS, SOURCES, STATUSES, VERDICTS, Deliveries
from dashboard.audit_actions import Action
from dashboard.database import let_go
from dashboard.extensions import db
from dashboard.models import Attachment, Delivery
from dashboard.models.watch import Reason
from dashboard.permissions import Permission, allows, needs
from dashboard.services import intake, refusals, sorting_out
from dashboard.services.activity import By
from dashboard.services.audit import Subject
from dashboard.services.files import FileMissing
from dashboard.services.intake import Again
from dashboard.services.sorting_out import MISSING_WORDS, CannotBeRead
from dashboard.talroo.cutting import REFERENCE_LENGTH, REFERENCE_PREFIX
from dashboard.web import noting
from dashboard.web.edge import (
    by_user,
    file_store,
    following,
    let_the_notebook_catch_up,
    reading,
    storing,
    writing,
)
from dashboard.web.formatting import viewer_zone
from dashboard.web.indented import indented

bp = Blueprint("deliveries", __name__, url_prefix="/admin/deliveries")

SHOWN_CHARACTERS = 200_000


@bp.get("")
@needs(Permission.DELIVERIES)
def index() -> str:
    asked = Deliveries.read(request.args, viewer_zone())
    if asked.wants_refusals:
        return _refusals(asked)
    page = arrivals.deliveries_page(reading(), asked, request.args.get("after"))
    return render_template(
        "deliveries/index.html",
        page=page,
        asked=asked,
        choices=_CHOICES,
        counts=arrivals.waiting_counts(reading()),
        next_url=following("deliveries.index", asked.args, page),
    )


def _refusals(asked: Deliveries) -> str:
    let_the_notebook_catch_up()
    page = refusals.page(reading(), request.args.get("after"), *asked.span)
    return render_template(
        "deliveries/refused.html",
        page=page,
        asked=asked,
        choices=_CHOICES,
        reasons={reason.value: reason for reason in Reason},
        days=refusals.KEPT_FOR.days,
        next_url=following("deliveries.index", asked.args, page),
    )


@bp.get("/<public_id>")
@needs(Permission.DELIVERIES)
def show(public_id: str) -> str:
    delivery = arrivals.delivery(reading(), public_id) or abort(404)
    body, is_indented = None, False
    files: Mapping[str, Attachment] = {}
    if allows(current_user.role, Permission.CONTENTS) and not _is_restricted(delivery):
        noting.shown(Action.DELIVERY_VIEWED, Subject("delivery", delivery.public_id))
        files = arrivals.files_in(reading(), delivery)
        body, is_indented = _to_read(delivery.body, files)
    return render_template(
        "deliveries/show.html",
        delivery=delivery,
        body=body,
        is_indented=is_indented,
        files=list(files.values()),
        is_cut_short=len(delivery.body) > SHOWN_CHARACTERS,
    )


@bp.get("/<public_id>/body")
@needs(Permission.CONTENTS)
def body(public_id: str) -> AnyResponse:
    """The bytes as they were signed, to download."""
    delivery = arrivals.delivery(reading(), public_id) or abort(404)
    if _is_restricted(delivery):
        abort(404)
    let_go(reading())
    try:
        exact = intake.exact_body(delivery, file_store())
    except FileMissing:
        flash(MISSING_WORDS, "error")
        return _to(public_id)
    noting.shown(Action.DELIVERY_VIEWED, Subject("delivery", public_id), exact=True)
    response = Response(exact, mimetype="application/octet-stream")
    response.headers.set("Content-Disposition", "attachment", filename=f"delivery-{public_id}.json")
    return response


@bp.post("/<public_id>/replay")
@needs(Permission.DELIVERIES)
def replay(public_id: str) -> AnyResponse:
    """Read a delivery again, as this version understands it. Reading it twice changes nothing twice."""
    return _read(public_id, sorting_out.replay, "Reprocessed")


@bp.post("/<public_id>/accept")
@needs(Permission.DELIVERIES)
def accept(public_id: str) -> AnyResponse:
    """File what was quarantined, marked as late."""
    return _read(public_id, sorting_out.accept, "Accepted", accepts=True)


@bp.post("/<public_id>/dismiss")
@needs(Permission.DELIVERIES)
def dismiss(public_id: str) -> AnyResponse:
    """Want nothing of it. It stays in the list, and can be taken back."""
    return _mark(public_id, sorting_out.dismiss, "Dismissed. It stays in the list.")


@bp.post("/<public_id>/take-back")
@needs(Permission.DELIVERIES)
def take_back(public_id: str) -> AnyResponse:
    """Dismissed by mistake: it waits again."""
    return _mark(public_id, sorting_out.take_back, "Dismissal undone. The delivery needs review again.")


@bp.post("/replay")
@needs(Permission.DELIVERIES)
def replay_all() -> AnyResponse:
    """Read all kept ones again: some now, the rest by the worker."""
    number = sorting_out.want_all_again(writing(), by=by_user())
    db.session.commit()
    done = sorting_out.read_waiting(storing, file_store())
    words = f"{done.filed:,} filed, {done.kept:,} still could not be read"
    rest = f". The worker reprocesses {done.left:,} more" if done.left else ""
    flash(f"Reprocessed: {words}{rest}." if number else "No delivery needs review.", "success")
    return redirect(url_for("deliveries.index", status="kept" if done.kept or done.left else "accepted"))


_CHANGED = "Somebody else has already handled this delivery."
_CHOICES = {"status": STATUSES, "source": SOURCES, "verdict": VERDICTS, "event": EVENTS}


def _to_read(body: bytes, files: Mapping[str, Attachment]) -> tuple[Markup, bool]:
    """A body as its page shows it, and whether it is indented: only all of it can be."""
    text = indented(body) if len(body) <= SHOWN_CHARACTERS else None
    return linked(text or body[:SHOWN_CHARACTERS].decode("utf-8", "replace"), files), text is not None


def linked(shown: str, files: Mapping[str, Attachment]) -> Markup:
    """A body to read, in which the contents that were cut out are links to their files."""
    text = escape(shown)
    for sha256, file in files.items():
        reference = REFERENCE_PREFIX + sha256
        assert len(reference) == REFERENCE_LENGTH
        link = Markup('<a href="{}">{}</a>').format(url_for("files.download", public_id=file.public_id), reference)
        text = text.replace(reference, link)
    return text


def _mark(public_id: str, verb: Callable[[Session, Delivery, By], bool], done: str) -> AnyResponse:
    session = writing()
    was_done = verb(session, arrivals.delivery(session, public_id) or abort(404), by_user())
    db.session.commit()
    flash(done if was_done else _CHANGED, "success" if was_done else "error")
    return _to(public_id)


def _read(
    public_id: str,
    verb: Callable[[Session, Again, By], intake.Outcome | None],
    done: str,
    *,
    accepts: bool = False,
) -> AnyResponse:
    delivery, by = arrivals.delivery(reading(), public_id) or abort(404), by_user()
    let_go(reading())
    try:
        again = sorting_out.understand(delivery, file_store(), accepts=accepts)
    except CannotBeRead as problem:
        flash(str(problem), "error")
        return _to(public_id)
    outcome = verb(writing(), again, by) if again else None
    db.session.commit()
    if outcome is None:
        flash(_CHANGED, "error")
    elif outcome.status == "erased":
        flash(outcome.reason or "", "error")
    elif outcome.status == "accepted":
        flash(f"{done}. The application is filed.", "success")
    else:
        flash(f"{done}, but it still could not be read. {outcome.reason}", "info")
    return _to(public_id)


def _is_restricted(delivery: Delivery) -> bool:
    """Whether it tells of somebody whose data nobody may work with at present."""
    return delivery.application is not None and delivery.application.restricted_at is not None


def _to(public_id: str) -> AnyResponse:
    return redirect(url_for("deliveries.show", public_id=public_id))
