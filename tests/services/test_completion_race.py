"""The same application arrives unfinished by a pull and completed by the webhook (issue 4, Completion).

Whichever is first, and when both are on their way at the same moment: it is always completed, and always one.
"""

from __future__ import annotations

import functools
import json
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Final

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from dashboard.clock import utcnow
from dashboard.extensions import db
from dashboard.models import Application, Delivery, FollowUp, SyncKind
from dashboard.services import completion, pull, pull_list
from dashboard.services.intake import Arrival, Outcome
from dashboard.services.together import Together
from dashboard.talroo.questions import CURRENT
from tests.factories import as_body, event, file_object
from tests.talroo_api import NOON, TalrooApi

TIMES: Final = 200
"""Pairs that have the same id: what the issue asks for."""
FEWER: Final = 50
"""Pairs of each other key. They go the same ways; that both look too early is forced in a test of its own."""
AT_ONCE: Final = 8
"""Threads: half of them pull, half of them are pushed to."""
PATIENCE: Final = 120
PAGE: Final = pull_list.SIZES[0]
"""Items of a page of the list."""

STARTED: Final = {"tlrApplicationId": "talroo-{}", "tlrSid": "click-{}", "email": "{}@example.com"}
OTHER: Final = {"tlrApplicationId": "talroo-other-{}", "tlrSid": "click-other-{}", "email": "other-{}@example.com"}
SHARED: Final = {"id": (), "application": ("tlrApplicationId",), "click": ("tlrSid",), "email": ("email",)}
"""What the two have in common, by the key they are then known by."""


def pulled(number: int) -> bytes:
    """One item of Talroo's list."""
    return as_body(told(number, "started:v1", STARTED, application_id=f"begun-{number}")["data"])


def pushed(number: int, key: str) -> bytes:
    signs = OTHER | {name: STARTED[name] for name in SHARED[key]}
    name = "begun" if key == "id" else "finished"
    return as_body(told(number, "completed:v2", signs, application_id=f"{name}-{number}"))


def told(number: int, kind: str, signs: dict[str, str], *, application_id: str) -> dict[str, Any]:
    own = {name: sign.format(number) for name, sign in signs.items()}
    resume = file_object(b"the same for everybody")
    # One job for all, and one file: what they need in common is what they could wait for.
    return event(
        kind=kind,
        application_id=application_id,
        applicant={"emailAddress": own.pop("email"), "resume": resume},
        createdAt="2026-11-18T12:00:00Z",
        **own,
        **{CURRENT: [{"question": {"id": "q", "type": "text", "question": "Why?"}, "answer": "Because"}]},
    )


def receiver(app) -> Callable[[bytes, str], Outcome]:
    """`receive(raw, source)` stores it as the web process does, in a session of its own."""
    with app.app_context():
        engine = db.engine
    together = Together(lambda: Session(engine), shared=engine.dialect.name == "sqlite", patience=PATIENCE)
    return lambda raw, source: together.receive(Arrival(raw, source, utcnow(), "fresh"), app.extensions["file_store"])


@pytest.fixture
def receive(app) -> Callable[[bytes, str], Outcome]:
    return receiver(app)


def in_order(receive, documents: list[tuple[bytes, str]]) -> list[Outcome]:
    return [receive(*document) for document in documents]


def at_once(receive, pairs: list[list[tuple[bytes, str]]]) -> list[Outcome]:
    """Both of each pair begin at the same moment, and several pairs are under way together."""
    barriers = [threading.Barrier(2) for _ in pairs]

    def one(number: int, document: tuple[bytes, str]) -> Outcome:
        barriers[number].wait(PATIENCE)
        return receive(*document)

    with ThreadPoolExecutor(AT_ONCE) as threads:
        # Both of a pair stand next to each other in the queue, so nobody waits for one that cannot begin.
        begun = [threads.submit(one, number, document) for number, pair in enumerate(pairs) for document in pair]
        return [future.result(PATIENCE) for future in begun]


def assert_all_completed(app, key: str, times: int) -> None:
    with app.app_context():
        session = db.session()
        assert session.scalar(select(func.count()).select_from(Delivery)) == 2 * times
        assert session.scalar(select(func.count()).select_from(FollowUp).where(FollowUp.completed_at.is_(None))) == 0
        assert Counter(session.scalars(select(FollowUp.completed_key))) == {key: times}
        inbox = session.scalars(select(Application).where(Application.completed.is_(True))).all()
        name = "begun" if key == "id" else "finished"
        assert sorted(one.talroo_id for one in inbox) == sorted(f"{name}-{number}" for number in range(times))
        ends = {row.application.talroo_id: row.completed_by.talroo_id for row in session.scalars(select(FollowUp))}
        assert ends == {f"begun-{number}": f"{name}-{number}" for number in range(times)}
        rows = session.scalar(select(func.count()).select_from(Application))
        assert rows == (times if key == "id" else 2 * times)


