"""Signing in and out: who is let in, who has to wait, and when a session is worth nothing any more."""

from __future__ import annotations

import contextlib
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from email.utils import parsedate_to_datetime

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from dashboard.clock import utcnow
from dashboard.database import start_writing
from dashboard.extensions import db
from dashboard.models import AuditEntry, LoginSession, LoginThrottle, User
from dashboard.models.user import NO_PASSWORD
from dashboard.services import accounts, throttle
from dashboard.web import session as session_screen
from tests.application import PASSWORD

EMAIL = "ada@example.com"


@pytest.fixture
def user(app):
    with app.app_context():
        accounts.add_user(db.session(), EMAIL, PASSWORD, "recruiter", now=utcnow())
        db.session.commit()


@pytest.fixture
def log_in(app, user):
    """`log_in(…)` → a new browser and the answer to its attempt."""

    def attempt(password=PASSWORD, email=EMAIL, address="198.51.100.7", client=None, **fields):
        client = client or app.test_client()
        client.environ_base = {**client.environ_base, "REMOTE_ADDR": address}
        token = re.search(r'csrf_token" value="([^"]+)', client.get("/login").text)[1]
        form = {"email": email, "password": password, "csrf_token": token, **fields}
        return client, client.post("/login", data=form)

    return attempt


def change_sessions(app, **values):
    with app.app_context():
        db.session.execute(update(LoginSession).values(**values))
        db.session.commit()


def change_users(app, **values):
    with app.app_context():
        db.session.execute(update(User).values(**values))
        db.session.commit()


def noted(app):
    """What the audit log has, in order: what, who did it, whom it is about, how, and from where."""
    with app.app_context():
        user = db.session.scalars(select(User)).one()
        who = {user.id: "ada", user.public_id: "ada", None: None}
        entries = db.session.scalars(select(AuditEntry).order_by(AuditEntry.number)).all()
        return [(e.action, who[e.actor_id], who[e.subject_id], e.details, e.remote_addr) for e in entries]


@pytest.mark.parametrize("email", [EMAIL, " ADA@Example.com "])
def test_the_right_password_opens_the_inbox(log_in, email):
    client, answer = log_in(email=email)
    assert (answer.status_code, answer.location) == (302, "/applications")
    assert client.get("/applications").status_code == 200


@pytest.mark.parametrize(
    ("role", "page"), [("recruiter", "/applications"), ("hr_admin", "/applications"), ("it_admin", "/admin/deliveries")]
)
def test_each_role_has_its_first_page(sign_in, role, page):
    client = sign_in(role)
    assert client.get("/").location == page
    assert client.get("/login").location == page


@pytest.mark.parametrize(
    ("email", "password"),
    [
        (EMAIL, "wrong"),
        (EMAIL, ""),
        (EMAIL, PASSWORD + " "),
        ("nobody@example.com", PASSWORD),
        ("", ""),
        ("\0", "\0"),
        ("x" * 5_000, "y" * 100_000),
        ("' OR 1=1 --", "' OR 1=1 --"),
    ],
)
def test_anything_else_does_not_and_the_answer_never_tells_why(log_in, email, password):
    client, answer = log_in(email=email, password=password)
    assert answer.status_code == 401
    assert "Wrong email address or password." in answer.text
    assert client.get("/applications").status_code == 302


def test_an_unknown_address_and_one_without_a_password_cost_as_much_as_a_wrong_password(app, user, monkeypatch):
    checked = []
    hasher = accounts._hasher

    class Counting:
        def verify(self, stored, password):
            checked.append(re.sub(r"[^$]+\$[^$]+$", "", stored))
            return hasher.verify(stored, password)

    monkeypatch.setattr(accounts, "_hasher", Counting())
    with app.app_context():
        for email in (EMAIL, "nobody@example.com"):
            assert accounts.authenticate(db.session(), email, "wrong") is None
        db.session.execute(update(User).values(password_hash=NO_PASSWORD))
        for password in ("wrong", NO_PASSWORD, ""):
            assert accounts.authenticate(db.session(), EMAIL, password) is None
    assert checked == ["$argon2id$v=19$m=19456,t=2,p=1$"] * 5


