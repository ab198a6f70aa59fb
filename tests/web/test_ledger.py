"""`/conversions` and `/dispositions`: what people see of the ledger, and what they can do about it."""

from __future__ import annotations

import csv
import html
import io
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, update

from dashboard.clock import utcnow
from dashboard.database import start_writing
from dashboard.extensions import db
from dashboard.models import Application, Attempt, Outbound
from dashboard.models.outbound import State
from dashboard.models.privacy import HoldKind
from dashboard.services import holding, review
from dashboard.services.holding import Keeping
from dashboard.services.reporting import Rules
from dashboard.services.review import Change, Wanted
from dashboard.stages import Stage
from tests.factories import event

STATES = {
    "held": {"state": State.WAITING},
    "sent": {"state": State.SENT, "last_status": 200, "last_answer": "OK", "attempts": 1},
    "retrying": {"state": State.WAITING, "failures": 3, "attempts": 3, "last_status": 503, "last_answer": "later"},
    "parked": {"state": State.PARKED, "attempts": 1, "last_status": 404, "last_answer": "<i>unknown</i>"},
    "unsendable": {"state": State.UNSENDABLE},
}
EVENTS = {"hired": "hired_event"}


@pytest.fixture
def app(make_app: Callable[..., Flask], database_url: str) -> Flask:
    return make_app(database_url, talroo_disposition_events=EVENTS)


@pytest.fixture
def recruiter(sign_in: Callable[..., FlaskClient]) -> FlaskClient:
    return sign_in("recruiter")


@pytest.fixture
def hire(app: Flask, deliver: Callable[..., Any]) -> Callable[..., str]:
    """`hire("parked", …event)` → the public id of somebody hired whose two reports are in that state."""
    rules = Rules({"hired": 2}, EVENTS, timedelta(hours=1))

    def make(state: str, **fields: Any) -> str:
        public_id: str = deliver(event(**{"tlrApplicationId": "tlr", **fields})).json["application"]
        with app.app_context():
            session = db.session()
            number = session.scalars(select(Application.id).where(Application.public_id == public_id)).one()
            session.rollback()
            start_writing(session)
            review.move(session, [Wanted(number)], Change(Stage.HIRED, None, None, utcnow()), rules)
            session.execute(update(Outbound).where(Outbound.application_id == number).values(**STATES[state]))
            session.commit()
        return public_id

    return make


def rows(source: str, kind: str = "conversion") -> list[dict[str, str]]:
    """The marks of each row of the page."""
    tags = re.findall(rf"<tr [^>]*data-{kind}=[^>]*>", source)
    return [dict(re.findall(r'data-([a-z]+)="([^"]*)"', tag)) for tag in tags]


def words(source: str) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", source)).split())


def token(source: str) -> str:
    return re.findall(r'name="csrf_token" value="([^"]*)"', source)[0]


@pytest.mark.parametrize(
    ("page", "kind", "named"), [("conversions", "conversion", "2"), ("dispositions", "disposition", "hired_event")]
)
def test_each_row_carries_its_marks(recruiter: FlaskClient, hire: Callable[..., str], page: str, kind: str, named: str):
    people = {hire(state, tlrSid=f"click-{state}"): state for state in STATES}
    found = rows(recruiter.get(f"/{page}").text, kind)
    assert {row["application"]: row["state"] for row in found} == people
    assert {row["event"] for row in found} == {named}
    assert len({row[kind] for row in found}) == len(people)


@pytest.mark.parametrize(
    ("page", "lacks"), [("conversions", "no click ID"), ("dispositions", "no application ID or click ID")]
)
def test_what_failed_needs_somebody_and_what_cannot_be_sent_says_why(
    recruiter: FlaskClient, hire: Callable[..., str], page: str, lacks: str
):
    for state in ("held", "parked", "unsendable"):
        hire(state, tlrSid=f"click-{state}")
    said = words(recruiter.get(f"/{page}").text)
    for told in ("Waiting sends in", "Failed needs you", f"Can’t be sent {lacks}"):
        assert said.count(told) == 1, told


def test_a_row_names_person_job_stage_attempts_answer_and_next_try(
    app: Flask, recruiter: FlaskClient, hire: Callable[..., str]
):
    hire("retrying", tlrSid="c", job={"title": "Night picker"}, applicant={"firstName": "Ada", "lastName": "Quill"})
    with app.app_context():
        (row,) = db.session.scalars(select(Outbound).where(Outbound.channel == "conversion"))
        tried = {"outbound_id": row.id, "worker": "w", "started_at": utcnow(), "outcome": "uncertain"}
        db.session.add(Attempt(number=3, error="The worker stopped.", **tried))
        db.session.commit()
    said = words(recruiter.get("/conversions").text)
    for expected in ("Ada Quill", "Night picker", "Hired", "1 attempt", "Status 503", "later", "next try in"):
        assert expected in said
    assert "not known whether Talroo got it" in said
    assert re.search(r"[0-9]{1,2}:[0-9]{2}:[0-9]{2} [AP]M UTC : not known", said), "tries may lie seconds apart"


