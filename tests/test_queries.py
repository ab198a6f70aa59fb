"""The questions behind the lists: which job is meant, and who finished what somebody else's row says is unfinished."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import event as sqlalchemy_event
from sqlalchemy import select

from dashboard import queries
from dashboard.extensions import db
from dashboard.models import Application, Job
from tests.factories import event


@pytest.fixture
def session(app):
    with app.app_context():
        yield db.session()


@pytest.fixture
def shared_reference(deliver):
    """Two companies that both call a job WH-1, and one that nobody else calls DR-1."""
    deliver(event(job={"originalJobReference": "WH-1", "title": "Picker", "company": "Harbor & Vale"}))
    deliver(event(job={"originalJobReference": "WH-1", "title": "Welder", "company": "Oak & Iron"}))
    deliver(event(job={"originalJobReference": "DR-1", "title": "Driver", "company": "Oak & Iron", "city": "Waco"}))


def job_id(session, title):
    return session.scalar(select(Job.public_id).where(Job.title == title))


def test_two_companies_jobs_of_one_reference_are_two_options_with_their_own_values(session, shared_reference):
    choices = queries.job_choices(session)
    assert [words for _, words in choices] == [
        "Driver · Oak & Iron · Waco",
        "Picker · Harbor & Vale",
        "Welder · Oak & Iron",
    ]
    assert [value for value, _ in choices] == [job_id(session, title) for title in ("Driver", "Picker", "Welder")]
    assert queries.job_choices(session, job_id(session, "Picker")) == choices


@pytest.mark.parametrize("chosen", ["DR-1", "Driver"])
def test_a_job_chosen_by_reference_or_title_is_offered_once_and_in_that_spelling(session, shared_reference, chosen):
    choices = queries.job_choices(session, chosen)
    assert choices[0] == (chosen, "Driver · Oak & Iron · Waco")
    assert len(choices) == 3


@pytest.mark.parametrize("chosen", ["WH-1", "nobody's"])
def test_a_choice_that_means_several_jobs_or_none_stands_first_as_it_was_written(session, shared_reference, chosen):
    choices = queries.job_choices(session, chosen)
    assert choices[0] == (chosen, chosen)
    assert len(choices) == 4


def test_a_chosen_job_beyond_the_longest_list_is_offered_all_the_same(session, shared_reference):
    welder = job_id(session, "Welder")
    assert (welder, "Welder · Oak & Iron") in queries.job_choices(session, welder, limit=1)


BEGUN = {
    "tlrApplicationId": "talroo-1",
    "tlrSid": "click-1",
    "applicant": {"emailAddress": "Ada@Example.com"},
    "job": {"originalJobReference": "WH-1"},
}
ELSEWHERE = {
    "tlrApplicationId": "talroo-2",
    "tlrSid": "click-2",
    "applicant": {"emailAddress": "other@example.com"},
    "job": {"originalJobReference": "DR-1"},
}


def linked(session):
    session.rollback()  # what SQLite has begun to read stays as it was then
    begun = session.scalars(select(Application).where(Application.completed.is_(False))).all()
    found = queries.completed_by(session, begun)
    return {one.talroo_id: found.get(one.id) for one in begun}


@pytest.mark.parametrize(
    "same",
    [["tlrApplicationId"], ["tlrSid"], ["applicant", "job"]],
    ids=["application id", "click", "e-mail and job"],
)
def test_who_finished_under_another_id_is_found_by_what_stayed_the_same(session, deliver, same):
    deliver(event(kind="started:v1", application_id="begun", **BEGUN))
    finished = deliver(event(**(ELSEWHERE | {name: BEGUN[name] for name in same}))).json["application"]
    assert linked(session) == {"begun": finished}


@pytest.mark.parametrize("same", [[], ["applicant"], ["job"]], ids=["nothing", "e-mail alone", "job alone"])
def test_who_only_resembles_somebody_is_not_taken_for_them(session, deliver, same):
    deliver(event(kind="started:v1", application_id="begun", **BEGUN))
    deliver(event(**(ELSEWHERE | {name: BEGUN[name] for name in same})))
    assert linked(session) == {"begun": None}


def test_another_unfinished_application_takes_nothing_over(session, deliver):
    deliver(event(kind="started:v1", application_id="begun", **BEGUN))
    deliver(event(kind="started:v1", application_id="begun again", **BEGUN))
    assert linked(session) == {"begun": None, "begun again": None}


def test_the_surest_sign_decides_and_of_several_the_newest(session, deliver):
    deliver(event(kind="started:v1", application_id="begun", **BEGUN))
    by_click = ELSEWHERE | {"tlrSid": "click-1"}
    deliver(event(**by_click))
    newer = deliver(event(**by_click)).json["application"]
    assert linked(session) == {"begun": newer}
    sure = deliver(event(**(ELSEWHERE | {"tlrApplicationId": "talroo-1"}))).json["application"]
    deliver(event(**by_click))
    assert linked(session) == {"begun": sure}


def test_a_page_of_the_unfinished_costs_one_statement_that_indexes_answer(app, session, deliver):
    for number in range(3):
        deliver(event(kind="started:v1", **(BEGUN | {"tlrSid": f"click-{number}"})))
    begun = session.scalars(select(Application)).all()
    sent = []

    def note(_connection, _cursor, statement, parameters, *_):
        sent.append((statement, parameters))

    sqlalchemy_event.listen(db.engine, "before_cursor_execute", note)
    try:
        queries.completed_by(session, begun)
    finally:
        sqlalchemy_event.remove(db.engine, "before_cursor_execute", note)
    assert len(sent) == 1
    if session.get_bind().dialect.name == "sqlite":
        plan = session.connection().exec_driver_sql("EXPLAIN QUERY PLAN " + sent[0][0], sent[0][1])
    else:
        session.connection().exec_driver_sql("SET enable_seqscan = off; SET enable_indexscan = off")
        plan = session.connection().exec_driver_sql("EXPLAIN " + sent[0][0], sent[0][1])
    told = "\n".join(str(row[-1]) for row in plan)
    for index in ("tlr_application_id", "tlr_sid", "email_key"):
        assert f"ix_application_{index}" in told
    assert not re.search(r"SCAN application|Seq Scan on application", told)
