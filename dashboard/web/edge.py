"""What every view reaches for: the settings, the store, the database as a writer, who is asking."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final, cast

from flask import Flask, current_app, redirect, request, url_for
from flask_login import current_user
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from config import Config
from dashboard.clock import utcnow
from dashboard.database import commit_what_was_read, end_reading, start_writing
from dashboard.extensions import db
from dashboard.models import Role
from dashboard.paging import Page
from dashboard.permissions import FIRST_PAGE, SIGNED_IN, needs
from dashboard.services import indexing
from dashboard.services.activity import By
from dashboard.services.drawing import Drawings
from dashboard.services.files import FileStore
from dashboard.services.notebook import Notebook
from dashboard.services.reporting import Rules
from dashboard.services.together import Together

_OWN_WISH: Final = ("same-origin", "none")


def settings(app: Flask | None = None) -> Config:
    return cast("Config", (app or current_app).config["SETTINGS"])


def file_store() -> FileStore:
    return cast("FileStore", current_app.extensions["file_store"])


def drawings() -> Drawings:
    return cast("Drawings", current_app.extensions["drawings"])


def deliveries() -> Together:
    """The queue in which deliveries are stored."""
    return cast("Together", current_app.extensions["deliveries"])


def notebook() -> Notebook:
    """Where requests note in passing who was refused and which secret proved something."""
    return cast("Notebook", current_app.extensions["notebook"])


def reading() -> Session:
    """The request's database session."""
    return cast("Session", db.session())  # itself: what stands in for it cannot do everything


def writing() -> Session:
    """The request's database session as a writer from its first statement on.

    Finding out who is asking has read already; on SQLite a transaction that read first can lose its turn to write.
    """
    session = reading()
    end_reading(session)
    start_writing(session)
    return session


def end_request(problem: BaseException | None = None) -> None:
    """Its session is rolled back after this, whatever it left open."""
    if problem is None and db.session.registry.has():
        commit_what_was_read(reading())


def let_the_index_catch_up() -> None:
    """Before the index is asked: whatever waits for it is put into it. Ends what the request's session has read."""
    end_reading(reading())
    indexing.catch_up(storing)


def let_the_notebook_catch_up() -> None:
    """Before a page tells of it: what was noted in passing is written down. Ends what the session has read."""
    end_reading(reading())
    notebook().flush()


def storing() -> Session:
    """A session of its own for a delivery: it looks its engine up once, not at every statement."""
    return Session(db.engine)


def remote_address() -> str:
    """The network address of whoever asks; behind proxies, as far as `TRUSTED_PROXIES` says."""
    return (request.remote_addr or "unknown")[:64]


def another_site_asks() -> bool:
    """Whether another site's page had the browser ask, and not somebody's own press on our page, or what they typed.

    Browsers that do not say are believed.
    """
    return request.headers.get("Sec-Fetch-Site", "same-origin") not in _OWN_WISH


def by_user() -> By:
    """Whoever asks, from where, and now: as what somebody does is written down."""
    return By(current_user.id, remote_address(), utcnow())


def acting() -> dict[str, Any]:
    """Whoever asks, as `audit.note` wants to know them."""
    return {"user_id": current_user.id, "remote_addr": remote_address()}


def reporting_rules() -> Rules:
    """Which decisions Talroo is told of, and how long it waits."""
    config = settings()
    return Rules(
        conversions=config.talroo_conversion_events,
        dispositions=config.talroo_disposition_events,
        hold=timedelta(seconds=config.talroo_conversion_hold),
    )


def following(endpoint: str, args: Mapping[str, Any], page: Page[Any]) -> str | None:
    """The address of the page after `page`, with the same filters; None on the last."""
    return url_for(endpoint, _external=False, **args, after=page.next_cursor) if page.next_cursor else None


def first_page() -> str:
    return url_for(FIRST_PAGE[Role(current_user.role)])


@needs(SIGNED_IN)
def home() -> Response:
    return redirect(first_page())
