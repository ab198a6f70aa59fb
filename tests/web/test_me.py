"""On `/me`: one's own password, and where one is signed in."""

from __future__ import annotations

from typing import Any

import pytest
from bs4 import BeautifulSoup
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, update
from werkzeug.test import TestResponse

from dashboard.browsers import words as browser_words
from dashboard.extensions import db
from dashboard.models import AuditEntry, LoginSession, User
from dashboard.models.user import NO_PASSWORD
from dashboard.services import throttle
from tests.application import PASSWORD
from tests.following_up import token_of, words

NEW = "a new long password"
FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:133.0) Gecko/20100101 Firefox/133.0"


def post(client: FlaskClient, path: str, **fields: str) -> TestResponse:
    return client.post(path, data={"csrf_token": token_of(client.get("/me").text), **fields})


def change(client: FlaskClient, present: str = PASSWORD, password: str = NEW, again: str = NEW) -> TestResponse:
    return post(client, "/me/password", present=present, password=password, again=again)


def log_in(app: Flask, password: str, user_agent: str = FIREFOX) -> FlaskClient | None:
    client = app.test_client()
    client.environ_base = {**client.environ_base, "HTTP_USER_AGENT": user_agent}
    form = {"email": "recruiter@example.com", "password": password, "csrf_token": token_of(client.get("/login").text)}
    return client if client.post("/login", data=form).status_code == 302 else None


def is_in(client: FlaskClient) -> bool:
    return client.get("/me").status_code == 200


def listed(client: FlaskClient) -> list[tuple[str, bool]]:
    """Where one is signed in, in words, and whether that is here."""
    found = BeautifulSoup(client.get("/me").text, "html.parser").select("[data-session]")
    return [(words(str(one.select_one("div"))), one.has_attr("data-here")) for one in found]


def noted(app: Flask) -> list[tuple[str, str]]:
    with app.app_context():
        entries = db.session.scalars(select(AuditEntry).order_by(AuditEntry.number))
        return [(entry.action, entry.details) for entry in entries]


def test_another_password_ends_the_other_sessions_and_keeps_this_one(app: Flask, sign_in: Any):
    here, there, elsewhere, colleague = (*(sign_in("recruiter") for _ in range(3)), sign_in("hr_admin"))
    answer = change(here)
    assert (answer.status_code, answer.location) == (302, "/me")
    assert "Password changed. You are signed out of 2 other browsers." in words(here.get("/me").text)
    assert [is_in(client) for client in (here, there, elsewhere, colleague)] == [True, False, False, True]
    assert log_in(app, PASSWORD) is None
    assert log_in(app, NEW) is not None
    assert noted(app)[:2] == [("password_changed", "{}"), ("session_revoked", '{"sessions":2}')]


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ({"present": "wrong"}, "That is not your current password. Nothing was changed."),
        ({"present": ""}, "That is not your current password."),
        ({"password": "short", "again": "short"}, "The password must have 10 to 1,000 characters."),
        ({"again": "another one"}, "The passwords don’t match."),
        ({"password": "Password123", "again": "Password123"}, "lists of stolen passwords"),
        ({"password": "recruiter2026", "again": "recruiter2026"}, "this dashboard’s name"),
    ],
)
def test_a_password_that_cannot_be_changed_ends_nothing(app: Flask, sign_in: Any, typed: dict[str, str], told: str):
    here, there = sign_in("recruiter"), sign_in("recruiter")
    answer = change(here, **typed)
    assert answer.status_code == 400
    assert told in words(answer.text)
    assert is_in(there)
    assert log_in(app, PASSWORD) is not None


@pytest.mark.parametrize("new", ["x" * 64, "  Ünïcödé ぱすわーど  ", "y" * 1_000], ids=["64", "unicode", "1000"])
def test_a_password_counts_exactly_as_it_was_typed(app: Flask, sign_in: Any, new: str):
    assert change(sign_in("recruiter"), password=new, again=new).status_code == 302
    assert log_in(app, new) is not None
    for other in (new.strip()[:-1], new + "z", new.swapcase()):
        assert log_in(app, other) is None


def test_another_password_gives_this_session_another_token(app: Flask, sign_in: Any):
    here, copied = sign_in("recruiter"), app.test_client()
    copied.set_cookie("dashboard_session", cookie := here.get_cookie("dashboard_session").value)
    assert is_in(copied)
    change(here)
    assert here.get_cookie("dashboard_session").value != cookie
    copied.set_cookie("dashboard_session", cookie)
    assert (is_in(here), is_in(copied)) == (True, False)


