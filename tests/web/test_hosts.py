"""The site answers under its own name alone, believes only proxies it was told of, and mails links to itself."""

from __future__ import annotations

import re

import pytest
from flask import request

from dashboard.extensions import db
from dashboard.models import Application, Refusal
from dashboard.permissions import PUBLIC, needs
from dashboard.web import hosts
from dashboard.worker import Worker
from tests.application import PASSWORD, signed_in_client
from tests.factories import as_body, event, signed
from tests.following_up import MAIL, token_of
from tests.smtp import MailServer

SITE = "https://jobs.example.com:8443"
STRANGERS = (
    *("evil.example.com", "jobs.example.com.evil.example", "evil-jobs.example.com", "x.jobs.example.com"),
    *("jobs.example.com@evil.example", "jobs.example.com:8443, evil.example", "203.0.113.9", "127.0.0.2", "0.0.0.0"),
    *("[::2]", "[::1", "localhost.evil.example", "127.0.0.1.nip.io", "a<script>", "jobs.example.com:80x", ""),
)


@pytest.fixture
def site(make_app, sqlite_url):
    return make_app(sqlite_url, public_url=SITE)


@pytest.mark.parametrize(
    "host",
    [
        *("jobs.example.com", "jobs.example.com:8443", "jobs.example.com:1", "JOBS.Example.COM"),
        *("127.0.0.1", "127.0.0.1:9000", "localhost", "localhost:8000", "[::1]", "[::1]:8000"),
    ],
)
def test_its_own_name_and_those_of_this_machine_are_answered_on_any_port(site, host):
    for path in ("/login", "/healthz", "/static/favicon.svg", "/metrics"):
        assert site.test_client().get(path, headers={"Host": host}).status_code == 200, path


@pytest.mark.parametrize("host", STRANGERS)
def test_any_other_name_is_refused_in_a_line_that_does_not_repeat_it(site, host):
    client = signed_in_client(site, "hr_admin")
    for path in ("/login", "/applications", "/healthz", "/static/favicon.svg", "/nowhere", "/talroo//applications"):
        answer = client.get(path, headers={"Host": host})
        assert (answer.status_code, answer.mimetype) == (400, "text/plain"), path
        assert answer.text == f"{hosts.REFUSED}\n"
        assert "Location" not in answer.headers
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Request-ID"]


def test_a_form_sent_to_another_name_is_refused_as_such_and_does_nothing(site):
    client = signed_in_client(site, "recruiter")
    token = token_of(client.get("/me").text)
    answer = client.post("/logout", data={"csrf_token": token}, headers={"Host": "evil.example.com"})
    assert (answer.status_code, answer.text) == (400, f"{hosts.REFUSED}\n")
    assert client.get("/applications").status_code == 200


def test_a_delivery_to_another_name_is_refused_and_counted(make_app, database_url):
    app = make_app(database_url, public_url=SITE)
    body = as_body(event())
    for host, status in (("evil.example.com", 400), ("jobs.example.com:8443", 200)):
        answer = app.test_client().post("/talroo/applications", data=body, headers={**signed(body), "Host": host})
        assert answer.status_code == status
        assert (answer.json["status"], answer.json.get("reason")) in (("refused", hosts.REFUSED), ("accepted", None))
    page = signed_in_client(app, "it_admin").get("/admin").text
    assert "Another host name than PUBLIC_URL" in page
    with app.app_context():
        assert db.session.query(Application).count() == 1
        assert [(row.reason, row.count) for row in db.session.query(Refusal)] == [("host", 1)]


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("https://Jobs.Example.com:8443/x", "jobs.example.com"),
        ("http://[::1]:8000", "[::1]"),
        ("https://bücher.example", "xn--bcher-kva.example"),
        ("http://127.0.0.1:8000", "127.0.0.1"),
    ],
)
def test_a_name_is_what_browsers_send(address, name):
    assert hosts.name_in(address) == name


# --- proxies ------------------------------------------------------------------------------------------------------

FORWARDED = {
    "X-Forwarded-For": "203.0.113.1, 203.0.113.2",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Host": "evil.example.com",
    "X-Forwarded-Prefix": "/evil",
    "X-Forwarded-Port": "666",
    "Forwarded": "for=203.0.113.3;host=evil.example.com;proto=https",
    "X-Real-IP": "203.0.113.4",
}


