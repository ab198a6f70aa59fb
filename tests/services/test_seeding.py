"""Many made-up applications in bulk: what intake would have stored, and never among real people's."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator

import pytest
from sqlalchemy import func, select, text, update
from sqlalchemy.orm import Session

from dashboard import search, tokens
from dashboard.clock import utcnow
from dashboard.extensions import db
from dashboard.inbox import Inbox
from dashboard.inbox_pages import inbox_page
from dashboard.models import Application, Attachment, Delivery, Job, StageChange, StoredFile
from dashboard.sandbox.material import many
from dashboard.services import indexing, intake, seeding
from tests.factories import event


@pytest.fixture
def session(app):
    with app.app_context():
        yield db.session()


@pytest.fixture
def seed(app, session):
    def write(count: int) -> list[int]:
        samples = (seeding.Sample(*made) for made in many(random.Random(7), count, utcnow()))
        return list(seeding.seed(session, app.extensions["file_store"], samples))

    return write


def counted(session, model) -> int:
    return session.scalar(select(func.count()).select_from(model))


def facts(application: Application) -> dict[str, object]:
    """What is known of an application, but for whether the index knows it too."""
    columns = {column.key for column in Application.__table__.columns} - {"unindexed"}
    return {name: getattr(application, name) for name in columns}


def test_as_many_as_asked_for_are_written_with_deliveries_jobs_and_a_few_files(seed, session):
    assert seed(200) == [200]
    assert counted(session, Application) == counted(session, Delivery) == 200
    assert counted(session, Job) == 14
    assert counted(session, Attachment) == 20
    assert counted(session, StoredFile) <= 20
    assert set(session.scalars(select(Delivery.source))) == {"seeded"}


def test_memory_is_bounded_because_samples_are_taken_a_batch_at_a_time(app, session, monkeypatch):
    monkeypatch.setattr(seeding, "BATCH", 10)
    taken = 0

    def samples() -> Iterator[seeding.Sample]:
        nonlocal taken
        for made in many(random.Random(7), 30, utcnow()):
            taken += 1
            yield seeding.Sample(*made)

    seeding_now = seeding.seed(session, app.extensions["file_store"], samples())
    assert next(seeding_now) == 10
    assert taken == 10
    assert counted(session, Application) == 10
    session.rollback()  # having read, it could not become a writer
    assert list(seeding_now) == [10, 10]


def test_what_was_seeded_is_what_intake_makes_of_the_same_delivery(seed, session, app):
    seed(40)
    store = app.extensions["file_store"]
    for delivery in session.scalars(select(Delivery).order_by(Delivery.id)).all():
        application = session.scalar(select(Application).where(Application.talroo_id == delivery.talroo_id))
        before, exact = facts(application), intake.exact_body(delivery, store)
        assert len(exact) == delivery.size
        assert json.loads(exact)["id"] == delivery.event_id
        kept = (delivery.body, delivery.cuts, delivery.notes, delivery.status)
        assert (
            intake.replay(session, intake.understand_again(delivery, store), now=utcnow()).application
            == application.public_id
        )
        session.flush()
        session.refresh(application)
        assert facts(application) == before
        assert (delivery.body, delivery.cuts, delivery.notes, delivery.status) == kept
    assert counted(session, Application) == 40
    assert counted(session, Attachment) == 4


def test_seeded_people_are_found_by_name_and_by_the_words_of_their_resume(seed, session):
    seed(60)
    for application in session.scalars(select(Application)).all():
        found = inbox_page(session, Inbox(text=f"{application.first_name} {application.last_name}"), None)
        assert application.id in {row.id for row in found.rows}
    with_resume = session.scalars(select(Attachment)).first()
    word = next(word for word in tokens.words([with_resume.content.text]) if len(word) > 8 and word.isalpha())
    found = inbox_page(session, Inbox(text=word), None)
    assert with_resume.application_id in {row.id for row in found.rows}


def test_indexing_a_seeded_application_anew_changes_nothing_that_is_found(seed, session):
    seed(20)
    carrying = session.scalars(select(Attachment)).first().application
    word = next(word for word in tokens.words([carrying.resume.content.text]) if len(word) > 8 and word.isalpha())
    before = indexed(session)
    session.execute(update(Application).values(unindexed=search.mark()))
    session.commit()
    assert indexing.index_waiting(lambda: Session(db.engine), 100) == 20
    session.rollback()
    assert indexed(session) == before
    assert [row.id for row in inbox_page(session, Inbox(text=word), None).rows].count(carrying.id) == 1


def indexed(session) -> list[tuple[object, ...]]:
    """The index, whatever its table looks like; words in no order."""
    key = "number" if session.get_bind().dialect.name == "postgresql" else "rowid"
    rows = session.execute(text(f"SELECT {key}, * FROM {search.TABLE} ORDER BY 1")).all()
    return [tuple(sorted(value.split()) if isinstance(value, str) else value for value in row) for row in rows]


def test_stages_are_mixed_and_each_move_stands_in_the_timeline(seed, session):
    seed(100)
    moved = set(session.scalars(select(Application.id).where(Application.stage != "new")))
    assert set(session.scalars(select(Application.stage))) == {"new", "reviewed", "contacted", "interview", "rejected"}
    assert set(session.scalars(select(StageChange.application_id))) == moved


def test_seeding_again_adds_more(seed, session, app):
    seed(10)
    samples = (seeding.Sample(*made) for made in many(random.Random(8), 10, utcnow()))
    assert list(seeding.seed(session, app.extensions["file_store"], samples)) == [10]
    assert counted(session, Application) == 20


def test_new_deliveries_follow_the_seeded_ones(seed, deliver, session):
    seed(10)
    answer = deliver(event())
    assert (answer.status_code, answer.json["status"]) == (200, "accepted")
    assert counted(session, Application) == 11


def test_a_database_with_real_deliveries_is_refused_and_left_alone(seed, deliver, session):
    deliver(event())
    with pytest.raises(seeding.HoldsRealDeliveries):
        seed(10)
    assert counted(session, Application) == 1