def test_a_user_who_was_switched_off_cannot_sign_in_and_is_out_at_once(app, log_in):
    client, _ = log_in()
    with app.app_context():
        db.session.execute(update(User).values(active=False))
        db.session.commit()
    assert client.get("/applications").status_code == 302
    assert log_in()[1].status_code == 401


@pytest.mark.parametrize("change", [{"active": False}, {"password_changed_at": utcnow() + timedelta(days=1)}])
def test_whoever_lost_their_access_while_their_password_was_checked_is_not_let_in(app, log_in, monkeypatch, change):
    authenticate = accounts.authenticate

    def slowly(session, email, password):
        found = authenticate(session, email, password)
        change_users(app, **change)
        return found

    monkeypatch.setattr(accounts, "authenticate", slowly)
    client, answer = log_in()
    assert answer.status_code == 401
    assert client.get("/applications").status_code == 302


# --- throttling ---------------------------------------------------------------------------------------------------


def fail_often(log_in, times=throttle.TRIES_HERE, **attempt):
    for _ in range(times):
        assert log_in(password="wrong", **attempt)[1].status_code == 401


@pytest.fixture
def cheap_checks(monkeypatch):
    """Passwords compare at once: these tests count tries, and fifty milliseconds each would add up."""
    monkeypatch.setattr(
        accounts,
        "authenticate",
        lambda session, email, password: (
            session.scalar(select(User).where(User.email == accounts.fold(email))) if password == PASSWORD else None
        ),
    )


def test_too_many_failures_must_wait_and_are_told_how_long(log_in, cheap_checks):
    fail_often(log_in)
    _, answer = log_in()
    assert answer.status_code == 429
    assert 0 < int(answer.headers["Retry-After"]) <= throttle.WINDOW.total_seconds()
    assert "Too many attempts. Try again in 15 minutes." in answer.text


def test_a_stranger_elsewhere_cannot_lock_the_owner_out(log_in, cheap_checks):
    fail_often(log_in)
    assert log_in(address="203.0.113.5")[1].status_code == 302


def test_another_account_at_the_same_address_is_not_affected(log_in, cheap_checks):
    fail_often(log_in, email="other@example.com")
    assert log_in()[1].status_code == 302


def test_when_the_window_ends_tries_count_again(app, log_in, cheap_checks, monkeypatch):
    fail_often(log_in)
    later = utcnow() + throttle.WINDOW + timedelta(seconds=1)
    monkeypatch.setattr(session_screen, "utcnow", lambda: later)
    assert log_in(password="wrong")[1].status_code == 401
    assert log_in()[1].status_code == 302


def test_a_success_forgets_the_failures_before_it(log_in, cheap_checks):
    fail_often(log_in, throttle.TRIES_HERE - 1)
    assert log_in()[1].status_code == 302
    fail_often(log_in, throttle.TRIES_HERE - 1)
    assert log_in()[1].status_code == 302


def try_often(session, times, email=EMAIL, address="198.51.100.7"):
    """`email` and `address`: the same each time, or made of the try's number."""
    for number in range(times):
        throttle.begin(session, email.format(number), address.format(number), now=utcnow())


@pytest.mark.parametrize(
    "varying",
    [{"email": "{}@example.com"}, {"address": "192.0.2.{}"}, {"email": "{}@example.com", "address": "2001:db8::{}"}],
)
def test_one_network_trying_many_accounts_and_many_addresses_trying_one_are_stopped_too(app, user, varying):
    with app.app_context():
        session = db.session()
        try_often(session, throttle.TRIES_ELSEWHERE, **varying)
        with pytest.raises(throttle.SignInThrottled):
            try_often(session, 1, **varying)


def test_an_address_the_owner_has_signed_in_from_is_not_locked_out_by_strangers(app, log_in, cheap_checks):
    assert log_in(address="203.0.113.5")[1].status_code == 302
    with app.app_context():
        try_often(db.session(), throttle.TRIES_ELSEWHERE, address="192.0.2.{}")
        db.session.commit()
    assert log_in(address="198.51.100.9")[1].status_code == 429
    assert log_in(address="203.0.113.5")[1].status_code == 302


