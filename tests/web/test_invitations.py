"""The links by which people enter: invitations, in a mail too, and the first administrator's."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from bs4 import BeautifulSoup
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, update
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from dashboard.clock import utcnow
from dashboard.extensions import db
from dashboard.models import AccessLink, Outbound, Purpose, Role, User
from dashboard.models.outbound import State
from dashboard.models.user import NO_PASSWORD
from dashboard.services import access_links, accounts
from dashboard.services.activity import By
from tests.application import PASSWORD, signed_in_client
from tests.factories import event
from tests.following_up import MAIL, words
from tests.inviting import (
    EMAIL,
    NEW,
    choose,
    invite,
    links_of,
    log_in,
    noted,
    path_of,
    post,
    shown_link,
    user_of,
    waiting,
)


@pytest.mark.parametrize("role", ["hr_admin", "it_admin"])
def test_whoever_is_invited_chooses_a_password_by_the_link_and_is_in(app: Flask, sign_in: Any, role: str):
    link = invite(sign_in(role), " Ivy@Example.com ", "it_admin")
    assert user_of(app).password_hash == NO_PASSWORD
    theirs = app.test_client()
    page = theirs.get(link)
    assert "For ivy@example.com , IT administrator" in words(page.text)
    answer = choose(theirs, link)
    assert (answer.status_code, answer.location) == (302, "/admin/deliveries")
    assert theirs.get("/admin/deliveries").status_code == 200
    assert log_in(app.test_client(), EMAIL, NEW).status_code == 302
    assert noted(app)[:4] == ["user_added", "user_invited", "password_changed", "signed_in"]


def test_a_link_that_is_used_while_a_password_is_refused_is_over(
    app: Flask, sign_in: Any, monkeypatch: pytest.MonkeyPatch
):
    link = invite(sign_in("hr_admin"))

    def refuse_slowly(*_: str) -> str:
        with Session(db.engine) as beside:
            beside.execute(update(AccessLink).values(used_at=utcnow()))
            beside.commit()
        raise accounts.AccountError("Too short.")

    monkeypatch.setattr("dashboard.services.passwords.chosen", refuse_slowly)
    assert choose(app.test_client(), link).status_code == 410


def test_the_link_is_shown_once_and_opening_it_changes_nothing(app: Flask, sign_in: Any):
    admin = sign_in("hr_admin")
    link = invite(admin)
    assert "shown only now" not in admin.get(path_of(app)).text
    for _ in range(3):
        assert app.test_client().get(link).status_code == 200


def test_the_cookie_that_leads_to_the_shown_link_opens_nothing(app: Flask, sign_in: Any):
    admin = sign_in("hr_admin")
    post(admin, "/admin/users", email=EMAIL, role="recruiter")
    with admin.session_transaction() as cookie:
        kept = cookie["shown_link"]
    assert app.test_client().get(f"/access/{kept}").status_code == 404


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"email": "nobody", "role": "recruiter"}, "'nobody' is not an email address."),
        ({"email": "a@b.example\r\nBcc: x@y.example", "role": "recruiter"}, "is not an email address."),
        ({"email": EMAIL, "role": "root"}, "The role must be one of recruiter, hr_admin, it_admin."),
        ({"email": "HR-admin@example.com", "role": "recruiter"}, "hr-admin@example.com is already a user."),
    ],
)
def test_whoever_cannot_be_invited_is_named_and_what_was_typed_stays(
    app: Flask, sign_in: Any, fields: dict[str, str], told: str
):
    answer = post(sign_in("hr_admin"), "/admin/users", **fields)
    assert answer.status_code == 400
    assert told in words(answer.text)
    typed = BeautifulSoup(answer.text, "html.parser").select_one("#field-email")
    assert typed is not None
    assert typed["value"] == fields["email"]
    with app.app_context():
        assert len(db.session.scalars(select(User)).all()) == 1


def test_a_recruiter_invited_for_some_jobs_sees_nothing_before_these_are_chosen(app: Flask, sign_in: Any, deliver: Any):
    shown, other = (
        deliver(event(job={"originalJobReference": company, "company": company})).json["application"]
        for company in ("Harbor & Vale", "Oak & Iron")
    )
    admin = sign_in("it_admin")
    answer = post(admin, "/admin/users", email=EMAIL, role="recruiter", sees="some")
    assert answer.location == f"{path_of(app)}/scope"
    choosing = admin.get(answer.location).text
    assert "is invited. Choose which jobs they can see" in choosing
    assert BeautifulSoup(choosing, "html.parser").select_one("[name=limited][value=yes]").has_attr("checked")
    with app.app_context():
        link = db.session.scalars(select(AccessLink)).one()
        address = access_links.address(link, "", [app.config["SECRET_KEY"]])
    theirs = app.test_client()
    choose(theirs, address)
    assert [theirs.get(f"/applications/{one}").status_code for one in (shown, other)] == [404, 404]
    (term,) = [
        box["value"]
        for box in BeautifulSoup(choosing, "html.parser").select("[name=company]")
        if "Harbor" in box.parent.text
    ]
    saved = post(admin, f"{path_of(app)}/scope", do="save", limited="yes", company=term)
    assert saved.location == f"{path_of(app)}#scope"
    assert [theirs.get(f"/applications/{one}").status_code for one in (shown, other)] == [200, 404]


def test_the_link_of_whoever_is_limited_is_shown_once_their_jobs_are_chosen(app: Flask, sign_in: Any):
    admin = sign_in("hr_admin")
    scope = post(admin, "/admin/users", email=EMAIL, role="recruiter", sees="some").location
    admin.get(scope)
    saved = post(admin, scope, do="save", limited="yes")
    assert choose(app.test_client(), shown_link(admin.get(saved.location).text)).status_code == 302


def test_an_administrator_cannot_be_invited_for_some_jobs(app: Flask, sign_in: Any):
    answer = post(sign_in("hr_admin"), "/admin/users", email=EMAIL, role="hr_admin", sees="some")
    assert answer.status_code == 400
    page = BeautifulSoup(answer.text, "html.parser")
    assert "Only recruiters can be limited" in words(answer.text)
    chosen = [one["value"] for one in page.select("main option[selected]")]
    assert chosen == ["hr_admin", "some"]
    with app.app_context():
        assert db.session.scalars(select(User.email)).all() == ["hr-admin@example.com"]


@pytest.mark.parametrize(
    ("password", "again", "told"),
    [
        ("short", "short", "The password must have 10 to 1,000 characters."),
        (NEW, NEW + "x", "The passwords don’t match."),
        ("", "", "The password must have"),
        ("1q2w3e4r5t", "1q2w3e4r5t", "lists of stolen passwords"),
        (f"{EMAIL}1", f"{EMAIL}1", "too close to your email address"),
    ],
)
def test_a_password_that_cannot_be_one_leaves_the_link_open(
    app: Flask, sign_in: Any, password: str, again: str, told: str
):
    link = invite(sign_in("hr_admin"))
    answer = choose(app.test_client(), link, password, again)
    assert answer.status_code == 400
    assert told in words(answer.text)
    assert choose(app.test_client(), link).status_code == 302


def use(app: Flask, admin: FlaskClient, link: str) -> None:
    choose(app.test_client(), link)


def make_another(app: Flask, admin: FlaskClient, link: str) -> None:
    post(admin, f"{path_of(app)}/link")


def deactivate(app: Flask, admin: FlaskClient, link: str) -> None:
    post(admin, f"{path_of(app)}/deactivate")


def wait(app: Flask, admin: FlaskClient, link: str) -> None:
    with app.app_context():
        db.session.execute(update(AccessLink).values(expires_at=utcnow()))
        db.session.commit()


@pytest.mark.parametrize("happens", [use, make_another, deactivate, wait])
def test_a_link_that_is_over_opens_nothing_and_says_what_to_do(app: Flask, sign_in: Any, happens: Callable[..., None]):
    admin = sign_in("hr_admin")
    link = invite(admin)
    happens(app, admin, link)
    client = app.test_client()
    before = user_of(app).password_hash
    for answer in (client.get(link), choose(client, link, "another long password")):
        assert answer.status_code == 410
        assert "This link doesn’t work" in answer.text
        assert "ask the administrator who sent it for a new one" in words(answer.text)
    assert user_of(app).password_hash == before


def test_a_link_that_we_did_not_make_looks_the_same(app: Flask, sign_in: Any, make_app: Any):
    link = invite(sign_in("hr_admin"))
    over = app.test_client()
    with app.app_context():
        (row,) = db.session.scalars(select(AccessLink)).all()
        forged = access_links.address(row, "", ["another key of thirty-two bytes or more"])
    wait(app, over, link)
    told = words(over.get(link).text)
    for made_up in (forged, "/access/none", link + "x", link.replace("access", "setup"), f"/access/{row.public_id}"):
        answer = app.test_client().get(made_up)
        assert answer.status_code == 404, made_up
        assert words(answer.text) == told
        assert choose(app.test_client(), made_up).status_code == 404


def test_a_link_signed_with_a_retired_key_still_opens(make_app: Any, sqlite_url: str):
    old, new = ("an old key of thirty-two bytes or more", "a new key of thirty-two bytes or more!")
    link = invite(signed_in_client(make_app(sqlite_url, secret_key=old), "hr_admin"))
    app = make_app(sqlite_url, secret_key=new, secret_key_retired=(old,))
    assert choose(app.test_client(), link).status_code == 302


def test_whoever_has_a_second_factor_signs_in_with_both_after_choosing_a_password(app: Flask, sign_in: Any):
    link = invite(sign_in("hr_admin"))
    with app.app_context():
        db.session.execute(update(User).where(User.email == EMAIL).values(totp_since=utcnow()))
        db.session.commit()
    client = app.test_client()
    assert choose(client, link).location == "/login"
    assert client.get("/applications").status_code == 302


# --- mail ---------------------------------------------------------------------------------------------------------


def test_where_mail_can_be_sent_the_link_is_queued_and_a_new_one_takes_its_place(make_app: Any, database_url: str):
    app = make_app(database_url, **MAIL)
    admin = signed_in_client(app, "hr_admin")
    invite(admin)
    page = words(admin.get(path_of(app)).text)
    assert "Email On its way" in page
    post(admin, f"{path_of(app)}/link")
    first, second = links_of(app)
    assert waiting(app) == [(State.CANCELLED, first), (State.WAITING, second)]
    choose(app.test_client(), shown_link(admin.get(path_of(app)).text))
    notice = (State.WAITING, f"password:{user_of(app).public_id}")
    assert waiting(app) == [(State.CANCELLED, first), (State.CANCELLED, second), notice]


def test_an_administrator_who_uses_somebodys_link_cannot_keep_it_from_them(make_app: Any, database_url: str):
    app = make_app(database_url, **MAIL)
    signed_in_client(app, "hr_admin")
    admin = signed_in_client(app, "it_admin")
    theirs = path_of(app, "hr-admin@example.com")
    post(admin, f"{theirs}/link")
    choose(app.test_client(), shown_link(admin.get(theirs).text))
    post(admin, f"{theirs}/link")
    with app.app_context():
        told = select(Outbound).where(Outbound.event == f"password:{theirs.rpartition('/')[2]}")
        notice = db.session.scalars(told).one()
        assert notice.state == State.WAITING
        assert notice.created_by is not None
        assert notice.created_by.email == "it-admin@example.com"


def test_without_a_mail_server_nothing_is_queued_and_the_page_says_so(app: Flask, sign_in: Any):
    admin = sign_in("hr_admin")
    invite(admin)
    assert waiting(app) == []
    assert "Email Not sent by email" in words(admin.get(path_of(app)).text)


# --- the first administrator --------------------------------------------------------------------------------------


def setup_link(app: Flask) -> str:
    with app.app_context():
        session = db.session()
        link = access_links.set_up(session, By(None, None, utcnow()))
        session.commit()
        assert link is not None
        return access_links.address(link, "", [app.config["SECRET_KEY"]])


def begin(client: FlaskClient, link: str, email: str = "first@example.com", password: str = NEW) -> TestResponse:
    return post(client, link, page="/login", email=email, password=password, again=password)


def test_the_set_up_link_makes_the_first_hr_administrator_once(app: Flask, client: FlaskClient):
    link = setup_link(app)
    assert client.get(link).status_code == 200
    assert "Nobody can sign in yet" in words(client.get("/login").text)
    assert begin(client, link).location == "/applications"
    assert client.get("/admin/users").status_code == 200
    assert begin(app.test_client(), link, "second@example.com").status_code == 410
    with app.app_context():
        assert db.session.scalars(select(User.role)).all() == [Role.HR_ADMIN]
        assert access_links.set_up(db.session(), By(None, None, utcnow())) is None
    assert "Nobody can sign in yet" not in words(app.test_client().get("/login").text)


def test_a_set_up_link_is_worth_nothing_once_there_is_a_newer_one_or_a_user(app: Flask, client: FlaskClient):
    first, second = setup_link(app), setup_link(app)
    assert client.get(first).status_code == 410
    assert client.get(second).status_code == 200
    with app.app_context():
        accounts.add_user(db.session(), "ada@example.com", PASSWORD, "recruiter", now=utcnow())
        db.session.commit()
    assert begin(client, second).status_code == 410


@pytest.mark.parametrize(
    ("email", "password", "told"), [("none", NEW, "is not an email address"), ("a@b.example", "short", "10 to 1,000")]
)
def test_what_cannot_be_set_up_leaves_the_link_open(
    app: Flask, client: FlaskClient, email: str, password: str, told: str
):
    link = setup_link(app)
    answer = begin(client, link, email, password)
    assert (answer.status_code, told in words(answer.text)) == (400, True)
    assert begin(client, link).status_code == 302


def test_links_live_as_long_as_is_said(app: Flask):
    assert {purpose: access_links.LIVES[purpose] for purpose in Purpose} == {
        Purpose.SETUP: timedelta(days=7),
        Purpose.INVITATION: timedelta(days=7),
        Purpose.RESET: timedelta(hours=24),
    }
