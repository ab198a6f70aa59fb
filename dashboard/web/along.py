"""The list that comes along with an application: in the address of its page, and in the field `queue` of its forms."""

from __future__ import annotations

from typing import Final
from urllib.parse import parse_qsl, urlencode

from flask import Blueprint, request, url_for
from flask_login import current_user
from werkzeug.datastructures import MultiDict

from dashboard.inbox import Inbox
from dashboard.web.formatting import viewer_zone

LONGEST: Final = 8_000
"""Characters of a list's query; none of ours comes near."""


def asked() -> Inbox:
    """The list this application was opened from; everybody, where none came along."""
    if "queue" in request.form:
        args = MultiDict(parse_qsl(request.form["queue"][:LONGEST], errors="replace"))
    else:
        args = MultiDict(request.args)
    return Inbox.read(args, viewer_zone(), viewer=current_user.public_id)


def query() -> str:
    """That list as an address has it, for links and for the field `queue`."""
    return urlencode(asked().args, doseq=True)


def page_of(public_id: str) -> str:
    """An application's address, with that list."""
    return _with_query(url_for("applications.show", public_id=public_id))


def back() -> str:
    """The list's own address."""
    return _with_query(url_for("applications.index"))


def _with_query(address: str) -> str:
    asked = query()
    return f"{address}?{asked}" if asked else address


def init_app(bp: Blueprint) -> None:
    """Templates call `list_query()`, `list_back()` and `page_along(public_id)`."""
    bp.add_app_template_global(query, "list_query")
    bp.add_app_template_global(back, "list_back")
    bp.add_app_template_global(page_of, "page_along")
