"""One worker: what it does when due, how it stops, what it outlives."""

from __future__ import annotations

import json
import random
import threading
import time
from collections.abc import Callable, Collection, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, func, select, text
from sqlalchemy.orm import Session

from config import Config
from dashboard.database import start_writing
from dashboard.models import AuditEntry, SyncKind, SyncRun, WorkerBeat
from dashboard.models.outbound import Channel, State
from dashboard.services import audit, outbox, sync
from dashboard.services.channels import Conversions, Dispositions, Mornings, Reminders, ways
from dashboard.services.heartbeat import beat, last_beat
from dashboard.services.outbox import Item
from dashboard.talroo.http import Proof, TalrooUnavailable
from dashboard.traffic import Traffic
from dashboard.worker import MAILS, SPARED, Worker
from tests.infrastructure.postgres import Cluster
from tests.outbox_fixtures import (
    NOON,
    Clock,
    add_applicant,
    attempts,
    move,
    only_conversion,
    open_engine,
    rules,
)
from tests.reminder_fixtures import MAIL_SETTINGS
from tests.talroo_api import TalrooApi, items
from tests.upstream import Upstream

AT_ONCE = rules()
WAYS = ways(Config(secret_key="for the tests only, nothing is secret"), abort_after=1)
"""For claiming and recording; nothing is ever sent through them."""
MakeWorker = Callable[..., Worker]
NOWHERE = "http://127.0.0.1:9"


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with Upstream() as running:
        yield running


@pytest.fixture
def hired(session: Session) -> int:
    """Somebody whose conversion is due."""
    application = add_applicant(session)
    move(session, application, "hired", rules=AT_ONCE)
    return application.id


def wait_until(condition: Callable[[], bool], within: float = 120) -> None:
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.02)


def claim(engine: Engine, clock: Clock, worker: str = "a", spared: Collection[Channel] = ()) -> tuple[Item, ...]:
    with Session(engine, expire_on_commit=False) as session:
        claimed = outbox.claim(session, WAYS, worker=worker, clock=clock, lease=timedelta(seconds=30), spared=spared)
        session.commit()
    return claimed.items


def pulls(session: Session) -> list[tuple[str, str, str, int]]:
    """Kind, trigger, state and how many were new of each pull so far."""
    session.rollback()
    columns = select(SyncRun.kind, SyncRun.trigger, SyncRun.state, SyncRun.new).order_by(SyncRun.id)
    return [tuple(row) for row in session.execute(columns)]


def record(engine: Engine, items: tuple[Item, ...], ended: Proof | TalrooUnavailable, clock: Clock) -> None:
    with Session(engine) as session:
        outbox.record(session, WAYS, items, ended, now=clock(), rng=random.Random(1))
        session.commit()


@pytest.mark.usefixtures("hired")
def test_a_claimed_row_is_nobody_elses_until_its_lease_is_over(engine: Engine, session: Session, clock: Clock):
    assert len(claim(engine, clock)) == 1
    clock.advance(seconds=29)
    assert claim(engine, clock, "b") == ()
    clock.advance(seconds=2)
    (again,) = claim(engine, clock, "b")
    assert again.number == 2
    assert [(one.worker, one.outcome) for one in attempts(session)] == [("a", "uncertain"), ("b", "started")]
    assert only_conversion(session).uncertain == 1


@pytest.mark.usefixtures("hired")
def test_a_failure_that_is_recorded_late_does_not_touch_the_next_attempts_row(
    engine: Engine, session: Session, clock: Clock
):
    first = claim(engine, clock)
    clock.advance(minutes=1)
    second = claim(engine, clock, "b")
    record(engine, first, TalrooUnavailable(Proof(clock(), error="too late")), clock)
    assert (only_conversion(session).state, only_conversion(session).attempts) == (State.SENDING, 2)
    record(engine, second, Proof(clock(), status=200, answer="OK"), clock)
    assert only_conversion(session).state == State.SENT
    assert [one.outcome for one in attempts(session)] == ["retry", "sent"]


@pytest.mark.usefixtures("hired")
def test_a_proof_that_is_recorded_late_spares_talroo_the_repeat(engine: Engine, session: Session, clock: Clock):
    first = claim(engine, clock)
    clock.advance(minutes=1)
    second = claim(engine, clock, "b")
    record(engine, first, Proof(clock(), status=200, answer="OK"), clock)
    record(engine, second, TalrooUnavailable(Proof(clock(), error="connection refused")), clock)
    row = only_conversion(session)
    assert (row.state, row.uncertain) == (State.SENT, 0)
    clock.advance(days=1)
    assert claim(engine, clock) == ()


@pytest.mark.usefixtures("hired")
def test_a_clock_that_jumps_loses_nothing(engine: Engine, session: Session, clock: Clock):
    items = claim(engine, clock)
    clock.advance(days=400)
    record(engine, items, TalrooUnavailable(Proof(clock(), error="reset")), clock)
    assert only_conversion(session).state == State.PARKED
    clock.now = NOON - timedelta(days=400)
    assert claim(engine, clock) == ()


