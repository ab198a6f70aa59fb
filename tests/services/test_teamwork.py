"""Rating, assigning and holding, one application or many."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import Engine, select, update
from sqlalchemy.orm import Session

from dashboard.models import Application, User
from dashboard.reach import EVERYTHING
from dashboard.services import activity, reading, teamwork
from dashboard.services.review import BadChange
from tests.colleagues import by, do, told
from tests.outbox_fixtures import NOON, add_applicant, add_recruiter, all_at_once


def test_a_rating_is_given_changed_and_taken_away_and_the_timeline_tells_each(session: Session):
    ada, rita = add_applicant(session), add_recruiter(session)
    for rating in (2, 4, None):
        assert do(session, teamwork.rate, [ada.id], rating, by(rita)).changed == (ada.id,)
        assert session.get_one(Application, ada.id).rating == rating
    assert told(session, ada) == ["Rating 4 → none", "Rating 2 → 4", "Rating none → 2"]
    newest = reading.timeline(session, ada, EVERYTHING)[0]
    assert (newest.at, newest.actor) == (NOON, "rita@example.com from 192.0.2.7")


@pytest.mark.parametrize("rating", [0, 5, -1])
def test_a_rating_that_is_none_is_refused_in_words(session: Session, rating: int):
    with pytest.raises(BadChange, match=r"1 to 4\.$"):
        teamwork.rate(session, [add_applicant(session).id], rating, by(None))


def test_doing_it_twice_changes_nothing_and_says_so(session: Session):
    ada, rita = add_applicant(session), add_recruiter(session)
    twice = (
        (teamwork.rate, (3,), "Already rated 3"),
        (teamwork.assign, (rita.id,), "Already assigned to rita@example.com"),
        (teamwork.hold, (), "Already held"),
    )
    for verb, what, why in twice:
        assert do(session, verb, [ada.id], *what, by(rita)).changed == (ada.id,)
        assert do(session, verb, [ada.id], *what, by(rita)).skipped == ((ada.id, why),)
    assert len(told(session, ada)) == len(twice)


def test_what_is_not_there_is_not_done_and_says_so(session: Session):
    ada = add_applicant(session)
    absent = (
        (teamwork.rate, (None,), "Has no rating"),
        (teamwork.assign, (None,), "Assigned to nobody"),
        (teamwork.unhold, (), "Not held"),
    )
    for verb, what, why in absent:
        assert do(session, verb, [ada.id, 999_999], *what, by(None)).skipped == ((ada.id, why),)
    assert told(session, ada) == []


def test_an_application_goes_from_hand_to_hand_and_the_timeline_names_both(session: Session):
    ada, rita, dana = add_applicant(session), add_recruiter(session), add_recruiter(session, "dana@example.com")
    for whom in (rita, dana, None):
        do(session, teamwork.assign, [ada.id], whom and whom.id, by(rita))
    assert told(session, ada) == [
        "No longer assigned to dana@example.com",
        "Assigned to dana@example.com (was rita@example.com)",
        "Assigned to rita@example.com",
    ]
    assert session.get_one(Application, ada.id).assigned_to is None


@pytest.mark.parametrize("values", [{"role": "it_admin"}, {"active": False}])
def test_applications_are_given_only_to_who_may_see_them(session: Session, values: dict[str, object]):
    ada, other = add_applicant(session), add_recruiter(session, "other@example.com")
    rita = add_recruiter(session)
    session.execute(update(User).where(User.id == other.id).values(**values))
    for number in (other.id, 999_999):
        with pytest.raises(BadChange, match=r"\.$"):
            teamwork.assign(session, [ada.id], number, by(None))
    assert list(activity.colleagues(session)) == [rita]


def test_held_for_later_and_taken_up_again_with_the_stage_as_it_was(session: Session):
    ada = add_applicant(session, stage="interview")
    do(session, teamwork.hold, [ada.id], by(None))
    assert session.get_one(Application, ada.id).held_at == NOON
    do(session, teamwork.unhold, [ada.id], by(None, NOON + timedelta(days=1)))
    found = session.get_one(Application, ada.id)
    assert (found.held_at, found.stage, found.stage_version) == (None, "interview", 0)
    assert told(session, ada) == ["Taken off hold", "Held for later"]


def test_many_are_done_at_once_and_each_is_judged_by_itself(session: Session):
    ready, held = add_applicant(session), add_applicant(session, held_at=NOON)
    done = do(session, teamwork.hold, [held.id, ready.id, 999_999], by(None))
    assert (done.changed, done.skipped) == ((ready.id,), ((held.id, "Already held"),))


def test_of_two_at_the_same_moment_the_later_word_stands_and_the_timeline_shows_both(engine: Engine, session: Session):
    ada = add_applicant(session)
    number = ada.id

    def give(rating: int) -> None:
        with Session(engine) as own:
            do(own, teamwork.rate, [number], rating, by(None))

    all_at_once(lambda: give(1), lambda: give(4))
    session.rollback()
    last, first = told(session, ada)
    stands = session.scalars(select(Application.rating)).one()
    before = 5 - (stands or 0)
    assert (first, last) == (f"Rating none → {before}", f"Rating {before} → {stands}")


def test_two_who_do_the_same_to_the_same_many_do_not_wait_for_each_other_for_ever(engine: Engine, session: Session):
    ids = [add_applicant(session).id for _ in range(20)]
    outcomes: list[activity.Done] = []

    def hold(chosen: list[int]) -> None:
        with Session(engine) as own:
            outcomes.append(do(own, teamwork.hold, chosen, by(None)))

    all_at_once(lambda: hold(ids), lambda: hold(ids[::-1]))
    assert sorted(len(done.changed) for done in outcomes) == [0, 20]
