"""A site with something on every page, and the addresses of all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from dashboard.clock import utcnow
from dashboard.extensions import db
from dashboard.models import Application, Attachment, Delivery, Job, Outbound, ReminderTemplate, Role, User
from dashboard.models.outbound import Channel
from dashboard.services import access_links, opt_outs, reminders, users, views
from dashboard.services.activity import By
from dashboard.services.reminder_rules import Rules
from tests.factories import event, file_object, file_question, payload

CANARY: Final = "Xyzzyqua"
"""Stands in everything that is the applicant's own, and nowhere else."""

MACHINE_ADDRESSES: Final = ("receiving.receive", "clicks.convert", "unsubscribe.opt_out", "violations.report")
"""What machines call with proofs of their own; everything else that changes something needs a form's token."""


@dataclass(frozen=True, slots=True)
class Stocked:
    """Public ids, by the blueprint whose addresses take them."""

    app: Flask
    ids: dict[str, str]

    def addresses(self, method: str = "GET") -> Iterator[tuple[str, str]]:
        """Every endpoint that takes `method`, with an address of it that exists."""
        adapter = self.app.url_map.bind("localhost")
        for rule in self.app.url_map.iter_rules():
            if method in (rule.methods or ()) and not (rule.alias or rule.build_only):
                blueprint = rule.endpoint.partition(".")[0]
                values: dict[str, Any] = dict.fromkeys(rule.arguments, self.ids.get(blueprint, "none"))
                values |= {"filename": "css/app.css"} if rule.endpoint == "static" else {}
                yield rule.endpoint, adapter.build(rule.endpoint, values)

    def pages(self) -> Iterator[tuple[str, str]]:
        """Those that are pages for people: not files, tables, figures or redirects."""
        not_pages = (
            "static",
            "clicks.",
            "health.",
            "files.download",
            "deliveries.body",
            "privacy.export",
            "files.picture",
            "files.preview_part",
            "outcome.show",
            "team.look",
            "views.bar",
            "applications.newer",
            "incomplete.pulling",
            "oidc.",
            "home",
        )
        for endpoint, address in self.addresses():
            if not endpoint.startswith(not_pages) and not endpoint.endswith(".csv"):
                yield endpoint, address
                if endpoint == "deliveries.show" and "kept delivery" in self.ids:
                    yield endpoint, address.replace(self.ids["deliveries"], self.ids["kept delivery"])
                if endpoint == "compose.index":
                    yield endpoint, f"{address}?application={self.ids.get('incomplete', 'none')}"


@pytest.fixture
def stocked(app: Flask, deliver: Callable[..., Any], sign_in: Callable[..., Any]) -> Stocked:
    """One hired applicant with a résumé and answers, one who only began and was written to, a kept delivery."""
    answer = deliver(_complete())
    assert answer.json["status"] == "accepted", answer.json
    hired = answer.json["application"]
    begun = deliver(event(kind="started:v1", applicant=_applicant())).json["application"]
    deliver(event(kind="started:v9", applicant=_applicant()))
    kept = {"id": "kept-1", "type": "platform:Canary:closed:v1", "data": {"note": CANARY, CANARY: 1, "n": float("nan")}}
    assert deliver(kept).json["status"] == "kept"
    client = sign_in("recruiter")
    page = client.get(f"/applications/{hired}")
    client.post(f"/applications/{hired}/hire", data={"csrf_token": token_of(page.text)})
    with app.app_context():
        session = db.session
        _write_to(begun, app)
        ids = {
            "applications": hired,
            "outcome": hired,
            "team": hired,
            "bulk": _done_to_many(sign_in("hr_admin"), hired),
            "views": _view_of(session()),
            "people": hired,
            "privacy": hired,
            "incomplete": begun,
            "follow_up_jobs": session.scalar(select(Job.public_id).limit(1)),
            "reminder_templates": session.scalar(select(ReminderTemplate.public_id).limit(1)),
            "messages": session.scalar(select(Outbound.public_id).where(Outbound.channel == Channel.REMINDER)),
            "users": session.scalar(select(User.public_id).limit(1)),
            "access": _invited(app),
            "files": session.scalar(select(Attachment.public_id).where(Attachment.question_id.is_(None)).limit(1)),
            "deliveries": session.scalar(select(Delivery.public_id).where(Delivery.status == "accepted").limit(1)),
            "scope": session.scalar(select(User.public_id).where(User.role == Role.RECRUITER).limit(1)),
            "unsubscribe": opt_outs.token(f"{CANARY}@example.com", "none", app.config["SECRET_KEY"]),
            "kept delivery": session.scalar(select(Delivery.public_id).where(Delivery.status == "kept").limit(1)),
            "conversions": session.scalar(
                select(Outbound.public_id).where(Outbound.channel == Channel.CONVERSION).limit(1)
            ),
        }
        assert session.scalar(select(Application.stage).where(Application.public_id == hired)) == "hired"
    assert all(ids.values())
    return Stocked(app, ids)


