"""The second factor as people meet it: setting it up, signing in with it, and what nobody gets past."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pyotp
import pytest
from bs4 import BeautifulSoup
from flask import Flask
from sqlalchemy import select, update
from werkzeug.test import TestResponse

from dashboard.clock import utcnow
from dashboard.extensions import db
from dashboard.models import AuditEntry, LoginSession, LoginThrottle, Outbound, User
from dashboard.permissions import PUBLIC
from dashboard.services import accounts, second_factor, throttle
from dashboard.services.activity import By
from tests.application import PASSWORD, signed_in_client
from tests.following_up import MAIL, token_of, words

EMAIL = "ada@example.com"
SECRET = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"


class Person:
    """A browser and a phone. `post` sends a form of the page the browser is at."""

    def __init__(self, app: Flask, codes: list[str], address: str = "198.51.100.7") -> None:
        self.app, self.codes = app, codes
        self.browser = app.test_client()
        self.browser.environ_base = {**self.browser.environ_base, "REMOTE_ADDR": address}

    def post(self, page: str, path: str, **form: str) -> TestResponse:
        return self.browser.post(path, data={"csrf_token": token_of(self.browser.get(page).text), **form})

    def gives_password(self, password: str = PASSWORD, **form: str) -> TestResponse:
        return self.post("/login", "/login", email=EMAIL, password=password, **form)

    def gives_code(self, code: str | None = None, **form: str) -> TestResponse:
        return self.post("/login/code", "/login/code", code=code or self.code(), **form)

    def code(self, steps: int = 0) -> str:
        left = second_factor.STEP.total_seconds() - time.time() % second_factor.STEP.total_seconds()
        if steps < 0 and left < 6:  # it counts for a moment only
            time.sleep(left)
        return pyotp.TOTP(SECRET).at(utcnow() + steps * second_factor.STEP)

    def is_in(self) -> bool:
        return self.browser.get("/me").status_code == 200


@pytest.fixture
def ada(app: Flask) -> Person:
    """A recruiter whose second factor is on."""
    return person(app)


def person(app: Flask, role: str = "recruiter") -> Person:
    with app.app_context():
        session, then = db.session(), utcnow() - timedelta(hours=1)
        user = accounts.add_user(session, EMAIL, PASSWORD, role, now=then)
        code, by = pyotp.TOTP(SECRET).at(then), By(user.id, None, then)
        codes = second_factor.turn_on(session, user, SECRET, code, app.config["SETTINGS"].secrets, by)
        session.commit()
    return Person(app, codes)


def audited(app: Flask) -> list[tuple[str, str]]:
    with app.app_context():
        entries = db.session.scalars(select(AuditEntry).order_by(AuditEntry.number))
        return [(entry.action, entry.details) for entry in entries]


def change(app: Flask, model: Any, **values: Any) -> None:
    with app.app_context():
        db.session.execute(update(model).values(**values))
        db.session.commit()


# --- signing in -----------------------------------------------------------------------------------------------------


def test_the_password_opens_nothing_but_the_page_that_asks_for_the_code(ada: Person):
    answer = ada.gives_password()
    assert (answer.status_code, answer.location) == (302, "/login/code")
    assert not ada.is_in()
    assert ada.browser.get("/applications").location.startswith("/login?next=")
    with ada.app.app_context():
        assert db.session.scalars(select(LoginSession)).all() == []


def test_the_code_lets_in_and_leads_to_the_page_that_was_asked_for(ada: Person):
    answer = ada.gives_password(next="/applications?q=ada")
    assert answer.location == "/login/code?next=/applications?q%3Dada"
    page = BeautifulSoup(ada.browser.get(answer.location).text, "html.parser")
    assert page.select_one("[name=next]")["value"] == "/applications?q=ada"
    field = page.select_one("[name=code]")
    assert (field["autocomplete"], field["inputmode"]) == ("one-time-code", "numeric")
    assert ada.gives_code(next="/applications?q=ada").location == "/applications?q=ada"
    assert ada.is_in()
    assert audited(ada.app)[-1] == ("signed_in", '{"how":"totp"}')


def test_nobody_is_sent_elsewhere(ada: Person):
    assert ada.gives_password(next="//evil.example").location == "/login/code"
    assert ada.gives_code(next="//evil.example").location == "/applications"


def test_a_wrong_code_is_said_so_noted_and_lets_nobody_in(ada: Person):
    ada.gives_password()
    answer = ada.gives_code("000000")
    assert answer.status_code == 401
    assert "That code is wrong or expired" in answer.text
    assert not ada.is_in()
    assert audited(ada.app)[-1] == ("sign_in_failed", '{"how":"code"}')
    assert ada.gives_code().status_code == 302
    assert ada.is_in()


def test_a_code_that_was_watched_lets_nobody_else_in(app: Flask, ada: Person):
    code = ada.code()
    ada.gives_password()
    ada.gives_code(code)
    watcher = Person(app, [])
    watcher.gives_password()
    assert watcher.gives_code(code).status_code == 401
    assert not watcher.is_in()


def test_a_recovery_code_lets_in_once_and_says_how_many_are_left(app: Flask, ada: Person):
    ada.gives_password()
    page = ada.browser.get("/login/code?recovery=yes")
    assert "inputmode" not in page.text
    answer = ada.gives_code(ada.codes[0].lower(), recovery="yes")
    assert answer.status_code == 302
    assert "You used a recovery code. 9 are left." in words(ada.browser.get(answer.location).text)
    assert audited(ada.app)[-1] == ("signed_in", '{"how":"recovery"}')
    again = Person(app, [])
    again.gives_password()
    assert "not one of your unused recovery codes" in again.gives_code(ada.codes[0], recovery="yes").text


def test_the_page_is_for_the_browser_that_gave_the_password_and_for_ten_minutes(
    app: Flask, ada: Person, monkeypatch: pytest.MonkeyPatch
):
    stranger = Person(app, [])
    assert stranger.browser.get("/login/code").location == "/login"
    assert stranger.post("/login", "/login/code", code=ada.code()).location == "/login"
    ada.gives_password()
    token = token_of(ada.browser.get("/login/code").text)
    later(monkeypatch, timedelta(minutes=11))
    assert ada.browser.post("/login/code", data={"csrf_token": token, "code": ada.code()}).location == "/login"
    assert "Sign in again" in ada.browser.get("/login").text


def later(monkeypatch: pytest.MonkeyPatch, by: timedelta) -> None:
    def then() -> datetime:
        return utcnow() + by

    monkeypatch.setattr("dashboard.web.code.utcnow", then)


@pytest.mark.parametrize("values", [{"active": False}, {"password_hash": "$argon2id$another"}, {"totp_since": None}])
def test_what_changes_meanwhile_ends_it(ada: Person, values: dict[str, Any]):
    ada.gives_password()
    assert ada.browser.get("/login/code").status_code == 200
    change(ada.app, User, **values)
    assert ada.browser.get("/login/code").location == "/login"


def test_a_new_password_begins_anew_and_keeps_nothing_that_was_planted(ada: Person):
    ada.browser.get("/login")
    with ada.browser.session_transaction() as planted:
        planted["planted"] = "yes"
    ada.gives_password()
    with ada.browser.session_transaction() as session:
        assert "planted" not in session
        assert "_user_id" not in session


# --- guessing -------------------------------------------------------------------------------------------------------


def test_guessing_must_wait_and_a_right_password_does_not_help(app: Flask, ada: Person):
    for _ in range(throttle.TRIES_HERE):
        ada.gives_password()
        assert ada.gives_code("000000").status_code == 401
    change(app, LoginThrottle, failures=LoginThrottle.failures)
    answer = ada.gives_code()
    assert answer.status_code == 429
    assert 0 < int(answer.headers["Retry-After"]) <= throttle.WINDOW.total_seconds()
    assert "Too many wrong codes. Try again in 15 minutes." in answer.text
    assert not ada.is_in()


def test_guessing_from_everywhere_is_stopped_too_but_not_where_the_owner_was(app: Flask, ada: Person):
    ada.gives_password()
    ada.gives_code(ada.code(-1))
    with app.app_context():
        for number in range(throttle.TRIES_HERE):
            throttle.begin(db.session(), EMAIL, f"192.0.2.{number}", now=utcnow(), door=throttle.CODES)
        db.session.commit()
    elsewhere = Person(app, [], address="203.0.113.5")
    elsewhere.gives_password()
    assert elsewhere.gives_code().status_code == 429
    at_home = Person(app, [])
    at_home.gives_password()
    assert at_home.gives_code().status_code == 302


def test_when_the_window_is_over_codes_count_again(app: Flask, ada: Person):
    ada.gives_password()
    for _ in range(throttle.TRIES_HERE + 1):
        answer = ada.gives_code("000000")
    assert answer.status_code == 429
    change(app, LoginThrottle, window_ends_at=utcnow() - timedelta(seconds=1))
    assert ada.gives_code().status_code == 302


# --- setting it up, and ending it -----------------------------------------------------------------------------------


@pytest.fixture
def bob(app: Flask) -> Person:
    """Signed in, without a second factor."""
    found = Person(app, [])
    found.browser = signed_in_client(app, "recruiter")
    return found


def set_up(who: Person) -> TestResponse:
    """The whole way, reading the key off the page."""
    assert who.post("/me/second-factor", "/me/second-factor/start", password=PASSWORD).status_code == 302
    page = BeautifulSoup(who.browser.get("/me/second-factor").text, "html.parser")
    key = page.select_one("#secret").text.replace(" ", "")
    return who.post("/me/second-factor", "/me/second-factor/confirm", code=pyotp.TOTP(key).at(utcnow()))


def test_setting_up_shows_a_code_to_scan_and_ends_with_ten_recovery_codes(app: Flask, bob: Person):
    assert "Two-step verification Off." in words(bob.browser.get("/me").text)
    answer = set_up(bob)
    codes = BeautifulSoup(answer.text, "html.parser").select_one("#codes").text.split()
    assert len(codes) == 10
    assert "They won’t be shown again" in answer.text
    page = words(bob.browser.get("/me/second-factor").text)
    assert "Codes left 10 of 10" in page
    assert not any(code in page for code in codes)
    assert "Two-step verification On." in words(bob.browser.get("/me").text)
    assert audited(app) == [("second_factor_on", "{}")]


def test_what_is_scanned_is_what_the_link_opens_and_stands_in_the_page_alone(bob: Person):
    bob.post("/me/second-factor", "/me/second-factor/start", password=PASSWORD)
    page = BeautifulSoup(bob.browser.get("/me/second-factor").text, "html.parser")
    key = page.select_one("#secret").text.replace(" ", "")
    address = page.select_one("a[href^=otpauth]")["href"]
    assert address == (
        f"otpauth://totp/Talroo%20dashboard:recruiter%40example.com?secret={key}&issuer=Talroo%20dashboard"
    )
    assert page.select_one(".qr[role=img][aria-label] svg path") is not None
    assert page.select("[style], .qr img") == []


def test_it_takes_the_password_so_that_a_stolen_session_cannot_lock_its_owner_out(app: Flask, bob: Person):
    answer = bob.post("/me/second-factor", "/me/second-factor/start", password="guessed")
    assert answer.status_code == 400
    assert "Wrong password or code. Try again." in answer.text
    assert bob.post("/me/second-factor", "/me/second-factor/confirm", code="000000").status_code == 302
    with app.app_context():
        assert db.session.scalars(select(User.totp_since)).one() is None


def test_a_right_password_counts_whatever_is_written_while_it_is_checked(app: Flask, bob: Person, monkeypatch):
    check = accounts.authenticate

    def checked(*told: Any) -> User | None:
        found = check(*told)
        change(app, User, time_zone="America/Chicago")
        return found

    monkeypatch.setattr(accounts, "authenticate", checked)
    assert bob.post("/me/second-factor", "/me/second-factor/start", password=PASSWORD).status_code == 302


def test_a_wrong_first_code_keeps_what_was_scanned(app: Flask, bob: Person):
    bob.post("/me/second-factor", "/me/second-factor/start", password=PASSWORD)

    def key() -> str:
        return BeautifulSoup(bob.browser.get("/me/second-factor").text, "html.parser").select_one("#secret").text

    before = key()
    answer = bob.post("/me/second-factor", "/me/second-factor/confirm", code="000000")
    assert answer.status_code == 400
    assert "That code is wrong." in answer.text
    assert key() == before


def test_turning_on_ends_the_sessions_that_began_without_it(app: Flask, bob: Person):
    other = signed_in_client(app, "recruiter")
    assert other.get("/me").status_code == 200
    copied, cookie = app.test_client(), bob.browser.get_cookie("dashboard_session").value
    copied.set_cookie("dashboard_session", cookie)
    assert copied.get("/me").status_code == 200
    set_up(bob)
    assert other.get("/me").status_code == 302
    assert bob.is_in()
    copied.set_cookie("dashboard_session", cookie)
    assert copied.get("/me").status_code == 302  # this one goes on by another token


@pytest.fixture
def inside(ada: Person) -> Person:
    ada.gives_password()
    ada.gives_code(ada.code(-1))
    return ada


@pytest.mark.parametrize("proof", ["password", "code"])
def test_new_recovery_codes_take_a_proof(inside: Person, proof: str):
    wrong = inside.post("/me/second-factor", "/me/second-factor/codes", codes="guessed")
    assert wrong.status_code == 400
    given = PASSWORD if proof == "password" else inside.code()
    answer = inside.post("/me/second-factor", "/me/second-factor/codes", codes=given)
    codes = BeautifulSoup(answer.text, "html.parser").select_one("#codes").text.split()
    assert len(codes) == 10
    assert not set(codes) & set(inside.codes)
    assert audited(inside.app)[-1] == ("recovery_codes_made", "{}")


@pytest.mark.parametrize("proof", ["password", "code"])
def test_turning_it_off_takes_a_proof(app: Flask, inside: Person, proof: str):
    assert inside.post("/me/second-factor", "/me/second-factor/off", off="guessed").status_code == 400
    given = PASSWORD if proof == "password" else inside.code()
    assert inside.post("/me/second-factor", "/me/second-factor/off", off=given).status_code == 302
    assert "Two-step verification is off." in inside.browser.get("/me/second-factor").text
    assert audited(app)[-1] == ("second_factor_off", "{}")
    assert inside.is_in()
    again = Person(app, [])
    assert again.gives_password().location == "/applications"


def test_turning_it_off_and_having_it_reset_end_the_other_sessions(app: Flask, inside: Person, sign_in: Any):
    def begin() -> Person:
        begun = Person(app, [])
        begun.browser.set_cookie("dashboard_session", "")
        with app.app_context():
            user = db.session.scalars(select(User).where(User.email == EMAIL)).one()
            token = accounts.sign_in(db.session(), user, address="192.0.2.1", user_agent="another", now=utcnow())
            db.session.commit()
        with begun.browser.session_transaction() as session:
            session["_user_id"] = token
        assert begun.is_in()
        return begun

    other = begin()
    admin = Person(app, [])
    admin.browser = sign_in("it_admin")
    with app.app_context():
        page = f"/admin/users/{db.session.scalar(select(User.public_id).where(User.email == EMAIL))}"
    inside.post("/me/second-factor", "/me/second-factor/off", off=PASSWORD)
    assert (inside.is_in(), other.is_in()) == (True, False)
    with app.app_context():
        db.session.execute(update(User).where(User.email == EMAIL).values(totp_since=utcnow(), totp_secret="x"))
        db.session.commit()
    admin.post(page, f"{page}/second-factor/reset")
    assert not inside.is_in()


def test_guessing_the_proof_must_wait_too(inside: Person):
    for _ in range(throttle.TRIES_HERE):
        inside.post("/me/second-factor", "/me/second-factor/off", off="000000")
    answer = inside.post("/me/second-factor", "/me/second-factor/off", off=PASSWORD)
    assert "Too many attempts. Try again in 15 minutes." in answer.text


# --- helping whoever lost phone and codes ---------------------------------------------------------------------------


def test_an_administrator_resets_somebodys_and_it_is_written_down(app: Flask, ada: Person, sign_in: Any):
    admin = Person(app, [])
    admin.browser = sign_in("it_admin")
    with app.app_context():
        ada_id = db.session.scalar(select(User.public_id).where(User.email == EMAIL))
    page = f"/admin/users/{ada_id}"
    answer = admin.post(page, f"{page}/second-factor/reset")
    assert answer.location == page
    assert "Their two-step verification is reset." in admin.browser.get(page).text
    assert "Reset two-step verification" not in admin.browser.get(page).text
    with app.app_context():
        entry = db.session.scalars(select(AuditEntry).order_by(AuditEntry.number.desc())).first()
        assert (entry.action, entry.subject_id) == ("second_factor_off", ada_id)
        assert entry.actor.email == "it-admin@example.com"
    assert ada.gives_password().location == "/applications"


def test_whose_second_factor_is_reset_is_told_by_mail(make_app: Callable[..., Flask], database_url: str):
    app = make_app(database_url, **MAIL)
    person(app)
    admin = Person(app, [])
    admin.browser = signed_in_client(app, "it_admin")
    with app.app_context():
        ada_id = db.session.scalar(select(User.public_id).where(User.email == EMAIL))
    for _ in range(2):
        admin.post("/admin/users", f"/admin/users/{ada_id}/second-factor/reset")
    with app.app_context():
        (notice,) = db.session.scalars(select(Outbound))
        assert (notice.state, notice.event) == ("waiting", f"second_factor:{ada_id}")
        assert notice.created_by.email == "it-admin@example.com"


def test_nobody_resets_their_own_without_a_proof(make_app: Callable[..., Flask], sqlite_url: str):
    app = make_app(sqlite_url)
    admin = person(app, "hr_admin")
    admin.gives_password()
    admin.gives_code()
    with app.app_context():
        own = db.session.scalars(select(User.public_id)).one()
    page = f"/admin/users/{own}"
    assert "Reset two-step verification" not in admin.browser.get(page).text
    assert admin.post("/me", f"{page}/second-factor/reset").location == "/me/second-factor"
    with app.app_context():
        assert db.session.scalars(select(User.totp_since)).one() is not None


def test_a_reset_by_command_is_told_by_mail_too_and_ends_their_sessions(
    make_app: Callable[..., Flask], sqlite_url: str
):
    app = make_app(sqlite_url, **MAIL)
    ada = person(app)
    ada.gives_password()
    ada.gives_code()
    assert ada.browser.get("/me").status_code == 200
    assert app.test_cli_runner().invoke(args=["users", "reset-second-factor", EMAIL]).exit_code == 0
    with app.app_context():
        assert db.session.scalars(select(Outbound.event)).one().startswith("second_factor:")
    assert ada.browser.get("/me").status_code == 302


def test_a_right_password_without_a_code_leaves_a_trace_as_often_as_it_may_be_tried(app: Flask, ada: Person):
    for _ in range(throttle.TRIES_HERE + 2):
        ada.gives_password()
    accepted = [entry for entry in audited(app) if entry[0] != "second_factor_on"]
    assert accepted == [("password_accepted", "{}")] * throttle.TRIES_HERE
    with app.app_context():
        entry = db.session.scalars(select(AuditEntry).order_by(AuditEntry.number.desc())).first()
        assert (entry.actor_id, entry.remote_addr) == (None, "198.51.100.7")
        assert entry.subject_id == db.session.scalars(select(User.public_id)).one()


def test_the_last_administrator_is_helped_by_a_command(app: Flask, ada: Person):
    def reset(email: str) -> tuple[int, str]:
        done = app.test_cli_runner().invoke(args=["users", "reset-second-factor", email])
        return done.exit_code, done.output.strip()

    assert reset(EMAIL) == (0, f"Two-step verification of {EMAIL} is reset.")
    assert reset(EMAIL) == (1, f"Two-step verification is not on for {EMAIL}.")
    assert reset("nobody@example.com") == (1, "nobody@example.com is not a user.")
    assert ada.gives_password().location == "/applications"


# --- roles that must have one ---------------------------------------------------------------------------------------


@pytest.fixture
def strict(make_app: Callable[..., Flask], database_url: str) -> Flask:
    return make_app(database_url, totp_required_roles=("hr_admin", "it_admin"))


def test_whoever_must_have_one_sees_nothing_else_until_it_is_set_up(strict: Flask):
    client = signed_in_client(strict, "hr_admin")
    for path in ("/", "/applications", "/me", "/admin", "/incomplete", "/applications/none", "/files/none"):
        assert client.get(path).location == "/me/second-factor", path
    for path in ("/applications.csv",):
        assert client.get(path).status_code == 403
    assert client.get("/applications", headers={"Accept": "application/json"}).status_code == 403
    page = client.get("/me/second-factor").text
    assert "Your role requires two-step verification" in page
    assert "<nav" not in page
    assert client.post("/me", data={"csrf_token": token_of(page)}).location == "/me/second-factor"
    assert client.post("/logout", data={"csrf_token": token_of(page)}).location == "/login"


def test_every_address_but_those_of_setting_up_is_closed_meanwhile(strict: Flask):
    strict.config["WTF_CSRF_ENABLED"] = False
    client = signed_in_client(strict, "it_admin")
    opened = set()
    for rule in strict.url_map.iter_rules():
        if strict.view_functions[rule.endpoint].needs == PUBLIC or rule.endpoint == "session.logout":
            continue
        path = re.sub(r"<[^>]*>", "none", rule.rule)
        for method in rule.methods & {"GET", "POST"}:
            answer = client.open(path, method=method)
            if answer.status_code != 403 and answer.location != "/me/second-factor":
                opened.add(rule.endpoint)
    # Setting up answers with a page: 200, or 400 for a password that is wrong.
    assert opened == {"second_factor.index", "second_factor.start"}


def test_once_it_is_set_up_everything_opens_and_it_cannot_be_turned_off(strict: Flask):
    admin = Person(strict, [])
    admin.browser = signed_in_client(strict, "hr_admin")
    set_up(admin)
    assert admin.browser.get("/applications").status_code == 200
    assert "Turn off" not in admin.browser.get("/me/second-factor").text
    answer = admin.post("/me/second-factor", "/me/second-factor/off", off=PASSWORD)
    assert "Your role requires two-step verification." in answer.text
    with strict.app_context():
        assert db.session.scalars(select(User.totp_since)).one() is not None


def test_other_roles_need_none(strict: Flask):
    assert signed_in_client(strict, "recruiter").get("/applications").status_code == 200
