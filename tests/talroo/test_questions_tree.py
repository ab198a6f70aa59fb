"""Sub-questions: what was asked, what was not, and why (talroo-contract §1, `hierarchicalOptions`)."""

from __future__ import annotations

import pytest

from dashboard.talroo.answer_sheet import Action, Answer, State, Summary
from dashboard.talroo.question_tree import CIRCLE, NO_ANSWER, NO_CONDITION, UNEXPECTED, UNKNOWN_PARENT
from tests.talroo.asking import by_id, entry, forklift, item, only, sheet, states

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