@pytest.mark.parametrize(
    ("before", "now"),
    [
        ("203.0.113.5", "203.0.113.5"),
        ("2001:db8:7:7::1", "2001:db8:7:7:aaaa::2"),
        ("203.0.113.5", "::ffff:203.0.113.5"),
    ],
)
def test_the_owners_network_stays_known_over_a_holiday(app, log_in, cheap_checks, before, now):
    assert log_in(address=before)[1].status_code == 302
    long_ago = utcnow() - timedelta(days=59)
    change_sessions(app, created_at=long_ago, expires_at=long_ago + accounts.SESSION_LIFE)
    with app.app_context():
        accounts.add_user(db.session(), "ben@example.com", PASSWORD, "recruiter", now=utcnow())
        db.session.commit()
    assert log_in(email="ben@example.com", address="198.51.100.8")[1].status_code == 302
    with app.app_context():
        try_often(db.session(), throttle.TRIES_ELSEWHERE, address="192.0.2.{}")
        db.session.commit()
    assert log_in(address="2001:db8:7:8::1")[1].status_code == 429
    assert log_in(address=now)[1].status_code == 302


def test_sessions_are_forgotten_sixty_days_after_they_ended(app, log_in):
    log_in()
    change_sessions(app, expires_at=utcnow() - accounts.REMEMBERED)
    log_in()
    with app.app_context():
        assert db.session.scalars(select(LoginSession)).one().expires_at > utcnow()


def test_a_network_beyond_its_limit_leaves_no_more_rows_whatever_it_tries(app):
    with app.app_context():
        session = db.session()
        try_often(session, throttle.TRIES_ELSEWHERE, email="{}@example.com")
        for number in range(5):
            before = {row.key: row.failures for row in session.scalars(select(LoginThrottle))}
            with pytest.raises(throttle.SignInThrottled):
                try_often(session, 1, email=f"other{number}@example.com")
        assert {row.key: row.failures for row in session.scalars(select(LoginThrottle))} == before
        assert len(before) == 2 * throttle.TRIES_ELSEWHERE + 1


def test_tries_that_were_refused_do_not_count_against_the_account(app):
    with app.app_context():
        session = db.session()
        for _ in range(throttle.TRIES_ELSEWHERE):
            with contextlib.suppress(throttle.SignInThrottled):
                try_often(session, 1)
        try_often(session, 1, address="203.0.113.5")


@pytest.mark.parametrize(("how", "counts"), [("oidc", True), ("link", True), ("password", False), ("totp", False)])
def test_only_what_began_with_a_password_forgives_tries_at_it(app, user, how, counts):
    with app.app_context():
        session = db.session()
        owner = session.scalars(select(User)).one()
        try_often(session, throttle.TRIES_HERE)
        accounts.sign_in(session, owner, address="198.51.100.7", user_agent="", how=how, now=utcnow())
        with pytest.raises(throttle.SignInThrottled) if counts else contextlib.nullcontext():
            try_often(session, 1)


def test_ipv4_addresses_written_as_ipv6_are_not_one_network(app):
    with app.app_context():
        session = db.session()
        try_often(session, throttle.TRIES_ELSEWHERE, email="{}@example.com", address="::ffff:192.0.2.7")
        try_often(session, 1, address="::ffff:192.0.2.8")
        with pytest.raises(throttle.SignInThrottled):
            try_often(session, 1, address="192.0.2.7")


def test_many_tries_at_the_same_moment_do_not_all_pass(app, user):
    def attempt(_):
        with Session(engine) as session:
            start_writing(session)
            try:
                throttle.begin(session, EMAIL, "198.51.100.7", now=utcnow())
                return True
            except throttle.SignInThrottled:
                return False
            finally:
                session.commit()

    with app.app_context():
        engine = db.engine
    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(attempt, range(3 * throttle.TRIES_HERE))) == throttle.TRIES_HERE


