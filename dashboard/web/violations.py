"""Where browsers report what a page's policy forbade: counted by directive and page, and forgotten."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

from flask import Blueprint, current_app, request
from werkzeug.exceptions import HTTPException
from werkzeug.routing import RequestRedirect

from dashboard.clock import utcnow
from dashboard.extensions import csrf
from dashboard.permissions import PUBLIC, needs
from dashboard.services import violations
from dashboard.services.refusals import OTHERS
from dashboard.web.edge import notebook

bp = Blueprint("violations", __name__)

MOST_BYTES: Final = 16_384


# Without a form's token: browsers send these by themselves. All that a stranger's can do is to be counted.
@bp.post("/csp-reports")
@csrf.exempt
@needs(PUBLIC)
def report() -> tuple[str, int]:
    """204 whatever is reported; 400 or 413 for what is no report. Asks the database nothing."""
    if request.mimetype not in (violations.ONE, violations.SEVERAL):
        return "", 400
    request.max_content_length = MOST_BYTES
    try:
        reported = violations.read(request.mimetype, request.get_data(cache=False))
    except ValueError:
        return "", 400
    for violation in reported:
        notebook().violated(violation.directive, _rule_of(violation.page), utcnow())
    return "", 204


def _rule_of(address: str) -> str:
    """The page at an address of ours without what stands in it: ids are people's, and so is what they search for."""
    try:
        path = urlsplit(address).path
        rule, _ = current_app.url_map.bind("localhost").match(path, method="GET", return_rule=True)
    except (HTTPException, RequestRedirect, ValueError):
        return OTHERS
    return rule.rule
