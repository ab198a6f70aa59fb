"""The worklist's questions: whom each filter shows, in which order, with which figures, and that an index answers."""

from __future__ import annotations

import dataclasses
import re
from datetime import datetime, timedelta

import pytest
from sqlalchemy import insert, select, text, update
from sqlalchemy.orm import Session

from dashboard import worklist
from dashboard.clock import utcnow
from dashboard.extensions import db
from dashboard.models import Application, FollowUp, Job, Outbound
from dashboard.models.outbound import Channel, State
from dashboard.paging import PAGE_SIZE, count
from dashboard.services import composing, indexing, reading, reminder_rules, stops
from dashboard.worklist import Worklist
from tests.factories import event
from tests.filled import seeded
from tests.reminder_fixtures import RULES
from tests.test_query_plans import is_sqlite, plan, plans, reads_whole_table


@pytest.fixture
def session(app):
    with app.app_context():
        yield db.session()


@pytest.fixture
def begin(deliver, app):
    """`begin("Ada", days=3, answered=["q1"], **columns of FollowUp)` → the public id of an unfinished application."""

    def begin(name, *, days=0.0, answers=0, job="WH-1", email=True, **columns):
        answer = deliver(
            event(
                kind="started:v1",
                applicant={
                    "firstName": name,
                    "lastName": "Quill",
                    "emailAddress": f"{name}@example.com" if email else None,
                },
                job={"originalJobReference": job, "title": f"Job {job}"},
                createdAt=stamp(utcnow() - timedelta(days=days)),
                questionsAndAnswers=questions(answers),
            )
        )
        with app.app_context():
            own = select(Application.id).where(Application.public_id == answer.json["application"]).scalar_subquery()
            if columns:
                db.session.execute(update(FollowUp).where(FollowUp.application_id == own).values(**columns))
                db.session.commit()
        return answer.json["application"]

    return begin


def stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def questions(answered: int, asked: int = 4) -> list[dict[str, object]]:
    """A form of which the first questions were answered, and only those came."""
    return [
        {"question": {"id": f"q{n}", "type": "text", "question": f"Question {n}?", "required": True}, "answer": "yes"}
        for n in range(1, min(answered, asked) + 1)
    ]


def finish(deliver, name="Somebody", **data):
    """A completed application with the whole form."""
    applicant = {"firstName": name, "emailAddress": f"{name}@example.com"}
    return deliver(event(applicant=applicant, questionsAndAnswers=questions(4), **data)).json["application"]


def names(session, asked: Worklist, now=None) -> list[str]:
    session.rollback()  # what SQLite has begun to read stays as it was then
    rows = worklist.opened(session, asked, None, now=now or utcnow()).page.rows
    return [row.application.first_name for row in rows]


def test_who_began_last_stands_first(session, begin):
    for name, days in (("Old", 9), ("New", 1), ("Middle", 4)):
        begin(name, days=days)
    assert names(session, Worklist()) == ["New", "Middle", "Old"]


@pytest.mark.parametrize(
    ("age", "shown"),
    [("day", ["A"]), ("week", ["A", "B"]), ("month", ["A", "B", "C"]), ("older", ["D"])],
)
def test_an_age_means_those_who_began_at_most_so_long_ago(session, begin, age, shown):
    for name, days in (("A", 0.5), ("B", 6), ("C", 29), ("D", 31)):
        begin(name, days=days)
    assert names(session, Worklist(age=age)) == shown


@pytest.mark.parametrize(
    ("progress", "shown"), [("contact", ["None"]), ("some", ["One", "Unknown"]), ("most", ["Two"])]
)
def test_how_far_is_measured_against_the_form_where_it_is_known(session, begin, deliver, progress, shown):
    finish(deliver, job={"originalJobReference": "WH-1"})
    for name, answers, job in (("None", 0, "WH-1"), ("One", 1, "WH-1"), ("Two", 2, "WH-1"), ("Unknown", 3, "DR-9")):
        begin(name, answers=answers, job=job)
    assert sorted(names(session, Worklist(progress=progress))) == shown


