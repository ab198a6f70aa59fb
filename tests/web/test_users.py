"""`/admin/users`: what people may do, ending it, and what they are told of it."""

from __future__ import annotations

from typing import Any

import pytest
from bs4 import BeautifulSoup
from flask import Flask
from sqlalchemy import select, update

from dashboard.clock import utcnow
from dashboard.extensions import db
from dashboard.models import LoginSession, Outbound, User
from dashboard.services import accounts, users
from dashboard.services.activity import By
from tests.application import PASSWORD, signed_in_client
from tests.following_up import MAIL, words
from tests.inviting import (
    EMAIL,
    NEW,
    choose,
    follow,
    invite,
    links_of,
    log_in,
    noted,
    path_of,
    post,
    shown_link,
    user_of,
)


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
    assert "No email server is set, so pass it on yourself." in page
    assert "Not sent by email. Pass it on yourself" in page
    reset = follow(post(admin, f"{path}/second-factor/reset"), admin)
    assert "No email can be sent, so tell them yourself." in reset
    client = app.test_client()
    told = follow(log_in(client, theirs, PASSWORD), client)
    made = "hr-admin@example.com created a password reset link for your account."
    assert f"Since you last signed in, {made}" in told
    assert "hr-admin@example.com reset your two-step verification." in told
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
    assert "Since you last signed in, hr-admin@example.com created a password" in told


AWAY_AND_BACK = ("deactivate", "reactivate")
LETS_IN = {
    "invite": ("hr_admin", lambda admin, path: post(admin, "/admin/users", email="ivy@example.com", role="hr_admin")),
    "role": ("it_admin", lambda admin, path: post(admin, f"{path}/role", role="recruiter")),
    "reactivate": ("recruiter", lambda admin, path: [post(admin, f"{path}/{do}") for do in AWAY_AND_BACK]),
}


@pytest.mark.parametrize("way", LETS_IN)
@pytest.mark.parametrize("by_whom", ["it_admin", "hr_admin"])
def test_hr_reads_at_the_next_sign_in_whom_it_let_see_applicants(app: Flask, sign_in: Any, way: str, by_whom: str):
    role, lets_in = LETS_IN[way]
    sign_in("hr_admin")
    log_in(app.test_client(), "hr-admin@example.com", PASSWORD)
    if way != "invite":
        with app.app_context():
            accounts.add_user(db.session(), "ivy@example.com", PASSWORD, role, now=utcnow())
            db.session.commit()
    lets_in(sign_in(by_whom), path_of(app, "ivy@example.com") if way != "invite" else "")
    news = "it-admin@example.com gave ivy@example.com a role that sees applicants, which their own does not."
    for told in (by_whom == "it_admin", False):
        client = app.test_client()
        assert (news in follow(log_in(client, "hr-admin@example.com", PASSWORD), client)) is told
    client = app.test_client()
    sign_in("recruiter")
    assert news not in follow(log_in(client, "recruiter@example.com", PASSWORD), client)


def test_where_mail_can_be_sent_hr_is_written_to_at_once(make_app: Any, database_url: str):
    app = make_app(database_url, **MAIL)
    signed_in_client(app, "hr_admin")
    admin = signed_in_client(app, "it_admin")
    post(admin, "/admin/users", email="ivy@example.com", role="recruiter")
    ivy, hr = (path_of(app, f"{name}@example.com").rpartition("/")[2] for name in ("ivy", "hr-admin"))
    for do in AWAY_AND_BACK:
        post(admin, f"/admin/users/{ivy}/{do}")
    post(admin, f"/admin/users/{ivy}/role", role="hr_admin")
    with app.app_context():
        told = select(Outbound.event).where(Outbound.business_key.startswith("notice:"))
        assert db.session.scalars(told).all() == [f"let_in:{hr}:{ivy}"] * 3


