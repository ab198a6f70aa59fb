"""How the dashboard's connections stand: what arrives, what is pulled, what waits, and mail. Nobody's data."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, url_for
from werkzeug.wrappers import Response

from dashboard.clock import utcnow
from dashboard.extensions import db
from dashboard.models import Outbound
from dashboard.models.outbound import Channel
from dashboard.models.watch import Reason
from dashboard.outbound_words import WORDS
from dashboard.permissions import Permission, needs
from dashboard.services import problems, queueing, secret_uses, standing, sync
from dashboard.services.heartbeat import WorkerSeen
from dashboard.services.reminder_rules import Rules
from dashboard.talroo.click_id import EVENTS
from dashboard.web.edge import (
    file_store,
    let_the_notebook_catch_up,
    reading,
    settings,
    writing,
)

bp = Blueprint("integration", __name__)


@bp.get("/admin")
@needs(Permission.INTEGRATION)
def index() -> str:
    return page()


def page(**typed: str) -> str:
    """The whole page. `typed`: what a refused test of a conversion held, and the `problem` with it."""
    let_the_notebook_catch_up()
    session, now, config = reading(), utcnow(), settings()
    stands = standing.read(session, now)
    pulls = sync.statuses(session, now=now, interval=config.talroo_sync_interval)
    machine = standing.machine(session, config, file_store())
    return render_template(
        "integration/index.html",
        verdict=problems.find(stands, pulls, machine, config, now),
        stands=stands,
        machine=machine,
        refused=[(Reason(name), *told) for name, told in sorted(stands.refused.items())],
        config=config,
        secrets=secret_uses.known(config, stands.uses, now),
        pulls={kind.value: status for kind, status in pulls.items()},
        backlog=[(channel, WORDS[channel].label, *stands.backlog(channel)) for channel in Channel],
        mail=Rules.of(config),
        worker=WorkerSeen.of(stands.beat_at, now),
        events=EVENTS,
        typed=typed,
    )


@bp.post("/admin/mornings/retry")
@needs(Permission.INTEGRATION)
def retry_mornings() -> Response:
    """Have every morning email that failed tried again: one whose morning is over is then canceled by its channel."""
    return _retry(Channel.MORNING, "Those of an earlier day are canceled.")


@bp.post("/admin/alerts/retry")
@needs(Permission.INTEGRATION)
def retry_alerts() -> Response:
    """The same for alert emails: what is over is then canceled."""
    return _retry(Channel.ALERT, "Those about problems that are over are canceled.")


def _retry(channel: Channel, but: str) -> Response:
    count = queueing.retry_all(writing(), now=utcnow(), only=Outbound.channel == channel)
    db.session.commit()
    nouns = WORDS[channel].nouns
    flash(f"{count:,} {nouns[count != 1]} will be tried again. {but}", "success")
    return redirect(url_for("integration.index"))
