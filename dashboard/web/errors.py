"""What people and machines are told when something cannot be done."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Final
from urllib.parse import urlsplit

from flask import Flask, g, jsonify, render_template, request
from flask_wtf.csrf import CSRFError
from sqlalchemy.exc import DataError, SQLAlchemyError
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response

from dashboard.clock import utcnow
from dashboard.database import is_storage_failure
from dashboard.date_words import clock
from dashboard.extensions import db, login_manager
from dashboard.logs import without_contents
from dashboard.services.throttle import ExportsThrottled
from dashboard.web.exports import NotWished
from dashboard.web.formatting import viewer_zone

log = logging.getLogger(__name__)

RETRY_AFTER: Final = 60
"""Seconds after which trying again is worth while when the database or the disk could not do its work."""

TO_BE_NOTED: Final = "shown, to be noted"
"""Where a request keeps what its answer will show (`web/noting.py`); an error shows nothing of that."""

SIGN_IN: Final = (
    "Please sign in",
    "Your session has ended, and nothing was saved. Copy what you wrote, sign in, then submit it again.",
)
WRITTEN: Final = ("body", "note")
"""The fields in which people write more than a word."""

MESSAGES: Final = {
    400: ("Something was wrong with that request", "Go back, reload the page and try again."),
    401: ("Please sign in", "Your session has ended, or you need to sign in to open this page."),
    403: ("You don’t have access to this page", "If you need it for your work, ask an administrator."),
    404: ("Page not found", "The link may be wrong, the item may have been removed, or you may not have access."),
    405: ("Not possible here", "This address doesn’t accept that kind of request."),
    413: ("Too large", "What you sent is larger than the dashboard accepts. Try a smaller file or less text."),
    429: ("Too many attempts", "Wait a little, then try again."),
    500: (
        "Something went wrong on our side",
        "The error was logged. Try again. If it keeps happening, tell an administrator.",
    ),
    503: (
        "Not available right now",
        "The database or the file store did not answer. Nothing was lost. Try again in a minute.",
    ),
}


def init_app(app: Flask) -> None:
    app.register_error_handler(HTTPException, _known)
    app.register_error_handler(CSRFError, _stale_form)
    app.register_error_handler(ExportsThrottled, _too_many_exports)
    app.register_error_handler(NotWished, _not_wished)
    app.register_error_handler(Exception, answer)


def page(code: int, title: str, message: str, written: str = "") -> Response:
    """An error for whoever asked: a page for people, with what they had `written`, JSON for machines."""
    g.pop(TO_BE_NOTED, None)
    if request.accept_mimetypes.best_match(["text/html", "application/json"], default="text/html") == "text/html":
        response = Response(_html(code, title, message, written), mimetype="text/html")
    else:
        response = jsonify(error=title, detail=message)
    response.status_code = code
    return response


def written() -> str:
    """What a form of ours that is refused held of somebody's own words; of one that another site sends, nothing."""
    if urlsplit(request.headers.get("Origin", "")).netloc != request.host:
        return ""
    return "\n\n".join(filter(None, (request.form.get(name, "").strip() for name in WRITTEN)))


def _html(code: int, title: str, message: str, written: str) -> str:
    if code >= 500:
        # Every template is given the user, and finding out who it is may be just what cannot be done.
        g._login_user = login_manager.anonymous_user()
    return render_template("errors/error.html", code=code, title=title, message=message, written=written)


def _known(problem: HTTPException) -> Response:
    code = problem.code or 500
    if code < 400:
        return problem.get_response()
    title, message = MESSAGES.get(code, (problem.name, "Go back, reload the page and try again."))
    try:
        response = page(code, title, message)
    except SQLAlchemyError as no_database:
        return answer(no_database)
    for name, value in problem.get_headers():
        if name.lower() in ("allow", "retry-after"):
            response.headers[name] = value
    return response


def _stale_form(_problem: CSRFError) -> Response:
    log.warning("a form without its token at %s", request.endpoint)
    words = written()
    do = "Copy what you wrote, open the page again" if words else "Go back, reload the page"
    return page(400, "This form is out of date", f"{do} and submit it again. Nothing was changed.", words)


def _not_wished(_problem: NotWished) -> Response:
    log.warning("another site asked for %s", request.endpoint)
    return page(
        403,
        "Download it from the dashboard",
        "Another site’s page asked for this download, so nothing was downloaded. Open the dashboard yourself, go to the"
        " page with the list or the person, and press the button there.",
    )


def _too_many_exports(throttled: ExportsThrottled) -> Response:
    minutes = -(-throttled.seconds // 60)
    again = (utcnow() + timedelta(seconds=throttled.seconds)).astimezone(viewer_zone())
    response = page(
        429,
        "Too many exports",
        f"You can make {throttled.most} exports an hour. The next one works in "
        f"{minutes} {'minute' if minutes == 1 else 'minutes'}, at {clock(again)} {again:%Z}. "
        "The administrators are notified. Tip: one table holds a whole list.",
    )
    response.headers["Retry-After"] = str(throttled.seconds)
    return response


def answer(problem: Exception) -> Response:
    """What is said of a problem that nobody foresaw; the request's session is rolled back."""
    db.session.rollback()
    if isinstance(problem, DataError):
        # Such as a NUL in a search on PostgreSQL: what was asked for can be in no column.
        return page(400, *MESSAGES[400])
    if is_storage_failure(problem):
        log.error("storage failure: %s", without_contents(problem))
        response = page(503, *MESSAGES[503])
        response.headers["Retry-After"] = str(RETRY_AFTER)
        return response
    log.error("unforeseen error: %s", without_contents(problem))
    return page(500, *MESSAGES[500])
