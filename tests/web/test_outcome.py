"""Moving somebody from their page: what is asked, what is told, what is refused."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event as hook
from sqlalchemy import select, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from dashboard.extensions import db
from dashboard.models import Application, Outbound
from dashboard.models.outbound import State
from dashboard.web.outcome import LAST
from tests.application import signed_in_client
from tests.factories import as_body, event, signed

SID = "9e21f3a0-1c2d-4e5f-8a9b-000000000001"


class Page:
    """Somebody's page in a recruiter's browser: what it says, and its buttons."""

    def __init__(self, client: FlaskClient, public_id: str) -> None:
        self.client, self.address = client, f"/applications/{public_id}"
        self.look()

    def look(self) -> Page:
        return self._show(self.client.get(self.address).text)

    def _show(self, source: str) -> Page:
        self.source = source
        self.text = " ".join(html.unescape(re.sub(r"<[^>]+>", " ", self.source)).split())
        return self

    def press(self, verb: str, **fields: str) -> Page:
        """Send a form of the page as it was last looked at."""
        answer = self._send(verb, fields)
        assert (answer.status_code, answer.headers["Location"]) == (302, self.address)
        return self.look()

    def press_in_vain(self, verb: str, status: int, **fields: str) -> Page:
        """Send a form whose answer is the page again."""
        answer = self._send(verb, fields)
        assert answer.status_code == status
        return self._show(answer.text)

    def _send(self, verb: str, fields: dict[str, str]) -> TestResponse:
        named = {"csrf_token": self._field("csrf_token"), "version": self._field("version"), **fields}
        return self.client.post(f"{self.address}/{verb}", data=named)

    @property
    def stage(self) -> str:
        return self._attribute("data-stage")

    @property
    def report(self) -> str:
        return self._attribute("data-report")

    def _attribute(self, name: str) -> str:
        return re.findall(rf'{name}="([^"]*)"', self.source)[0]

    def _field(self, name: str) -> str:
        return re.findall(rf'name="{name}" value="([^"]*)"', self.source)[0]


@pytest.fixture
def page(deliver: Callable[..., Any], sign_in: Callable[..., FlaskClient]) -> Page:
    return Page(sign_in("recruiter"), deliver(event(tlrSid=SID)).json["application"])


def change(app: Flask, **values: Any) -> None:
    """The conversion, as if time had passed."""
    with app.app_context():
        db.session.execute(update(Outbound).values(**values))
        db.session.commit()


def conversion(app: Flask) -> Outbound:
    with app.app_context():
        found = db.session.scalars(select(Outbound)).one()
        db.session.expunge(found)
        return found


def test_the_confirmation_says_what_will_be_sent_before_anything_is(page: Page):
    assert "What will be sent to Talroo: conversion event 2 for click 9e21…; disposition: none configured." in page.text
    assert page.stage == "new"


def test_a_hire_is_held_with_seconds_and_an_undo(page: Page, app: Flask):
    page.press("hire", start_date="2026-12-01")
    assert (page.stage, page.report) == ("hired", "held")
    assert re.search(r"is sent to Talroo in (59|60) seconds", page.text)
    assert "Undo" in page.text
    with app.app_context():
        assert db.session.scalars(select(Application.start_date)).one() == "2026-12-01"


def test_undo_within_the_hold_leaves_a_cancelled_row_and_says_so(page: Page, app: Flask):
    page.press("stage", stage="interview").press("hire").press("unhire")
    assert (page.stage, conversion(app).state) == ("interview", State.CANCELLED)
    assert "Its conversion was canceled and not sent" in page.text
    assert "cannot be recalled" not in page.text


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"state": State.SENT}, "already sent to Talroo, and a conversion cannot be recalled"),
        ({"state": State.SENDING}, "being sent to Talroo at this moment, and a conversion cannot be recalled"),
        ({"uncertain": 1, "failures": 1}, "Nobody knows whether Talroo heard the conversion"),
    ],
)
def test_undo_after_sending_says_that_a_conversion_cannot_be_recalled(
    page: Page, app: Flask, values: dict[str, Any], words: str
):
    page.press("hire")
    change(app, **values)
    page.look().press("unhire")
    assert page.stage == "new"
    assert words in page.text


@pytest.mark.parametrize(
    ("values", "report", "words"),
    [
        ({"due": -1}, "pending", "About to be sent to Talroo"),
        ({"state": State.SENDING}, "sending", "Sending to Talroo"),
        ({"state": State.SENT, "last_status": 200}, "sent", "(200)"),
        ({"failures": 1, "last_status": 503}, "retrying", "Last answer: 503"),
        ({"state": State.PARKED, "last_status": 404}, "parked", "Failed: Talroo did not accept the conversion (404)"),
        ({"state": State.UNSENDABLE}, "unsendable", "Can’t be sent: no click ID"),
        ({"uncertain": 1}, "held", "1 attempt with unknown outcome"),
    ],
)
def test_the_page_says_what_talroo_has_heard(page: Page, app: Flask, values: dict[str, Any], report: str, words: str):
    page.press("hire")
    row = conversion(app)
    if "due" in values:
        values = {"due_at": row.due_at - timedelta(seconds=61)}
    if values.get("state") == State.SENT:
        values["sent_at"] = row.due_at
    change(app, **values)
    page.look()
    assert page.report == report
    assert words in page.text
    part = page.client.get(f"{page.address}/outcome").text
    assert f'data-report="{report}"' in part
    assert "<html" not in part


def test_without_a_click_id_the_page_says_so_before_and_after(
    deliver: Callable[..., Any], sign_in: Callable[..., FlaskClient]
):
    page = Page(sign_in("recruiter"), deliver(event()).json["application"])
    assert "conversion event 2 can't be sent: no click ID" in page.text
    page.press("hire")
    assert page.report == "unsendable"


def test_a_hire_older_than_the_setting_says_that_nobody_was_told(page: Page, app: Flask):
    with app.app_context():
        db.session.execute(update(Application).values(stage="hired"))
        db.session.commit()
    assert "Talroo was not told about this hire, because reporting was set up later." in page.look().text


def test_a_double_click_changes_nothing_and_says_so(page: Page, app: Flask):
    page.press("hire")
    page.press("hire", version="0")
    assert "The stage was Hired already. Nothing was changed." in page.text
    assert conversion(app).state == State.WAITING


def test_the_second_of_two_is_told_what_happened_meanwhile(page: Page, sign_in: Callable[..., FlaskClient]):
    other = Page(sign_in("hr_admin"), page.address.rpartition("/")[2])
    other.press("stage", stage="rejected", reason="withdrew", note="Called us.")
    page.press_in_vain("stage", 409, stage="offer", note="</textarea> Good & quick.")
    assert page.stage == "rejected"
    assert "&lt;/textarea&gt; Good &amp; quick.</textarea>" in page.source, "nobody writes a note twice"
    assert '<option value="offer" selected>' in page.source
    assert re.search(
        r'<details class="confirm" name="outcome" open>\s*<summary class="button" id="move-to" data-key="m">',
        page.source,
    )
    told = "hr-admin@example.com moved it New → Rejected: Withdrew. Look again, then decide."
    assert f"Somebody was faster, so nothing was changed: {told}" in page.text


def test_an_undo_that_came_too_late_does_not_speak_of_recalling(
    page: Page, app: Flask, sign_in: Callable[..., FlaskClient]
):
    page.press("hire")
    change(app, state=State.SENT)
    Page(sign_in("hr_admin"), page.address.rpartition("/")[2]).press("stage", stage="offer")
    old = page.press("unhire")
    assert old.stage == "offer"
    assert "a conversion cannot be recalled" not in old.text


def test_a_long_history_of_the_others_still_fits_into_what_is_told(page: Page, sign_in: Callable[..., FlaskClient]):
    other = Page(sign_in("hr_admin"), page.address.rpartition("/")[2])
    for stage in ("offer", "new") * 15:
        other.press("stage", stage=stage)
    page.press_in_vain("stage", 409, stage="hired")
    assert page.text.count("hr-admin@example.com moved it") == 5


def test_a_forged_version_changes_nothing(page: Page):
    page.press_in_vain("stage", 409, stage="offer", version="999999999")
    assert page.stage == "new"
    assert "the page was out of date" in page.text


def test_a_form_without_a_version_is_taken(page: Page):
    page.press("stage", stage="offer", version="")
    assert page.stage == "offer"


def test_a_rejection_shows_reason_and_note_escaped_in_the_history(page: Page):
    page.press("stage", stage="rejected", reason="no_show", note="<b>Twice</b>")
    assert page.stage == "rejected"
    assert "New → Rejected: Did not come to the interview" in page.text
    assert "&lt;b&gt;Twice&lt;/b&gt;" in page.source
    assert "recruiter@example.com from 127.0.0.1" in page.text


@pytest.mark.parametrize(
    "fields",
    [{"stage": "fired"}, {"stage": ""}, {"stage": "rejected", "reason": "x"}, {"stage": "hired", "start_date": "soon"}],
)
def test_what_cannot_be_done_is_said_and_changes_nothing(page: Page, fields: dict[str, str]):
    page.press_in_vain("stage", 400, **fields, note="Typed for\nnothing?")
    assert page.stage == "new"
    assert 'role="alert"' in page.source
    assert "Typed for\nnothing?</textarea>" in page.source


def test_a_note_alone_is_kept_in_the_history_and_the_stage_stays(page: Page, sign_in: Callable[..., FlaskClient]):
    other = Page(sign_in("hr_admin"), page.address.rpartition("/")[2])
    page.press("stage", stage="new", note="Called twice.")
    assert page.stage == "new"
    assert "The note is in the history." in page.text
    assert re.search(r"Note, at New .+ recruiter@example.com from 127.0.0.1 Called twice\.", page.text)
    other.press_in_vain("stage", 409, stage="offer")
    assert "recruiter@example.com wrote a note." in other.text


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({}, ["moving to Hired : conversion event 2 for click 9e21… Nothing else"]),
        (
            {"talroo_disposition_events": {"interview": "interview", "hired": "hired_event"}},
            [
                "moving to Interview : disposition: “interview”",
                "moving to Hired : conversion event 2 for click 9e21…; disposition: “hired_event”",
            ],
        ),
        ({"talroo_conversion_events": {}}, ["Nothing that is chosen here is sent to Talroo."]),
    ],
)
def test_what_each_stage_tells_talroo_stands_beside_the_choice(
    make_app: Callable[..., Flask], sqlite_url: str, settings: dict[str, Any], words: list[str]
):
    app = make_app(sqlite_url, **settings)
    body = as_body(event(tlrSid=SID))
    answer = app.test_client().post("/talroo/applications", data=body, headers=signed(body))
    page = Page(signed_in_client(app, "recruiter"), answer.json["application"])
    for sentence in words:
        assert sentence in page.text
    assert page.text.count("moving to") == sum("moving to" in sentence for sentence in words)


def test_the_history_says_what_talroo_was_told(page: Page, app: Flask):
    page.press("hire", start_date="2026-12-01")
    assert "Conversion event 2 to Talroo: waiting" in page.text
    change(app, state=State.SENT, last_status=200, sent_at=conversion(app).due_at)
    assert "Conversion event 2: sent to Talroo" in page.look().text
    assert "New → Hired, first day of work Dec 1, 2026" in page.text


AGE = {"id": "age", "type": "select", "question": "Are you 18?"}
LICENCE = {"id": "licence", "type": "select", "question": "Have you a licence?"}
YES_NO = [{"label": "Yes", "value": "y", "correct": True}, {"label": "No", "value": "n"}]


@pytest.mark.parametrize(
    ("qualified", "refused", "words"),
    [
        (True, 1, ["Talroo says qualified; 1 answer is marked disqualifying."]),
        (True, 2, ["Talroo says qualified; 2 answers are marked disqualifying."]),
        (False, 2, ["marked this applicant as not qualified. Are you 18? — No Have you a licence? — No"]),
        (True, 0, []),
    ],
)
def test_what_disqualifies_is_told_in_full_also_where_talroo_says_otherwise(
    deliver: Callable[..., Any], sign_in: Callable[..., FlaskClient], qualified: bool, refused: int, words: list[str]
):
    asked = [
        {"question": {**question, "options": YES_NO}, "answer": "n" if number < refused else "y"}
        for number, question in enumerate((AGE, LICENCE))
    ]
    answer = deliver(event(qualified=qualified, questionsAndAnswers=asked))
    page = Page(sign_in("recruiter"), answer.json["application"])
    for sentence in words:
        assert sentence in page.text
    assert ("Talroo says qualified" in page.text) is (qualified and refused > 0)


def test_a_date_among_the_answers_reads_like_every_other(
    deliver: Callable[..., Any], sign_in: Callable[..., FlaskClient]
):
    asked = {"question": {"id": "from", "type": "date", "question": "From when?"}, "answer": "2026-12-01"}
    answer = deliver(event(questionsAndAnswers=[asked]))
    assert "From when? Dec 1, 2026" in Page(sign_in("recruiter"), answer.json["application"]).text


def test_a_hire_taken_back_after_it_was_sent_says_both(page: Page, app: Flask):
    page.press("hire", start_date="2026-12-01")
    change(app, state=State.SENT, last_status=200, sent_at=conversion(app).due_at)
    page.look().press("unhire")
    assert "Taken back: Ada Quill is New again." in page.text
    assert "The hire was reported to Talroo" in page.text
    assert "(200) and can’t be recalled there. Here it was undone." in page.text
    assert "Sent to Talroo" not in page.text
    assert 'name="start_date" value="2026-12-01"' in page.source


def test_a_first_day_of_work_in_another_century_is_asked_about_and_nobody_is_hired(page: Page):
    page.press_in_vain("hire", 400, start_date="1901-01-01")
    assert "The start date can’t be in 1901. Check the year, or leave it empty." in page.text
    assert page.stage == "new"


def test_who_is_rejected_has_the_reason_beside_the_name(page: Page):
    page.press("stage", stage="rejected", reason="filled")
    facts = page.source.partition('class="person-facts"')[2].partition("applied")[0]
    assert "Position filled" in facts
    page.press("stage", stage="interview")
    assert "Position filled" not in page.source.partition('class="person-facts"')[2].partition("applied")[0]


def test_who_was_faster_in_another_window_of_their_own_is_told_so(page: Page):
    other = Page(page.client, page.address.rpartition("/")[2])
    other.press("stage", stage="interview")
    page.press_in_vain("stage", 409, stage="offer")
    assert "You were faster in another window, so nothing was changed: you moved it New → Interview." in page.text


def test_taking_back_what_was_no_hire_changes_nothing(page: Page):
    page.press("unhire")
    assert "not marked hired" in page.text


@pytest.mark.parametrize("verb", ["stage", "hire", "unhire"])
def test_only_who_may_see_applications_moves_them(
    page: Page, sign_in: Callable[..., FlaskClient], app: Flask, verb: str
):
    app.config["WTF_CSRF_ENABLED"] = False
    assert sign_in("it_admin").post(f"{page.address}/{verb}", data={"stage": "hired"}).status_code == 403
    assert sign_in("recruiter").post(f"/applications/nobody/{verb}", data={"stage": "hired"}).status_code in (302, 404)
    assert page.look().stage == "new"


@pytest.mark.parametrize(("done", "undone"), [("hire", "undo"), ("hold", "undo"), ("hire", "unhire")])
def test_an_undo_that_could_not_be_committed_is_offered_again(page: Page, done: str, undone: str):
    page.press(done)
    verb = done if done == "hold" else ""

    def refuse(_session: Session) -> None:
        raise OperationalError("COMMIT", {}, Exception("database or disk is full"))

    hook.listen(Session, "before_commit", refuse)
    try:
        assert page._send(undone, {"verb": verb}).status_code == 503
    finally:
        hook.remove(Session, "before_commit", refuse)
    with page.client.session_transaction() as kept:
        assert LAST in kept
    assert page.look()._send(undone, {"verb": verb}).status_code == 302
    with page.client.session_transaction() as kept:
        assert LAST not in kept
