"""Applications, recruiters and an outbox without the site around them: `engine`, `session`, and what fills them."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any, Final

import pytest
from sqlalchemy import Engine, create_engine, select
from sqlalchemy.orm import Session

from config import Config
from dashboard.database import keep_promises, start_writing
from dashboard.models import Application, Attempt, Hold, Job, Outbound, User
from dashboard.models.outbound import Channel
from dashboard.models.privacy import HoldKind
from dashboard.services import audit, holding, review, tombstones
from dashboard.services.files import LocalFiles
from dashboard.services.holding import Keeping
from dashboard.services.reporting import Rules
from dashboard.services.review import Change, Moved, Wanted
from dashboard.stages import Stage
from dashboard.worker import Worker
from tests.infrastructure.made_once import share_statements

NOON: Final = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
HOLD: Final = timedelta(seconds=60)
RULES: Final = Rules({"hired": 2}, {}, HOLD)
CLICK: Final = "9e21f3a0-1c2d-4e5f-8a9b-000000000001"

_numbers: Final = count(1)


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """A migrated, empty database, of either kind, as the site and the worker use it."""
    made = open_engine(database_url)
    yield made
    made.dispose()


@pytest.fixture
def session(engine: Engine) -> Iterator[Session]:
    with Session(engine) as opened:
        yield opened


KEY = "for the tests only, nothing is secret"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def make_worker(engine: Engine, clock: Clock, tmp_path: Path) -> Callable[..., Worker]:
    """`make_worker(url, deadline=…, **settings)` → a worker that calls `url`, by the test's clock.

    A call takes as long as a busy machine needs for it: what is about the deadline sets its own.
    """

    def make(url: str, *, deadline: int = 60, lease: timedelta | None = None, **settings: Any) -> Worker:
        chosen = {"talroo_conversion_url": url, "talroo_disposition_url": f"{url}/disposition/v1/events", **settings}
        config = Config(secret_key=KEY, talroo_call_deadline=deadline, metrics_dir=f"{tmp_path}/metrics", **chosen)
        return Worker(config, engine, LocalFiles(tmp_path / "files"), clock=clock, rng=random.Random(1), lease=lease)

    return make


class Clock:
    """A clock that only the test moves."""

    def __init__(self, now: datetime = NOON) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **spans: float) -> datetime:
        self.now += timedelta(**spans)
        return self.now


def open_engine(url: str) -> Engine:
    """An engine with the promises the site's has, wide enough for many threads."""
    made = create_engine(url, pool_size=8, max_overflow=32, pool_pre_ping=True)
    keep_promises(made)
    share_statements(made)
    audit.keep_chain(made, (KEY,))
    tombstones.keep_keys(made, (KEY,))
    return made


def add_applicant(session: Session, name: str = "Ada", **fields: Any) -> Application:
    """A saved, completed application with a click id of its own, unless `fields` say otherwise."""
    number = next(_numbers)
    facts: dict[str, Any] = {
        "talroo_id": f"application-{number}",
        "tlr_sid": f"click-{number}",
        "tlr_application_id": f"tlr-{number}",
        "first_name": name,
        "last_name": "Quill",
        "email": f"{name.lower()}{number}@example.com",
        "phone": "5125550123",
        "applied_at": NOON,
        "arrived_at": NOON,
        "flags": [],
        # Above what a sequence gives to those that are delivered.
        "inbox_no": number + 1_000_000 if fields.get("completed", True) else None,
        "unindexed": 1,
    }
    application = Application(**facts | fields)
    session.add(application)
    session.commit()
    return application


def add_job(session: Session, reference: str, title: str) -> Job:
    job = Job(identity=reference, reference=reference, title=title)
    session.add(job)
    session.commit()
    return job


def add_recruiter(session: Session, email: str = "rita@example.com") -> User:
    user = User(email=email, password_hash="not used", role="recruiter", created_at=NOON)
    session.add(user)
    session.commit()
    return user


def move(
    session: Session,
    application: Application | int,
    stage: Stage | str,
    *,
    at: datetime = NOON,
    rules: Rules = RULES,
    seen: int | None = None,
    user: User | None = None,
    **more: Any,
) -> Moved:
    """Move one application, given itself or by its id, and commit."""
    number = application if isinstance(application, int) else application.id
    change = Change(Stage(stage), user.id if user else None, "192.0.2.7", at, **more)
    session.rollback()
    start_writing(session)
    moved = review.move(session, [Wanted(number, seen)], change, rules)
    session.commit()
    return moved


def restrict(session: Session, *applications: Application, at: datetime = NOON) -> None:
    """Nobody may work with these any more."""
    ids = [one.public_id for one in applications]
    session.rollback()
    start_writing(session)
    holding.place(session, ids, Keeping(HoldKind.RESTRICTION, "They asked for it", None, at, None))
    session.commit()


def lift(session: Session, *, at: datetime = NOON) -> None:
    """Whoever is restricted may be worked with again."""
    session.rollback()
    start_writing(session)
    for hold in session.scalars(select(Hold).where(Hold.ended_at.is_(None))).all():
        holding.end(session, hold, at=at, user_id=None)
    session.commit()


def all_at_once(*works: Callable[[], object]) -> None:
    """Do all of `works` in threads that begin together; what one raises is raised here."""
    together = threading.Barrier(len(works))

    def begin(work: Callable[[], object]) -> object:
        together.wait(60)
        return work()

    with ThreadPoolExecutor(len(works)) as pool:
        for done in [pool.submit(begin, work) for work in works]:
            done.result(120)


def conversions(session: Session) -> list[Outbound]:
    """The ledger of conversions as it is now, oldest first."""
    return _ledger(session, Channel.CONVERSION)


def dispositions(session: Session) -> list[Outbound]:
    return _ledger(session, Channel.DISPOSITION)


def only_conversion(session: Session) -> Outbound:
    (row,) = conversions(session)
    return row


def attempts(session: Session) -> list[Attempt]:
    session.rollback()
    return list(session.scalars(select(Attempt).order_by(Attempt.outbound_id, Attempt.number)))


def click_ids(targets: list[str]) -> list[str]:
    """The click ids in the addresses that were called."""
    return [target.partition("tlr_sid=")[2].partition("&")[0] for target in targets]


def rules(conversions: Mapping[str, int] | None = None, dispositions: Mapping[str, str] | None = None) -> Rules:
    """Rules without a hold: what is decided is due."""
    return Rules(conversions if conversions is not None else {"hired": 2}, dispositions or {}, timedelta())


def _ledger(session: Session, channel: Channel) -> list[Outbound]:
    session.rollback()
    return list(session.scalars(select(Outbound).where(Outbound.channel == channel).order_by(Outbound.id)))
