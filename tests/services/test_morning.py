"""What the morning mail says."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy.orm import Session

from dashboard.models import Application, User
from dashboard.services import morning, notes, teamwork
from dashboard.services.morning import Mail
from tests.colleagues import by, do
from tests.outbox_fixtures import NOON, add_applicant, add_job, add_recruiter, move

YESTERDAY = NOON - timedelta(days=1)
URL = "https://jobs.example.com"


def arrived(session: Session, job_id: int | None = None, **fields: object) -> Application:
    return add_applicant(session, job_id=job_id, inbox_no=session.query(Application).count() + 1, **fields)


def mail(session: Session, user: User) -> Mail | None:
    session.rollback()
    return morning.mail(session, user, since=YESTERDAY, public_url=URL)


def text(session: Session, user: User) -> str:
    told = mail(session, user)
    return told.text if told else ""


def test_what_is_new_is_counted_by_job_the_most_first(session: Session):
    rita = add_recruiter(session)
    picker, driver = add_job(session, "WH-1", "Picker"), add_job(session, "WH-2", "Driver")
    for job in (picker, driver, driver):
        arrived(session, job.id)
    arrived(session)
    arrived(session, picker.id, arrived_at=YESTERDAY - timedelta(seconds=1))
    add_applicant(session, completed=False)
    told = mail(session, rita)
    assert told is not None
    assert told.subject == "Talroo dashboard: 4 new applications"
    assert told.text.startswith("New since yesterday\n  2  Driver\n  1  ")
    assert "\n  1  Picker\n" in told.text
    assert "\n  1  No job title\n" in told.text
    assert f"{URL}/applications\n" in told.text


def test_what_waits_for_the_reader_is_named_by_job_and_link_and_nothing_else(session: Session):
    rita, dana = add_recruiter(session), add_recruiter(session, "dana@example.com")
    job = add_job(session, "WH-1", "Picker")
    mine, held, moved, other = (arrived(session, job.id, arrived_at=YESTERDAY - timedelta(days=9)) for _ in range(4))
    do(session, teamwork.assign, [mine.id, held.id, moved.id], rita.id, by(dana))
    do(session, teamwork.assign, [other.id], dana.id, by(dana))
    do(session, teamwork.hold, [held.id], by(dana))
    move(session, moved, "contacted")
    do(session, notes.write, [other.id], "@rita, secret words", by(dana))
    told = mail(session, rita)
    assert told is not None
    assert told.subject == "Talroo dashboard: 1 assigned to you, 1 mention"
    assert f"\n  Picker: {URL}/applications/{mine.public_id}\n" in told.text
    assert f"\n  dana@example.com: {URL}/applications/{other.public_id}\n" in told.text
    for one in (held, moved):
        assert one.public_id not in told.text
    for secret in ("Ada", "Quill", "secret"):
        assert secret not in told.text + told.subject


def test_where_there_is_nothing_to_tell_there_is_no_mail(session: Session):
    rita = add_recruiter(session)
    arrived(session, arrived_at=YESTERDAY - timedelta(days=1))
    assert mail(session, rita) is None


def test_only_as_much_is_listed_as_anybody_reads(session: Session, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(morning, "COUNTED", 3)
    monkeypatch.setattr(morning, "JOBS", 2)
    monkeypatch.setattr(morning, "LISTED", 2)
    rita = add_recruiter(session)
    jobs = [add_job(session, f"WH-{number}", f"Job {number}") for number in range(4)]
    mine = [arrived(session, job.id).id for job in jobs]
    do(session, teamwork.assign, mine, rita.id, by(None))
    told = mail(session, rita)
    assert told is not None
    assert told.subject == "Talroo dashboard: more than 3 new applications, more than 2 assigned to you"
    assert "\n  2  in 2 other jobs\n" in told.text
    assert told.text.count("  … and more") == 1
