"""Whatever stands where the questions should be: nothing raises, nothing is lost, every step out follows a step in."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.talroo import questions, wire
from dashboard.talroo.answer_sheet import Action, AnswerSheet, State

IDS = [f"id-{letter}" for letter in "abcdefg"]
OPTIONS = [{"label": "Yes", "value": "1", "correct": True}, {"label": "No", "value": "0"}]
KINDS = ["text", "textarea", "date", "select", "multiselect", "file", "hierarchical", "pagebreak", "information", "new"]

scalars = st.none() | st.booleans() | st.integers(-99, 99).map(str).map(wire.Number) | st.text(max_size=8)
anything = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["id", "question", "answer", "options", "value", "label", "data", "fileName"])
            | st.text(max_size=5),
            inner,
            max_size=5,
        )
    ),
    max_leaves=25,
)
ids = st.sampled_from(IDS)
values = st.sampled_from(["0", "1", "maybe", wire.Number("1")]) | st.lists(st.sampled_from(["0", "1"]), max_size=2)


def sometimes(usual: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Mostly what the contract says, now and then anything at all."""
    return st.integers(0, 9).flatmap(lambda dice: anything if dice == 0 else usual)


entries = st.fixed_dictionaries(
    {
        "id": ids,
        "question": st.just("Sub?"),
        "condition": sometimes(st.fixed_dictionaries({"id": ids, "value": values})),
    },
    optional={"options": sometimes(st.just(OPTIONS)), "required": scalars, "type": st.sampled_from(KINDS)},
)
definitions = st.fixed_dictionaries(
    {"id": ids, "type": sometimes(st.sampled_from(KINDS)), "question": sometimes(st.just("What?"))},
    optional={
        "options": sometimes(st.just(OPTIONS)),
        "hierarchicalOptions": sometimes(st.lists(entries, max_size=8)),
        "limit": scalars,
        "format": sometimes(st.sampled_from(["decimal", "integer", "numeric_text"])),
        "min": scalars,
        "max": scalars,
    },
)
hierarchies = st.fixed_dictionaries(
    {
        "question": st.fixed_dictionaries(
            {
                "id": ids,
                "type": st.just("hierarchical"),
                "options": st.just(OPTIONS),
                "hierarchicalOptions": st.lists(entries, max_size=12),
            }
        ),
        "answer": st.dictionaries(ids | st.just("ghost"), values | st.none(), max_size=8),
    }
)
items = sometimes(
    st.fixed_dictionaries({"question": sometimes(definitions), "answer": sometimes(values)}) | hierarchies,
)
shaped = st.fixed_dictionaries(
    {"questionsAndAnswers": sometimes(st.lists(items, max_size=5))},
    optional={"qualifyingQuestionAnswers": sometimes(st.lists(items, max_size=3))},
)


def walked(found: AnswerSheet) -> None:
    """Fail unless the steps are balanced and each question lies inside its parent."""
    open_questions, fold = [], None
    for step in found.walk():
        if step.action is Action.OPEN:
            siblings = open_questions[-1].children if open_questions else found.questions
            assert any(step.question is sibling for sibling in siblings)
            assert step.depth == len(open_questions)
            assert fold is None or step.question.state is State.NOT_SHOWN
            open_questions.append(step.question)
        elif step.action is Action.CLOSE:
            assert open_questions.pop() is step.question
        elif step.action is Action.FOLD:
            assert fold is None
            fold = step.question
        else:
            assert fold is step.question
            fold = None
    assert open_questions == []
    assert fold is None


@given(anything | shaped)
def test_any_json_is_read_and_walked(data):
    found = questions.read(data)
    walked(found)
    summary = found.summary
    counted = [q for q in found.every_question() if not q.presentational]
    assert summary.answered + summary.empty + summary.not_shown == len(counted)


@given(anything | shaped)
def test_any_json_has_a_short_disqualification_or_none(data):
    line = questions.disqualification(data)
    assert line is None or 0 < len(line) <= 200
    assert (line is None) == (not questions.read(data).disqualifying)


@given(anything | shaped)
def test_every_file_lies_where_the_page_looks_for_it(data):
    found = questions.read(data)
    known = {q.id for q in found.every_question() if q.is_file} | {s.key for s in found.strays if s.is_file}
    assert {name for name, _ in questions.file_answers(data)} <= known


@given(anything | shaped)
def test_the_state_says_whether_there_are_answers(data):
    for question in questions.read(data).every_question():
        assert (question.state is State.ANSWERED) == bool(question.answers)
        assert question.text
        assert question.id


@given(st.lists(hierarchies, min_size=1, max_size=3))
def test_no_question_and_no_answer_of_a_hierarchy_is_lost(asked):
    found = questions.read({"questionsAndAnswers": asked})
    for item, root in zip(asked, found.questions, strict=True):
        below = [step.question for step in AnswerSheet((root,)).walk() if step.action is Action.OPEN]
        listed = [item["question"]["id"], *(entry["id"] for entry in item["question"]["hierarchicalOptions"])]
        assert sorted(question.id for question in below) == sorted(listed)
        answered = {question.id for question in below if question.answers}
        for key, value in item["answer"].items():
            if value:
                assert key in answered or key in {stray.key for stray in found.strays}


def chain(depth: int, answered: int) -> dict[str, Any]:
    """A hierarchy of `depth` levels below its root, listed from the deepest up, answered down to a level."""
    listed = [
        {"id": f"q{n}", "question": f"Level {n}?", "options": OPTIONS, "condition": {"id": f"q{n - 1}", "value": "1"}}
        for n in range(depth, 0, -1)
    ]
    root = {
        "id": "q0",
        "type": "hierarchical",
        "question": "Level 0?",
        "options": OPTIONS,
        "hierarchicalOptions": listed,
    }
    answer = {f"q{n}": "1" for n in range(answered + 1)}
    return {"questionsAndAnswers": [{"question": root, "answer": answer}]}


@pytest.mark.parametrize("depth", [300, 10_000])
def test_depth_is_no_obstacle(depth):
    found = questions.read(chain(depth, answered=depth // 2))
    assert max(step.depth for step in found.walk()) == depth
    assert found.summary.answered == depth // 2 + 1
    assert found.summary.not_shown == depth // 2 - 1
    walked(found)


@pytest.mark.parametrize("parent", ["root", "nobody", "q1", "same"])
def test_ten_thousand_sub_questions_take_a_moment_whatever_they_hang_on(parent):
    listed = [
        {"id": "same" if parent == "same" else f"q{n}", "condition": {"id": parent, "value": [str(n), "x"]}}
        for n in range(10_000)
    ]
    root = {"id": "root", "type": "hierarchical", "hierarchicalOptions": listed}
    data = {"questionsAndAnswers": [{"question": root, "answer": {"root": [str(n) for n in range(10_000)]}}]}
    started = time.process_time()
    found = questions.read(data)
    assert time.process_time() - started < 5  # a quarter of a second where it was written; quadratic takes minutes
    assert len(list(found.every_question())) == 10_001


def test_ten_thousand_questions_are_read():
    listed = [{"question": {"id": str(n), "type": "text", "question": "?"}, "answer": str(n)} for n in range(10_000)]
    assert len(questions.read(json.loads(json.dumps({"questionsAndAnswers": listed}))).questions) == 10_000
