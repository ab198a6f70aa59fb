"""The audit log: what is noted stays as it was written, and any change to it is found."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import delete, func, select, text, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from dashboard.audit_actions import LABELS, Action
from dashboard.extensions import db
from dashboard.models import AuditEntry, AuditHead
from dashboard.services import audit
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
