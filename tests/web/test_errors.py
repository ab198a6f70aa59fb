"""When something cannot be done, people get a page and machines get JSON; neither learns what is not theirs."""

from __future__ import annotations

import logging
import re

import pytest
from flask import request
from sqlalchemy import event as hook
from sqlalchemy.exc import DataError, OperationalError
from sqlalchemy.orm import Session

from dashboard.permissions import PUBLIC, needs
from tests.factories import event
from tests.stocked_site import token_of

SECRET = "Ada Quill's own words"


def broken(problem: Exception):
    @needs(PUBLIC)
    def view():
        raise problem

    return view


@pytest.fixture
def site(make_app, sqlite_url):
    app = make_app(sqlite_url)
    problems = {
        "bug": ValueError(SECRET),
        "locked": OperationalError("SELECT", {"name": SECRET}, Exception("database is locked")),
        "full": OSError(28, "No space left on device"),
        "nul": DataError("SELECT", {"name": SECRET}, Exception("NUL")),
    }
    for name, problem in problems.items():
        app.add_url_rule(f"/{name}", name, broken(problem))
    return app.test_client()


CASES = [("/bug", 500), ("/locked", 503), ("/full", 503), ("/nul", 400), ("/nowhere", 404), ("/metrics", 403)]


@pytest.mark.parametrize(("path", "status"), CASES)
def test_people_get_a_page(site, path, status):
    answer = site.get(path, headers={"Accept": "text/html,*/*;q=0.8"}, environ_base={"REMOTE_ADDR": "203.0.113.9"})
    assert (answer.status_code, answer.mimetype) == (status, "text/html")
    assert f"Error {status}" in answer.text
    assert "Traceback" not in answer.text
    assert SECRET not in answer.text
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert ("Retry-After" in answer.headers) is (status == 503)


@pytest.mark.parametrize(("path", "status"), CASES)
def test_machines_get_json(site, path, status):
    answer = site.get(path, headers={"Accept": "application/json"}, environ_base={"REMOTE_ADDR": "203.0.113.9"})
    assert (answer.status_code, answer.mimetype) == (status, "application/json")
    assert set(answer.json) == {"error", "detail"}
    assert SECRET not in answer.text


@pytest.mark.parametrize("accept", ["text/html", "application/json"])
def test_nothing_is_told_of_how_it_came_about_even_where_somebody_turned_debugging_on(
    make_app, sqlite_url, monkeypatch, accept
):
    monkeypatch.setenv("FLASK_DEBUG", "1")
    app = make_app(sqlite_url)
    assert app.debug
    app.add_url_rule("/bug", "bug", broken(ValueError(SECRET)))
    app.add_url_rule("/field", "field", needs(PUBLIC)(lambda: request.form["field"]))
    for path, status in (("/bug", 500), ("/field", 400), ("/nowhere", 404)):
        answer = app.test_client().get(path, headers={"Accept": accept})
        assert answer.status_code == status
        for word in (SECRET, "Traceback", "ValueError", ".py", "KeyError", "field", "werkzeug"):
            assert word not in re.sub(r"<(head|header)\b.*?</\1>", "", answer.text, flags=re.DOTALL), (path, word)


def test_the_wrong_method_is_405_and_says_which_are_right(site):
    answer = site.delete("/login")
    assert answer.status_code == 405
    assert "POST" in answer.headers["Allow"]


@pytest.mark.parametrize("path", ["/bug", "/locked"])
def test_the_log_says_what_and_where_but_not_whose(site, path, caplog):
    with caplog.at_level(logging.ERROR):
        site.get(path)
    (record,) = [found for found in caplog.records if found.name == "dashboard.web.errors"]
    assert "test_errors.py" in record.getMessage()
    assert SECRET not in caplog.text


def test_a_database_that_is_gone_is_503_for_who_is_signed_in_and_who_is_not(make_app, tmp_path):
    client = make_app(f"sqlite:///{tmp_path}/none/dashboard.db").test_client()
    with client.session_transaction() as session:
        session["_user_id"] = "a token"
    for path in ("/applications", "/applications/x", "/", "/nowhere"):
        answer = client.get(path)
        assert answer.status_code == 503
        assert answer.headers["Retry-After"] == "60"


@pytest.mark.parametrize("signed_in", [True, False])
def test_what_was_written_in_a_form_that_is_refused_is_given_back_but_not_what_another_site_sends(
    site, sign_in, signed_in
):
    client = sign_in("recruiter") if signed_in else site
    page = client.get("/me" if signed_in else "/login").text
    token = {} if signed_in else {"csrf_token": re.search(r'name="csrf_token" value="([^"]+)"', page)[1]}
    told = {"body": "<b>Half a sentence", "password": SECRET, **token}
    for origin, is_back in (("http://localhost", True), ("https://evil.example", False), (None, False)):
        headers = {"Origin": origin} if origin else {}
        answer = client.post("/applications/nobody/notes", data=told, headers=headers)
        assert answer.status_code == (400 if signed_in else 401 if is_back else 302)
        assert ('readonly dir="auto">\n&lt;b&gt;Half a sentence</textarea>' in answer.text) == is_back
        assert SECRET not in answer.text


@pytest.mark.parametrize(
    ("role", "path", "form"),
    [
        ("hr_admin", "/incomplete/{}/opt-out", {}),
        ("hr_admin", "/incomplete/{}/opt-out/undo", {}),
        ("recruiter", "/applications/{}/stage", {"stage": "new", "note": "Called."}),
        ("recruiter", "/applications/{}/notes", {"body": "Called.", "token": "t"}),
    ],
)
def test_nobody_is_told_of_something_as_done_that_could_not_be_committed(sign_in, deliver, role, path, form):
    kind = "started:v1" if role == "hr_admin" else "completed:v1"
    number = deliver(event(kind=kind)).json["application"]
    client, told = sign_in(role), "flash flash-"
    page = f"/{path.split('/')[1]}/{number}"
    sent = form | {"csrf_token": token_of(client.get(page).text)}
    if path.endswith("undo"):
        client.post(f"{page}/opt-out", data=sent)
        client.get(page)

    def refuse(_session: Session) -> None:
        raise OperationalError("COMMIT", {}, Exception("database or disk is full"))

    hook.listen(Session, "before_commit", refuse)
    try:
        answer = client.post(path.format(number), data=sent)
    finally:
        hook.remove(Session, "before_commit", refuse)
    assert (answer.status_code, told in answer.text + client.get(page).text) == (503, False)
    client.post(path.format(number), data=sent)
    assert told in client.get(page).text
