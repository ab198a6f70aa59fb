"""`/admin/users`: inviting people, what they may do, and ending it; and the links by which they enter."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from bs4 import BeautifulSoup
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, update
from werkzeug.test import TestResponse

from dashboard.clock import utcnow
from dashboard.extensions import db
from dashboard.models import AccessLink, AuditEntry, LoginSession, Outbound, Purpose, Role, User
from dashboard.models.outbound import Channel, State
from dashboard.models.user import NO_PASSWORD
from dashboard.services import access_links, accounts, users
from dashboard.services.activity import By
from tests.application import PASSWORD, signed_in_client
from tests.factories import event
from tests.following_up import MAIL, token_of, words

NEW = "a new long password"
EMAIL = "ivy@example.com"


def post(client: FlaskClient, path: str, page: str = "/me", **fields: str) -> TestResponse:
    return client.post(path, data={"csrf_token": token_of(client.get(page).text), **fields})


def invite(client: FlaskClient, email: str = EMAIL, role: str = "recruiter") -> str:
    """Invite somebody; the path of the link that the next page shows."""
    answer = post(client, "/admin/users", email=email, role=role)
    assert answer.status_code == 302, words(answer.text)
    return shown_link(client.get(answer.location).text)


def shown_link(page: str) -> str:
    (link,) = [code.text for code in BeautifulSoup(page, "html.parser").select("#link")]
    return link.removeprefix("http://127.0.0.1:8000")


def user_of(app: Flask, email: str = EMAIL) -> User:
    with app.app_context():
        return db.session.scalars(select(User).where(User.email == email)).one()


def path_of(app: Flask, email: str = EMAIL) -> str:
    return f"/admin/users/{user_of(app, email).public_id}"


def choose(client: FlaskClient, link: str, password: str = NEW, again: str | None = None) -> TestResponse:
    typed = {"password": password, "again": password if again is None else again}
    return post(client, link, page="/login", **typed)


def log_in(client: FlaskClient, email: str, password: str) -> TestResponse:
    return post(client, "/login", page="/login", email=email, password=password)


def noted(app: Flask) -> list[str]:
    with app.app_context():
        return list(db.session.scalars(select(AuditEntry.action).order_by(AuditEntry.number)))


# --- invitations --------------------------------------------------------------------------------------------------


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
        ({"email": "nobody", "role": "recruiter"}, "'nobody' is not an e-mail address."),
        ({"email": "a@b.example\r\nBcc: x@y.example", "role": "recruiter"}, "is not an e-mail address."),
        ({"email": EMAIL, "role": "root"}, "The role must be one of recruiter, hr_admin, it_admin."),
        ({"email": "HR-admin@example.com", "role": "recruiter"}, "There is a user hr-admin@example.com already."),
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
    assert "is invited and sees nothing so far" in choosing
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
        (NEW, NEW + "x", "The two are not the same."),
        ("", "", "The password must have"),
        ("1q2w3e4r5t", "1q2w3e4r5t", "stolen elsewhere"),
        (f"{EMAIL}1", f"{EMAIL}1", "made of your address"),
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
        assert "This link does not work" in answer.text
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


def waiting(app: Flask) -> list[tuple[str, str]]:
    with app.app_context():
        rows = db.session.scalars(select(Outbound).where(Outbound.channel == Channel.ACCESS).order_by(Outbound.id))
        return [(row.state, row.event) for row in rows]


def links_of(app: Flask) -> list[str]:
    with app.app_context():
        return list(db.session.scalars(select(AccessLink.public_id).order_by(AccessLink.id)))


def test_where_mail_can_be_sent_the_link_is_queued_and_a_new_one_takes_its_place(make_app: Any, database_url: str):
    app = make_app(database_url, **MAIL)
    admin = signed_in_client(app, "hr_admin")
    invite(admin)
    page = words(admin.get(path_of(app)).text)
    assert "Mail On its way" in page
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
    assert "Mail Not sent by mail" in words(admin.get(path_of(app)).text)


# --- forgotten passwords ------------------------------------------------------------------------------------------


@pytest.fixture
def mailing(make_app: Any, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Flask:
    monkeypatch.setattr("dashboard.web.access.ANSWERS_AFTER", 0.0)
    app = make_app(database_url, **MAIL)
    signed_in_client(app, "recruiter")
    return app


def ask(app: Flask, email: str, address: str = "198.51.100.7") -> TestResponse:
    client = app.test_client()
    client.environ_base = {**client.environ_base, "REMOTE_ADDR": address}
    return post(client, "/forgot", page="/login", email=email)


def test_whoever_forgot_their_password_gets_a_link_and_nobody_learns_who_is_known(mailing: Flask):
    known, unknown = ask(mailing, "Recruiter@example.com"), ask(mailing, "nobody@example.com")
    assert known.status_code == unknown.status_code == 200
    assert words(known.text).replace("recruiter@", "nobody@") == words(unknown.text)
    assert waiting(mailing) == [(State.WAITING, *links_of(mailing))]
    assert noted(mailing) == ["access_link_made"]


def test_asking_again_at_once_sends_nothing_and_asking_too_often_must_wait(mailing: Flask):
    for _ in range(10):
        assert ask(mailing, "recruiter@example.com").status_code == 200
    assert len(waiting(mailing)) == 1
    again = ask(mailing, "recruiter@example.com")
    assert (again.status_code, int(again.headers["Retry-After"]) > 0) == (429, True)
    assert log_in(mailing.test_client(), "recruiter@example.com", PASSWORD).status_code == 302


@pytest.mark.parametrize(
    "change",
    [{"active": False}, {"password_hash": NO_PASSWORD, "oidc_issuer": "https://id.example", "oidc_subject": "1"}],
)
def test_whoever_does_not_sign_in_by_a_password_is_not_written_to(mailing: Flask, change: dict[str, Any]):
    with mailing.app_context():
        db.session.execute(update(User).values(**change))
        db.session.commit()
    assert ask(mailing, "recruiter@example.com").status_code == 200
    assert waiting(mailing) == []


def test_a_stranger_who_asks_does_not_make_an_invitation_worthless(mailing: Flask):
    link = invite(signed_in_client(mailing, "hr_admin"))
    assert ask(mailing, EMAIL).status_code == 200
    assert choose(mailing.test_client(), link).status_code == 302


def test_answers_take_the_same_time_whether_or_not_the_address_is_known(
    make_app: Any, sqlite_url: str, monkeypatch: pytest.MonkeyPatch
):
    app = make_app(sqlite_url, **MAIL)
    signed_in_client(app, "recruiter")
    slept: list[float] = []
    moments = iter([0.0, 0.1, 10.0, 10.3])
    monkeypatch.setattr("dashboard.web.access.monotonic", lambda: next(moments))
    monkeypatch.setattr("dashboard.web.access.sleep", slept.append)
    ask(app, "nobody@example.com")
    ask(app, "recruiter@example.com")
    assert slept == pytest.approx([0.4, 0.2])


def test_without_a_mail_server_one_is_told_whom_to_ask(client: FlaskClient):
    assert "Ask an administrator" in client.get("/forgot").text
    assert post(client, "/forgot", page="/login", email=EMAIL).status_code == 400


# --- what is told of it ---------------------------------------------------------------------------------------------


def test_whoever_comes_back_is_told_what_an_administrator_did_to_their_way_in(app: Flask, sign_in: Any):
    """Where no mail can be sent, nobody else tells them."""
    admin = sign_in("hr_admin")
    sign_in("recruiter")
    theirs = "recruiter@example.com"
    log_in(app.test_client(), theirs, PASSWORD)
    with app.app_context():
        db.session.execute(update(User).where(User.role == "recruiter").values(totp_since=utcnow()))
        db.session.commit()
    path = path_of(app, theirs)
    page = follow(post(admin, f"{path}/link"), admin)
    assert "No mail server is set, so nobody has told them: pass it on yourself." in page
    assert "Not sent by mail: nobody told them" in page
    reset = follow(post(admin, f"{path}/second-factor/reset"), admin)
    assert "Nobody told them, because no mail can be sent: tell them." in reset
    client = app.test_client()
    told = follow(log_in(client, theirs, PASSWORD), client)
    made = "hr-admin@example.com made a link by which a password for your account can be chosen."
    assert f"Since you last signed in, {made}" in told
    assert "hr-admin@example.com reset your second factor." in told
    kept = words(client.get("/me").text)
    assert made in kept
    client = app.test_client()
    assert "Since you last signed in" not in follow(log_in(client, theirs, PASSWORD), client)


def test_whoever_uses_somebodys_link_does_not_take_that_news_from_them(app: Flask, sign_in: Any):
    admin = sign_in("hr_admin")
    sign_in("recruiter")
    post(admin, f"{path_of(app, 'recruiter@example.com')}/link")
    link = shown_link(admin.get(path_of(app, "recruiter@example.com")).text)
    thief = app.test_client()
    assert "Since you last" not in follow(choose(thief, link), thief)
    client = app.test_client()
    told = follow(log_in(client, "recruiter@example.com", NEW), client)
    assert "Since you last signed in, hr-admin@example.com made a link" in told


def test_nobody_is_told_of_their_invitation_or_of_what_they_asked_for(mailing: Flask, sign_in: Any):
    admin = signed_in_client(mailing, "hr_admin")
    link = invite(admin)
    choose(mailing.test_client(), link)
    ask(mailing, EMAIL)
    client = mailing.test_client()
    assert "Since you last" not in follow(log_in(client, EMAIL, NEW), client)
    assert "Was that not agreed" not in client.get("/me").text


@pytest.mark.parametrize("ends", ["sessions/end", "deactivate", "role"])
def test_whose_session_was_ended_reads_why_where_they_sign_in(app: Flask, sign_in: Any, ends: str):
    admin, theirs = sign_in("hr_admin"), sign_in("recruiter")
    assert "Your session was ended" not in app.test_client().get("/login").text
    post(admin, f"{path_of(app, 'recruiter@example.com')}/{ends}", role="it_admin")
    asked = theirs.get("/applications")
    assert asked.status_code == 302
    page = follow(asked, theirs)
    assert "Your session was ended: from another browser of yours, by a new password, or by an administrator." in page
    assert "recruiter@example.com" not in page
    assert "deactivated" not in page


def test_whoever_signed_out_themselves_reads_nothing_of_the_kind(sign_in: Any):
    client = sign_in("recruiter")
    assert "Your session was ended" not in follow(post(client, "/logout"), client)


# --- roles and access ---------------------------------------------------------------------------------------------


def test_a_user_who_gets_another_role_or_is_deactivated_is_out_at_once(app: Flask, sign_in: Any):
    admin, recruiter = sign_in("hr_admin"), sign_in("recruiter")
    path = path_of(app, "recruiter@example.com")
    assert "has another role" in follow(post(admin, f"{path}/role", role="it_admin"), admin)
    assert recruiter.get("/applications").status_code == 302
    recruiter = sign_in("recruiter")
    assert recruiter.get("/applications").status_code == 403
    told = follow(post(admin, f"{path}/deactivate"), admin)
    assert "is deactivated" in told
    assert "They cannot sign in. Reactivated, they can again, with the password and the role they had." in words(told)
    assert recruiter.get("/me").status_code == 302
    assert log_in(app.test_client(), "recruiter@example.com", PASSWORD).status_code == 401
    assert "may sign in again" in follow(post(admin, f"{path}/reactivate"), admin)
    assert recruiter.get("/me").status_code == 302
    assert log_in(app.test_client(), "recruiter@example.com", PASSWORD).status_code == 302
    told = [action for action in noted(app) if not action.startswith("sign")]
    assert told == ["role_changed", "session_revoked", "user_deactivated", "session_revoked", "user_reactivated"]


def follow(answer: TestResponse, client: FlaskClient) -> str:
    assert answer.status_code == 302
    return words(client.get(answer.location).text)


def boxes(page: str) -> dict[str, str]:
    """What is asked before something is done: by the last word of its address, what will happen."""
    found = BeautifulSoup(page, "html.parser").select("main details.confirm > form[method=post]")
    return {str(one["action"]).rpartition("/")[2]: words(str(one)) for one in found}


def test_what_takes_something_from_somebody_says_so_first_and_is_pressed_twice(app: Flask, sign_in: Any):
    admin = sign_in("hr_admin")
    sign_in("recruiter")
    with app.app_context():
        db.session.execute(update(User).where(User.role == "recruiter").values(totp_since=utcnow()))
        db.session.commit()
    path = path_of(app, "recruiter@example.com")
    post(admin, f"{path}/link")
    asked = boxes(admin.get(path).text)
    assert set(asked) == {"link", "role", "reset", "deactivate"}
    assert "The earlier link stops working" in asked["link"]
    assert "they are signed out everywhere (1 browser now)" in asked["role"]
    assert "HR administrator: all applications" in asked["role"]
    assert "Their password alone lets them in then" in asked["reset"]
    assert "can sign in no more. Their link stops working." in asked["deactivate"]
    bare = BeautifulSoup(admin.get(path).text, "html.parser").select("main form:not(.confirm-box)")
    assert [str(one["action"]).removeprefix(path) for one in bare] == ["/sessions/end"]


def test_a_first_link_takes_nothing_away_and_does_not_say_so(app: Flask, sign_in: Any):
    sign_in("recruiter")
    asked = boxes(sign_in("hr_admin").get(path_of(app, "recruiter@example.com")).text)
    assert "earlier link" not in asked["link"]
    assert "Nobody else tells them" in asked["link"]


def test_nobody_changes_their_own_role_or_deactivates_themselves(app: Flask, sign_in: Any):
    admin = sign_in("hr_admin")
    sign_in("it_admin")
    path = path_of(app, "hr-admin@example.com")
    assert "cannot change your own role" in follow(post(admin, f"{path}/role", role="recruiter"), admin)
    assert "cannot deactivate yourself" in follow(post(admin, f"{path}/deactivate"), admin)
    assert "Change role" not in admin.get(path).text
    assert user_of(app, "hr-admin@example.com").role == "hr_admin"


def test_nobody_makes_a_link_for_themselves_since_that_would_ask_for_no_password(app: Flask, sign_in: Any):
    admin = sign_in("it_admin")
    path = path_of(app, "it-admin@example.com")
    assert "Change your own password in “Your settings”." in follow(post(admin, f"{path}/link"), admin)
    assert f"{path}/link" not in admin.get(path).text
    assert links_of(app) == []


@pytest.mark.parametrize("verb", ["deactivate", "role"])
def test_the_last_hr_administrator_stays_while_another_has_only_been_invited(app: Flask, sign_in: Any, verb: str):
    admin, it = sign_in("hr_admin"), sign_in("it_admin")
    link = invite(admin, EMAIL, "hr_admin")
    path = path_of(app, "hr-admin@example.com")
    assert "is the last HR administrator who can sign in" in follow(post(it, f"{path}/{verb}", role="it_admin"), it)
    assert user_of(app, "hr-admin@example.com").role == "hr_admin"
    choose(app.test_client(), link)
    post(it, f"{path}/{verb}", role="it_admin")
    changed = user_of(app, "hr-admin@example.com")
    assert not changed.active or changed.role == "it_admin"


def test_an_invitation_can_be_taken_back_even_if_it_is_for_the_only_hr_administrator(app: Flask, sign_in: Any):
    it = sign_in("it_admin")
    invite(it, EMAIL, "hr_admin")
    told = follow(post(it, f"{path_of(app)}/deactivate"), it)
    assert "is deactivated" in told
    assert "They cannot sign in. Reactivated, they can be invited anew." in words(told)


def test_a_user_can_be_signed_out_everywhere(app: Flask, sign_in: Any):
    admin, one, other = sign_in("hr_admin"), sign_in("recruiter"), sign_in("recruiter")
    path = path_of(app, "recruiter@example.com")
    assert "by password, from 127.0.0.1" in words(admin.get(path).text)
    post(admin, f"{path}/sessions/end")
    assert [client.get("/me").status_code for client in (one, other, admin)] == [302, 302, 200]


def test_the_list_says_how_everybody_stands(app: Flask, sign_in: Any):
    admin = sign_in("hr_admin")
    invite(admin)
    sign_in("recruiter")
    post(admin, f"{path_of(app, 'recruiter@example.com')}/deactivate")
    with app.app_context():
        db.session.execute(update(User).where(User.role == "hr_admin").values(totp_since=utcnow()))
        db.session.execute(update(User).where(User.email == "recruiter@example.com").values(is_limited=True))
        db.session.commit()
    page = BeautifulSoup(admin.get("/admin/users").text, "html.parser")
    rows = {row.select_one("bdi").text: (row["data-state"], words(str(row))) for row in page.select("tr[data-user]")}
    assert list(rows) == ["hr-admin@example.com", EMAIL, "recruiter@example.com"]
    assert [state for state, _ in rows.values()] == ["active", "invited", "deactivated"]
    assert (
        " You HR administrator Active Second factor: On Sees: All jobs Signed in: " in rows["hr-admin@example.com"][1]
    )
    assert "Sees: Some jobs" in rows["recruiter@example.com"][1]
    assert rows[EMAIL][1].endswith("Second factor: Off Sees: All jobs Signed in: Never")


def test_when_somebody_last_signed_in_is_known_after_their_session_is_forgotten(app: Flask, sign_in: Any):
    sign_in("recruiter")
    log_in(app.test_client(), "recruiter@example.com", PASSWORD)
    with app.app_context():
        db.session.query(LoginSession).delete()
        db.session.commit()
    page = words(sign_in("hr_admin").get(path_of(app, "recruiter@example.com")).text)
    assert "last signed in" in page


def test_what_a_verb_would_do_by_somebody_who_may_not_any_more_is_not_done(app: Flask, sign_in: Any):
    """They were let in before they were demoted, and their request comes after."""
    for role in ("hr_admin", "it_admin", "recruiter"):
        sign_in(role)
    former = user_of(app, "recruiter@example.com")
    with app.app_context(), pytest.raises(users.NotAllowed, match="may not manage users any more"):
        users.deactivate(db.session(), user_of(app, "it-admin@example.com").id, By(former.id, None, utcnow()))


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
    ("email", "password", "told"), [("none", NEW, "is not an e-mail address"), ("a@b.example", "short", "10 to 1,000")]
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
