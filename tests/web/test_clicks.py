"""`/click` and `/click/convert`: for apply flows outside Talroo Apply."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from dashboard.extensions import db
from dashboard.models import Click, Outbound
from tests.factories import event

SID = "9e21f3a0-1c2d-4e5f-8a9b-000000000001"
CAREERS = "https://careers.example.com"
TOKEN = {"Authorization": "Bearer the-token"}


@pytest.fixture
def app(make_app: Callable[..., Flask], database_url: str) -> Flask:
    destinations = (CAREERS, "http://jobs.example.com:8080", "https://shared.example.com/acme")
    return make_app(database_url, click_destinations=destinations, click_api_token="the-token")


@pytest.fixture
def plain_app(make_app: Callable[..., Flask], sqlite_url: str) -> Flask:
    return make_app(sqlite_url)


def land(client: FlaskClient, to: str, tlr_sid: str = SID) -> Any:
    return client.get("/click", query_string={"tlr_sid": tlr_sid, "to": to})


def rows(app: Flask, model: type[Any]) -> list[Any]:
    with app.app_context():
        return list(db.session.scalars(select(model).order_by(model.id)))


@pytest.mark.parametrize(
    ("to", "target"),
    [
        (CAREERS, f"{CAREERS}/?tlr_sid={SID}"),
        (f"{CAREERS}/job/7", f"{CAREERS}/job/7?tlr_sid={SID}"),
        (f"{CAREERS}/job?id=7&src=a%20b", f"{CAREERS}/job?id=7&src=a%20b&tlr_sid={SID}"),
        (f"{CAREERS}/job?tlr_sid=old&id=7", f"{CAREERS}/job?id=7&tlr_sid={SID}"),
        (f"{CAREERS}/job?tlr%5Fsid=old&flag", f"{CAREERS}/job?flag&tlr_sid={SID}"),
        (f"{CAREERS}/app#/job/7", f"{CAREERS}/app?tlr_sid={SID}#/job/7"),
        (f"{CAREERS}/warehouse work/köln", f"{CAREERS}/warehouse%20work/k%C3%B6ln?tlr_sid={SID}"),
        ("HTTPS://Careers.Example.com:443/x", f"https://careers.example.com:443/x?tlr_sid={SID}"),
        ("http://jobs.example.com:8080/x", f"http://jobs.example.com:8080/x?tlr_sid={SID}"),
        ("https://shared.example.com/acme/job", f"https://shared.example.com/acme/job?tlr_sid={SID}"),
    ],
)
def test_a_visitor_is_sent_on_with_the_click_id_in_the_address(client: FlaskClient, to: str, target: str):
    answer = land(client, to)
    assert (answer.status_code, answer.headers["Location"]) == (302, target)


NASTY = [
    "",
    "/",
    "careers.example.com",
    "//careers.example.com",
    "//evil.example",
    "https:careers.example.com",
    "https:/careers.example.com",
    "https:///careers.example.com",
    "https:\\\\careers.example.com",
    "https://careers.example.com\\@evil.example",
    "https://careers.example.com\\.evil.example",
    "https://careers.example.com@evil.example",
    "https://careers.example.com:x@evil.example/",
    "https://user@careers.example.com/",
    "https://careers.example.com.evil.example/",
    "https://evil.example/careers.example.com",
    "https://evil.example#@careers.example.com",
    "https://evil.example?https://careers.example.com",
    "https://evilcareers.example.com/",
    "https://careers.example.com:444/",
    "https://careers.example.com:0/",
    "https://careers.example.com:99999/",
    "https://careers.example.com:/",
    "http://careers.example.com/",
    "http://jobs.example.com/",
    "https://careers.example.com%2eevil.example/",
    "https://careers.example.com%00.evil.example/",
    "https://careers.example.com\t.evil.example/",
    "https://careers\n.example.com/",
    "ht\ttps://careers.example.com/",
    "\x00https://careers.example.com/",
    "https://careers。example.com/",
    "https://ⓒareers.example.com/",
    "https://careers.example.com\u2028/",
    "https://[careers.example.com]/",
    "https://careers.example.com;.evil.example/",
    "javascript:alert(1)//careers.example.com",
    "data:text/html,https://careers.example.com",
    "ftp://careers.example.com/",
    "https://shared.example.com/other",
    "https://shared.example.com/acme-evil",
    "https://shared.example.com/acme/../other",
    "https://shared.example.com/acme/%2e%2E/other",
    "https://shared.example.com/acme/.%2e/other",
    f"{CAREERS}/{'x' * 5_000}",
]


@pytest.mark.parametrize("to", NASTY)
def test_nobody_is_sent_anywhere_else(make_app: Callable[..., Flask], sqlite_url: str, to: str):
    app = make_app(
        sqlite_url, click_destinations=(CAREERS, "http://jobs.example.com:8080", "https://shared.example.com/acme")
    )
    answer = land(app.test_client(), to)
    assert (answer.status_code, "Location" in answer.headers, "Set-Cookie" in answer.headers) == (400, False, False)
    assert rows(app, Click) == []


@pytest.mark.parametrize("tlr_sid", ["", "a b", "x" * 65, "a/b", "é", "<script>", "a\n", "a_b"])
def test_only_a_click_id_is_taken(client: FlaskClient, app: Flask, tlr_sid: str):
    assert land(client, CAREERS, tlr_sid).status_code == 400
    assert rows(app, Click) == []


def test_without_destinations_the_address_is_off(plain_app: Flask):
    assert land(plain_app.test_client(), CAREERS).status_code == 404


def test_a_click_is_stored_once_and_its_landings_are_counted(client: FlaskClient, app: Flask):
    for _ in range(3):
        land(client, f"{CAREERS}/job")
    (click,) = rows(app, Click)
    assert (click.tlr_sid, click.landings, click.destination) == (SID, 3, f"{CAREERS}/job?tlr_sid={SID}")


def test_the_visitors_cookie_is_signed_and_kept_to_itself(client: FlaskClient):
    cookie = land(client, CAREERS).headers["Set-Cookie"]
    assert re.search(r"Max-Age=2592000\b", cookie)
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Secure" not in cookie
    assert f"={SID}" not in cookie


def test_over_https_the_cookie_is_secure(make_app: Callable[..., Flask], sqlite_url: str):
    app = make_app(sqlite_url, click_destinations=(CAREERS,), public_url="https://hire.example.com")
    cookie = land(app.test_client(), CAREERS).headers["Set-Cookie"]
    assert cookie.startswith("__Host-talroo_click=")
    assert {"Secure", "HttpOnly", "Path=/", "SameSite=Lax"} <= set(cookie.split("; "))
    assert "Domain" not in cookie


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer wrong"},
        {"Authorization": "Basic the-token"},
        {"Authorization": "Bearer th\xe9-token"},
    ],
)
def test_converting_needs_the_token(client: FlaskClient, app: Flask, headers: dict[str, str]):
    answer = client.post("/click/convert", data={"tlr_sid": SID, "event": "2"}, headers=headers)
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
    assert rows(app, Outbound) == []


def test_without_a_token_set_nobody_converts(plain_app: Flask):
    headers = {"Authorization": "Bearer "}
    assert (
        plain_app.test_client().post("/click/convert", data={"tlr_sid": SID, "event": 2}, headers=headers).status_code
        == 401
    )


@pytest.mark.parametrize(
    "how",
    [
        {"data": {"tlr_sid": SID, "event": "1"}},
        {"json": {"tlr_sid": SID, "event": 1}},
        {"query_string": {"tlr_sid": SID, "event": "1"}},
    ],
)
def test_a_conversion_is_queued_once_and_due_at_once(client: FlaskClient, app: Flask, how: dict[str, Any]):
    first = client.post("/click/convert", headers=TOKEN, **how)
    second = client.post("/click/convert", headers=TOKEN, **how)
    (row,) = rows(app, Outbound)
    assert (first.status_code, first.json) == (202, {"status": "queued", "conversion": row.public_id})
    assert (second.status_code, second.json) == (200, {"status": "duplicate", "conversion": row.public_id})
    assert (row.tlr_sid, row.event, row.stage, row.due_at) == (SID, "1", None, row.created_at)


def test_the_visitors_own_click_converts_without_being_named(client: FlaskClient, app: Flask):
    land(client, CAREERS)
    assert client.post("/click/convert", headers=TOKEN, data={"event": "2"}).status_code == 202
    assert [row.tlr_sid for row in rows(app, Outbound)] == [SID]


def test_a_cookie_somebody_wrote_themselves_names_no_click(client: FlaskClient):
    client.set_cookie("talroo_click", f'"{SID}".abc.def')
    assert client.post("/click/convert", headers=TOKEN, data={"event": "2"}).status_code == 400


@pytest.mark.parametrize(
    "sent",
    [
        {},
        {"event": 2},
        {"tlr_sid": SID},
        {"tlr_sid": SID, "event": 4},
        {"tlr_sid": SID, "event": "two"},
        {"tlr_sid": "a b", "event": 2},
        {"tlr_sid": SID, "event": True},
        {"tlr_sid": [SID], "event": 2},
        [SID],
        "x",
    ],
)
def test_what_cannot_be_converted_is_refused_in_words(client: FlaskClient, app: Flask, sent: Any):
    answer = client.post("/click/convert", headers=TOKEN, json=sent)
    assert answer.status_code == 400
    assert answer.json["error"].endswith(".")
    assert rows(app, Outbound) == []


def test_an_application_with_a_stored_click_is_connected_to_it_and_to_its_conversion(
    client: FlaskClient, app: Flask, deliver: Callable[..., Any], sign_in: Callable[..., FlaskClient]
):
    land(client, f"{CAREERS}/job")
    application = deliver(event(tlrSid=SID)).json["application"]
    client.post("/click/convert", headers=TOKEN, data={"tlr_sid": SID, "event": "2"})
    (row,) = rows(app, Outbound)
    assert row.application_id is not None
    page = sign_in("recruiter").get(f"/applications/{application}").text
    assert SID in page
    assert "click" in page.lower()


def test_a_conversion_of_somebody_who_did_not_finish_names_nobody_in_the_ledger(client, app, deliver, sign_in):
    deliver(event(kind="started:v1", applicant={"lastName": "Unfinished"}, tlrSid=SID))
    assert client.post("/click/convert", data={"tlr_sid": SID, "event": "2"}, headers=TOKEN).status_code == 202
    recruiter = sign_in("recruiter")
    assert SID in recruiter.get("/conversions").text
    assert "Unfinished" not in recruiter.get("/conversions").text + recruiter.get("/conversions.csv").text


@pytest.mark.parametrize("climb", ["..%2f..%2fevil", "..;/evil", "%2e%2e%5cevil"])
def test_an_encoded_climb_out_of_a_destinations_path_is_refused(client, climb):
    assert land(client, f"https://shared.example.com/acme/{climb}").status_code == 400
