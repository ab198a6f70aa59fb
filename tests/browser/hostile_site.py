"""A running site where nobody says anything but the corpus of `tests/hostile.py`, and what stands on its pages."""

from __future__ import annotations

import http.client
import json
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import requests
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from config import Config
from dashboard import create_app
from dashboard.clock import utcnow
from dashboard.database import start_writing
from dashboard.extensions import db
from dashboard.models import (
    Application,
    Attachment,
    Delivery,
    Erasure,
    Job,
    Note,
    Outbound,
    ReminderTemplate,
    SavedView,
    User,
)
from dashboard.models.outbound import Channel
from dashboard.sandbox.server import FakeTalroo
from dashboard.services import opt_outs
from dashboard.talroo import wire
from tests import hostile
from tests.application import HASHED, PASSWORD
from tests.browser.inhabited import EMAILS, POSTAL_ADDRESS, ROLES, SENDER
from tests.factories import signed
from tests.hostile import CORPUS, TURNS, WORDS
from tests.infrastructure.processes import Site
from tests.smtp import MailServer
from tests.stocked_site import Stocked, token_of

APPLY_URL: Final = "https://jobs.example.com/apply/{job_reference}"
ALLOWED: Final = ("https://jobs.example.com/",)
"""What links on our pages lead to besides ourselves: the employer's own pages, as the settings say."""
VISITORS: Final = ("recruiter", "hr_admin", "it_admin")


class HostileTalroo(FakeTalroo):
    """Lists on its Platform API what nobody finished, in the words of the corpus."""

    @cached_property
    def _items(self) -> list[dict[str, Any]]:
        return [hostile.application(turn, "pulled") for turn in TURNS]

    def applications(self) -> list[dict[str, Any]]:
        return self._items


