"""PostgreSQL keeps what it planned, and no connection is handed on that is gone or has something left open."""

from __future__ import annotations

import time

import psycopg
import pytest
from sqlalchemy import Engine, create_engine, event, insert, select, text
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from dashboard import postgres
from dashboard.database import end_reading, keep_promises, start_writing
from dashboard.extensions import db
from dashboard.models import Tag
from dashboard.prepared import Prepared
from tests.application import signed_in_client

PREPARED = text("SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%FROM application%'")

MINE = text("SELECT pg_backend_pid()")


@pytest.fixture
def engine(fresh_database_url):
    made = create_engine(fresh_database_url(), pool_size=1, max_overflow=0)
    keep_promises(made)
    yield made
    made.dispose()


def tags(engine: Engine) -> int:
    with Session(engine) as session:
        return len(session.scalars(select(Tag.name)).all())


def put(session: Session) -> None:
    session.execute(insert(Tag).values(name="Night shift", key="night shift"))


def cut(engine: Engine) -> None:
    """End the server's side of the one connection that rests in the pool."""
    with Session(engine) as session:
        number = session.scalar(MINE)
    cut_off(engine, number)


def cut_off(engine: Engine, number: int | None) -> None:
    """End the server's side of the connection with this number."""
    url = engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(url, autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s)", (number,))
        while other.execute("SELECT 1 FROM pg_stat_activity WHERE pid = %s", (number,)).fetchone():
            time.sleep(0.01)


def test_what_a_page_asks_is_planned_once_however_often_it_is_asked(make_app, fresh_database_url):
    app = make_app(fresh_database_url())
    client = signed_in_client(app, "recruiter")
    for _ in range(8):
        assert client.get("/applications").status_code == 200
    with app.app_context():
        assert db.session.scalar(PREPARED)


def test_what_has_only_read_ends_and_leaves_nothing_open(engine):
    with Session(engine) as session:
        session.scalar(select(Tag.id))
        driver = session.connection().connection.driver_connection
        assert driver.info.transaction_status.name == "INTRANS"
        end_reading(session)
        assert driver.info.transaction_status.name == "IDLE"


def test_whoever_has_read_is_told_nothing_of_a_server_that_is_gone(engine):
    with Session(engine) as session:
        cut_off(engine, session.scalar(MINE))
        end_reading(session)
        assert session.scalars(select(Tag.name)).all() == []


def test_a_page_is_sent_although_the_server_went_after_its_last_question(make_app, fresh_database_url):
    app = make_app(fresh_database_url())
    client = signed_in_client(app, "recruiter")

    @app.after_request
    def lose_the_server(response: Response) -> Response:
        cut_off(db.engine, db.session.scalar(MINE))
        return response

    assert client.get("/me").status_code == 200


def test_what_a_failed_flush_left_is_rolled_back_without_a_word(engine):
    with Session(engine) as session:
        session.add(Tag(name=None, key="night shift"))
        with pytest.raises(IntegrityError):
            session.flush()
        end_reading(session)
        assert session.scalars(select(Tag.name)).all() == []


@pytest.mark.parametrize("says_so", [True, False])
def test_what_wrote_is_rolled_back_whether_it_said_so_or_not(engine, says_so):
    with Session(engine) as session:
        if says_so:
            start_writing(session)
        put(session)
        end_reading(session)
    assert tags(engine) == 0


def test_what_was_written_past_the_hooks_is_rolled_back_as_well(engine):
    with Session(engine) as session:
        row = {"public_id": "1", "name": "Night shift", "key": "night shift"}
        assert Prepared.insert(Tag, "key").first(session, row)
        end_reading(session)
    assert tags(engine) == 0


def test_a_commit_that_failed_on_its_way_is_finished_by_nobody(engine):
    def fail(_connection: object) -> None:
        raise OSError("on its way")

    event.listen(engine, "commit", fail)
    with Session(engine) as session:
        put(session)
        with pytest.raises(OSError, match="on its way"):
            session.commit()
    event.remove(engine, "commit", fail)
    with Session(engine) as session:
        session.scalar(select(Tag.id))
        session.commit()
    assert tags(engine) == 0


def test_a_connection_that_was_cut_while_it_rested_is_replaced(engine, monkeypatch):
    monkeypatch.setattr(postgres, "RESTED", 60.0)
    cut(engine)
    with pytest.raises(OperationalError):
        tags(engine)  # it rested for a moment only
    assert tags(engine) == 0
    cut(engine)
    monkeypatch.setattr(postgres, "RESTED", 0.0)
    assert tags(engine) == 0
