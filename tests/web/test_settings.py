"""`/me`: what everybody sets for themselves."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from bs4 import BeautifulSoup
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from dashboard.clock import utcnow
from dashboard.extensions import db
from dashboard.models import Outbound, User
from dashboard.models.outbound import Channel, State
from dashboard.services import mornings
from tests.application import signed_in_client
from tests.following_up import MAIL, token_of, words

BOTH = {"single_keys": "yes", "morning_mail": "yes"}


@pytest.fixture
def app(make_app: Callable[..., Flask], database_url: str) -> Flask:
    return make_app(database_url, **MAIL)


def page(client: FlaskClient) -> BeautifulSoup:
    answer = client.get("/me")
    assert answer.status_code == 200
    return BeautifulSoup(answer.text, "html.parser")


def save(client: FlaskClient, **fields: str) -> str:
    """What the page says after the form was sent with these boxes ticked."""
    token = token_of(client.get("/me").text)
    return words(client.post("/me", data={"csrf_token": token, **fields}, follow_redirects=True).text)


def in_zone(client: FlaskClient, name: str) -> FlaskClient:
    client.set_cookie("tz", name)
    return client


def ticked(found: BeautifulSoup) -> list[str]:
    return [str(box["name"]) for box in found.select("input[type=checkbox][checked]")]


def only_user(app: Flask) -> User:
    with app.app_context():
        return db.session.scalars(select(User)).one()


def test_single_keys_are_on_until_somebody_turns_them_off_for_themselves(sign_in: Callable[[str], FlaskClient]):
    rita, admin = sign_in("recruiter"), sign_in("hr_admin")
    assert page(rita).body["data-keys"] == "on"
    assert "Settings saved." in save(rita)
    assert page(rita).body["data-keys"] == "off"
    assert BeautifulSoup(rita.get("/applications").text, "html.parser").body["data-keys"] == "off"
    assert page(admin).body["data-keys"] == "on"
    save(rita, single_keys="yes")
    assert page(rita).body["data-keys"] == "on"


def test_the_name_at_the_top_leads_here(sign_in: Callable[[str], FlaskClient]):
    for role in ("recruiter", "it_admin"):
        link = page(sign_in(role)).select_one("header a[href='/me']")
        assert link is not None
        assert "Your settings" in link.text


def test_the_morning_mail_comes_at_six_where_the_browser_is(app: Flask, sign_in: Callable[[str], FlaskClient]):
    client = in_zone(sign_in("recruiter"), "America/Chicago")
    assert "Sent at 6:00 AM in America/Chicago" in words(client.get("/me").text)
    told = save(client, **BOTH)
    user = only_user(app)
    assert user.time_zone == "America/Chicago"
    assert user.morning_at is not None
    assert timedelta() < user.morning_at - utcnow() <= timedelta(hours=26)
    assert f"To {user.email} At 6:00 AM in America/Chicago Next " in told
    assert "6:00 AM C" in told
    assert "Last None yet" in told
    assert ticked(page(client)) == ["single_keys", "morning_mail"]
    save(client, single_keys="yes")
    assert only_user(app).morning_at is None


def test_a_browser_elsewhere_is_told_before_the_mail_moves_there(app: Flask, sign_in: Callable[[str], FlaskClient]):
    client = in_zone(sign_in("recruiter"), "America/New_York")
    save(client, **BOTH)
    in_zone(client, "Pacific/Honolulu")
    told = "This browser is in Pacific/Honolulu. When you save, the email changes to 6:00 AM there."
    assert told in words(client.get("/me").text)
    client.delete_cookie("tz")
    save(client, **BOTH)
    assert only_user(app).time_zone == "America/New_York"
    save(in_zone(client, "../../etc/passwd"), **BOTH)
    assert only_user(app).time_zone == "UTC"


def test_whoever_may_not_see_applications_is_offered_no_mail_and_cannot_ask_for_it(
    app: Flask, sign_in: Callable[[str], FlaskClient]
):
    client = sign_in("it_admin")
    assert "Morning email" not in client.get("/me").text
    save(client, **BOTH)
    assert only_user(app).morning_at is None


def test_without_a_mail_server_the_page_says_who_can_help(make_app: Callable[..., Flask], sqlite_url: str):
    client = signed_in_client(make_app(sqlite_url), "recruiter")
    told = save(client, **BOTH)
    assert "No email can be sent: MAIL_URL and MAIL_FROM are not set. Ask whoever runs this dashboard." in told
    assert "in UTC Last None yet" in told


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"state": State.SENT, "sent_at": "now"}, "Last today "),
        ({"state": State.CANCELLED, "last_answer": mornings.NOTHING_WORDS}, "Not sent on Nov 22, 2026: There was"),
        ({"state": State.PARKED, "last_answer": "5.7.1 no"}, "did not accept the one for Nov 22, 2026: 5.7.1 no"),
        ({"state": State.WAITING, "failures": 1, "last_answer": "full"}, "(full). The dashboard tries again until"),
        ({"state": State.SENDING}, "The one for Nov 22, 2026 is on its way."),
    ],
)
def test_what_became_of_the_last_one_is_told(
    make_app: Callable[..., Flask], sqlite_url: str, fields: dict[str, Any], told: str
):
    app = make_app(sqlite_url, **MAIL)
    client = signed_in_client(app, "recruiter")
    save(client, **BOTH)
    if "sent_at" in fields:  # not when the tests were gathered, which may have been yesterday
        fields = fields | {"sent_at": utcnow()}
    add_mail(app, only_user(app).id, **fields)
    assert told in words(client.get("/me").text)


def test_mails_that_stopped_are_counted_for_administrators_who_can_have_them_tried_again(
    app: Flask, sign_in: Callable[[str], FlaskClient]
):
    client = sign_in("it_admin")
    add_mail(app, only_user(app).id, state=State.PARKED)
    found = BeautifulSoup(client.get("/admin").text, "html.parser")
    assert words(str(found.select_one("nav .badge"))) == "1 need attention"
    (form,) = found.select("table form")
    token = form.select_one("[name=csrf_token]")["value"]
    answer = client.post(form["action"], data={"csrf_token": token}, follow_redirects=True)
    assert "1 morning email will be tried again. Those of an earlier day are canceled." in words(answer.text)
    with app.app_context():
        assert db.session.scalars(select(Outbound.state)).all() == [State.WAITING]


def add_mail(app: Flask, user_id: int, **fields: Any) -> None:
    known = {"channel": Channel.MORNING, "business_key": "one", "event": "2026-11-22", "created_by_id": user_id}
    with app.app_context():
        now = utcnow()
        db.session.add(Outbound(event_time=now, created_at=now, due_at=now, **known, **fields))
        db.session.commit()


def test_alerts_are_mailed_to_those_who_run_the_dashboard_until_they_want_none(sign_in: Callable[[str], FlaskClient]):
    admin = sign_in("it_admin")
    assert "alert_mail" in ticked(page(admin))
    save(admin, single_keys="yes")
    assert "alert_mail" not in ticked(page(admin))
    save(admin, single_keys="yes", alert_mail="yes")
    assert "alert_mail" in ticked(page(admin))


def test_a_recruiter_is_not_asked_about_alerts_and_changes_nothing_by_saving(
    app: Flask, sign_in: Callable[[str], FlaskClient]
):
    rita = sign_in("recruiter")
    assert page(rita).select("[name=alert_mail]") == []
    save(rita)
    assert only_user(app).alert_mail


def test_a_form_changes_nothing_but_its_own_fields(app: Flask, sign_in: Callable[[str], FlaskClient]):
    client = sign_in("recruiter")
    before = only_user(app)
    save(client, **BOTH, role="hr_admin", email="eve@example.com", is_limited="", password_hash="x", active="", id="1")
    after = only_user(app)
    for name in ("role", "email", "is_limited", "password_hash", "active", "id", "public_id", "totp_secret"):
        assert getattr(after, name) == getattr(before, name), name
    assert client.get("/admin/users").status_code == 403
