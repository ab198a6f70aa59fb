"""Trying the connections out: a test application through the postUrl, the App Client, a conversion."""

from __future__ import annotations

import json
import re
import time

import pytest
from bs4 import BeautifulSoup
from sqlalchemy import func, select

from dashboard.calls import Proof
from dashboard.clock import utcnow
from dashboard.extensions import db
from dashboard.models import Application, AuditEntry, Delivery, Note, Outbound, SecretUse, StageChange
from dashboard.services import own_tests, rehearsal, secret_uses
from dashboard.talroo.http import TalrooRefused, TalrooUnavailable
from tests.application import signed_in_client
from tests.factories import SECRET, as_body, event, signed
from tests.stocked_site import token_of
from tests.upstream import Answer, Upstream

APP_CLIENT = {"talroo_client_id": "one", "talroo_client_secret": "a secret of one"}
CLICK = "9e21f3a0-1c2d-4e5f-8a9b-000000000001"


def here(app):
    """Sends to the site in this process, as HTTP would."""

    def post(request):
        answer = app.test_client().post("/talroo/applications", data=request.body, headers=request.headers)
        proof = Proof(utcnow(), status=answer.status_code, answer=answer.text, duration_ms=12, connected=True)
        if answer.status_code != 200:
            raise TalrooRefused(Proof(utcnow(), status=answer.status_code, error=f"answered {answer.status_code}"))
        return proof

    return post


def press(client, name, **fields):
    token = token_of(client.get("/admin").text)
    answer = client.post(f"/admin/test/{name}", data={"csrf_token": token, **fields}, follow_redirects=True)
    assert answer.status_code == 200
    return BeautifulSoup(answer.text, "html.parser")


def page_of(client, address):
    return BeautifulSoup(client.get(address).text, "html.parser")


def said(found) -> str:
    return " ".join(found.select_one(".flash").get_text(" ").split())


def counted(app, *conditions, model=Application) -> int:
    with app.app_context():
        return db.session.scalar(select(func.count()).select_from(model).where(*conditions))


def try_it(app, client):
    app.extensions["post_test"] = here(app)
    return press(client, "application")


def test_a_test_application_arrives_and_is_marked_as_one_everywhere(app, sign_in):
    found = try_it(app, sign_in("it_admin"))
    assert "was accepted after 0.01 s." in said(found)
    delivery = found.select_one(".flash a")["href"]
    hr = sign_in("hr_admin")
    assert "Test from this dashboard" in hr.get(delivery).text
    assert "Test from this dashboard" in hr.get("/admin/deliveries?source=test").text
    with app.app_context():
        one = db.session.scalars(select(Application)).one()
        assert (one.is_test, one.name) == (True, "Test application")
        noted = db.session.scalars(select(AuditEntry.details).where(AuditEntry.action == "test_sent")).one()
        assert '"ok":true' in noted
        public_id = one.public_id
    assert page_of(hr, "/applications").select_one("tr[data-application] th .chip").text == "Test"
    assert "This dashboard sent it to itself" in hr.get(f"/applications/{public_id}").text


def test_nothing_is_reported_of_it(make_app, database_url):
    app = make_app(database_url, talroo_disposition_events={"hired": "hired", "interview": "interview"})
    client = signed_in_client(app, "hr_admin")
    try_it(app, client)
    with app.app_context():
        public_id = db.session.scalars(select(Application.public_id)).one()
    page = client.get(f"/applications/{public_id}").text
    assert "this is a test application" in page
    client.post(f"/applications/{public_id}/hire", data={"csrf_token": token_of(page)})
    assert counted(app, Application.stage == "hired") == 1
    assert counted(app, model=Outbound) == 0
    assert "0 hires: 0 sent" in client.get("/conversions").text


def test_an_outsider_or_talroo_cannot_mark_one_as_a_test(app, deliver):
    ours = own_tests.new_event_id(app.config["SECRET_KEY"])
    forged = own_tests.new_event_id("somebody else's key, of thirty-two bytes or more")
    for event_id in (
        forged,
        ours[:-1] + ("0" if ours[-1] != "0" else "1"),
        "dashboard-test-",
        "dashboard-test-é-x",
        "test",
    ):
        assert deliver(event(event_id=event_id)).json["status"] == "accepted"
    assert counted(app, Application.is_test.is_(True)) == 0
    assert counted(app, Delivery.source == "test", model=Delivery) == 0
    assert deliver(event(event_id=ours)).json["status"] == "accepted"
    assert counted(app, Application.is_test.is_(True)) == 1


def test_a_test_made_with_a_retired_key_is_still_known(make_app, sqlite_url):
    old, new = "the old key, of thirty-two bytes or more", "the new key, of thirty-two bytes or more"
    app = make_app(sqlite_url, secret_key=new, secret_key_retired=(old,))
    body = as_body(event(event_id=own_tests.new_event_id(old)))
    app.test_client().post("/talroo/applications", data=body, headers=signed(body))
    assert counted(app, Application.is_test.is_(True)) == 1


