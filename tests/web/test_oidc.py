"""Signing in by an OpenID provider: a real one, by real HTTP, with every redirect; and answers no sound one gives."""

from __future__ import annotations

import base64
import json
import logging
import re
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from cryptojwt.jwk.hmac import SYMKey
from cryptojwt.jws.jws import JWS
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, update
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from dashboard import openid
from dashboard.clock import utcnow
from dashboard.database import start_writing
from dashboard.extensions import db
from dashboard.identity import Identity, NotProven, Provider, ProviderUnavailable
from dashboard.models import AuditEntry, LoginSession, User
from dashboard.models.user import NO_PASSWORD
from dashboard.services import accounts, single_sign_on, throttle
from dashboard.services.activity import By
from dashboard.services.single_sign_on import NotAdmitted
from tests.application import PASSWORD
from tests.following_up import words
from tests.identity_provider import IdentityProvider

ROLES = {"hr": "hr_admin", "operations": "it_admin", "recruiters": "recruiter"}
GROUPS = "openid email profile groups"
CONFIRM = "The sign-in service did not confirm who you are."
VERIFIED = "could not be verified"


@pytest.fixture(scope="module")
def shared_provider() -> Iterator[IdentityProvider]:
    """Making its keys takes a second."""
    with IdentityProvider() as running:
        yield running


@pytest.fixture
def provider(shared_provider: IdentityProvider) -> Iterator[IdentityProvider]:
    shared_provider.server.context.userinfo.db.clear()
    shared_provider.add("ada", email="Ada@Example.com", email_verified=True, groups=["recruiters"])
    yield shared_provider
    shared_provider.tampers.clear()


@pytest.fixture
def app(make_app: Callable[..., Flask], database_url: str, provider: IdentityProvider) -> Flask:
    return make_app(database_url, **provider.settings, oidc_scopes=GROUPS, oidc_roles=ROLES)


@pytest.fixture
def quick(make_app: Callable[..., Flask], sqlite_url: str, provider: IdentityProvider) -> Flask:
    """For what has nothing to do with the database."""
    return make_app(sqlite_url, **provider.settings, oidc_scopes=GROUPS, oidc_roles=ROLES)


def comes_back(
    app: Flask, provider: IdentityProvider, name: str = "ada", password: str | None = None, **query: str
) -> tuple[FlaskClient, TestResponse]:
    """A new browser, and the answer to what the provider sent it back with."""
    browser = app.test_client()
    begun = browser.get("/login/oidc", query_string=query)
    assert begun.status_code == 302, begun.text
    known = {} if password is None else {"password": password}
    back = urlsplit(provider.log_in(begun.location, name, **known))
    return browser, browser.get(back.path, query_string=back.query)


def users(app: Flask) -> list[tuple[str, str]]:
    with app.app_context():
        return [(user.email, user.role) for user in db.session.scalars(select(User).order_by(User.id))]


def add_user(app: Flask, email: str = "ada@example.com", role: str = "recruiter", **values: Any) -> None:
    with app.app_context():
        user = accounts.add_user(db.session(), email, PASSWORD, role, now=utcnow())
        for name, value in values.items():
            setattr(user, name, value)
        db.session.commit()


def audited(app: Flask) -> list[tuple[str, dict[str, Any]]]:
    with app.app_context():
        entries = db.session.scalars(select(AuditEntry).order_by(AuditEntry.number))
        return [(entry.action, json.loads(entry.details)) for entry in entries]


# --- the whole way --------------------------------------------------------------------------------------------------


def test_whoever_comes_first_is_made_in_the_role_of_their_group_and_is_in(app: Flask, provider: IdentityProvider):
    browser, answer = comes_back(app, provider)
    assert (answer.status_code, answer.location) == (302, "/applications")
    assert browser.get("/applications").status_code == 200
    assert users(app) == [("ada@example.com", "recruiter")]
    assert audited(app) == [("user_added", {"how": "oidc", "role": "recruiter"}), ("signed_in", {"how": "oidc"})]
    with app.app_context():
        assert db.session.scalars(select(User.password_hash)).one() == NO_PASSWORD
        assert db.session.scalars(select(LoginSession.how)).one() == "oidc"
    comes_back(app, provider)
    assert len(users(app)) == 1


