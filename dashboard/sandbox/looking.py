"""The page of the fake Talroo for people: what it delivered, and what it was told."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Final

from dashboard.sandbox.envelopes import Payload

_SHOWN: Final = 200
_LISTS: Final = (
    ("conversions", "Conversions received", ("at", "event", "tlr_sid", "link")),
    (
        "dispositions",
        "Dispositions received",
        ("at", "event", "raw_event", "tlr_sid", "tlr_application_id", "event_time"),
    ),
    ("mails", "Mails received", ("at", "to", "subject", "text", "unsubscribe")),
    ("deliveries", "Applications delivered", ("at", "id", "type", "status", "attempt")),
)
_STYLE: Final = (
    "body{font:16px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem;color:#1c2733}"
    "table{border-collapse:collapse;width:100%;font-size:14px}th,td{text-align:left;padding:.25rem .75rem .25rem 0;"
    "border-bottom:1px solid #d8dee4;overflow-wrap:anywhere;vertical-align:top;white-space:pre-line}"
)


def page(received: Mapping[str, Sequence[Payload]]) -> str:
    """HTML of the lists, newest first, the last few hundred of each."""
    sections = "".join(_section(title, columns, received[name]) for name, title, columns in _LISTS)
    return _document(
        "Fake Talroo",
        "<p>Stands in for Talroo while you try the dashboard. Everybody here is made up. "
        f'The same <a href="/received">as JSON</a>.</p>{sections}',
    )


def words(title: str, text: str) -> str:
    """HTML of a page that says one thing."""
    return _document(escape(title), f"<p>{escape(text)}</p>")


def _document(title: str, content: str) -> str:
    return (
        f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f'<link rel="icon" href="data:,"><style>{_STYLE}</style></head><body><main><h1>{title}</h1>'
        f"{content}</main></body></html>"
    )


def _section(title: str, columns: Sequence[str], records: Sequence[Payload]) -> str:
    heading = f"<h2>{title} ({len(records)})</h2>"
    if not records:
        return f"{heading}<p>None yet.</p>"
    rows = "".join(
        _row("td", (record.get(column, "") for column in columns)) for record in list(records)[: -_SHOWN - 1 : -1]
    )
    return f"{heading}<table><thead>{_row('th', columns)}</thead><tbody>{rows}</tbody></table>"


def _row(tag: str, cells: Iterable[object]) -> str:
    return "<tr>" + "".join(f"<{tag}>{_told(str(cell))}</{tag}>" for cell in cells) + "</tr>"


def _told(text: str) -> str:
    """`text` for the page; what is one web address and nothing else, to be followed."""
    is_address = text.startswith(("http://", "https://")) and not any(character.isspace() for character in text)
    return f'<a href="{escape(text)}">Open</a>' if is_address else escape(text)