def test_an_attempt_shows_talroos_answer_and_its_error_only_where_there_was_none(
    app: Flask, recruiter: FlaskClient, hire: Callable[..., str]
):
    hire("retrying", tlrSid="c")
    with app.app_context():
        (row,) = db.session.scalars(select(Outbound).where(Outbound.channel == "conversion"))
        tried = {"outbound_id": row.id, "worker": "w", "started_at": utcnow(), "outcome": "retry"}
        db.session.add(Attempt(number=1, error="Refused with status 503", answer="Come back at noon", **tried))
        db.session.add(Attempt(number=2, error="No answer in time", **tried))
        db.session.commit()
    said = words(recruiter.get("/conversions").text)
    assert "Come back at noon" in said
    assert "Refused with status 503" not in said
    assert "No answer in time" in said


def test_what_talroo_answered_is_escaped(recruiter: FlaskClient, hire: Callable[..., str]):
    hire("parked", tlrSid="c")
    assert "&lt;i&gt;unknown&lt;/i&gt;" in recruiter.get("/conversions").text


def test_the_page_is_filtered_by_state_job_and_date(recruiter: FlaskClient, hire: Callable[..., str]):
    sent = hire("sent", tlrSid="a", job={"originalJobReference": "WH-1"})
    parked = hire("parked", tlrSid="b", job={"originalJobReference": "DR-1"})

    def asked(query: str) -> set[str]:
        return {row["application"] for row in rows(recruiter.get(f"/conversions?{query}").text)}

    assert asked("") == {sent, parked}
    assert asked("state=parked") == {parked}
    assert asked("job=WH-1") == {sent}
    assert asked("from=2026-01-01") == {sent, parked}
    assert asked("to=2020-01-01") == set()
    assert asked("state=nonsense") == {sent, parked}


@pytest.mark.parametrize("name", ["state", "job", "from", "to"])
def test_every_filter_has_a_field(recruiter: FlaskClient, name: str):
    assert re.search(rf'<(select|input)[^>]* name="{name}"', recruiter.get("/conversions").text)


def test_the_header_proves_parity(recruiter: FlaskClient, hire: Callable[..., str]):
    for number, state in enumerate(["sent", "sent", "held", "parked", "unsendable"]):
        hire(state, tlrSid=f"c{number}")
    assert "parity-off" in recruiter.get("/conversions").text, "no green tick while anything is parked"
    sums = "5 hires: 2 sent, 1 waiting, 1 failed, 1 can't be sent (no"
    assert f"{sums} click ID" in words(recruiter.get("/conversions").text)
    assert f"{sums} application ID or click ID" in words(recruiter.get("/dispositions").text)


def test_what_was_sent_and_then_taken_back_says_so_in_its_row(app, recruiter, hire):
    hire("sent", tlrSid="c1")
    back = hire("sent", tlrSid="c2")
    page = recruiter.get(f"/applications/{back}").text
    recruiter.post(f"/applications/{back}/unhire", data={"csrf_token": token(page), "version": "1"})
    told = words(recruiter.get(f"/applications/{back}").text)
    assert "The conversion was already sent to Talroo and cannot be recalled." in told
    assert "The disposition “hired_event” was already sent to Talroo and cannot be recalled." in told
    for ledger in ("/conversions", "/dispositions"):
        source = recruiter.get(ledger).text
        parts = source.split("<tr data-")[1:]
        assert [back in part for part in parts if "undone since" in part] == [True]
        assert len(parts) >= 2


def test_one_is_retried_and_all_that_are_parked(app: Flask, recruiter: FlaskClient, hire: Callable[..., str]):
    first, second, sent = (hire(state, tlrSid=state + str(n)) for n, state in enumerate(["parked", "parked", "sent"]))
    source = recruiter.get("/conversions").text
    assert "2 reports failed" in words(source)
    one = next(row for row in rows(source) if row["application"] == first)
    recruiter.post(f"/conversions/{one['conversion']}/retry", data={"csrf_token": token(source)})
    source = recruiter.get("/conversions").text
    assert {row["application"]: row["state"] for row in rows(source)} == {
        first: "pending",
        second: "parked",
        sent: "sent",
    }
    assert "Trying again now." in words(source)
    recruiter.post("/conversions/retry", data={"csrf_token": token(source)})
    source = recruiter.get("/conversions").text
    assert "Trying 1 failed report again now." in words(source)
    assert sorted(row["state"] for row in rows(source)) == ["pending", "pending", "sent"]
    dispositions = recruiter.get("/dispositions").text
    assert [row["state"] for row in rows(dispositions, "disposition")].count("parked") == 2, "the other channel too"


