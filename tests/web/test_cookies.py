"""Of two answers at once, neither brings back what the other took away: two cookies, each sent when it changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.application import PASSWORD
from tests.following_up import token_of

NAME = "dashboard_session"
SAID = "dashboard_session_said"
NEW = "a new long password"


def set_by(answer: TestResponse) -> set[str]:
    return {header.partition("=")[0] for header in answer.headers.getlist("Set-Cookie")}


def post(client: FlaskClient, path: str, **fields: str) -> TestResponse:
    return client.post(path, data={"csrf_token": token_of(client.get("/me").text), **fields})


def take(answer: TestResponse, browser: FlaskClient) -> None:
    """Have a browser keep the cookies of an answer that another client got."""
    for header in answer.headers.getlist("Set-Cookie"):
        name, _, rest = header.partition("=")
        browser.set_cookie(name, rest.partition(";")[0])


@pytest.fixture
def ada(sign_in: Callable[..., FlaskClient]) -> FlaskClient:
    return sign_in("recruiter")


def copy(app: Flask, client: FlaskClient) -> FlaskClient:
    """The same browser, in a request of its own."""
    other = app.test_client()
    for name in (NAME, SAID):
        if cookie := client.get_cookie(name):
            other.set_cookie(name, cookie.value)
    return other


def test_an_answer_begun_before_the_password_was_changed_signs_nobody_out(app: Flask, ada: FlaskClient):
    ada.get("/me")
    meanwhile = post(copy(app, ada), "/me", single_keys="yes")
    changed = post(ada, "/me/password", present=PASSWORD, password=NEW, again=NEW)
    assert set_by(changed) == {NAME, SAID}
    assert set_by(meanwhile) == {SAID}
    take(meanwhile, ada)
    assert ada.get("/applications").status_code == 200


def test_an_answer_begun_before_signing_out_signs_nobody_in_again(app: Flask, ada: FlaskClient):
    ada.get("/me")
    meanwhile = post(copy(app, ada), "/me", single_keys="yes")
    assert NAME in set_by(post(ada, "/logout"))
    assert ada.get_cookie(NAME) is None
    take(meanwhile, ada)
    assert ada.get_cookie(NAME) is None


def test_the_token_from_before_is_worth_nothing_in_either_cookie(app: Flask, ada: FlaskClient):
    ada.get("/me")
    before = ada.get_cookie(NAME).value
    post(ada, "/me/password", present=PASSWORD, password=NEW, again=NEW)
    for name in (NAME, SAID):
        thief = app.test_client()
        thief.set_cookie(name, before)
        assert thief.get("/applications").status_code == 302


def test_the_second_cookie_signs_nobody_in_even_with_what_the_first_holds(app: Flask, ada: FlaskClient):
    ada.get("/me")
    thief = app.test_client()
    thief.set_cookie(SAID, ada.get_cookie(NAME).value)
    assert thief.get("/applications").status_code == 302


def test_what_was_said_is_said_once_and_its_cookie_goes(ada: FlaskClient):
    assert set_by(post(ada, "/me", single_keys="yes")) == {SAID}
    shown = ada.get("/me")
    assert set_by(shown) == {SAID}
    assert ada.get_cookie(SAID) is None
    assert set_by(ada.get("/me")) == set()


def test_two_pages_asked_for_at_once_after_signing_in_have_forms_that_count(app: Flask, sign_in: Any):
    sign_in("recruiter")
    client = app.test_client()
    form = {"email": "recruiter@example.com", "password": PASSWORD, "csrf_token": token_of(client.get("/login").text)}
    client.post("/login", data=form)
    one, other = copy(app, client), copy(app, client)
    tokens = [token_of(page.get("/me").text) for page in (one, other)]
    for token in tokens:
        assert client.post("/me", data={"csrf_token": token}).status_code == 302


def test_both_are_kept_from_scripts_and_other_sites(make_app: Callable[..., Flask], sqlite_url: str):
    site = make_app(sqlite_url, public_url="https://jobs.example.com")
    client = site.test_client()
    base = "https://jobs.example.com"
    client.get("/login", base_url=base)
    with client.session_transaction(base_url=base) as session:
        session["said"] = "something"
    for name in (NAME, SAID):
        cookie = client.get_cookie(f"__Host-{name}", domain="jobs.example.com")
        assert cookie is not None
        assert (cookie.secure, cookie.http_only, cookie.same_site, cookie.path) == (True, True, "Lax", "/")
