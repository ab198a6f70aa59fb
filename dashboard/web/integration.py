"""How the dashboard and Talroo get on: what arrives, what is pulled, what waits to be sent. Nobody's data."""

from __future__ import annotations

from flask import Blueprint, render_template

from dashboard import ledger, queries, schema
from dashboard.clock import utcnow
from dashboard.models import SyncKind
from dashboard.permissions import Permission, needs
from dashboard.services import sync
from dashboard.web.edge import file_store, reading, settings, worker_seen

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
        backlog=ledger.backlog(session),
        worker=worker_seen(now),
        database=session.get_bind().dialect.name,
        migrated=schema.is_current(session),
        files_problem=_files_problem(),
    )


def _files_problem() -> str:
    """Why the file store does not answer, by the problem's type; empty where it does."""
    try:
        file_store().check()
    except OSError as problem:
        return type(problem).__name__
    return ""
