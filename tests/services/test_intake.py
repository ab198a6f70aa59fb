"""What arrives is kept whatever it is, once, and in one piece (issue 2, Receiving)."""

from __future__ import annotations

import copy
import json
import re

import pytest
from sqlalchemy import func, select

from dashboard.clock import utcnow
from dashboard.database import start_writing
from dashboard.extensions import db
from dashboard.models import Application, Attachment, Delivery, Job, StoredFile
from dashboard.services import cleaning, erasing, filing, intake
from dashboard.services.erasing import Cause, Warrant
from dashboard.services.files import FileMissing
from dashboard.services.intake import Arrival, Effect
from dashboard.talroo import payload as reader
from dashboard.talroo.questions import CURRENT
from tests.factories import as_body, event, file_object, file_question, payload


def store(app):
    return app.extensions["file_store"]


def count(model) -> int:
    return int(db.session.scalar(select(func.count()).select_from(model)) or 0)


def exact_bodies(app) -> list[bytes]:
    with app.app_context():
        found = db.session.scalars(select(Delivery).order_by(Delivery.id))
        return [intake.exact_body(delivery, store(app)) for delivery in found]


def only_delivery() -> Delivery:
    return db.session.scalars(select(Delivery)).one()


def cyclic() -> dict:
    entries = [
        {"id": "a", "question": "A?", "condition": {"id": "b", "value": "1"}},
        {"id": "b", "question": "B?", "condition": {"id": "a", "value": "1"}},
        {"id": "c", "question": "C?", "condition": {"id": "c", "value": "1"}},
    ]
    question = {"id": "root", "type": "hierarchical", "question": "Root?", "hierarchicalOptions": entries}
    return event(**{CURRENT: [{"question": question, "answer": {"root": "1", "a": "1", "b": "1", "c": "1"}}]})


def raw_event(data: bytes, event_id: bytes = b'"odd-1"') -> bytes:
    kind = b'"type": "platform:JobApplication:completed:v2"'
    return b'{"id": %s, %s, "data": {"id": "odd", %s}}' % (event_id, kind, data)


def nested(depth: int) -> bytes:
    return b"[" * depth + b"]" * depth


KEPT = {
    "nothing": b"",
    "no JSON": b"hello?",
    "a form": b"id=1&name=Ada",
    "a picture": b"\x89PNG\r\n\x1a\n" + bytes(range(256)),
    "half a document": as_body(payload("complete"))[:-40],
    "two documents": as_body(event()) * 2,
    "100,000 brackets": nested(100_000),
    "100,000 brackets inside": raw_event(b'"x": ' + nested(100_000)),
    "null": b"null",
    "a list of events": b"[%s]" % as_body(event()),
    "a number of 6,000 digits": b"9" * 6_000,
    "NaN": b"NaN",
    "an unknown type": as_body({**event(), "type": "platform:Job:closed:v1"}),
    "an unknown type with files": as_body({**event(), "type": "x", "data": {"data": file_object(b"x" * 99)}}),
    "no data": as_body({**event(), "data": None}),
    "data in the wrong shape": as_body({**event(), "data": ["x"]}),
    "an application without an id": as_body({**event(), "data": {"applicant": {"firstName": "Ada"}}}),
    "an id in the wrong shape": as_body({**event(), "data": {"id": {"x": 1}}}),
    "NUL everywhere": b"\0" * 1_000,
}
ACCEPTED = {
    "a byte order mark": b"\xef\xbb\xbf" + as_body(event()),
    "UTF-16": json.dumps(event(applicant={"firstName": "Zoë"})).encode("utf-16"),
    "invalid UTF-8": raw_event(b'"applicant": {"firstName": "Jos\xe9"}'),
    "lone surrogates and NUL": raw_event(rb'"applicant": {"firstName": "\ud83d\u0000", "\udc00": "\u0000"}'),
    "lone surrogates and NUL in ids": raw_event(rb'"job": {"title": "\ud83d\u0000"}', rb'"a\u0000\ud83d"'),
    "NaN and infinities": raw_event(b'"qualified": NaN, "applicationTime": -Infinity, "campaignId": Infinity'),
    "numbers of 6,000 digits": raw_event(b'"campaignId": %s, "applicationTime": %s' % ((b"9" * 6_000,) * 2)),
    "numbers of absurd size": raw_event(b'"applicationTime": 1e999999, "qualified": -1e-999999'),
    "duplicate keys": raw_event(b'"id": "odd-2", "qualified": true, "qualified": false, "id": "odd-3"'),
    "500 brackets": raw_event(b'"questionsAndAnswers": ' + nested(500)),
    "cyclic conditions": as_body(cyclic()),
    "everything in the wrong shape": raw_event(
        b'"job": [1], "applicant": "x", "analytics": 5, "questionsAndAnswers": "x", "qualifyingQuestionAnswers": 7'
    ),
    "every field in the wrong shape": raw_event(
        b'"applicant": {"firstName": {}, "lastName": [], "resume": [{}], "phone": {"x": []}}, "qualified": {},'
        b'"createdAt": [], "tlrSid": {}, "job": {"title": [], "jobReference": {}, "company": {"x": 1}}'
    ),
    "fields of a megabyte": raw_event(b'"applicant": {"firstName": "%s", "phone": "%s"}' % ((b"7" * 1_000_000,) * 2)),
    "no event id": as_body({**event(), "id": None}),
    "an event id in the wrong shape": as_body({**event(), "id": ["x"]}),
    "an event id of a megabyte": as_body({**event(), "id": "x" * 1_000_000}),
    "no type": as_body({**event(), "type": None}),
    "a newer version": as_body(event(kind="completed:v9")),
    "unknown fields and kinds": as_body(payload("odd")),
    "white space around it": b"\r\n \t" + as_body(payload("complete")) + b" \n",
    "white space inside": json.dumps(payload("complete"), indent="\t ", separators=(" ,\n", " \n: ")).encode(),
    "a file that is no base64": as_body(event(applicant={"resume": file_object(b"x", data="not base64!")})),
    "a file in the wrong shape": as_body(event(applicant={"resume": file_object(b"x", data={"x": ["y"]})})),
    "a file whose name is odd": as_body(event(applicant={"resume": file_object(b"x", "../../\u202e\n\x00")})),
    "base64 that is not canonical": as_body(event(applicant={"resume": file_object(b"x", data="QR==")})),
    "base64 that is no file": as_body(event(data="QUJD", job={"data": "QUJDREVG"})),
}


