"""A running dashboard with people in it: the sandbox's catalogue, the specimens, a log-in for each role."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any, Final

from sqlalchemy import create_engine, update
from sqlalchemy.orm import Session

from dashboard.clock import utcnow
from dashboard.models import Outbound, ReminderTemplate
from dashboard.models.outbound import State
from dashboard.sandbox.applications import catalogue
from dashboard.sandbox.server import FakeTalroo
from dashboard.services import accounts
from tests.browser.specimens import SPECIMENS
from tests.factories import as_body, event, signed
from tests.infrastructure.processes import Site
from tests.smtp import MailServer

LANDING: Final = "https://jobs.example.com"
"""Where the employer's own job pages are said to be; nobody goes there."""
PASSWORD: Final = "correct horse battery"
HOLD: Final = 90
"""Seconds a conversion or a message waits: enough to undo one, on any machine. `Inhabited.let_go` ends the wait."""
SENDER: Final = "Harbor & Vale Jobs <jobs@example.com>"
PLAIN: Final = "Plain words"
"""A template that needs no apply address, which the jobs here have not."""
PLAIN_SUBJECT: Final = "Can we help with your application?"
PLAIN_TEXT: Final = "Hi {first_name|there},\n\nIs there anything we can do for you?"
POSTAL_ADDRESS: Final = "Harbor & Vale, 1 Pier Road, Austin, TX 78701"

EMAILS: Final = {
    "recruiter": "recruiter@example.com",
    "colleague": "colleague@example.com",
    "hr_admin": "hr@example.com",
    "it_admin": "it@example.com",
}
ROLES: Final = {"colleague": "recruiter"}
"""Who has another role than their name says."""

_numbers: Final = count(1)


@dataclass(slots=True)
class Inhabited:
    """`applications` is specimen name → its id in addresses; `begun` the ids of applications nobody finished."""

    site: Site
    talroo: FakeTalroo
    mail: MailServer
    applications: dict[str, str] = field(default_factory=dict)
    begun: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return self.site.url

    def deliver(self, content: Any) -> dict[str, Any]:
        """POST an event as Talroo would; returns the answer, which must be 200."""
        body = as_body(content)
        headers = signed(body, secret=self.site.webhook_secret)
        asking = urllib.request.Request(f"{self.url}/talroo/applications", body, headers)
        with urllib.request.urlopen(asking, timeout=20) as answer:
            return dict(json.load(answer))

    def somebody(self, **data: Any) -> str:
        """A new person with a click id of their own; returns the application's id."""
        number = next(_numbers)
        click = f"00000000-0000-4000-8000-{number:012}"
        person = {
            "firstName": "Quentin",
            "lastName": f"Tester {number}",
            "emailAddress": f"quentin{number}@example.com",
        }
        applicant = person | data.pop("applicant", {})
        return str(self.deliver(event(applicant=applicant, **{"tlrSid": click, **data}))["application"])

    def unfinished(self, days: float = 1, **data: Any) -> str:
        """A new person who submitted the contact page `days` ago; returns the application's id."""
        number = next(_numbers)
        begun = f"{utcnow() - timedelta(days=days):%Y-%m-%dT%H:%M:%SZ}"
        person = {
            "firstName": "Una",
            "lastName": f"Finished {number}",
            "emailAddress": f"una{number}@example.com",
            "phone": f"512555{number:04}",
        }
        applicant = person | data.pop("applicant", {})
        told = event(kind="started:v1", created_at=begun, applicant=applicant, **{"createdAt": begun, **data})
        return str(self.deliver(told)["application"])

    def let_go(self) -> None:
        """Whatever is held is due now, as if its time were over; the worker sends it within a second or so."""
        with self._database() as session:
            session.execute(update(Outbound).where(Outbound.state == State.WAITING).values(due_at=utcnow()))
            session.commit()

    def settle(self) -> None:
        """Add the users and deliver everything."""
        with self._database() as session:
            for name, email in EMAILS.items():
                accounts.add_user(session, email, PASSWORD, ROLES.get(name, name), now=utcnow())
            session.add(ReminderTemplate(name=PLAIN, subject=PLAIN_SUBJECT, body=PLAIN_TEXT, updated_at=utcnow()))
            session.commit()
        for make in SPECIMENS:
            self.applications[make.__name__] = str(self.deliver(make())["application"])
        for happening in catalogue():
            answer = self.deliver(happening)
            if "started" in happening["type"]:
                self.begun.append(str(answer["application"]))
        self.deliver(b"this is no JSON")

    @contextmanager
    def _database(self) -> Iterator[Session]:
        """The site's own, past the site, which writes to it meanwhile."""
        engine = create_engine(self.site.environment["DATABASE_URL"], connect_args={"timeout": 60})
        with Session(engine) as session:
            yield session
        engine.dispose()


def inhabited_site(folder: Path, start: Callable[[Site], None], mail: MailServer) -> tuple[Site, FakeTalroo]:
    """A site with a worker whose conversions reach a fake Talroo in this process, and `mail` its mails.

    `start` starts it.
    """
    talroo = FakeTalroo(
        "127.0.0.1", 0, postback_url=None, secret="unused", client_id="sandbox", client_secret="sandbox"
    ).start()
    settings = {
        "DASHBOARD_SANDBOX_URL": talroo.url,
        "TALROO_CONVERSION_URL": talroo.url,
        "TALROO_DISPOSITION_URL": f"{talroo.url}/disposition/v1/events",
        "TALROO_CONVERSION_HOLD": str(HOLD),
        "CLICK_DESTINATIONS": LANDING,
        "MAIL_URL": mail.url,
        "MAIL_FROM": SENDER,
        "MAIL_POSTAL_ADDRESS": POSTAL_ADDRESS,
        "MAIL_HOLD": str(HOLD),
    }
    site = Site(folder, settings=settings)
    start(site)
    return site, talroo
