"""Waiting in the outbox: once for each business key, and anew for what was taken back."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from dashboard.database import start_writing
from dashboard.models import Outbound
from dashboard.models.outbound import Channel, State
from dashboard.services import queueing
from tests.outbox_fixtures import HOLD, NOON

LATER = NOON + timedelta(days=1)


def queue(session: Session, channel: Channel, **changes: Any) -> tuple[int, bool]:
    session.rollback()
    start_writing(session)
    row = {"channel": channel, "business_key": "the same", "event": "1", "stage": None, **changes}
    queued = queueing.queue(session, row, at=LATER, due=LATER + HOLD)
    session.commit()
    return queued


def only_row(session: Session) -> Outbound:
    session.rollback()
    return session.scalars(select(Outbound)).one()


@pytest.mark.parametrize("channel", Channel)
def test_what_was_taken_back_waits_again_from_the_start_with_its_number_of_attempts(session: Session, channel: Channel):
    number, _ = queue(session, channel)
    tried = {"attempts": 4, "failures": 3, "alone": True, "first_attempt_at": NOON}
    told = {"last_status": 400, "last_answer": "no"}
    session.execute(update(Outbound).values(state=State.CANCELLED, due_at=NOON, event_time=NOON, **tried, **told))
    session.commit()
    assert queue(session, channel, event="2") == (number, True)
    row = only_row(session)
    assert (row.state, row.event, row.event_time, row.due_at) == (State.WAITING, "2", LATER, LATER + HOLD)
    assert (row.failures, row.alone, row.first_attempt_at) == (0, False, None)
    assert (row.last_status, row.last_answer) == (None, None)
    assert row.attempts == 4, "attempts are numbered for good"


@pytest.mark.parametrize("state", [state for state in State if state != State.CANCELLED])
def test_what_waits_or_is_done_goes_on_as_it_is(session: Session, state: State):
    number, waits = queue(session, Channel.CONVERSION)
    assert waits
    session.execute(update(Outbound).values(state=state, due_at=NOON, failures=3))
    session.commit()
    assert queue(session, Channel.CONVERSION, event="2") == (number, False)
    row = only_row(session)
    assert (row.state, row.event, row.due_at, row.failures) == (state, "1", NOON, 3)