def test_the_browser_is_sent_with_state_nonce_and_a_challenge_and_no_secret(quick: Flask, provider: IdentityProvider):
    asked = [parse_qs(urlsplit(quick.test_client().get("/login/oidc").location).query) for _ in range(2)]
    assert asked[0]["response_type"] == ["code"]
    assert asked[0]["code_challenge_method"] == ["S256"]
    assert asked[0]["redirect_uri"] == ["http://127.0.0.1:8000/login/oidc/callback"]
    for name in ("state", "nonce", "code_challenge"):
        assert asked[0][name] != asked[1][name]
    assert provider.settings["oidc_client_secret"] not in str(asked)


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_no_other_site_has_somebody_signed_in(quick: Flask, site: str):
    browser = quick.test_client()
    answer = browser.get("/login/oidc?next=/applications", headers={"Sec-Fetch-Site": site})
    assert answer.location == "/login?next=/applications"
    with browser.session_transaction() as kept:
        assert "oidc" not in kept
    for wished in ("same-origin", "none"):
        assert "code_challenge=" in browser.get("/login/oidc", headers={"Sec-Fetch-Site": wished}).location


def test_the_page_that_was_asked_for_comes_after(quick: Flask, provider: IdentityProvider):
    page = quick.test_client().get("/login?next=/applications?q%3Dada").text
    assert re.search(r'href="/login/oidc\?next=/applications[^"]*">.*Sign in with your company account', page)
    assert comes_back(quick, provider, next="/applications?q=ada")[1].location == "/applications?q=ada"
    assert comes_back(quick, provider, next="//evil.example")[1].location == "/applications"


def test_somebody_who_is_here_is_known_by_their_verified_address_and_then_by_the_providers_name_for_them(
    app: Flask, provider: IdentityProvider
):
    add_user(app, role="recruiter")
    comes_back(app, provider)
    assert users(app) == [("ada@example.com", "recruiter")]
    provider.add("ada", email="ada.lovelace@example.com", email_verified=True, groups=["recruiters"])
    comes_back(app, provider)
    assert users(app) == [("ada@example.com", "recruiter")]


@pytest.mark.parametrize("claims", [{"email_verified": False}, {}, {"email_verified": "no"}])
def test_an_address_that_nobody_verified_finds_nobody_and_makes_nobody(
    quick: Flask, provider: IdentityProvider, claims: dict[str, Any]
):
    add_user(quick, role="it_admin")
    provider.add("eve", email="ada@example.com", groups=["recruiters"], **claims)
    browser, answer = comes_back(quick, provider, "eve")
    assert answer.status_code == 403
    assert "has not verified your email address" in words(answer.text)
    assert browser.get("/applications").status_code == 302
    assert users(quick) == [("ada@example.com", "it_admin")]


def test_without_a_group_that_counts_nobody_gets_in_and_nothing_is_made(
    app: Flask, provider: IdentityProvider, caplog: pytest.LogCaptureFixture
):
    provider.add("ada", email="ada@example.com", email_verified=True, groups=["cafeteria"])
    browser, answer = comes_back(app, provider)
    assert answer.status_code == 403
    assert "None of your groups has access to this dashboard" in words(answer.text)
    assert browser.get("/applications").status_code == 302
    assert users(app) == []
    assert audited(app) == [("sign_in_failed", {"how": "oidc"})]
    assert "no group with a role" in caplog.text
    assert "ada@" not in caplog.text.lower()


def test_the_role_follows_the_provider_at_each_sign_in(app: Flask, provider: IdentityProvider):
    add_user(app, "root@example.com", "hr_admin")
    comes_back(app, provider)
    provider.add("ada", email="ada@example.com", email_verified=True, groups=["recruiters", "hr"])
    comes_back(app, provider)
    assert users(app)[1] == ("ada@example.com", "hr_admin")
    assert ("role_changed", {"before": "recruiter", "after": "hr_admin"}) in audited(app)
    provider.add("ada", email="ada@example.com", email_verified=True, groups="recruiters")
    browser, _ = comes_back(app, provider)
    assert users(app)[1] == ("ada@example.com", "recruiter")
    assert browser.get("/admin").status_code == 403


