from __future__ import annotations

import copy
import json
from dataclasses import asdict, fields, replace
from datetime import UTC, datetime

import pytest

from dashboard.talroo import payload, wire
from dashboard.talroo.payload import FIELDS, Envelope, Facts, JobFacts, NotUnderstood, Submission
from tests.factories import event, file_object, file_question
from tests.factories import payload as example

TEXTS = {spec.name for spec in FIELDS if spec.read is wire.text}
BAD = {"an object": {"x": 1}, "a list": ["x"], "a nested list": [[[]]], "an empty object": {}}
BAD_FOR_TIMES_AND_FLAGS = {**BAD, "words": "yesterday, perhaps", "NaN": float("nan"), "digits": int("9" * 4_000)}


def read(document) -> Submission:
    return payload.submission(payload.envelope(wire.parse(json.dumps(document).encode()).value))


def put(document, path, value):
    """A copy of an event with `value` at `path` of its data."""
    changed = copy.deepcopy(document)
    inner = changed["data"]
    for key in path[:-1]:
        inner = inner.setdefault(key, {})
    inner[path[-1]] = value
    return changed


def values(submission: Submission) -> dict[str, object]:
    facts = {f"applicant.{name}": value for name, value in asdict(submission.facts).items()}
    return facts | {f"job.{name}": value for name, value in asdict(submission.job).items()}


def key_of(spec) -> str:
    return f"{'applicant' if spec.belongs_to is Facts else 'job'}.{spec.name}"


def test_the_complete_example_is_read_whole():
    submission = read(example("complete"))
    assert submission.flags == ()
    assert submission.completed
    assert submission.has_answers
    # Talroo's example leaves these two empty.
    unknown = {name for name, value in values(submission).items() if value is None}
    assert unknown == {"applicant.segment_id", "applicant.redirect_url"}
    assert len(submission.files) == 2
    assert submission.files[0].question_id is None


def test_questions_may_be_nested_or_plain():
    nested, plain = read(example("complete")), read(example("complete-plain"))
    assert nested.has_answers
    assert plain.has_answers


def test_a_started_application_is_incomplete():
    assert not read(example("started")).completed


def test_the_smallest_application_is_read_and_the_rest_is_unknown():
    submission = read(example("minimal"))
    assert submission.talroo_id == "4417303"
    assert submission.facts == Facts(first_name="Suparmani", email="suparmani@example.net")
    assert submission.job == JobFacts(reference="PF-1042", talroo_reference="PF-1042")
    assert submission.flags == ()
    assert submission.files == ()


def test_every_fact_has_a_field_and_every_label_is_a_phrase_of_its_own():
    assert {spec.name for spec in FIELDS} == {one.name for kind in (Facts, JobFacts) for one in fields(kind)}
    assert len({spec.label for spec in FIELDS}) == len(FIELDS)


@pytest.mark.parametrize("spec", FIELDS, ids=lambda spec: f"{spec.belongs_to.__name__}.{spec.name}")
def test_one_bad_field_flags_itself_and_leaves_the_rest_as_it_was(spec):
    document = example("complete")
    before = read(document)
    for bad in (BAD if spec.name in TEXTS else BAD_FOR_TIMES_AND_FLAGS).values():
        broken = document
        for path in spec.paths:
            broken = put(broken, path, bad)
        after = read(broken)
        shared = {key_of(other) for other in FIELDS if set(other.paths) & set(spec.paths)}
        unchanged = {name: value for name, value in values(before).items() if name not in shared}
        assert {name: value for name, value in values(after).items() if name not in shared} == unchanged
        assert values(after)[key_of(spec)] is None
        assert f"{spec.label} came in a form that cannot be read." in after.flags
        assert replace(after, facts=before.facts, job=before.job, flags=()) == before


@pytest.mark.parametrize("spec", FIELDS, ids=lambda spec: f"{spec.belongs_to.__name__}.{spec.name}")
def test_a_field_that_is_null_empty_or_absent_is_unknown_without_a_flag(spec):
    document = example("complete")
    for nothing in (None, ""):
        for path in spec.paths:
            document = put(document, path, nothing)
        submission = read(document)
        assert values(submission)[key_of(spec)] is None
        assert submission.flags == ()


@pytest.mark.parametrize("spec", [spec for spec in FIELDS if spec.name in TEXTS], ids=lambda spec: spec.label)
def test_a_text_that_is_too_long_is_cut_and_flagged(spec):
    document = example("complete")
    for path in spec.paths:
        document = put(document, path, "x" * (spec.limit + 1))
    submission = read(document)
    assert values(submission)[key_of(spec)] == "x" * spec.limit
    assert f"{spec.label} is cut: only its first {spec.limit} characters are shown." in submission.flags


@pytest.mark.parametrize("spec", [spec for spec in FIELDS if spec.name in TEXTS], ids=lambda spec: spec.label)
def test_a_text_may_be_a_number_a_boolean_or_hold_what_no_database_keeps(spec):
    for sent, kept in ((123, "123"), (1.50, "1.5"), (True, "true"), (" a\0b\ud83d ", "a�b�")):
        assert values(read(put(example("complete"), spec.paths[0], sent)))[key_of(spec)] == kept