def test_read_again_it_stays_a_test(app, sign_in):
    client = sign_in("it_admin")
    address = try_it(app, client).select_one(".flash a")["href"]
    client.post(f"{address}/replay", data={"csrf_token": token_of(client.get(address).text)})
    assert counted(app, Application.is_test.is_(True)) == 1
    assert counted(app) == 1


def test_tests_are_removed_with_all_that_hangs_on_them_and_nobody_else(app, deliver, sign_in):
    kept = deliver(event()).json["application"]
    client = sign_in("hr_admin")
    for _ in range(2):
        try_it(app, client)
    with app.app_context():
        tests = db.session.scalars(select(Application.public_id).where(Application.is_test.is_(True))).all()
    page = client.get(f"/applications/{tests[0]}").text
    fields = {"csrf_token": token_of(page)}
    client.post(f"/applications/{tests[0]}/stage", data={**fields, "stage": "interview"})
    client.post(f"/applications/{tests[0]}/rating", data={**fields, "rating": "3"})
    client.post(f"/applications/{tests[0]}/tags", data={**fields, "tag": "trial"})
    client.post(f"/applications/{tests[0]}/notes", data={**fields, "body": "hr-admin@example.com look", "token": "a"})
    client.post(f"/people/{tests[0]}/same", data={**fields, "other": tests[1]})
    assert (counted(app, model=Note), counted(app, model=StageChange)) == (1, 1)
    assert "Remove test applications (2)" in client.get("/admin").text
    assert said(press(client, "remove")) == "2 test applications removed."
    assert (counted(app), counted(app, model=Delivery), counted(app, model=Note)) == (1, 1, 0)
    listed = client.get("/applications").text
    assert kept in listed
    assert tests[0] not in listed
    assert "Remove test applications" not in client.get("/admin").text


@pytest.mark.parametrize(
    ("problem", "words"),
    [
        (TalrooUnavailable(Proof(utcnow(), error="connection refused")), "Nothing listens there."),
        (TalrooUnavailable(Proof(utcnow(), error="certificate not trusted")), "renew it, with the whole chain"),
        (
            TalrooRefused(Proof(utcnow(), error="answered 301, and redirects are not followed")),
            "put the address it leads to into PUBLIC_URL",
        ),
        (TalrooRefused(Proof(utcnow(), error="answered 404")), "it is not this dashboard"),
        (TalrooUnavailable(Proof(utcnow(), error="no answer within 20 s")), "did not answer"),
    ],
)
def test_what_went_wrong_says_what_to_do(make_app, sqlite_url, problem, words):
    app = make_app(sqlite_url)

    def post(_request):
        raise problem

    app.extensions["post_test"] = post
    found = press(signed_in_client(app, "it_admin"), "application")
    assert words in said(found)
    assert "did not arrive" in said(found)


@pytest.mark.parametrize("answer", ["<h1>Welcome to nginx!</h1>", '{"status": "ok"}', "[1]", ""])
def test_what_answers_and_is_no_dashboard_is_not_taken_for_one(make_app, sqlite_url, answer):
    app = make_app(sqlite_url)
    app.extensions["post_test"] = lambda _request: Proof(utcnow(), status=200, answer=answer, duration_ms=5)
    assert "not as this dashboard does" in said(press(signed_in_client(app, "it_admin"), "application"))


def test_another_dashboard_at_that_address_is_told_from_this_one(make_app, sqlite_url):
    app = make_app(sqlite_url)
    accepted = '{"status": "accepted", "application": "elsewhere"}'
    app.extensions["post_test"] = lambda _request: Proof(utcnow(), status=200, answer=accepted, duration_ms=5)
    assert "another dashboard answers" in said(press(signed_in_client(app, "it_admin"), "application"))


def test_over_real_http_an_address_where_nobody_listens_is_said_in_time(make_app, sqlite_url):
    app = make_app(sqlite_url, public_url="http://127.0.0.1:9")
    began = time.monotonic()
    assert "connection refused. Nothing listens there." in said(press(signed_in_client(app, "it_admin"), "application"))
    assert time.monotonic() - began < 60


def test_without_a_secret_nothing_can_be_signed(make_app, sqlite_url):
    app = make_app(sqlite_url, talroo_webhook_secrets=())
    assert "Nothing can be signed" in said(press(signed_in_client(app, "it_admin"), "application"))


def test_the_newest_secret_signs_and_is_seen_to_have_proved_something(make_app, sqlite_url):
    app = make_app(sqlite_url, talroo_webhook_secrets=("the newest of two", SECRET))
    client = signed_in_client(app, "it_admin")
    try_it(app, client)
    rows = BeautifulSoup(client.get("/admin").text, "html.parser").select("[data-secret=TALROO_WEBHOOK_SECRETS]")
    assert "1 of 2, the newest" in rows[0].text
    assert "just now" in rows[0].text
    assert "Never" in rows[1].text
    assert "Can be removed" in rows[1].text
    assert "the newest of two" not in client.get("/admin").text
    assert SECRET not in client.get("/admin").text


