"""Pieces of pages that are the same as long as what they show is, so that each process writes them once.

The inbox is asked for again after every decision, and all its rows but one are as they were. What is kept is what a
process has shown of late: it is bounded, never stored, and gone with the process.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, Final

from flask import Flask, url_for

MOST: Final = 2_000
"""Rows of forty pages, some two megabytes."""


def init_app(app: Flask) -> None:
    """`kept(macro, …)` for templates: what the macro makes of these values, which must be all that it looks at.

    And an `url_for` that finds the address of a page without values once.
    """
    fragments: dict[Hashable, Any] = {}
    addresses: dict[str, str] = {}

    def kept(macro: Any, *values: Hashable) -> Any:
        return _kept(fragments, (macro.name, *values), lambda: macro(*values))

    def address_of(endpoint: str, **values: Any) -> str:
        if endpoint == "static" and values.keys() == {"filename"}:
            endpoint_and_file = f"static {values['filename']}"
            return str(_kept(addresses, endpoint_and_file, lambda: url_for("static", **values)))
        return str(url_for(endpoint, **values))

    app.jinja_env.globals |= {"kept": kept, "url_for": address_of}


def _kept(known: dict[Any, Any], key: Hashable, make: Callable[[], Any]) -> Any:
    found = known.get(key)
    if found is None:
        if len(known) >= MOST:
            known.clear()
        found = known[key] = make()
    return found
