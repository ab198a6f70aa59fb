"""`/forgot`: a link for whoever forgot their password, and nobody learns who is known."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import update
from werkzeug.test import TestResponse

from dashboard.extensions import db
from dashboard.models import User
from dashboard.models.outbound import State
from dashboard.models.user import NO_PASSWORD
from tests.application import PASSWORD, signed_in_client
from tests.following_up import MAIL, words
from tests.inviting import EMAIL, NEW, choose, follow, invite, links_of, log_in, noted, post, waiting


@pytest.fixture
def mailing(make_app: Any, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Flask:
    monkeypatch.setattr("dashboard.web.access.ANSWERS_AFTER", 0.0)
    app = make_app(database_url, **MAIL)
    signed_in_client(app, "recruiter")
    return app


def ask(app: Flask, email: str, address: str = "198.51.100.7") -> TestResponse:
    client = app.test_client()
    client.environ_base = {**client.environ_base, "REMOTE_ADDR": address}
    return post(client, "/forgot", page="/login", email=email)


def test_whoever_forgot_their_password_gets_a_link_and_nobody_learns_who_is_known(mailing: Flask):
    known, unknown = ask(mailing, "Recruiter@example.com"), ask(mailing, "nobody@example.com")
    assert known.status_code == unknown.status_code == 200
    assert words(known.text).replace("recruiter@", "nobody@") == words(unknown.text)
    assert waiting(mailing) == [(State.WAITING, *links_of(mailing))]
    assert noted(mailing) == ["access_link_made"]


def test_asking_again_at_once_sends_nothing_and_asking_too_often_must_wait(mailing: Flask):
    for _ in range(10):
        assert ask(mailing, "recruiter@example.com").status_code == 200
    assert len(waiting(mailing)) == 1
    again = ask(mailing, "recruiter@example.com")
    assert (again.status_code, int(again.headers["Retry-After"]) > 0) == (429, True)
    assert log_in(mailing.test_client(), "recruiter@example.com", PASSWORD).status_code == 302


@pytest.mark.parametrize(
    "change",
    [{"active": False}, {"password_hash": NO_PASSWORD, "oidc_issuer": "https://id.example", "oidc_subject": "1"}],
)
def test_whoever_does_not_sign_in_by_a_password_is_not_written_to(mailing: Flask, change: dict[str, Any]):
    with mailing.app_context():
        db.session.execute(update(User).values(**change))
        db.session.commit()
    assert ask(mailing, "recruiter@example.com").status_code == 200
    assert waiting(mailing) == []


def test_a_stranger_who_asks_does_not_make_an_invitation_worthless(mailing: Flask):
    link = invite(signed_in_client(mailing, "hr_admin"))
    assert ask(mailing, EMAIL).status_code == 200
    assert choose(mailing.test_client(), link).status_code == 302


def test_answers_take_the_same_time_whether_or_not_the_address_is_known(
    make_app: Any, sqlite_url: str, monkeypatch: pytest.MonkeyPatch
):
    app = make_app(sqlite_url, **MAIL)
    signed_in_client(app, "recruiter")
    slept: list[float] = []
    moments = iter([0.0, 0.1, 10.0, 10.3])
    monkeypatch.setattr("dashboard.web.access.monotonic", lambda: next(moments))
    monkeypatch.setattr("dashboard.web.access.sleep", slept.append)
    ask(app, "nobody@example.com")
    ask(app, "recruiter@example.com")
    assert slept == pytest.approx([0.4, 0.2])


def test_without_a_mail_server_one_is_told_whom_to_ask(client: FlaskClient):
    assert "Ask an administrator" in client.get("/forgot").text
    assert post(client, "/forgot", page="/login", email=EMAIL).status_code == 400


def test_nobody_is_told_of_their_invitation_or_of_what_they_asked_for(mailing: Flask, sign_in: Any):
    admin = signed_in_client(mailing, "hr_admin")
    link = invite(admin)
    choose(mailing.test_client(), link)
    ask(mailing, EMAIL)
    client = mailing.test_client()
    assert "Since you last" not in follow(log_in(client, EMAIL, NEW), client)
    assert "If you didn’t expect this" not in client.get("/me").text