@pytest.mark.usefixtures("hired")
def test_a_lease_is_never_shorter_than_a_call(engine: Engine, make_worker: MakeWorker, upstream: Upstream):
    worker = make_worker(upstream.url, deadline=15, talroo_lease=1)
    assert worker._lease == timedelta(seconds=16)
    assert make_worker(upstream.url, deadline=15)._lease == timedelta(seconds=30)


@pytest.mark.parametrize("longest", [Conversions, Dispositions, Reminders, Mornings])
def test_a_lease_outlives_the_longest_call_of_any_channel(
    engine: Engine, make_worker: MakeWorker, monkeypatch: pytest.MonkeyPatch, longest: type
):
    monkeypatch.setattr(longest, "deadline", property(lambda _: 200.0, lambda *_: None), raising=False)
    worker = make_worker(NOWHERE, deadline=15, mail_url="smtp://127.0.0.1:9", **MAIL_SETTINGS)
    assert worker._lease == timedelta(seconds=215)


def test_a_thread_that_spares_a_channel_clears_up_there_what_was_taken_back_meanwhile(
    engine: Engine, session: Session, clock: Clock, hired: int
):
    assert len(claim(engine, clock)) == 1
    move(session, hired, "interview")
    clock.advance(minutes=1)
    assert claim(engine, clock, spared={Channel.CONVERSION}) == ()
    assert only_conversion(session).state == State.CANCELLED


@pytest.mark.usefixtures("hired")
def test_nothing_is_taken_in_the_channel_that_is_spared(engine: Engine, clock: Clock):
    assert claim(engine, clock, spared={Channel.CONVERSION}) == ()
    assert len(claim(engine, clock, spared={Channel.DISPOSITION})) == 1


@pytest.mark.parametrize("slow", [{Channel.CONVERSION}, {Channel.DISPOSITION}, {*MAILS}])
def test_whichever_server_is_slow_one_thread_is_left_for_all_the_others(slow: set[Channel]):
    assert any(set(spared) == slow for spared in SPARED)
    assert {channel for spared in SPARED for channel in spared} == set(Channel)


def test_the_heartbeat_is_one_row_a_worker_and_old_ones_go(engine: Engine, session: Session):
    def sessions() -> Session:
        return Session(engine)

    assert last_beat(session) is None
    for minutes, name in ((0, "a"), (1, "b"), (2, "a")):
        beat(sessions, name, now=NOON + timedelta(minutes=minutes))
    session.rollback()
    assert last_beat(session) == NOON + timedelta(minutes=2)
    assert session.scalar(select(func.count()).select_from(WorkerBeat)) == 2
    session.rollback()
    beat(sessions, "c", now=NOON + timedelta(days=2))
    session.rollback()
    assert session.scalars(select(WorkerBeat.name)).all() == ["c"]


@pytest.mark.usefixtures("hired")
def test_a_running_worker_beats_sends_and_says_goodbye(session: Session, make_worker: MakeWorker, upstream: Upstream):
    worker = make_worker(upstream.url)
    running = threading.Thread(target=worker.run)
    running.start()
    wait_until(lambda: only_conversion(session).state == State.SENT)
    wait_until(lambda: last_beat(session) == NOON or bool(session.rollback()))
    worker.stop()
    running.join(60)
    assert not running.is_alive()
    session.rollback()
    assert last_beat(session) is None


@pytest.mark.usefixtures("hired")
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_proof_outlives_a_database_that_is_locked_when_the_call_ends(
    engine: Engine, session: Session, make_worker: MakeWorker
):
    with Upstream(["slow_headers"], drip=0.005) as slow, engine.connect() as other:
        worker = make_worker(slow.url, deadline=60)
        working = threading.Thread(target=worker.once)
        working.start()
        wait_until(lambda: len(slow.requests) == 1)
        other.connection.driver_connection.execute("BEGIN IMMEDIATE")
        time.sleep(6)  # longer than SQLite waits before it says "locked"
        other.connection.driver_connection.execute("ROLLBACK")
        working.join(60)
    assert (only_conversion(session).state, only_conversion(session).uncertain) == (State.SENT, 0)
    assert len(slow.requests) == 1


@pytest.mark.usefixtures("hired")
@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_proof_outlives_a_postgresql_that_goes_away_in_the_middle_of_a_call(
    engine: Engine, session: Session, make_worker: MakeWorker, postgres: Cluster
):
    name = engine.url.database
    with Upstream(["slow_headers"], drip=0.005) as slow:
        worker = make_worker(slow.url, deadline=60)
        running = threading.Thread(target=worker.run)
        running.start()
        wait_until(lambda: len(slow.requests) == 1)
        session.close()
        postgres.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
        postgres.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
        time.sleep(1.5)  # well past the end of the call
        postgres.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')
        wait_until(lambda: only_conversion(session).state == State.SENT)
        assert (len(slow.requests), only_conversion(session).uncertain) == (1, 0)
        move(session, add_applicant(session), "hired", rules=AT_ONCE)
        wait_until(lambda: len(slow.requests) == 2)
        worker.stop()
        running.join(60)
    assert not running.is_alive()