@pytest.mark.parametrize("name", KEPT)
def test_what_is_no_application_is_kept_whole_with_the_reason(app, deliver, name):
    answer = deliver(KEPT[name])
    assert answer.status_code == 200
    assert answer.json["status"] == "kept"
    assert answer.json["reason"]
    assert exact_bodies(app) == [KEPT[name]]
    with app.app_context():
        assert (only_delivery().status, only_delivery().reason) == ("kept", answer.json["reason"])
        assert count(Application) == 0


@pytest.mark.parametrize("name", ACCEPTED)
def test_an_application_with_odd_content_is_accepted_kept_whole_and_can_be_read(app, deliver, sign_in, name):
    answer = deliver(ACCEPTED[name])
    assert answer.status_code == 200
    assert answer.json["status"] == "accepted"
    assert exact_bodies(app) == [ACCEPTED[name]]
    assert sign_in("recruiter").get(f"/applications/{answer.json['application']}").status_code == 200


def test_what_is_kept_again_is_a_duplicate(deliver):
    assert deliver(b"hello?").json["status"] == "kept"
    assert deliver(b"hello?").json == {"status": "duplicate"}


def test_a_repeated_delivery_is_acknowledged_and_stored_once(app, deliver):
    document = payload("complete")
    first = deliver(document)
    for _ in range(3):
        again = deliver(document)
        assert again.status_code == 200
        assert again.json == {"status": "duplicate", "application": first.json["application"]}
    with app.app_context():
        assert [count(model) for model in (Delivery, Application, Job, Attachment, StoredFile)] == [1, 1, 1, 2, 2]
        assert only_delivery().duplicate_count == 3
        assert only_delivery().last_duplicate_at is not None


def test_a_known_event_id_with_other_content_is_kept_beside_the_first_for_a_person_to_see(app, deliver):
    first, other = event(event_id="same"), event(event_id="same", applicant={"firstName": "Eve"})
    accepted = deliver(first)
    for _ in range(2):
        answer = deliver(other)
        assert answer.json == {"status": "duplicate", "application": accepted.json["application"]}
    assert exact_bodies(app) == [as_body(first), as_body(other)]
    with app.app_context():
        assert list(db.session.scalars(select(Delivery.status).order_by(Delivery.id))) == ["accepted", "kept"]
        assert db.session.scalars(select(Application)).one().first_name == "Ada"


def test_a_body_without_event_id_is_known_by_its_hash(app, deliver):
    document = {**event(), "id": None}
    assert deliver(document).json["status"] == "accepted"
    assert deliver(document).json["status"] == "duplicate"
    assert deliver(as_body(document).replace(b'"id"', b' "id"', 1)).json["status"] == "accepted"
    with app.app_context():
        assert (count(Delivery), count(Application)) == (2, 1)


