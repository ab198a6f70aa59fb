"""The ledger's screens: conversions, dispositions and reminders are the same page over three channels."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
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


@dataclass(frozen=True, slots=True)
class Screen:
    """One channel's ledger. Endpoints and templates are under `name`; `nouns`: one and several of what its rows are."""

    name: str
    channel: Channel
    nouns: tuple[str, str] = ("report", "reports")
    address: str = ""
    permission: Permission = Permission.LEDGER
    columns: Callable[[datetime], csv.Columns] = csv.ledger_columns
    more: Callable[[datetime], Mapping[str, Any]] = field(default=lambda now: {})
    """What its page shows beyond the rows, at a moment."""

    def blueprint(self) -> Blueprint:
        """The screen at its address, which is `/<name>` unless one is given."""
        bp = Blueprint(self.name, __name__)  # a prefix would make "/conversions/.csv" of the second
        root = self.address or f"/{self.name}"

        def add(rule: str, endpoint: str, view: Callable[..., Any], method: str = "GET") -> None:
            bp.add_url_rule(f"{root}{rule}", endpoint, needs(self.permission)(view), methods=[method])

        add("", "index", lambda: _index(self))
        add(".csv", "csv", lambda: _csv(self))
        add("/<public_id>/retry", "retry", lambda public_id: _retry(self, public_id), "POST")
        add("/retry", "retry_parked", lambda: _retry_parked(self), "POST")
        return bp


def reports(name: str, channel: Channel) -> Blueprint:
    """The ledger of a channel to Talroo, with the sums that prove it whole."""
    return Screen(name, channel, more=lambda now: _proof(channel, now)).blueprint()


def _index(screen: Screen) -> Response | str:
    if request.accept_mimetypes.best_match(["text/html", "text/csv"], default="text/html") == "text/csv":
        return _csv(screen)
    now = utcnow()
    asked = Ledger.read(screen.channel, request.args, viewer_zone())
    for problem in asked.problems:
        flash(problem, "info")
    page = ledger.ledger_page(reading(), asked, request.args.get("after"), now=now)
    return render_template(
        f"{screen.name}/index.html",
        page=page,
        filters=asked,
        jobs=queries.job_choices(reading(), asked.job),
        now=now,
        next_url=following(f"{screen.name}.index", asked.args, page),
        csv_url=url_for(f"{screen.name}.csv", **asked.args),  # type: ignore[arg-type]
        parked=ledger.parked(reading(), screen.channel),
        retry_endpoint=f"{screen.name}.retry",
        retry_all_url=url_for(f"{screen.name}.retry_parked"),
        **screen.more(now),
    )


def _proof(channel: Channel, now: datetime) -> Mapping[str, Any]:
    parities = ledger.parities(reading(), channel, _events(channel), now=now)
    return {
        "parity": "; ".join(parity.sentence for parity in parities),
        "parity_holds": all(parity.holds for parity in parities),
    }


def _csv(screen: Screen) -> Response:
    now = utcnow()
    asked = Ledger.read(screen.channel, request.args, viewer_zone())
    session = reading()

    def rows() -> Iterator[Outbound]:
        for batch in ledger.ledger_batches(session, asked, now=now):
            yield from batch

    return csv.download(f"{screen.name}.csv", screen.columns(now), rows())


def _retry(screen: Screen, public_id: str) -> Response:
    session = writing()
    row = session.scalar(select(Outbound).where(Outbound.public_id == public_id, Outbound.channel == screen.channel))
    if row is None:
        abort(404)
    done = reporting.retry(session, row, now=utcnow())
    db.session.commit()
    if done:
        flash("It will be tried again right away.", "success")
    else:
        flash("It is not waiting for another try any more. Nothing was changed.", "info")
    return redirect(url_for(f"{screen.name}.index"))


def _retry_parked(screen: Screen) -> Response:
    only = (Outbound.channel == screen.channel) & (Outbound.state == State.PARKED)
    count = reporting.retry_all(writing(), now=utcnow(), only=only)
    db.session.commit()
    flash(f"{count} parked {screen.nouns[count != 1]} will be tried again right away.", "success")
    return redirect(url_for(f"{screen.name}.index"))


def _events(channel: Channel) -> Mapping[str, int] | Mapping[str, str]:
    config = settings()
    return config.talroo_conversion_events if channel == Channel.CONVERSION else config.talroo_disposition_events
