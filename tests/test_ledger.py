"""The ledger: which rows somebody sees, and the sum that proves that no hire was forgotten."""

from __future__ import annotations

import time
from dataclasses import fields
from datetime import date, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import JSON, Engine, String, cast, event, insert, literal, select, text, update
from sqlalchemy.orm import Session

from dashboard import ledger
from dashboard.database import UTCDateTime
from dashboard.ledger import Ledger
from dashboard.models import Application, Outbound
from dashboard.models.outbound import Channel, State
from dashboard.reach import EVERYTHING
from tests.outbox_fixtures import CLICK, NOON, add_applicant, add_job, conversions, move, rules

HIRED = {"hired": 2}
SOON, LATER = NOON + timedelta(seconds=1), NOON + timedelta(hours=1)

STORED = {
    "held": {"state": State.WAITING, "due_at": LATER},
    "pending": {"state": State.WAITING, "due_at": NOON},
    "sending": {"state": State.SENDING},
    "sent": {"state": State.SENT, "sent_at": NOON},
    "retrying": {"state": State.WAITING, "failures": 2, "due_at": LATER},
    "parked": {"state": State.PARKED},
    "cancelled": {"state": State.CANCELLED},
    "unsendable": {"state": State.UNSENDABLE},
}


def hire_in(session: Session, state: str, **fields: object) -> Application:
    """A hire whose conversion is in `state`."""
    application = add_applicant(session, **fields)
    move(session, application, "hired")
    session.execute(update(Outbound).where(Outbound.application_id == application.id).values(**STORED[state]))
    session.commit()
    return application


def parity(session: Session, events: dict[str, int] | None = None) -> ledger.Parity:
    session.rollback()
    (only,) = ledger.parities(session, Channel.CONVERSION, events or HIRED, EVERYTHING, now=SOON)
    return only


def found(session: Session, **asked: str) -> set[int | None]:
    page = ledger.ledger_page(session, Ledger.read(Channel.CONVERSION, asked, reach=EVERYTHING), None, now=SOON)
    return {row.application_id for row in page.rows}


def test_every_state_can_be_asked_for_and_is_what_the_row_shows(session: Session):
    people = {state: hire_in(session, state).id for state in STORED}
    assert set(STORED) == set(ledger.STATES)
    for state, application_id in people.items():
        assert found(session, state=state) == {application_id}
        (row,) = [row for row in conversions(session) if row.application_id == application_id]
        assert row.shown_state(SOON) == state
    assert found(session) == set(people.values())


def test_rows_are_found_by_job_and_by_the_day_of_the_decision_where_the_viewer_is(session: Session):
    picker, driver = add_job(session, "WH-1", "Picker"), add_job(session, "DR-1", "Driver")
    early = add_applicant(session, job_id=picker.id).id
    late = add_applicant(session, job_id=driver.id).id
    move(session, early, "hired", at=NOON - timedelta(hours=10))
    move(session, late, "hired", at=NOON)
    assert found(session, job="WH-1") == found(session, job=picker.public_id) == found(session, job="Picker") == {early}
    assert found(session, job="nowhere") == set()
    assert found(session, **{"from": "2026-11-21", "to": "2026-11-21"}) == {early, late}
    # 02:00 UTC is still the evening before in Chicago.
    asked = Ledger.read(Channel.CONVERSION, {"to": "2026-11-20"}, ZoneInfo("America/Chicago"), reach=EVERYTHING)
    assert [row.application_id for row in ledger.ledger_page(session, asked, None, now=SOON).rows] == [early]


def test_a_filter_that_cannot_be_read_is_left_out_and_named():
    asked = Ledger.read(Channel.CONVERSION, {"state": "lost", "from": "yesterday", "job": "WH-1"})
    assert asked.args == {"job": "WH-1"}
    assert len(asked.problems) == 2


