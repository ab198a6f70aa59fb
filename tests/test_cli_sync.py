"""`flask --app wsgi sync …`: what it prints, on which stream, and how it ends."""

from __future__ import annotations

import os
import pty
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import Result
from sqlalchemy import func, select

from dashboard.extensions import db
from dashboard.models import Application, SyncKind, SyncRun
from dashboard.services import pull_turn
from tests.application import MakeApp
from tests.infrastructure.processes import FLASK, ROOT
from tests.talroo_api import TalrooApi, item

Sync = Callable[..., Result]


@pytest.fixture
def api() -> Iterator[TalrooApi]:
    now = datetime.now(UTC)
    with TalrooApi(item(number, at=now - timedelta(hours=number + 1)) for number in range(60)) as running:
        yield running


@pytest.fixture
def sync(make_app: MakeApp, database_url: str, api: TalrooApi) -> Sync:
    """`sync("incomplete", "--since", …)` runs the command in this process, against the fake API."""
    runner = make_app(database_url, **api.settings).test_cli_runner()
    return lambda *words: runner.invoke(args=["sync", *words])


def test_a_pull_prints_its_counts_and_nothing_else(sync, api):
    done = sync("incomplete")
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout == "fetched 60, new 60, updated 0, unchanged 0, failed 0\n"
    assert sync("incomplete").stdout == "fetched 49, new 0, updated 0, unchanged 49, failed 0\n"


def test_a_pull_of_completed_ones_tells_the_gap_too(sync, api):
    now = datetime.now(UTC)
    api.items = [item(number, at=now - timedelta(minutes=9), completed=True) for number in range(3)]
    done = sync("completed")
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout == (
        "fetched 3, new 3, updated 0, unchanged 0, failed 0\npushed 0, found only by the API 3, missing 0\n"
    )


def test_since_bounds_what_is_read(sync, api):
    now = datetime.now(UTC)
    api.items = [item(days, at=now - timedelta(days=days, minutes=1)) for days in range(90)]
    day = (now - timedelta(days=60)).strftime("%Y-%m-%d")
    first_left_out = next(n for n in range(90) if (now - timedelta(days=n, minutes=1)).strftime("%Y-%m-%d") < day)
    done = sync("incomplete", "--since", day)
    assert done.stdout == f"fetched {first_left_out}, new {first_left_out}, updated 0, unchanged 0, failed 0\n"


@pytest.mark.parametrize("since", ["yesterday", "2026-02-30", "31.01.2026", "", "2026-01-31T10:00", "0000-00-00"])
def test_a_date_that_is_none_is_told_in_one_line(sync, api, since):
    done = sync("incomplete", "--since", since)
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr == f"--since wants a date such as 2026-01-31, not {since!r}.\n"
    assert api.pages == []


def test_a_date_that_is_yet_to_come_is_told(sync):
    done = sync("incomplete", "--since", "2199-01-01")
    assert (done.exit_code, done.stderr) == (1, "--since 2199-01-01 is yet to come.\n")


def test_without_an_app_client_it_says_which_settings(make_app, sqlite_url):
    done = make_app(sqlite_url).test_cli_runner().invoke(args=["sync", "incomplete"])
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr.count("\n") == 1
    assert "TALROO_CLIENT_ID and TALROO_CLIENT_SECRET" in done.stderr


@pytest.mark.parametrize(("status", "told"), [(403, "Ask Talroo to permit it"), (404, "TALROO_APPLICATIONS_PATH")])
def test_what_talroo_refuses_is_one_line_and_the_numbers_stay(sync, api, status, told):
    api.before[0] = lambda: api.script.append(status)
    done = sync("incomplete")
    assert (done.exit_code, done.stderr.count("\n")) == (1, 1)
    assert told in done.stderr
    assert done.stdout == "fetched 50, new 50, updated 0, unchanged 0, failed 0\n"


def test_while_another_one_runs_it_says_so(sync, make_app, database_url):
    with make_app(database_url).app_context():
        session, now = db.session(), datetime.now(UTC)
        pull_turn.take(session, SyncKind.INCOMPLETE, trigger="worker", user_id=None, since=None, now=now)
        session.commit()
    done = sync("incomplete")
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr == (
        f"A pull of incomplete applications is running already, since {now:%H:%M:%S} UTC, started by the worker.\n"
    )


def test_a_database_without_tables_is_told(make_app, tmp_path, api):
    runner = make_app(f"sqlite:///{tmp_path}/empty.db", **api.settings).test_cli_runner()
    done = runner.invoke(args=["sync", "incomplete"])
    assert done.exit_code == 1
    assert done.stderr == "The database has no tables yet, or old ones. Run: flask --app wsgi db upgrade\n"


def watch(terminal: int, shown: bytearray) -> None:
    """All that is written to the terminal, until nobody can write to it any more."""
    with suppress(OSError):
        while piece := os.read(terminal, 65_536):
            shown.extend(piece)


@pytest.mark.process
def test_on_a_terminal_a_bar_moves_while_standard_output_stays_clean(sqlite_url, api, tmp_path: Path):
    env = {name.upper(): value for name, value in api.settings.items()}
    env |= {"DATABASE_URL": sqlite_url, "FILES_URL": f"file://{tmp_path}/files", "SECRET_KEY": "x" * 32}
    env |= {"PATH": os.environ["PATH"], "TERM": "xterm", "COLUMNS": "120"}
    ours, theirs = pty.openpty()
    shown = bytearray()
    watching = threading.Thread(target=watch, args=(ours, shown))
    watching.start()
    words = [*FLASK, "sync", "incomplete"]
    done = subprocess.run(words, cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=theirs, check=False)
    os.close(theirs)
    watching.join()
    os.close(ours)
    assert (done.returncode, done.stdout) == (0, b"fetched 60, new 60, updated 0, unchanged 0, failed 0\n")
    assert b"incomplete" in shown
    assert b"fetched 60, new 60" in shown


def test_ctrl_c_ends_a_pull_and_owes_nothing_of_what_was_asked_for(sync, api, make_app, database_url, monkeypatch):
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("dashboard.services.pull_keeping.Keeper._store", interrupt)
    api.items.append(item(999, at=datetime.now(UTC) - timedelta(days=900)))
    assert sync("incomplete", "--since", "2016-01-31").exit_code == 1
    monkeypatch.undo()
    assert sync("incomplete").stdout.startswith("fetched 60, new 60")
    with make_app(database_url).app_context():
        assert db.session.scalars(select(SyncRun.state).order_by(SyncRun.id)).all() == ["interrupted", "done"]
        assert db.session.scalar(select(func.count()).select_from(Application)) == 60
