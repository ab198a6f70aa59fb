"""How the connections stand, as those who run the dashboard see them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from bs4 import BeautifulSoup

from dashboard.clock import utcnow
from dashboard.documents import confinement
from dashboard.extensions import db
from dashboard.models import Outbound, SyncKind, SyncRun
from dashboard.models.outbound import Channel, State
from dashboard.services.heartbeat import beat
from dashboard.web.formatting import day
from tests.application import signed_in_client
from tests.factories import event
from tests.following_up import MAIL


@pytest.fixture
def app(make_app, database_url):
    return make_app(database_url, talroo_client_id="client", talroo_client_secret="secret")


def page(client):
    answer = client.get("/admin")
    assert answer.status_code == 200
    return BeautifulSoup(answer.text, "html.parser")


def card(found, name):
    return " ".join(found.select_one(f"section[aria-labelledby={name}-title]").get_text(" ").split())


def add(app, *rows):
    with app.app_context():
        db.session.add_all(rows)
        db.session.commit()


@pytest.mark.parametrize("role", ["hr_admin", "it_admin"])
def test_a_fresh_dashboard_says_what_it_waits_for(sign_in, role):
    found = page(sign_in(role))
    assert "Nothing yet" in card(found, "pushed")
    assert "Not running" in card(found, "machine")
    assert "Nothing imported from Talroo yet." in card(found, "incomplete")
    assert found.select_one("#posturl").text == (
        "<postUrl><![CDATA[http://127.0.0.1:8000/talroo/applications]]></postUrl>"
    )


@pytest.mark.parametrize(("means", "said"), [((3, True), False), ((2, True), True), ((7, False), True)])
def test_where_the_kernel_cannot_shut_readers_of_files_in_it_is_said(sign_in, monkeypatch, means, said):
    monkeypatch.setattr("dashboard.documents.confinement.available", lambda: confinement.Means(*means))
    words = card(page(sign_in("it_admin")), "machine")
    assert ("cannot fully isolate the process that opens applicants’ files" in words) is said


def test_the_last_arrival_and_what_waits_for_a_look_are_told(sign_in, deliver):
    deliver(event())
    deliver({"id": "odd", "type": "platform:Other:closed:v1", "data": {}})
    found = page(sign_in("it_admin"))
    assert "Last received today" in card(found, "pushed")
    assert "Needs review 1 to review" in card(found, "pushed")


def test_the_gap_is_told_of_completed_ones(app, sign_in):
    now = utcnow()
    told = {"trigger": "worker", "started_at": now, "finished_at": now, "since": now, "state": "done"}
    add(
        app,
        SyncRun(
            kind=SyncKind.COMPLETED, fetched=415, new=3, unchanged=412, pushed=412, only_pulled=3, newly_found=2, **told
        ),
        SyncRun(kind=SyncKind.INCOMPLETE, fetched=9, new=9, **told),
    )
    found = page(sign_in("it_admin"))
    assert "pushed 412, found only by the API 3, missing 0. New with this pull: 2." in card(found, "completed")
    assert f"counts the applications started since {day(now)}." in card(found, "completed")
    assert [one["data-pull"] for one in found.select("[data-pull]:has([data-gap])")] == ["completed"]
    assert "only by the API" not in card(found, "incomplete")
    assert "9 new" in card(found, "incomplete")


def test_what_waits_and_what_stopped_are_counted_by_channel(app, sign_in):
    now = utcnow()
    states = (State.WAITING, State.SENDING, State.PARKED, State.SENT, State.CANCELLED)
    add(
        app,
        *(
            Outbound(
                channel=Channel.CONVERSION,
                business_key=state,
                event="2",
                event_time=now,
                created_at=now,
                due_at=now,
                state=state,
            )
            for state in states
        ),
    )
    rows = page(sign_in("it_admin")).select("section[aria-labelledby=outbox-title] tbody tr")
    assert [" ".join(row.get_text(" ").split()) for row in rows] == [
        *("Conversions 2 1", "Dispositions 0 0", "Messages to applicants 0 0", "Morning emails 0 0"),
        *("Invitations and password reset links 0 0", "Alert emails 0 0"),
    ]


def test_the_mail_side_says_what_is_not_set(sign_in):
    told = card(page(sign_in("it_admin")), "mail")
    assert "Reminders can be written but not sent: MAIL_URL, MAIL_FROM and MAIL_POSTAL_ADDRESS are not set." in told
    assert "Server Not set Sender Not set Postal address Not set Apply address Each job needs its own" in told
    assert "Last reminder sent None yet" in told


def test_the_mail_side_says_what_is_set_and_when_the_last_mail_left(make_app, database_url):
    app = make_app(database_url, **MAIL, apply_url="https://jobs.example.com/{job_reference}")
    sent_at = datetime(2026, 3, 4, 5, 6, tzinfo=UTC)
    facts = {"event": "1", "event_time": sent_at, "created_at": sent_at, "due_at": sent_at}
    add(
        app,
        Outbound(channel=Channel.REMINDER, business_key="a", state=State.SENT, sent_at=sent_at, **facts),
        Outbound(channel=Channel.REMINDER, business_key="b", state=State.WAITING, **facts),
        Outbound(channel=Channel.CONVERSION, business_key="c", state=State.SENT, sent_at=utcnow(), **facts),
    )
    told = card(page(signed_in_client(app, "it_admin")), "mail")
    assert "not set" not in told
    assert "Server Set Sender Harbor & Vale <jobs@example.com> Postal address Harbor & Vale, 1 Pier Road" in told
    assert "Apply address https://jobs.example.com/{job_reference}" in told
    assert "Last reminder sent Wed, Mar 4, 2026, 5:06 AM UTC" in told


def test_a_worker_is_alive_until_it_was_silent_for_half_a_minute(app, sign_in):
    client = sign_in("it_admin")
    for age, told in ((5, "Running"), (31, "Not running")):
        with app.app_context():
            beat(lambda: db.session(), "the worker", now=utcnow() - timedelta(seconds=age))
        assert told in card(page(client), "machine")


def test_a_file_store_that_does_not_answer_is_named_by_its_problem(app, sign_in, monkeypatch):
    client = sign_in("it_admin")
    assert "File store Works" in card(page(client), "machine")

    def refuse():
        raise PermissionError("/secret/path")

    monkeypatch.setattr(app.extensions["file_store"], "check", refuse, raising=True)
    told = card(page(client), "machine")
    assert "Not responding: PermissionError" in told
    assert "/secret/path" not in told


def test_what_is_not_configured_is_said(make_app, sqlite_url):
    client = signed_in_client(make_app(sqlite_url, talroo_webhook_secrets=()), "it_admin")
    found = page(client)
    assert "Not set: deliveries are refused" in card(found, "pushed")
    assert "no App Client is set" in card(found, "pulls")


def test_a_recruiter_has_no_such_page_and_no_way_to_it(sign_in):
    client = sign_in("recruiter")
    assert client.get("/admin").status_code == 403
    assert 'href="/admin"' not in client.get("/applications").text
    assert 'href="/admin"' in sign_in("it_admin").get("/admin/deliveries").text
