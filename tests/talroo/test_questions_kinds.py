"""The answer to each type of question, and to types nobody knows (talroo-contract §1, the table)."""

from __future__ import annotations

import datetime
from typing import Any

import pytest

from dashboard.talroo import questions
from dashboard.talroo.answer_sheet import Answer, State, Summary
from dashboard.talroo.answers import MAX_COMPACT
from dashboard.talroo.question_tree import UNKNOWN_KIND
from tests.talroo.asking import YES_NO, by_id, forklift, item, only, sheet

# --- kinds ------------------------------------------------------------------------------------------------------


def test_a_choice_is_shown_by_its_label():
    question = only(item("0", "select", options=YES_NO))
    assert question.answers == (Answer("No"),)
    assert question.choices == ("Yes", "No")


def test_a_number_chooses_the_option_with_that_text():
    assert only(item(1, "select", options=YES_NO)).answers == (Answer("Yes"),)


def test_a_value_that_is_no_choice_is_shown_as_sent_and_unknown():
    assert only(item("maybe", "select", options=YES_NO)).answers == (Answer("maybe", known=False),)


def test_every_choice_of_several_is_shown():
    assert only(item(["1", "7"], "multiselect", options=YES_NO)).answers == (Answer("Yes"), Answer("7", known=False))


def test_one_bare_value_answers_a_multiselect():
    assert only(item("1", "multiselect", options=YES_NO)).answers == (Answer("Yes"),)


def test_an_array_answers_a_select():
    assert only(item(["1", "0"], "select", options=YES_NO)).answers == (Answer("Yes"), Answer("No"))


@pytest.mark.parametrize("options", [None, "x", {"a": "b"}, [], [None, [], {}, {"label": None}]])
def test_broken_options_leave_the_answer_as_sent(options):
    question = only(item("1", "select", options=options))
    assert (question.answers, question.choices) == ((Answer("1", known=False),), ())


def test_an_option_without_label_or_value_is_completed_by_the_other():
    question = only(item(["a", "B"], "multiselect", options=[{"value": "a"}, {"label": "B"}, "c"]))
    assert question.answers == (Answer("a"), Answer("B"))
    assert question.choices == ("a", "B", "c")


def test_of_two_options_with_one_value_the_first_counts():
    options = [{"label": "First", "value": "1"}, {"label": "Other", "value": "2"}, {"label": "Second", "value": "1"}]
    question = only(item("1", "select", options=options))
    assert question.answers == (Answer("First"),)
    assert question.choices == ("First", "Other")


def test_a_real_date_is_also_given_as_a_date():
    question = only(item("2031-02-28", "date"))
    assert (question.answers, question.date) == ((Answer("2031-02-28"),), datetime.date(2031, 2, 28))
    assert question.notes == ()


@pytest.mark.parametrize("value", ["2031-02-30", "soon", "28.02.2031", "２０３１-02-28"])
def test_a_date_that_is_none_is_shown_with_a_note(value):
    question = only(item(value, "date"))
    assert (question.answers[0].text, question.date) == (value, None)
    assert "not a date" in question.notes[0]


def test_a_file_answer_shows_its_name_and_never_its_content():
    question = only(item({"fileName": "letter.pdf", "contentType": "x", "data": "QUJD" * 99}, "file"))
    assert (question.is_file, question.file_name, question.answers) == (True, "letter.pdf", (Answer("letter.pdf"),))


def test_a_file_is_recognised_under_any_kind_of_question():
    file = {"fileName": "letter.pdf", "data": "QUJD"}
    assert only(item(file, "text")).is_file
    assert only(item([file, file], "signature")).answers == (Answer("letter.pdf"), Answer("letter.pdf"))


def test_text_in_place_of_a_file_is_shown_short_with_a_note():
    question = only(item("QUJD" * 1000, "file"))
    assert len(question.answers[0].text) == 200
    assert "not a file" in question.notes[0]


def test_a_file_among_other_things_is_found_and_the_rest_shown():
    question = only(item([{"fileName": "a.pdf", "data": "QQ=="}, "see above"], "file"))
    assert [answer.text for answer in question.answers] == ["a.pdf", "see above"]
    assert "not a file" in question.notes[0]


def test_one_field_alone_does_not_make_a_file():
    question = only(item({"data": "plain"}))
    assert (question.is_file, question.answers[0].text) == (False, "data: plain")


def test_a_file_question_left_empty_is_empty():
    question = only(item(None, "file"))
    assert (question.state, question.is_file) == (State.EMPTY, True)
    assert not only(item(None)).is_file
    assert not by_id(sheet(forklift(None)))["since"].is_file


