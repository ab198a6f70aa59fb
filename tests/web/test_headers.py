"""What every answer says of itself, and what no address takes."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from dashboard.extensions import db
from dashboard.models import AuditEntry
from tests.following_up import token_of
from tests.stocked_site import Stocked


@pytest.fixture
def app(make_app: Callable[..., Flask], sqlite_url: str) -> Flask:
    """None of this has to do with the database."""
    return make_app(sqlite_url)


def test_every_answer_says_what_it_is_and_how_its_words_are_encoded(stocked: Stocked, sign_in: Callable[..., Any]):
    client = sign_in("hr_admin")
    seen = set()
    others = ("/nowhere", "/static/js/app.js", "/static/icons.svg")
    for address in [*(address for _, address in stocked.addresses("GET")), *others]:
        answer = client.get(address, buffered=True)
        if not answer.data:
            continue
        seen.add(answer.mimetype)
        if answer.mimetype.startswith("text/") or answer.mimetype.endswith("+xml"):
            assert answer.content_type.lower().endswith("; charset=utf-8"), address
        else:
            assert answer.mimetype, address
        if answer.mimetype == "text/html":
            assert answer.data.lstrip().startswith(b"<"), address
        if answer.mimetype == "application/json":
            json.loads(answer.data)
    assert {"text/html", "text/csv", "text/javascript", "image/svg+xml", "application/json"} <= seen


@pytest.mark.parametrize("method", ["TRACE", "TRACK", "CONNECT", "PUT", "DELETE", "PATCH"])
@pytest.mark.parametrize("path", ["/", "/login", "/applications", "/talroo/applications", "/static/css/app.css"])
def test_no_address_takes_another_method_than_it_names(client: FlaskClient, method: str, path: str):
    answer = client.open(path, method=method, headers={"X-Canary": "canary"})
    assert answer.status_code == 405
    assert "canary" not in answer.text


def test_no_other_site_is_let_in_on_what_we_answer(stocked: Stocked, sign_in: Callable[..., Any]):
    client = sign_in("hr_admin")
    for _, address in stocked.addresses("GET"):
        for origin in ("https://evil.example", "null"):
            for ask in (client.get, client.options):
                headers = ask(address, headers={"Origin": origin}, buffered=True).headers
                assert not [name for name in dict(headers) if name.lower().startswith("access-control-")], address


def test_the_policy_allows_our_own_files_alone_and_nothing_to_frame_a_page_or_move_its_base(client: FlaskClient):
    told = client.get("/login").headers["Content-Security-Policy"]
    policy = {name: sources for name, *sources in (part.split() for part in told.split(";") if part.strip())}
    for name in ("default-src", "base-uri", "frame-ancestors"):
        assert policy[name] == ["'none'"]
    assert policy["script-src"] == policy["style-src"] == policy["form-action"] == ["'self'"]
    assert "object-src" not in policy  # what default-src says


def test_over_https_every_answer_keeps_browsers_there_for_a_year_with_all_below(
    make_app: Callable[..., Flask], sqlite_url: str
):
    client = make_app(sqlite_url, public_url="https://jobs.example.com").test_client()
    for path in ("/login", "/nowhere", "/static/css/app.css", "/healthz", "/applications"):
        answer = client.get(path, base_url="https://jobs.example.com")
        assert answer.headers["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains", path


def test_debugging_is_off(app: Flask):
    assert not app.debug
    assert not app.config["PROPAGATE_EXCEPTIONS"]
    assert "/console" not in [rule.rule for rule in app.url_map.iter_rules()]


def test_what_signs_in_cookies_and_forms_is_no_sha_1(app: Flask):
    from flask_wtf.csrf import generate_csrf
    from itsdangerous import URLSafeTimedSerializer

    signer = app.session_interface.get_signing_serializer(app).make_signer("x")
    assert signer.digest_method().name == "sha256"
    with app.test_request_context():
        token = generate_csrf()
    own = URLSafeTimedSerializer(app.secret_key, salt="wtf-csrf-token")
    assert own.make_signer("x").digest_method().name == "sha256"
    assert own.loads(token)


def test_what_stands_in_the_address_is_no_field_of_a_form(sign_in: Callable[..., Any], app: Flask):
    """A link made by somebody else fills in nothing that a form then sends."""
    page = app.test_client().get("/login?email=evil@example.com&password=guessed")
    assert "evil@example.com" not in page.text
    assert "guessed" not in page.text
    client = sign_in("recruiter")
    refused = client.post("/me/password?present=x&password=a+new+long+password&csrf_token=x")
    assert refused.status_code == 400


@pytest.mark.parametrize(
    ("proxies", "told", "taken"),
    [
        (0, "198.51.100.9", "127.0.0.1"),
        (1, "198.51.100.9", "198.51.100.9"),
        (1, "203.0.113.66, 198.51.100.9", "198.51.100.9"),
        (2, "203.0.113.66, 198.51.100.9, 192.0.2.1", "198.51.100.9"),
    ],
)
def test_nobody_chooses_the_address_they_are_known_by(
    make_app: Callable[..., Flask], sqlite_url: str, proxies: int, told: str, taken: str
):
    """What a stranger puts in front of what the proxies write counts for nothing."""
    app = make_app(sqlite_url, trusted_proxies=proxies)
    client = app.test_client()
    forged = {
        "X-Forwarded-For": told,
        "X-Real-IP": "203.0.113.7",
        "Forwarded": "for=203.0.113.8",
        "X-Forwarded-Host": "evil.example",
    }
    form = {"email": "ada@example.com", "password": "guessed", "csrf_token": token_of(client.get("/login").text)}
    assert client.post("/login", data=form, headers=forged).status_code == 401
    with app.app_context():
        assert db.session.scalars(select(AuditEntry.remote_addr)).one() == taken
    assert "evil.example" not in client.get("/nowhere", headers=forged).text
