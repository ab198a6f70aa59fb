"""What recruiters decide is found by the lists' filters at once."""

from __future__ import annotations

import pytest
from sqlalchemy.orm import Session

from dashboard import search, tokens
from dashboard.inbox import Inbox
from dashboard.inbox_pages import inbox_page
from dashboard.models import Application, User
from dashboard.reach import EVERYTHING
from dashboard.services import bulk, bulk_verbs, tagging, teamwork
from dashboard.services.bulk import Selection
from tests.colleagues import by, do
from tests.outbox_fixtures import RULES, add_applicant, add_recruiter


@pytest.fixture
def ada(session: Session) -> Application:
    """In the inbox and its index, with somebody else."""
    state = tokens.state_terms(stage="new", is_held=False, assigned_to=None)
    applicants = [add_applicant(session, name, inbox_no=number) for number, name in enumerate(("Ada", "Bea"), 1)]
    search.put(session, (search.Entry(one.inbox_no or 0, [], [], state) for one in applicants))
    session.commit()
    return applicants[0]


@pytest.fixture
def rita(session: Session) -> User:
    return add_recruiter(session)


def found(session: Session, **asked: str) -> list[str | None]:
    session.rollback()
    return [one.first_name for one in inbox_page(session, Inbox(**asked), None).rows]


def test_who_is_assigned_held_or_tagged_is_found_so_at_once(session: Session, ada: Application, rita: User):
    do(session, teamwork.assign, [ada.id], rita.id, by(rita))
    assert found(session, assigned=rita.public_id) == found(session, tab="mine", viewer=rita.public_id) == ["Ada"]
    assert found(session, assigned="none") == ["Bea"]
    do(session, tagging.tag, [ada.id], "Night Shift", by(rita))
    assert found(session, tag="night shift", assigned=rita.public_id) == ["Ada"]
    do(session, teamwork.hold, [ada.id], by(rita))
    assert (found(session, tab="held"), found(session, tab="new")) == (["Ada"], ["Bea"])
    do(session, teamwork.unhold, [ada.id], by(rita))
    night = tagging.find(session, "night shift")
    assert night is not None
    do(session, tagging.untag, [ada.id], night, by(rita))
    assert (found(session, tab="held"), found(session, tag="night shift")) == ([], [])


def test_all_that_a_filter_finds_are_chosen_and_found_again_after_undo(session: Session, ada: Application, rita: User):
    do(session, tagging.tag, [ada.id], "night", by(rita))
    shown = bulk.preview(session, Selection(asked=Inbox(tag="night")), bulk_verbs.Hold(), RULES, EVERYTHING)
    assert [one.partition(":")[0] for one in shown.picked] == [ada.public_id]
    action = do(
        session, bulk.act, Selection.read(shown.picked), bulk_verbs.Hold(), by(rita), RULES, EVERYTHING, token=""
    )
    assert found(session, tab="held") == ["Ada"]
    do(session, bulk.undo, action, by(rita), RULES, EVERYTHING)
    assert found(session, tab="held") == []
