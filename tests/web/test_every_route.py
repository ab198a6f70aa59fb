"""What holds for every address there is: who may, what proof it takes, which headers it carries."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import select

from dashboard.extensions import db
from dashboard.models import AuditEntry
from dashboard.permissions import GRANTED, PUBLIC, SIGNED_IN, Permission, allows
from tests.stocked_site import CANARY, MACHINE_ADDRESSES, token_of

ROLES = ("recruiter", "hr_admin", "it_admin")

# interface.md, Roles. Written out here: what the code grants is what is being tested.
MAY = {
    "applications": {"recruiter", "hr_admin"},
    "outcome": {"recruiter", "hr_admin"},
    "team": {"recruiter", "hr_admin"},
    "mentions": {"recruiter", "hr_admin"},
    "bulk": {"recruiter", "hr_admin"},
    "views": {"recruiter", "hr_admin"},
    "people": {"recruiter", "hr_admin"},
    "files": {"recruiter", "hr_admin"},
    "conversions": {"recruiter", "hr_admin"},
    "dispositions": {"recruiter", "hr_admin"},
    "incomplete": {"hr_admin"},
    "compose": {"hr_admin"},
    "messages": {"hr_admin"},
    "reminder_templates": {"hr_admin"},
    "follow_up_jobs": {"hr_admin"},
    "stops": {"hr_admin"},
    "privacy": {"hr_admin"},
    "integration": {"hr_admin", "it_admin"},
    "audit": {"hr_admin", "it_admin"},
    "users": {"hr_admin", "it_admin"},
    "rehearsal": {"hr_admin", "it_admin"},
    "deliveries": {"hr_admin", "it_admin"},
    "deliveries.body": {"hr_admin"},
    "scope": {"hr_admin", "it_admin"},
    "home": set(ROLES),
    "session.logout": set(ROLES),
    "settings": set(ROLES),
    "second_factor": set(ROLES),
    "second_factor.reset": {"hr_admin", "it_admin"},
    "me": set(ROLES),
}
PUBLIC_ADDRESSES = {
    *("static", "receiving.receive", "clicks.land", "clicks.convert", "session.login", "session.sign_in"),
    *("code.ask", "code.give", "oidc.go", "oidc.back"),
    *("unsubscribe.show", "unsubscribe.opt_out"),
    *("access.show", "access.choose", "access.set_up", "access.begin", "access.forgot", "access.ask"),
    *("violations.report", "health.healthz", "health.readyz", "health.prometheus"),
}

LISTS = {
    *("applications.index", "applications.filters", "incomplete.index", "views.index", "views.bar", "views.save"),
    *("messages.index", "conversions.index", "bulk.show", "compose.index"),
    "outcome.show",  # a name and a stage, as in a list's row
}
"""What shows applicants and is no look at one (docs/decisions/0011-audit.md)."""
LOOKS = {"application_viewed", "file_viewed", "file_downloaded", "delivery_viewed", "exported"}


def who_may(endpoint: str) -> set[str]:
    granted = MAY.get(endpoint) or MAY.get(endpoint.partition(".")[0])
    if granted is None:
        pytest.fail(
            f"Nobody has said who may open {endpoint!r}. Add it or its blueprint to MAY (or to PUBLIC_ADDRESSES) here, "
            "as docs/interface.md grants it; an address with an id also needs one in tests/stocked_site.py."
        )
    return granted


def guarded(stocked, method: str) -> list[tuple[str, str]]:
    return [(name, address) for name, address in stocked.addresses(method) if name not in PUBLIC_ADDRESSES]


def test_every_view_names_what_it_takes(app: Flask):
    unmarked = [name for name, view in app.view_functions.items() if not hasattr(view, "needs")]
    assert unmarked == []


def test_an_address_that_nobody_was_granted_is_named_with_what_to_add():
    with pytest.raises(pytest.fail.Exception, match=r"'offers.index'.*MAY"):
        who_may("offers.index")


def test_public_is_only_what_must_be(app: Flask):
    public = {name for name, view in app.view_functions.items() if getattr(view, "needs", None) == PUBLIC}
    assert public == PUBLIC_ADDRESSES


def test_a_view_without_a_permission_is_reached_by_nobody(make_app, sqlite_url, request):
    app = make_app(sqlite_url)
    app.add_url_rule("/forgotten", "forgotten", lambda: "secret")
    assert app.test_client().get("/forgotten").status_code == 302
    request.getfixturevalue("monkeypatch")
    from tests.application import signed_in_client

    for role in ROLES:
        assert signed_in_client(app, role).get("/forgotten").status_code == 403


@pytest.mark.parametrize("role", ROLES)
def test_each_role_opens_exactly_what_the_interface_grants(stocked, sign_in, role):
    client = sign_in(role)
    for name, address in guarded(stocked, "GET"):
        status = client.get(address).status_code
        assert (status != 403) is (role in who_may(name)), f"{role} got {status} at {address}"
        assert status < 500, address


@pytest.mark.parametrize("role", ROLES)
def test_each_role_changes_exactly_what_the_interface_grants(make_app, sqlite_url, role):
    from tests.application import signed_in_client

    app = make_app(sqlite_url)
    app.config["WTF_CSRF_ENABLED"] = False
    for rule in app.url_map.iter_rules():
        if "POST" in rule.methods and rule.endpoint not in PUBLIC_ADDRESSES:
            address = rule.rule.replace("<public_id>", "none")
            status = signed_in_client(app, role).post(address).status_code
            assert (status != 403) is (role in who_may(rule.endpoint)), f"{role} got {status} at {address}"


def test_signed_out_people_are_sent_to_sign_in_and_come_back(stocked, client):
    for _name, address in guarded(stocked, "GET"):
        answer = client.get(address, headers={"Accept": "text/html"})
        if address.endswith(".csv"):
            assert answer.status_code == 401
        else:
            assert (answer.status_code, answer.location) == (302, f"/login?next={address}")


def test_signed_out_machines_are_told_401_in_json(stocked, client):
    for _name, address in guarded(stocked, "GET"):
        answer = client.get(address, headers={"Accept": "application/json"})
        assert (answer.status_code, answer.mimetype) == (401, "application/json"), address
        assert answer.json["error"]


def test_signed_out_nothing_can_be_posted_and_no_content_is_shown(stocked, client):
    for name, address in stocked.addresses("POST"):
        answer = client.post(address)
        assert answer.status_code in (302, 400, 401, 403, 404), address
        if name not in PUBLIC_ADDRESSES:
            assert answer.status_code in (302, 400), address
    for _name, address in stocked.addresses("GET"):
        assert CANARY not in client.get(address).text


def test_every_post_without_a_token_is_refused_but_by_the_machine_addresses(stocked, sign_in):
    for role in ROLES:
        client = sign_in(role)
        for name, address in stocked.addresses("POST"):
            answer = client.post(address)
            if name not in MACHINE_ADDRESSES:
                assert answer.status_code == 400, address
                assert "out of date" in answer.text
            wrong = client.post(address, data={"csrf_token": "wrong"})
            assert name in MACHINE_ADDRESSES or wrong.status_code == 400, address


def test_a_token_of_one_session_is_worth_nothing_in_another(stocked, sign_in):
    token = re.search(r'csrf_token" value="([^"]+)', sign_in("recruiter").get("/applications").text)[1]
    other = sign_in("hr_admin")
    other.get("/applications")
    assert other.post("/logout", data={"csrf_token": token}).status_code == 400


@pytest.mark.parametrize("role", ["hr_admin", "it_admin"])
def test_every_form_that_posts_carries_a_token_and_posts_to_this_site(stocked, sign_in, role):
    client = sign_in(role)
    forms = 0
    for _name, address in stocked.pages():
        html = client.get(address).text
        for form in re.findall(r"<form.*?</form>", html, re.DOTALL):
            if re.search(r'method="post"', form, re.IGNORECASE):
                forms += 1
                assert re.search(r'name="csrf_token" value="[^"]{20,}"', form), address
                assert re.search(r'action="/(?!/)', form), address
    assert forms > 3


def test_an_it_administrator_sees_nothing_of_an_applicant_anywhere(stocked, sign_in):
    client = sign_in("it_admin")
    opened = 0
    for _name, address in [*stocked.addresses("GET"), *stocked.pages()]:
        answer = client.get(address)
        opened += answer.status_code == 200
        assert CANARY not in answer.text, address
        assert CANARY.lower() not in answer.text.lower(), address
    assert opened >= 5
    assert CANARY in sign_in("hr_admin").get(f"/admin/deliveries/{stocked.ids['deliveries']}").text


@pytest.mark.parametrize("headers", [{}, {"HX-Request": "true"}], ids=["a page", "a part of one"])
def test_whatever_shows_an_applicant_is_noted_whether_it_is_refused_or_not(stocked, sign_in, monkeypatch, headers):
    """Each address is opened, and each form sent with nothing in it; with a note of theirs in the history."""
    monkeypatch.setattr("dashboard.web.noting._ONE_LOOK", timedelta(0))
    hired, writer, looks = f"/applications/{stocked.ids['team']}", sign_in("hr_admin"), set()
    writer.post(f"{hired}/notes", data={"body": CANARY, "csrf_token": token_of(writer.get(hired).text)})
    for method in ("GET", "POST"):
        for name, address in [*stocked.addresses(method), *(stocked.pages() if method == "GET" else ())]:
            client = sign_in("hr_admin")
            token = token_of(client.get("/applications").text)
            before = _noted(stocked)
            answer = client.open(address, method=method, data={"csrf_token": token}, headers=headers)
            if CANARY.encode() in answer.data and name not in LISTS:
                assert set(_noted(stocked)[len(before) :]) & LOOKS, f"{method} {address}: {answer.status_code}"
                looks.add(name)
    assert looks >= {"applications.show", "files.download", "outcome.change_stage", "team.assign", "privacy.erase"}


def _noted(stocked) -> list[str]:
    with stocked.app.app_context():
        return list(db.session.scalars(select(AuditEntry.action).order_by(AuditEntry.number)))


def test_a_replay_tells_an_it_administrator_nothing_of_the_applicant(stocked, sign_in):
    client = sign_in("it_admin")
    for delivery in (stocked.ids["deliveries"], stocked.ids["kept delivery"]):
        page = client.get(f"/admin/deliveries/{delivery}")
        token = re.search(r'csrf_token" value="([^"]+)', page.text)[1]
        told = client.post(f"/admin/deliveries/{delivery}/replay", data={"csrf_token": token}, follow_redirects=True)
        assert told.status_code == 200
        assert CANARY.lower() not in told.text.lower()


def test_a_recruiter_sees_nothing_of_the_incomplete(stocked, sign_in):
    client = sign_in("recruiter")
    for path in (f"/applications/{stocked.ids['incomplete']}", f"/applications/{stocked.ids['incomplete']}/outcome"):
        assert client.get(path).status_code == 404
    assert client.get("/incomplete").status_code == 403


@pytest.mark.parametrize(
    "path",
    [
        "/applications/none",
        "/files/none",
        "/files/none/preview",
        "/files/none/picture",
        "/files/none/preview-part",
        "/incomplete/none",
        "/admin/deliveries/none",
        "/nowhere",
        "/applications/1",
        "/files/1",
        "/static/none.css",
        "/static/../config.py",
    ],
)
def test_what_does_not_exist_is_404(app, sign_in, path):
    assert sign_in("hr_admin").get(path).status_code == 404


def test_every_answer_carries_the_security_headers(stocked, sign_in):
    client = sign_in("hr_admin")
    for address in [address for _, address in stocked.addresses("GET")] + ["/nowhere", "/applications/none"]:
        headers = client.get(address).headers
        assert headers["X-Content-Type-Options"] == "nosniff", address
        assert headers["X-Frame-Options"] == "DENY", address
        assert headers["Referrer-Policy"] == "same-origin", address
        policy = headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy, address
        assert "unsafe" not in policy
        assert "Strict-Transport-Security" not in headers
        if not address.startswith("/static"):
            assert headers["Cache-Control"] == "no-store", address
    refused = client.post("/logout")
    assert refused.headers["X-Content-Type-Options"] == "nosniff"


def test_over_https_browsers_are_told_to_stay_there_and_cookies_are_secure(make_app, sqlite_url):
    client = make_app(sqlite_url, public_url="https://jobs.example.com").test_client()
    answer = client.get("/login", base_url="https://jobs.example.com")
    assert answer.headers["Strict-Transport-Security"].startswith("max-age=")
    cookie = answer.headers["Set-Cookie"]
    for part in ("__Host-dashboard_session=", "Secure", "HttpOnly", "SameSite=Lax", "Path=/"):
        assert part in cookie


@pytest.mark.parametrize("permission", [*Permission, SIGNED_IN, "unknown", ""])
def test_unknown_roles_may_nothing(permission):
    for role in (None, "", "root", "RECRUITER"):
        assert not allows(role, permission)
    assert all(allows(role, PUBLIC) for role in (None, "root"))


def test_an_unknown_permission_is_granted_to_nobody():
    assert not any(allows(role, "everything") for role in GRANTED)
