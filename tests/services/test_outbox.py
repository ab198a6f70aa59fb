"""From the outbox to Talroo: the real worker against a fake upstream, on a clock that the test moves."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from sqlalchemy import Engine, update
from sqlalchemy.orm import Session

from dashboard.database import start_writing
from dashboard.models import Outbound
from dashboard.models.outbound import Channel, State
from dashboard.services import outbox, queueing, review
from dashboard.services.review import Change, Wanted
from dashboard.stages import Stage
from dashboard.worker import Worker
from tests.outbox_fixtures import (
    CLICK,
    HOLD,
    NOON,
    Clock,
    add_applicant,
    attempts,
    click_ids,
    conversions,
    dispositions,
    lift,
    move,
    only_conversion,
    restrict,
    rules,
)
from tests.upstream import Answer, Step, Upstream, busy, moved

AT_ONCE = rules()
MakeWorker = Callable[..., Worker]


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with Upstream(unreachable_for=200) as running:
        yield running


@pytest.fixture
def worker(make_worker: MakeWorker, upstream: Upstream) -> Worker:
    return make_worker(upstream.url)


def wait_for(condition: Callable[[], bool], within: float = 60) -> None:
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.01)


def test_nothing_is_sent_within_the_hold_and_exactly_the_agreed_request_after_it(
    session: Session, worker: Worker, upstream: Upstream, clock: Clock
):
    move(session, add_applicant(session, tlr_sid=CLICK), "hired")
    clock.now = NOON + HOLD - timedelta(seconds=1)
    worker.once()
    assert upstream.requests == []
    clock.advance(seconds=1)
    worker.once()
    worker.once()
    (request,) = upstream.requests
    assert (request.method, request.target) == ("GET", f"/conversion2.php?tlr_sid={CLICK}&Link=true")
    row = only_conversion(session)
    assert (row.state, row.sent_at, row.last_status, row.last_answer) == (State.SENT, NOON + HOLD, 200, "OK")


@pytest.mark.parametrize(("event", "path"), [(1, "/conversion.php"), (2, "/conversion2.php"), (3, "/conversion3.php")])
def test_each_event_has_its_address(session: Session, worker: Worker, upstream: Upstream, event: int, path: str):
    move(session, add_applicant(session, tlr_sid=CLICK), "hired", rules=rules({"hired": event}))
    worker.once()
    assert [request.target for request in upstream.requests] == [f"{path}?tlr_sid={CLICK}&Link=true"]


def test_undoing_a_hire_within_the_hold_sends_nothing(
    session: Session, worker: Worker, upstream: Upstream, clock: Clock
):
    application = add_applicant(session)
    move(session, application, "hired")
    move(session, application, "offer", at=NOON + timedelta(seconds=30))
    clock.advance(hours=1)
    worker.once()
    assert upstream.requests == []
    assert only_conversion(session).state == State.CANCELLED
    assert attempts(session) == []


def test_of_somebody_restricted_nothing_is_sent_until_that_is_lifted_and_then_once(
    session: Session, worker: Worker, upstream: Upstream, clock: Clock
):
    told = rules({"hired": 2}, {"hired": "hired"})
    ada, bea = add_applicant(session), add_applicant(session)
    for one in (ada, bea):
        move(session, one, "hired", rules=told)
    restrict(session, ada)
    for _ in range(30):
        worker.once()
        clock.advance(days=1)
    assert len(upstream.requests) == 2, "of the other alone"
    assert {(row.application_id, row.state) for row in _reports(session)} == {
        (ada.id, State.WAITING),
        (bea.id, State.SENT),
    }
    lift(session, at=clock.now)
    clock.advance(hours=1)
    for _ in range(2):
        worker.once()
    assert len(upstream.requests) == 4
    assert {row.state for row in _reports(session)} == {State.SENT}
    assert {row.event_time for row in _reports(session)} == {NOON}


def test_a_report_that_failed_before_the_restriction_begins_anew_after_it(
    session: Session, worker: Worker, upstream: Upstream, clock: Clock
):
    ada = add_applicant(session)
    move(session, ada, "hired", rules=AT_ONCE)
    upstream.add(busy(60))
    worker.once()
    assert only_conversion(session).failures == 1
    restrict(session, ada)
    for _ in range(20):
        clock.advance(days=1)
        worker.once()
    assert only_conversion(session).shown_state(clock.now) == "held", "nothing is wrong with it"
    lift(session, at=clock.now)
    upstream.add(busy(60))
    clock.advance(hours=1)
    worker.once()
    assert only_conversion(session).shown_state(clock.now) == "retrying", "not parked for its age"


def test_what_is_restricted_and_tried_again_by_hand_waits_all_the_same(
    session: Session, worker: Worker, upstream: Upstream, clock: Clock
):
    ada = add_applicant(session)
    move(session, ada, "hired", rules=AT_ONCE)
    restrict(session, ada)
    session.execute(update(Outbound).values(state=State.PARKED))
    queueing.retry_all(session, now=NOON, only=Outbound.channel == Channel.CONVERSION)
    session.commit()
    worker.once()
    assert upstream.requests == []
    assert only_conversion(session).state == State.WAITING


def _reports(session: Session) -> list[Outbound]:
    return [*conversions(session), *dispositions(session)]


def test_hire_undo_hire_after_sending_stays_one_conversion(session: Session, worker: Worker, upstream: Upstream):
    application = add_applicant(session)
    for stage in ("hired", "new", "hired", "new", "hired"):
        move(session, application, stage, rules=AT_ONCE)
        worker.once()
    assert len(upstream.requests) == 1
    assert only_conversion(session).state == State.SENT


FAULTS: list[tuple[Step, str, int | None, str]] = [
    ("refused", "retrying", None, "connection refused"),
    ("reset", "retrying", None, "connection reset before the headers"),
    ("reset_after_headers", "retrying", 200, "connection reset after the headers"),
    ("no_connection", "retrying", None, "no connection within 2 s"),
    ("silent", "retrying", None, "no answer within 2 s"),
    ("slow_body", "retrying", 200, "x"),
    (busy(120), "retrying", 429, "slow down"),
    ("429", "retrying", 429, "answer 429"),
    ("500", "retrying", 500, "answer 500"),
    ("503", "retrying", 503, "answer 503"),
    ("404", "parked", 404, "answer 404"),
    (moved("http://example.com/elsewhere"), "parked", 301, "over there"),
    ("binary", "sent", 200, ""),
]
SLOW = ("no_connection", "silent", "slow_body")
"""Only the deadline ends these; any other answer has time."""


@pytest.mark.parametrize(
    ("fault", "state", "status", "answer"), FAULTS, ids=lambda value: value if isinstance(value, str) else None
)
def test_every_fault_ends_in_the_right_state_and_is_overcome_where_it_can_be(
    session: Session,
    make_worker: MakeWorker,
    upstream: Upstream,
    clock: Clock,
    fault: Step,
    state: str,
    status: int | None,
    answer: str,
):
    upstream.add(fault)
    wait_for(lambda: fault not in ("refused", "no_connection") or upstream._away)
    move(session, add_applicant(session), "hired", rules=AT_ONCE)
    began = time.monotonic()
    make_worker(upstream.url, deadline=2 if fault in SLOW else 60).once()
    assert time.monotonic() - began < 30, "the deadline did not hold"
    row = only_conversion(session)
    assert (row.shown_state(clock.now), row.last_status) == (state, status)
    assert (row.last_answer or "").startswith(answer)
    (attempt,) = attempts(session)
    assert attempt.outcome == {"retrying": "retry", "parked": "refused", "sent": "sent"}[state]
    assert attempt.finished_at is not None
    assert attempt.duration_ms is not None
    upstream.advance()
    wait_for(lambda: not upstream._away)
    clock.advance(days=1)
    make_worker(upstream.url).once()
    assert only_conversion(session).state == (State.PARKED if state == "parked" else State.SENT)


def test_retry_after_is_obeyed_and_the_wait_doubles_without_it(
    session: Session, worker: Worker, upstream: Upstream, clock: Clock
):
    upstream.add(busy(300), "503", "503", "503")
    move(session, add_applicant(session), "hired", rules=AT_ONCE)
    worker.once()
    assert only_conversion(session).due_at == NOON + timedelta(seconds=300)
    for ceiling in (2, 4, 8):
        clock.now = only_conversion(session).due_at
        worker.once()
        wait = (only_conversion(session).due_at - clock.now).total_seconds()
        assert ceiling / 2 <= wait <= ceiling


def test_after_fourteen_days_it_is_parked(session: Session, worker: Worker, upstream: Upstream, clock: Clock):
    upstream.set_default("503")
    move(session, add_applicant(session), "hired", rules=AT_ONCE)
    worker.once()
    session.execute(update(Outbound).values(failures=60, first_attempt_at=NOON - timedelta(days=13)))
    session.commit()
    waits = []
    while only_conversion(session).state == State.WAITING:
        before, clock.now = clock.now, only_conversion(session).due_at
        waits.append((clock.now - before).total_seconds())
        worker.once()
    assert timedelta(hours=18) <= clock.now - NOON <= timedelta(days=1)
    assert 3 * 3600 <= max(waits) <= 6 * 3600
    assert len(attempts(session)) == only_conversion(session).attempts == len(upstream.requests)


def test_the_attempt_is_written_down_before_it_is_sent_and_nobody_waits_for_its_end(
    engine: Engine, session: Session, make_worker: MakeWorker, upstream: Upstream
):
    worker = make_worker(upstream.url, deadline=60)
    upstream.add("silent")
    move(session, add_applicant(session), "hired", rules=AT_ONCE)
    other = add_applicant(session).id
    working = threading.Thread(target=worker.once)
    working.start()
    wait_for(lambda: len(upstream.requests) == 1)
    (attempt,) = attempts(session)
    assert (attempt.outcome, attempt.finished_at, attempt.worker) == ("started", None, worker.name)
    assert only_conversion(session).shown_state(NOON) == "sending"
    with Session(engine) as recruiter:
        move(recruiter, other, "interview")
    assert attempts(session)[0].outcome == "started", "somebody had to wait for the call"
    upstream.close()
    working.join(60)
    assert attempts(session)[0].outcome == "retry"


def test_only_the_first_500_bytes_of_an_answer_are_kept(session: Session, worker: Worker, upstream: Upstream):
    upstream.add(Answer(404, {}, b"x" * 5_000))
    move(session, add_applicant(session), "hired", rules=AT_ONCE)
    worker.once()
    assert only_conversion(session).last_answer == attempts(session)[0].answer == "x" * 500


def test_only_the_configured_host_is_called(session: Session, make_worker: MakeWorker, upstream: Upstream):
    with Upstream([moved(f"{upstream.url}/conversion2.php")]) as configured:
        move(session, add_applicant(session), "hired", rules=AT_ONCE)
        make_worker(configured.url).once()
        assert len(configured.requests) == 1
    assert upstream.requests == []


def test_no_applicant_data_leaves(session: Session, worker: Worker, upstream: Upstream):
    everything = rules({"hired": 2}, {"hired": "hired"})
    facts = {
        "last_name": "Zebrowska",
        "email": "zebra@example.net",
        "phone": "5125559876",
        "address": "17 Quagga Lane",
        "city": "Okapiville",
        "zipcode": "78701",
    }
    application = add_applicant(session, "Xanthippe", user_agent="Secretbrowser/7", **facts)
    note = "Knows the Aardvark family."
    move(session, application, "hired", rules=everything, note=note, start_date="2031-07-19")
    worker.once()
    assert len(upstream.requests) == 2
    sent = " ".join(f"{seen.method} {seen.target} {seen.headers} {seen.body!r}" for seen in upstream.requests)
    private = ("Xanthippe", *facts.values(), "Secretbrowser", "Aardvark", "2031", "192.0.2.7", application.public_id)
    assert [word for word in private if word.lower() in sent.lower()] == []


def test_dispositions_carry_identity_event_stage_and_true_time_and_go_in_batches(
    session: Session, worker: Worker, upstream: Upstream, clock: Clock
):
    chosen = rules({}, {"interview": "interview_scheduled"})
    known = add_applicant(session, tlr_application_id="tlr-known")
    by_click = add_applicant(session, tlr_application_id=None, tlr_sid="click-only")
    nobody = add_applicant(session, tlr_application_id=None, tlr_sid=None)
    for minute, application in enumerate((known, by_click, nobody)):
        move(session, application, "interview", rules=chosen, at=NOON + timedelta(minutes=minute))
    clock.advance(hours=1)
    worker.once()
    (request,) = upstream.requests
    assert (request.method, request.target) == ("POST", "/disposition/v1/events")
    common = {"event": "interview_scheduled", "raw_event": "interview"}
    assert json.loads(request.body) == [
        {**common, "tlr_application_id": "tlr-known", "event_time": "2026-11-21T12:00:00Z"},
        {**common, "tlr_sid": "click-only", "event_time": "2026-11-21T12:01:00Z"},
    ]
    assert [row.state for row in dispositions(session)] == [State.SENT, State.SENT, State.UNSENDABLE]


def test_many_dispositions_need_few_calls(session: Session, worker: Worker, upstream: Upstream):
    wanted = [Wanted(add_applicant(session).id) for _ in range(120)]
    session.rollback()
    start_writing(session)
    review.move(session, wanted, Change(Stage.OFFER, None, None, NOON), rules({}, {"offer": "offered"}))
    session.commit()
    worker.once()
    assert [len(json.loads(request.body)) for request in upstream.requests] == [50, 50, 20]


def test_a_refused_batch_is_sent_one_by_one_and_only_the_culprit_is_parked(
    session: Session, worker: Worker, upstream: Upstream
):
    for _ in range(4):
        move(session, add_applicant(session), "offer", rules=rules({}, {"offer": "offered"}))
    upstream.add("400", "ok", "400", "ok", "ok")
    worker.once()
    assert [isinstance(json.loads(request.body), list) for request in upstream.requests] == [True] + [False] * 4
    assert [row.state for row in dispositions(session)] == [State.SENT, State.PARKED, State.SENT, State.SENT]


def test_a_batch_that_meets_trouble_waits_together(session: Session, worker: Worker, upstream: Upstream, clock: Clock):
    for _ in range(3):
        move(session, add_applicant(session), "offer", rules=rules({}, {"offer": "offered"}))
    upstream.add("503")
    worker.once()
    assert {row.shown_state(clock.now) for row in dispositions(session)} == {"retrying"}
    clock.advance(seconds=10)
    worker.once()
    assert {row.state for row in dispositions(session)} == {State.SENT}


def test_what_cannot_be_sent_is_logged_without_its_words(caplog: pytest.LogCaptureFixture):
    words = "Ada's own"

    class Broken:
        def send(self, *_: object, **__: object) -> None:
            raise ValueError(words)

    ended = outbox.perform([outbox.Item(7, 1, Channel.REMINDER, None)], Broken(), stop=None)
    assert str(ended) == "could not be put into a request (ValueError)"
    assert "outbound 7 cannot be sent: ValueError" in caplog.text
    assert words not in caplog.text


def test_a_row_that_cannot_be_put_into_a_request_is_parked_and_holds_nobody_up(
    session: Session, worker: Worker, upstream: Upstream
):
    poisoned, sound = add_applicant(session), add_applicant(session)
    for application in (poisoned, sound):
        move(session, application, "hired", rules=AT_ONCE)
    session.execute(update(Outbound).where(Outbound.application_id == poisoned.id).values(tlr_sid="no click id!"))
    session.commit()
    worker.once()
    assert click_ids([request.target for request in upstream.requests]) == [sound.tlr_sid]
    assert [(row.state, row.last_answer) for row in conversions(session)] == [
        (State.PARKED, "could not be put into a request (ValueError)"),
        (State.SENT, "OK"),
    ]


def test_a_call_under_way_when_the_hire_is_taken_back_is_not_tried_again(
    engine: Engine, session: Session, make_worker: MakeWorker, upstream: Upstream, clock: Clock
):
    worker = make_worker(upstream.url)
    upstream.add("silent")
    application = add_applicant(session).id
    move(session, application, "hired", rules=AT_ONCE)
    working = threading.Thread(target=worker.once)
    working.start()
    wait_for(lambda: len(upstream.requests) == 1)
    move(session, application, "offer", rules=AT_ONCE)
    upstream.close()
    working.join(60)
    assert only_conversion(session).state == State.CANCELLED
    clock.advance(days=1)
    worker.once()
    assert len(upstream.requests) == 1
