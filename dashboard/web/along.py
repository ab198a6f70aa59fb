"""The list that comes along with an application: in the address of its page, and in the field `queue` of its forms."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, request, url_for
from flask_login import current_user

from dashboard.asking import args_in
from dashboard.inbox import Inbox
from dashboard.web.formatting import viewer_zone


def read(query: str) -> Inbox | None:
    """The list that a query asks for, of whoever is signed in. None where it cannot be read, which is not everybody."""
    found = listed(query)
    return replace(found, **_reader()) if found else None


@lru_cache(maxsize=2_000)
def listed(query: str) -> Inbox | None:
    """The same of nobody in particular, to compare with another list: asked for, it shows nobody."""
    args = args_in(query)
    return None if args is None else Inbox.read(args)


def everybody() -> Inbox:
    """The whole inbox, of whoever is signed in."""
    return Inbox(**_reader())


def in_address() -> Inbox:
    """The list that the query of the address asks for, of whoever is signed in."""
    return Inbox.read(request.args, viewer_zone(), viewer=current_user.public_id, reach=current_user.reach)


def asked() -> Inbox | None:
    """The list this application was opened from: everybody, where none came along; None where it cannot be read."""
    if "queue" in request.form:
        return read(request.form["queue"])
    return in_address()


def query() -> str:
    """That list as an address has it, for links and for the field `queue`."""
    found = asked()
    return urlencode(found.args, doseq=True) if found else ""


def page_of(public_id: str) -> str:
    """An application's address, with that list."""
    return _with_query(url_for("applications.show", public_id=public_id))


def back() -> str:
    """The list's own address."""
    return _with_query(url_for("applications.index"))


def _with_query(address: str) -> str:
    asked = query()
    return f"{address}?{asked}" if asked else address


def _reader() -> dict[str, Any]:
    """What of a list is of whoever is signed in."""
    return {"zone": viewer_zone(), "viewer": current_user.public_id, "reach": current_user.reach}


def init_app(bp: Blueprint) -> None:
    """Templates call `list_query()`, `list_back()` and `page_along(public_id)`."""
    bp.add_app_template_global(query, "list_query")
    bp.add_app_template_global(back, "list_back")
    bp.add_app_template_global(page_of, "page_along")