@pytest.mark.parametrize("container", ["job", "applicant", "analytics"])
@pytest.mark.parametrize("bad", ["text", ["x"], 5, False])
def test_a_part_that_is_no_object_flags_itself_and_leaves_the_rest(container, bad):
    before = read(example("complete"))
    after = read(put(example("complete"), (container,), bad))
    label = dict(payload._CONTAINERS)[container]
    assert after.flags == (f"{label} came in a form that cannot be read.",)
    lost = {key_of(spec) for spec in FIELDS if spec.paths[0][0] == container}
    assert {name for name, value in values(after).items() if value != values(before)[name]} == lost


@pytest.mark.parametrize("nothing", [None, "", [], {}])
def test_a_part_that_is_empty_is_only_missing(nothing):
    assert read(put(example("complete"), ("analytics",), nothing)).flags == ()


@pytest.mark.parametrize(
    ("sent", "read_as"),
    [
        (True, True),
        (False, False),
        ("true", True),
        (" False ", False),
        (1, True),
        (0, False),
        ("1", True),
        (2, None),
        ("yes", None),
    ],
)
def test_a_mark_may_come_as_text_or_number(sent, read_as):
    submission = read(event(qualified=sent))
    assert submission.facts.qualified is read_as
    assert bool(submission.flags) is (read_as is None)


NOON = datetime(2026, 11, 18, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    "sent",
    [
        "2026-11-18T12:00:00Z",
        "2026-11-18T12:00Z",
        "2026-11-18 12:00:00",
        "2026-11-18T12:00:00.000+00:00",
        "2026-11-18T06:00:00-06:00",
        " 2026-11-18T12:00:00Z ",
        "20261118T120000Z",
        1795003200,
        1795003200.0,
        1795003200000,
        "1795003200",
        "1795003200000",
    ],
)
def test_a_time_may_come_in_any_usual_form(sent):
    submission = read(event(applicationTime=sent))
    assert submission.facts.applied_at == NOON
    assert submission.flags == ()


@pytest.mark.parametrize(
    "sent",
    [
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
        "2026-02-30T00:00:00Z",
        "1989-12-31",
        0,
        -1,
        1e300,
        True,
        "٢٠٢٦-١١-١٨",
        "²",
        "9" * 6000,
        "-" * 6000,
        "2201-01-01",
    ],
)
def test_a_time_that_cannot_be_is_flagged(sent):
    submission = read(event(applicationTime=sent))
    assert submission.facts.applied_at is None
    assert submission.flags == ("The time the application was submitted came in a form that cannot be read.",)


@pytest.mark.parametrize(
    ("kind", "completed", "flags"),
    [
        ("completed:v2", True, 0),
        ("started:v1", False, 0),
        ("completed:v3", True, 1),
        ("started:v2", False, 1),
        ("completed:v1", True, 1),
    ],
)
def test_the_type_tells_begun_from_completed_and_another_version_is_flagged(kind, completed, flags):
    submission = read(event(kind=kind))
    assert (submission.completed, len(submission.flags)) == (completed, flags)


@pytest.mark.parametrize("sent", [None, "", [], {}])
def test_an_event_without_a_type_is_read_as_an_application(sent):
    for said, completed in ((True, True), (False, False), ("odd", True)):
        submission = read({**event(), "type": sent, "data": {"id": 1, "completed": said}})
        assert submission.completed is completed
        assert submission.flags == ("The event names no type; it was read as an application.",)


@pytest.mark.parametrize(
    "sent",
    [
        "platform:Job:created:v1",
        "platform:JobApplication:completed",
        "platform:JobApplication:completed:v2\n",
        "x" * 999,
        "platform:JobApplication:withdrawn:v1",
        True,
        "PLATFORM:JOBAPPLICATION:COMPLETED:V2",
    ],
)
def test_another_type_of_event_is_not_understood(sent):
    with pytest.raises(NotUnderstood) as caught:
        read({**event(), "type": sent})
    assert len(str(caught.value)) < 250


@pytest.mark.parametrize("sent", [None, "", "   ", [], {}, ["a"], True, "x" * 256])
def test_without_an_id_an_application_is_not_understood(sent):
    with pytest.raises(NotUnderstood, match=r"data\.id"):
        read(put(event(), ("id",), sent))


@pytest.mark.parametrize("sent", [None, "", [], {}, "text", 5])
def test_without_data_there_is_no_application(sent):
    with pytest.raises(NotUnderstood, match="holds no application data"):
        read({**event(), "data": sent})


@pytest.mark.parametrize(("sent", "kept"), [(4417303, "4417303"), (" a ", "a"), ("007", "007"), ("x" * 255, "x" * 255)])
def test_an_id_is_a_text_or_a_number(sent, kept):
    assert read(put(event(), ("id",), sent)).talroo_id == kept


