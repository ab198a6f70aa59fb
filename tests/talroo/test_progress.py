"""How far somebody came, from the answers of an unfinished application (issue 4, Completion)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dashboard.talroo import payload, progress, questions, wire
from dashboard.talroo.payload import Facts
from dashboard.talroo.progress import FormQuestion, Progress, Standing
from tests.factories import PAYLOADS

WHOLE = Facts(
    first_name="Ada",
    last_name="Quill",
    email="ada@example.com",
    phone="555 0100",
    address="1 Quay",
    city="Austin",
    state="TX",
    zipcode="78701",
)
FORM = tuple(FormQuestion(name, f"Your {name}?") for name in ("age", "shift", "license", "start"))


def item(name, answer, *, required=True, **question):
    return {"question": {"id": name, "type": "text", "question": f"Your {name}?", "required": required} | question} | {
        "answer": answer
    }


def read(*items):
    return progress.read(questions.read({"questionsAndAnswers": list(items)}))


def ids(found) -> list[str]:
    return [one.id for one in found]


def test_nothing_is_missing_of_a_whole_contact_page():
    assert progress.missing(WHOLE, has_resume=True) == []


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("first_name", "first name"),
        ("last_name", "last name"),
        ("email", "email address"),
        ("phone", "phone number"),
        ("address", "address"),
        ("city", "city"),
        ("state", "state"),
        ("zipcode", "zip code"),
    ],
)
def test_each_missing_field_is_named_in_words(name, words):
    assert progress.missing(replace(WHOLE, **{name: None}), has_resume=True) == [words]


def test_who_gave_no_address_is_not_told_its_parts_and_a_missing_resume_is_named_last():
    assert progress.missing(Facts(), has_resume=False) == [
        "first name",
        "last name",
        "email address",
        "phone number",
        "address",
        "résumé",
    ]


def test_a_form_is_its_questions_in_order_without_headings():
    raw = (PAYLOADS / "complete.json").read_bytes()
    sheet = questions.read(payload.envelope(wire.parse(raw).value).data)
    found = progress.form(sheet)
    assert found == tuple(FormQuestion(one.id, one.text) for one in sheet.questions if not one.presentational)
    assert len(found) == sum(not one.presentational for one in sheet.questions) > 5
    heading = item("page", None, type="pagebreak")
    assert ids(progress.form(questions.read({"questionsAndAnswers": [heading, item("age", "40")]}))) == ["age"]


@pytest.mark.parametrize("nothing", [{}, {"questionsAndAnswers": None}, {"questionsAndAnswers": []}, None, "odd"])
def test_whoever_only_gave_their_contact_came_past_no_question(nothing):
    assert progress.read(questions.read(nothing)) == Progress()


def test_a_question_is_come_past_when_it_or_a_later_one_was_answered():
    found = read(item("age", "40"), item("shift", None), item("license", "yes"))
    assert ids(found.past) == ["age", "shift", "license"]
    assert found.ahead == ()


def test_after_the_last_answer_what_may_be_left_empty_was_skipped_and_what_may_not_was_not_come_past():
    found = read(item("age", "40"), item("shift", None, required=False), item("license", None), item("start", None))
    assert (ids(found.past), ids(found.ahead)) == (["age", "shift"], ["license", "start"])


def test_sub_questions_do_not_count_by_themselves():
    entries = [{"id": "which", "type": "text", "question": "Which?", "condition": {"id": "license", "value": "yes"}}]
    options = [{"label": "Yes", "value": "yes"}]
    tree = item("license", {"license": "yes", "which": "C"}, type="hierarchical", options=options)
    tree["question"]["hierarchicalOptions"] = entries
    assert ids(read(tree).past) == ["license"]


def test_without_a_form_only_the_answers_are_counted():
    assert progress.standing(Progress(FORM[:2]), ()) == Standing(2)


def test_what_was_before_them_and_not_answered_is_where_they_stopped_with_or_without_a_form():
    found = read(item("age", "40"), item("shift", None))
    assert progress.standing(found, ()) == Standing(1, None, FORM[1])
    assert progress.standing(found, FORM) == Standing(1, 4, FORM[1])


@pytest.mark.parametrize("past", [0, 1, 3])
def test_they_stopped_at_the_first_question_of_the_form_that_they_did_not_come_to(past):
    assert progress.standing(Progress(FORM[:past]), FORM) == Standing(past, 4, FORM[past])


def test_who_answered_everything_has_only_to_submit():
    assert progress.standing(Progress(FORM), FORM) == Standing(4, 4)


def test_a_question_added_to_the_form_before_where_they_were_is_not_where_they_stopped():
    added = (FORM[0], FormQuestion("new", "New?"), *FORM[1:])
    assert progress.standing(Progress(FORM[:2]), added) == Standing(2, 5, FORM[2])


def test_a_form_that_shares_no_question_says_nothing_of_how_much_is_left():
    assert progress.standing(Progress(FORM[:2]), (FormQuestion("other", "Other?"),)) == Standing(2)


def test_nobody_answered_more_questions_than_there_are():
    assert progress.standing(Progress(FORM), FORM[:3]) == Standing(4, 4)
