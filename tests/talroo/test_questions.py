"""Which questions a delivery holds, and what became of the odd ones (talroo-contract §1, Body; §5)."""

from __future__ import annotations

from typing import Any

import pytest

from dashboard.talroo import questions, wire
from dashboard.talroo.answer_sheet import Answer, State
from dashboard.talroo.answers import MAX_ANSWER, MAX_QUESTION
from dashboard.talroo.question_tree import NO_ANSWER
from tests.talroo.asking import ADULT, arrived, entry, forklift, item, only, sheet

# --- where the list stands --------------------------------------------------------------------------------------


@pytest.mark.parametrize("nesting", [0, 1, 2, 300])
def test_the_list_is_found_however_often_it_is_nested_under_its_own_name(nesting):
    value: Any = [item("blue")]
    for _ in range(nesting):
        value = {"questionsAndAnswers": value}
    (question,) = questions.read({"questionsAndAnswers": value}).questions
    assert question.answers == (Answer("blue"),)


@pytest.mark.parametrize("data", [None, [], {}, "x", True, wire.Number("1")])
def test_data_that_is_no_application_has_no_questions(data):
    found = questions.read(data)
    assert (found.questions, found.strays, found.notes) == ((), (), ())
    assert not questions.has_answers(data)


@pytest.mark.parametrize("value", [None, {}, [], {"questionsAndAnswers": None}, {"questionsAndAnswers": []}])
def test_an_empty_list_in_any_form_has_no_questions(value):
    found = questions.read({"questionsAndAnswers": value})
    assert (found.questions, found.strays, found.notes) == ((), (), ())


def test_a_lone_item_in_place_of_the_list_is_read():
    (question,) = questions.read({"questionsAndAnswers": item("blue")}).questions
    assert question.answers == (Answer("blue"),)


def test_what_stands_in_place_of_the_list_is_shown_with_a_note():
    found = questions.read(arrived({"questionsAndAnswers": {"colour": "blue", "sizes": [1, 2]}}))
    assert [(stray.key, stray.text) for stray in found.strays] == [("colour", "blue"), ("sizes", "1, 2")]
    assert "as they came" in found.notes[0]


def test_a_lone_question_without_an_answer_is_read():
    (question,) = questions.read({"questionsAndAnswers": {"question": {"id": "q", "question": "What?"}}}).questions
    assert (question.text, question.state) == ("What?", State.EMPTY)


def test_a_bare_word_in_place_of_the_list_is_shown():
    assert questions.read({"questionsAndAnswers": "blue"}).strays[0].text == "blue"


def test_what_lies_beside_a_nested_list_is_not_lost():
    found = questions.read({"questionsAndAnswers": {"questionsAndAnswers": [item("x")], "version": "2"}})
    assert len(found.questions) == 1
    assert found.strays[0].key == "version"


# --- the deprecated list ----------------------------------------------------------------------------------------


def test_the_deprecated_list_is_read_when_the_current_one_is_empty():
    found = sheet(qualifyingQuestionAnswers=[item("blue")])
    assert found.questions[0].answers == (Answer("blue"),)
    assert "older list" in found.notes[0]


def test_the_deprecated_list_adds_only_questions_that_are_not_already_there():
    found = sheet(item("blue"), qualifyingQuestionAnswers=[item("red"), item("green", id="other")])
    assert [question.answers[0].text for question in found.questions] == ["blue", "green"]


def test_a_sub_question_counts_as_being_there():
    found = sheet(forklift({"licence": "0"}), qualifyingQuestionAnswers=[item("1", id="learn")])
    assert len(found.questions) == 1
    assert found.notes == ()


# --- what no rule foresees --------------------------------------------------------------------------------------


@pytest.mark.parametrize("odd", ["hello", 5, True, ["hello"], {"greeting": "hello"}])
def test_an_item_that_is_none_is_kept_as_an_answer(odd):
    second = sheet(item("x"), odd).questions[1]
    assert (second.text, second.id, second.state) == ("Question 2", "question-2", State.ANSWERED)


def test_an_empty_item_is_an_empty_question():
    assert only(None).state is State.EMPTY


def test_a_question_that_is_only_words_is_shown():
    question = only({"question": "Favourite colour?", "answer": "blue", "id": "colour"})
    assert (question.id, question.text, question.answers) == ("colour", "Favourite colour?", (Answer("blue"),))


def test_a_question_without_words_goes_by_its_id():
    assert only(item("x", question=None)).text == "q"
    assert only(item("x", question=" ", id=None)).text == "Question 1"


def test_words_that_are_not_text_are_still_shown():
    assert only(item("x", question=["What", "now"])).text == "What, now"


def test_unstorable_characters_are_replaced():
    question = only(item("a\x00b", question="c\ud800d", id="e\x00"))
    assert (question.answers[0].text, question.text, question.id) == ("a�b", "c�d", "e�")


def test_long_text_is_cut_and_says_so():
    question = only(item("x" * 30_000, question="y" * 3_000))
    assert (len(question.answers[0].text), len(question.text)) == (MAX_ANSWER, MAX_QUESTION)
    assert "30,000 characters" in question.notes[0]


