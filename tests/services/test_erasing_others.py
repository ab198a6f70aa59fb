"""Whoever is erased takes nothing along that is somebody else's, or another application's that stays."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from dashboard.clock import utcnow
from dashboard.database import start_writing
from dashboard.extensions import db
from dashboard.models import Application
from dashboard.services import erasing
from dashboard.services.erasing import By, Cause
from tests.factories import event
from tests.reminder_fixtures import SECRET

Deliver = Callable[..., Any]


@pytest.fixture
def session(app: Flask) -> Iterator[Session]:
    with app.app_context(), Session(db.engine, expire_on_commit=False) as opened:
        yield opened


def erase(session: Session, *public_ids: str, cause: Cause = Cause.REQUEST) -> None:
    session.rollback()
    start_writing(session)
    erasing.erase(session, public_ids, By(cause, "asked", utcnow()))
    session.commit()


def bury_again(session: Session) -> Any:
    session.rollback()
    start_writing(session)
    done = erasing.bury_again(session, (SECRET,), at=utcnow())
    session.commit()
    return done


def left(session: Session) -> set[str]:
    session.rollback()
    return set(session.scalars(select(Application.public_id)))


# --- ids that several have ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cause", [Cause.RETENTION, Cause.REQUEST])
def test_what_they_finished_lives_on_when_only_what_they_began_is_erased(session, deliver, cause):
    begun = deliver(event(kind="started:v1", tlrApplicationId="TLR-77")).json["application"]
    done = deliver(event(application_id="done-1", tlrApplicationId="TLR-77")).json["application"]
    erase(session, begun, cause=cause)
    update = event(
        application_id="done-1",
        tlrApplicationId="TLR-77",
        applicant={"phone": "5551234567"},
        created_at="2026-11-19T15:00:03Z",
    )
    assert deliver(update).json == {"status": "accepted", "application": done}
    bury_again(session)
    assert left(session) == {done}
    erase(session, done, cause=cause)
    another = event(tlrApplicationId="TLR-77", created_at="2099-11-19T15:00:03Z")
    assert deliver(another).json == {"status": "duplicate"}, "nobody has it any more"
