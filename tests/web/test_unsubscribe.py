"""Asking for no more reminders: by the page, by a mail program's button, and for good."""

from __future__ import annotations

import re
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from dashboard.clock import utcnow
from dashboard.extensions import db
from dashboard.models import Application, FollowUp, OptOut, Outbound
from dashboard.models.outbound import State
from dashboard.services import opt_outs, reminders
from dashboard.services.reminder_rules import Rules
from tests.factories import event

EMAIL = "ada.quill@example.com"
ONE_CLICK = {"List-Unsubscribe": "One-Click"}


@pytest.fixture
def begun(app: Flask, deliver: Any) -> str:
    """The public id of an application by somebody who did not finish."""
    told = event(kind="started:v1", applicant={"emailAddress": EMAIL.title()}, job={"company": "Harbor & Vale"})
    return deliver(told).json["application"]


@pytest.fixture
def waiting(app: Flask, begun: str) -> str:
    """The path of the unsubscribe link in a reminder that waits to be sent to them."""
    secret = app.config["SECRET_KEY"]
    rules = Rules("http://127.0.0.1", (secret,), True, "jobs@example.com", "1 Quay St")
    with app.app_context():
        number = db.session.scalar(select(Application.id).where(Application.public_id == begun))
        queued = reminders.queue(
            db.session(), [number], "Hello", "Hello", template_id=None, user_id=None, at=utcnow(), rules=rules
        )
        assert queued.skipped == ()
        mail = db.session.scalar(select(Outbound.public_id))
        db.session.commit()
    return f"/unsubscribe/{opt_outs.token(EMAIL, mail, secret)}"


def known(app: Flask) -> list[str]:
    with app.app_context():
        return list(db.session.scalars(select(OptOut.how)))


def test_opening_the_link_asks_and_changes_nothing(app: Flask, client: FlaskClient, waiting: str):
    page = client.get(waiting)
    assert page.status_code == 200
    assert "<title>Stop these reminders? · Harbor &amp; Vale</title>" in page.text
    assert "Talroo dashboard" not in page.text
    assert "Stop reminders" in page.text
    assert EMAIL.lower() not in page.text.lower()
    client.head(waiting)
    assert known(app) == []


def test_the_button_opts_out_cancels_what_waits_and_the_page_says_so(app: Flask, client: FlaskClient, waiting: str):
    page = client.post(waiting, follow_redirects=True)
    assert "You will get no more reminders" in page.text
    assert "<form" not in page.text.partition("<main")[2].partition("</main>")[0]
    assert known(app) == ["link"]
    with app.app_context():
        row = db.session.scalars(select(Outbound)).one()
        assert (row.state, row.last_answer) == (State.CANCELLED, opt_outs.OPTED_OUT_WORDS)
        assert db.session.scalars(select(FollowUp)).one().opted_out_at is not None


def test_a_mail_programs_one_click_needs_no_session_and_may_come_twice(app: Flask, client: FlaskClient, waiting: str):
    for _ in range(2):
        answer = client.post(waiting, data=ONE_CLICK)
        assert (answer.status_code, answer.text) == (200, "Done.")
    assert known(app) == ["one-click"]
    assert "You will get no more reminders" in client.get(waiting).text


@pytest.mark.parametrize("token", ["none", "a.b", "ä", f"{'a' * 64}.mail.signature", "."])
def test_a_link_that_is_not_ours_is_told_so_and_does_nothing(app: Flask, client: FlaskClient, token: str):
    for answer in (client.get(f"/unsubscribe/{token}"), client.post(f"/unsubscribe/{token}", data=ONE_CLICK)):
        assert answer.status_code == 404
        assert "Open it from the email again" in answer.text
        assert "<title>This link does not work</title>" in answer.text
        assert 'href="/"' not in answer.text, "the first page is for people with an account"
    assert known(app) == []


def test_a_link_with_one_letter_changed_is_not_ours(client: FlaskClient, waiting: str):
    changed = waiting[:30] + ("b" if waiting[30] == "a" else "a") + waiting[31:]
    assert client.get(changed).status_code == 404


def test_a_link_holds_no_personal_data(waiting: str):
    assert re.fullmatch(r"/unsubscribe/[0-9a-f]{64}\.[\w-]{22}\.[\w-]{43}", waiting)


def test_a_link_outlives_the_key_that_signed_it_where_that_is_kept(make_app: Any, database_url: str, waiting: str):
    retired = "for the tests only, nothing is secret"
    later = make_app(database_url, secret_key="a new key for the tests, also no secret", secret_key_retired=(retired,))
    assert "You will get no more reminders" in later.test_client().post(waiting, follow_redirects=True).text
    with later.app_context():
        secrets = Rules.of(later.config["SETTINGS"]).secrets
        assert opt_outs.is_opted_out(db.session(), EMAIL, secrets)
    forgotten = make_app(database_url, secret_key="a new key for the tests, also no secret")
    assert forgotten.test_client().get(waiting).status_code == 404


def test_a_link_still_opts_out_when_the_applicant_is_no_longer_known(app: Flask, client: FlaskClient):
    secret = app.config["SECRET_KEY"]
    link = f"/unsubscribe/{opt_outs.token(EMAIL, 'a-mail-that-is-gone', secret)}"
    assert "This employer" in client.get(link).text
    assert "You will get no more reminders from <bdi>this employer" in client.post(link, follow_redirects=True).text
    with app.app_context():
        assert opt_outs.is_opted_out(db.session(), EMAIL.upper(), (secret,))


def test_whoever_begins_again_after_opting_out_begins_opted_out(
    app: Flask, client: FlaskClient, deliver: Any, waiting: str
):
    client.post(waiting)
    deliver(event(kind="started:v1", applicant={"emailAddress": EMAIL}, job={"originalJobReference": "WH-2"}))
    with app.app_context():
        assert [bool(one.opted_out_at) for one in db.session.scalars(select(FollowUp))] == [True, True]


def test_no_log_tells_a_token(client: FlaskClient, waiting: str, caplog: pytest.LogCaptureFixture):
    with caplog.at_level("DEBUG"):
        client.get(waiting)
        client.post(waiting)
        client.get("/unsubscribe/wrong-but-secret")
    assert waiting.rpartition("/")[2] not in caplog.text
    assert "wrong-but-secret" not in caplog.text