@pytest.mark.parametrize("ends", ["sessions/end", "deactivate", "role"])
def test_whose_session_was_ended_reads_why_where_they_sign_in(app: Flask, sign_in: Any, ends: str):
    admin, theirs = sign_in("hr_admin"), sign_in("recruiter")
    assert "You were signed out:" not in app.test_client().get("/login").text
    post(admin, f"{path_of(app, 'recruiter@example.com')}/{ends}", role="it_admin")
    asked = theirs.get("/applications")
    assert asked.status_code == 302
    page = follow(asked, theirs)
    assert (
        "You were signed out: from another of your browsers, because your password changed, or by an administrator."
        in page
    )
    assert "recruiter@example.com" not in page
    assert "deactivated" not in page


def test_whoever_signed_out_themselves_reads_nothing_of_the_kind(sign_in: Any):
    client = sign_in("recruiter")
    assert "You were signed out:" not in follow(post(client, "/logout"), client)


# --- roles and access ---------------------------------------------------------------------------------------------


def test_a_user_who_gets_another_role_or_is_deactivated_is_out_at_once(app: Flask, sign_in: Any):
    admin, recruiter = sign_in("hr_admin"), sign_in("recruiter")
    path = path_of(app, "recruiter@example.com")
    told = words(follow(post(admin, f"{path}/role", role="it_admin"), admin))
    assert "recruiter@example.com now has the role IT administrator. They are signed out everywhere." in told
    assert recruiter.get("/applications").status_code == 302
    recruiter = sign_in("recruiter")
    assert recruiter.get("/applications").status_code == 403
    told = follow(post(admin, f"{path}/deactivate"), admin)
    assert "is deactivated" in told
    assert "They can’t sign in. If you reactivate them, they can sign in with the password and role they had." in words(
        told
    )
    assert recruiter.get("/me").status_code == 302
    assert log_in(app.test_client(), "recruiter@example.com", PASSWORD).status_code == 401
    assert "can sign in again" in follow(post(admin, f"{path}/reactivate"), admin)
    assert recruiter.get("/me").status_code == 302
    assert log_in(app.test_client(), "recruiter@example.com", PASSWORD).status_code == 302
    told = [action for action in noted(app) if not action.startswith("sign")]
    assert told == ["role_changed", "session_revoked", "user_deactivated", "session_revoked", "user_reactivated"]


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
    assert "They can then sign in with their password alone" in asked["reset"]
    assert "can no longer sign in. Their link stops working." in asked["deactivate"]
    bare = BeautifulSoup(admin.get(path).text, "html.parser").select("main form:not(.confirm-box)")
    assert [str(one["action"]).removeprefix(path) for one in bare] == ["/sessions/end"]


def test_whoever_was_invited_and_never_came_is_not_said_to_be_signed_out(app: Flask, sign_in: Any):
    admin = sign_in("hr_admin")
    invite(admin)
    path = path_of(app)
    asked = boxes(admin.get(path).text)
    assert not any("signed out" in told or "sign them out" in told for told in asked.values())
    assert "They will have the new role when they do, and their link still works." in asked["role"]
    assert "their link stops working" in asked["deactivate"]
    told = words(follow(post(admin, f"{path}/role", role="it_admin"), admin))
    assert f"{EMAIL} now has the role IT administrator. They will have it when they first sign in." in told
    told = words(follow(post(admin, f"{path}/deactivate"), admin))
    assert f"{EMAIL} is deactivated. Their link no longer works." in told


def test_a_first_link_takes_nothing_away_and_does_not_say_so(app: Flask, sign_in: Any):
    sign_in("recruiter")
    asked = boxes(sign_in("hr_admin").get(path_of(app, "recruiter@example.com")).text)
    assert "earlier link" not in asked["link"]
    assert "they learn of it when they next sign in" in asked["link"]


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
    assert "They can’t sign in. If you reactivate them, you can invite them again." in words(told)


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
        " HR administrator Active Two-step verification: On Job access: All jobs Signed in: "
        in rows["hr-admin@example.com"][1]
    )
    assert "Job access: Some jobs" in rows["recruiter@example.com"][1]
    assert rows[EMAIL][1].endswith("Two-step verification: Off Job access: All jobs Signed in: Never")


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
    with app.app_context(), pytest.raises(users.NotAllowed, match="can no longer manage users"):
        users.deactivate(db.session(), user_of(app, "it-admin@example.com").id, By(former.id, None, utcnow()))