@pytest.mark.parametrize(
    ("proxies", "address", "scheme"),
    [(0, "127.0.0.1", "http"), (1, "203.0.113.2", "https"), (2, "203.0.113.1", "https"), (3, "127.0.0.1", "http")],
)
def test_what_a_proxy_says_counts_as_far_as_there_are_some(make_app, sqlite_url, proxies, address, scheme):
    app = make_app(sqlite_url, trusted_proxies=proxies)
    seen = []
    app.add_url_rule("/seen", "seen", needs(PUBLIC)(lambda: seen.append((request.remote_addr, request.url)) or ""))
    assert app.test_client().get("/seen", headers={**FORWARDED, "X-Forwarded-Proto": scheme_list(2)}).status_code == 200
    assert seen == [(address, f"{scheme}://localhost/seen")]


def scheme_list(hops: int) -> str:
    return ", ".join(["https"] * hops)


def test_without_a_proxy_nobody_gets_around_the_limit_of_sign_ins_or_into_the_records(make_app, sqlite_url):
    app = make_app(sqlite_url)
    client = app.test_client()
    signed_in_client(app, "recruiter")
    for number in range(11):
        typed = {
            "email": "recruiter@example.com",
            "password": "wrong",
            "csrf_token": token_of(client.get("/login").text),
        }
        answer = client.post("/login", data=typed, headers={"X-Forwarded-For": f"203.0.113.{number}"})
    assert answer.status_code == 429


# --- links that are mailed ----------------------------------------------------------------------------------------


def test_links_in_mails_lead_to_the_public_address_however_they_were_asked_for(make_app, database_url, monkeypatch):
    monkeypatch.setattr("dashboard.web.access.ANSWERS_AFTER", 0.0)
    with MailServer() as server:
        settings = {**MAIL, "mail_url": server.url, "public_url": SITE, "trusted_proxies": 1}
        app = make_app(database_url, **settings)
        signed_in_client(app, "recruiter")
        client = app.test_client()
        typed = {"email": "recruiter@example.com", "csrf_token": token_of(client.get("/login").text)}
        headers = {**FORWARDED, "Host": "localhost:9", "Referer": "https://evil.example.com/"}
        assert client.post("/forgot", data=typed, headers=headers).status_code == 200
        Worker.of(app).once()
        (mail,) = server.mails
    links = re.findall(r"https?://[\w.:-]*\w", mail.text)
    assert links
    assert set(links) == {SITE}


def test_every_link_that_is_written_anywhere_is_from_the_public_address(make_app, sqlite_url, deliver_to):
    app = make_app(sqlite_url, public_url=SITE)
    deliver_to(app, event())
    client = signed_in_client(app, "hr_admin")
    for path in ("/applications.csv", "/admin"):
        assert set(re.findall(r"https?://[^\s/\"&<]+(?=/(?:applications|talroo))", client.get(path).text)) == {SITE}


@pytest.fixture
def deliver_to():
    def post(app, content) -> None:
        body = as_body(content)
        assert app.test_client().post("/talroo/applications", data=body, headers=signed(body)).status_code == 200

    return post


# --- redirects ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["localhost", "jobs.example.com:8443"])
def test_no_address_redirects_to_anywhere_else(site, host):
    """Also not where a browser would read one from: a path that begins with two slashes, or a `next` or `then`."""
    evil = ("//evil.example", "https://evil.example", "/\\evil.example", "/%5Cevil.example", "\\\\evil.example")
    paths = [f"/{target}" for target in evil] + ["//evil.example/%2e%2e", "/login/", "/applications/"]
    paths += [f"{path}?{name}={target}" for path in PAGES for name in NAMES for target in evil]
    clients = (site.test_client(), signed_in_client(site, "hr_admin"))
    for client in clients:
        for path in paths:
            answer = client.get(path, headers={"Host": host, "Accept": "text/html"}, buffered=True)
            location = answer.headers.get("Location", "/").removeprefix(f"http://{host}")
            assert re.match(r"/(?![/\\])", location), f"{path} leads to {location}"


PAGES = ("/", "/login", "/login/code", "/login/oidc", "/applications", "/forgot", "/nowhere")
NAMES = ("next", "then", "to", "queue", "url", "redirect")


def test_signing_in_leads_nowhere_else_either(site):
    client = site.test_client()
    signed_in_client(site, "recruiter")
    typed = {"email": "recruiter@example.com", "password": PASSWORD, "next": "https://evil.example"}
    typed["csrf_token"] = token_of(client.get("/login").text)
    answer = client.post("/login", data=typed, headers={"Referer": "https://evil.example/"})
    assert (answer.status_code, answer.location) == (302, "/applications")
