"""Tables to download, safe to open in a spreadsheet."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from flask import stream_with_context
from werkzeug.wrappers import Response

from dashboard.models import Application
from dashboard.services.reading import Trail
from dashboard.spreadsheet import BYTE_ORDER_MARK, cell
from dashboard.stages import Stage
from dashboard.web import exports, noting
from dashboard.web.edge import settings

Columns = Mapping[str, Callable[[Any], Any]]

_ROWS_A_PIECE: Final = 200


def _job(name: str) -> Callable[[Application], Any]:
    return lambda row: getattr(row.job, name) if row.job else None


def application_columns(trails: Mapping[int, Trail]) -> Columns:
    """The inbox's columns. `trails`: of the rows that are being written, by application id."""
    none = Trail()
    return {
        "application": lambda row: f"{settings().public_url}/applications/{row.public_id}",
        "first name": lambda row: row.first_name,
        "last name": lambda row: row.last_name,
        "email": lambda row: row.email,
        "phone": lambda row: row.phone,
        "city": lambda row: row.city,
        "state": lambda row: row.state,
        "zip code": lambda row: row.zipcode,
        "job": _job("title"),
        "company": _job("company"),
        "job reference": _job("reference"),
        "job city": _job("city"),
        "job state": _job("state"),
        "stage": lambda row: row.stage,
        "qualified": lambda row: {True: "yes", False: "no", None: ""}[row.qualified],
        "why not qualified": lambda row: row.disqualified_by if row.qualified is False else None,
        "résumé": lambda row: row.resume_label,
        "applied (UTC)": lambda row: row.applied_at,
        "arrived (UTC)": lambda row: row.arrived_at,
        "click id": lambda row: row.tlr_sid,
        "rejection reason": lambda row: trails.get(row.id, none).reason,
        "last note": lambda row: trails.get(row.id, none).note,
        "first day of work": lambda row: row.start_date if row.stage == Stage.HIRED else None,
        "last moved (UTC)": lambda row: trails.get(row.id, none).moved_at,
        "held": lambda row: "yes" if row.held_at else "no",
        "rating": lambda row: row.rating,
        "assigned to": lambda row: trails.get(row.id, none).assigned_to,
        "tags": lambda row: ", ".join(trails.get(row.id, none).tags),
    }


def ledger_columns(now: datetime) -> Columns:
    """The ledger's columns, with states as they are at `now`."""
    return {
        "person": lambda row: row.application.name if row.application else None,
        "job": lambda row: row.application.job_title if row.application else None,
        "stage": lambda row: row.stage,
        "event": lambda row: row.event,
        "state": lambda row: row.shown_state(now),
        "attempts": lambda row: row.attempts,
        "uncertain attempts": lambda row: row.uncertain,
        "last status": lambda row: row.last_status,
        "last answer": lambda row: None if row.is_veiled else row.last_answer,
        "next try (UTC)": lambda row: row.due_at if row.state == "waiting" else None,
        "decided (UTC)": lambda row: row.event_time,
        "sent (UTC)": lambda row: row.sent_at,
        "click id": lambda row: None if row.is_veiled else row.tlr_sid,
        "application": lambda row: (
            f"{settings().public_url}/applications/{row.application.public_id}" if row.application else None
        ),
    }


def message_columns(now: datetime) -> Columns:
    """The columns of the ledger of reminders."""
    about = ledger_columns(now)
    names = ("person", "job", "state", "attempts", "uncertain attempts", "last answer", "next try (UTC)", "sent (UTC)")
    return {
        **{name: about[name] for name in names},
        "email": lambda row: row.application.email if row.application else None,
        "message": lambda row: row.event,
        "subject": lambda row: row.reminder.subject if row.reminder and not row.is_veiled else None,
        "written by": lambda row: row.created_by.email if row.created_by else "the job's cadence",
        "written (UTC)": lambda row: row.event_time,
        "application": lambda row: (
            f"{settings().public_url}/incomplete/{row.application.public_id}" if row.application else None
        ),
    }


def download(name: str, columns: Columns, rows: Iterable[Any]) -> Response:
    """A CSV file of `rows`, which is read while it is sent: counted, and noted in the audit log.

    UTF-8 with a byte order mark, because Excel guesses wrong without one.
    """
    exports.count()
    given = noting.handed_out(name, rows)
    response = Response(stream_with_context(_pieces(columns, given)), mimetype="text/csv")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _pieces(columns: Columns, rows: Iterable[Any]) -> Iterator[str]:
    buffer = io.StringIO()
    # All quoted: where a spreadsheet separates columns by semicolons, one in a value must not begin a cell.
    writer = csv.writer(buffer, quoting=csv.QUOTE_ALL)
    buffer.write(BYTE_ORDER_MARK)
    writer.writerow(columns)
    for number, row in enumerate(rows, 1):
        writer.writerow([cell(read(row)) for read in columns.values()])
        if number % _ROWS_A_PIECE == 0:
            yield buffer.getvalue()
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue()