def test_the_last_administrator_stays_one_whatever_the_provider_says(app: Flask, provider: IdentityProvider):
    add_user(app, role="hr_admin")
    browser, answer = comes_back(app, provider)
    assert answer.status_code == 302
    assert users(app) == [("ada@example.com", "hr_admin")]
    assert browser.get("/admin").status_code == 200


def test_somebody_who_was_switched_off_stays_out(app: Flask, provider: IdentityProvider):
    comes_back(app, provider)
    with app.app_context():
        db.session.execute(update(User).values(active=False))
        db.session.commit()
    browser, answer = comes_back(app, provider)
    assert answer.status_code == 403
    assert "Your account here is deactivated." in words(answer.text)
    assert browser.get("/applications").status_code == 302


def test_an_address_is_not_taken_from_whom_the_provider_knows_by_another_name(app: Flask, provider: IdentityProvider):
    comes_back(app, provider)
    provider.add("eve", email="ada@example.com", email_verified=True, groups=["hr"])
    answer = comes_back(app, provider, "eve")[1]
    assert answer.status_code == 403
    assert "Your email address belongs to another account here." in words(answer.text)
    assert users(app) == [("ada@example.com", "recruiter")]


def test_two_windows_at_once_make_one_user(app: Flask):
    who = Identity("https://login.example.com", "ada-at-the-provider", "ada@example.com", ("recruiters",))

    def enter(_: int) -> int:
        with Session(engine) as session:
            start_writing(session)
            user_id = single_sign_on.admit(session, who, ROLES, By(None, None, utcnow())).id
            session.commit()
            return user_id

    with app.app_context():
        engine = db.engine
    with ThreadPoolExecutor(4) as threads:
        assert len(set(threads.map(enter, range(8)))) == 1
    assert len(users(app)) == 1


# --- what goes wrong ------------------------------------------------------------------------------------------------


def test_whoever_cancels_there_is_told_that_nothing_happened(quick: Flask, provider: IdentityProvider):
    answer = comes_back(quick, provider, password="wrong")[1]
    assert answer.status_code == 400
    assert "Sign-in was canceled. Nothing was changed." in words(answer.text)
    assert users(quick) == []


def test_an_answer_counts_once_and_only_in_the_browser_that_asked(quick: Flask, provider: IdentityProvider):
    browser = quick.test_client()
    back = urlsplit(provider.log_in(browser.get("/login/oidc").location, "ada"))
    stranger = quick.test_client()
    for answer in (stranger.get(back.path, query_string=back.query), stranger.get(back.path)):
        assert answer.status_code == 400
        assert "started in another browser" in answer.text
    assert browser.get(back.path, query_string=back.query).status_code == 302
    with quick.app_context():
        db.session.execute(update(LoginSession).values(revoked_at=utcnow()))
        db.session.commit()
    assert "started in another browser" in browser.get(back.path, query_string=back.query).text


def test_an_answer_of_another_attempt_is_nobodys(quick: Flask, provider: IdentityProvider):
    browser = quick.test_client()
    back = urlsplit(provider.log_in(browser.get("/login/oidc").location, "ada"))
    browser.get("/login/oidc")
    answer = browser.get(back.path, query_string=back.query)
    assert answer.status_code == 400
    assert "started in another browser" in answer.text


def test_whoever_takes_too_long_begins_again(quick: Flask, provider: IdentityProvider, monkeypatch: pytest.MonkeyPatch):
    browser = quick.test_client()
    back = urlsplit(provider.log_in(browser.get("/login/oidc").location, "ada"))
    monkeypatch.setattr("dashboard.web.oidc.utcnow", lambda: utcnow() + timedelta(minutes=31))
    assert "too long ago" in browser.get(back.path, query_string=back.query).text


def tampered(app: Flask, provider: IdentityProvider, tamper: Callable[[dict[str, Any]], dict[str, Any]]) -> str:
    """What the page says to somebody whose token answer was changed on its way."""
    provider.tampers.append(tamper)
    browser, answer = comes_back(app, provider)
    assert answer.status_code in (400, 503)
    assert browser.get("/applications").status_code == 302
    assert users(app) == []
    return words(answer.text)


