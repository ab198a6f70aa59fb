"""`/incomplete/messages`: every reminder, with what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from flask import abort, flash, redirect, request, url_for
from flask_login import current_user
from sqlalchemy import select
from werkzeug.wrappers import Response

from dashboard.clock import utcnow
from dashboard.extensions import db
from dashboard.models import Outbound
from dashboard.models.outbound import Channel
from dashboard.permissions import Permission, needs
from dashboard.services import composing, reminders
from dashboard.services.reminder_rules import Rules
from dashboard.web import csv
from dashboard.web.compose import TOGETHER
from dashboard.web.edge import reading, settings, writing
from dashboard.web.ledger import Screen


def _more(now: datetime) -> Mapping[str, Any]:
    return {"held": composing.held(reading(), current_user.id, now), "unready": Rules.of(settings()).unready}


bp = Screen(
    "messages",
    Channel.REMINDER,
    address="/incomplete/messages",
    permission=Permission.INCOMPLETE,
    columns=csv.message_columns,
    more=_more,
).blueprint()


@bp.post("/incomplete/messages/<public_id>/undo")
@needs(Permission.INCOMPLETE)
def undo(public_id: str) -> Response:
    """Undo one message before it is sent."""
    session = writing()
    row = session.scalar(select(Outbound).where(Outbound.public_id == public_id, Outbound.channel == Channel.REMINDER))
    if row is None:
        abort(404)
    done = reminders.undo(session, row.id, now=utcnow())
    db.session.commit()
    if done and row.uncertain:
        flash(f"Email undone. {reminders.UNSURE_WORDS}", "info")
    elif done:
        flash("Email undone. It was not sent.", "success")
    else:
        flash("It is too late to undo this email. Nothing was changed.", "info")
    return redirect(_back(row))


@bp.post("/incomplete/messages/undo")
@needs(Permission.INCOMPLETE)
def undo_batch() -> Response:
    """Undo everything that this person sent in one go, as far as it has not left."""
    rows = composing.batch(reading(), current_user.id, _moment(request.form.get("sent_at", "")))
    done = unsure = 0
    for start in range(0, len(rows), TOGETHER):
        session = writing()
        some = rows[start : start + TOGETHER]
        taken = [number for number in some if reminders.undo(session, number, now=utcnow())]
        done += len(taken)
        unsure += sum(session.get_one(Outbound, number).uncertain > 0 for number in taken)
        db.session.commit()
    flash(_told(done - unsure, unsure, len(rows) - done), "success" if done else "info")
    return redirect(url_for("messages.index"))


def _told(not_sent: int, unsure: int, too_late: int) -> str:
    words = f"{not_sent} {'email was' if not_sent == 1 else 'emails were'} undone and not sent."
    if unsure:
        words += f" {unsure} may have arrived, and {'is' if unsure == 1 else 'are'} not tried again."
    return f"{words} For {too_late} it was too late." if too_late else words


def _moment(typed: str) -> datetime:
    """When the messages were sent, as the form says it. Aborts with 404 for what is no time."""
    try:
        moment = datetime.fromisoformat(typed)
        # The first and the last year have times that no clock in UTC shows.
        return moment.astimezone(UTC) if moment.tzinfo else abort(404)
    except (ValueError, OverflowError):
        abort(404)


def _back(row: Outbound) -> str:
    """Where the button was pressed: on the person's page, or in the ledger."""
    if request.form.get("back") == "person" and row.application is not None:
        return url_for("incomplete.show", public_id=row.application.public_id, _anchor="messages")
    return url_for("messages.index")
