"""What recruiters do together is read by indexes, in as many statements for a million applications as for ten."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event, text
from sqlalchemy.orm import Session

from dashboard.clock import utcnow
from dashboard.extensions import db
from dashboard.models import Application, User
from dashboard.reach import EVERYTHING
from dashboard.services import likeness, morning, notes, people, reading, tagging, teamwork, viewing, views
from tests.colleagues import by, do
from tests.filled import seeded
from tests.outbox_fixtures import add_recruiter

BIG = (
    "application",
    "attachment",
    "note",
    "mention",
    "activity",
    "seen",
    "person_link",
    "application_tag",
    "stage_change",
)


def worked_on(session: Session) -> None:
    """Somebody was given 400 of them, who looked at each, and who knows which are the same person."""
    rita = add_recruiter(session)
    ids = [number for (number,) in session.query(Application.id).order_by(Application.id).limit(400)]
    do(session, teamwork.assign, ids, rita.id, by(None))
    do(session, tagging.tag, ids, "night", by(None))
    do(session, notes.write, ids, "@rita", by(None))
    for number in ids:
        viewing.see(session, rita.id, number, utcnow())
    for one, other in zip(ids[::2], ids[1::2], strict=True):
        people.link(session, one, other, by(None))


@pytest.fixture
def session(filled_with):
    """A database with enough in it that a planner prefers indexes, and knows that it does."""
    with filled_with(seeded, worked_on).app_context():
        found = db.session()
        if not is_sqlite(found):
            # So few rows are quicker read whole. What is asked is whether an index can do it.
            found.execute(text("SET enable_seqscan = off"))
            found.execute(text("SET jit = off"))
        found.commit()
        yield found


def is_sqlite(session) -> bool:
    return session.get_bind().dialect.name == "sqlite"


def plans(session, run: Callable[[], Any]) -> list[tuple[str, str]]:
    """The SELECTs that `run` sends, each with how the database answers it, in its own words."""
    sent: list[tuple[str, Any]] = []

    def note(_connection, _cursor, statement, parameters, *_):
        sent.append((statement, parameters))

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        run()
    finally:
        event.remove(db.engine, "before_cursor_execute", note)
    explain = "EXPLAIN QUERY PLAN " if is_sqlite(session) else "EXPLAIN "
    found = []
    for statement, parameters in sent:
        if statement.startswith(("SELECT", "WITH")):
            rows = session.connection().exec_driver_sql(explain + statement, parameters)
            found.append((statement, "\n".join(str(row[-1]) for row in rows)))
    return found


def scanned(session, told: str) -> list[str]:
    """The big tables that are read from end to end."""
    pattern = r"SCAN {}$" if is_sqlite(session) else r"Seq Scan on {}\b"
    return [table for table in BIG if re.search(pattern.format(table), told, re.MULTILINE)]


def asked(session) -> dict[str, tuple[int, Callable[[], Any]]]:
    """What pages ask, with the most statements it may take."""
    rita = session.query(User).one()
    one = session.query(Application).order_by(Application.id).first()
    page = [number for (number,) in session.query(Application.id).limit(50)]
    person = people.person(session, one, EVERYTHING)
    now = utcnow()
    return {
        "the timeline": (1, lambda: reading.timeline(session, one, EVERYTHING)),
        "the person": (2, lambda: people.person(session, one, EVERYTHING)),
        "who is likely": (2, lambda: likeness.likely(session, person, EVERYTHING)),
        "who looks": (1, lambda: viewing.who_is_looking(session, one.id, now)),
        "unread": (1, lambda: viewing.unread(session, rita.id, page)),
        "tags to choose": (1, lambda: tagging.choices(session)),
        "mentions": (1, lambda: notes.unread_mentions(session, rita.id, EVERYTHING)),
        "views": (1, lambda: views.views_for(session, rita.id)),
        "the morning": (
            4,
            lambda: morning.mail(session, rita, since=now - timedelta(days=1), public_url="https://example.com"),
        ),
    }


def test_no_page_reads_a_whole_table_for_it(session):
    for name, (most, run) in asked(session).items():
        found = plans(session, run)
        assert len(found) <= most, f"{name}: {len(found)} statements"
        for statement, told in found:
            assert scanned(session, told) == [], f"{name}:\n{statement}\n{told}"


def test_a_person_is_not_sought_among_everybody(session):
    """An index that holds everybody in order answers too, by walking nearly every application there is."""
    one = session.query(Application).order_by(Application.id).first()
    in_order = r"SCAN application|Index Scan Backward|Index Scan using ix_application_tab"
    for _, told in plans(session, lambda: people.person(session, one, EVERYTHING)):
        assert not re.search(in_order, told), told
