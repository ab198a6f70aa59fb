"""The audit log: what is noted stays as it was written, and any change to it is found."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Engine, delete, func, select, text, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from config import ROOT
from dashboard.audit_actions import LABELS, Action
from dashboard.database import start_writing
from dashboard.extensions import db
from dashboard.models import AuditEntry, AuditHead, User
from dashboard.services import accounts, audit
from dashboard.services.audit import Subject

NOW = datetime(2026, 11, 27, 9, 30, 1, 250, tzinfo=UTC)
SECRETS = ("for the tests only, nothing is secret",)


@pytest.fixture
def session(app: Flask) -> Iterator[Session]:
    with app.app_context():
        yield db.session()


def viewed(session: Session, *ids: str) -> None:
    """Somebody looked at these applications, one after the other."""
    for one in ids:
        audit.note(
            session, Action.APPLICATION_VIEWED, at=NOW, remote_addr="192.0.2.1", subject=Subject("application", one)
        )
        session.commit()


def entries(session: Session) -> int:
    return session.scalar(select(func.count()).select_from(AuditEntry)) or 0


def tamper(session: Session, statement: Any) -> None:
    """Change the table as whoever owns the database could: without its triggers."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("ALTER TABLE audit_entry DISABLE TRIGGER USER"))
    else:
        for verb in ("update", "delete"):
            session.execute(text(f"DROP TRIGGER IF EXISTS audit_entry_no_{verb}"))
    session.execute(statement.execution_options(synchronize_session=False))
    session.commit()


def test_what_is_noted_is_written_with_the_commit(session: Session):
    audit.note(session, Action.EXPORTED, at=NOW, subject=Subject("application", "abc"), rows=3, nothing=None)
    assert entries(session) == 0
    session.commit()
    entry = session.scalars(select(AuditEntry)).one()
    assert (entry.number, entry.action, entry.subject_id, entry.at) == (1, "exported", "abc", NOW)
    assert entry.details == '{"rows":3}'


def test_the_chain_holds_over_many_commits(session: Session):
    viewed(session, *(f"a{number}" for number in range(7)))
    found = audit.verify(session, SECRETS)
    assert (found.entries, found.broken) == (7, None)
    assert found.head == session.get_one(AuditHead, 1).digest


def test_an_empty_chain_holds(session: Session):
    assert audit.verify(session, SECRETS) == audit.Verified(0, "")


def test_what_is_rolled_back_is_not_noted(session: Session):
    audit.note(session, Action.EXPORTED, at=NOW)
    session.rollback()
    session.commit()
    assert entries(session) == 0


def test_of_a_part_rolled_back_nothing_is_noted(session: Session):
    audit.note(session, Action.EXPORTED, at=NOW)
    part = session.begin_nested()
    audit.note(session, Action.ERASED, at=NOW)
    part.rollback()
    with session.begin_nested():
        audit.note(session, Action.HELD, at=NOW)
    session.commit()
    assert list(session.scalars(select(AuditEntry.action).order_by(AuditEntry.number))) == ["exported", "held"]


@pytest.mark.parametrize(
    "change",
    [
        update(AuditEntry).where(AuditEntry.number == 2).values(subject_id="other"),
        update(AuditEntry).where(AuditEntry.number == 2).values(remote_addr=None),
        update(AuditEntry).where(AuditEntry.number == 2).values(at=datetime(2026, 1, 1, tzinfo=UTC)),
        update(AuditEntry).where(AuditEntry.number == 2).values(details='{"rows":1}'),
        delete(AuditEntry).where(AuditEntry.number == 2),
    ],
    ids=["subject", "address", "time", "details", "deleted"],
)
def test_a_changed_entry_is_found(session: Session, change: Any):
    viewed(session, "a", "b", "c")
    tamper(session, change)
    broken = audit.verify(session, SECRETS).broken
    assert broken is not None
    assert broken.number == 2


@pytest.mark.parametrize("kept", [0, 1, 2])
def test_an_end_that_was_cut_off_is_found(session: Session, kept: int):
    viewed(session, "a", "b", "c")
    tamper(session, delete(AuditEntry).where(AuditEntry.number > kept))
    broken = audit.verify(session, SECRETS).broken
    assert broken is not None
    assert broken.number == kept + 1


@pytest.mark.parametrize("change", [update(AuditEntry).values(action="exported"), delete(AuditEntry)])
def test_the_database_refuses_to_change_an_entry(session: Session, change: Any):
    viewed(session, "a")
    with pytest.raises(DBAPIError, match="only ever added"):
        session.execute(change.execution_options(synchronize_session=False))
    session.rollback()
    assert audit.verify(session, SECRETS).entries == 1


def test_entries_from_before_the_key_was_changed_still_hold(make_app: Callable[..., Flask], database_url: str):
    old, new = "the key of last year, thirty-two bytes", "the key of this year, thirty-two bytes"
    for secrets in ((old,), (new, old)):
        app = make_app(database_url, secret_key=secrets[0], secret_key_retired=secrets[1:])
        with app.app_context():
            viewed(db.session(), "a")
    with app.app_context():
        assert audit.verify(db.session(), (new, old)).entries == 2
        assert audit.verify(db.session(), (new,)).broken == audit.Broken(
            1, "it, or the one before it, is not as it was written"
        )


def test_every_action_has_its_words():
    assert set(LABELS) == set(Action)


def test_a_part_within_a_part_is_forgotten_with_it(session: Session):
    outer = session.begin_nested()
    with session.begin_nested():
        audit.note(session, Action.HELD, at=NOW)
    outer.rollback()
    session.commit()
    assert entries(session) == 0


