"""The list that comes along with an application: its place there, and whoever stands before and after."""

from __future__ import annotations

import random

import pytest
from sqlalchemy import event as sqlalchemy_event
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from dashboard import review_queue
from dashboard.clock import utcnow
from dashboard.extensions import db
from dashboard.inbox import Inbox
from dashboard.inbox_pages import inbox_page
from dashboard.models import Application
from dashboard.services import indexing

LISTS = (
    Inbox(),
    Inbox(sort="oldest"),
    Inbox(sort="name"),
    Inbox(tab="new"),
    Inbox(tab="new", sort="oldest"),
    Inbox(tab="new", sort="name"),
    Inbox(text="smith"),
    Inbox(text="smith", sort="oldest"),
    Inbox(text="p", tab="new"),
)

every_list = pytest.mark.parametrize("asked", LISTS, ids=lambda asked: str(asked.args))


@pytest.fixture
def session(app):
    with app.app_context():
        yield db.session()


@pytest.fixture
def people(session):
    """Seventy people, half of them called Smith, and a third with an email address at Smith's; some are reviewed."""
    rng, now = random.Random(7), utcnow()
    for number in range(1, 71):
        known = {"email": f"p{number}@{rng.choice(['smith', 'oak', 'elm'])}.example"}
        known |= {"first_name": rng.choice(["Pat", "Peg", None]), "last_name": rng.choice(["Smith", "Oak"])}
        known |= {"stage": rng.choice(["new", "new", "reviewed"]), "inbox_no": number, "unindexed": 1}
        session.add(Application(talroo_id=f"made-{number}", applied_at=now, arrived_at=now, **known))
    session.commit()
    index(session)


def index(session):
    session.commit()
    indexing.index_waiting(lambda: Session(db.engine), 1_000)
    session.rollback()


def listed(session, asked):
    """Everybody in the list, in its order, as its pages have them."""
    found, cursor = [], ""
    while cursor is not None:
        page = inbox_page(session, asked, cursor or None)
        found += [row.public_id for row in page.rows]
        cursor = page.next_cursor
    return found


def one(session, public_id):
    return session.scalars(select(Application).where(Application.public_id == public_id)).one()


@every_list
def test_walking_from_the_first_visits_everybody_in_the_lists_order_and_back_again(asked, session, people):
    expected = listed(session, asked)
    assert 10 < len(expected) <= 70
    walked, positions, here = [], [], expected[0]
    while here:
        queue = review_queue.around(session, asked, one(session, here))
        walked.append(here)
        positions.append(queue.position)
        assert (queue.total, queue.is_listed) == (len(expected), True)
        assert queue.previous == (walked[-2] if len(walked) > 1 else None)
        at = len(walked) - 1
        begin = max(0, at - review_queue.BEFORE)
        shown = expected[begin : at + review_queue.AFTER + 1]
        assert [row.public_id for row in queue.rows][: len(shown) - 1] == shown[: len(shown) - 1]
        here = queue.next
    assert walked == expected
    assert positions == list(range(1, len(expected) + 1))


@pytest.mark.parametrize("asked", [Inbox(tab="new"), Inbox(tab="new", sort="name"), Inbox(text="smith", tab="new")])
def test_who_was_decided_has_left_the_list_which_goes_on_from_there(asked, session, people):
    before, decided, after = listed(session, asked)[3:6]
    application = one(session, decided)
    session.execute(update(Application).where(Application.id == application.id).values(stage="rejected"))
    indexing.restate(session, [application.id])
    session.commit()
    queue = review_queue.around(session, asked, one(session, decided))
    assert (queue.previous, queue.next) == (before, after)
    assert (queue.position, queue.is_listed) == (None, False)
    assert queue.total == len(listed(session, asked))
    assert decided in [row.public_id for row in queue.rows]


def test_who_is_not_in_the_list_at_all_still_has_somebody_to_go_to(session, people):
    nobody = Inbox(text="nobody-is-called-so")
    queue = review_queue.around(session, nobody, one(session, listed(session, Inbox())[0]))
    assert (queue.position, queue.total, queue.previous, queue.next) == (None, 0, None, None)
    assert len(queue.rows) == 1


def test_beyond_a_thousand_there_is_no_position_but_a_next(session, monkeypatch, people):
    monkeypatch.setattr(review_queue, "COUNT_LIMIT", 5)
    expected = listed(session, Inbox())
    fifth, seventh = (review_queue.around(session, Inbox(), one(session, expected[at])) for at in (4, 6))
    assert (fifth.position, seventh.position) == (5, None)
    assert (seventh.previous, seventh.next) == (expected[5], expected[7])


@every_list
def test_it_takes_one_statement_and_two_where_names_are_in_order(asked, session, people):
    application = one(session, listed(session, asked)[5])
    said = []
    sqlalchemy_event.listen(db.engine, "before_cursor_execute", lambda *told: said.append(told[2]))
    review_queue.around(session, asked, application)
    assert len(said) == (2 if asked.sort == "name" else 1)