def test_every_field_for_a_password_hides_it_and_lets_password_managers_fill_it_in(app: Flask, sign_in: Any):
    pages = [
        app.test_client().get("/login"),
        *(sign_in("recruiter").get(path) for path in ("/me", "/me/second-factor")),
    ]
    fields = [field for page in pages for field in BeautifulSoup(page.text, "html.parser").select("input")]
    found = [field for field in fields if field.get("name") in ("password", "again", "present")]
    assert len(found) == 5
    for field in found:
        assert field["type"] == "password"
        assert field["autocomplete"] in ("current-password", "new-password")
        assert "onpaste" not in field.attrs
        assert int(str(field.get("maxlength", "1000"))) >= 64


def test_guessing_the_present_password_is_throttled_like_signing_in(
    app: Flask, sign_in: Any, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("dashboard.web.me.accounts.authenticate", lambda *_: None)
    client = sign_in("recruiter")
    for _ in range(throttle.TRIES_HERE):
        assert change(client, present="wrong").status_code == 400
    answer = change(client)
    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) > 0
    assert is_in(client)


def test_whoever_has_no_password_is_told_how_they_sign_in(app: Flask, sign_in: Any):
    client = sign_in("recruiter")
    with app.app_context():
        db.session.execute(update(User).values(password_hash=NO_PASSWORD, oidc_issuer="x", oidc_subject="y"))
        db.session.commit()
    assert "through your company’s sign-in service" in words(client.get("/me").text)
    assert change(client, present=NO_PASSWORD).status_code == 400


def test_where_one_is_signed_in_is_listed_and_can_be_ended(app: Flask, sign_in: Any):
    here, there = sign_in("recruiter"), log_in(app, PASSWORD)
    assert there is not None
    (first, is_here), (second, was_here) = listed(there)
    assert (is_here, was_here) == (True, False)
    assert first.startswith("Firefox on Windows since today")
    assert first.endswith("by password, from 127.0.0.1 This browser")
    assert second.startswith("the tests since ")
    name = BeautifulSoup(here.get("/me").text, "html.parser").select_one("[data-session]:not([data-here])")
    assert name is not None
    post(here, f"/me/sessions/{name['data-session']}/end")
    assert "That browser is signed out." in words(here.get("/me").text)
    assert (is_in(here), is_in(there)) == (True, False)
    assert noted(app)[-1] == ("session_revoked", '{"sessions":1}')


def test_all_others_can_be_ended_at_once(app: Flask, sign_in: Any):
    here, *others = (sign_in("recruiter") for _ in range(3))
    post(here, "/me/sessions/end-others")
    assert [is_in(client) for client in (here, *others)] == [True, False, False]
    assert len(listed(here)) == 1
    post(here, "/me/sessions/end-others")
    assert "You are not signed in anywhere else." in words(here.get("/me").text)


def test_nobody_ends_the_session_of_somebody_else(app: Flask, sign_in: Any):
    mine, theirs = sign_in("recruiter"), sign_in("hr_admin")
    with app.app_context():
        admins = select(LoginSession.public_id).join(User).where(User.role == "hr_admin")
        name = db.session.scalars(admins).one()
    post(mine, f"/me/sessions/{name}/end")
    assert is_in(theirs)


WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko)"


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (FIREFOX, "Firefox on Windows"),
        (f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {WEBKIT} Version/17.6 Safari/605.1.15", "Safari on a Mac"),
        (f"Mozilla/5.0 (Windows NT 10.0) {WEBKIT} Chrome/131.0.0.0 Safari/537.36 Edg/131.0.0.0", "Edge on Windows"),
        (f"Mozilla/5.0 (Linux; Android 10; K) {WEBKIT} Chrome/131.0.0.0 Mobile Safari/537.36", "Chrome on Android"),
        (f"Mozilla/5.0 (iPhone; like Mac OS X) {WEBKIT} CriOS/131.0 Safari/604.1", "Chrome on an iPhone"),
        (f"Mozilla/5.0 (X11; Linux x86_64) {WEBKIT} HeadlessChrome/131.0 Safari/537.36", "Chrome on Linux"),
        ("curl/8.5.0", "curl/8.5.0"),
        ("", "A browser that did not say which"),
        (None, "A browser that did not say which"),
    ],
)
def test_a_browser_is_told_in_words_or_as_it_says_itself(said: str | None, told: str):
    assert browser_words(said) == told