def test_what_a_closed_session_never_committed_is_not_noted_with_its_next_commit(session: Session):
    audit.note(session, Action.EXPORTED, at=NOW)
    session.close()
    viewed(session, "a")
    assert list(session.scalars(select(AuditEntry.action))) == ["application_viewed"]


def test_the_time_of_day_elsewhere_is_the_same_moment(session: Session):
    audit.note(session, Action.EXPORTED, at=NOW.astimezone(timezone(timedelta(hours=-5))))
    session.commit()
    assert audit.verify(session, SECRETS).broken is None
    assert session.scalars(select(AuditEntry.at)).one() == NOW


def test_an_end_that_was_noted_elsewhere_must_still_be_in_the_chain(session: Session):
    viewed(session, "a", "b")
    noted = audit.head(session)
    viewed(session, "c")
    assert noted == audit.Head.read(str(noted))
    assert audit.verify(session, SECRETS, expected=noted).broken is None
    rewritten = audit.verify(session, SECRETS, expected=audit.Head(2, "0" * 64)).broken
    assert rewritten == audit.Broken(2, "it is another entry than the one that was there once")
    cut = audit.verify(session, SECRETS, expected=audit.Head(9, "0" * 64)).broken
    assert cut == audit.Broken(4, "the chain once went on to entry 9")


@pytest.mark.parametrize("written", ["", "12", "0" * 64, f"{'0' * 64}:0", f"{'g' * 64}:1", f"{'0' * 64}:1:2", "é:1"])
def test_what_is_no_end_of_a_chain_is_refused(written: str):
    with pytest.raises(ValueError, match="DIGEST:NUMBER"):
        audit.Head.read(written)


def test_entries_beyond_the_end_are_found(session: Session):
    viewed(session, "a", "b")
    first = session.scalar(select(AuditEntry.digest).where(AuditEntry.number == 1))
    tamper(session, update(AuditHead).values(number=1, digest=first))
    assert audit.verify(session, SECRETS).broken == audit.Broken(2, "entries follow that were not added to the chain")


def test_a_chain_that_grows_while_it_is_verified_holds(app: Flask, session: Session):
    viewed(session, "a", "b")

    def grow(_number: int) -> None:
        with Session(db.engine) as other:
            viewed(other, "while it is read")

    session.rollback()
    assert audit.verify(session, SECRETS, told=grow).entries == 2
    session.rollback()
    assert audit.verify(session, SECRETS) == audit.Verified(4, audit.head(session).digest)  # type: ignore[union-attr]


def test_many_who_commit_at_once_make_one_chain(app: Flask, session: Session):
    """Eight threads, each of twenty commits with up to three entries."""
    with app.app_context():
        engine = db.engine

    def commit_twenty(who: int) -> None:
        for turn in range(20):
            with Session(engine) as own:
                start_writing(own)
                for part in range(1 + turn % 3):
                    subject = Subject("application", f"{who}-{turn}-{part}")
                    audit.note(own, Action.STAGE_CHANGED, at=NOW, subject=subject)
                own.commit()

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(commit_twenty, range(8)))
    found = audit.verify(session, SECRETS)
    assert (found.entries, found.broken) == (8 * (7 * 1 + 7 * 2 + 6 * 3), None)


@pytest.mark.process
def test_many_processes_make_one_chain(app: Flask, database_url: str, session: Session):
    words = (sys.executable, "-c", WRITER, database_url, SECRETS[0])
    writers = [subprocess.Popen(words, cwd=ROOT) for _ in range(3)]
    assert [writer.wait(120) for writer in writers] == [0, 0, 0]
    found = audit.verify(session, SECRETS)
    assert (found.entries, found.broken) == (3 * 40, None)


WRITER = """
import sys
from datetime import datetime, UTC
from sqlalchemy import create_engine
from sqlalchemy.orm import Session
from dashboard.audit_actions import Action
from dashboard.database import keep_promises, start_writing
from dashboard.services import audit

engine = create_engine(sys.argv[1])
keep_promises(engine)
audit.keep_chain(engine, sys.argv[2:])
for _ in range(40):
    with Session(engine) as session:
        start_writing(session)
        audit.note(session, Action.EXPORTED, at=datetime.now(UTC))
        session.commit()
"""


def test_whoever_holds_a_user_and_notes_something_waits_for_nobody_who_waits_for_them(
    make_app: Callable[..., Flask], fresh_database_url: Callable[[], str]
):
    """PostgreSQL locks an entry's actor for its foreign key: after the end of the chain, that would be a deadlock."""
    with make_app(fresh_database_url()).app_context():
        session, engine = db.session(), db.engine
        user_id = accounts.add_user(session, "ann@example.com", "correct horse battery", "hr_admin", now=NOW).id
        session.commit()
        with Session(engine) as holder, ThreadPoolExecutor(1) as thread:
            holder.execute(select(User).where(User.id == user_id).with_for_update())
            audit.note(holder, Action.ROLE_CHANGED, at=NOW, user_id=user_id)
            waiting = thread.submit(_note_as, engine, user_id)
            _until_somebody_waits(session)
            holder.commit()
            waiting.result(120)
        assert audit.verify(session, SECRETS).entries == 2


def _note_as(engine: Engine, user_id: int) -> None:
    with Session(engine) as other:
        audit.note(other, Action.EXPORTED, at=NOW, user_id=user_id)
        other.commit()


def _until_somebody_waits(session: Session) -> None:
    for _ in range(6_000):
        if session.scalar(text("SELECT count(*) FROM pg_locks WHERE NOT granted")):
            return
        time.sleep(0.01)
    raise AssertionError("nobody waits")
