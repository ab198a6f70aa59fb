"""Every list and filter is answered by an index, so that a million applications are as quick as a thousand."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import date

import pytest
from sqlalchemy import event, insert, select, text

from dashboard import arrivals, inbox_tabs, ledger, queries, review_queue
from dashboard.arrivals import Deliveries
from dashboard.clock import utcnow
from dashboard.extensions import db
from dashboard.inbox import Inbox
from dashboard.inbox_pages import inbox_newer, inbox_page, inbox_total, inbox_totals
from dashboard.ledger import Ledger
from dashboard.models import Application, FollowUp, Job, LinkKey, User
from dashboard.models.outbound import Channel
from dashboard.paging import Place
from dashboard.reach import EVERYTHING, Reach
from dashboard.services import completion, morning, notes, people, reading, record
from dashboard.services.completion import REPEAT, Signs
from tests.filled import MANY, seeded
from tests.limiting import limit
from tests.outbox_fixtures import add_recruiter

DAYS = {"applied_from": date(2026, 1, 1), "applied_to": date(2026, 1, 2)}
ASKED = {
    "everything": Inbox(),
    "a tab": Inbox(tab="progress"),
    "a stage": Inbox(stage="interview"),
    "a job": Inbox(job="PF-1042"),
    "qualified": Inbox(qualified="yes"),
    "a résumé": Inbox(resume="yes"),
    "a state": Inbox(state="TX"),
    "a tag of somebody's": Inbox(tag="night shift", assigned="none"),
    "dates": Inbox(**DAYS),
    "since": Inbox(applied_from=date(2026, 1, 1)),
    "an answer": Inbox(answers=("0123456789abcdef",)),
    "a stage and a job": Inbox(stage="interview", job="PF-1042"),
    "words": Inbox(text="forklift zoe"),
    "words, the newest first": Inbox(text="forklift", sort="newest"),
    "words and a stage": Inbox(text="forklift", stage="new", **DAYS),
    "the oldest": Inbox(sort="oldest"),
    "a stage, the oldest": Inbox(stage="new", sort="oldest"),
    "by name": Inbox(sort="name"),
    "words by name": Inbox(text="forklift", sort="name"),
}

DELIVERIES = (
    Deliveries(),
    *(Deliveries(status=status) for status in arrivals.STATUSES if status != arrivals.REFUSED),
    *(Deliveries(source=source) for source in arrivals.SOURCES),
    *(Deliveries(verdict=verdict) for verdict in arrivals.VERDICTS),
    *(Deliveries(event=kind) for kind in arrivals.EVENTS),
    Deliveries(arrived_from=date(2026, 1, 1), arrived_to=date(2026, 1, 2)),
    Deliveries(status="accepted", source="pushed", verdict="fresh", event="completed", arrived_from=date(2026, 1, 1)),
    Deliveries(text="event-1"),
)


@pytest.fixture
def session(filled_with):
    """A database with enough in it that a planner prefers indexes, and knows that it does."""
    with filled_with(seeded).app_context():
        found = db.session()
        if not is_sqlite(found):
            # So few rows are quicker read whole and sorted. What is asked is whether an index can do it.
            found.execute(text("SET enable_seqscan = off"))
            found.execute(text("SET enable_sort = off"))
            # What then cannot be avoided is taken for so dear that the server compiles each statement, for seconds.
            found.execute(text("SET jit = off"))
        found.commit()
        yield found


def plan(session, run) -> str:
    """How the database answers the first SELECT that `run` sends, in its own words."""
    return next(plans(session, run))


def plans(session, run) -> Iterator[str]:
    """The same for each SELECT."""
    sent: list[tuple[str, object]] = []

    def note(_connection, _cursor, statement, parameters, *_):
        sent.append((statement, parameters))

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        run()
    finally:
        event.remove(db.engine, "before_cursor_execute", note)
    explain = "EXPLAIN QUERY PLAN " if is_sqlite(session) else "EXPLAIN "
    for statement, parameters in sent:
        if re.match("SELECT|WITH", statement):
            rows = session.connection().exec_driver_sql(explain + statement, parameters)
            yield "\n".join(str(row[-1]) for row in rows)


def is_sqlite(session) -> bool:
    return session.get_bind().dialect.name == "sqlite"


def reads_whole_table(session, told: str, table: str) -> bool:
    pattern = rf"SCAN {table}$" if is_sqlite(session) else rf"Seq Scan on {table}\b"
    return re.search(pattern, told, re.MULTILINE) is not None


def asks_the_index_for_everything(session, told: str) -> bool:
    """SQLite names what its index was asked for: "M" is a match."""
    if is_sqlite(session):
        return any(
            "M" not in asked for asked in re.findall(r"SCAN application_search VIRTUAL TABLE INDEX \d+:(\S*)", told)
        )
    return reads_whole_table(session, told, "application_search")


def test_every_page_of_the_inbox_is_found_by_an_index(session):
    for name, asked in ASKED.items():
        part = 2 if asked.order == "best" else 0
        for cursor in (None, Place(part, MANY // 2).cursor()):
            told = plan(session, lambda asked=asked, cursor=cursor: inbox_page(session, asked, cursor))
            for table in ("application", "attachment", "job"):
                assert not reads_whole_table(session, told, table), f"{name}:\n{told}"
            assert not asks_the_index_for_everything(session, told), f"{name}:\n{told}"


def test_the_index_is_asked_in_the_order_of_the_list(session):
    for name, asked in ASKED.items():
        told = plan(session, lambda asked=asked: inbox_page(session, asked, None))
        if is_sqlite(session):
            assert "USE TEMP B-TREE" not in told, f"{name}:\n{told}"
        elif not asked.query.is_empty:
            # PostgreSQL's index knows no order: what many match is sought in the list's order, within bounds.
            assert "Index Scan Backward using pk_application_search" in told or asked.sort == "oldest", told


def test_the_newest_are_read_in_order_rather_than_sorted(session):
    for asked in (Inbox(), Inbox(sort="oldest")):
        told = plan(session, lambda asked=asked: inbox_page(session, asked, None))
        assert "USE TEMP B-TREE" not in told, told
        assert not re.search(r"^\s*(->)?\s*Sort ", told, re.MULTILINE), told


@pytest.mark.parametrize("filled_with", ["postgresql"], indirect=True)
def test_postgresql_makes_the_plan_of_the_list_of_everybody_once_and_not_at_every_page(session):
    for cursor in (None, Place(0, MANY // 2).cursor()):
        for _ in range(15):
            inbox_page(session, Inbox(), cursor)
    prepared = session.execute(text("SELECT statement, generic_plans FROM pg_prepared_statements")).all()
    kept = [row.generic_plans for row in prepared if " AS wanted ON wanted.number" in row.statement]
    assert len(kept) == 2, prepared
    assert all(kept), kept


def test_counting_stops_in_time_and_needs_an_index(session):
    for name, asked in ASKED.items():
        told = plan(session, lambda asked=asked: inbox_total(session, asked))
        assert not reads_whole_table(session, told, "application"), f"{name}:\n{told}"
        assert not asks_the_index_for_everything(session, told), f"{name}:\n{told}"


def test_saved_views_are_counted_by_indexes(session):
    told = plan(session, lambda: inbox_totals(session, list(ASKED.values())))
    assert not reads_whole_table(session, told, "application"), told
    assert not asks_the_index_for_everything(session, told), told


def test_the_queue_around_an_application_is_found_by_indexes(session):
    """In the middle of everybody, where all before and all behind would be a thousand each."""
    one = session.scalars(select(Application).where(Application.inbox_no == MANY // 2)).one()
    for name, asked in ASKED.items():
        found = list(plans(session, lambda asked=asked: review_queue.around(session, asked, one)))
        assert len(found) == (2 if asked.order == "name" else 1), name
        for told in found:
            for table in ("application", "seen", "application_tag", "job"):
                assert not reads_whole_table(session, told, table), f"{name}:\n{told}"
            assert not asks_the_index_for_everything(session, told), f"{name}:\n{told}"


def test_the_tabs_are_counted_by_indexes(session):
    told = plan(session, lambda: inbox_tabs.standing(session, 1, Inbox()))
    for table in ("application", "job", "facet", "tag", "user_account"):
        assert not reads_whole_table(session, told, table), told
    assert "ix_application_tab" in told
    # From end to end, even an index is a walk through everybody.
    assert not re.search(r"SCAN application USING (?!INDEX ix_application_unindexed)", told), told
    assert "ix_application_unindexed" in told


@pytest.fixture
def seen(session) -> Reach:
    """How far somebody sees who is limited to a company and a job of another."""
    company, other = session.scalars(select(Job.company).where(Job.company.is_not(None)).distinct().limit(2)).all()
    job = session.scalars(select(Job.reference).where(Job.company == other).limit(1)).one()
    found = limit(session, add_recruiter(session), companies=[company], jobs=[job])
    session.execute(text("ANALYZE"))
    session.commit()
    return found


def test_to_whoever_is_limited_every_page_and_number_is_found_by_an_index(session, seen):
    one = session.scalars(select(Application).where(seen.holds(Application.job_id)).limit(1)).one()
    own = {name: replace(asked, reach=seen) for name, asked in ASKED.items()}
    runs = {f"{name}, a page": lambda asked=asked: inbox_page(session, asked, None) for name, asked in own.items()}
    runs |= {f"{name}, a total": lambda asked=asked: inbox_total(session, asked) for name, asked in own.items()}
    runs |= {
        f"{name}, around": lambda asked=asked: review_queue.around(session, asked, one) for name, asked in own.items()
    }
    runs |= {
        "the tabs": lambda: inbox_tabs.standing(session, 1, Inbox(reach=seen)),
        "one": lambda: queries.application_to_read(session, one.public_id, seen),
        "everything of it": lambda: record.of(session, one, seen, now=utcnow(), keys=["conversion:none:2"]),
        "a file": lambda: queries.attachment(session, "none", seen),
        "the person": lambda: people.find(session, one.public_id, seen),
        "mentions": lambda: notes.unread_mentions(session, seen.user_id, seen),
        "the ledger": lambda: ledger.ledger_page(session, Ledger(Channel.CONVERSION, reach=seen), None, now=utcnow()),
        "the badges": lambda: ledger.failing(session, {"ledger": (Channel.CONVERSION,)}, seen),
        "the morning": lambda: morning.mail(session, session.get(User, seen.user_id), since=utcnow(), public_url=""),
    }
    for name, run in runs.items():
        for told in plans(session, run):
            for table in ("application", "attachment", "outbound", "note", "mention"):
                assert not reads_whole_table(session, told, table), f"{name}:\n{told}"
            assert not asks_the_index_for_everything(session, told), f"{name}:\n{told}"
            # From end to end, even an index is a walk through everybody.
            assert not re.search(r"SCAN application USING (?!INDEX ix_application_unindexed)", told), f"{name}:\n{told}"


def test_deliveries_are_listed_by_an_index(session):
    for asked in DELIVERIES:
        for told in plans(session, lambda asked=asked: arrivals.deliveries_page(session, asked, None)):
            assert not reads_whole_table(session, told, "delivery"), f"{asked}:\n{told}"
            if not asked.text and asked.event != "other":
                assert "USE TEMP B-TREE" not in told, told
                assert not re.search(r"^\s*(->)?\s*Sort ", told, re.MULTILINE), told


@pytest.mark.parametrize(
    ("asked", "index"),
    [
        (Deliveries(source="pulled"), "ix_delivery_source"),
        (Deliveries(verdict="late"), "ix_delivery_not_fresh"),
        (Deliveries(event="started"), "ix_delivery_other_event"),
        (Deliveries(event="other"), "ix_delivery_other_event"),
        (Deliveries(status="kept"), "ix_delivery_status"),
    ],
)
def test_the_few_deliveries_that_are_unlike_most_are_not_sought_among_all(session, asked, index):
    assert index in plan(session, lambda: arrivals.deliveries_page(session, asked, None))


def test_one_thing_and_the_same_persons_others_are_found_by_an_index(session):
    one = session.query(Application).limit(1).one()
    session.commit()
    one = session.get(Application, one.id)
    asked = {
        "application": lambda: queries.application_to_read(session, one.public_id, EVERYTHING),
        "everything of it": lambda: record.of(session, one, EVERYTHING, now=utcnow(), keys=["conversion:none:2"]),
        "attachment": lambda: queries.attachment(session, "none", EVERYTHING),
        "delivery": lambda: arrivals.delivery(session, "none"),
    }
    for name, run in asked.items():
        told = plan(session, run)
        for table in ("application", "attachment", "delivery", "stage_change"):
            assert not reads_whole_table(session, told, table), f"{name}:\n{told}"


def test_a_persons_others_are_not_sought_among_everybody(session):
    """An index that begins with `completed` answers too, by walking nearly every application there is."""
    one = session.query(Application).limit(1).one()
    told = [
        plan(session, run)
        for run in (lambda: record.of(session, one, EVERYTHING, now=utcnow()), lambda: inbox_page_of(session))
    ]
    for plan_of in told:
        assert "completed=" not in plan_of
        assert "ix_application_email_key" in plan_of


def inbox_page_of(session):
    return inbox_page(session, Inbox(), None)


@pytest.fixture
def unfinished(session) -> Signs:
    """The signs of one of many unfinished applications."""
    signs = [
        Signs(number, f"talroo-{number}", f"click-{number}", f"{number}@example.com", "WH-1")
        for number in session.scalars(select(Application.id).order_by(Application.id).limit(1_000))
    ]
    rows = [one.as_row() | {"since": utcnow(), "answered": 0, "missing": [], "messages": 0} for one in signs]
    session.execute(insert(FollowUp), rows)
    session.execute(text("ANALYZE"))
    session.commit()
    return signs[500]


def test_who_has_finished_is_sought_by_every_sign_for_each_application_that_arrives(session, unfinished):
    sought = unfinished.as_row() | {"latest": utcnow() + REPEAT}
    taken = select(FollowUp.id).where(completion._is_taken())
    told = plan(session, lambda: session.scalars(taken, sought).all())
    assert not reads_whole_table(session, told, "follow_up"), told
    for index in ("tlr_application_id", "tlr_sid", "email_key"):
        assert f"ix_follow_up_{index}" in told, told
    assert session.scalars(taken, sought).all() == [unfinished.application_id]


def test_whoever_began_looks_for_a_completed_application_by_its_signs(session, unfinished):
    sought = unfinished.as_row() | {"earliest": utcnow()}
    for key in LinkKey:
        one = plan(session, lambda key=key: session.scalars(completion._completed(key), sought).all())
        assert not reads_whole_table(session, one, "application"), one
        assert "completed=" not in one


def test_the_form_of_a_job_is_found_by_its_newest_completed_application(session):
    job_id = session.query(Application).limit(1).one().job_id
    told = plan(session, lambda: reading.form(session, job_id))
    for table in ("application", "delivery"):
        assert not reads_whole_table(session, told, table), told
    assert "USE TEMP B-TREE" not in told, told
    assert not re.search(r"^\s*(->)?\s*Sort ", told, re.MULTILINE), told


def test_who_came_since_a_list_was_opened_is_found_by_an_index(session):
    for name, asked in ASKED.items():
        for told in plans(session, lambda asked=asked: inbox_newer(session, asked, MANY - 3, 50)):
            assert not reads_whole_table(session, told, "application"), f"{name}:\n{told}"
            assert not asks_the_index_for_everything(session, told), f"{name}:\n{told}"
