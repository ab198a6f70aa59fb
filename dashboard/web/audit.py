"""`/admin/audit`: who did what to what, and when."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from flask import Blueprint, flash, render_template, request, url_for
from flask_login import current_user
from werkzeug.wrappers import Response

from dashboard import audit_list
from dashboard.audit_actions import LABELS, Action
from dashboard.audit_list import AuditList
from dashboard.models import AuditEntry
from dashboard.permissions import Permission, allows, needs
from dashboard.web import audit_words, csv
from dashboard.web.edge import following, reading
from dashboard.web.formatting import viewer_zone

bp = Blueprint("audit", __name__, url_prefix="/admin")

_PAGES: Final[Mapping[str, tuple[Permission, str]]] = {
    "application": (Permission.APPLICATIONS, "applications.show"),
    "file": (Permission.APPLICATIONS, "files.preview"),
    "delivery": (Permission.DELIVERIES, "deliveries.show"),
    "job": (Permission.INCOMPLETE, "follow_up_jobs.show"),
    "template": (Permission.INCOMPLETE, "reminder_templates.show"),
    "user": (Permission.USERS, "users.show"),
    "erasure": (Permission.PRIVACY, "privacy.erased"),
}
"""Where what an entry is about can be looked at, and who may."""


@bp.get("/audit")
@needs(Permission.AUDIT)
def index() -> Response | str:
    """The log, newest first, with the filters of the address."""
    if request.accept_mimetypes.best_match(["text/html", "text/csv"], default="text/html") == "text/csv":
        return as_csv()
    asked = _asked()
    for problem in asked.problems:
        flash(problem, "info")
    page = audit_list.entries_page(reading(), asked, request.args.get("after"))
    return render_template(
        "audit/index.html",
        page=page,
        filters=asked,
        actions=[(action.value, words) for action, words in LABELS.items()],
        people=[(user.public_id, user.email) for user in audit_list.people(reading())],
        told=_told,
        addresses=audit_list.addresses(reading(), page.rows),
        words=_words,
        page_of=_page_of,
        only=lambda **args: url_for("audit.index", **args),
        next_url=following("audit.index", asked.args, page),
        csv_url=url_for("audit.csv", **asked.args),  # type: ignore[arg-type]
    )


@bp.get("/audit.csv", endpoint="csv")
@needs(Permission.AUDIT)
def as_csv() -> Response:
    """The same selection as a table."""
    session, asked = reading(), _asked()

    def rows() -> Iterator[AuditEntry]:
        for batch in audit_list.entries_batches(session, asked):
            yield from batch

    return csv.download("audit.csv", _COLUMNS, rows())


def _asked() -> AuditList:
    return AuditList.read(request.args, viewer_zone())


def _words(action: str) -> str:
    """Of an action that only a later version knows: its own name."""
    return LABELS[Action(action)] if action in set(Action) else action


def _told(entry: AuditEntry) -> list[tuple[str, str]]:
    """What an entry tells besides, as pairs of words and what they are about."""
    return audit_words.told(audit_list.details(entry))


def _page_of(entry: AuditEntry) -> str | None:
    """The address of what an entry is about, for those who may see it."""
    permission, endpoint = _PAGES.get(entry.subject_kind or "", (None, ""))
    if permission is None or not allows(current_user.role, permission):
        return None
    if audit_list.details(entry).get("page") == "incomplete":
        endpoint = "incomplete.show"
    return url_for(endpoint, public_id=entry.subject_id)


_COLUMNS: Final[Mapping[str, Any]] = {
    "number": lambda row: row.number,
    "at (UTC)": lambda row: row.at,
    "action": lambda row: row.action,
    "what": lambda row: _words(row.action),
    "user": lambda row: row.actor.public_id if row.actor else None,
    "user's email": lambda row: row.actor.email if row.actor else None,
    "about": lambda row: row.subject_kind,
    "id": lambda row: row.subject_id,
    "details": lambda row: row.details,
    "from": lambda row: row.remote_addr,
    "request": lambda row: row.request_id,
    "digest": lambda row: row.digest,
}
