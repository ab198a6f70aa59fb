"""The notes that name whoever is signed in."""

from __future__ import annotations

from flask import Blueprint, render_template
from flask_login import current_user

from dashboard.permissions import Permission, needs
from dashboard.services import notes
from dashboard.web.edge import reading

bp = Blueprint("mentions", __name__, url_prefix="/mentions")


@bp.get("")
@needs(Permission.APPLICATIONS)
def index() -> str:
    """Unread ones first, the newest on top. Opening the application they stand on reads them."""
    found = notes.mentions_of(reading(), current_user.id, current_user.reach)
    return render_template("mentions/index.html", mentions=found)
