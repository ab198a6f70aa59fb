"""Deliveries that wait for SQLite at the same time."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import event, func, select
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from dashboard.clock import utcnow
from dashboard.extensions import db
from dashboard.models import Application, Delivery
from dashboard.services import intake
from dashboard.services import together as together_module
from dashboard.services.intake import Arrival
from dashboard.services.together import StorageBusy, Together, _Waiting
from tests.factories import as_body, payload

MANY = 8


def arrival(number: int, name: str = "complete") -> Arrival:
    document = payload(name)
    document["id"] = f"event-{number}"
    document["data"]["id"] = f"application-{number}"
    return Arrival(as_body(document), "pushed", utcnow(), "fresh")


@pytest.fixture
def engine(app):
    with app.app_context():
        return db.engine


@pytest.fixture
def together(engine):
    return Together(lambda: Session(engine), shared=True, patience=60)


def counts(engine) -> tuple[int, int]:
    with Session(engine) as session:
        return tuple(session.scalar(select(func.count()).select_from(model)) for model in (Delivery, Application))


def received_at_once(app, together, arrivals):
    """What each of `arrivals` met, all of them in the queue before the first is stored."""
    ready = threading.Barrier(len(arrivals))
    store = app.extensions["file_store"]

    def receive(one: Arrival):
        ready.wait(60)
        try:
            return together.receive(one, store)
        except Exception as problem:
            return problem

    with ThreadPoolExecutor(len(arrivals)) as threads:
        return list(threads.map(receive, arrivals))


def test_those_who_wait_together_are_stored_with_fewer_commits_and_each_is_answered(app, engine, together):
    commits = []
    event.listen(engine, "commit", lambda _: commits.append(1))
    outcomes = received_at_once(app, together, [arrival(number) for number in range(MANY)])
    assert {outcome.status for outcome in outcomes} == {"accepted"}
    assert len({outcome.application for outcome in outcomes}) == MANY
    assert counts(engine) == (MANY, MANY)
    assert len(commits) <= MANY


def test_a_leader_behind_more_than_one_transaction_holds_is_stored_too(app, engine, together, monkeypatch):
    """Each who waits wakes in its own time: the first in the queue need not be the one who leads."""
    monkeypatch.setattr(together_module, "MOST", 2)
    ahead = [_Waiting(one, intake.understand(one, app.extensions["file_store"])) for one in map(arrival, range(5))]
    together._queue.extend(ahead)
    assert together.receive(arrival(5), app.extensions["file_store"]).status == "accepted"
    assert {one.result().status for one in ahead} == {"accepted"}
    assert counts(engine) == (6, 6)


def test_one_that_fails_takes_nobody_with_it(app, engine, together, monkeypatch):
    original = intake.store

    def fail_for_three(session, one, understood):
        if understood.submission and understood.submission.talroo_id == "application-3":
            raise ZeroDivisionError
        return original(session, one, understood)

    monkeypatch.setattr(intake, "store", fail_for_three)
    outcomes = received_at_once(app, together, [arrival(number) for number in range(MANY)])
    assert [outcome.status for outcome in outcomes] == ["accepted"] * 3 + ["kept"] + ["accepted"] * (MANY - 4)
    assert counts(engine) == (MANY, MANY - 1)


def test_when_nothing_can_be_stored_everybody_is_told_and_the_next_one_is_stored(app, engine, together, monkeypatch):
    def fail(*_):
        raise OperationalError("…", {}, Exception("disk full"))

    with monkeypatch.context() as patched:
        patched.setattr(intake, "store", fail)
        outcomes = received_at_once(app, together, [arrival(number) for number in range(MANY)])
    assert {type(outcome) for outcome in outcomes} == {OperationalError}
    assert counts(engine) == (0, 0)
    assert together.receive(arrival(99), app.extensions["file_store"]).status == "accepted"


def test_who_waits_too_long_is_told_so(app, engine, monkeypatch):
    impatient = Together(lambda: Session(engine), shared=True, patience=0.05)
    begun, go_on = threading.Event(), threading.Event()
    original = intake.store

    def slow(*given):
        begun.set()
        go_on.wait(60)
        return original(*given)

    monkeypatch.setattr(intake, "store", slow)
    store = app.extensions["file_store"]
    with ThreadPoolExecutor(1) as threads:
        first = threads.submit(impatient.receive, arrival(1), store)
        begun.wait(60)
        with pytest.raises(StorageBusy):
            impatient.receive(arrival(2), store)
        go_on.set()
        assert first.result(60).status == "accepted"


def test_without_a_file_of_its_own_a_delivery_commits_alone(app, engine, together):
    commits = []
    event.listen(engine, "commit", lambda _: commits.append(1))
    received_at_once(app, together, [arrival(number, "minimal") for number in range(MANY)])
    assert len(commits) == MANY
