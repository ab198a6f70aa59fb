"""The worklist: people who started an application and did not finish it, for HR administrators."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable
from typing import Final
from urllib.parse import quote

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask_login import current_user
from werkzeug.wrappers import Response

from dashboard import queries, worklist
from dashboard.clock import utcnow
from dashboard.extensions import db
from dashboard.models import Application, FollowUp, SyncKind
from dashboard.permissions import Permission, needs
from dashboard.services import noted_opt_outs, record, sync
from dashboard.services import reading as reading_verbs
from dashboard.services.cadence import MAX_MESSAGES
from dashboard.services.heartbeat import WorkerSeen
from dashboard.services.reminder_rules import Rules, standing, why_not
from dashboard.web import noting
from dashboard.web.edge import (
    by_user,
    following,
    let_the_index_catch_up,
    reading,
    settings,
    writing,
)
from dashboard.web.formatting import tel
from dashboard.worklist import Worklist

bp = Blueprint("incomplete", __name__)

MAX_RUN_ID: Final = 40


@bp.get("/incomplete")
@needs(Permission.INCOMPLETE)
def index() -> str:
    """The worklist, newest first, with the filters of the address; below it who came back lately."""
    session, now = reading(), utcnow()
    asked = Worklist.read(request.args)
    if asked.text:
        let_the_index_catch_up()
    found = worklist.opened(session, asked, request.args.get("after"), now=now)
    cannot = _cannot(found.page.rows, found.waiting)
    return render_template(
        "incomplete/index.html",
        page=found.page,
        filters=asked,
        waiting=found.waiting,
        most_messages=MAX_MESSAGES,
        cannot=cannot,
        reasons=Counter(cannot.values()),
        jobs=queries.job_choices(session, current_user.reach, asked.job),
        tiles=found.tiles,
        lately=found.lately,
        select_page=request.args.get("select") == "page",
        after=request.args.get("after"),
        next_url=following("incomplete.index", asked.args, found.page),
        has_any=found.has_any,
        **_pulling(),
    )


def _cannot(rows: Iterable[FollowUp], waiting: Container[int]) -> dict[int, str]:
    """Who of a page cannot be emailed, by the application's id, and why."""
    told = ((row.application_id, _why_no_box(row, waiting)) for row in rows)
    return {number: why for number, why in told if why}


def _why_no_box(row: FollowUp, waiting: Container[int]) -> str:
    reasons = {
        "finished": row.completed_at,
        "opted out": row.opted_out_at,
        "no email address": not row.application.email,
        f"got {MAX_MESSAGES} emails": row.messages >= MAX_MESSAGES,
        "one is waiting to be sent": row.application_id in waiting,
    }
    return next((why for why, holds in reasons.items() if holds), "")


@bp.get("/incomplete/sync")
@needs(Permission.INCOMPLETE)
def pulling() -> str:
    """The part of the worklist that tells how pulling goes, for the page to fetch anew."""
    return render_template("incomplete/_pulling.html", **_pulling())


@bp.post("/incomplete/sync")
@needs(Permission.INCOMPLETE)
def pull() -> Response:
    """Pull now: the worker does it."""
    if settings().talroo_client_id is None:
        flash("Not connected to Talroo's list: no App Client is set. Ask your IT administrator to set one.", "error")
    elif sync.ask(writing(), SyncKind.INCOMPLETE, user_id=current_user.id, now=utcnow()):
        db.session.commit()
    else:
        flash("Already getting the latest from Talroo. Nothing was changed.", "info")
    return redirect(url_for("incomplete.index"))


@bp.get("/incomplete/<public_id>")
@needs(Permission.INCOMPLETE)
def show(public_id: str) -> str:
    """One application that reached us unfinished, finished since or not."""
    session, now = reading(), utcnow()
    follow_up = worklist.follow_up(session, public_id) or abort(404)
    application = follow_up.application
    noting.application_shown(application, page="incomplete")
    stands = standing(session, application, Rules.of(settings()), now)
    found = record.of(session, application, current_user.reach, now=now)
    return render_template(
        "incomplete/show.html",
        follow_up=follow_up,
        application=application,
        why_not=why_not(application, follow_up, stands, now),
        may_take_back=noted_opt_outs.may_take_back(stands.opted_out),
        messages=worklist.messages_to(session, application),
        now=now,
        sheet=reading_verbs.answers(application),
        timeline=reading_verbs.history(application, found, now=now),
        short_text=_short_text(application),
        sms_url=_sms_url(application),
        keeping=found.kept,
    )


@bp.post("/incomplete/<public_id>/opt-out")
@needs(Permission.INCOMPLETE)
def opt_out(public_id: str) -> Response:
    """They want no messages, and told a person so."""
    session = writing()
    was_noted = noted_opt_outs.note(session, _find(public_id), by_user(), settings().secrets)
    session.commit()
    if was_noted:
        flash("Opted out. They get no more messages from here.", "success")
    else:
        flash("They opted out before, or gave no email address. Nothing was changed.", "info")
    return redirect(url_for("incomplete.show", public_id=public_id))


@bp.post("/incomplete/<public_id>/opt-out/undo")
@needs(Permission.INCOMPLETE)
def take_opt_out_back(public_id: str) -> Response:
    """It was a person's mistake."""
    session = writing()
    was_taken_back = noted_opt_outs.take_back(session, _find(public_id), by_user(), settings().secrets)
    session.commit()
    if was_taken_back:
        flash("Opt-out undone. They can be messaged again; canceled messages stay canceled.", "success")
    else:
        flash("They opted out themselves, or the opt-out was undone before. Nothing was changed.", "info")
    return redirect(url_for("incomplete.show", public_id=public_id))


def _find(public_id: str) -> Application:
    return (worklist.follow_up(reading(), public_id) or abort(404)).application


def _pulling() -> dict[str, object]:
    """What `_pulling.html` shows. `seen`: the newest pull that had ended when the page was opened, or "none"."""
    now, config = utcnow(), settings()
    status = sync.status(reading(), SyncKind.INCOMPLETE, now=now, interval=config.talroo_sync_interval)
    last = status.last.public_id if status.last else "none"
    return {
        "status": status,
        "configured": config.talroo_client_id is not None,
        "seen": request.args.get("seen", last)[:MAX_RUN_ID],
        "worker": WorkerSeen.of(status.beat_at, now),
    }


def _short_text(application: Application) -> str:
    """For a text message or a call. Without a link: a Talroo click address could mint a new billable click."""
    greeting = f"Hi {application.first_name}" if application.first_name else "Hi"
    job = application.job
    what = f"for {job.title}" if job and job.title else "with us"
    where = f" at {job.company}" if job and job.title and job.company else ""
    return f"{greeting}, you started an application {what}{where} but haven't submitted it. Can I help you finish?"


def _sms_url(application: Application) -> str:
    """An address that opens the phone's messages with the text filled in (RFC 5724); empty without a number."""
    number = tel(application.phone)
    return f"sms:{number}?body={quote(_short_text(application), safe='')}" if number else ""