@pytest.mark.usefixtures("hired")
def test_a_running_worker_pulls_what_the_button_asks_for(session: Session, make_worker: MakeWorker, upstream: Upstream):
    with TalrooApi(items(3)) as api:
        # Nothing is pulled by itself, so it can only be the button.
        worker = make_worker(upstream.url, talroo_sync_interval=0, **api.settings)
        running = threading.Thread(target=worker.run)
        running.start()
        wait_until(lambda: only_conversion(session).state == State.SENT)
        assert api.pages == []
        session.rollback()
        start_writing(session)
        assert sync.ask(session, SyncKind.INCOMPLETE, user_id=None, now=NOON)
        session.commit()
        wait_until(lambda: pulls(session) == [("incomplete", "button", "done", 3)], within=120)
        worker.stop()
        running.join(60)
    assert not running.is_alive()


def test_worker_once_pulls_what_is_due_and_without_an_app_client_nothing(
    session: Session, make_worker: MakeWorker, upstream: Upstream, clock: Clock
):
    clock.advance(hours=15)  # three at night, when completed ones are pulled
    with TalrooApi(items(3)) as api:
        make_worker(upstream.url, talroo_api_url=api.url).once()
        assert pulls(session) == []
        make_worker(upstream.url, **api.settings).once()
        assert pulls(session) == [("incomplete", "worker", "done", 3), ("completed", "worker", "done", 0)]


def test_a_worker_that_is_stopped_in_the_middle_of_a_pull_is_gone_in_time_and_says_so(
    session: Session, make_worker: MakeWorker, upstream: Upstream
):
    with TalrooApi(items(200)) as api:
        asked = threading.Event()
        api.before[1] = lambda: (api.hold.clear(), asked.set())
        worker = make_worker(upstream.url, **api.settings)
        running = threading.Thread(target=worker.run)
        running.start()
        assert asked.wait(120)
        wait_until(lambda: bool(pulls(session)) and pulls(session)[0][3] >= 50, within=120)
        worker.stop()
        # Without the word to stop the client would wait for a minute.
        running.join(40)
        assert not running.is_alive()
        assert pulls(session)[0][:3] == ("incomplete", "worker", "interrupted")


@pytest.mark.process
def test_worker_once_does_what_is_due_and_ends(start_site: Callable[..., Any], upstream: Upstream):
    site = start_site(worker=False, settings={"TALROO_CONVERSION_URL": upstream.url})
    engine = open_engine(f"sqlite:///{site.folder}/dashboard.db")
    with Session(engine) as session:
        move(session, add_applicant(session), "hired", rules=AT_ONCE)
        move(session, add_applicant(session), "hired", at=NOON + timedelta(days=3650))
        site.flask("worker", "--once")
        session.rollback()
        states = session.execute(text("SELECT state FROM outbound ORDER BY id")).scalars().all()
    engine.dispose()
    assert states == ["sent", "waiting"]
    assert len(upstream.requests) == 1


@pytest.mark.process
def test_sigterm_in_the_middle_of_a_slow_call_ends_the_process_long_before_the_call_and_the_row_is_right(
    start_site: Callable[..., Any], upstream: Upstream
):
    site = start_site(settings={"TALROO_CONVERSION_URL": upstream.url, "TALROO_CALL_DEADLINE": "120"})
    upstream.add("silent")
    engine = open_engine(f"sqlite:///{site.folder}/dashboard.db")
    with Session(engine) as session:
        move(session, add_applicant(session), "hired", rules=AT_ONCE)
        wait_until(lambda: len(upstream.requests) == 1)
        site.stop(within=60)
        row = only_conversion(session)
        assert (row.state, row.uncertain, row.shown_state(row.due_at)) == (State.WAITING, 1, "retrying")
        assert [one.outcome for one in attempts(session)] == ["uncertain"]
        assert session.scalar(select(func.count()).select_from(WorkerBeat)) == 0
    engine.dispose()
    assert "Traceback" not in site.log


def test_a_worker_notes_the_settings_it_starts_with_and_tells_where_the_audit_log_ends(
    make_worker: MakeWorker, session: Session, caplog: pytest.LogCaptureFixture
):
    with caplog.at_level("INFO", "dashboard.worker"):
        make_worker(NOWHERE).once()
        make_worker(NOWHERE, web_workers=7).once()
    ends = [record.args[0] for record in caplog.records if record.msg == "the audit log ends with %s"]
    assert [end.number for end in ends] == [1, 2]
    assert ends[-1] == audit.head(session)
    last = session.scalars(select(AuditEntry.details).where(AuditEntry.number == 2)).one()
    assert json.loads(last)["settings"] == ["WEB_WORKERS"]


def test_calls_to_the_outside_are_counted_by_how_they_ended(
    make_worker: MakeWorker, upstream: Upstream, hired: int, tmp_path: Path
):
    make_worker(upstream.url).once()
    counted = Traffic(f"{tmp_path}/metrics").read()
    assert {key: times.count for key, times in counted.items()} == {("send", ("conversion", "sent")): 1}
