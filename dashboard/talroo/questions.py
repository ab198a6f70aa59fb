"""The questions of an application and what was answered (talroo-contract §1, Body; §5, `questionsAndAnswers`).

    read(data)              everything, for the application's page
    disqualification(data)  one line for the inbox, cheap enough for the moment of receiving
    file_answers(data)      the files among the answers
    has_answers(data)       whether there is anything to read

All take the parsed `data` object and whatever may stand in its place: they raise nothing and never recurse.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from dashboard.talroo import wire
from dashboard.talroo.answer_sheet import Action, Answer, AnswerSheet, Question, State, Step, Stray, Summary
from dashboard.talroo.answers import MAX_ID, compact, define, files_in, is_empty, is_true, kind_of, raw_text, shown
from dashboard.talroo.question_tree import answers_by_key, entries_of, plant
from dashboard.talroo.wire import Json

__all__ = [
    "Action",
    "Answer",
    "AnswerSheet",
    "Question",
    "State",
    "Step",
    "Stray",
    "Summary",
    "disqualification",
    "file_answers",
    "has_answers",
    "read",
]

CURRENT: Final = "questionsAndAnswers"
DEPRECATED: Final = "qualifyingQuestionAnswers"
MAX_LINE: Final = 200
_LEAST_QUESTION: Final = 60

_UNREADABLE: Final = "Some questions came in a form this dashboard does not know; they are shown as they came."
_FROM_DEPRECATED: Final = "Some questions came only in Talroo's older list of qualifying questions."


def read(data: Json) -> AnswerSheet:
    """All questions and answers of an application, in order, with whatever fits nowhere as strays and notes."""
    items, leftovers, notes = _items(data)
    planted = [_planted(item, number) for number, item in enumerate(items, 1)]
    strays = tuple(stray for _, found in planted for stray in found)
    return AnswerSheet(tuple(question for question, _ in planted), strays + leftovers, notes)


def disqualification(data: Json) -> str | None:
    """The first answer that disqualifies, in at most `MAX_LINE` characters: "Are you 18 or older? — No". Else None."""
    for number, item in enumerate(_items(data)[0], 1):
        if _can_qualify(item):
            question, _ = _planted(item, number)
            for text, answer in AnswerSheet((question,)).disqualifying:
                return _line(text, answer)
    return None


def has_answers(data: Json) -> bool:
    """Whether a delivery brought any questions at all: an incomplete application may bring none."""
    items, leftovers, _ = _items(data)
    return bool(items or leftovers)


def file_answers(data: Json) -> Iterator[tuple[str, dict[str, Json]]]:
    """(question id, file object) for every file that was answered; the id is the one the page's question carries."""
    for number, item in enumerate(_items(data)[0], 1):
        for name, kind, value in _containers(item, number):
            for file in files_in(kind, value):
                yield shown(name, MAX_ID), file


def _containers(item: Json, number: int) -> Iterator[tuple[str, str, Json]]:
    """(question id, type, answer) for the answers of an item that may hold files."""
    fields, answer = _parts(item)
    if answers_by_key(fields, answer):
        entries = [wire.mapping(entry) for entry in entries_of(fields)]
        kinds = {raw_text(entry.get("id")): kind_of(entry) for entry in entries}
        yield from ((key, kinds.get(key, ""), value) for key, value in answer.items())
    elif isinstance(answer, dict | list):
        yield raw_text(fields.get("id")) or f"question-{number}", kind_of(fields), answer


def _line(question: str, answer: str) -> str:
    answer = shown(answer, MAX_LINE - _LEAST_QUESTION - 3)
    return f"{shown(question, MAX_LINE - 3 - len(answer))} — {answer}"


def _planted(item: Json, number: int) -> tuple[Question, tuple[Stray, ...]]:
    fields, answer = _parts(item)
    return plant(define(fields, str(number)), answer, str(number))


def _parts(item: Json) -> tuple[dict[str, Json], Json]:
    """The question and the answer of one item of the list. What is no item at all is an answer without a question."""
    if not isinstance(item, dict) or item.keys().isdisjoint(("question", "answer", "id")):
        return {}, item
    return _definition(item), item.get("answer")


def _definition(item: dict[str, Json]) -> dict[str, Json]:
    """The question object of an item. Where it is none, the item itself is read as one."""
    question = item.get("question")
    return question if isinstance(question, dict) else item


def _can_qualify(item: Json) -> bool:
    """Whether a correct choice stands anywhere in an item: the cheap look before the careful one."""
    if not isinstance(item, dict):
        return False
    fields = _definition(item)
    return _has_correct(fields) or any(_has_correct(wire.mapping(entry)) for entry in entries_of(fields))


def _has_correct(fields: dict[str, Json]) -> bool:
    options = fields.get("options")
    return isinstance(options, list) and any(is_true(wire.mapping(option).get("correct")) for option in options)


def _items(data: Json) -> tuple[list[Json], tuple[Stray, ...], tuple[str, ...]]:
    """The items of both lists, what could not be read as items, and notes on the sheet."""
    fields = wire.mapping(data)
    items, leftovers = _unwrapped(fields.get(CURRENT), CURRENT)
    older, more = _unwrapped(fields.get(DEPRECATED), DEPRECATED)
    if older:
        present = {key for item in items for key in _keys(item)}
        older = [item for item in older if present.isdisjoint(_keys(item))]
    leftovers = leftovers + more
    notes = ((_UNREADABLE, bool(leftovers)), (_FROM_DEPRECATED, bool(older)))
    return items + older, tuple(leftovers), tuple(note for note, holds in notes if holds)


def _keys(item: Json) -> Iterator[str]:
    """The raw ids of the questions in an item."""
    if isinstance(item, dict):
        fields = _definition(item)
        for definition in (fields, *map(wire.mapping, entries_of(fields))):
            key = raw_text(definition.get("id"))
            if key is not None:
                yield key


def _unwrapped(value: Json, name: str) -> tuple[list[Json], list[Stray]]:
    """The list under `name`: itself, or nested in objects under the same key, as in Talroo's example."""
    strays: list[Stray] = []
    while isinstance(value, dict) and name in value:
        strays.extend(_stray(key, inner) for key, inner in value.items() if key != name)
        value = value[name]
    if isinstance(value, list):
        return value, strays
    if isinstance(value, dict) and ("question" in value or "answer" in value):
        return [value], strays
    if isinstance(value, dict):
        strays.extend(_stray(key, inner) for key, inner in value.items())
    elif not is_empty(value):
        strays.append(_stray(name, value))
    return [], strays


def _stray(key: str, value: Json) -> Stray:
    return Stray(shown(key, MAX_ID), "" if is_empty(value) else compact(value))
