"""What browsers refused to do on our pages, because the page's own policy forbids it: an injection that failed, or a
mistake of ours. Browsers report it; anybody can, too. So it is counted by directive and page, and nothing is kept.

Counted beside refused deliveries (`refusals`), in the same table: a reason that begins with `page:`, and the page's
rule in place of an address.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from dashboard.models.watch import OF_PAGES
from dashboard.services.refusals import Tally

ONE: Final = "application/csp-report"
"""What `report-uri` brings."""
SEVERAL: Final = "application/reports+json"
"""What `report-to` brings (the Reporting API)."""
MOST_AT_ONCE: Final = 20
OTHER: Final = "other"

DIRECTIVES: Final = frozenset(
    {
        *("default-src", "script-src", "script-src-elem", "script-src-attr", "style-src", "style-src-elem"),
        *("style-src-attr", "img-src", "connect-src", "font-src", "manifest-src", "form-action", "base-uri"),
        *("frame-ancestors", "frame-src", "child-src", "object-src", "media-src", "worker-src", "prefetch-src"),
        *("require-trusted-types-for", "trusted-types"),
    }
)
"""Those that our policies can be violated in; whatever else a report names is `other`."""

_OF_EXTENSIONS: Final = ("chrome-extension", "moz-extension", "safari-extension", "safari-web-extension")


@dataclass(frozen=True, slots=True)
class Violation:
    """`page`: its whole address as reported, which may hold what somebody searched for. Never written down."""

    directive: str
    page: str


def read(kind: str, body: bytes) -> list[Violation]:
    """What a report of that content type tells of pages. What a browser's extensions were refused is left out.

    Raises `ValueError` where it is no report.
    """
    try:
        found = json.loads(body)
    except RecursionError as problem:
        raise ValueError("nested too deeply") from problem
    return list(_told(_one(found) if kind == ONE else _several(found)))


def tally(directive: str, page: str, at: datetime) -> Tally:
    """`page`: the rule of its address."""
    return Tally.once(f"{OF_PAGES}{directive}", page, at)


def _one(found: Any) -> list[tuple[Any, Any, Any]]:
    body = _table(_table(found).get("csp-report"))
    directive = body.get("effective-directive") or body.get("violated-directive")
    return [(directive, body.get("document-uri"), (body.get("source-file"), body.get("blocked-uri")))]


def _several(found: Any) -> list[tuple[Any, Any, Any]]:
    if not isinstance(found, list):
        raise ValueError("not a list of reports")
    bodies = [_table(one.get("body")) for one in map(_table, found) if one.get("type") == "csp-violation"]
    return [
        (body.get("effectiveDirective"), body.get("documentURL"), (body.get("sourceFile"), body.get("blockedURL")))
        for body in bodies[:MOST_AT_ONCE]
    ]


def _told(reported: list[tuple[Any, Any, Any]]) -> Iterator[Violation]:
    for directive, page, causes in reported:
        if any(str(cause).startswith(_OF_EXTENSIONS) for cause in causes):
            continue
        name = str(directive).partition(" ")[0]
        yield Violation(name if name in DIRECTIVES else OTHER, str(page))


def _table(found: Any) -> dict[str, Any]:
    if not isinstance(found, dict):
        raise ValueError("not a report")
    return found