def test_coming_and_going_and_failing_to_is_noted_without_what_was_typed(app, log_in):
    log_in(password="wrong")
    log_in(email="nobody@example.com")
    client, _ = log_in()
    token = re.search(r'csrf_token" value="([^"]+)', client.get("/applications").text)[1]
    client.post("/logout", data={"csrf_token": token})
    here = "198.51.100.7"
    assert noted(app) == [
        ("sign_in_failed", None, "ada", "{}", here),
        ("sign_in_failed", None, None, "{}", here),
        ("signed_in", "ada", None, '{"how":"password"}', here),
        ("signed_out", "ada", None, "{}", here),
    ]


# --- sessions -----------------------------------------------------------------------------------------------------


def test_a_signed_out_session_is_worth_nothing_even_with_its_old_cookie(log_in, app):
    client, _ = log_in()
    cookie = client.get_cookie("dashboard_session").value
    token = re.search(r'csrf_token" value="([^"]+)', client.get("/applications").text)[1]
    assert client.post("/logout", data={"csrf_token": token}).location == "/login"
    thief = app.test_client()
    thief.set_cookie("dashboard_session", cookie)
    assert thief.get("/applications").status_code == 302


def test_a_revoked_or_expired_session_is_signed_out(log_in, app):
    client, _ = log_in()
    change_sessions(app, revoked_at=utcnow())
    assert client.get("/applications").status_code == 302
    client, _ = log_in()
    assert client.get("/applications").status_code == 200
    change_sessions(app, expires_at=utcnow() - timedelta(seconds=1))
    assert client.get("/applications").status_code == 302


def until(app):
    with app.app_context():
        return db.session.scalars(select(LoginSession.expires_at)).one()


def test_a_session_in_which_nothing_is_done_ends_after_two_hours(log_in, app):
    log_in()
    assert timedelta(hours=2) - timedelta(minutes=1) < until(app) - utcnow() <= timedelta(hours=2)


def test_whoever_does_something_stays_signed_in_but_no_longer_than_twelve_hours(log_in, app):
    client, _ = log_in()
    change_sessions(app, created_at=utcnow() - timedelta(hours=5), expires_at=utcnow() + timedelta(minutes=1))
    assert client.get("/me").status_code == 200
    app.extensions["notebook"].flush()
    assert until(app) > utcnow() + timedelta(minutes=119)
    change_sessions(app, created_at=utcnow() - timedelta(hours=11), expires_at=utcnow() + timedelta(minutes=1))
    assert client.get("/me").status_code == 200
    app.extensions["notebook"].flush()
    assert timedelta(minutes=59) < until(app) - utcnow() <= timedelta(hours=1)


def test_what_a_page_asks_by_itself_keeps_nobody_signed_in(log_in, app):
    client, _ = log_in()
    change_sessions(app, expires_at=utcnow() + timedelta(minutes=1))
    client.get("/me", headers={"X-By-Itself": "yes"})
    app.extensions["notebook"].flush()
    assert until(app) < utcnow() + timedelta(minutes=2)


def hours_of(time: timedelta) -> int:
    return time // timedelta(hours=1)


@pytest.mark.parametrize(
    ("began", "words"),
    [
        (timedelta(hours=5), f"You were signed out after {hours_of(accounts.SESSION_IDLE)} hours of inactivity."),
        (
            timedelta(hours=12, seconds=1),
            f"signed out {hours_of(accounts.SESSION_LIFE)} hours after you signed in.",
        ),
    ],
)
def test_whose_session_ran_out_reads_why_where_they_sign_in(log_in, app, began, words):
    client, _ = log_in()
    assert "You were signed out" not in client.get("/login", follow_redirects=True).text
    now = utcnow()
    change_sessions(app, created_at=now - began, expires_at=now - timedelta(seconds=1))
    page = client.get("/applications", follow_redirects=True)
    assert (page.request.path, words in page.text) == ("/login", True)
    assert EMAIL not in page.text
    assert "You were signed out" not in app.test_client().get("/login").text
    log_in(client=client)
    client.post("/logout", data={"csrf_token": re.search(r'csrf_token" value="([^"]+)', client.get("/me").text)[1]})
    assert "You were signed out" not in client.get("/login").text


def test_the_cookie_outlives_its_session_so_that_the_next_morning_tells_why(log_in, app):
    _, answer = log_in()
    cookie = answer.headers["Set-Cookie"]
    expires = parsedate_to_datetime(re.search(r"Expires=([^;]+)", cookie)[1])
    assert expires > utcnow() + accounts.SESSION_LIFE + timedelta(hours=12)


