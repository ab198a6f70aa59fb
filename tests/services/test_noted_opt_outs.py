"""What applicants told a person: that they want no reminders; and a person's mistake, taken back."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from dashboard.database import start_writing
from dashboard.models import Application, StageChange, User
from dashboard.models.outbound import State
from dashboard.services import noted_opt_outs, opt_outs
from dashboard.services.activity import By
from dashboard.services.noted_opt_outs import NOTED_WORDS, TAKEN_BACK_WORDS
from tests.outbox_fixtures import add_job, add_recruiter
from tests.reminder_fixtures import AFTERNOON, SECRET, add_unfinished, follow_up_of, only_message, set_cadence, write

EMAIL = "ada@example.com"
OLD_SECRET = "an older one, that was replaced"
SECRETS = (SECRET, OLD_SECRET)


@pytest.fixture
def ada(session: Session) -> Application:
    return add_unfinished(session, email=EMAIL, started_at=AFTERNOON)


@pytest.fixture(autouse=True)
def somebody(session: Session) -> int:
    return add_recruiter(session).id


def told(session: Session, verb, application: Application) -> bool:
    """`note` or `take_back`, by somebody who works here."""
    by = By(session.scalars(select(User.id)).one(), "192.0.2.7", AFTERNOON)
    session.rollback()
    start_writing(session)
    done = verb(session, application, by, SECRETS)
    session.commit()
    return done


def by_themselves(session: Session, way: str, secret: str = SECRET) -> None:
    """The applicant opts out: by a link whose mail is known no more, or by a mail program's button."""
    session.rollback()
    start_writing(session)
    if way == "link":
        link = opt_outs.Unsubscribing(opt_outs.hashed(EMAIL, secret), "erased")
        opt_outs.opt_out_by_link(session, link, "link", AFTERNOON, SECRETS)
    else:
        opt_outs.opt_out(session, EMAIL, "one-click", AFTERNOON, SECRETS)
    session.commit()


def history(session: Session) -> list[str | None]:
    return list(session.scalars(select(StageChange.note).order_by(StageChange.id)))


def test_who_told_a_person_is_opted_out_everywhere_and_what_waits_is_cancelled(session: Session, ada: Application):
    other = add_unfinished(session, "Ada", email=EMAIL.upper())
    assert write(session, ada).done
    assert told(session, noted_opt_outs.note, ada)
    assert only_message(session).state == State.CANCELLED
    assert follow_up_of(session, ada).opted_out_at == follow_up_of(session, other).opted_out_at == AFTERNOON
    assert opt_outs.is_opted_out(session, EMAIL, SECRETS)
    (step,) = session.scalars(select(StageChange)).all()
    assert (step.note, step.remote_addr, step.is_note) == (NOTED_WORDS, "192.0.2.7", True)
    assert not told(session, noted_opt_outs.note, other)
    assert history(session) == [NOTED_WORDS]


def test_without_an_e_mail_address_there_is_nothing_to_note(session: Session):
    assert not told(session, noted_opt_outs.note, add_unfinished(session, "Bo", email=None))
    assert history(session) == []


def test_a_mistake_is_taken_back_and_the_cadence_goes_on(session: Session):
    job = add_job(session, "WH-1", "Picker")
    ada = add_unfinished(session, job=job, email=EMAIL, started_at=AFTERNOON)
    set_cadence(session, job, (1,), now=AFTERNOON)
    assert told(session, noted_opt_outs.note, ada)
    assert follow_up_of(session, ada).next_message_at is None
    assert noted_opt_outs.may_take_back(opt_outs.noted(session, [EMAIL], SECRETS)[EMAIL])
    assert told(session, noted_opt_outs.take_back, ada)
    assert not opt_outs.is_opted_out(session, EMAIL, SECRETS)
    found = follow_up_of(session, ada)
    assert (found.opted_out_at, found.next_message_at) == (None, AFTERNOON + timedelta(days=1))
    assert history(session) == [NOTED_WORDS, TAKEN_BACK_WORDS]
    assert not told(session, noted_opt_outs.take_back, ada)


@pytest.mark.parametrize("way", ["link", "one-click"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_what_applicants_ask_for_themselves_is_taken_back_by_nobody(session: Session, ada: Application, way, when):
    if when == "before":
        by_themselves(session, way)
    assert told(session, noted_opt_outs.note, ada) is (when == "after")
    if when == "after":
        by_themselves(session, way)
    assert not noted_opt_outs.may_take_back(opt_outs.noted(session, [EMAIL], SECRETS)[EMAIL])
    assert not told(session, noted_opt_outs.take_back, ada)
    assert opt_outs.is_opted_out(session, EMAIL, SECRETS)


def test_an_opt_out_under_an_older_key_counts_when_a_mistake_is_to_be_taken_back(session: Session, ada: Application):
    assert told(session, noted_opt_outs.note, ada)
    by_themselves(session, "link", OLD_SECRET)
    assert not told(session, noted_opt_outs.take_back, ada)