@pytest.fixture
def times(key: str) -> int:
    return TIMES if key == "id" else FEWER


@pytest.mark.parametrize("key", SHARED)
@pytest.mark.parametrize("first", ["pulled", "pushed"])
def test_one_after_the_other(app, receive, key, times, first):
    documents = []
    for number in range(times):
        pair = [(pulled(number), "pulled"), (pushed(number, key), "pushed")]
        documents += pair if first == "pulled" else pair[::-1]
    assert {outcome.status for outcome in in_order(receive, documents)} == {"accepted"}
    assert_all_completed(app, key, times)


@pytest.mark.parametrize("key", SHARED)
def test_both_at_the_same_moment(app, receive, key, times):
    pairs = [[(pulled(number), "pulled"), (pushed(number, key), "pushed")] for number in range(times)]
    outcomes = at_once(receive, [pair if number % 2 else pair[::-1] for number, pair in enumerate(pairs)])
    assert {outcome.status for outcome in outcomes} == {"accepted"}
    assert_all_completed(app, key, times)


@pytest.mark.parametrize("key", ["id", "click"])
def test_a_pull_lists_them_as_unfinished_while_the_webhook_brings_the_same_as_completed(app, receive, key, times):
    with app.app_context():
        engine = db.engine
    listed = [json.loads(pulled(number)) for number in range(times)]
    with TalrooApi(listed) as api, ThreadPoolExecutor(AT_ONCE) as threads:
        pushes: list[Future[Outcome]] = []

        def push_page(page: int) -> None:
            """While the pull stores this page, threads store who of it has finished."""
            numbers = range(page * PAGE, (page + 1) * PAGE)
            pushes.extend(threads.submit(receive, pushed(number, key), "pushed") for number in numbers)

        # Counted are pages asked for, and the pull looks at the list twice: the first ones tell of everybody once.
        api.before = {page: functools.partial(push_page, page) for page in range(times // PAGE)}
        done = pull.run(
            lambda: Session(engine),
            api.client(),
            app.extensions["file_store"],
            SyncKind.INCOMPLETE,
            trigger="worker",
            clock=lambda: NOON,
        )
        assert {push.result(PATIENCE).status for push in pushes} == {"accepted"}
    assert (done.state, done.problem, done.fetched, done.failed) == ("done", None, times, 0)
    assert_all_completed(app, key, times)


def test_everything_of_one_person_at_the_same_moment(app, receive):
    """Attempts and completed applications that share all keys: none stays open, and nobody waits in a circle."""
    for round_number in range(TIMES // 10):
        documents = []
        for number in range(5):
            for kind, source in (("started:v1", "pulled"), ("completed:v2", "pushed")):
                name = f"{source}-{round_number}-{number}"
                document = told(round_number, kind, STARTED, application_id=name)
                documents.append((as_body(document["data"] if source == "pulled" else document), source))
        barrier = threading.Barrier(len(documents))

        def one(document: tuple[bytes, str], barrier=barrier) -> Outcome:
            barrier.wait(PATIENCE)
            return receive(*document)

        with ThreadPoolExecutor(len(documents)) as threads:
            assert {outcome.status for outcome in threads.map(one, documents)} == {"accepted"}
    with app.app_context():
        told_keys = Counter(db.session.scalars(select(FollowUp.completed_key)))
        assert told_keys == {"application": TIMES // 10 * 5}


def test_without_the_locks_both_look_too_early(make_app, fresh_database_url, monkeypatch):
    """What the tests above would miss if it were only luck: the two transactions look before either has committed."""
    app = make_app(fresh_database_url())
    receiver(app)(pushed(0, "click"), "pushed")  # the job is there, so that nobody waits for who makes it
    looked = threading.Barrier(2)

    def then_wait(look):
        def wrapped(*given):
            found = look(*given)
            looked.wait(PATIENCE)
            return found

        return wrapped

    monkeypatch.setattr(completion, "_lock", lambda *_: None)
    monkeypatch.setattr(completion, "_taker", then_wait(completion._taker))
    monkeypatch.setattr(completion._FIRST_TAKEN, "first", then_wait(completion._FIRST_TAKEN.first))
    at_once(receiver(app), [[(pulled(1), "pulled"), (pushed(1, "click"), "pushed")]])
    with app.app_context():
        assert db.session.scalars(select(FollowUp.completed_key)).all() == [None]
