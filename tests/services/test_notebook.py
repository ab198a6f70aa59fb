"""What requests notice in passing is written down by itself, together, and never in their time."""

from __future__ import annotations

import threading
import time
from datetime import timedelta

import pytest
from sqlalchemy import Engine, event, select
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from dashboard.models import Refusal, SecretUse
from dashboard.models.watch import REASON_LABELS, Reason
from dashboard.services import notebook as notebooks
from dashboard.services import secret_uses
from dashboard.services.notebook import MOST_ADDRESSES, Notebook
from dashboard.services.refusals import OTHERS
from tests.outbox_fixtures import NOON

KEY = "for the tests only, nothing is secret"


@pytest.fixture
def notebook(engine: Engine):
    made = Notebook(lambda: Session(engine), KEY, every=0.05)
    yield made
    made.close()


def refused(session: Session) -> dict[tuple[str, str], int]:
    session.rollback()
    return {(row.reason, row.remote_addr): row.count for row in session.scalars(select(Refusal))}


def wait_for(there, within: float = 60) -> None:
    deadline = time.monotonic() + within
    while not there():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_every_reason_has_words_and_an_answer():
    assert list(REASON_LABELS) == list(Reason)
    assert {reason.status for reason in Reason} == {400, 401, 413, 503}


def test_what_was_refused_is_written_down_by_itself(notebook: Notebook, session: Session):
    notebook.refused("missing", "192.0.2.1", NOON)
    wait_for(lambda: refused(session) == {("missing", "192.0.2.1"): 1})


def test_a_flood_is_counted_whole_and_written_a_few_times(notebook: Notebook, session: Session, engine: Engine):
    commits = []
    event.listen(engine, "commit", lambda _connection: commits.append(1))
    threads = [
        threading.Thread(target=lambda: [notebook.refused("mismatch", "192.0.2.1", NOON) for _ in range(2_000)])
        for _ in range(4)
    ]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    notebook.flush()
    most = 3 + (time.monotonic() - began) / 0.05
    assert refused(session) == {("mismatch", "192.0.2.1"): 8_000}
    assert len(commits) <= most


def test_beyond_so_many_addresses_of_an_hour_it_is_others(notebook: Notebook, session: Session):
    for number in range(MOST_ADDRESSES + 50):
        notebook.refused("missing", f"192.0.2.{number}", NOON)
    notebook.refused("missing", "192.0.2.1", NOON)
    notebook.refused("missing", "198.51.100.1", NOON + timedelta(hours=1))
    notebook.flush()
    counted = refused(session)
    assert counted["missing", OTHERS] == 50
    assert counted["missing", "192.0.2.1"] == 2
    assert counted["missing", "198.51.100.1"] == 1
    assert len(counted) == MOST_ADDRESSES + 2


def test_nobody_waits_for_a_database_that_is_busy_and_nothing_is_lost(session: Session, engine: Engine, caplog):
    broken = [True]

    def sessions() -> Session:
        if broken:
            raise OperationalError("SELECT 1", {}, Exception("database is locked"))
        return Session(engine)

    notebook = Notebook(sessions, KEY)
    notebook.close()  # so that it writes when it is told to
    notebook.refused("missing", "192.0.2.1", NOON)
    notebook.proved(secret_uses.WEBHOOK, "a secret", NOON)
    notebook.flush()
    assert "OperationalError" in caplog.text
    broken.clear()
    notebook.refused("missing", "192.0.2.1", NOON + timedelta(minutes=1))
    notebook.flush()
    (row,) = session.scalars(select(Refusal)).all()
    assert (row.count, row.first_at, row.last_at) == (2, NOON, NOON + timedelta(minutes=1))
    assert session.scalars(select(SecretUse.last_at)).all() == [NOON]


def test_a_secret_is_noted_once_a_minute_and_never_told(session: Session, engine: Engine, monkeypatch):
    written = []
    note = secret_uses.note
    monkeypatch.setattr(
        notebooks.secret_uses, "note", lambda session, uses: (written.append(dict(uses)), note(session, uses))
    )
    notebook = Notebook(lambda: Session(engine), KEY)
    notebook.close()
    for seconds in (0, 1, 59, 60, 61):
        notebook.proved(secret_uses.WEBHOOK, "the secret itself", NOON + timedelta(seconds=seconds))
        notebook.flush()
    assert len(written) == 2
    (use,) = session.scalars(select(SecretUse)).all()
    assert (use.first_at, use.last_at) == (NOON, NOON + timedelta(minutes=1))
    assert (len(use.fingerprint), "secret" in use.fingerprint) == (8, False)
    assert use.fingerprint != secret_uses.fingerprint(
        "another key of thirty-two bytes....", use.setting, "the secret itself"
    )
