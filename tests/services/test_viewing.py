"""Who has opened an application, and who looks at it now."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from dashboard.models import Seen
from dashboard.services import viewing
from tests.colleagues import do
from tests.outbox_fixtures import NOON, add_applicant, add_recruiter, all_at_once


def test_an_application_is_unread_to_everybody_until_they_open_it(session: Session):
    ada, bea = add_applicant(session), add_applicant(session)
    rita, dana = add_recruiter(session), add_recruiter(session, "dana@example.com")
    assert do(session, viewing.see, rita.id, ada.id, NOON)
    assert not do(session, viewing.see, rita.id, ada.id, NOON + timedelta(days=1))
    assert viewing.unread(session, rita.id, [ada.id, bea.id]) == {bea.id}
    assert viewing.unread(session, dana.id, [ada.id, bea.id]) == {ada.id, bea.id}


def test_who_has_it_open_is_told_for_forty_seconds_after_their_last_sign(session: Session):
    ada, rita, dana = add_applicant(session), add_recruiter(session), add_recruiter(session, "dana@example.com")

    def looking(seconds: int) -> list[str]:
        now = NOON + timedelta(seconds=seconds)
        return [user.email for user in viewing.who_is_looking(session, ada.id, now, but=rita.id)]

    do(session, viewing.see, rita.id, ada.id, NOON)
    do(session, viewing.see, dana.id, ada.id, NOON)
    assert (looking(39), looking(40)) == (["dana@example.com"], [])
    do(session, viewing.see, dana.id, ada.id, NOON + timedelta(seconds=30))
    assert looking(69) == ["dana@example.com"]
    both = [user.email for user in viewing.who_is_looking(session, ada.id, NOON + timedelta(seconds=35))]
    assert both == ["dana@example.com", "rita@example.com"]


def test_a_sign_that_comes_soon_after_the_last_is_not_written(session: Session):
    ada, rita = add_applicant(session), add_recruiter(session)
    assert viewing.must_note(session, rita.id, ada.id, NOON)
    do(session, viewing.see, rita.id, ada.id, NOON)
    soon, later = NOON + timedelta(seconds=5), NOON + timedelta(seconds=15)
    assert not viewing.must_note(session, rita.id, ada.id, soon)
    do(session, viewing.see, rita.id, ada.id, soon)
    assert session.scalars(select(Seen.last_at)).one() == NOON
    assert viewing.must_note(session, rita.id, ada.id, later)


def test_two_windows_that_open_it_at_the_same_moment_leave_one_row(engine: Engine, session: Session):
    ada, rita = add_applicant(session).id, add_recruiter(session).id
    first: list[bool] = []

    def see() -> None:
        with Session(engine) as own:
            first.append(do(own, viewing.see, rita, ada, NOON))

    all_at_once(see, see, see)
    assert sorted(first) == [False, False, True]