@pytest.mark.parametrize("kind", ["pagebreak", "information", "PageBreak"])
def test_headings_take_no_answer_and_do_not_count(kind):
    found = sheet(item(None, kind, question="Now about you", required=True))
    (question,) = found.questions
    assert (question.presentational, question.state, question.notes) == (True, None, ())
    assert found.summary == Summary()


def test_a_heading_that_was_answered_after_all_keeps_its_answer():
    question = only(item("yes", "information"))
    assert (question.presentational, question.state, question.answers) == (False, State.ANSWERED, (Answer("yes"),))


def test_an_unknown_kind_is_shown_as_text_with_a_note():
    question = only(item("J. Roe", "signature"))
    assert (question.kind, question.answers, question.notes) == ("signature", (Answer("J. Roe"),), (UNKNOWN_KIND,))


@pytest.mark.parametrize("kind", [None, "", [], {}])
def test_a_missing_kind_is_text_without_a_note(kind):
    question = only(item("blue", kind))
    assert (question.answers, question.notes) == ((Answer("blue"),), ())


def test_an_object_where_text_belongs_is_shown_as_one_readable_line():
    answer = {"street": "Elm 4", "tags": ["a", {"b": None}], "photo": {"fileName": "p.png", "data": "QUJD"}, "n": {}}
    question = only(item(answer))
    assert question.answers[0].text == "street: Elm 4, tags: [a, {b: nothing}], photo: file “p.png”, n: {}"
    assert "not plain text" in question.notes[0]


def test_a_bottomless_answer_is_shown_up_to_a_bound():
    answer: Any = "deep"
    for _ in range(100_000):
        answer = [answer]
    text = questions.read({"questionsAndAnswers": [{"question": {"id": "q"}, "answer": answer}]}).questions[0].answers
    assert len(text[0].text) == MAX_COMPACT


# --- formats ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, ""),
        ({"limit": 100}, "Up to 100 characters"),
        ({"limit": "1500"}, "Up to 1,500 characters"),
        ({"format": "integer", "min": "0", "max": 80}, "A whole number, from 0 to 80"),
        ({"format": "decimal", "min": 1.5}, "A decimal number, at least 1.5"),
        ({"format": "numeric_text", "limit": 4}, "Digits only, up to 4 characters"),
        ({"max": 9}, "At most 9"),
        ({"limit": "many", "format": "haiku", "min": {}, "max": "9" * 5000}, ""),
    ],
)
def test_what_could_be_typed_is_told_in_words(fields, words):
    assert only(item("1", **fields)).hint == words


@pytest.mark.parametrize(
    ("answer", "fields", "part"),
    [
        ("abcd", {"limit": "3"}, "at most 3"),
        ("81", {"format": "integer", "min": "0", "max": "80"}, "outside what was allowed: from 0 to 80"),
        ("-0.5", {"format": "decimal", "min": 0}, "at least 0"),
        ("many", {"format": "integer", "max": 3}, "not a whole number"),
        ("1.5", {"format": "integer"}, "not a whole number"),
        ("1,5", {"format": "decimal"}, "not a decimal number"),
        ("12a", {"format": "numeric_text"}, "digits only"),
        ("٣", {"format": "numeric_text"}, "digits only"),
    ],
)
def test_an_answer_that_breaks_its_format_is_shown_with_a_note(answer, fields, part):
    question = only(item(answer, **fields))
    assert question.answers[0].text == answer
    assert len(question.notes) == 1
    assert part in question.notes[0]


@pytest.mark.parametrize(
    ("answer", "fields"),
    [
        ("abc", {"limit": 3}),
        ("0", {"format": "integer", "min": 0, "max": 80}),
        (" 80 ", {"format": "integer", "min": 0, "max": 80}),
        (3.8, {"format": "decimal"}),
        ("007", {"format": "numeric_text"}),
        ("9" * 6000, {"min": 0, "max": 80}),
        ("anything", {"limit": 0, "min": 5}),
    ],
)
def test_an_answer_that_keeps_its_format_has_no_note(answer, fields):
    assert only(item(answer, **fields)).notes == ()


def test_a_format_counts_for_an_unknown_kind_but_not_for_choices():
    unknown = only(item("many", "rating", format="integer", max=5))
    assert unknown.hint == "A whole number, at most 5"
    assert unknown.notes == ("The answer is not a whole number.", UNKNOWN_KIND)
    chosen = only(item("1", "select", options=YES_NO, format="decimal", limit=0.5, max=0))
    assert (chosen.hint, chosen.notes) == ("", ())
    assert only(item(["many", "more"], "rating", format="integer")).notes == (UNKNOWN_KIND,)
