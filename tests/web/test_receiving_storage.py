"""When nothing can be stored: 503 and `Retry-After`, nothing half done, and recovery without a restart."""

from __future__ import annotations

import math
import resource
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
import pytest
from flask import Flask
from sqlalchemy import event, func, select
from sqlalchemy.exc import OperationalError

from dashboard.extensions import db
from dashboard.models import Application, Attachment, Delivery, Job, StoredFile
from dashboard.web import health
from tests.factories import as_body, file_object, payload, signed
from tests.factories import event as an_event
from tests.infrastructure.postgres import Cluster, migrate

ROWS = (Delivery, Application, Job, Attachment, StoredFile)


def post(app: Flask, content, age: float = 0):
    body = as_body(content)
    return app.test_client().post("/talroo/applications", data=body, headers=signed(body, age=age))


def rows(app: Flask) -> list[int]:
    with app.app_context():
        return [int(db.session.scalar(select(func.count()).select_from(model)) or 0) for model in ROWS]


def must_come_again(answer) -> None:
    assert answer.status_code == 503
    assert answer.json["status"] == "unavailable"
    assert int(answer.headers["Retry-After"]) > 0


@contextmanager
def listening(app: Flask, name: str, listener) -> Iterator[None]:
    with app.app_context():
        engine = db.engine
    event.listen(engine, name, listener)
    yield
    event.remove(engine, name, listener)


def test_nothing_is_acknowledged_that_could_not_be_committed(app):
    def fail(_connection):
        raise OperationalError("COMMIT", {}, Exception("disk I/O error"))

    with listening(app, "commit", fail):
        must_come_again(post(app, payload("complete")))
        must_come_again(post(app, payload("complete"), age=300_000))
    assert rows(app) == [0, 0, 0, 0, 0]
    assert post(app, payload("complete")).json["status"] == "accepted"


class Steps:
    """How many more steps the database takes before it fails; all of them, unless it is told."""

    def __init__(self) -> None:
        self.left = math.inf

    def are_over(self) -> bool:
        self.left -= 1
        return self.left < 0


def everything_or_nothing(app: Flask, steps: Steps) -> None:
    """Deliver again and again, letting the database take one step more each time, until it takes all."""
    document = payload("complete")
    for number in range(1_000):
        steps.left = number
        answer = post(app, document)
        steps.left = math.inf
        if answer.status_code == 200:
            break
        must_come_again(answer)
        assert rows(app) == [0, 0, 0, 0, 0]
    assert number >= 8
    assert answer.json["status"] == "accepted"
    assert rows(app) == [1, 1, 1, 2, 2]


def test_wherever_sqlite_breaks_off_there_is_everything_or_nothing(make_app, sqlite_url):
    app, steps = make_app(sqlite_url), Steps()
    with listening(app, "checkout", lambda connection, *_: connection.set_progress_handler(steps.are_over, 10)):
        everything_or_nothing(app, steps)


def test_whichever_statement_fails_on_postgresql_there_is_everything_or_nothing(
    make_app, fresh_database_url, monkeypatch
):
    app, steps, execute = make_app(fresh_database_url()), Steps(), psycopg.Cursor.execute

    def execute_or_fail(*args, **named):
        if steps.are_over():
            raise psycopg.OperationalError("the server closed the connection unexpectedly")
        return execute(*args, **named)

    monkeypatch.setattr(psycopg.Cursor, "execute", execute_or_fail)
    everything_or_nothing(app, steps)


def test_a_locked_database_is_unavailable_and_comes_back(make_app, sqlite_url):
    app = make_app(sqlite_url)
    other = sqlite3.connect(sqlite_url.removeprefix("sqlite:///"), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        must_come_again(post(app, an_event()))
        assert rows(app) == [0, 0, 0, 0, 0]
    finally:
        other.execute("ROLLBACK")
        other.close()
    assert post(app, an_event()).status_code == 200


def test_a_full_database_is_unavailable_and_comes_back(make_app, sqlite_url):
    app = make_app(sqlite_url)
    with app.app_context():
        pages = db.session.connection().exec_driver_sql("PRAGMA page_count").scalar_one()

    def limit(number):
        def set_limit(connection, _record, _proxy):
            connection.execute(f"PRAGMA max_page_count={number}")

        return set_limit

    large = an_event(redirectUrl="x" * 2_000_000)
    with listening(app, "checkout", limit(pages + 50)):
        must_come_again(post(app, large))
        assert rows(app) == [0, 0, 0, 0, 0]
        assert post(app, an_event()).status_code == 200
    with listening(app, "checkout", limit(1_000_000)):
        assert post(app, large).status_code == 200


@contextmanager
def files_at_most(size: int) -> Iterator[None]:
    """No process of ours may write a file beyond `size` bytes: the same error path as a disk that is full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_for_files_is_unavailable_leaves_no_half_file_and_comes_back(make_app, sqlite_url, tmp_path):
    app = make_app(sqlite_url)
    document = an_event(applicant={"resume": file_object(b"x" * 3_000_000)})
    with files_at_most(2_000_000):
        must_come_again(post(app, document))
        assert rows(app) == [0, 0, 0, 0, 0]
        assert [path for path in (tmp_path / "files").rglob("*") if path.is_file()] == []
        assert post(app, an_event()).status_code == 200
    assert post(app, document).json["status"] == "accepted"


def test_a_file_store_that_is_gone_is_unavailable_and_comes_back(app, tmp_path, monkeypatch):
    monkeypatch.setattr(health, "LOOKS_EVERY", 0.0)
    document = payload("complete")
    (tmp_path / "files").rename(tmp_path / "elsewhere")
    must_come_again(post(app, document))
    assert app.test_client().get("/readyz").status_code == 503
    assert rows(app) == [0, 0, 0, 0, 0]
    (tmp_path / "elsewhere").rename(tmp_path / "files")
    assert post(app, document).json["status"] == "accepted"
    assert app.test_client().get("/readyz").status_code == 200


def test_an_application_without_files_does_not_need_the_file_store(app, tmp_path):
    (tmp_path / "files").rename(tmp_path / "elsewhere")
    assert post(app, an_event()).json["status"] == "accepted"


@pytest.mark.process
def test_a_postgresql_that_is_stopped_is_unavailable_and_comes_back(make_app):
    with TemporaryDirectory(prefix="dashboard-stopped-", ignore_cleanup_errors=True) as folder:
        cluster = Cluster(Path(folder))
        cluster.start()
        try:
            url = cluster.url(cluster.create())
            migrate(url)
            app = make_app(url)
            first, second = an_event(), payload("complete")
            assert post(app, first).status_code == 200
            cluster.stop()
            must_come_again(post(app, second))
            must_come_again(post(app, first))
            cluster.start()
            assert post(app, second).json["status"] == "accepted"
            assert post(app, first).json["status"] == "duplicate"
            assert rows(app)[:2] == [2, 2]
        finally:
            with app.app_context():
                db.engine.dispose()
            cluster.stop()
