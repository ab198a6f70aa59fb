"""How the dashboard's connections stand: what arrives, what is pulled, what waits, and mail. Nobody's data."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, url_for
from werkzeug.wrappers import Response

from dashboard import ledger, queries, schema
from dashboard.clock import utcnow
from dashboard.extensions import db
from dashboard.models import Outbound, SyncKind
from dashboard.models.outbound import Channel
from dashboard.outbound_words import WORDS
from dashboard.permissions import Permission, needs
from dashboard.services import queueing, sync
from dashboard.services.reminder_rules import Rules
from dashboard.web.edge import file_store, reading, settings, worker_seen, writing

bp = Blueprint("integration", __name__)


@bp.get("/admin")
@needs(Permission.INTEGRATION)
def index() -> str:
    session, now, config = reading(), utcnow(), settings()
    interval = config.talroo_sync_interval
    return render_template(
        "integration/index.html",
        postback_url=config.postback_url,
        has_secret=bool(config.talroo_webhook_secrets),
        configured=config.talroo_client_id is not None,
        last_delivery=queries.last_delivery(session),
        counts=queries.status_counts(session, ("kept", "quarantined")),
        pulls={kind.value: sync.status(session, kind, now=now, interval=interval) for kind in SyncKind},
        backlog={WORDS[channel].label: rows for channel, rows in ledger.backlog(session).items()},
        mail=Rules.of(config),
        last_mail_at=ledger.last_sent(session, Channel.REMINDER),
        last_morning_at=ledger.last_sent(session, Channel.MORNING),
        morning_label=WORDS[Channel.MORNING].label,
        worker=worker_seen(now),
        database=session.get_bind().dialect.name,
        migrated=schema.is_current(session),
        files_problem=_files_problem(),
    )


@bp.post("/admin/mornings/retry")
@needs(Permission.INTEGRATION)
def retry_mornings() -> Response:
    """Have every morning mail that stopped tried again: one whose morning is over is then put away by its channel."""
    count = queueing.retry_all(writing(), now=utcnow(), only=Outbound.channel == Channel.MORNING)
    db.session.commit()
    nouns = WORDS[Channel.MORNING].nouns
    flash(f"{count:,} {nouns[count != 1]} will be tried again; those of a day that is over are put away.", "success")
    return redirect(url_for("integration.index"))


def _files_problem() -> str:
    """Why the file store does not answer, by the problem's type; empty where it does."""
    try:
        file_store().check()
    except OSError as problem:
        return type(problem).__name__
    return ""
