"""What both databases promise: what is committed is on disk, no update is lost, ids cannot be guessed."""

from __future__ import annotations

import re
import sqlite3
import threading
from datetime import UTC, datetime, timedelta, timezone

import psycopg
import pytest
from sqlalchemy import create_engine, event, insert, select, text
from sqlalchemy.exc import (
    DatabaseError,
    DataError,
    IntegrityError,
    InterfaceError,
    InternalError,
    OperationalError,
    ProgrammingError,
    StatementError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session

from dashboard.clock import utcnow
from dashboard.database import insert_or_ignore, is_storage_failure, keep_promises, public_id, start_writing
from dashboard.extensions import db
from dashboard.models import Attachment, Delivery, Job, User
from tests.factories import as_body, signed
from tests.factories import event as an_event


@pytest.fixture
def engine(database_url):
    engine = create_engine(database_url)
    keep_promises(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def sqlite_engine(sqlite_url):
    engine = create_engine(sqlite_url)
    keep_promises(engine)
    yield engine
    engine.dispose()


def a_job(identity: str = "1") -> dict[str, str]:
    return {"identity": identity, "reference": "R-1", "public_id": public_id()}


@pytest.mark.parametrize(
    ("pragma", "value"), [("journal_mode", "wal"), ("synchronous", 2), ("foreign_keys", 1), ("busy_timeout", 5_000)]
)
def test_every_sqlite_connection_is_durable_patient_and_checks_references(make_app, sqlite_url, pragma, value):
    app = make_app(sqlite_url)
    with app.app_context(), db.engine.connect() as first, db.engine.connect() as second:
        for connection in (first, second):
            assert connection.exec_driver_sql(f"PRAGMA {pragma}").scalar_one() == value


def test_postgresql_is_reached_by_psycopg_3_and_flushes_what_it_commits(make_app, fresh_database_url):
    app = make_app(fresh_database_url())
    with app.app_context(), db.engine.connect() as connection:
        assert isinstance(connection.connection.driver_connection, psycopg.Connection)
        for name in ("synchronous_commit", "fsync"):
            assert connection.execute(text(f"SHOW {name}")).scalar_one() == "on"


def test_a_reference_to_nothing_is_refused(engine):
    row = {"public_id": public_id(), "application_id": 1, "size": 0, "verdict": "ok", "arrived_at": utcnow()}
    with engine.connect() as connection, pytest.raises(IntegrityError):
        connection.execute(insert(Attachment), row)


def test_receiving_on_sqlite_takes_its_turn_to_write_before_it_reads(make_app, sqlite_url):
    app, statements = make_app(sqlite_url), []
    with app.app_context():
        event.listen(db.engine, "checkout", lambda connection, *_: connection.set_trace_callback(statements.append))
    body = as_body(an_event())
    assert app.test_client().post("/talroo/applications", data=body, headers=signed(body)).status_code == 200
    first, *others = [statement for statement in statements if not statement.startswith("PRAGMA")]
    assert first == "BEGIN IMMEDIATE"
    assert [statement for statement in others if statement.startswith("BEGIN")] == []
    assert "COMMIT" in others


def test_a_reader_does_not_wait_for_a_writer(sqlite_engine):
    with Session(sqlite_engine) as writer, Session(sqlite_engine) as reader:
        start_writing(writer)
        writer.execute(insert(Job), a_job())
        assert reader.execute(select(Job)).all() == []
        writer.commit()


def test_writers_on_sqlite_queue_and_lose_no_update(engine):
    with Session(engine) as session:
        session.execute(
            insert(User), {"email": "a@b", "password_hash": "0", "role": "recruiter", "created_at": utcnow()}
        )
        session.commit()

    def count_up():
        for _ in range(10):
            with Session(engine) as session:
                start_writing(session)
                user = session.scalars(select(User).with_for_update()).one()
                user.password_hash = str(int(user.password_hash) + 1)
                session.commit()

    threads = [threading.Thread(target=count_up) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with Session(engine) as session:
        assert session.scalars(select(User.password_hash)).one() == "60"


def test_a_writer_that_fails_lets_the_next_one_write(sqlite_engine):
    for _ in range(3):
        with Session(sqlite_engine) as session:
            start_writing(session)
            with pytest.raises(OperationalError):
                session.execute(text("SELECT * FROM no_such_table"))
    with Session(sqlite_engine) as session:
        start_writing(session)
        session.execute(insert(Job), a_job())
        session.commit()


def test_of_two_that_insert_the_same_the_database_lets_one(engine):
    with Session(engine) as session:
        first = session.execute(insert_or_ignore(session, Job, "identity"), a_job()).scalar()
        second = session.execute(insert_or_ignore(session, Job, "identity"), a_job()).scalar()
        other = session.execute(insert_or_ignore(session, Job, "identity"), a_job("2")).scalar()
        assert (first is None, second is None, other is None) == (False, True, False)
        assert len(session.execute(select(Job.id)).all()) == 2


def test_another_broken_constraint_is_not_ignored(engine):
    with Session(engine) as session, pytest.raises(IntegrityError):
        session.execute(insert_or_ignore(session, Job, "identity"), {**a_job(), "reference": None})


@pytest.mark.parametrize("zone", [UTC, timezone(timedelta(hours=-6)), timezone(timedelta(hours=5, minutes=45))])
def test_a_time_comes_back_as_the_same_moment_in_utc(engine, zone):
    moment = datetime(2026, 3, 8, 2, 30, 0, 123456, tzinfo=zone)
    row = {"key": "k", "source": "pushed", "timing": "fresh", "body": b"", "cuts": [], "size": 0, "status": "kept"}
    with Session(engine) as session:
        session.add(Delivery(**row, received_at=moment))
        session.commit()
        found = session.scalars(select(Delivery.received_at)).one()
    assert found == moment
    assert found.tzinfo is UTC or found.utcoffset() == timedelta(0)


def test_a_time_without_a_zone_is_refused(engine):
    with Session(engine) as session, pytest.raises(StatementError, match="without time zone"):
        session.execute(insert(User), {"created_at": datetime(2026, 1, 1)})  # noqa: DTZ001


def test_ids_are_long_random_and_fit_into_an_address():
    ids = [public_id() for _ in range(1_000)]
    assert len(set(ids)) == 1_000
    assert all(re.fullmatch(r"[0-9A-Za-z_-]{22}", one) for one in ids)
    # No place of an id gives away another's: each takes most of the 64 letters among so many.
    assert all(len({one[place] for one in ids}) > 50 for place in range(21))


@pytest.mark.parametrize(
    "problem",
    [
        OSError(28, "No space left on device"),
        PermissionError("read-only"),
        OperationalError("…", {}, sqlite3.OperationalError("database is locked")),
        InterfaceError("…", {}, Exception("connection already closed")),
        InternalError("…", {}, psycopg.errors.ReadOnlySqlTransaction("read-only")),
        DatabaseError("…", {}, sqlite3.DatabaseError("database disk image is malformed")),
        PoolTimeout("all connections are in use"),
    ],
)
def test_what_may_pass_is_a_storage_failure(problem):
    assert is_storage_failure(problem)


@pytest.mark.parametrize(
    "problem",
    [
        DataError("…", {}, Exception("value too long")),
        IntegrityError("…", {}, Exception("NOT NULL")),
        ProgrammingError("…", {}, Exception("no such column")),
        StatementError("…", "…", {}, Exception("not a datetime")),
        ValueError("NUL"),
        KeyError("x"),
    ],
)
def test_what_would_fail_again_is_none(problem):
    assert not is_storage_failure(problem)
