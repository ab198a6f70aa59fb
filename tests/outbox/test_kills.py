"""Workers that are killed at random, many at once, and stopped in the middle of a call."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, func, insert, select
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from dashboard.clock import utcnow
from dashboard.database import public_id, start_writing
from dashboard.models import Attempt, Outbound
from dashboard.models.outbound import Channel, State
from dashboard.services import queueing
from tests.outbox.light_workers import LightWorkers
from tests.outbox_fixtures import click_ids
from tests.soak import ROUNDS
from tests.upstream import Upstream

KILLS = 50 * ROUNDS

pytestmark = pytest.mark.process


def queue(session: Session, prefix: str, count: int) -> None:
    """`count` conversions that are due."""
    now = utcnow()
    about = {"channel": Channel.CONVERSION, "event": "2", "state": State.WAITING}
    timing = {"event_time": now, "created_at": now, "due_at": now}
    counts = {"attempts": 0, "failures": 0, "uncertain": 0, "alone": False}
    session.execute(
        insert(Outbound),
        [
            {**about, **timing, **counts, "public_id": public_id(), "tlr_sid": sid, "business_key": f"conversion:{sid}"}
            for sid in (f"{prefix}-{number}" for number in range(count))
        ],
    )
    session.commit()


def in_states(session: Session, *states: State) -> int:
    session.rollback()
    return session.scalar(select(func.count()).select_from(Outbound).where(Outbound.state.in_(states))) or 0


def wait_until(condition: Callable[[], bool], within: float) -> None:
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.05)


def test_every_conversion_arrives_however_often_the_worker_is_killed_and_repeats_are_marked(
    engine: Engine, session: Session, database_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    chance = random.Random(20261121)
    rounds = KILLS // 2  # on each of the two databases
    with (
        Upstream(drip=0.002) as upstream,
        LightWorkers(database_url, upstream.url, tmp_path / "files", lease=8) as workers,
    ):
        # The lease outlives a call here, too: a row that somebody still calls for is nobody else's.
        upstream.set_default("slow_headers")  # some 0.15 s a call, so that kills fall into one, and before, and after
        for number in range(rounds):
            queue(session, f"round-{number}", 6)
            before, worker = len(upstream.requests), workers.start()
            if number % 3:
                wait_until(lambda before=before: len(upstream.requests) > before, 60)
            time.sleep(chance.uniform(0.0, 0.2))
            workers.kill(worker)
        workers.start()

        def settled() -> bool:
            # Twice uncertain is parked for a person: here one who asks for another try, and again if it was too busy.
            session.rollback()
            with suppress(OperationalError):
                start_writing(session)
                queueing.retry_all(session, now=utcnow(), only=Outbound.state == State.PARKED)
                session.commit()
            return in_states(session, State.SENT) == rounds * 6

        wait_until(settled, 200)
        heard = Counter(click_ids([request.target for request in upstream.requests]))
    assert set(heard) == set(session.scalars(select(Outbound.tlr_sid)))
    rows = session.execute(select(Outbound.tlr_sid, Outbound.uncertain, Outbound.attempts)).all()
    for sid, uncertain, attempts in rows:
        assert heard[sid] <= 1 + uncertain, f"{sid} was repeated, and nothing says so"
        assert attempts == 1 + uncertain
    assert any(uncertain for _, uncertain, _ in rows), "no kill fell into a call, so this proves nothing"
    assert session.scalar(select(func.count()).where(Attempt.outcome == "started")) == 0
    with capsys.disabled():
        repeated = sum(1 for times in heard.values() if times > 1)
        marked = sum(1 for row in rows if row.uncertain)
        print(f"\n  {rounds} kills on {engine.dialect.name}: {len(rows)} sent, {repeated} repeated, {marked} uncertain")


def test_eight_workers_over_500_due_calls_send_each_once(
    engine: Engine, session: Session, database_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    queue(session, "once", 500)
    with Upstream() as upstream, LightWorkers(database_url, upstream.url, tmp_path / "files") as workers:
        began = time.monotonic()
        for _ in range(8):
            workers.start()
        wait_until(lambda: in_states(session, State.SENT) == 500, 150)
        seconds = time.monotonic() - began
        heard = Counter(click_ids([request.target for request in upstream.requests]))
    assert len(heard) == 500
    assert set(heard.values()) == {1}
    by = session.execute(select(Attempt.worker, func.count()).group_by(Attempt.worker)).all()
    assert sum(count for _, count in by) == 500
    assert len(by) > 1, "one worker did everything"
    assert {row.uncertain for row in session.scalars(select(Outbound))} == {0}
    with capsys.disabled():
        print(f"\n  8 workers on {engine.dialect.name}: 500 calls in {seconds:.1f} s")


def test_two_uncertain_outcomes_are_parked_for_a_person(session: Session, database_url: str, tmp_path: Path):
    queue(session, "slow", 1)
    with Upstream() as upstream, LightWorkers(database_url, upstream.url, tmp_path / "files", lease=3) as workers:
        upstream.set_default("silent")
        for heard in (1, 2):
            worker = workers.start()
            wait_until(lambda heard=heard: len(upstream.requests) == heard, 60)
            workers.kill(worker)
        workers.start()
        wait_until(lambda: in_states(session, State.PARKED) == 1, 60)
        assert len(upstream.requests) == 2
    row = session.scalars(select(Outbound)).one()
    assert (row.uncertain, row.attempts) == (2, 2)
    assert row.last_answer == "Twice the outcome of a call is not known. Somebody should decide whether to try again."
    assert queueing.retry(session, row, now=utcnow() - timedelta(seconds=1))
