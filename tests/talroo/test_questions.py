"""What becomes of the questions and answers that Talroo sends (talroo-contract §1, Body; §5)."""

from __future__ import annotations

import datetime
import json
from typing import Any

import pytest

from dashboard.talroo import questions, wire
from dashboard.talroo.answer_sheet import Action, Answer, AnswerSheet, Question, State, Summary
from dashboard.talroo.answers import MAX_ANSWER, MAX_COMPACT, MAX_QUESTION
from dashboard.talroo.question_tree import CIRCLE, NO_ANSWER, NO_CONDITION, UNEXPECTED, UNKNOWN_KIND, UNKNOWN_PARENT

YES_NO = [{"label": "Yes", "value": "1"}, {"label": "No", "value": "0"}]
ADULT = [{"label": "Yes", "value": "y", "correct": True}, {"label": "No", "value": "n", "correct": None}]


def arrived(value: Any) -> wire.Json:
    """`value` as it would come out of a delivery: every number is text."""
    return wire.parse(json.dumps(value).encode()).value


def sheet(*items: Any, **more: Any) -> AnswerSheet:
    return questions.read(arrived({"questionsAndAnswers": list(items), **more}))


def item(answer: Any, kind: str | None = "text", **fields: Any) -> dict[str, Any]:
    return {"question": {"id": "q", "type": kind, "question": "What?"} | fields, "answer": answer}


def only(*items: Any) -> Question:
    (question,) = sheet(*items).questions
    return question


def forklift(answer: Any, *more: Any, **root: Any) -> dict[str, Any]:
    """A tree of three levels: licence? → (yes) since when? → (long) teach others?; (no) → want to learn?"""
    entries = [
        entry("learn", "Would you like to learn it?", "licence", "0"),
        entry("teach", "Could you teach others?", "since", "long"),
        entry("since", "Since when?", "licence", "1", options=[{"label": "Long ago", "value": "long"}]),
        *more,
    ]
    question = {"id": "licence", "type": "hierarchical", "question": "Do you have a forklift licence?"}
    return {"question": {**question, "options": YES_NO, "hierarchicalOptions": entries, **root}, "answer": answer}


def entry(name: str, text: str, parent: str, value: Any, **fields: Any) -> dict[str, Any]:
    return {"id": name, "question": text, "options": YES_NO, "condition": {"id": parent, "value": value}} | fields


def by_id(found: AnswerSheet) -> dict[str, Question]:
    return {question.id: question for question in found.every_question()}


def states(found: AnswerSheet) -> dict[str, str | None]:
    return {question.id: question.state for question in found.every_question()}


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


# --- hierarchies ------------------------------------------------------------------------------------------------


def test_a_flat_list_becomes_a_tree():
    (root,) = sheet(forklift({"licence": "1"})).questions
    assert [child.id for child in root.children] == ["learn", "since"]
    assert [child.id for child in root.children[1].children] == ["teach"]


def test_a_condition_that_is_met_asks_the_question():
    found = by_id(sheet(forklift({"licence": "1", "since": "long", "teach": "0"})))
    assert found["since"].answers == (Answer("Long ago"),)
    assert found["teach"].answers == (Answer("No"),)
    assert found["teach"].notes == ()


def test_a_hidden_branch_says_why_it_was_not_asked():
    found = by_id(sheet(forklift({"licence": "0", "learn": "1"})))
    assert found["since"].state is State.NOT_SHOWN
    assert found["since"].condition == "Asked only if “Do you have a forklift licence?” is Yes"
    assert found["teach"].state is State.NOT_SHOWN
    assert found["teach"].condition == "Asked only if “Since when?” is Long ago"
    assert found["licence"].condition == ""


def test_a_question_that_was_asked_and_has_no_key_is_empty():
    assert states(sheet(forklift({"licence": "1"})))["since"] == "empty"


@pytest.mark.parametrize("nothing", [None, "", []])
def test_a_key_without_a_value_is_empty(nothing):
    found = states(sheet(forklift({"licence": "1", "since": nothing})))
    assert found == {"licence": "answered", "learn": "not-shown", "since": "empty", "teach": "not-shown"}


def test_a_required_sub_question_is_missed_only_where_it_was_asked():
    asked = entry("shift", "Which shift?", "licence", "1", required=True)
    assert by_id(sheet(forklift({"licence": "1"}, asked)))["shift"].notes == (NO_ANSWER,)
    assert by_id(sheet(forklift({"licence": "0"}, asked)))["shift"].notes == ()


