"""The ledger's screens: conversions, dispositions and reminders are the same page over three channels."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask_login import current_user
from sqlalchemy import and_
from werkzeug.wrappers import Response

from config import Config
from dashboard import ledger, queries
from dashboard.clock import utcnow
from dashboard.extensions import db
from dashboard.ledger import Ledger
from dashboard.models import Outbound
from dashboard.models.outbound import Channel, State
from dashboard.outbound_words import WORDS
from dashboard.permissions import Permission, needs
from dashboard.services import queueing
from dashboard.web import csv
from dashboard.web.edge import following, reading, settings, writing
from dashboard.web.formatting import viewer_zone

Events = Callable[[Config], Mapping[str, int] | Mapping[str, str]]
"""Which event each stage fires in a channel."""


@dataclass(frozen=True, slots=True)
class Screen:
    """One channel's ledger. Endpoints and templates are under `name`."""

    name: str
    channel: Channel
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


def reports(name: str, channel: Channel, events: Events) -> Blueprint:
    """The ledger of a channel to Talroo, with the sums that prove it whole; `events` says what is to be in it."""
    return Screen(name, channel, more=lambda now: _proof(channel, events(settings()), now)).blueprint()


def _index(screen: Screen) -> Response | str:
    if request.accept_mimetypes.best_match(["text/html", "text/csv"], default="text/html") == "text/csv":
        return _csv(screen)
    now = utcnow()
    asked = Ledger.read(screen.channel, request.args, viewer_zone(), reach=current_user.reach)
    for problem in asked.problems:
        flash(problem, "info")
    page = ledger.ledger_page(reading(), asked, request.args.get("after"), now=now)
    return render_template(
        f"{screen.name}/index.html",
        page=page,
        filters=asked,
        jobs=queries.job_choices(reading(), current_user.reach, asked.job),
        now=now,
        next_url=following(f"{screen.name}.index", asked.args, page),
        csv_url=url_for(f"{screen.name}.csv", **asked.args),  # type: ignore[arg-type]
        parked=ledger.parked(reading(), screen.channel, current_user.reach),
        retry_endpoint=f"{screen.name}.retry",
        retry_all_url=url_for(f"{screen.name}.retry_parked"),
        **screen.more(now),
    )


def _proof(channel: Channel, events: Mapping[str, int] | Mapping[str, str], now: datetime) -> Mapping[str, Any]:
    parities = ledger.parities(reading(), channel, events, current_user.reach, now=now)
    return {
        "parity": "; ".join(parity.sentence for parity in parities),
        "parity_holds": all(parity.holds for parity in parities),
    }


def _csv(screen: Screen) -> Response:
    now = utcnow()
    asked = Ledger.read(screen.channel, request.args, viewer_zone(), reach=current_user.reach)
    session = reading()

    def rows() -> Iterator[Outbound]:
        for batch in ledger.ledger_batches(session, asked, now=now):
            yield from batch

    return csv.download(f"{screen.name}.csv", screen.columns(now), rows())


def _retry(screen: Screen, public_id: str) -> Response:
    session = writing()
    asked = Ledger(screen.channel, reach=current_user.reach).statement(utcnow())
    row = session.scalar(asked.where(Outbound.public_id == public_id))
    if row is None:
        abort(404)
    done = queueing.retry(session, row, now=utcnow())
    db.session.commit()
    if done:
        flash("Trying again now.", "success")
    else:
        flash("It is no longer waiting for another try. Nothing was changed.", "info")
    return redirect(url_for(f"{screen.name}.index"))


def _retry_parked(screen: Screen) -> Response:
    only = and_(Outbound.channel == screen.channel, Outbound.state == State.PARKED, ledger.concerns(current_user.reach))
    count = queueing.retry_all(writing(), now=utcnow(), only=only)
    db.session.commit()
    flash(f"Trying {count} failed {WORDS[screen.channel].nouns[count != 1]} again now.", "success")
    return redirect(url_for(f"{screen.name}.index"))
