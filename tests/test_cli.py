"""`flask --app wsgi …`: help for everything, exit 0 or 1, and one clear line when something cannot be done."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
from sqlalchemy import func, select

from dashboard.extensions import db
from dashboard.models import Application, AuditEntry, User
from dashboard.sandbox import __main__ as fake_talroo
from tests.application import PASSWORD
from tests.factories import event
from tests.infrastructure.processes import FLASK, ROOT


@pytest.fixture
def flask(app):
    """`flask("users", "add", …)` runs a command in this process and returns its result."""
    runner = app.test_cli_runner()
    return lambda *words, typed="": runner.invoke(args=list(words), input=typed)


def add_user(flask, email="ada@example.com", role="recruiter", typed=f"{PASSWORD}\n"):
    return flask("users", "add", email, "--role", role, "--password-stdin", typed=typed)


@pytest.mark.parametrize(
    "words",
    [["users", "add"], ["users"], ["worker"], ["seed"], ["sync"], ["audit", "verify"], ["db", "upgrade"], ["sandbox"]],
)
def test_every_command_explains_itself(make_app, sqlite_url, words):
    result = make_app(sqlite_url).test_cli_runner().invoke(args=[*words, "--help"])
    assert result.exit_code == 0
    assert len(result.output) > 100 or words == ["sandbox"]


def test_a_user_is_added_with_role_and_password(flask, app):
    result = add_user(flask, " Ada@Example.com ", "hr_admin")
    assert (result.exit_code, result.output) == (0, "Added ada@example.com as hr administrator.\n")
    with app.app_context():
        user = db.session.scalars(select(User)).one()
        assert (user.email, user.role) == ("ada@example.com", "hr_admin")
        assert PASSWORD not in user.password_hash


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"email": "nobody"}, "'nobody' is not an email address."),
        ({"email": "@"}, "'@' is not an email address."),
        ({"typed": "short\n"}, "The password must have 10 to 1,000 characters."),
        ({"typed": ""}, "The password must have 10 to 1,000 characters."),
        ({"typed": "x" * 1_001}, "The password must have 10 to 1,000 characters."),
    ],
)
def test_a_user_who_cannot_be_added_is_refused_in_one_line(flask, change, told):
    result = add_user(flask, **change)
    assert (result.exit_code, result.stderr, result.stdout) == (1, f"{told}\n", "")


def test_a_password_that_somebody_would_guess_is_said_to_be_one(flask):
    result = add_user(flask, typed="recruiter2026\n")
    assert result.exit_code == 0
    assert result.stderr.startswith("Somebody would guess this password.")


def test_nobody_is_added_twice(flask):
    add_user(flask)
    result = add_user(flask, "ADA@example.com")
    assert (result.exit_code, result.stderr) == (1, "ada@example.com is already a user.\n")


def test_whoever_is_added_by_a_command_is_noted(flask, app):
    add_user(flask)
    with app.app_context():
        entry = db.session.scalars(select(AuditEntry)).one()
        assert (entry.action, entry.actor_id, entry.details) == ("user_added", None, '{"role":"recruiter"}')


def test_users_are_listed_with_role_and_state(flask):
    add_user(flask)
    add_user(flask, "hr@example.com", "hr_admin")
    assert flask("users", "deactivate", " Ada@example.com").stdout == "Deactivated ada@example.com.\n"
    told = flask("users", "list").stdout.splitlines()
    assert told == ["hr@example.com\thr_admin\tactive", "ada@example.com\trecruiter\tdeactivated"]


def test_the_last_administrator_is_not_deactivated_by_a_command(flask):
    add_user(flask, "hr@example.com", "hr_admin")
    result = flask("users", "deactivate", "hr@example.com")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == (
        "hr@example.com is the last HR administrator who can sign in. Make another user one first.\n"
    )


@pytest.mark.parametrize("command", ["deactivate", "reset-link"])
def test_a_command_about_nobody_says_so_in_one_line(flask, command):
    result = flask("users", command, "Nobody@example.com")
    assert (result.exit_code, result.stderr) == (1, "nobody@example.com is not a user.\n")


def test_whoever_is_locked_out_gets_a_link_that_lets_them_in(flask, app):
    add_user(flask)
    result = flask("users", "reset-link", "ada@example.com")
    assert result.exit_code == 0
    assert re.fullmatch(r"http://127\.0\.0\.1:8000/access/\S+\n", result.stdout)
    client = app.test_client()
    path = result.stdout.strip().removeprefix("http://127.0.0.1:8000")
    typed = {"password": "a new long password", "again": "a new long password"}
    token = re.search(r'csrf_token" value="([^"]+)', client.get(path).text)[1]
    assert client.post(path, data={"csrf_token": token, **typed}).location == "/applications"
    flask("users", "deactivate", "ada@example.com")
    result = flask("users", "reset-link", "ada@example.com")
    assert (result.exit_code, result.stderr) == (1, "ada@example.com is deactivated. Reactivate them first.\n")


def test_a_set_up_link_is_printed_only_where_there_is_nobody(flask, app):
    first, second = flask("users", "setup-link"), flask("users", "setup-link")
    assert first.exit_code == second.exit_code == 0
    paths = [one.stdout.strip().removeprefix("http://127.0.0.1:8000") for one in (first, second)]
    assert [app.test_client().get(path).status_code for path in paths] == [410, 200]
    add_user(flask)
    result = flask("users", "setup-link")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("There are users already.")
    assert result.stderr.count("\n") == 1


def test_seed_writes_and_says_how_many(flask, app):
    result = flask("seed", "30")
    assert result.exit_code == 0
    assert result.stdout.startswith("Wrote 30 applications in ")
    assert result.stderr == ""
    with app.app_context():
        assert db.session.scalar(select(func.count()).select_from(Application)) == 30


def test_seed_refuses_a_database_with_real_deliveries(flask, deliver):
    deliver(event())
    result = flask("seed", "30")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "This database holds deliveries that seed did not make. Nothing was written.\n"


@pytest.mark.parametrize("count", ["0", "-5", "many", "1.5"])
def test_seed_wants_a_number(flask, count):
    assert flask("seed", count).exit_code != 0


def test_the_worker_does_what_is_due_and_ends(flask):
    assert flask("worker", "--once").exit_code == 0


def test_the_sandbox_is_the_fake_talroo_with_its_own_options(flask, monkeypatch):
    told = []
    monkeypatch.setattr(fake_talroo, "main", lambda arguments: told.append(list(arguments)) or 0)
    assert flask("sandbox", "--port", "8009", "--interval", "5").exit_code == 0
    assert told == [["--port", "8009", "--interval", "5"]]
    monkeypatch.setattr(fake_talroo, "main", lambda arguments: 1)
    assert flask("sandbox").exit_code == 1


@pytest.mark.parametrize("words", [["seed", "5"], ["worker", "--once"]])
def test_a_database_without_tables_is_told_with_what_to_do(make_app, tmp_path, words):
    result = make_app(f"sqlite:///{tmp_path}/empty.db").test_cli_runner().invoke(args=words)
    assert result.exit_code == 1
    assert result.stderr == "The database has no tables yet, or old ones. Run: flask --app wsgi db upgrade\n"


def test_wrong_settings_are_told_without_a_traceback(tmp_path):
    done = subprocess.run(
        [*FLASK, "seed", "1"],
        env={"SECRET_KEY": "short", "DATABASE_URL": "mysql://x", "PATH": ""},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    for name in ("SECRET_KEY", "DATABASE_URL"):
        assert name in done.stderr


HEAVY = (
    "alembic",
    "flask_migrate",
    "rich.progress",
    "prometheus_client",
    "requests",
    "urllib3",
    "PIL",
    "obstore",
    "pypdfium2",
)


def test_a_web_process_loads_nothing_it_does_not_need():
    code = f"import sys, wsgi; print([name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"SECRET_KEY": "x" * 32},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[]"
