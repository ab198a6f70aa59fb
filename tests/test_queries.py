"""The questions behind the lists: which job is meant, and who finished what somebody else's row says is unfinished."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from dashboard import queries
from dashboard.extensions import db
from dashboard.models import Job
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