@pytest.mark.parametrize("event_id", ["E-1", None])
def test_white_space_around_a_signed_body_makes_no_other_delivery(app, deliver, event_id):
    """It is not signed, so whoever captured one delivery could fill the disk with it."""
    document = payload("complete")
    document["id"] = event_id
    assert deliver(document).json["status"] == "accepted"
    for around in (b" %s", b"\n\n%s\t", b"%s" + b" " * 50_000):
        assert deliver(around % as_body(document)).json["status"] == "duplicate"
    with app.app_context():
        assert (count(Delivery), count(Application)) == (1, 1)


def test_delivery_application_job_and_files_are_there_together(app, deliver):
    deliver(payload("complete"))
    with app.app_context():
        application = db.session.scalars(select(Application)).one()
        assert application.answers_from.id == only_delivery().id
        assert application.job.title
        assert {file.verdict for file in application.attachments} == {"ok"}
        for file in application.attachments:
            assert len(store(app).get(file.sha256)) == file.size


STEPS = [(intake, "_insert_delivery"), (filing, "file_application"), (filing, "attach")]


@pytest.mark.parametrize(("module", "step"), STEPS, ids=[step for _, step in STEPS])
def test_where_our_own_code_fails_on_a_content_it_is_kept_whole(app, deliver, monkeypatch, module, step):
    document, original, failures = payload("complete"), getattr(module, step), []

    def fail(*args, **named):
        # Once beside whoever waits at the same time, and once alone.
        if len(failures) < (2 if app.extensions["deliveries"].shared else 1):
            failures.append(step)
            raise ZeroDivisionError("the applicant's own words")
        return original(*args, **named)

    monkeypatch.setattr(module, step, fail)
    answer = deliver(document)
    assert answer.json == {
        "status": "kept",
        "reason": "The application could not be filed (ZeroDivisionError).",
    }
    assert exact_bodies(app) == [as_body(document)]
    with app.app_context():
        assert (count(Delivery), count(Application), count(Attachment)) == (1, 0, 0)


def test_where_our_own_code_fails_to_read_a_content_it_is_kept_whole_and_the_log_does_not_quote_it(
    app, deliver, monkeypatch, caplog
):
    words = "Ada Quill"

    def fail(*_):
        raise RuntimeError(words)

    monkeypatch.setattr(intake.payload, "submission", fail)
    document = event()
    assert deliver(document).json["status"] == "kept"
    assert exact_bodies(app) == [as_body(document)]
    assert "could not be filed" in caplog.text
    assert "Quill" not in caplog.text


def test_what_was_kept_for_a_fault_of_ours_is_filed_when_it_is_read_again(app, deliver, monkeypatch):
    with monkeypatch.context() as broken:
        broken.setattr(filing, "file_application", lambda *_, **__: 1 / 0)
        deliver(payload("complete"))
    with app.app_context():
        replay_only_delivery(app)
        assert only_delivery().status == "accepted"
        assert db.session.scalars(select(Application)).one().attachments
    assert exact_bodies(app) == [as_body(payload("complete"))]
    assert deliver(payload("complete")).status_code == 200


def test_what_cannot_be_filed_cannot_be_when_it_is_read_again_either_and_stays_as_it_was(app, deliver, monkeypatch):
    monkeypatch.setattr(filing, "file_application", lambda *_, **__: 1 / 0)
    deliver(payload("complete"))
    with app.app_context():
        assert replay_only_delivery(app).status == "kept"
        assert only_delivery().status == "kept"
        assert only_delivery().replayed_at is not None
        assert (count(Application), count(Attachment)) == (0, 0)
    assert exact_bodies(app) == [as_body(payload("complete"))]


def test_reading_an_accepted_delivery_again_changes_nothing(app, deliver):
    deliver(payload("complete"))
    with app.app_context():
        before = [count(model) for model in (Delivery, Application, Attachment, StoredFile)]
        assert replay_only_delivery(app).status == "accepted"
        assert [count(model) for model in (Delivery, Application, Attachment, StoredFile)] == before
    assert exact_bodies(app) == [as_body(payload("complete"))]


