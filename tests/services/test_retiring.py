"""What is old enough, what it is said to be before, and what goes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest
from flask import Flask
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from dashboard.clock import utcnow
from dashboard.database import start_writing
from dashboard.extensions import db
from dashboard.models import Application, Click, Delivery, Erasure, FollowUp, Refusal, StageChange, Tombstone
from dashboard.models.privacy import HoldKind
from dashboard.services import retiring
from tests.factories import event
from tests.services.test_holding import keep

LONG_AGO: Final = timedelta(days=800)


@pytest.fixture
def session(app: Flask) -> Iterator[Session]:
    with app.app_context(), Session(db.engine, expire_on_commit=False) as opened:
        yield opened


def grow_old(session: Session, public_id: str) -> None:
    then = utcnow() - LONG_AGO
    session.rollback()
    start_writing(session)
    own = Application.public_id == public_id
    session.execute(update(Application).where(own).values(applied_at=then, arrived_at=then))
    theirs = select(Application.id).where(own)
    session.execute(update(FollowUp).where(FollowUp.application_id.in_(theirs)).values(since=then))
    session.commit()


def retire(session: Session, months: int = 24) -> None:
    session.rollback()
    while retiring.retire_some(lambda: Session(session.get_bind()), months, utcnow()):
        pass


def left(session: Session) -> set[str]:
    session.rollback()
    return set(session.scalars(select(Application.public_id)))


@pytest.fixture
def six(session: Session, deliver: Callable[..., Any]) -> dict[str, str]:
    """By what becomes of them: `old`, `begun` and `moved` are old but for what the name says; `new` is not."""
    found = {}
    for name in ("old", "new", "moved", "held"):
        found[name] = deliver(event(applicant={"emailAddress": f"{name}@example.com"})).json["application"]
    for name in ("begun", "lately"):
        told = event(kind="started:v1", applicant={"emailAddress": f"{name}@example.com"})
        found[name] = deliver(told).json["application"]
    for name in ("old", "moved", "held", "begun"):
        grow_old(session, found[name])
    number = session.scalars(select(Application.id).where(Application.public_id == found["moved"])).one()
    session.add(StageChange(application_id=number, from_stage="new", to_stage="offer", at=utcnow()))
    session.commit()
    keep(session, HoldKind.LEGAL, found["held"])
    return found


def test_what_nothing_happened_to_for_so_long_goes_and_the_rest_stays(session, six):
    planned = retiring.plan(session, 24, utcnow())
    assert (planned.completed, planned.incomplete, planned.held) == (1, 1, 1)
    retire(session)
    assert left(session) == {six[name] for name in ("new", "moved", "held", "lately")}
    assert session.scalars(select(Erasure.cause)).all() == ["retention"]
    assert retiring.plan(session, 24, utcnow()).total == 0


def test_retention_that_is_off_takes_nobody(session, six):
    retire(session, months=0)
    assert left(session) == set(six.values())
    assert retiring.plan(session, 0, utcnow()).total == 0


def test_whoever_is_retired_may_go_on_with_what_they_began_since(session, deliver, six):
    retire(session)
    assert set(session.scalars(select(Tombstone.kind))) <= {"id", "application", "delivery"}
    young = event(applicant={"emailAddress": "old@example.com"}, created_at="2026-11-18T15:00:03Z")
    assert deliver(young).json["status"] == "accepted"


def test_what_came_of_nobody_goes_as_well(session, deliver):
    assert deliver({"id": "odd", "type": "platform:Odd:v1"}).json["status"] == "kept"
    then = utcnow() - LONG_AGO
    session.execute(update(Delivery).values(received_at=then))
    session.add(Click(tlr_sid="old-click", destination="https://jobs.example.com", landed_at=then))
    session.add(Click(tlr_sid="new-click", destination="https://jobs.example.com", landed_at=utcnow()))
    for days in (91, 1):
        at = utcnow() - timedelta(days=days)
        session.add(Refusal(hour=at, reason="signature", remote_addr="192.0.2.1", count=1, first_at=at, last_at=at))
    session.commit()
    planned = retiring.plan(session, 24, utcnow())
    assert (planned.deliveries, planned.clicks, planned.refusals) == (1, 1, 1)
    retire(session)
    assert session.scalars(select(Delivery.status)).all() == ["erased"]
    assert session.scalars(select(Click.tlr_sid)).all() == ["new-click"]
    assert len(session.scalars(select(Refusal)).all()) == 1


def test_a_month_without_such_a_day_ends_with_its_last():
    assert retiring.limit(1, datetime(2027, 3, 31, tzinfo=UTC)) == datetime(2027, 2, 28, tzinfo=UTC)
    assert retiring.limit(24, datetime(2028, 2, 29, tzinfo=UTC)) == datetime(2026, 2, 28, tzinfo=UTC)
    assert retiring.limit(0, utcnow()) is None


@pytest.mark.parametrize(
    ("months", "says"), [(0, "nothing is ever erased"), (11, "29 CFR 1602.14"), (12, None), (24, None)]
)
def test_less_than_a_year_is_warned_about(months, says):
    told = retiring.warning(months)
    assert (says in told) if says else told is None


def test_the_night_begins_at_two():
    before, after = datetime(2026, 11, 27, 1, 59, tzinfo=UTC), datetime(2026, 11, 27, 2, 0, tzinfo=UTC)
    assert (retiring.day(before), retiring.day(after)) == ("2026-11-26", "2026-11-27")
    assert retiring.next_run(before) == after
    assert retiring.next_run(after) == after + timedelta(days=1)


def test_the_command_says_what_would_go_and_changes_nothing(app, session, six):
    told = app.test_cli_runner().invoke(args=["privacy", "retention", "--dry-run"])
    assert (
        told.exit_code,
        "1 applications, 1 incomplete ones (1 more are kept, under legal hold or restricted)" in told.output,
    ) == (0, True)
    assert left(session) == set(six.values())
    done = app.test_cli_runner().invoke(args=["privacy", "retention"])
    assert "Done: 2." in done.output
    assert six["old"] not in left(session)