def test_nothing_below_an_unanswered_root_was_shown():
    found = sheet(forklift(None))
    assert states(found) == {"licence": "empty", "learn": "not-shown", "since": "not-shown", "teach": "not-shown"}
    assert found.summary == Summary(answered=0, empty=1, not_shown=3)


def test_an_answer_against_its_condition_is_shown_with_a_note():
    question = by_id(sheet(forklift({"licence": "0", "since": "long"})))["since"]
    assert (question.state, question.answers, question.notes) == (State.ANSWERED, (Answer("Long ago"),), (UNEXPECTED,))


def test_a_bare_value_answers_the_root():
    assert by_id(sheet(forklift("1")))["licence"].answers == (Answer("Yes"),)
    assert states(sheet(forklift(1)))["since"] == "empty"


def test_one_of_several_answers_meets_a_condition():
    assert states(sheet(forklift({"licence": ["0", "1"]})))["since"] == "empty"


@pytest.mark.parametrize(("sent", "wanted"), [(1, "1"), ("1", 1), (True, "true"), ("true", True)])
def test_answers_and_conditions_are_compared_as_text(sent, wanted):
    found = sheet(forklift({"licence": sent}, entry("extra", "More?", "licence", wanted)))
    assert states(found)["extra"] == "empty"


def test_an_answer_no_question_claims_is_kept_with_its_key():
    found = sheet(forklift({"licence": "1", "ghost": {"a": ["boo"]}, "blank": None}))
    assert [(stray.key, stray.text) for stray in found.strays] == [("ghost", "a: [boo]"), ("blank", "")]
    assert found.strays[0].question == "Do you have a forklift licence?"


def test_an_orphan_stands_under_the_root_with_a_note():
    orphan = entry("orphan", "Whose child?", "nobody", "1")
    (root,) = sheet(forklift({"licence": "1"}, orphan)).questions
    found = root.children[-1]
    assert (found.id, found.state, found.notes) == ("orphan", State.NOT_SHOWN, (UNKNOWN_PARENT,))
    assert found.condition == "Asked only if “nobody” is 1"
    assert states(sheet(forklift({"licence": "1", "orphan": "0"}, orphan)))["orphan"] == "answered"
    assert states(sheet(forklift({"licence": "1", "orphan": None}, orphan)))["orphan"] == "empty"


def test_a_question_that_depends_on_itself_stands_under_the_root_with_a_note():
    (root,) = sheet(forklift({"licence": "1"}, entry("snake", "Tail?", "snake", "1"))).questions
    assert (root.children[-1].id, root.children[-1].notes) == ("snake", (CIRCLE,))


def test_a_circle_is_laid_out_under_the_root_and_what_hangs_on_it_stays_there():
    circle = [entry(name, name, parent, "1") for name, parent in ("ab", "bc", "ca")]
    tail = entry("t", "tail", "b", "1")
    found = sheet(forklift({"licence": "1", "b": "1"}, tail, *circle))
    (root,) = found.questions
    assert [child.id for child in root.children[-3:]] == ["a", "b", "c"]
    assert [child.notes for child in root.children[-3:]] == [(CIRCLE,)] * 3
    assert [child.id for child in by_id(found)["b"].children] == ["t"]
    assert states(found)["t"] == "empty"


def test_a_circle_with_a_condition_without_a_value_is_laid_out_too():
    circle = [entry("a", "a", "b", None), entry("b", "b", "a", None)]
    assert {"a", "b"} <= {child.id for child in sheet(forklift("1", *circle)).questions[0].children}


@pytest.mark.parametrize("condition", [None, {}, [], "x", {"value": "1"}])
def test_a_sub_question_without_a_condition_is_kept_with_a_note(condition):
    question = by_id(
        sheet(forklift({"licence": "1", "lost": "1"}, entry("lost", "?", "", "") | {"condition": condition}))
    )
    assert (question["lost"].state, question["lost"].notes) == (State.ANSWERED, (NO_CONDITION,))


def test_several_conditions_ask_when_one_is_met_and_name_all():
    both = [{"id": "licence", "value": "0"}, {"id": "since", "value": ["long", "x"]}]
    question = by_id(sheet(forklift({"licence": "0"}, entry("many", "?", "", "") | {"condition": both})))["many"]
    assert question.state is State.EMPTY
    assert question.condition == (
        "Asked only if “Do you have a forklift licence?” is No or “Since when?” is Long ago or x"
    )


def test_one_id_in_two_branches_is_answered_in_the_branch_that_was_shown():
    pair = [entry("pay", "Pay?", "licence", "0"), entry("pay", "Pay?", "licence", "1")]
    pay = [q for q in sheet(forklift({"licence": "1", "pay": "1"}, *pair)).every_question() if q.id == "pay"]
    assert [(question.state, question.notes) for question in pay] == [(State.NOT_SHOWN, ()), (State.ANSWERED, ())]