def test_written_to_or_not_yet(session, begin):
    begin("Written", messages=1)
    begin("Not")
    assert names(session, Worklist(contacted="yes")) == ["Written"]
    assert names(session, Worklist(contacted="no")) == ["Not"]


def test_whom_somebody_wrote_to_counts_as_written_to_before_it_has_gone_out(session, begin):
    begin("Waits")
    begin("Not")
    own = session.scalars(select(Application.id).where(Application.first_name == "Waits")).one()
    now = utcnow()
    told = {"channel": Channel.REMINDER, "business_key": "one", "application_id": own, "event": "1", "state": "waiting"}
    row = Outbound(**told, event_time=now, created_at=now, due_at=now)
    session.add(row)
    session.commit()
    assert names(session, Worklist(contacted="yes")) == ["Waits"]
    assert names(session, Worklist(contacted="no")) == ["Not"]
    found = worklist.opened(session, Worklist(), None, now=utcnow())
    assert found.waiting == {own}
    assert found.tiles.contacted == 1
    row.state = State.CANCELLED
    session.commit()
    assert names(session, Worklist(contacted="yes")) == []


def test_everybody_means_finished_or_not(session, begin, deliver):
    begin("Finished", opted_out_at=utcnow())
    begin("Open")
    finish(deliver, "Finished")
    assert sorted(names(session, Worklist(show="all"))) == ["Finished", "Open"]
    assert names(session, Worklist(show="opted-out")) == ["Finished"]


def test_who_wants_no_messages_is_still_unfinished_and_has_a_list_of_their_own(session, begin):
    begin("Left alone", opted_out_at=utcnow())
    begin("Open")
    assert sorted(names(session, Worklist())) == ["Left alone", "Open"]
    assert names(session, Worklist(show="opted-out")) == ["Left alone"]


def test_a_job_is_meant_by_id_reference_or_title(session, begin):
    begin("Picker", job="WH-1")
    begin("Driver", job="DR-1")
    public_id = session.scalar(select(Job.public_id).where(Job.reference == "DR-1"))
    for spelling in ("DR-1", "Job DR-1", public_id):
        assert names(session, Worklist(job=spelling)) == ["Driver"]


def test_words_find_people_by_name_and_job(session, begin):
    begin("Zoë", job="WH-1")
    begin("Ada", job="DR-1")
    indexing.index_waiting(lambda: Session(db.engine))
    session.rollback()
    assert names(session, Worklist(text="zoe")) == ["Zoë"]
    assert names(session, Worklist(text="dr-1")) == ["Ada"]


def test_who_finished_leaves_the_list_and_is_found_among_the_recovered_the_last_first(
    session, begin, deliver, monkeypatch
):
    begin("Earlier", days=1)
    begin("Later", days=5)
    begin("Still open", days=2)
    finish(deliver, "Earlier")
    finish(deliver, "Later")
    assert names(session, Worklist()) == ["Still open"]
    assert names(session, Worklist(show="recovered")) == ["Later", "Earlier"]
    assert lately(session, Worklist()) == ["Later", "Earlier"]
    assert lately(session, Worklist(show="recovered")) == []
    monkeypatch.setattr(worklist, "LATELY", 1)
    assert lately(session, Worklist(contacted="yes")) == ["Later"]


def lately(session, asked: Worklist) -> list[str]:
    return [row.application.first_name for row in worklist.opened(session, asked, None, now=utcnow()).lately]