def token_of(html: str) -> str:
    """The CSRF token in a page's first form."""
    return html.partition('name="csrf_token" value="')[2].partition('"')[0]


def _invited(app: Flask) -> str:
    """Somebody was invited, and has not come yet; the token of their link."""
    admin = db.session.scalars(select(User.id).where(User.role == Role.HR_ADMIN)).first()
    _, link = users.invite(db.session(), "invited@example.com", Role.RECRUITER, By(admin, None, utcnow()))
    db.session.commit()
    return access_links.address(link, "", [app.config["SECRET_KEY"]]).rpartition("/")[2]


def _view_of(session: Session) -> str:
    """Somebody's saved view."""
    owner = session.scalars(select(User.id).where(User.role == Role.RECRUITER)).first()
    assert owner is not None
    view = views.save(session, owner, CANARY, f"q={CANARY}", shared=True, now=utcnow())
    session.commit()
    return view.public_id


def _done_to_many(client: FlaskClient, application: str) -> str:
    """Something that was done to one application as if to many; returns the action's id."""
    token = token_of(client.get("/applications").text)
    fields = {"csrf_token": token, "application": application, "do": "rate:3"}
    return str(client.post("/applications/bulk/do", data=fields).location).rpartition("/")[2]


def _write_to(begun: str, app: Flask) -> None:
    """A message waits for somebody who began, as if reminders could be sent."""
    whom = db.session.scalars(select(Application.id).where(Application.public_id == begun)).one()
    rules = Rules("http://localhost", (app.config["SECRET_KEY"],), True, "jobs@example.com", "1 Pier Road")
    told = {"template_id": None, "user_id": None, "at": utcnow(), "rules": rules}
    queued = reminders.queue(db.session(), [whom], f"{CANARY}?", f"{CANARY}, {{first_name}}", **told)
    assert len(queued.done) == 1, queued.skipped
    db.session.commit()


def _applicant() -> dict[str, Any]:
    return {
        "firstName": CANARY,
        "lastName": f"Mc{CANARY}",
        "emailAddress": f"{CANARY}@example.com",
        "phone": f"+1 512 555 0199 {CANARY}",
        "address": f"1 {CANARY} Street",
        "city": CANARY,
        "resume": file_object(f"I am {CANARY}, a picker.".encode(), f"{CANARY}.txt"),
    }


def _complete() -> dict[str, Any]:
    found = payload("complete")
    data = found["data"]
    data["applicant"] |= _applicant()
    data["questionsAndAnswers"]["questionsAndAnswers"] += [
        {"question": {"id": "canary", "type": "text", "question": "Who?"}, "answer": CANARY},
        {"question": {"id": "odd", "type": "select", "question": "Odd?", "options": CANARY}, "answer": [CANARY]},
        file_question("letter-2", file_object(f"Dear {CANARY}".encode(), f"{CANARY}-letter.txt")),
    ]
    data["applicant"]["zipcode"] = {CANARY: CANARY}
    data["unknown"] = {CANARY: CANARY}
    return found