def test_a_question_below_an_id_in_two_branches_hangs_on_the_shown_one():
    pair = [entry("pay", "Pay?", "licence", "0"), entry("pay", "Pay?", "licence", "1")]
    below = entry("more", "More?", "pay", "1")
    found = sheet(forklift({"licence": "1", "pay": "1"}, *pair, below))
    assert [[c.id for c in q.children] for q in found.every_question() if q.id == "pay"] == [[], ["more"]]
    assert states(found)["more"] == "empty"


def test_two_questions_with_one_id_are_both_shown():
    assert [question.answers[0].text for question in sheet(item("a"), item("b")).questions] == ["a", "b"]


def test_sub_questions_listed_inside_a_sub_question_are_found():
    inner = entry("inner", "Inner?", "outer", "1")
    outer = entry("outer", "Outer?", "licence", "1", hierarchicalOptions=[inner])
    found = sheet(forklift({"licence": "1", "outer": "1", "inner": "0"}, outer))
    assert by_id(found)["outer"].children[0].answers == (Answer("No"),)


def test_a_sub_question_that_is_not_an_object_is_still_shown():
    (root,) = sheet(forklift("1", "Just words")).questions
    assert root.children[-1].text == "Just words"


def test_a_question_with_sub_questions_is_a_hierarchy_whatever_its_kind():
    assert states(sheet(forklift({"licence": "1", "since": "long"}, type="select")))["since"] == "answered"


def test_a_hierarchy_whose_root_has_no_id_takes_a_bare_answer():
    assert only(forklift("1", id=None)).answers == (Answer("Yes"),)


def test_a_hierarchy_whose_root_has_no_id_keeps_an_object_as_strays():
    found = sheet(forklift({"licence": "1", "teach": "1"}, id=None))
    assert found.questions[0].state is State.EMPTY
    assert [stray.key for stray in found.strays] == ["licence"]
    assert states(found)["teach"] == "answered"


def test_a_sub_question_with_the_id_of_its_root_takes_nothing_from_it():
    twin = entry("licence", "Again?", "licence", "0")
    root, *_, last = sheet(forklift({"licence": "1"}, twin)).every_question()
    assert (root.state, root.answers) == (State.ANSWERED, (Answer("Yes"),))
    assert (last.text, last.state) == ("Again?", State.NOT_SHOWN)


def test_a_condition_that_names_no_value_leaves_the_matter_open():
    vague = entry("vague", "?", "", "") | {"condition": {"id": "licence"}}
    question = by_id(sheet(forklift({"licence": "1", "vague": "1"}, vague)))["vague"]
    assert (question.state, question.notes) == (State.ANSWERED, (NO_CONDITION,))
    assert question.condition == "Asked only if “Do you have a forklift licence?” has a certain answer"
    half = vague | {"condition": [{"id": "licence"}, {"id": "licence", "value": "0"}]}
    assert by_id(sheet(forklift({"licence": "1", "vague": "1"}, half)))["vague"].notes == (UNEXPECTED,)


def test_information_in_a_hidden_branch_does_not_count():
    more = entry("info", "By the way", "licence", "1", type="information")
    assert sheet(forklift({"licence": "0", "learn": "1"}, more)).summary == Summary(2, 0, 2)


# --- walking ----------------------------------------------------------------------------------------------------


def test_a_walk_folds_only_the_top_of_a_branch_that_was_not_shown():
    steps = [(step.action, step.question.id, step.depth) for step in sheet(forklift({"licence": "0"})).walk()]
    assert steps == [
        (Action.OPEN, "licence", 0),
        (Action.OPEN, "learn", 1),
        (Action.CLOSE, "learn", 1),
        (Action.FOLD, "since", 1),
        (Action.OPEN, "since", 1),
        (Action.OPEN, "teach", 2),
        (Action.CLOSE, "teach", 2),
        (Action.CLOSE, "since", 1),
        (Action.UNFOLD, "since", 1),
        (Action.CLOSE, "licence", 0),
    ]


def test_an_answer_is_never_folded_away_with_the_branch_around_it():
    found = sheet(forklift({"licence": "0", "teach": "1"}))
    assert states(found) == {"licence": "answered", "learn": "empty", "since": "not-shown", "teach": "answered"}
    assert Action.FOLD not in {step.action for step in found.walk()}


def test_a_fold_knows_how_many_questions_it_holds():
    (fold,) = [step for step in sheet(forklift({"licence": "0"})).walk() if step.action is Action.FOLD]
    assert fold.question.not_asked == 2


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