def test_what_is_erased_while_it_is_read_again_stays_erased_and_leaves_no_file(app, deliver):
    public_id = deliver(payload("complete")).json["application"]
    with app.app_context():
        again = intake.understand_again(only_delivery(), store(app))
        db.session.rollback()
        start_writing(db.session())
        erasing.erase(db.session(), [public_id], Warrant(Cause.REQUEST, "asked", utcnow()))
        db.session.commit()
        cleaning.finish(db.engine, store(app), clock=utcnow)
        intake.understand(again.arrival, store(app))  # as late as it can put its files
        db.session.rollback()
        start_writing(db.session())
        assert intake.replay(db.session(), again, now=utcnow()).status == "erased"
        db.session.commit()
        assert (count(Application), count(StoredFile), only_delivery().body) == (0, 0, b"")
        db.session.rollback()
        cleaning.finish(db.engine, store(app), clock=utcnow)
        for file in again.understood.attached:
            with pytest.raises(FileMissing):
                store(app).get(file.sha256)


def test_of_two_who_read_a_delivery_again_at_once_one_files_it(app, deliver, monkeypatch):
    with monkeypatch.context() as older:
        older.setattr(reader, "APPLICATION_TYPE", re.compile("nothing"))
        deliver(payload("complete"))
    with app.app_context():
        both = [intake.understand_again(only_delivery(), store(app)) for _ in range(2)]
        effects = []
        for again in both:
            db.session.rollback()
            start_writing(db.session())
            effects.append(intake.replay(db.session(), again, now=utcnow()).effect)
            db.session.commit()
        assert effects == [Effect.NEW, Effect.UNCHANGED]
        assert count(Application) == 1
    assert exact_bodies(app) == [as_body(payload("complete"))]


def replay_only_delivery(app) -> intake.Outcome:
    again = intake.understand_again(only_delivery(), store(app))
    db.session.rollback()
    start_writing(db.session())
    outcome = intake.replay(db.session(), again, now=utcnow())
    db.session.commit()
    return outcome


@pytest.mark.parametrize("name", ["complete", "complete-plain", "odd"])
def test_the_stored_body_holds_no_file_and_rebuilds_to_the_byte(app, deliver, name):
    body = as_body(payload(name))
    deliver(body)
    with app.app_context():
        delivery = only_delivery()
        assert len(delivery.cuts) >= 1
        assert len(delivery.body) < len(body)
        assert delivery.size == len(body)
    assert exact_bodies(app) == [body]


def test_a_text_answer_that_looks_like_a_file_stays_readable(app, deliver, sign_in):
    question = {
        "id": "data",
        "type": "hierarchical",
        "question": "Your mood?",
        "options": [{"label": "Very well", "value": "Good", "correct": True}, {"label": "So so", "value": "Fair"}],
    }
    document = event(
        applicant={"resume": file_object(b"a resume")},
        qualified=False,
        **{CURRENT: [{"question": question, "answer": {"data": "Fair"}}]},
    )
    public_id = deliver(document).json["application"]
    assert exact_bodies(app) == [as_body(document)]
    with app.app_context():
        assert db.session.scalars(select(Application.disqualified_by)).one() == "Your mood? — So so"
        assert len(only_delivery().cuts) == 1
    assert "So so" in sign_in("recruiter").get(f"/applications/{public_id}").text


def test_a_reference_to_somebody_elses_file_reaches_nothing(app, deliver):
    theirs = file_object(b"the other applicant's resume")
    deliver(event(applicant={"resume": theirs}))
    stolen = file_object(b"", "mine.pdf", data=f"sha256:{theirs['contentSha256']}", contentSha256=None)
    public_id = deliver(
        event(applicant={"resume": stolen}, **{CURRENT: [file_question("letter", copy.deepcopy(stolen))]})
    ).json["application"]
    with app.app_context():
        mine = db.session.scalars(select(Application).where(Application.public_id == public_id)).one()
        assert [file.verdict for file in mine.attachments] == ["unreadable", "unreadable"]
        for file in mine.attachments:
            assert file.sha256 != theirs["contentSha256"]
            assert store(app).get(file.sha256) == f"sha256:{theirs['contentSha256']}".encode()


def test_storing_commits_nothing_by_itself(app):
    with app.app_context():
        arrival = Arrival(as_body(event()), "pushed", utcnow(), "fresh")
        understood = intake.understand(arrival, store(app))
        assert intake.store_or_keep(db.session(), arrival, understood).status == "accepted"
        db.session.rollback()
        assert (count(Delivery), count(Application), count(Job)) == (0, 0, 0)


def test_ids_in_addresses_cannot_be_guessed(app, deliver):
    ids = [deliver(event()).json["application"] for _ in range(5)]
    with app.app_context():
        ids += db.session.scalars(select(Delivery.public_id))
        ids += db.session.scalars(select(Job.public_id))
    assert len(set(ids)) == len(ids) == 11
    assert all(len(one) == 22 for one in ids)
