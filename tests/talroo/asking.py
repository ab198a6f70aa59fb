"""Questions and answers as Talroo words them, to be read in tests."""

from __future__ import annotations

import json
from typing import Any

from dashboard.talroo import questions, wire
from dashboard.talroo.answer_sheet import AnswerSheet, Question

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