def test_rightly_signed_anew_it_is_believed_so_that_the_tests_below_prove_something(
    quick: Flask, provider: IdentityProvider
):
    provider.tampers.append(provider.resign)
    assert comes_back(quick, provider)[1].status_code == 302


NOW = utcnow().timestamp()
"""When the tests were gathered; it may be an hour until one of them runs."""


@pytest.mark.parametrize(
    ("claims", "told"),
    [
        ({"nonce": "of another attempt"}, VERIFIED),
        ({"nonce": None}, VERIFIED),
        ({"aud": ["another-client"]}, VERIFIED),
        ({"aud": None}, VERIFIED),
        ({"aud": ["the-dashboard", "another-client"], "azp": "another-client"}, VERIFIED),
        ({"iss": "https://evil.example"}, VERIFIED),
        ({"sub": None}, VERIFIED),
        ({"sub": 7}, VERIFIED),
        ({"sub": "somebody else"}, CONFIRM),
        ({"exp": NOW - 3600}, "clock and ours don’t match"),
        ({"iat": NOW + 86_400, "exp": NOW + 90_000}, "clock and ours don’t match"),
        ({"exp": None}, VERIFIED),
        ({"exp": "tomorrow"}, VERIFIED),
        ({"at_hash": "of another token"}, VERIFIED),
    ],
)
def test_an_id_token_that_is_not_for_us_now_and_this_attempt_lets_nobody_in(
    quick: Flask, provider: IdentityProvider, claims: dict[str, Any], told: str
):
    assert told in tampered(quick, provider, lambda answer: provider.resign(answer, **claims))