# --- the App Client -------------------------------------------------------------------------------------------------


def test_the_app_client_is_tried_with_a_token_and_a_list_of_one(make_app, sqlite_url):
    told = [{"accessToken": "a-token", "expiresIn": 300}, {"content": [{"id": "1"}], "totalElements": 1234}]
    with Upstream([Answer(body=json.dumps(one).encode()) for one in told]) as talroo:
        app = make_app(sqlite_url, talroo_api_url=talroo.url, **APP_CLIENT)
        found = press(signed_in_client(app, "it_admin"), "app-client")
    assert "Talroo knows the App Client and lists 1,234 completed applications." in said(found)
    with app.app_context():
        assert db.session.scalars(select(SecretUse.setting)).all() == [secret_uses.APP_CLIENT]


def test_a_refused_app_client_says_which_settings_to_check(make_app, sqlite_url):
    with Upstream(["401"]) as talroo:
        app = make_app(sqlite_url, talroo_api_url=talroo.url, **APP_CLIENT)
        found = press(signed_in_client(app, "it_admin"), "app-client")
    assert "Check TALROO_CLIENT_ID and TALROO_CLIENT_SECRET." in said(found)
    assert "a secret of one" not in found.text


# --- a conversion ---------------------------------------------------------------------------------------------------


def test_a_conversion_is_shown_first_and_sent_only_when_confirmed(make_app, sqlite_url):
    with Upstream([Answer(body=b"OK, counted")]) as talroo:
        app = make_app(sqlite_url, talroo_conversion_url=talroo.url)
        client = signed_in_client(app, "it_admin")
        shown = press(client, "conversion", event="2", tlr_sid=CLICK)
        assert f"GET {talroo.url}/conversion2.php?tlr_sid={CLICK}&Link=true" in shown.text
        assert "counts conversion event 2 for this click as a real one" in shown.text
        assert talroo.requests == []
        fields = {one["name"]: one["value"] for one in shown.select("main form input[type=hidden]")}
        assert re.search("Talroo answered 200 after .* s: OK, counted", said(press(client, "conversion", **fields)))
        assert [one.target for one in talroo.requests] == [f"/conversion2.php?tlr_sid={CLICK}&Link=true"]


@pytest.mark.parametrize(("event_number", "click"), [("4", CLICK), ("2", "../../etc"), ("2", ""), ("", CLICK)])
def test_what_can_be_no_conversion_is_not_even_shown(make_app, sqlite_url, event_number, click):
    client = signed_in_client(make_app(sqlite_url), "it_admin")
    fields = {"csrf_token": token_of(client.get("/admin").text), "event": event_number, "tlr_sid": click}
    answer = client.post("/admin/test/conversion", data=fields)
    assert answer.status_code == 400
    found = BeautifulSoup(answer.text, "html.parser")
    field = found.select_one("#field-tlr_sid")
    assert "That click ID isn’t valid" in found.select_one("#problem-tlr_sid").text
    assert (field["value"], field["aria-invalid"], field.has_attr("autofocus")) == (click, "true", True)


def test_what_was_typed_for_a_conversion_that_cannot_be_stays(make_app, sqlite_url):
    client = signed_in_client(make_app(sqlite_url), "it_admin")
    fields = {"csrf_token": token_of(client.get("/admin").text), "event": "3", "tlr_sid": "<b>a typing error"}
    found = BeautifulSoup(client.post("/admin/test/conversion", data=fields).text, "html.parser")
    assert found.select_one("#field-tlr_sid")["value"] == "<b>a typing error"
    assert found.select_one("#field-event option[selected]").text == "3"


@pytest.mark.parametrize(("name", "fields"), [("application", {}), ("app-client", {}), ("remove", {})])
def test_what_came_of_a_test_stands_beside_it_and_the_address_leads_there(make_app, sqlite_url, name, fields):
    settings = {"talroo_api_url": "http://127.0.0.1:1", **APP_CLIENT}
    client = signed_in_client(make_app(sqlite_url, talroo_webhook_secrets=(), **settings), "it_admin")
    answer = client.post(f"/admin/test/{name}", data={"csrf_token": token_of(client.get("/admin").text), **fields})
    of = {"remove": "application"}.get(name, name)
    assert answer.location == f"/admin#test-{of}"
    (told,) = page_of(client, answer.location).select("main .flash")
    assert (told["id"], told["tabindex"]) == (f"test-{of}", "-1")
    assert "Test the connections" in told.find_parent("section").h2.text


def test_the_words_of_every_hint_are_those_that_calls_use():
    told = {rehearsal._why(words) for words in ("host name not found", "TLS failed", "answered 503", "answered 401")}
    assert all(". " in words for words in told)
