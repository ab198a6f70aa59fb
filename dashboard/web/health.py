"""For whatever watches this site."""

from __future__ import annotations

from flask import Blueprint
from sqlalchemy import text

from dashboard.permissions import PUBLIC, needs
from dashboard.web.edge import file_store, reading

bp = Blueprint("health", __name__)

Answer = tuple[dict[str, object], int]


@bp.get("/healthz")
@needs(PUBLIC)
def healthz() -> Answer:
    """The process answers."""
    return {"status": "ok"}, 200


@bp.get("/readyz")
@needs(PUBLIC)
def readyz() -> Answer:
    """The database and the file store answer too, so deliveries can be kept."""
    problems = {}
    try:
        reading().execute(text("SELECT 1 FROM delivery LIMIT 1"))
    except Exception as problem:
        problems["database"] = type(problem).__name__
    try:
        file_store().check()
    except OSError as problem:
        problems["files"] = type(problem).__name__
    if problems:
        return {"status": "not ready", "problems": problems}, 503
    return {"status": "ok"}, 200