@pytest.mark.parametrize("show", ["open", "recovered"])
def test_pages_follow_each_other_without_a_gap_or_a_repeat(session, begin, show):
    moment = utcnow()
    for number in range(3):
        begin(f"N{number}")
    ids = session.scalars(select(FollowUp.id)).all()
    pattern = dict(session.execute(select(FollowUp.__table__).where(FollowUp.id == ids[0])).mappings().one())
    people = session.scalars(select(Application)).first()
    rows = []
    for number in range(PAGE_SIZE + 20):
        one = Application(talroo_id=f"x{number}", first_name=f"X{number}", applied_at=moment, arrived_at=moment)
        one.completed, one.job_id = False, people.job_id
        session.add(one)
        session.flush()
        # Many of one moment: the id decides.
        at = moment - timedelta(days=number // 30)
        rows.append(pattern | {"id": None, "application_id": one.id, "since": at, "completed_at": at})
    for row in rows:
        del row["id"]
        row["completed_at"] = row["completed_at"] if show == "recovered" else None
    session.execute(insert(FollowUp), rows)
    session.commit()
    seen, cursor = [], None
    while True:
        page = worklist.opened(session, Worklist(show=show), cursor, now=moment).page
        seen += [row.id for row in page.rows]
        cursor = page.next_cursor
        if cursor is None:
            break
    wanted = session.scalars(
        select(FollowUp.id).where(
            FollowUp.completed_at.is_(None) if show == "open" else FollowUp.completed_at.is_not(None)
        )
    ).all()
    assert sorted(seen) == sorted(wanted)
    assert len(seen) == len(set(seen)) == page.total


def test_what_cannot_be_read_is_left_out_and_named():
    asked = Worklist.read({"age": "year", "progress": "all", "contacted": "maybe", "show": "everybody", "q": " zoe\0 "})
    assert asked == Worklist(text="zoe")
    assert len(asked.problems) == 4
    assert "age" in asked.problems[0]


FILTERS = {"text": "zoe", "job": "WH-1", "age": "week", "progress": "some", "contacted": "no", "show": "opted-out"}


def test_every_filter_is_read_from_an_address_stands_in_it_and_narrows_the_list():
    """What an address leaves out shows other people, and those may be written to."""
    assert FILTERS.keys() == {one.name for one in dataclasses.fields(Worklist)} - {"problems"}
    now = utcnow()
    for name, value in FILTERS.items():
        asked = Worklist(**{name: value})
        assert len(asked.args) == 1, name
        assert Worklist.read(asked.args) == asked != Worklist(), name
        assert str(asked.statement("sqlite", now)) != str(Worklist().statement("sqlite", now)), name
    everything = Worklist(**FILTERS)
    assert Worklist.read(everything.args) == everything
    assert not everything.is_empty
    assert Worklist(show="recovered").is_empty
    assert Worklist.read({}).args == {}


def test_the_tiles_count_those_who_began_lately_and_their_shares(session, begin, deliver):
    begin("Open", days=1)
    begin("Written", days=2, messages=2)
    begin("Unwilling", days=3, messages=1, opted_out_at=utcnow())
    begin("Reminded", days=4, messages=1)
    begin("Alone", days=5)
    begin("Long ago", days=40, messages=3)
    finish(deliver, "Reminded")
    finish(deliver, "Alone")
    session.rollback()
    found = worklist.opened(session, Worklist(), None, now=utcnow()).tiles
    assert (found.started, found.contacted, found.recovered, found.after_message, found.opted_out) == (5, 3, 2, 1, 1)
    assert [found.rate(number) for number in (5, 3, 2)] == ["100%", "60%", "40%"]


def test_the_tiles_of_an_empty_list_have_no_shares(session):
    opened = worklist.opened(session, Worklist(), None, now=utcnow())
    found = opened.tiles
    assert (found.started, found.recovered, found.rate(0)) == (0, 0, "")
    assert (opened.page.rows, opened.page.total, opened.has_any) == ([], 0, False)


def test_that_nothing_matches_is_told_apart_from_that_nobody_ever_began(session, begin):
    begin("Open")
    session.rollback()
    found = worklist.opened(session, Worklist(contacted="yes"), None, now=utcnow())
    assert (found.page.total, found.has_any) == (0, True)


# --- where people stop ----------------------------------------------------------------------------------------------


def stops_of(session, reference="WH-1"):
    session.rollback()
    job = session.scalars(select(Job).where(Job.reference == reference)).one()
    return stops.of_job(session, job, now=utcnow())


def test_each_step_tells_how_many_came_to_it_and_how_many_went_no_further(session, begin, deliver):
    finish(deliver)
    for name, answers in (("A", 0), ("B", 0), ("C", 2), ("D", 4)):
        begin(name, answers=answers)
    found = stops_of(session)
    assert [(step.question, step.reached, step.left) for step in found.steps] == [
        (stops.CONTACT, 5, 2),
        ("Question 1?", 3, 0),
        ("Question 2?", 3, 0),
        ("Question 3?", 3, 1),
        ("Question 4?", 2, 0),
        (stops.SUBMIT, 2, 1),
    ]
    assert (found.started, found.left, found.only_contact) == (5, 4, 2)
    assert found.share(found.left) == 80


def test_who_finished_later_or_began_long_ago_has_left_nothing(session, begin, deliver):
    begin("Back", answers=1)
    begin("Ancient", days=91, answers=1)
    finish(deliver, "Back")
    found = stops_of(session)
    assert (found.started, found.left) == (1, 0)
    assert {step.left for step in found.steps} == {0}


def test_where_the_form_has_changed_the_number_of_answers_says_where(session, begin, deliver):
    finish(deliver)
    begin("A", answers=3, stopped_at_id="gone", stopped_at="An older question?")
    begin("B", answers=3, answered=40, stopped_at_id="gone", stopped_at="An older question?")
    assert [step.left for step in stops_of(session).steps] == [0, 0, 0, 0, 1, 1]


def test_a_form_nobody_has_finished_has_no_steps_but_its_numbers(session, begin):
    begin("A")
    begin("B", answers=2)
    found = stops_of(session)
    assert (found.steps, found.started, found.left, found.only_contact) == ((), 2, 2, 1)


def losses(session):
    session.rollback()
    found = stops.worst_jobs(session, now=utcnow())
    return [(loss.job.reference, loss.started, loss.left, loss.where) for loss in found]


def test_the_job_that_most_leave_stands_first_with_where_they_leave(session, begin, deliver):
    finish(deliver, "X", job={"originalJobReference": "WH-1", "title": "Job WH-1"})
    finish(deliver, "Y", job={"originalJobReference": "DR-1", "title": "Job DR-1"})
    left = [("A", 1, "DR-1"), ("B", 1, "DR-1"), ("C", 0, "DR-1"), ("D", 1, "DR-1"), ("E", 2, "WH-1")]
    for name, answers, job in left:
        begin(name, answers=answers, job=job)
    assert losses(session) == [("DR-1", 5, 4, "before “Question 2?”"), ("WH-1", 2, 1, "")]
    for name in ("F", "G", "H"):
        begin(name, answers=0, job="DR-1")
    assert losses(session)[0] == ("DR-1", 8, 7, "after the contact page")
    assert len(stops.worst_jobs(session, now=utcnow(), limit=1)) == 1


# --- plans ----------------------------------------------------------------------------------------------------------

ASKED = {
    "everybody": Worklist(),
    "a job": Worklist(job="PF-1042"),
    "an age": Worklist(age="week"),
    "the old": Worklist(age="older"),
    "progress": Worklist(progress="some"),
    "written to": Worklist(contacted="yes"),
    "recovered": Worklist(show="recovered"),
    "opted out": Worklist(show="opted-out"),
    "all": Worklist(show="all"),
    "words": Worklist(text="forklift zoe"),
    "all of it": Worklist("forklift", "PF-1042", "month", "most", "no", "recovered"),
}


def half_unfinished(session: Session) -> None:
    """A few of them finished since."""
    now = utcnow()
    session.execute(update(Application).where(Application.id % 2 == 0).values(completed=False))
    rows = [
        {"application_id": number, "since": now - timedelta(hours=number), "missing": [], "answered": number % 7}
        | {"asked": 7, "messages": number % 3, "completed_at": None if number % 20 else now}
        for number in session.scalars(select(Application.id).where(Application.completed.is_(False)))
    ]
    session.execute(insert(FollowUp), rows)


@pytest.fixture
def crowded(filled_with):
    """So many that a planner prefers indexes."""
    with filled_with(seeded, half_unfinished).app_context():
        found = db.session()
        if not is_sqlite(found):
            found.execute(text("SET enable_seqscan = off"))
            found.execute(text("SET enable_sort = off"))
            found.execute(text("SET jit = off"))
        found.commit()
        yield found


def scans(session, told: str) -> bool:
    return any(reads_whole_table(session, told, table) for table in ("follow_up", "application"))


@pytest.mark.parametrize("name", ASKED)
def test_every_page_of_the_worklist_is_found_by_an_index(crowded, name):
    now = utcnow()
    told = plan(crowded, lambda: worklist.opened(crowded, ASKED[name], None, now=now))
    assert not scans(crowded, told), told


@pytest.mark.parametrize("name", ["a job", "an age", "recovered", "words", "all of it"])
def test_counting_needs_an_index_unless_nearly_everybody_is_meant(crowded, name):
    wanted = ASKED[name].statement(crowded.get_bind().dialect.name, utcnow()).with_only_columns(FollowUp.id)
    told = plan(crowded, lambda: count(crowded, wanted))
    assert not scans(crowded, told), told


@pytest.mark.parametrize("name", ["everybody", "an age", "recovered", "opted out", "all"])
def test_the_newest_are_read_in_order_rather_than_sorted(crowded, name):
    told = plan(crowded, lambda: worklist.opened(crowded, ASKED[name], None, now=utcnow()))
    # Those who finished at one and the same moment may be sorted among themselves.
    assert "USE TEMP B-TREE FOR ORDER BY" not in told, told
    assert not re.search(r"^\s*(->)?\s*Sort  \(", told, re.MULTILINE), told


def test_one_person_the_tiles_and_the_lately_finished_are_found_by_an_index(crowded):
    now = utcnow()
    one = plan(crowded, lambda: worklist.follow_up(crowded, "nobody"))
    people, figures = plans(crowded, lambda: worklist.opened(crowded, Worklist(age="week"), None, now=now))
    for told in (one, people, figures):
        assert not scans(crowded, told), told


def test_how_somebody_stands_is_found_by_an_index(crowded):
    now = utcnow()
    few = crowded.scalars(select(Application).where(Application.completed.is_(False)).limit(3)).all()
    ids = [one.public_id for one in few]
    alone = plan(crowded, lambda: reminder_rules.standing(crowded, few[0], RULES, now))
    together, noted = plans(crowded, lambda: composing.readers(crowded, ids, RULES, now))
    for told in (alone, together, noted):
        assert not any(reads_whole_table(crowded, told, name) for name in (*TABLES, "same", "opt_out")), told


TABLES = ("application", "follow_up", "outbound", "reminder", "attempt")


def test_where_people_stop_is_found_by_an_index(crowded):
    now = utcnow()
    job_id = crowded.scalar(select(Job.id).limit(1))
    asked = {
        "left": lambda: stops._left_where(crowded, job_id, now),
        "finished and the form": lambda: reading.form_and(crowded, job_id, stops._finished(now, job_id)),
        "questions": lambda: stops._worst_places(crowded, [job_id], now),
        "worst": lambda: stops.worst_jobs(crowded, now=now),
    }
    for name, run in asked.items():
        told = plan(crowded, run)
        assert not scans(crowded, told), f"{name}:\n{told}"