@pytest.mark.parametrize(
    "document", [None, [], "text", 5, True, {}, {"data": []}, {"id": {}, "type": 5, "createdAt": []}]
)
def test_whatever_the_document_it_has_an_envelope(document):
    outer = payload.envelope(wire.parse(json.dumps(document).encode()).value)
    assert outer == Envelope(None, outer.event_type, None, {})


def test_an_envelope_has_the_event_its_type_and_its_time():
    outer = payload.envelope(
        wire.parse(json.dumps(event(event_id="E-1", created_at="2026-11-18T12:00:00Z")).encode()).value
    )
    assert (outer.event_id, outer.event_type, outer.event_at) == ("E-1", "platform:JobApplication:completed:v2", NOON)


# --- files --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sent", ["text", ["x"], 5, True])
def test_a_resume_that_is_no_file_flags_itself(sent):
    submission = read(event(applicant={"resume": sent}))
    assert submission.files == ()
    assert submission.flags == ("The résumé came in a form that cannot be read.",)


@pytest.mark.parametrize("sent", [None, "", [], {}, {"fileName": None, "contentType": "", "data": None}])
def test_no_resume_is_no_file_and_no_flag(sent):
    submission = read(event(applicant={"resume": sent}))
    assert submission.files == ()
    assert submission.flags == ()


def test_a_resume_whose_content_is_missing_is_still_a_file():
    (file,) = read(event(applicant={"resume": {"fileName": "cv.pdf"}})).files
    assert file == payload.SentFile(None, "cv.pdf", None, None, None)


def test_whatever_stands_in_a_file_is_short_text_or_missing():
    odd = file_object(b"x", fileName=["x"], contentType=5, contentSha256="z" * 5_000)
    (file,) = read(event(applicant={"resume": odd})).files
    assert (file.file_name, file.declared_type, file.declared_sha256) == (None, "5", "z" * 255)


def test_answers_that_are_files_come_with_their_question():
    answers = [file_question("license", file_object(b"a")), file_question("letter", file_object(b"b"))]
    submission = read(event(applicant={"resume": file_object(b"c")}, questionsAndAnswers=answers))
    assert [file.question_id for file in submission.files] == [None, "license", "letter"]


# --- items of the Platform API's list -------------------------------------------------------------------------------


FETCHED = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def listed(document) -> Submission:
    outer = payload.item(wire.parse(json.dumps(document).encode()).value)
    return payload.listed(outer, fetched_at=FETCHED)


@pytest.mark.parametrize("name", ["complete", "minimal", "started", "unqualified"])
def test_a_listed_item_tells_the_same_bare_enveloped_and_pushed(name):
    document = example(name)
    pushed, bare, enveloped = read(document), listed(document["data"]), listed(document)
    assert values(bare) == values(enveloped) == values(pushed)
    assert (bare.talroo_id, bare.completed, bare.files) == (pushed.talroo_id, pushed.completed, pushed.files)
    assert not any("names no type" in flag for flag in bare.flags)


def test_an_unfinished_item_is_as_of_the_moment_its_page_was_asked_for():
    assert listed(example("started")["data"]).as_of == FETCHED


def test_a_completed_item_is_as_of_its_submission_so_that_its_push_counts_for_more():
    document = example("complete")
    assert listed(document["data"]).as_of == read(document).facts.applied_at < read(document).as_of
    assert listed(document).as_of == read(document).facts.applied_at
    assert listed({"id": 1, "completed": True}).as_of == FETCHED


@pytest.mark.parametrize(
    ("said", "completed"),
    [(True, True), ("true", True), (1, True), (False, False), ("FALSE", False), (0, False)],
)
def test_an_item_is_completed_by_its_own_word(said, completed):
    assert listed(example("complete")["data"] | {"completed": said}).completed is completed


@pytest.mark.parametrize("said", [None, "perhaps", {}, []])
def test_an_item_that_does_not_say_is_completed_if_it_was_submitted(said):
    whole = example("complete")["data"] | {"completed": said}
    assert listed(whole).completed
    assert any("the time of submission decided" in flag for flag in listed(whole).flags)
    assert not listed(whole | {"applicationTime": None}).completed


@pytest.mark.parametrize("absent", [None, {}, [], ""])
def test_an_item_without_job_or_applicant_is_flagged(absent):
    found = listed(example("complete")["data"] | {"job": absent, "applicant": absent})
    assert found.flags == (
        "The job is missing in what Talroo lists.",
        "The applicant is missing in what Talroo lists.",
    )


@pytest.mark.parametrize("document", [None, 5, "x", [], [{"id": 1}], {}, {"data": {}}, {"id": None}, {"id": {"x": 1}}])
def test_an_item_that_nothing_identifies_is_not_understood(document):
    with pytest.raises(NotUnderstood):
        listed(document)


def test_an_item_of_another_type_is_not_understood():
    with pytest.raises(NotUnderstood, match="not a job application's"):
        listed({"id": 1, "type": "platform:Job:closed:v1", "data": {"id": 5}})
