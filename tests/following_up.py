"""People who began and did not finish, and those who write to them: made as Talroo and HR administrators make them."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from datetime import timedelta
from itertools import count
from typing import Any, Final

from flask import Flask
from sqlalchemy import select

from dashboard.clock import utcnow
from dashboard.extensions import db
from dashboard.models import Outbound, Reminder
from dashboard.models.outbound import Channel
from tests.factories import event

MAIL: Final = {
    "mail_url": "smtp://127.0.0.1:1",
    "mail_from": "Harbor & Vale <jobs@example.com>",
    "mail_postal_address": "Harbor & Vale, 1 Pier Road, Austin, TX 78701",
}
"""Settings with which reminders can be sent; nobody listens there."""

_numbers: Final = count(1)


def begin(deliver: Callable[..., Any], *, days: float = 0.5, **changes: Any) -> str:
    """Somebody who submitted the contact page `days` ago, as Talroo pushes it; the application's public id."""
    number = next(_numbers)
    person = {"firstName": "Ada", "lastName": "Quill", "emailAddress": f"ada{number}@example.com"}
    started = f"{utcnow() - timedelta(days=days):%Y-%m-%dT%H:%M:%SZ}"
    told = {"createdAt": started, **changes, "applicant": person | changes.get("applicant", {})}
    answer = deliver(event(kind="started:v1", created_at=started, **told)).json
    return str(answer["application"])


def token_of(source: str) -> str:
    return re.findall(r'name="csrf_token" value="([^"]*)"', source)[0]


def words(source: str) -> str:
    """What a page says, without its markup."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", source)).split())


def typed(source: str, name: str) -> str:
    """What stands in a field of a page's form."""
    source = re.sub(r"<select.*?</select>", "", source, flags=re.DOTALL)
    found = re.findall(rf'<input[^>]* name="{name}"[^>]* value="([^"]*)"', source)
    found = found or re.findall(rf'<textarea[^>]* name="{name}"[^>]*>\n(.*?)</textarea>', source, re.DOTALL)
    return html.unescape(found[0])


def ledger_of(app: Flask) -> list[tuple[str, str, str, str]]:
    """State, number, subject and text of every reminder, oldest first."""
    with app.app_context():
        rows = db.session.execute(
            select(Outbound.state, Outbound.event, Reminder.subject, Reminder.body)
            .join(Reminder, Reminder.outbound_id == Outbound.id)
            .where(Outbound.channel == Channel.REMINDER)
            .order_by(Outbound.id)
        )
        return [tuple(row) for row in rows]
