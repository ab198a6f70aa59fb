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
    "@media(max-width:40rem){thead{display:none}tr{display:block;padding:.5rem 0;border-bottom:1px solid #8590a0}"
    "td{display:block;padding:0;border:0}td::before{content:attr(data-label) ': ';color:#566070}}"
)


def page(received: Mapping[str, Sequence[Payload]]) -> str:
    """HTML of the lists, newest first, the last few hundred of each."""
    sections = "".join(_section(title, columns, received[name]) for name, title, columns in _LISTS)
    return _document(
        "Fake Talroo",
        "<p>Stands in for Talroo while you try the dashboard. Everybody here is made up. "
        f'The same <a href="/received">as JSON</a>.</p>{sections}',
    )


def apply_page(unfinished: Iterable[Payload], told: str = "") -> str:
    """HTML of a job's apply page: a button for each of its unfinished applications; `told`: what became of one."""
    rows = "".join(
        f'<p><button name="id" value="{escape(str(data["id"]))}">Finish this application</button> {_whose(data)}</p>'
        for data in unfinished
    )
    return _document(
        "The job’s apply page",
        f"<p>{escape(told)}</p><p>In earnest this is the employer’s own page, where an applicant goes on. "
        f'Here you can play one who does:</p><form method="post">{rows or "<p>Nobody is left to finish.</p>"}</form>',
    )


def _whose(data: Payload) -> str:
    person = data["applicant"]
    name = " ".join(filter(None, (person.get("firstName"), person.get("lastName"))))
    return escape(f"{name or person.get('emailAddress') or 'Somebody without a name'}, began {data['createdAt']}")


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
    titles = "".join(f"<th>{column}</th>" for column in columns)
    rows = "".join(
        _row((column, record.get(column, "")) for column in columns) for record in list(records)[: -_SHOWN - 1 : -1]
    )
    return f"{heading}<table><thead><tr>{titles}</tr></thead><tbody>{rows}</tbody></table>"


def _row(cells: Iterable[tuple[str, object]]) -> str:
    """Of column and value: on a phone, each value stands below the other behind its column's name."""
    return "<tr>" + "".join(f'<td data-label="{column}">{_told(str(cell))}</td>' for column, cell in cells) + "</tr>"


def _told(text: str) -> str:
    """`text` for the page; what is one web address and nothing else, to be followed."""
    is_address = text.startswith(("http://", "https://")) and not any(character.isspace() for character in text)
    return f'<a href="{escape(text)}">Open</a>' if is_address else escape(text)