def encoded(part: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()


def forged(told: dict[str, Any], how: str) -> dict[str, Any]:
    head, body, signature = told["id_token"].split(".")
    tokens = {
        "another signature": f"{head}.{body}.{signature[::-1]}",
        "another body": f"{head}.{encoded({'sub': 'eve'})}.{signature}",
        "unsigned": f"{encoded({'alg': 'none'})}.{body}.",
        "shared secret": f"{encoded({'alg': 'HS256'})}.{body}.{signature}",
        "no token": "x",
        "nothing": "",
    }
    return {**told, "id_token": tokens[how]}


@pytest.mark.parametrize(
    "how", ["another signature", "another body", "unsigned", "shared secret", "no token", "nothing"]
)
def test_an_id_token_that_the_provider_did_not_sign_lets_nobody_in(quick: Flask, provider: IdentityProvider, how: str):
    assert VERIFIED in tampered(quick, provider, lambda told: forged(told, how))


def test_a_token_signed_with_our_own_secret_is_not_the_providers(quick: Flask, provider: IdentityProvider):
    """HS256 by the client's secret is in the standard; but whoever reads our settings could sign anybody in."""

    def sign(told: dict[str, Any]) -> dict[str, Any]:
        body = base64.urlsafe_b64decode(told["id_token"].split(".")[1] + "==").decode()
        key = SYMKey(key=provider.settings["oidc_client_secret"].encode())
        return {**told, "id_token": JWS(body, alg="HS256").sign_compact([key])}

    assert VERIFIED in tampered(quick, provider, sign)


def test_an_answer_without_an_id_token_lets_nobody_in(quick: Flask, provider: IdentityProvider):
    assert CONFIRM in tampered(quick, provider, lambda told: {"access_token": told["access_token"]})


def test_a_code_that_the_provider_does_not_know_lets_nobody_in(
    quick: Flask, provider: IdentityProvider, caplog: pytest.LogCaptureFixture
):
    browser = quick.test_client()
    asked = parse_qs(urlsplit(browser.get("/login/oidc").location).query)
    back = urlencode({"state": asked["state"][0], "code": "made up"})
    answer = browser.get(f"/login/oidc/callback?{back}")
    assert answer.status_code == 400
    assert CONFIRM in words(answer.text)
    assert "made up" not in caplog.text


def test_another_issuer_in_the_answer_is_another_provider(quick: Flask, provider: IdentityProvider):
    """RFC 9207: who runs two providers cannot pass off the code of one as the other's."""
    browser = quick.test_client()
    back = urlsplit(provider.log_in(browser.get("/login/oidc").location, "ada"))
    query = {name: values[0] for name, values in parse_qs(back.query).items()}
    assert query["iss"] == provider.issuer
    answer = browser.get(back.path, query_string={**query, "iss": "https://evil.example"})
    assert CONFIRM in words(answer.text)


@pytest.mark.parametrize("keys", [{"keys": ["no key"]}, {"keys": None}, {"keys": 7}, {}])
def test_keys_that_are_none_prove_nothing(
    quick: Flask, provider: IdentityProvider, monkeypatch: pytest.MonkeyPatch, keys: dict[str, Any]
):
    monkeypatch.setattr(provider.server.keyjar, "export_jwks", lambda: keys)
    answer = comes_back(quick, provider)[1]
    assert (answer.status_code, "could not be verified" in words(answer.text)) == (400, True)


# --- a provider that is not there -----------------------------------------------------------------------------------


def test_a_provider_that_calls_itself_otherwise_is_not_believed(
    make_app: Callable[..., Flask], sqlite_url: str, provider: IdentityProvider
):
    """Its description is found at the address that we set, and names another issuer."""
    told = {**provider.settings, "oidc_issuer": provider.settings["oidc_issuer"].replace("127.0.0.1", "localhost")}
    app = make_app(sqlite_url, **told, oidc_scopes=GROUPS, oidc_roles=ROLES)
    answer = app.test_client().get("/login/oidc")
    assert (answer.status_code, answer.location) == (503, None)


def test_a_provider_that_is_down_is_said_so_and_passwords_go_on_working(
    make_app: Callable[..., Flask], sqlite_url: str, caplog: pytest.LogCaptureFixture
):
    gone = IdentityProvider()
    gone.stop()
    app = make_app(sqlite_url, **gone.settings, oidc_roles=ROLES)
    answer = app.test_client().get("/login/oidc")
    assert answer.status_code == 503
    assert "The sign-in service is not responding. Try again in a minute." in words(answer.text)
    assert 'name="password"' in answer.text
    assert "sign-in through the provider failed" in caplog.text


def test_a_provider_that_never_answers_is_not_waited_for(
    make_app: Callable[..., Flask], sqlite_url: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(openid, "DEADLINE", 1.0)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        issuer = f"http://127.0.0.1:{silent.getsockname()[1]}"
        app = make_app(sqlite_url, oidc_issuer=issuer, oidc_client_id="x", oidc_client_secret="y", oidc_roles=ROLES)
        begun = datetime.now().astimezone()
        assert app.test_client().get("/login/oidc").status_code == 503
        assert (datetime.now().astimezone() - begun).total_seconds() < 15


def test_a_provider_that_hangs_holds_few_threads_and_is_not_asked_again_at_once(
    make_app: Callable[..., Flask], sqlite_url: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(openid, "DEADLINE", 6.0)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        issuer = f"http://127.0.0.1:{silent.getsockname()[1]}"
        app = make_app(sqlite_url, oidc_issuer=issuer, oidc_client_id="x", oidc_client_secret="y", oidc_roles=ROLES)
        provider = Provider.of(app.config["SETTINGS"])
        assert provider is not None
        with ThreadPoolExecutor(12) as threads:
            refused = sorted(threads.map(lambda _: begins_in_vain(provider), range(12)))
        assert [why for _, why in refused[:-4]] == ["too many wait for it"] * 8
        assert refused[7][0] < 4.5 < 6.0 <= refused[8][0] + 0.1
        took, why = begins_in_vain(provider)
        assert why == "it did not answer a moment ago"
        assert took < 3.0
        monkeypatch.setattr(openid, "FAILED_FOR", 0.0)
        monkeypatch.setattr(openid, "DEADLINE", 0.2)
        assert begins_in_vain(provider)[1] != "it did not answer a moment ago"


def begins_in_vain(provider: Provider) -> tuple[float, str]:
    """Seconds that it took, and why nothing came of it."""
    begun = time.monotonic()
    with pytest.raises(ProviderUnavailable) as caught:
        openid.begin(provider)
    return time.monotonic() - begun, str(caught.value)


def test_one_network_goes_to_the_provider_only_so_often_but_signing_in_does_not_count(
    app: Flask, provider: IdentityProvider, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(throttle, "TRIES_ELSEWHERE", 3)
    for _ in range(3):
        assert comes_back(app, provider)[1].status_code == 302
    begun = app.test_client()
    assert begun.get("/login/oidc").status_code == 302
    for _ in range(2):
        assert app.test_client().get("/login/oidc").status_code == 302
    for browser, path in ((app.test_client(), "/login/oidc"), (begun, "/login/oidc/callback")):
        answer = browser.get(path)
        assert (answer.status_code, int(answer.headers["Retry-After"]) > 0) == (429, True)
        assert "Too many attempts." in answer.text
    elsewhere = app.test_client().get("/login/oidc", environ_base={"REMOTE_ADDR": "203.0.113.9"})
    assert elsewhere.status_code == 302


def test_where_none_is_set_up_there_is_neither_button_nor_address(make_app: Callable[..., Flask], sqlite_url: str):
    client = make_app(sqlite_url).test_client()
    assert "/login/oidc" not in client.get("/login").text
    assert client.get("/login/oidc").status_code == 404
    with client.session_transaction() as session:
        session["oidc"] = {"state": "s", "nonce": "n", "verifier": "v", "at": int(utcnow().timestamp()), "next": None}
    assert client.get("/login/oidc/callback?state=s&code=c").status_code == 404


# --- what providers say of people -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("claims", "name", "groups"),
    [
        ({"groups": ["a", 7, None, "b"]}, "groups", ("a", "b")),
        ({"groups": "a"}, "groups", ("a",)),
        ({}, "groups", ()),
        ({"groups": {"a": 1}}, "groups", ()),
        ({"realm_access": {"roles": ["a"]}}, "realm_access.roles", ("a",)),
        ({"https://example.com/roles": ["a"]}, "https://example.com/roles", ("a",)),
        ({"realm_access": "a"}, "realm_access.roles", ()),
    ],
)
def test_groups_are_read_wherever_the_provider_keeps_them(claims: dict[str, Any], name: str, groups: tuple[str, ...]):
    assert openid._groups(claims, name) == groups


@pytest.mark.parametrize(
    ("claims", "email"),
    [
        ({"email": "a@b.c", "email_verified": True}, "a@b.c"),
        ({"email": "a@b.c", "email_verified": "true"}, "a@b.c"),
        ({"email": "a@b.c", "xms_edov": True}, "a@b.c"),
        ({"email": "a@b.c", "xms_edov": "1"}, "a@b.c"),
        ({"email": "a@b.c", "email_verified": False, "xms_edov": True}, None),
        ({"email": "a@b.c"}, None),
        ({"email": 7, "email_verified": True}, None),
        ({"email_verified": True}, None),
    ],
)
def test_only_an_address_that_the_provider_made_sure_of_counts(claims: dict[str, Any], email: str | None):
    known = Provider("https://login.example.com", "x", "y", GROUPS, "groups", "https://here.example")
    assert openid._identity(known, {"sub": "ada", **claims}).email == email


@pytest.mark.parametrize("subject", ["", "x" * 256, "a\0b", None])
def test_a_subject_that_is_none_is_nobodys(subject: Any):
    known = Provider("https://login.example.com", "x", "y", GROUPS, "groups", "https://here.example")
    with pytest.raises(NotProven):
        openid._identity(known, {"sub": subject})


def test_no_address_that_could_not_be_written_to_is_taken(app: Flask):
    who = Identity("https://login.example.com", "ada", "not an address", ("recruiters",))
    with app.app_context():
        start_writing(db.session())
        with pytest.raises(NotAdmitted):
            single_sign_on.admit(db.session(), who, ROLES, By(None, None, utcnow()))


def test_the_log_of_this_screen_says_why_and_never_who(
    quick: Flask, provider: IdentityProvider, caplog: pytest.LogCaptureFixture
):
    with caplog.at_level(logging.DEBUG, logger="dashboard"):
        tampered(quick, provider, lambda told: provider.resign(told, nonce="another"))
    (line,) = [record.getMessage() for record in caplog.records if record.name == "dashboard.web.oidc"]
    assert line == "sign-in through the provider failed: the ID token: InvalidClaimError nonce (user unknown)"
