"""Holds and restrictions: what they keep, where it stands meanwhile, and how it comes back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from dashboard import queries, worklist
from dashboard.clock import utcnow
from dashboard.database import start_writing
from dashboard.extensions import db
from dashboard.inbox import Inbox
from dashboard.inbox_pages import inbox_page
from dashboard.models import Application, Erasure, FollowUp, Hold, User
from dashboard.models.privacy import HoldKind
from dashboard.reach import EVERYTHING
from dashboard.services import erasing, holding, indexing, notes, people, retiring, whose
from dashboard.services.erasing import CannotErase, Cause, Warrant
from dashboard.services.holding import BadHold, Keeping
from dashboard.worklist import Worklist
from tests.factories import event, file_object
from tests.stocked_site import token_of


@pytest.fixture
def session(app: Flask) -> Iterator[Session]:
    with app.app_context(), Session(db.engine, expire_on_commit=False) as opened:
        yield opened


@pytest.fixture
def ada(deliver: Callable[..., Any]) -> str:
    return str(deliver(event(applicant={"resume": file_object(b"I pick", "ada.txt")})).json["application"])


def keep(session: Session, kind: HoldKind, *public_ids: str, reason: str = "A charge", **more: Any) -> int:
    session.rollback()
    start_writing(session)
    placed = holding.place(session, public_ids, Keeping(kind, reason, more.pop("until", None), utcnow(), None, **more))
    session.commit()
    return placed


def end_all(session: Session) -> None:
    session.rollback()
    start_writing(session)
    for hold in session.scalars(select(Hold)).all():
        holding.end(session, hold, at=utcnow(), user_id=None)
    session.commit()


def erase(session: Session, *public_ids: str, cause: Cause = Cause.REQUEST) -> Erasure:
    session.rollback()
    start_writing(session)
    erasure = erasing.erase(session, public_ids, Warrant(cause, "asked", utcnow()))
    session.commit()
    return erasure


def listed(session: Session, text: str = "") -> list[str]:
    session.rollback()
    indexing.catch_up(lambda: Session(session.get_bind()))
    return [row.public_id for row in inbox_page(session, Inbox(text=text), None).rows]


def test_what_is_held_is_not_erased_and_says_why(session, ada):
    keep(session, HoldKind.LEGAL, ada, reason="Charge 12 of the EEOC")
    with pytest.raises(CannotErase, match=r"Under legal hold since .* by somebody: Charge 12 of the EEOC"):
        erase(session, ada)
    assert listed(session, "quill") == [ada]
    end_all(session)
    assert erase(session, ada).counts["applications"] == 1


@pytest.mark.parametrize("zone", ["Pacific/Honolulu", "America/New_York", "UTC", "Asia/Tokyo"])
def test_why_it_is_not_erased_names_the_day_that_was_chosen(session, ada, zone):
    keep(session, HoldKind.LEGAL, ada, until=datetime(2099, 2, 1, tzinfo=ZoneInfo(zone)))
    with pytest.raises(CannotErase, match=r" until Jan 31, 2099 by somebody"):
        erase(session, ada)


def test_a_hold_whose_day_is_over_keeps_nothing(session, ada):
    keep(session, HoldKind.LEGAL, ada, until=utcnow() + timedelta(days=1))
    later = utcnow() + timedelta(days=2)
    number = session.scalars(select(Application.id)).one()
    assert holding.why_kept(session, [number], later) is None
    session.rollback()
    start_writing(session)
    assert holding.end_overdue(session, later) == 1


@pytest.mark.parametrize(
    ("reason", "until", "words"), [(" ", None, "Enter a reason"), ("x" * 301, None, "300"), ("x", -1, "in the future")]
)
def test_what_nobody_could_understand_later_is_refused(session, ada, reason, until, words):
    with pytest.raises(BadHold, match=words):
        keep(session, HoldKind.LEGAL, ada, reason=reason, until=utcnow() + timedelta(days=until) if until else None)


def test_held_twice_is_held_once(session, ada):
    assert [keep(session, HoldKind.LEGAL, ada) for _ in range(2)] == [1, 0]


def test_what_is_restricted_is_nowhere_until_it_returns_to_its_place(session, deliver, ada):
    assert listed(session, "quill") == [ada]
    attachment = session.scalars(select(Application)).one().attachments[0].public_id
    keep(session, HoldKind.RESTRICTION, ada)
    other = deliver(event(applicant={"firstName": "Bo", "lastName": "Reed", "emailAddress": "bo@example.com"}))
    assert listed(session) == [other.json["application"]]
    assert listed(session, "quill") == []
    assert queries.application(session, ada, EVERYTHING) is None
    assert queries.attachment(session, attachment, EVERYTHING) is None
    assert people.find(session, ada, EVERYTHING) is None
    assert [one.public_id for one in whose.applications_of(session, whose.find(session, ada))] == [ada]
    end_all(session)
    assert listed(session) == [other.json["application"], ada]
    assert listed(session, "quill") == [ada]


def test_a_delivery_about_what_is_restricted_is_kept_and_shows_it_to_nobody(session, deliver):
    first = event(application_id="app-77")
    ada = deliver(first).json["application"]
    keep(session, HoldKind.RESTRICTION, ada)
    again = event(application_id="app-77", applicant={"firstName": "Adah"}, created_at="2026-11-19T15:00:03Z")
    assert deliver(again).json["application"] == ada
    assert listed(session, "quill") == []
    end_all(session)
    assert listed(session, "adah") == [ada]


def test_who_did_not_finish_is_restricted_as_well(session, deliver):
    begun = deliver(event(kind="started:v1")).json["application"]
    keep(session, HoldKind.RESTRICTION, begun)
    assert worklist.opened(session, Worklist(), None, now=utcnow()).page.rows == []
    assert worklist.follow_up(session, begun) is None
    assert session.scalars(select(FollowUp.next_message_at)).one() is None
    end_all(session)
    assert len(worklist.opened(session, Worklist(), None, now=utcnow()).page.rows) == 1


def test_a_restriction_ends_in_erasure_on_its_day(session, ada):
    keep(session, HoldKind.RESTRICTION, ada, until=utcnow() + timedelta(days=1))
    sessions = lambda: Session(session.get_bind())  # noqa: E731
    assert retiring.retire_some(sessions, 24, utcnow()) == 0
    assert retiring.retire_some(sessions, 24, utcnow() + timedelta(days=2)) == 1
    session.rollback()
    assert session.scalars(select(Erasure.cause)).all() == ["restriction"]
    assert session.scalars(select(Application)).all() == []


def test_notes_on_what_is_restricted_name_nobody(session, sign_in, ada):
    client, _ = sign_in("hr_admin"), sign_in("recruiter")
    token = token_of(client.get(f"/applications/{ada}").text)
    said = {"csrf_token": token, "body": "See @recruiter", "token": "n"}
    assert client.post(f"/applications/{ada}/notes", data=said).status_code == 302
    user = session.scalars(select(User.id).where(User.role == "recruiter")).one()
    assert len(notes.mentions_of(session, user, EVERYTHING)) == 1
    keep(session, HoldKind.RESTRICTION, ada)
    assert list(notes.mentions_of(session, user, EVERYTHING)) == []
    assert list(notes.unread_mentions(session, user, EVERYTHING)) == []
