"""The yardstick of lists: a Flask page that runs one keyset query and renders the same 50 rows.

No users, no filters, no counts, no choices. Serve it as `bench.bare_list:app`, with the dashboard's own environment,
over a database that the dashboard has filled.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

from flask import Flask, request
from sqlalchemy import create_engine, make_url

ENGINE = create_engine(make_url(os.environ["DATABASE_URL"]), pool_size=4)
KEYSET = (
    "SELECT a.public_id, a.first_name, a.last_name, a.email, a.phone, a.qualified, a.disqualified_by, a.stage,"
    " a.resume_mime, a.arrived_at, a.inbox_no, j.title, j.company, j.city, j.state"
    " FROM application AS a LEFT JOIN job AS j ON j.id = a.job_id"
    " WHERE a.inbox_no < {mark} ORDER BY a.inbox_no DESC LIMIT 50"
).format(mark="?" if ENGINE.dialect.name == "sqlite" else "%s")
NAMES = ("public_id", "first_name", "last_name", "email", "phone", "qualified", "disqualified_by", "stage", "resume")
NAMES += ("arrived_at", "inbox_no", "title", "company", "city", "state")

app = Flask(__name__)
PAGE = app.jinja_env.from_string((Path(__file__).parent / "bare_list.html").read_text())
_local = threading.local()


@app.get("/healthz")
def healthz() -> dict[str, str]:
    return {"status": "ok"}


@app.get("/applications")
def applications() -> str:
    if not hasattr(_local, "connection"):
        _local.connection = ENGINE.raw_connection()
    cursor = _local.connection.cursor()
    cursor.execute(KEYSET, (request.args.get("after", 2**31 - 1, int),))
    rows: list[dict[str, Any]] = [dict(zip(NAMES, row, strict=True)) for row in cursor.fetchall()]
    _local.connection.rollback()
    return PAGE.render(rows=rows)
