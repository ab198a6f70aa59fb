"""Pulling from the Platform API, with real HTTP and both databases: counted, resumed, one at a time, when it is due."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event, func, select, update
from sqlalchemy.orm import Session

from dashboard.clock import utcnow
from dashboard.database import start_writing
from dashboard.models import Application, Attachment, Delivery, SyncKind, SyncRun, SyncState, User
from dashboard.services import cadence, intake, pull, pull_keeping, pull_turn, sync
from dashboard.services.files import LocalFiles
from dashboard.services.intake import Arrival
from dashboard.services.pull import AlreadyRunning
from dashboard.talroo.questions import CURRENT
from tests.factories import as_body, file_object
from tests.infrastructure.processes import FLASK, ROOT
from tests.outbox_fixtures import Clock, add_recruiter, all_at_once
from tests.talroo_api import NOON, Item, TalrooApi, item, items, stamp

Pull = Callable[..., SyncRun]
INTERVAL = 900


@pytest.fixture
def api() -> Iterator[TalrooApi]:
    with TalrooApi([]) as running:
        yield running


@pytest.fixture
def files(tmp_path: Path) -> LocalFiles:
    return LocalFiles(tmp_path / "files")


@pytest.fixture
def pulled(engine: Engine, api: TalrooApi, files: LocalFiles, clock: Clock) -> Pull:
    """`pulled(kind, **options of pull.run)` pulls everything the server lists."""

    def run(kind: SyncKind = SyncKind.INCOMPLETE, **options: Any) -> SyncRun:
        chosen = {"trigger": "terminal", "clock": clock, **options}
        return pull.run(lambda: Session(engine), api.client(), files, kind, **chosen)

    return run


@pytest.fixture
def push(engine: Engine, files: LocalFiles) -> Callable[[Item], None]:
    """Delivers an item as the webhook would, in a completed event."""

    def deliver(data: Item, kind: str = "completed:v2", at: datetime = NOON) -> None:
        document = {
            "id": f"event-of-{data['id']}-{kind}",
            "type": f"platform:JobApplication:{kind}",
            "createdAt": stamp(at),
            "data": data,
        }
        arrival = Arrival(as_body(document), "pushed", at, "fresh")
        with Session(engine) as session:
            intake.store_or_keep(session, arrival, intake.understand(arrival, files))
            session.commit()

    return deliver


def counted(engine: Engine, model: type) -> int:
    with Session(engine) as session:
        return int(session.scalar(select(func.count()).select_from(model)) or 0)


def state(engine: Engine, kind: SyncKind = SyncKind.INCOMPLETE) -> SyncState:
    with Session(engine, expire_on_commit=False) as session:
        return session.get_one(SyncState, kind.value)


def runs(engine: Engine) -> list[SyncRun]:
    with Session(engine) as session:
        return list(session.scalars(select(SyncRun).order_by(SyncRun.id)))


def only(engine: Engine) -> Application:
    with Session(engine, expire_on_commit=False) as session:
        return session.scalars(select(Application)).one()


def started(number: int) -> datetime:
    """When `items` say that number was started."""
    return NOON - timedelta(minutes=number + 1)


# --- what is brought ------------------------------------------------------------------------------------------------


def test_a_first_pull_files_what_thirty_days_hold(engine, api, pulled):
    api.items = [*items(120), item(500, at=NOON - timedelta(days=29)), item(501, at=NOON - timedelta(days=31))]
    done = pulled()
    assert (done.state, done.problem) == ("done", None)
    assert done.line == "fetched 121, new 121, updated 0, unchanged 0, failed 0"
    assert (counted(engine, Application), counted(engine, Delivery)) == (121, 121)
    assert state(engine).watermark == started(0)
    assert state(engine).lease_until is state(engine).floor is None
    (kept,) = runs(engine)
    assert (kept.line, kept.state, kept.pages, kept.expected) == (done.line, "done", done.pages, 122)
    assert kept.finished_at == NOON


def test_what_is_known_is_written_by_nothing(engine, api, pulled):
    api.items = items(70)
    pulled()
    writes: list[str] = []

    def note(_connection, _cursor, statement, *_):
        if statement.split()[0] in ("INSERT", "UPDATE", "DELETE") and "sync_" not in statement:
            writes.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    assert pulled().line == "fetched 70, new 0, updated 0, unchanged 70, failed 0"
    assert writes == []
    with Session(engine) as session:
        assert session.scalar(select(func.max(Delivery.duplicate_count))) == 0


def test_news_of_an_application_update_it(engine, api, pulled):
    api.items = items(3)
    pulled()
    api.items[1]["applicant"]["phone"] = "5125550123"
    assert pulled().line == "fetched 3, new 0, updated 1, unchanged 2, failed 0"
    api.items[1]["somethingNew"] = "that nobody here reads"
    assert pulled().line == "fetched 3, new 0, updated 0, unchanged 3, failed 0"
    with Session(engine) as session:
        assert (
            session.scalars(select(Application.phone).where(Application.talroo_id == "listed-1")).one() == "5125550123"
        )
    assert counted(engine, Delivery) == 5


def test_an_item_in_an_events_envelope_is_the_same_application(engine, api, pulled):
    inner = item(1, questionsAndAnswers={CURRENT: [{"question": {"id": "q", "question": "Why?"}, "answer": "So"}]})
    api.unfiltered = True
    api.items = [
        {"id": "event-1", "type": "platform:JobApplication:started:v1", "createdAt": stamp(NOON), "data": inner}
    ]
    assert pulled().line == "fetched 1, new 1, updated 0, unchanged 0, failed 0"
    assert (only(engine).talroo_id, only(engine).completed) == ("listed-1", False)


def test_items_nobody_can_file_are_kept_and_counted_each_time(engine, api, pulled):
    api.unfiltered = True
    api.items = [*items(2), "no object", {"applicant": {"firstName": "Nobody"}}, {"id": ["x"], "job": {}}, {}]
    assert pulled().line == "fetched 6, new 2, updated 0, unchanged 0, failed 4"
    with Session(engine) as session:
        kept = session.execute(select(Delivery.reason, Delivery.source).where(Delivery.status == "kept")).all()
    assert len(kept) == 4
    assert all(reason and source == "pulled" for reason, source in kept)
    assert pulled().line == "fetched 6, new 0, updated 0, unchanged 2, failed 4"


@pytest.mark.parametrize("absent", [{"job": None}, {"job": "x"}, {"job": {}}, {"applicant": None}, {"applicant": []}])
def test_items_without_job_or_applicant_are_filed_and_flagged(engine, api, pulled, absent):
    api.items = [item(1, **absent)]
    assert pulled().line == "fetched 1, new 1, updated 0, unchanged 0, failed 0"
    (name,) = absent
    assert any(name in flag for flag in only(engine).flags)


def test_a_pulled_delivery_can_be_read_again(engine, api, files, pulled):
    resume = file_object(b"%PDF-1.4 a resume")
    api.items = [item(1, applicant={"firstName": "Ada", "resume": resume})]
    pulled()
    with Session(engine) as session:
        delivery = session.scalars(select(Delivery)).one()
        assert len(delivery.cuts) == 1
        start = intake.exact_body(delivery, files)
        session.rollback()
        start_writing(session)
        again = intake.understand_again(session.scalars(select(Delivery)).one(), files)
        outcome = intake.replay(session, again, now=NOON)
        session.commit()
    assert b"a resume" not in start
    assert resume["data"].encode() in start
    assert (outcome.status, outcome.effect) == ("accepted", "unchanged")
    assert counted(engine, Attachment) == 1


@pytest.mark.parametrize("first", ["pushed", "pulled"])
def test_a_completed_one_that_comes_both_ways_is_one_as_it_was_pushed(engine, api, pulled, push, first):
    answers = [{"question": {"id": "q", "type": "text", "question": "Why?"}, "answer": "Because"}]
    resume = file_object(b"%PDF-1.4 a resume")
    data = item(1, completed=True, applicant={"firstName": "Ada", "resume": resume}, questionsAndAnswers=answers)
    api.items = [data | {"applicant": {"firstName": "A.", "phone": "5125550123", "resume": resume}}]
    ways = [lambda: push(data, at=NOON + timedelta(minutes=10)), lambda: pulled(SyncKind.COMPLETED)]
    for way in ways if first == "pushed" else reversed(ways):
        way()
    found = only(engine)
    assert (found.first_name, found.phone, found.completed) == ("Ada", "5125550123", True)
    assert counted(engine, Attachment) == 1
    with Session(engine) as session:
        source = session.scalar(select(Delivery.source).where(Delivery.id == found.answers_from_id))
    assert source == "pushed"


def test_an_old_look_at_an_unfinished_one_changes_nothing_of_what_was_pushed_since(engine, api, pulled, push, clock):
    data = item(1)
    push(data | {"applicant": {"firstName": "Adele"}}, "started:v1", at=NOON + timedelta(minutes=5))
    api.items = [data]
    pulled()
    assert (only(engine).first_name, only(engine).last_name) == ("Adele", "Quill 1")


def test_a_completed_one_in_the_list_of_unfinished_ones_is_news(engine, api, pulled):
    api.items = items(2)
    pulled()
    api.items = [item(0), item(1, completed=True)]
    api.unfiltered = True
    assert pulled().line == "fetched 2, new 0, updated 1, unchanged 1, failed 0"
    with Session(engine) as session:
        assert session.scalars(select(Application.talroo_id).where(Application.completed)).all() == ["listed-1"]


def test_one_item_that_breaks_the_code_is_kept_and_its_neighbours_are_filed(engine, api, pulled, monkeypatch):
    original = intake.filing.file_application

    def fail(session, submission, **context):
        filed = original(session, submission, **context)
        if submission.talroo_id == "listed-3":
            raise ZeroDivisionError
        return filed

    monkeypatch.setattr(intake.filing, "file_application", fail)
    api.items = items(8)
    assert pulled().line == "fetched 8, new 7, updated 0, unchanged 0, failed 1"
    assert counted(engine, Application) == 7
    with Session(engine) as session:
        assert "ZeroDivisionError" in str(
            session.scalars(select(Delivery.reason).where(Delivery.status == "kept")).one()
        )


def test_a_long_list_is_filed_while_it_is_watched_and_the_second_pull_finds_nothing_new(engine, api, pulled):
    """(Lists of 5,000 are what tests/services/test_pull_list.py is about.)"""
    api.items = items(800)
    told: list[int] = []
    done = pulled(told=lambda run: told.append(run.fetched))
    assert done.line == "fetched 800, new 800, updated 0, unchanged 0, failed 0"
    assert counted(engine, Application) == 800
    assert told == sorted(told)
    assert len(told) == done.pages == len(api.pages)
    assert pulled().line == "fetched 800, new 0, updated 0, unchanged 800, failed 0"


# --- from when on ---------------------------------------------------------------------------------------------------


def test_the_next_pull_begins_two_days_before_the_newest(engine, api, pulled, clock):
    api.items = items(1)
    pulled()
    clock.advance(days=3)
    assert pulled().since == started(0) - timedelta(hours=48)
    assert pulled(SyncKind.COMPLETED).since == clock() - timedelta(days=30)


def test_a_date_in_the_future_hides_nobody(engine, api, pulled):
    api.items = [item(0, at=NOON + timedelta(days=900)), item(1)]
    pulled()
    assert state(engine).watermark == NOON


def test_a_pull_bounded_by_hand_reads_that_far_and_no_farther(engine, api, pulled):
    api.items = items(100)
    assert pulled(since=started(9)).line == "fetched 10, new 10, updated 0, unchanged 0, failed 0"
    assert state(engine).watermark == started(0)


def test_a_pull_bounded_after_the_watermark_leaves_no_hole(engine, api, pulled, clock):
    api.items = items(1)
    pulled()
    watermark = state(engine).watermark
    clock.advance(days=10)
    api.insert(*(item(100 + days, at=NOON + timedelta(days=days)) for days in range(1, 10)))
    assert pulled(since=NOON + timedelta(days=8)).new == 2
    assert state(engine).watermark == watermark
    assert pulled().new == 7
    assert state(engine).watermark == NOON + timedelta(days=9)


def test_the_watermark_stays_where_a_pull_fails_and_what_it_brought_counts(engine, api, pulled):
    api.items = items(300)
    api.before[3] = lambda: api.script.append(403)
    done = pulled(since=started(299))
    assert (done.state, done.line) == ("failed", "fetched 200, new 200, updated 0, unchanged 0, failed 0")
    assert "does not let it read job applications" in done.problem
    stands = state(engine)
    assert (stands.watermark, stands.floor, stands.lease_until) == (None, started(299), None)
    api.items = [one for one in api.items if int(one["id"].removeprefix("listed-")) >= 100]
    assert pulled().line == "fetched 200, new 100, updated 0, unchanged 100, failed 0"
    assert (state(engine).watermark, state(engine).floor) == (started(100), None)


def test_a_pull_that_was_to_reach_farther_back_is_owed(engine, api, pulled, clock):
    far = NOON - timedelta(days=200)
    api.items = [*items(60), item(999, at=far)]
    api.before[0] = lambda: api.script.append(403)
    assert pulled(since=far).state == "failed"
    assert pulled().line == "fetched 61, new 11, updated 0, unchanged 50, failed 0"
    assert state(engine).floor is None


def test_a_list_too_long_is_told_and_not_owed(engine, api, pulled, monkeypatch):
    monkeypatch.setattr("dashboard.services.pull_list.MOST_ITEMS", 100)
    api.items = items(300)
    done = pulled(since=started(299))
    assert (done.state, done.new) == ("failed", 100)
    assert "a later --since" in done.problem
    assert (state(engine).watermark, state(engine).floor) == (None, None)
    assert pulled(since=started(30)).state == "done"


def test_the_same_page_for_ever_fails_and_moves_no_watermark(engine, api, pulled):
    api.items = items(200)
    api.frozen_page = True
    done = pulled()
    assert (done.state, done.new, state(engine).watermark) == ("failed", 50, None)
    assert "the same page again" in done.problem


# --- the end, and crashes -------------------------------------------------------------------------------------------


def test_who_tells_it_to_stop_finds_it_interrupted(engine, api, pulled):
    stop = threading.Event()
    api.items = items(300)
    api.before[2] = stop.set
    done = pulled(stop=stop)
    assert (done.state, done.problem) == ("interrupted", pull.STOPPED)
    assert 50 <= done.fetched <= 150
    assert state(engine).lease_until is None
    assert pulled().new == 300 - done.new


def test_a_database_that_cannot_keep_it_ends_the_pull_in_words(engine, api, pulled, monkeypatch):
    api.items = items(120)
    original = pull_keeping.intake.store_among

    def full(session, arrival, understood):
        if b"listed-77" in arrival.raw:
            raise OSError(28, "No space left on device")
        return original(session, arrival, understood)

    monkeypatch.setattr(pull_keeping.intake, "store_among", full)
    done = pulled()
    assert (done.state, done.fetched) == ("failed", 50)
    assert done.problem == "What was read could not be stored (OSError). The next pull tries again."
    monkeypatch.undo()
    assert pulled().state == "done"
    assert counted(engine, Application) == 120


def test_an_error_nobody_foresaw_is_recorded_without_contents(engine, api, pulled, monkeypatch, caplog):
    api.items = items(1)
    contents = str(api.items[0])

    def fail(*_):
        raise ValueError(contents)

    monkeypatch.setattr(pull_keeping, "_known", fail)
    done = pulled()
    assert done.state == "failed"
    assert "ValueError" in done.problem
    assert "Ada" not in caplog.text + done.problem


def environment(url: str, api: TalrooApi, folder: Path) -> dict[str, str]:
    settings = {name.upper(): value for name, value in api.settings.items()}
    own = {"DATABASE_URL": url, "FILES_URL": f"file://{folder}/files", "SECRET_KEY": "for the tests, nothing is secret"}
    return {**os.environ, **settings, **own}


@pytest.mark.process
def test_a_pull_that_is_killed_in_the_middle_is_finished_by_the_next(database_url, engine, api, tmp_path, pulled):
    api.items = [item(number, at=datetime.now(UTC) - timedelta(minutes=number + 1)) for number in range(250)]
    released = threading.Event()
    api.before[2] = lambda: released.wait(60)
    words = [*FLASK, "sync", "incomplete"]
    with subprocess.Popen(words, cwd=ROOT, env=environment(database_url, api, tmp_path)) as killed:
        try:
            while len(api.pages) < 3 or counted(engine, Application) < 100:
                assert killed.poll() is None
                time.sleep(0.05)
            with pytest.raises(AlreadyRunning, match=r"running already, since .* UTC, started by a command\."):
                pulled(clock=utcnow)
        finally:
            killed.kill()
    released.set()
    # At once, although the lease of the one that was killed has minutes to go.
    assert pulled(clock=utcnow).state == "done"
    first, second = runs(engine)
    assert (first.state, first.problem) == ("interrupted", pull_turn.AWAY)
    assert (second.state, second.fetched, second.failed) == ("done", 250, 0)
    assert second.new < 250
    assert counted(engine, Application) == 250
    assert state(engine).watermark is not None


# --- one at a time --------------------------------------------------------------------------------------------------


def test_of_two_at_once_one_pulls_and_the_other_says_so(engine, api, pulled):
    api.items = items(200)
    ends: list[object] = []

    def begin() -> None:
        try:
            ends.append(pulled().state)
        except AlreadyRunning as problem:
            ends.append(problem)

    # The first page is answered only after both have begun.
    api.hold.clear()
    waiting = threading.Thread(target=lambda: (sync_until(lambda: len(ends) == 3), api.hold.set()))
    waiting.start()
    all_at_once(begin, begin, begin, begin)
    waiting.join()
    assert sorted(str(one) for one in ends if isinstance(one, str)) == ["done"]
    refused = [str(one) for one in ends if isinstance(one, AlreadyRunning)]
    words = "A pull of incomplete applications is running already, since 12:00:00 UTC, started by a command."
    assert refused == [words] * 3
    assert len(runs(engine)) == 1


def sync_until(condition: Callable[[], bool], within: float = 60) -> None:
    until = time.monotonic() + within
    while not condition() and time.monotonic() < until:
        time.sleep(0.02)


def test_the_two_kinds_do_not_wait_for_each_other(engine, api, pulled):
    api.items = items(1)
    api.before[0] = lambda: pulled(SyncKind.COMPLETED)
    assert pulled().state == "done"
    assert [run.kind for run in runs(engine)] == ["incomplete", "completed"]


def test_a_lease_that_ran_out_is_taken_over_and_its_holder_stops(engine, api, pulled, clock):
    api.items = items(200)
    taken: list[SyncRun] = []

    def take_over() -> None:
        clock.advance(minutes=6)
        taken.append(pulled(trigger="worker"))

    api.before[2] = take_over
    late = pulled()
    assert (late.state, late.problem) == ("interrupted", pull_turn.AWAY)
    assert taken[0].state == "done"
    assert [run.state for run in runs(engine)] == ["interrupted", "done"]
    assert counted(engine, Application) == 200
    assert state(engine).run_id == taken[0].id


def test_each_page_makes_the_lease_longer(engine, api, pulled, clock):
    api.items = items(300)
    for number in range(18):
        api.before[number] = lambda: clock.advance(minutes=4)
    assert pulled().state == "done"


# --- asked for, or due ----------------------------------------------------------------------------------------------


def ask(engine: Engine, clock: Clock, kind: SyncKind = SyncKind.INCOMPLETE, user: User | None = None) -> bool:
    with Session(engine) as session:
        start_writing(session)
        asked = sync.ask(session, kind, user_id=user.id if user else None, now=clock())
        session.commit()
    return asked


def status(engine: Engine, clock: Clock, kind: SyncKind = SyncKind.INCOMPLETE, interval: int = INTERVAL):
    with Session(engine, expire_on_commit=False) as session:
        return sync.status(session, kind, now=clock(), interval=interval)


@pytest.fixture
def run_due(engine: Engine, api: TalrooApi, files: LocalFiles, clock: Clock) -> Callable[..., list[tuple[str, str]]]:
    """Do what the worker does, and tell which pulls it made: kind and trigger."""

    def do(interval: int = INTERVAL) -> list[tuple[str, str]]:
        before = len(runs(engine))
        pull.run_due(lambda: Session(engine), api.client(), files, interval=interval, clock=clock)
        return [(run.kind, run.trigger) for run in runs(engine)[before:]]

    return do


def test_the_button_is_pressed_once_and_the_worker_does_it(engine, session, api, clock, run_due):
    rita = add_recruiter(session)
    assert ask(engine, clock, user=rita)
    assert not ask(engine, clock)
    assert status(engine, clock).asked
    assert run_due(interval=0) == [("incomplete", "button")]
    assert runs(engine)[0].started_by_id == rita.id
    assert not status(engine, clock).asked
    assert run_due(interval=0) == []
    assert ask(engine, clock)


def test_who_presses_the_button_while_one_runs_is_told_so(engine, api, clock, pulled):
    api.items = items(1)
    heard: list[object] = []
    api.before[0] = lambda: heard.extend([ask(engine, clock), status(engine, clock).running])
    done = pulled()
    assert heard[0] is False
    assert (heard[1].id, heard[1].state) == (done.id, "running")
    assert status(engine, clock).running is None


def test_unfinished_ones_are_pulled_at_their_interval_and_completed_ones_at_night(engine, clock, run_due):
    assert run_due() == [("incomplete", "worker")]
    assert status(engine, clock).next_at == NOON + timedelta(seconds=INTERVAL)
    assert status(engine, clock, SyncKind.COMPLETED).next_at == datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
    clock.advance(seconds=INTERVAL - 1)
    assert run_due() == []
    clock.advance(seconds=1)
    assert run_due() == [("incomplete", "worker")]
    clock.now = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
    assert run_due() == [("incomplete", "worker"), ("completed", "worker")]
    clock.advance(days=5)
    assert status(engine, clock, SyncKind.COMPLETED).next_is_due
    assert run_due() == [("incomplete", "worker"), ("completed", "worker")]


def test_a_first_night_that_was_missed_is_left_to_the_next(engine, clock, run_due):
    clock.now = datetime(2026, 11, 22, 4, 1, tzinfo=UTC)
    assert run_due() == [("incomplete", "worker")]
    assert status(engine, clock, SyncKind.COMPLETED).next_at == datetime(2026, 11, 23, 3, 0, tzinfo=UTC)


def test_an_interval_of_nought_turns_both_off(engine, clock, run_due):
    assert run_due(interval=0) == []
    for kind in SyncKind:
        stands = status(engine, clock, kind, interval=0)
        assert (stands.next_at, stands.next_is_due) == (None, False)


def test_after_a_failure_the_next_one_comes_in_its_time(engine, api, clock, run_due):
    clock.now = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
    api.script.extend([403, 403])
    assert len(run_due()) == 2
    assert [run.state for run in runs(engine)] == ["failed", "failed"]
    assert status(engine, clock).next_at == clock() + timedelta(seconds=INTERVAL)
    assert status(engine, clock, SyncKind.COMPLETED).next_at == clock() + timedelta(hours=1)
    assert "Ask Talroo to permit it" in status(engine, clock).last.problem


def test_what_was_interrupted_goes_on_soon_but_not_at_once(engine, api, clock, run_due):
    run_due()
    with Session(engine) as session:
        session.execute(update(SyncRun).values(state="interrupted"))
        session.commit()
    assert run_due() == []
    assert status(engine, clock).next_at == NOON + timedelta(minutes=1)


# --- the gap --------------------------------------------------------------------------------------------------------


def test_the_gap_tells_what_only_the_api_had(engine, api, pulled, push, clock):
    listed = [item(number, completed=True) for number in range(8)]
    for data in listed[:5]:
        push(data)
    push(listed[5] | {"completed": False}, "started:v1")
    api.unfiltered = True
    api.items = [*listed, item(20), {"job": {"title": "Nobody's"}, "completed": True}]
    done = pulled(SyncKind.COMPLETED)
    assert done.gap == "pushed 5, found only by the API 3, missing 1"
    assert done.line == "fetched 10, new 3, updated 1, unchanged 5, failed 1"
    again = pulled(SyncKind.COMPLETED)
    assert again.gap == done.gap
    # Of the three one was begun here: that it was finished is news, too.
    assert [run.news for run in (done, again)] == ["new with this pull: 3", "new with this pull: 0"]
    clock.advance(days=1)
    assert pulled(SyncKind.COMPLETED).since == started(0) - timedelta(days=30)


def test_whom_a_cadence_brings_back_is_found_the_next_night_and_after_an_outage(engine, api, pulled, clock):
    api.items = [item(0, completed=True)]
    assert pulled(SyncKind.COMPLETED).new == 1
    clock.advance(days=1)
    # Begun when the cadence began with them, finished now, and never pushed.
    api.insert(item(1, at=NOON - timedelta(days=13), completed=True))
    assert pulled(SyncKind.COMPLETED).news == "new with this pull: 1"
    assert pull_turn.OVERLAP[SyncKind.COMPLETED] > cadence.ONLY_SINCE + timedelta(days=14)


def test_what_runs_at_every_page_is_read_from_indexes(engine, api, pulled):
    asked: list[tuple[str, Any]] = []

    def note(_connection, _cursor, statement, parameters, *_):
        if statement.startswith("SELECT delivery."):
            asked.append((statement, parameters))

    event.listen(engine, "before_cursor_execute", note)
    api.items = items(3, completed=True)
    pulled(SyncKind.COMPLETED)
    event.remove(engine, "before_cursor_execute", note)
    assert len(asked) == 2
    with engine.connect() as connection:
        if engine.dialect.name == "postgresql":
            connection.exec_driver_sql("SET enable_seqscan = off")
        explain = "EXPLAIN QUERY PLAN " if engine.dialect.name == "sqlite" else "EXPLAIN "
        for statement, parameters in asked:
            plan = " ".join(str(row[-1]) for row in connection.exec_driver_sql(explain + statement, parameters))
            assert "SEARCH delivery" in plan or "Index" in plan
            assert "SCAN delivery" not in plan
            assert "Seq Scan" not in plan