def test_what_is_not_waiting_cannot_be_retried(recruiter: FlaskClient, hire: Callable[..., str]):
    hire("sent", tlrSid="c")
    source = recruiter.get("/conversions").text
    (row,) = rows(source)
    recruiter.post(f"/conversions/{row['conversion']}/retry", data={"csrf_token": token(source)})
    assert "Nothing was changed." in words(recruiter.get("/conversions").text)
    for path in ("/conversions/nobody/retry", f"/dispositions/{row['conversion']}/retry"):
        assert recruiter.post(path, data={"csrf_token": token(source)}).status_code == 404


@pytest.mark.parametrize("how", [("/conversions.csv", {}), ("/conversions", {"Accept": "text/csv"})])
def test_the_same_selection_as_csv(recruiter: FlaskClient, hire: Callable[..., str], how: tuple[str, dict[str, str]]):
    hire("sent", tlrSid="a")
    parked = hire("parked", tlrSid="b", applicant={"firstName": "=cmd()", "lastName": "Quill"})
    path, headers = how
    answer = recruiter.get(f"{path}?state=parked", headers=headers)
    assert answer.mimetype == "text/csv"
    (row,) = csv.DictReader(io.StringIO(answer.text.removeprefix("\ufeff")))
    assert row["person"].startswith("'=cmd()")
    assert (row["state"], row["event"], row["click id"], row["last status"]) == ("parked", "2", "b", "404")
    assert row["application"].endswith(f"/applications/{parked}")


def test_a_failing_report_raises_a_badge_on_every_page(recruiter: FlaskClient, hire: Callable[..., str]):
    hire("sent", tlrSid="a")
    assert "need attention" not in recruiter.get("/applications").text
    hire("parked", tlrSid="b")
    assert "2 need attention" in words(recruiter.get("/applications").text)


def test_the_pages_are_kept_from_it_admins_and_strangers(client: FlaskClient, sign_in: Callable[..., FlaskClient]):
    for path in ("/conversions", "/conversions.csv", "/dispositions", "/dispositions.csv"):
        assert sign_in("it_admin").get(path).status_code == 403
        assert client.get(path).status_code in (302, 401)


def test_a_long_ledger_has_pages(app: Flask, recruiter: FlaskClient):
    now = utcnow()
    common = {
        "channel": "conversion",
        "event": "1",
        "state": "sent",
        "event_time": now,
        "created_at": now,
        "due_at": now,
    }
    with app.app_context():
        db.session.add_all(Outbound(business_key=f"k{n}", tlr_sid=f"c{n}", **common) for n in range(60))
        db.session.commit()
    source = recruiter.get("/conversions").text
    first = rows(source)
    (link,) = re.findall(r'<a [^>]*rel="next"[^>]*>', source)
    following = html.unescape(re.findall(r'href="([^"]*)"', link)[0])
    second = rows(recruiter.get(following).text)
    assert (len(first), len(second)) == (50, 10)
    assert len({row["conversion"] for row in first + second}) == 60
    assert "From your own apply page" in words(source)


def test_a_report_about_somebody_restricted_says_for_what_it_waits(app, recruiter, hire):
    person = hire("held")
    assert "waits until" not in recruiter.get("/conversions").text
    with app.app_context():
        start_writing(db.session())
        holding.place(db.session(), [person], Keeping(HoldKind.RESTRICTION, "A charge", None, utcnow(), None))
        db.session.commit()
    assert "waits until the restriction is lifted" in recruiter.get("/conversions").text


@pytest.mark.parametrize("state", ["parked", "sent"])
def test_of_somebody_restricted_neither_click_nor_answer_is_told(app, recruiter, hire, state):
    person = hire(state, tlrSid="click-of-ada", applicant={"firstName": "Zara"})
    with app.app_context():
        session = db.session()
        session.execute(update(Outbound).values(last_answer="we know Zara"))
        for row in session.scalars(select(Outbound)).all():
            told = {"outcome": "refused", "answer": "Zara once more", "started_at": utcnow(), "worker": "w"}
            session.add(Attempt(outbound_id=row.id, number=1, **told))
        session.commit()
    addresses = [f"/{page}{way}" for page in ("conversions", "dispositions") for way in ("", ".csv")]
    assert all("Zara" in recruiter.get(address).text for address in addresses)
    assert "click-of-ada" in recruiter.get("/conversions.csv").text
    with app.app_context():
        session = db.session()
        start_writing(session)
        holding.place(session, [person], Keeping(HoldKind.RESTRICTION, "A charge", None, utcnow(), None))
        session.commit()
    for address in addresses:
        shown = recruiter.get(address).text
        assert ("click-of-ada" in shown, "Zara" in shown, person in shown) == (False, False, False), address
    assert "A restricted applicant" in recruiter.get("/conversions").text
    assert len(rows(recruiter.get("/conversions").text)) == 1