@pytest.mark.parametrize("kind", ["text", "unheard-of"])
def test_text_that_just_fits_is_whole(kind):
    question = only(item("x" * MAX_ANSWER, kind))
    assert question.answers[0].text == "x" * MAX_ANSWER
    assert not [note for note in question.notes if "characters" in note]


@pytest.mark.parametrize("nothing", [None, "", [], {}, "  ", [None]])
def test_no_answer_in_any_form_is_empty(nothing):
    question = only(item(nothing))
    assert (question.state, question.answers) == (State.EMPTY, ())


def test_a_required_question_left_empty_says_so():
    assert only(item(None, required=True)).notes == (NO_ANSWER,)
    assert only(item(None, required="false")).notes == ()


# --- qualifying -------------------------------------------------------------------------------------------------


def test_a_correct_choice_qualifies():
    question = only(item("y", "select", options=ADULT))
    assert question.answers == (Answer("Yes", qualifying=True),)
    assert (question.qualifies, question.disqualifies) == (True, False)


def test_a_choice_that_is_not_correct_disqualifies():
    found = sheet(item("n", "select", options=ADULT, question="Are you of age?"))
    assert found.questions[0].answers == (Answer("No", qualifying=False),)
    assert found.questions[0].disqualifies
    assert found.disqualifying == [("Are you of age?", "No")]


@pytest.mark.parametrize("flag", [True, "true", 1, "1", "TRUE"])
def test_correct_may_be_written_in_several_ways(flag):
    assert only(item("a", "select", options=[{"label": "A", "value": "a", "correct": flag}])).qualifies


@pytest.mark.parametrize("flag", [False, None, "false", 0, "", [], {}])
def test_what_is_not_correct_makes_no_qualifying_question(flag):
    question = only(item("a", "select", options=[{"label": "A", "value": "a", "correct": flag}]))
    assert (question.answers[0].qualifying, question.disqualifies) == (None, False)


def test_one_correct_choice_among_several_is_enough():
    question = only(item(["n", "y"], "multiselect", options=ADULT))
    assert [answer.qualifying for answer in question.answers] == [False, True]
    assert (question.qualifies, question.disqualifies) == (True, False)


def test_an_unknown_value_does_not_qualify():
    assert only(item("?", "select", options=ADULT)).disqualifies


def test_an_empty_answer_neither_qualifies_nor_disqualifies():
    question = only(item(None, "select", options=ADULT))
    assert (question.qualifies, question.disqualifies) == (False, False)


def test_the_line_for_the_inbox_names_question_and_answer():
    data = arrived({"questionsAndAnswers": [item("n", "select", options=ADULT, question="Are you of age?")]})
    assert questions.disqualification(data) == "Are you of age? — No"


def test_the_line_for_the_inbox_comes_from_a_sub_question_too():
    more = entry("age", "Are you of age?", "licence", "1", options=ADULT)
    data = arrived({"questionsAndAnswers": [item("x"), forklift({"licence": "1", "age": "n"}, more)]})
    assert questions.disqualification(data) == "Are you of age? — No"


@pytest.mark.parametrize(("question", "label"), [("q" * 500, "No"), ("Why?", "n" * 500), ("q" * 500, "n" * 500)])
def test_the_line_for_the_inbox_is_never_too_long_and_holds_both(question, label):
    options = [{"label": label, "value": "n"}, {"value": "y", "correct": True}]
    line = questions.disqualification(
        {"questionsAndAnswers": [item("n", "select", options=options, question=question)]}
    )
    assert line is not None
    assert len(line) <= 200
    assert line.startswith(question[:50])
    assert f" — {label[:100]}" in line


def test_nobody_disqualified_means_no_line():
    assert questions.disqualification(arrived({"questionsAndAnswers": [item("y", "select", options=ADULT)]})) is None


# --- files and the rest -----------------------------------------------------------------------------------------


def test_every_file_answer_is_handed_over_with_the_id_of_its_question():
    letter, photo = {"fileName": "l.pdf", "data": "QQ=="}, {"fileName": "p.png", "data": "Qg=="}
    bare = {"fileName": "no data"}
    more = entry("proof", "Proof?", "licence", "1", type="file")
    data = {
        "questionsAndAnswers": [
            item(letter, "file", id="letter"),
            item([photo, letter], "file", id=None),
            forklift({"licence": "1", "since": photo, "proof": bare, "ghost": letter}, more),
            item({"not": "a file"}),
            item("text", "file"),
        ]
    }
    assert list(questions.file_answers(data)) == [
        ("letter", letter),
        ("question-2", photo),
        ("question-2", letter),
        ("since", photo),
        ("proof", bare),
        ("ghost", letter),
    ]
    found = questions.read(data)
    with_files = {q.id for q in found.every_question() if q.is_file} | {s.key for s in found.strays if s.is_file}
    assert {name for name, _ in questions.file_answers(data)} <= with_files


def test_an_application_with_questions_has_answers():
    assert questions.has_answers({"questionsAndAnswers": [item("x")]})
    assert questions.has_answers({"qualifyingQuestionAnswers": [item("x")]})
    assert not questions.has_answers({"questionsAndAnswers": {"questionsAndAnswers": []}})