def test_every_filter_is_read_from_an_address_stands_in_it_and_narrows_the_rows():
    day = date(2026, 1, 31)
    filters = {"state": "parked", "job": "WH-1", "decided_from": day, "decided_to": day}
    assert filters.keys() == {one.name for one in fields(Ledger)} - {"channel", "zone", "reach", "problems"}
    for name, value in filters.items():
        asked = Ledger(Channel.REMINDER, **{name: value})
        assert len(asked.args) == 1, name
        assert Ledger.read(Channel.REMINDER, asked.args) == asked != Ledger(Channel.REMINDER), name
        assert str(asked.statement(NOON)) != str(Ledger(Channel.REMINDER).statement(NOON)), name


def test_the_channels_do_not_mix(session: Session):
    move(session, add_applicant(session), "hired", rules=rules(HIRED, {"hired": "hired"}))
    for channel in (Channel.CONVERSION, Channel.DISPOSITION):
        page = ledger.ledger_page(session, Ledger(channel), None, now=SOON)
        assert [row.channel for row in page.rows] == [channel]
    assert not ledger.ledger_page(session, Ledger(Channel.REMINDER), None, now=SOON).rows


def test_a_download_has_every_row_once_newest_first(session: Session):
    for _ in range(7):
        hire_in(session, "sent")
    batches = ledger.ledger_batches(session, Ledger(Channel.CONVERSION), now=SOON, size=3)
    found = [([row.id for row in batch], session.in_transaction()) for batch in batches]
    assert [ids for ids, _ in found] == [[7, 6, 5], [4, 3, 2], [1]]
    assert not any(holds for _, holds in found), "whoever downloads slowly keeps nobody from the database"


def test_the_sentence_of_the_contract(session: Session):
    for state in ["sent"] * 12 + ["held", "unsendable"]:
        hire_in(session, state)
    add_applicant(session)
    assert parity(session).sentence == "14 hires: 12 sent, 1 waiting, 1 can't be sent (no click ID)"
    assert parity(session).holds


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("held", "1 hire: 1 waiting"),
        ("pending", "1 hire: 1 about to be sent"),
        ("sending", "1 hire: 1 sending"),
        ("sent", "1 hire: 1 sent"),
        ("retrying", "1 hire: 1 retrying"),
        ("parked", "1 hire: 1 failed"),
        ("cancelled", "1 hire: 1 missing"),
        ("unsendable", "1 hire: 1 can't be sent (no click ID)"),
    ],
)
def test_every_state_has_its_words_in_the_sentence(session: Session, state: str, words: str):
    hire_in(session, state)
    assert parity(session).sentence == words
    assert parity(session).holds is (state != "cancelled")


def test_without_a_hire_the_sum_is_nought(session: Session):
    assert parity(session).sentence == "0 hires: 0 sent"


def test_a_shared_click_counts_once_as_sent_and_once_as_shared(session: Session):
    hire_in(session, "sent", tlr_sid=CLICK)
    move(session, add_applicant(session, tlr_sid=CLICK), "hired")
    assert parity(session).sentence == "2 hires: 1 sent, 1 already reported for the same click"
    assert parity(session).holds


def test_a_hire_taken_back_after_sending_is_no_hire_and_is_told_apart(session: Session):
    hire_in(session, "sent")
    gone = hire_in(session, "sent")
    move(session, gone, "rejected")
    assert parity(session).sentence == "1 hire: 1 sent (plus 1 sent and undone since)"
    assert parity(session).holds


def test_a_hire_from_before_the_configuration_is_missed_loudly(session: Session):
    move(session, add_applicant(session), "hired", rules=rules({}))
    hire_in(session, "sent")
    assert parity(session).sentence == "2 hires: 1 sent, 1 missing"
    assert not parity(session).holds


def test_somebody_with_two_rows_is_one_hire(session: Session):
    application = hire_in(session, "unsendable", tlr_sid=None)
    row = {column.name: getattr(conversions(session)[0], column.key) for column in Outbound.__table__.columns}
    session.execute(insert(Outbound), {**row, "id": 99, "public_id": "other", "business_key": "other", "state": "sent"})
    session.commit()
    assert application.id == 1
    assert parity(session).sentence == "1 hire: 1 sent"


