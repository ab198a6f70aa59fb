"""Somebody is stored in every way there is, then erased: nothing of them is left, and nothing brings them back.

The tables are walked as the database has them, so a new one is looked through without being named here.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import pytest
from flask import Flask
from sqlalchemy import delete, func, inspect, select, text
from sqlalchemy.orm import Session

from dashboard.clock import utcnow
from dashboard.database import start_writing
from dashboard.extensions import db
from dashboard.models import Application, Attempt, Delivery, Erasure, Outbound, StoredFile, WorkerBeat
from dashboard.models.outbound import Channel
from dashboard.services import cleaning, erasing, intake, reminders, views
from dashboard.services.erasing import Cause, Warrant
from dashboard.services.intake import Arrival
from dashboard.services.reminder_rules import Rules
from dashboard.worker import Worker
from tests.factories import event, file_object, file_question, payload
from tests.reminder_fixtures import MAIL_SETTINGS
from tests.smtp import MailServer
from tests.stocked_site import token_of
from tests.upstream import Answer, Upstream

CANARY: Final = "Zqxwyvern"
NUMBER: Final = "5125550143"
NEEDLES: Final = (CANARY, NUMBER, "evt-7731-begun", "app-7731-done", "app-7731-begun", "click-7731", "tlr-7731")
"""What is theirs alone; looked for without regard to case."""


@pytest.fixture
def talroo() -> Iterator[Upstream]:
    with Upstream() as running:
        running.set_default(Answer(200, {}, f"thank you, {CANARY}".encode()))
        yield running


@pytest.fixture
def mail() -> Iterator[MailServer]:
    with MailServer() as server:
        yield server


@pytest.fixture
def app(make_app: Callable[..., Flask], database_url: str, talroo: Upstream, mail: MailServer) -> Flask:
    to = {"talroo_conversion_url": talroo.url, "talroo_disposition_url": f"{talroo.url}/events"}
    more = {"talroo_conversion_hold": 0, "mail_hold": 0, "talroo_disposition_events": {"interview": "INTERVIEW"}}
    return make_app(database_url, mail_url=mail.url, **MAIL_SETTINGS, **to, **more)


def applicant(**more: Any) -> dict[str, Any]:
    names = {"firstName": CANARY, "lastName": f"Mc{CANARY}", "emailAddress": f"{CANARY}@example.com"}
    place = {"phone": "+1 512 555 0143", "address": f"1 {CANARY} St", "city": f"{CANARY}ville", "zipcode": f"{CANARY}1"}
    files = {"resume": file_object(f"I am {CANARY}, and I pick.".encode(), f"{CANARY}.txt")}
    return {**names, **place, "state": f"{CANARY}ia", **files, **more}


def complete() -> dict[str, Any]:
    found = payload("complete")
    found |= {"id": "evt-7731-done", "createdAt": "2026-11-18T15:00:03Z"}
    data = found["data"]
    data |= {"id": "app-7731-done", "tlrApplicationId": "tlr-7731", "tlrSid": "click-7731"}
    data["applicant"] |= applicant()
    data["job"] |= {"originalJobReference": "WH-1", "city": None, "state": None}
    data["questionsAndAnswers"]["questionsAndAnswers"] += [
        {"question": {"id": "who", "type": "text", "question": "Who?"}, "answer": f"It is {CANARY}"},
        {"question": {"id": "odd", "type": "select", "question": "Odd?", "options": []}, "answer": f"{CANARY} odd"},
        file_question("letter", file_object(f"Dear {CANARY}".encode() * 40, f"{CANARY}-letter.txt")),
    ]
    data["unknown"] = {CANARY: CANARY}
    return found


def begun() -> dict[str, Any]:
    told = {"event_id": "evt-7731-begun", "application_id": "app-7731-begun", "kind": "started:v1"}
    return event(**told, applicant=applicant(), job={"originalJobReference": "WH-2"}, startedAt="2026-11-18T14:00:00Z")


def unfiled() -> dict[str, Any]:
    """An event nobody understands, with their address in it."""
    return {"id": "odd-1", "type": "platform:Odd:v1", "data": {"mail": f"{CANARY}@example.com", "n": 1}}


# --- looking --------------------------------------------------------------------------------------------------------


def rows_with_them(session: Session) -> list[str]:
    """Every cell of every table in which something of them stands, but for a hash of it."""
    session.rollback()
    found = []
    inspector = inspect(session.connection())
    names = [name for name in inspector.get_table_names() if not name.startswith("sqlite_")]
    for name in sorted({*names, "application_search"}):
        for row in session.execute(text(f'SELECT * FROM "{name}"')):
            for column, value in row._mapping.items():
                told = value.decode("utf-8", "replace") if isinstance(value, bytes | memoryview) else str(value)
                found += [f"{name}.{column}: {needle}" for needle in NEEDLES if needle.lower() in told.lower()]
    return found


def bytes_with_them(folder: Path) -> list[str]:
    """Every file under `folder` that holds their bytes, under any name."""
    found = []
    for path in sorted(one for one in folder.rglob("*") if one.is_file()):
        content = path.read_bytes().lower()
        found += [f"{path.name}: {needle}" for needle in NEEDLES if needle.lower().encode() in content]
        found += [f"{path.name} is named so" for needle in NEEDLES if needle.lower() in path.name.lower()]
    return found


def ledger(session: Session) -> list[Any]:
    session.rollback()
    rows = session.execute(
        select(Outbound.channel, Outbound.state, func.count()).group_by(Outbound.channel, Outbound.state)
    )
    return [*sorted(tuple(row) for row in rows), session.scalar(select(func.count()).select_from(Attempt))]


class Lived:
    """Somebody whom every part of the site has to do with; and somebody else, who must not notice."""

    def __init__(self, app: Flask, deliver: Any, sign_in: Any) -> None:
        self.app, self.deliver = app, deliver
        self.worker = Worker.of(app)
        assert deliver(event(applicant={"resume": file_object(b"Somebody else's words", "cv.txt")})).status_code == 200
        self.done = deliver(complete()).json["application"]
        self.begun = deliver(begun()).json["application"]
        assert deliver(complete()).json["status"] == "duplicate"
        assert deliver(unfiled()).json["status"] == "kept"
        assert deliver(complete(), age=10 * 86_400).status_code == 401
        self._work_with_it(sign_in("hr_admin"))
        self._write(utcnow())
        self.worker.once()
        with app.app_context():
            self.ledger = ledger(db.session())
            assert {channel for channel, *_ in self.ledger[:-1]} >= {"conversion", "disposition", "reminder"}

    def _work_with_it(self, client: Any) -> None:
        page = f"/applications/{self.done}"
        token = token_of(client.get(page).text)
        said = {"csrf_token": token}
        for way, fields in (
            ("stage", {"stage": "interview", "note": f"{CANARY} sounds good"}),
            ("notes", {"body": f"{CANARY} rang, @hr-admin", "token": "note-1"}),
            ("rating", {"rating": "3"}),
            ("tags", {"tag": f"{CANARY} tag"}),
            ("hire", {}),
        ):
            assert client.post(f"{page}/{way}", data=said | fields).status_code in (200, 302), way
        many = {"application": self.done, "do": "rate:4"}
        assert client.post("/applications/bulk/do", data=said | many).status_code == 302
        for delivery in re.findall(r'data-delivery="([^"]+)"', client.get("/admin/deliveries").text):
            assert client.post(f"/admin/deliveries/{delivery}/replay", data=said).status_code == 302
        assert client.get("/click").status_code in (302, 404)

    def _write(self, now: Any) -> None:
        with self.app.app_context():
            session = db.session()
            rules = Rules.of(self.app.config["SETTINGS"])
            whom = session.scalars(select(Application.id).where(Application.public_id == self.begun)).one()
            session.rollback()
            start_writing(session)
            told = {"template_id": None, "user_id": None, "at": now - timedelta(seconds=5), "rules": rules}
            assert reminders.queue(session, [whom], f"{CANARY}?", f"{CANARY}, {{first_name}}", **told).done
            views.save(session, 1, f"Mine {now:%d}", f"q={CANARY}%40example.com", shared=True, now=now)
            session.commit()

    def erased(self) -> dict[str, int]:
        with self.app.app_context():
            session = db.session()
            session.rollback()
            start_writing(session)
            erasure = erasing.erase(session, [self.done, self.begun], Warrant(Cause.REQUEST, "asked", utcnow(), 1))
            counts = dict(erasure.counts)
            session.commit()
            return counts

    def clean(self) -> None:
        with self.app.app_context():
            db.session.remove()
            assert cleaning.finish(db.engine, self.app.extensions["file_store"], clock=utcnow)

    def session(self) -> Session:
        return Session(db.engine)


@pytest.fixture
def lived(app: Flask, deliver: Any, sign_in: Any, caplog: pytest.LogCaptureFixture) -> Lived:
    caplog.set_level(logging.DEBUG)
    return Lived(app, deliver, sign_in)


def left(lived: Lived, tmp_path: Path) -> list[str]:
    with lived.app.app_context():
        db.session.remove()
        with lived.session() as session:
            found = rows_with_them(session)
    return found + bytes_with_them(tmp_path)


def test_nothing_is_left_of_whoever_is_erased_and_the_ledger_still_adds_up(lived, tmp_path, caplog):
    assert len(left(lived, tmp_path)) > 40, "the test itself sees them"
    counts = lived.erased()
    lived.clean()
    assert left(lived, tmp_path) == []
    said = "\n".join(f"{record.name} {record.getMessage()}" for record in caplog.records)
    assert [needle for needle in NEEDLES if needle in _ours(caplog)] == [], said[-2000:]
    with lived.app.app_context(), lived.session() as session:
        assert ledger(session) == lived.ledger
        assert session.scalar(select(func.count()).select_from(Application)) == 1
        assert session.scalar(select(func.count()).select_from(StoredFile)) == 1
        assert counts["applications"] == 2
        kept = session.scalars(select(Erasure)).one()
        assert (kept.finished_at is not None, kept.files) == (True, [])


def test_nothing_brings_them_back(lived, tmp_path, sign_in):
    with lived.app.app_context(), lived.session() as session:
        items = json.dumps(complete()["data"]).encode()
        deliveries = session.scalars(select(Delivery.public_id)).all()
    lived.erased()
    for content in (complete(), begun(), complete() | {"id": "evt-7731-another"}):
        answer = lived.deliver(content)
        assert (answer.status_code, answer.json) == (200, {"status": "duplicate"})
    assert lived.deliver(complete(), age=10 * 86_400).status_code == 401
    with lived.app.app_context(), lived.session() as session:
        store = lived.app.extensions["file_store"]
        arrival = Arrival(items, "pulled", utcnow(), "fresh")
        pulled = intake.store_or_keep(session, arrival, intake.understand(arrival, store))
        session.commit()
        assert (pulled.status, pulled.effect) == ("duplicate", None)
    client = sign_in("hr_admin")
    token = token_of(client.get("/applications").text)
    for delivery in deliveries:
        told = client.post(f"/admin/deliveries/{delivery}/replay", data={"csrf_token": token}, follow_redirects=True)
        assert told.status_code == 200
    lived.clean()
    assert left(lived, tmp_path) == []


def test_whoever_applies_again_afterwards_is_taken_in(lived):
    lived.erased()
    later = (utcnow() + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    again = event(created_at=later, applicant=applicant(), startedAt=later, completedAt=later)
    assert lived.deliver(again).json["status"] == "accepted"
    before = event(created_at="2026-11-18T15:00:03Z", applicant=applicant())
    assert lived.deliver(before).json == {"status": "duplicate"}


def test_a_restored_backup_forgets_them_again(lived, tmp_path, tmp_path_factory):
    """Made before they were erased, and restored afterwards."""
    backup = tmp_path_factory.mktemp("elsewhere") / "backup.tar"
    made = lived.app.test_cli_runner().invoke(args=["backup", str(backup)])
    assert made.exit_code == 0, made.output
    lived.erased()
    lived.clean()
    with lived.app.app_context():
        db.session.execute(delete(WorkerBeat))  # it has stopped
        db.session.commit()
        db.session.remove()
        db.engine.dispose()
    restored = lived.app.test_cli_runner().invoke(args=["restore", str(backup)])
    assert restored.exit_code == 0, restored.output
    assert left(lived, tmp_path) == []
    with lived.app.app_context(), lived.session() as session:
        assert session.scalar(select(func.count()).select_from(Application)) == 1


def test_a_delivery_that_comes_again_is_counted_and_nothing_of_it_is_kept(lived):
    lived.erased()
    for _ in range(2):
        lived.deliver(complete())
    with lived.app.app_context(), lived.session() as session:
        rows = session.scalars(select(Delivery).where(Delivery.status == "erased")).all()
        assert {row.body for row in rows} == {b""}
        assert sum(row.duplicate_count for row in rows) == 3


def test_what_was_not_sent_yet_is_cancelled(lived):
    lived._write(utcnow() + timedelta(days=2))
    lived.erased()
    with lived.app.app_context(), lived.session() as session:
        states = session.scalars(select(Outbound.state).where(Outbound.channel == Channel.REMINDER)).all()
        assert sorted(states) == ["cancelled", "sent"]
    lived.worker.once()


def _ours(caplog: pytest.LogCaptureFixture) -> str:
    """What our own code logged. (The fake Talroo and the mail server are not ours.)"""
    ours = (record for record in caplog.records if record.name.startswith(("dashboard", "sqlalchemy", "werkzeug")))
    return "\n".join(record.getMessage() for record in ours)
