"""Pieces of pages that are the same as long as what they show is, so that each process writes them once.

The inbox is asked for again after every decision, and all its rows but one are as they were. What is kept is what a
process has shown of late: it is bounded, never stored, and gone with the process.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, MutableMapping
from typing import Any, Final

from flask import Flask, current_app, url_for
from flask.templating import Environment
from markupsafe import Markup

from dashboard.web.static_files import ENDPOINT

MOST: Final = 2_000
"""Rows of forty pages, some two megabytes."""


class Templates(Environment):
    """Templates whose globals are the environment's own, where Jinja lays an empty map of each template over them.

    For every import it compares all names of two such maps, and that took a twentieth of the inbox.
    """

    def make_globals(self, d: MutableMapping[str, Any] | None) -> MutableMapping[str, Any]:
        return super().make_globals(d) if d else self.globals


def init_app(app: Flask) -> None:
    """`kept(macro, …)` for templates: what the macro makes of these values, which must be all that it looks at.

    `kept_each(macro, rows, …)`: the same of every row and these values, put together.

    And `address_of` as their `url_for`.
    """
    fragments: dict[Hashable, Any] = {}
    app.extensions["addresses"] = {}

    def kept(macro: Any, *values: Hashable) -> Any:
        return _kept(fragments, (macro.name, *values), macro, values)

    # In one call: a template's fifty calls take longer than finding what is kept.
    def kept_each(macro: Any, rows: Iterable[Hashable], *values: Hashable) -> Markup:
        name = macro.name
        pieces = [_kept(fragments, (name, row, values), macro, (row, *values)) for row in rows]
        return Markup("\n".join(pieces))  # noqa: S704 (macros escape)

    app.jinja_env.globals |= {"kept": kept, "kept_each": kept_each, "url_for": address_of}


def address_of(endpoint: str, **values: Any) -> str:
    """Flask's `url_for`; the address of a page without values, or of a file, is put together once."""
    is_plain = values.keys() == {"filename"} if endpoint == ENDPOINT else not values
    if not is_plain or endpoint.startswith("."):
        return str(url_for(endpoint, **values))
    known = current_app.extensions["addresses"]
    return str(_kept(known, (endpoint, *values.values()), lambda: url_for(endpoint, **values)))


def _kept(known: dict[Any, Any], key: Hashable, make: Callable[..., Any], values: Iterable[Any] = ()) -> Any:
    found = known.get(key)
    if found is None:
        if len(known) >= MOST:
            known.clear()
        found = known[key] = make(*values)
    return found
