"""Several deliveries about one application: filled in, never blanked out, never back to incomplete."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from sqlalchemy import func, select

from dashboard.extensions import db
from dashboard.models import Application, Attachment, Job, StoredFile
from dashboard.services import reading
from dashboard.talroo.questions import CURRENT
from tests.factories import event, file_object, file_question

EARLY, LATER, LATEST = "2026-11-18T12:00:00Z", "2026-11-18T13:00:00Z", "2026-11-18T14:00:00Z"
QUESTION = {"question": {"id": "shift", "type": "text", "question": "Which shift?"}, "answer": "Nights"}


def told(app_id="A-1", *, at=LATER, kind="completed:v2", **changes):
    return event(application_id=app_id, created_at=at, kind=kind, **changes)


def started(**changes):
    return told(kind="started:v1", **changes)


def application() -> Application:
    return db.session.scalars(select(Application)).one()


def answers() -> list[str]:
    return [answer.text for question in reading.answers(application()).questions for answer in question.answers]


def found_by(sign_in, words: str) -> int:
    return sign_in("recruiter").get("/applications", query_string={"q": words}).text.count("data-application=")


def test_a_second_event_about_an_application_makes_no_second_one(app, deliver):
    first, second = deliver(told()), deliver(told(at=LATEST))
    assert second.json == first.json
    with app.app_context():
        assert application()


def test_a_newer_event_fills_in_and_changes_what_it_says(app, deliver):
    deliver(told(at=EARLY, applicant={"phone": None}))
    deliver(told(at=LATER, applicant={"phone": "555 0100", "lastName": "Quillfeather"}, qualified=True))
    with app.app_context():
        found = application()
        assert (found.phone, found.last_name, found.qualified) == ("555 0100", "Quillfeather", True)
        assert found.phone_key == "5550100"


@pytest.mark.parametrize("nothing", [None, "", {}, [], "  "])
def test_a_newer_event_never_blanks_out(app, deliver, nothing):
    deliver(told(at=EARLY, applicant={"phone": "555 0100"}, qualified=True, **{CURRENT: [QUESTION]}))
    emptied = {"firstName": nothing, "lastName": nothing, "phone": nothing, "emailAddress": nothing, "resume": nothing}
    deliver(told(at=LATEST, applicant=emptied, job={"title": nothing}, qualified=nothing, **{CURRENT: nothing}))
    with app.app_context():
        found = application()
        assert (found.name, found.phone, found.email, found.qualified) == (
            "Ada Quill",
            "555 0100",
            "ada@example.com",
            True,
        )
        assert found.job.title == "Picker"
        assert answers() == ["Nights"]


def test_an_older_event_fills_gaps_and_changes_nothing_else(app, deliver):
    deliver(told(at=LATER, applicant={"lastName": "Quill", "phone": None}))
    deliver(told(at=EARLY, applicant={"lastName": "Maiden", "phone": "555 0100"}, job={"title": "Packer", "jobId": 7}))
    with app.app_context():
        found = application()
        assert (found.last_name, found.phone) == ("Quill", "555 0100")
        assert found.job.title == "Picker"


def test_an_older_event_brings_the_answers_where_none_came_yet(app, deliver):
    deliver(told(at=LATER))
    deliver(told(at=EARLY, **{CURRENT: [QUESTION]}))
    with app.app_context():
        assert answers() == ["Nights"]


def test_an_older_event_does_not_replace_the_answers(app, deliver):
    deliver(told(at=LATER, **{CURRENT: [QUESTION]}))
    deliver(told(at=EARLY, **{CURRENT: [{**QUESTION, "answer": "Days"}]}))
    with app.app_context():
        assert answers() == ["Nights"]


def test_an_incomplete_application_is_completed(app, deliver, sign_in):
    deliver(started(at=EARLY, job={"title": None, "originalJobReference": None, "company": None}))
    assert found_by(sign_in, "Ada") == 0
    deliver(told(at=LATER, job={"title": "Forklift driver", "originalJobReference": "F-1"}))
    with app.app_context():
        assert application().completed
        assert application().job.title == "Forklift driver"
    assert found_by(sign_in, "forklift ada") == 1


@pytest.mark.parametrize("at", [EARLY, LATER, LATEST, None])
def test_a_completed_application_never_goes_back_to_incomplete(app, deliver, at):
    deliver(told(at=LATER))
    deliver(started(at=at, applicant={"firstName": "Draft", "phone": "555 0100"}))
    with app.app_context():
        found = application()
        assert found.completed
        assert (found.first_name, found.phone) == ("Ada", "555 0100")


@pytest.mark.parametrize("at", [EARLY, None])
def test_completing_counts_whatever_the_times_say(app, deliver, at):
    deliver(started(at=LATEST, applicant={"firstName": "Draft"}))
    deliver(told(at=at, applicant={"firstName": "Ada"}))
    with app.app_context():
        assert (application().completed, application().first_name) == (True, "Ada")


def test_an_application_completed_by_a_late_delivery_is_marked_late(app, deliver):
    deliver(started())
    deliver(told(at=LATEST), age=1_000)
    with app.app_context():
        assert application().is_late


def test_the_stage_a_recruiter_chose_stays(app, deliver):
    deliver(told(at=EARLY))
    with app.app_context():
        application().stage = "interview"
        db.session.commit()
    deliver(told(at=LATEST, applicant={"phone": "555 0100"}))
    with app.app_context():
        assert (application().stage, application().phone) == ("interview", "555 0100")


def test_flags_of_all_events_are_kept_once_and_bounded(app, deliver):
    for _ in range(3):
        deliver(told(applicant={"phone": {}}))
    deliver(told(applicant={"lastName": []}))
    with app.app_context():
        assert application().flags == [
            "The phone number came in a form that cannot be read.",
            "The last name came in a form that cannot be read.",
        ]


def test_another_event_with_the_same_file_notes_it_once_and_the_newest_resume_is_the_current_one(app, deliver):
    deliver(told(at=EARLY, applicant={"resume": file_object(b"old", "old.txt")}))
    deliver(told(at=LATER, applicant={"resume": file_object(b"old", "again.txt")}))
    deliver(told(at=LATEST, applicant={"resume": file_object(b"new", "new.txt")}))
    with app.app_context():
        assert [file.file_name for file in application().attachments] == ["new.txt", "old.txt"]
        assert application().resume.file_name == "new.txt"


def test_the_same_file_for_two_questions_is_noted_for_both_and_stored_once(app, deliver):
    same = file_object(b"license")
    deliver(told(applicant={"resume": same}, **{CURRENT: [file_question("a", same), file_question("b", same)]}))
    with app.app_context():
        assert {file.question_id for file in application().attachments} == {None, "a", "b"}
        assert db.session.scalar(select(func.count()).select_from(StoredFile)) == 1


def test_applications_for_one_reference_of_one_company_share_a_job(app, deliver):
    for reference, company in (("R-1", "Acme"), ("R-1", "Acme"), ("R-2", "Acme"), ("R-1", "Other"), ("R-1", None)):
        deliver(event(job={"originalJobReference": reference, "company": company}))
    with app.app_context():
        assert db.session.scalar(select(func.count()).select_from(Job)) == 4
        assert db.session.scalar(select(func.count()).select_from(Application)) == 5


def test_an_application_that_names_no_job_has_none(app, deliver):
    deliver(event(job={"originalJobReference": None, "title": None}))
    with app.app_context():
        assert application().job is None


def at_once(app, documents) -> list[tuple[int, dict]]:
    from tests.factories import as_body, signed

    barrier = Barrier(len(documents))

    def post(document):
        body = as_body(document)
        barrier.wait()
        answer = app.test_client().post("/talroo/applications", data=body, headers=signed(body))
        return answer.status_code, answer.json

    with ThreadPoolExecutor(len(documents)) as pool:
        return list(pool.map(post, documents))


def test_deliveries_with_the_same_files_in_another_order_do_not_wait_for_each_other_for_ever(app):
    files = [file_object(f"file {number}".encode() * 50) for number in range(6)]
    orders = [files if number % 2 else files[::-1] for number in range(8)]
    documents = [
        event(**{CURRENT: [file_question(f"q{place}", file) for place, file in enumerate(order)]}) for order in orders
    ]
    assert [status for status, _ in at_once(app, documents)] == [200] * 8
    with app.app_context():
        assert db.session.scalar(select(func.count()).select_from(StoredFile)) == 6
        assert db.session.scalar(select(func.count()).select_from(Attachment)) == 48


def test_different_events_about_one_application_at_once_make_one_application(app):
    documents = [told(applicant={"resume": file_object(b"cv"), "phone": f"555 010{number}"}) for number in range(8)]
    answers = at_once(app, documents)
    assert [status for status, _ in answers] == [200] * 8
    assert len({answer["application"] for _, answer in answers}) == 1
    with app.app_context():
        assert application().phone.startswith("555 010")
        assert len(application().attachments) == 1