def test_a_session_that_was_ended_is_not_prolonged(log_in, app):
    client, _ = log_in()
    change_sessions(app, expires_at=utcnow() + timedelta(minutes=1))
    client.get("/me")
    change_sessions(app, revoked_at=utcnow())
    app.extensions["notebook"].flush()
    assert until(app) < utcnow() + timedelta(minutes=2)
    assert client.get("/me").status_code == 302


def test_signing_in_again_ends_the_session_that_the_browser_had(log_in, app):
    client, _ = log_in()
    cookie = client.get_cookie("dashboard_session").value
    token = re.search(r'csrf_token" value="([^"]+)', client.get("/me").text)[1]
    form = {"email": EMAIL, "password": PASSWORD, "csrf_token": token}
    assert client.post("/login", data=form).status_code == 302
    thief = app.test_client()
    thief.set_cookie("dashboard_session", cookie)
    assert thief.get("/applications").status_code == 302
    assert client.get("/applications").status_code == 200


def test_signing_in_makes_a_new_session_and_keeps_nothing_that_was_planted_before(log_in, app):
    client = app.test_client()
    client.get("/login")
    with client.session_transaction() as planted:
        planted["_user_id"], planted["planted"] = "attacker's token", "yes"
    before = client.get_cookie("dashboard_session").value
    log_in(client=client)
    assert client.get_cookie("dashboard_session").value != before
    with client.session_transaction() as session:
        assert "planted" not in session
        assert session["_user_id"] != "attacker's token"


def test_the_database_holds_no_token_that_a_cookie_holds(log_in, app):
    client, _ = log_in()
    with client.session_transaction() as session:
        token = session["_user_id"]
    with app.app_context():
        stored = db.session.scalars(select(LoginSession)).one()
        assert stored.token_hash != token
        assert stored.remote_addr == "198.51.100.7"
        assert db.session.scalars(select(User.password_hash)).one().startswith("$argon2id$")


@pytest.mark.parametrize("cookie", ["", "x", "eyJ9.bad.sig", "\u00e9", "a" * 4_000])
def test_a_made_up_cookie_is_nobodys(client, cookie):
    client.set_cookie("dashboard_session", cookie)
    assert client.get("/applications").status_code == 302


# --- next ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("target", ["/applications?q=ada&stage=new", "/files/abc/preview", "/applications/%2F%2Fevil"])
def test_who_was_sent_to_sign_in_comes_back(log_in, target):
    assert log_in(next=target)[1].location == target


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example",
        "//evil.example",
        "///evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "/\t/evil.example",
        "/\n/evil.example",
        "/\r/evil.example",
        "\x00//evil.example",
        " //evil.example",
        "javascript:alert(1)",
        "http:evil.example",
        "evil.example",
        "/\u2028/evil.example",
        "",
        "@evil.example",
        "/x\r\nSet-Cookie: a=b",
        "/%0d%0a\n",
    ],
)
def test_nobody_is_sent_anywhere_else(target):
    assert session_screen._safe(target) is None


def test_a_form_with_a_nasty_next_leads_to_the_first_page(log_in):
    client, answer = log_in(next="//evil.example")
    assert answer.location == "/applications"
    assert client.get("/login?next=//evil.example").location == "/applications"


def test_a_nasty_next_is_not_even_written_into_the_form(client):
    assert "evil.example" not in client.get("/login?next=//evil.example").text


def test_a_form_is_read_only_up_to_a_megabyte(app):
    part = b'--b\r\nContent-Disposition: form-data; name="file"; filename="x.bin"\r\n\r\n'
    body = part + b"x" * 2_000_000 + b"\r\n--b--\r\n"
    answer = app.test_client().post("/login", data=body, content_type="multipart/form-data; boundary=b")
    assert answer.status_code == 413


def test_two_slashes_redirect_nowhere(app):
    answer = app.test_client().post("/talroo//applications", data=b"{}")
    assert (answer.status_code, answer.headers.get("Location")) == (404, None)
