"""The questions behind the lists: which job is meant, and which applications are the same person's."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from dashboard import queries
from dashboard.extensions import db
from dashboard.models import Application, Job
from dashboard.reach import EVERYTHING
from dashboard.services import people
from tests.colleagues import by, do
from tests.factories import event
from tests.outbox_fixtures import NOON, add_applicant


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
    choices = queries.job_choices(session, EVERYTHING)
    assert [words for _, words in choices] == [
        "Driver · Oak & Iron · Waco",
        "Picker · Harbor & Vale",
        "Welder · Oak & Iron",
    ]
    assert [value for value, _ in choices] == [job_id(session, title) for title in ("Driver", "Picker", "Welder")]
    assert queries.job_choices(session, EVERYTHING, job_id(session, "Picker")) == choices


@pytest.mark.parametrize("chosen", ["DR-1", "Driver"])
def test_a_job_chosen_by_reference_or_title_is_offered_once_and_in_that_spelling(session, shared_reference, chosen):
    choices = queries.job_choices(session, EVERYTHING, chosen)
    assert choices[0] == (chosen, "Driver · Oak & Iron · Waco")
    assert len(choices) == 3


@pytest.mark.parametrize("chosen", ["WH-1", "nobody's"])
def test_a_choice_that_means_several_jobs_or_none_stands_first_as_it_was_written(session, shared_reference, chosen):
    choices = queries.job_choices(session, EVERYTHING, chosen)
    assert choices[0] == (chosen, chosen)
    assert len(choices) == 4


def test_a_chosen_job_beyond_the_longest_list_is_offered_all_the_same(session, shared_reference):
    welder = job_id(session, "Welder")
    assert (welder, "Welder · Oak & Iron") in queries.job_choices(session, EVERYTHING, welder, limit=1)


def others_of(session, application, limit=50):
    of = {"me": application.id, "email": application.email_key, "phone": application.phone_key}
    return session.scalars(queries.others(limit, is_limited=False), of).all()


def others(session, application):
    session.rollback()
    return [one.first_name for one in others_of(session, application)]


def applicant(session, name, email=None, phone=None, **fields):
    return add_applicant(session, name, email_key=email, phone_key=phone, **fields)


def test_somebodys_others_share_an_address_or_a_number_newest_first_and_are_finished(session):
    ada = applicant(session, "Ada", "ada@x", "5125550101")
    applicant(session, "Mail", "ada@x")
    applicant(session, "Phone", phone="5125550101", last_name="Another")
    applicant(session, "Stranger", "bea@x", "5125550102")
    applicant(session, "Unfinished", "ada@x", completed=False)
    assert others(session, ada) == ["Phone", "Mail"]
    assert [one.first_name for one in others_of(session, ada, limit=1)] == ["Phone"]
    assert others(session, applicant(session, "Nobody")) == []


def test_what_people_said_of_somebodys_others_counts_like_on_the_persons_page(session):
    ada, also_ada = applicant(session, "Ada", "ada@x"), applicant(session, "Ada 2", "ada@x")
    adah, also_adah = applicant(session, "Adah", "adah@x", "1111111"), applicant(session, "Adah 2", "adah@x")
    mother, friend = applicant(session, "Mother", phone="1111111"), applicant(session, "Friend", "ada@x")
    do(session, people.part, mother, [adah.id], by(None))
    do(session, people.link, ada.id, adah.id, by(None))
    do(session, people.part, friend, [ada.id], by(None))
    assert others(session, ada) == ["Adah 2", "Adah", "Ada 2"]
    assert others(session, mother) == []
    for one in (ada, adah):
        known = {same.id for same in people.person(session, one, EVERYTHING).applications}
        assert {other.id for other in others_of(session, one)} <= known - {one.id}
    assert also_adah.first_name in others(session, ada)
    assert also_ada.first_name in others(session, adah)


def test_a_number_that_hundreds_share_names_only_the_newest_also_before_a_table_has_statistics(session):
    row = {"applied_at": NOON, "arrived_at": NOON, "flags": [], "phone_key": "5125550101"}
    session.add_all(Application(talroo_id=f"many-{n}", inbox_no=n, unindexed=1, **row) for n in range(1, 301))
    session.commit()
    one = session.scalars(select(Application).where(Application.inbox_no == 7)).one()
    assert [other.inbox_no for other in others_of(session, one)] == list(range(300, 250, -1))