def test_other_stages_and_dispositions_have_their_sums(session: Session):
    chosen = rules({"interview": 1}, {"rejected": "rejected"})
    move(session, add_applicant(session), "interview", rules=chosen)
    move(session, add_applicant(session, tlr_sid=None, tlr_application_id=None), "rejected", rules=chosen)
    assert parity(session, {"interview": 1}).sentence == "1 in Interview: 1 about to be sent"
    (sums,) = ledger.parities(session, Channel.DISPOSITION, {"rejected": "rejected"}, EVERYTHING, now=SOON)
    assert sums.sentence == "1 rejection: 1 can't be sent (no application ID or click ID)"


def test_what_fails_is_counted_for_the_navigation_and_the_count_stops_in_time(session: Session):
    for state in STORED:
        hire_in(session, state)
    wanted = {"reports": (Channel.CONVERSION, Channel.DISPOSITION), "messages": (Channel.REMINDER,)}
    assert ledger.failing(session, wanted, EVERYTHING) == {"reports": 2, "messages": 0}
    assert ledger.failing(session, {}, EVERYTHING) == {}
    assert ledger.parked(session, Channel.CONVERSION, EVERYTHING) == 1
    assert ledger.parked(session, Channel.DISPOSITION, EVERYTHING) == 0


def test_the_sum_of_100_000_hires_is_made_by_the_database(engine: Engine, session: Session, capsys):
    n = select(literal(1).label("n")).cte("numbers", recursive=True)
    n = n.union_all(select(n.c.n + 1).where(n.c.n < 100_000))
    number = cast(n.c.n, String)
    noon = literal(NOON, UTCDateTime())
    person = {
        "id": n.c.n,
        "public_id": "p" + number,
        "talroo_id": "t" + number,
        "tlr_sid": "c" + number,
        "completed": literal(True),
        "is_late": literal(False),
        "stage": literal("hired"),
        "stage_version": literal(1),
        "applied_at": noon,
        "arrived_at": noon,
        "flags": literal([], JSON()),
    }
    report = {
        "public_id": "o" + number,
        "business_key": "k" + number,
        "application_id": n.c.n,
        "tlr_sid": "c" + number,
        "channel": literal("conversion"),
        "event": literal("2"),
        "stage": literal("hired"),
        "state": literal("sent"),
        "event_time": noon,
        "created_at": noon,
        "due_at": noon,
        "alone": literal(False),
        **{name: literal(0) for name in ("attempts", "failures", "uncertain")},
    }
    session.execute(insert(Application.__table__).from_select(list(person), select(*person.values())))
    reported = select(*report.values()).where(n.c.n % 100 != 0)
    session.execute(insert(Outbound.__table__).from_select(list(report), reported))
    session.commit()
    session.execute(text("ANALYZE"))
    session.commit()
    statements: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda *call: statements.append(call[2]))
    began = time.monotonic()
    sentence = parity(session).sentence
    seconds = time.monotonic() - began
    assert sentence == "100,000 hires: 99,000 sent, 1,000 missing"
    assert len([one for one in statements if one.startswith("SELECT")]) == 1
    assert seconds < 60
    with capsys.disabled():
        print(f"\n  parity of 100,000 hires on {engine.dialect.name}: {seconds:.2f} s")


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_asking_what_is_due_and_what_lapsed_reads_an_index(session: Session):
    for state, when in (("waiting", "due_at"), ("sending", "lease_until")):
        plan = session.execute(
            text(f"EXPLAIN QUERY PLAN SELECT id FROM outbound WHERE state = '{state}' AND {when} <= '2026' LIMIT 1")
        ).all()
        assert [row.detail for row in plan if "ix_outbound_due" in row.detail], plan