@dataclass(slots=True)
class HostileSite:
    """`completed`, `pulled` and `started`: ids in addresses, by turn. `clients`: by role, somebody signed in."""

    site: Site
    talroo: FakeTalroo
    mail: MailServer
    app: Flask
    clients: dict[str, requests.Session] = field(default_factory=dict)
    completed: list[str] = field(default_factory=list)
    pulled: list[str] = field(default_factory=list)
    started: list[str] = field(default_factory=list)
    ids: dict[str, list[str]] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return self.site.url

    def settle(self) -> None:
        """Let everybody say what they can say, by HTTP."""
        self._add_users()
        self.completed = [self._deliver(hostile.application(turn), turn) for turn in TURNS]
        addresses = [f"turn-{turn}@example.com" for turn in TURNS]
        events = [hostile.application(turn, "started:v1", email=addresses[turn]) for turn in TURNS]
        self.started = [self._deliver(event, turn) for turn, event in enumerate(events)]
        for turn in TURNS[::7]:
            self._deliver(hostile.kept_event(turn), turn)
        self.post("hr_admin", "/incomplete/sync")
        for say in (self._decide, self._note, self._name, self._write, self._keep):
            say()
        self._wait()
        self.ids = self._ids()

    # --- who says what

    def _add_users(self) -> None:
        with self.app.app_context():
            start_writing(db.session())
            for name, email in EMAILS.items():
                told = {"password_hash": HASHED, "role": ROLES.get(name, name), "created_at": utcnow()}
                db.session.add(User(email=email, **told))
            db.session.commit()
        for turn, name in enumerate(VISITORS):
            client = self.clients[name] = requests.Session()
            client.headers["User-Agent"] = hostile.in_a_header(WORDS[turn])
            token = token_of(client.get(f"{self.url}/login").text)
            told = {"email": EMAILS[name], "password": PASSWORD, "csrf_token": token}
            assert client.post(f"{self.url}/login", told, allow_redirects=False).status_code == 302
            client.headers["X-CSRFToken"] = token_of(client.get(f"{self.url}/me").text)

    def post(self, who: str, path: str, /, **fields: Any) -> requests.Response:
        """Send a form. It may be refused, but never fail."""
        # Half a character goes as the bytes that it would have.
        sent = [(key, one.encode("utf-8", "surrogatepass")) for key, value in fields.items() for one in _listed(value)]
        answer = self.clients[who].post(self.url + path, sent, allow_redirects=False)
        assert answer.status_code < 500, (path, fields)
        return answer

    def _deliver(self, event: dict[str, Any], turn: int) -> str:
        """POST an event to the postUrl, with headers as hostile as it is itself."""
        body = json.dumps(event).encode()  # half a character stands in it as its escape
        words = [hostile.in_a_header(WORDS[(turn + more) % len(WORDS)]) for more in range(4)]
        names = ("Content-Type", "User-Agent", "X-Forwarded-For", "Referer")
        headers = signed(body, secret=self.site.webhook_secret) | dict(zip(names, words, strict=True))
        query = hostile.in_a_query(WORDS[turn])
        caller = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=30)
        caller.request("POST", f"/talroo/applications?jobid={query}", body, headers)
        answer = caller.getresponse()
        told = answer.read().decode()
        assert answer.status == 200, (answer.status, told, query, words)
        caller.close()
        found = re.search(r'"application": ?"([^"]+)"', told)
        return found[1] if found else ""

    def _decide(self) -> None:
        """A third is hired, a third rejected, each with its payload for a note; the others stay new, some held."""
        for turn, one in enumerate(self.completed):
            words = WORDS[turn]
            if turn % 3 < 2:
                stage = ("hired", "rejected")[turn % 3]
                told = {"stage": stage, "note": words, "version": "0"}
                assert self.post("recruiter", f"/applications/{one}/stage", **told).status_code == 302, words
            if turn % 5 == 2:
                self.post("recruiter", f"/applications/{one}/tags", tag=words[:40])
        self.post("recruiter", f"/applications/{self.completed[2]}/hold")
        self.post("recruiter", f"/applications/{self.completed[5]}/stage", stage=words, reason=words, start_date=words)

    def _note(self) -> None:
        for turn, words in enumerate(packed(4_000, before=f"@{EMAILS['recruiter']} ")):
            self.post("hr_admin", f"/applications/{self.completed[turn]}/notes", body=words)
            self.post("hr_admin", f"/applications/{self.completed[turn]}/assign", assigned="me")
        self.post("hr_admin", f"/applications/{self.completed[5]}/rating", rating="3")
        ids = [f"{one}:{int(turn % 3 < 2)}" for turn, one in enumerate(self.completed)]
        done = {"application": ids[3:9], "do": "stage:interview", "note": WORDS[1], "token": "one"}
        self.ids["bulk"] = [
            self.post("recruiter", "/applications/bulk/do", **done).headers["Location"].rpartition("/")[2]
        ]
        same = {"other": self.completed[1]}
        self.post("recruiter", f"/people/{self.completed[0]}/same", **same)

    def _name(self) -> None:
        """Views, templates and colleagues are called so; who is none is refused."""
        for turn, one in enumerate(CORPUS[::3]):
            query = hostile.in_a_query(WORDS[turn])
            name = {"name": one.text[:60], "query": f"q={query}&tag={query}", "shared": "yes" if turn < 12 else ""}
            self.post(("recruiter", "hr_admin")[turn % 2], "/views", **name)
            self.post("hr_admin", "/admin/users", email=f"{one.text}@example.com", role="recruiter")
        for role, email in (("recruiter", "o'&lt/b$`{7*7}`"), ("it_admin", "{{1337*1009}}&#60&amp='")):
            invited = self.post("hr_admin", "/admin/users", email=f"{email}@example.com", role=role)
            assert invited.status_code == 302, email
        for one in CORPUS[::8]:
            words = {"name": braced(one.text), "subject": braced(one.text)}
            body = "\n\n".join(braced(other.text) for other in CORPUS)
            self.post("hr_admin", "/incomplete/templates/new", **words, body=body.replace("\0", ""), do="save")

    def _write(self) -> None:
        """Everybody who began is written to; the job's title and company stand in it where they may."""
        lines = "\n".join(braced(one.text) for one in CORPUS).replace("\0", "")
        subject = "<b data-hostile=1> {first_name|you}, {job_title|none}, {company|none}"
        words = {"subject": subject, "body": f"{{first_name|you}} {{last_name|none}} {{job_place|none}}\n{lines}"}
        answer = self.post("hr_admin", "/incomplete/message", application=self.started, do="send", **words)
        assert answer.status_code == 302, re.findall(r'class="(?:problem|flash-error)[^>]*>.*', answer.text)

    def _keep(self) -> None:
        for turn, words in enumerate(packed(300)):
            self.post("hr_admin", f"/privacy/people/{self.completed[turn]}/keep", do="hold", words=words)
        gone = hostile.application(0)
        for names, key in (gone, "id"), (gone["data"], "id"), (gone["data"]["applicant"], "emailAddress"):
            names[key] += "~gone"
        last = self._deliver(gone, 0)
        erasing = {"application": last, "previewed": last, "reason": "asked", "sure": "yes"}
        assert self.post("hr_admin", f"/privacy/people/{last}/erase", **erasing).status_code == 302

    # --- what came of it

    def _wait(self, within: float = 200) -> None:
        """Until everything that was pulled is here, every file read, and every mail there."""
        ends = time.monotonic() + within
        while time.monotonic() < ends:
            with self.app.app_context():
                session = db.session
                here = dict(iter(session.execute(select(Application.talroo_id, Application.public_id))))
                names = [wire.clean(hostile.application(turn, "pulled")["id"]).strip() for turn in TURNS]
                self.pulled = [here[name] for name in names if name in here]
                ready = [len(self.pulled) == len(TURNS), len(self.mail.mails) > len(TURNS)]
                on_its_way = Outbound.state.in_(("waiting", "sending"))
                ready.append(not session.scalar(select(Outbound.id).where(on_its_way).limit(1)))
                ready.append(
                    not session.scalar(select(Application.id).where(Application.unindexed.is_not(None)).limit(1))
                )
            if all(ready):
                return
            time.sleep(0.1)
        raise AssertionError(
            f"not in time: {len(self.pulled)} pulled, {len(self.mail.mails)} mails\n{self.site.log[-3000:]}"
        )

    def _ids(self) -> dict[str, list[str]]:
        """Ids by blueprint, as `Stocked` takes them."""
        with self.app.app_context():
            session = db.session()
            found = {
                "applications": self.completed,
                "outcome": self.completed,
                "team": self.completed,
                "people": self.completed,
                "privacy": [*self.completed],
                "incomplete": [*self.pulled, *self.started[:3]],
                "follow_up_jobs": _all(session, Job),
                "reminder_templates": _all(session, ReminderTemplate),
                "views": _all(session, SavedView),
                "users": _all(session, User),
                "scope": _all(session, User, User.role == "recruiter"),
                "deliveries": _all(session, Delivery, Delivery.source == "pushed", Delivery.status != "erased"),
                "kept delivery": _all(session, Delivery, Delivery.status == "kept"),
                "files": _all(session, Attachment, Attachment.application_id.in_(range(1, 9))),
                "messages": _all(session, Outbound, Outbound.channel == Channel.REMINDER),
                "conversions": _all(session, Outbound, Outbound.channel == Channel.CONVERSION),
                "erasures": _all(session, Erasure),
                "notes": _all(session, Note),
                "access": [
                    re.search(r"/access/(\S+)", one.text)[1] for one in self.mail.mails if "/access/" in one.text
                ],
                "unsubscribe": [opt_outs.token("turn-1@example.com", "none", self.app.config["SECRET_KEY"])],
            }
        assert all(found.values()), [name for name, ids in found.items() if not ids]
        return self.ids | found

    def stocked(self, turn: int) -> Stocked:
        """The site's addresses, with the ids of one turn."""
        return Stocked(self.app, {name: ids[turn % len(ids)] for name, ids in self.ids.items()})


