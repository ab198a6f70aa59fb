"""The ledger's screens: conversions and dispositions are the same page over two channels."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from sqlalchemy import select
from werkzeug.wrappers import Response

from dashboard import ledger, queries
from dashboard.clock import utcnow
from dashboard.extensions import db
from dashboard.ledger import Ledger
from dashboard.models import Outbound
from dashboard.models.outbound import Channel, State
from dashboard.permissions import Permission, needs
from dashboard.services import reporting
from dashboard.web import csv
from dashboard.web.edge import following, reading, settings, writing
from dashboard.web.formatting import viewer_zone


def screen(name: str, channel: Channel) -> Blueprint:
    """The blueprint of one channel, at `/<name>`."""
    bp = Blueprint(name, __name__)  # a prefix would make "/conversions/.csv" of the second

    def add(rule: str, endpoint: str, view: Callable[..., Any], method: str = "GET") -> None:
        bp.add_url_rule(f"/{name}{rule}", endpoint, needs(Permission.LEDGER)(view), methods=[method])

    add("", "index", lambda: _index(name, channel))
    add(".csv", "csv", lambda: _csv(name, channel))
    add("/<public_id>/retry", "retry", lambda public_id: _retry(name, channel, public_id), "POST")
    add("/retry", "retry_parked", lambda: _retry_parked(name, channel), "POST")
    return bp


def _index(name: str, channel: Channel) -> Response | str:
    if request.accept_mimetypes.best_match(["text/html", "text/csv"], default="text/html") == "text/csv":
        return _csv(name, channel)
    now = utcnow()
    asked = Ledger.read(channel, request.args, viewer_zone())
    for problem in asked.problems:
        flash(problem, "info")
    page = ledger.ledger_page(reading(), asked, request.args.get("after"), now=now)
    parities = ledger.parities(reading(), channel, _events(channel), now=now)
    return render_template(
        f"{name}/index.html",
        page=page,
        filters=asked,
        jobs=queries.job_choices(reading(), asked.job),
        now=now,
        next_url=following(f"{name}.index", asked.args, page),
        csv_url=url_for(f"{name}.csv", **asked.args),  # type: ignore[arg-type]
        parity="; ".join(parity.sentence for parity in parities),
        parity_holds=all(parity.holds for parity in parities),
        parked=ledger.parked(reading(), channel),
        retry_endpoint=f"{name}.retry",
        retry_all_url=url_for(f"{name}.retry_parked"),
    )


def _csv(name: str, channel: Channel) -> Response:
    now = utcnow()
    asked = Ledger.read(channel, request.args, viewer_zone())
    session = reading()

    def rows() -> Iterator[Outbound]:
        for batch in ledger.ledger_batches(session, asked, now=now):
            yield from batch

    return csv.download(f"{name}.csv", csv.ledger_columns(now), rows())


def _retry(name: str, channel: Channel, public_id: str) -> Response:
    session = writing()
    row = session.scalar(select(Outbound).where(Outbound.public_id == public_id, Outbound.channel == channel))
    if row is None:
        abort(404)
    done = reporting.retry(session, row, now=utcnow())
    db.session.commit()
    if done:
        flash("It will be tried again right away.", "success")
    else:
        flash("It is not waiting for another try any more. Nothing was changed.", "info")
    return redirect(url_for(f"{name}.index"))


def _retry_parked(name: str, channel: Channel) -> Response:
    only = (Outbound.channel == channel) & (Outbound.state == State.PARKED)
    count = reporting.retry_all(writing(), now=utcnow(), only=only)
    db.session.commit()
    flash(f"{count} parked {'report' if count == 1 else 'reports'} will be tried again right away.", "success")
    return redirect(url_for(f"{name}.index"))


def _events(channel: Channel) -> Mapping[str, int] | Mapping[str, str]:
    config = settings()
    return config.talroo_conversion_events if channel == Channel.CONVERSION else config.talroo_disposition_events
