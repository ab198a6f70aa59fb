"""A whole application in the shape of Talroo's published example: the list nested once, one question of each kind."""

from __future__ import annotations

import json

from dashboard.talroo import questions, wire
from dashboard.talroo.answer_sheet import Answer, State, Summary

SHIFTS = ["Early", "Late", "Weekend"]

APPLICATION = {
    "id": 410022,
    "questionsAndAnswers": {
        "questionsAndAnswers": [
            {
                "question": {
                    "id": "over_21",
                    "type": "select",
                    "question": "Are you over 21?",
                    "options": [
                        {"label": "Not yet", "value": "young", "correct": None},
                        {"label": "I am", "value": "old_enough", "correct": True},
                    ],
                    "required": True,
                },
                "answer": "young",
            },
            {
                "question": {"id": "nickname", "type": "text", "question": "What are you called?", "limit": 12},
                "answer": None,
            },
            {
                "question": {"id": "why_us", "type": "textarea", "question": "Why the bakery?"},
                "answer": "The smell.\nThe hours.",
            },
            {
                "question": {"id": "from_when", "type": "date", "question": "From when?", "required": True},
                "answer": "2027-03-01",
            },
            {
                "question": {"id": "wage", "type": "text", "question": "Wage last year?", "format": "decimal"},
                "answer": "17.25",
            },
            {
                "question": {
                    "id": "oven",
                    "type": "hierarchical",
                    "question": "Have you run a deck oven?",
                    "options": [{"label": "Never", "value": "0"}, {"label": "Often", "value": "1"}],
                    "hierarchicalOptions": [
                        {
                            "id": "train",
                            "question": "Shall we train you?",
                            "options": [{"label": "Please", "value": "1"}, {"label": "No need", "value": "0"}],
                            "required": None,
                            "condition": {"id": "oven", "value": "0"},
                        },
                        {
                            "id": "train_when",
                            "question": "On which day?",
                            "options": [{"label": "A weekday", "value": "0"}],
                            "required": True,
                            "condition": {"id": "train", "value": "1"},
                        },
                        {
                            "id": "oven_brand",
                            "question": "Which make?",
                            "options": [{"label": "Steel", "value": "s"}, {"label": "Stone", "value": "t"}],
                            "required": None,
                            "condition": {"id": "oven", "value": "1"},
                        },
                    ],
                    "required": True,
                },
                "answer": {"oven": "1", "oven_brand": "t"},
            },
            {
                "question": {
                    "id": "shifts",
                    "type": "multiselect",
                    "question": "Which shifts?",
                    "options": [{"label": name, "value": str(n), "correct": None} for n, name in enumerate(SHIFTS)],
                },
                "answer": ["0", "2"],
            },
            {
                "question": {"id": "reference", "type": "file", "question": "A reference, please.", "required": False},
                "answer": {"fileName": "praise.pdf", "contentType": "application/octet-stream", "data": "JVBERi0="},
            },
            {
                "question": {
                    "id": "hours",
                    "type": "text",
                    "question": "Hours a week?",
                    "format": "integer",
                    "min": "5",
                    "max": "45",
                },
                "answer": "50",
            },
        ]
    },
    "qualifyingQuestionAnswers": [],
}


def test_an_application_in_the_shape_of_the_documents_is_read_whole():
    data = wire.parse(json.dumps(APPLICATION).encode()).value
    found = questions.read(data)
    every = {question.id: question for question in found.every_question()}

    assert list(every) == [
        *("over_21", "nickname", "why_us", "from_when", "wage", "oven"),
        *("train", "train_when", "oven_brand", "shifts", "reference", "hours"),
    ]
    assert found.summary == Summary(answered=9, empty=1, not_shown=2)
    assert (found.strays, found.notes) == ((), ())

    assert found.disqualifying == [("Are you over 21?", "Not yet")]
    assert questions.disqualification(data) == "Are you over 21? — Not yet"
    assert (every["nickname"].state, every["nickname"].hint) == (State.EMPTY, "Up to 12 characters")
    assert every["why_us"].answers == (Answer("The smell.\nThe hours."),)
    assert every["oven"].answers == (Answer("Often"),)
    assert every["oven_brand"].answers == (Answer("Stone"),)
    assert every["train_when"].condition == "Asked only if “Shall we train you?” is Please"
    assert every["shifts"].answers == (Answer("Early"), Answer("Weekend"))
    assert every["reference"].file_name == "praise.pdf"
    assert every["hours"].notes == ("The answer is outside what was allowed: from 5 to 45.",)
    assert [q.id for q in every.values() if q.notes] == ["hours"]