def packed(most: int, before: str = "") -> Iterator[str]:
    """The corpus in as few pieces as fit into `most` characters."""
    piece = before
    for one in CORPUS:
        if len(piece) + len(one.text) + 1 > most:
            yield piece
            piece = before
        piece += f"{one.text}\n"
    yield piece


def braced(text: str) -> str:
    """`text` as the words of a template, in which a brace is doubled."""
    return text.replace("{", "{{").replace("}", "}}")


def _listed(value: str | list[str]) -> list[str]:
    return value if isinstance(value, list) else [value]


def _all(session: Session, model: Any, *where: Any) -> list[str]:
    return list(session.scalars(select(model.public_id).where(*where).order_by(model.id)))


def started_site(folder: Path, tables: Path, mail: MailServer) -> HostileSite:
    """The site, its worker and its Talroo, running, with nothing in it yet."""
    talroo = HostileTalroo(
        "127.0.0.1", 0, postback_url=None, secret="unused", client_id="sandbox", client_secret="sandbox"
    ).start()
    settings = {
        "DASHBOARD_SANDBOX_URL": talroo.url,
        "TALROO_CLIENT_ID": "sandbox",
        "TALROO_CLIENT_SECRET": "sandbox",
        "TALROO_API_URL": f"{talroo.url}/v5",
        "TALROO_CONVERSION_URL": talroo.url,
        "TALROO_DISPOSITION_URL": f"{talroo.url}/disposition/v1/events",
        "TALROO_DISPOSITION_EVENTS": "rejected=application_rejected",
        "TALROO_CONVERSION_HOLD": "0",
        "CLICK_DESTINATIONS": "https://jobs.example.com",
        "MAIL_URL": mail.url,
        "MAIL_FROM": SENDER,
        "MAIL_POSTAL_ADDRESS": POSTAL_ADDRESS,
        "MAIL_HOLD": "0",
        "APPLY_URL": APPLY_URL,
    }
    site = Site(folder, tables=tables, settings=settings)
    site.start()
    app = create_app(Config.from_env(site.environment))
    app.extensions["notebook"].close()
    return HostileSite(site, talroo, mail, app)


def close(place: HostileSite) -> None:
    with place.app.app_context():
        db.session.remove()
        db.engine.dispose()
    place.site.kill()
    place.talroo.stop()
