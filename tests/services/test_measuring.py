"""How far somebody came is known once anybody has finished the same form."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from dashboard.clock import utcnow
from dashboard.extensions import db
from dashboard.models import FollowUp
from dashboard.services import measuring
from dashboard.talroo.questions import CURRENT
from tests.factories import event

NOW = utcnow()


def question(name, answer):
    return {"question": {"id": name, "type": "text", "question": f"{name}?", "required": True}, "answer": answer}


def begun(application_id, *, job, answers):
    return event(
        kind="started:v1",
        application_id=application_id,
        job={"originalJobReference": job},
        applicant={"emailAddress": f"{application_id}@example.com"},
        **{CURRENT: answers},
    )


@pytest.fixture
def measure(app):
    """`measure(now)`: as the worker does it, until nothing is left; how many times it found something."""

    def every(now=NOW):
        with app.app_context():
            times = 0
            while measuring.measure_next(lambda: Session(db.engine), now):
                times += 1
            return times

    return every


def stands(app, name="stopped"):
    with app.app_context():
        found = db.session.scalars(select(FollowUp).where(FollowUp.email_key == f"{name}@example.com")).one()
        return found.answered, found.asked, found.stopped_at_id


def test_who_came_first_is_measured_once_the_form_is_known(app, deliver, measure):
    deliver(begun("stopped", job="F-1", answers=[question("age", "30")]))
    assert stands(app) == (1, None, None)
    assert measure() == 0
    whole = [question("age", "40"), question("licence", "yes"), question("shift", "night")]
    deliver(event(job={"originalJobReference": "F-1"}, **{CURRENT: whole}))
    assert measure() == 1
    assert stands(app) == (1, 3, "licence")
    assert measure() == 0


def test_who_was_here_before_there_was_a_worklist_is_measured_too(app, deliver, measure):
    deliver(event(job={"originalJobReference": "F-1"}, **{CURRENT: [question("age", "40"), question("shift", "day")]}))
    deliver(begun("stopped", job="F-1", answers=[question("age", "30")]))
    with app.app_context():
        db.session.execute(update(FollowUp).values(answered=0, asked=None, stopped_at_id=None, missing=[]))
        db.session.commit()
    assert measure() == 1
    assert stands(app) == (1, 2, "shift")
    with app.app_context():
        assert "phone number" in db.session.scalars(select(FollowUp.missing)).one()


def test_a_form_that_cannot_be_compared_is_looked_at_again_after_an_hour_not_all_the_time(app, deliver, measure):
    deliver(begun("stopped", job="F-1", answers=[question("of old", "30")]))
    deliver(event(job={"originalJobReference": "F-1"}, **{CURRENT: [question("age", "40")]}))
    assert measure() == 1
    assert stands(app) == (1, None, None)
    assert measure(NOW + timedelta(minutes=59)) == 0
    assert measure(NOW + timedelta(minutes=61)) == 1


def test_more_than_a_batch_is_done_batch_by_batch(app, deliver, measure):
    for number in range(measuring.BATCH + 1):
        deliver(begun(f"stopped{number}", job="F-1", answers=[question("age", "30")]))
    deliver(event(job={"originalJobReference": "F-1"}, **{CURRENT: [question("age", "1"), question("shift", "1")]}))
    assert measure() == 2
    assert stands(app, f"stopped{measuring.BATCH}") == (1, 2, "shift")


def test_who_finished_is_left_alone(app, deliver, measure):
    deliver(begun("stopped", job="F-1", answers=[question("age", "30")]))
    deliver(event(application_id="stopped", job={"originalJobReference": "F-1"}, **{CURRENT: [question("age", "30")]}))
    assert measure() == 0
