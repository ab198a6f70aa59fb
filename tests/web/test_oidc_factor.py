"""Where the role wants a second factor, the provider has to say that it asked for one; else ours is asked for."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pyotp
import pytest
from bs4 import BeautifulSoup
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, update

from dashboard import openid
from dashboard.clock import utcnow
from dashboard.extensions import db
from dashboard.identity import Provider
from dashboard.models import LoginSession, User
from dashboard.services import second_factor
from dashboard.services.activity import By
from tests.application import PASSWORD
from tests.following_up import token_of, words
from tests.identity_provider import IdentityProvider
from tests.web.test_oidc import GROUPS, ROLES, add_user, audited, comes_back

SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"


@pytest.fixture(scope="module")
def running() -> Iterator[IdentityProvider]:
    with IdentityProvider() as running:
        yield running


@pytest.fixture
def provider(running: IdentityProvider) -> Iterator[IdentityProvider]:
    running.server.context.userinfo.db.clear()
    running.add("ada", email="ada@example.com", email_verified=True, groups=["recruiters"])
    yield running
    running.tampers.clear()


@pytest.fixture
def strict(make_app: Callable[..., Flask], database_url: str, provider: IdentityProvider) -> Flask:
    """Recruiters must have a second factor."""
    roles = {"totp_required_roles": ("recruiter",), "oidc_roles": ROLES}
    return make_app(database_url, **provider.settings, oidc_scopes=GROUPS, **roles)


def names(provider: IdentityProvider, *amr: str) -> None:
    """Have the provider say by what somebody signed in there."""
    provider.tampers.append(lambda told: provider.resign(told, amr=list(amr)))


def is_in(browser: FlaskClient) -> bool:
    return browser.get("/applications").status_code == 200


def post(browser: FlaskClient, path: str, page: str, **fields: str) -> Any:
    return browser.post(path, data={"csrf_token": token_of(browser.get(page).text), **fields})


def ways_in(app: Flask) -> list[str | None]:
    with app.app_context():
        return [*db.session.scalars(select(LoginSession.how).order_by(LoginSession.id))]


def has_ours(app: Flask) -> None:
    """Ada, with a second factor of ours that was set up an hour ago."""
    add_user(app)
    with app.app_context():
        session, then = db.session(), utcnow() - timedelta(hours=1)
        user = session.scalars(select(User)).one()
        code = pyotp.TOTP(SECRET).at(then)
        second_factor.turn_on(session, user, SECRET, code, app.config["SETTINGS"].secrets, By(user.id, None, then))
        session.commit()


def test_whom_the_provider_asked_for_one_is_in(strict: Flask, provider: IdentityProvider):
    names(provider, "pwd", "otp")
    browser, answer = comes_back(strict, provider, next="/applications?q=ada")
    assert answer.location == "/applications?q=ada"
    assert is_in(browser)
    assert ways_in(strict) == ["oidc_factor"]


@pytest.mark.parametrize("amr", [(), ("pwd",), ("pwd", "pin", "kba")])
def test_whom_it_did_not_ask_is_led_to_setting_up_ours_without_a_password(
    strict: Flask, provider: IdentityProvider, amr: tuple[str, ...]
):
    names(provider, *amr)
    browser, _ = comes_back(strict, provider)
    assert browser.get("/applications").location == "/me/second-factor"
    page = browser.get("/me/second-factor").text
    assert 'name="password"' not in page
    assert post(browser, "/me/second-factor/start", "/me/second-factor").location == "/me/second-factor"
    shown = BeautifulSoup(browser.get("/me/second-factor").text, "html.parser")
    secret = re.search(r"secret=(\w+)", str(shown))[1]
    done = post(browser, "/me/second-factor/confirm", "/me/second-factor", code=pyotp.TOTP(secret).at(utcnow()))
    assert "Two-step verification is on" in done.text
    assert is_in(browser)
    again, answer = comes_back(strict, provider)
    assert answer.location == "/login/code"
    assert not is_in(again)


def test_setting_it_up_without_a_password_is_for_those_who_just_came(strict: Flask, provider: IdentityProvider):
    browser, _ = comes_back(strict, provider)
    with strict.app_context():
        db.session.execute(update(LoginSession).values(created_at=utcnow() - timedelta(minutes=11)))
        db.session.commit()
    late = post(browser, "/me/second-factor/start", "/me/second-factor")
    assert late.status_code == 400
    assert "Sign out, sign in again, then set it up within 10 minutes." in words(late.text)


def test_whoever_has_ours_is_asked_for_it_and_then_is_where_they_wanted(strict: Flask, provider: IdentityProvider):
    has_ours(strict)
    browser, answer = comes_back(strict, provider, next="/applications?q=ada")
    assert answer.location == "/login/code?next=/applications?q%3Dada"
    assert not is_in(browser)
    assert post(browser, "/login/code", answer.location, code="000000").status_code == 401
    assert not is_in(browser)
    code = pyotp.TOTP(SECRET).at(utcnow())
    assert post(browser, answer.location, answer.location, code=code).location == "/applications?q=ada"
    assert is_in(browser)
    assert ways_in(strict) == ["oidc_code"]
    told = [entry for entry in audited(strict) if entry[0] != "second_factor_on"]
    assert told == [
        ("password_accepted", {"how": "oidc"}),
        ("sign_in_failed", {"how": "code"}),
        ("signed_in", {"how": "oidc_code"}),
    ]


def test_a_password_and_a_code_are_what_they_were(strict: Flask, provider: IdentityProvider):
    has_ours(strict)
    browser = strict.test_client()
    post(browser, "/login", "/login", email="ada@example.com", password=PASSWORD)
    post(browser, "/login/code", "/login/code", code=pyotp.TOTP(SECRET).at(utcnow()))
    assert ways_in(strict) == ["totp"]


def test_a_role_that_needs_none_is_the_providers_business(
    make_app: Callable[..., Flask], sqlite_url: str, provider: IdentityProvider
):
    app = make_app(sqlite_url, **provider.settings, oidc_scopes=GROUPS, oidc_roles=ROLES)
    has_ours(app)
    browser, _ = comes_back(app, provider)
    assert is_in(browser)
    provider.add("ben", email="ben@example.com", email_verified=True, groups=["recruiters"])
    browser, _ = comes_back(app, provider, "ben")
    assert "without a password here" in browser.get("/me/second-factor").text
    assert post(browser, "/me/second-factor/start", "/me").status_code == 400


@pytest.mark.parametrize(
    ("amr", "counts"),
    [
        (["mfa"], True),
        (["pwd", "otp"], True),
        (["hwk"], True),
        ("mfa", True),
        (["pwd"], False),
        (["MFA"], False),
        ([["mfa"]], False),
        ({"mfa": 1}, False),
        (None, False),
        (7, False),
    ],
)
def test_what_names_a_second_factor_is_a_list_of_ours(amr: Any, counts: bool):
    known = Provider("https://login.example.com", "x", "y", GROUPS, "groups", "https://here.example")
    assert openid._identity(known, {"sub": "ada", "amr": amr}).has_second_factor is counts


def test_only_the_id_token_says_how_somebody_signed_in_there(
    strict: Flask, provider: IdentityProvider, monkeypatch: pytest.MonkeyPatch
):
    told = {"email": "ada@example.com", "email_verified": True, "groups": ["recruiters"], "amr": ["mfa"]}
    monkeypatch.setattr(openid, "_userinfo", lambda *_: told)
    comes_back(strict, provider)
    assert ways_in(strict) == ["oidc"]
