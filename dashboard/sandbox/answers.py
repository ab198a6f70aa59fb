"""Answers to a questionnaire, in the form each kind of question has (talroo-contract §1)."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

from dashboard.sandbox.questionnaires import Question

_LINES: Final[dict[str, tuple[str, ...]]] = {
    "last_employer": (
        "Tallgrass Distribution",
        "Corner Basket Grocery, 3 yrs",
        "self employed",
        "Two Rivers Hauling (until they closed)",
        "Rosehill Assisted Living",
        "US Army Reserve",
        "n/a – first job!",
    ),
    "why_us": (
        "I live ten minutes away and my neighbor has worked with you for six years. She says people stay.",
        "My mother needed care for two years and I did most of it.\n\nHer nurse says I am good at it. Ask her!",
        "- steady hours\n- a team that talks to each other\n- a bus stop at the door :)",
        "honestly the schedule. I have kids in school & need mornings",
        "=I like numbers and tidy shelves",
        "Me gusta ayudar a la gente y aprendo rápido. My English is good, ask me anything.",
    ),
}
_FORMATS: Final[dict[str | None, Callable[[random.Random], str]]] = {
    "integer": lambda rng: str(rng.choice((16, 20, 24, 30, 32, 36, 40, 40, 45))),
    "decimal": lambda rng: f"{rng.choice((15, 16.5, 17.25, 18, 19.75, 21, 24.5, 38)):.2f}",
    "numeric_text": lambda rng: f"{rng.randrange(10_000_000):07}",
    None: lambda rng: "Yes, please ask me in the interview",
}


@dataclass(frozen=True, slots=True)
class Mood:
    """How somebody answers: whether they qualify, whether they skip what is optional, how deep they go.

    `deep` picks, in a tree, the option that opens a further question. `today` is the date of applying;
    `file` makes the answer to a file question (or None for nothing attached).
    """

    rng: random.Random
    today: date
    qualified: bool = True
    skips: bool = False
    deep: bool = False
    file: Callable[[], dict[str, Any] | None] = lambda: None


def answered(questions: Iterable[Question], mood: Mood) -> list[dict[str, Any]]:
    """`questionsAndAnswers` as a plain array: each question with its answer, None where seen and left empty."""
    return [{"question": question, "answer": answer(question, mood)} for question in questions]


def answer(question: Question, mood: Mood) -> Any:
    """One answer of the form the question's kind asks for; page breaks and information have None."""
    skip = mood.skips or mood.rng.random() < 0.15
    if question.get("required") is not True and skip:
        return None
    return _BY_KIND.get(question["type"], _nothing)(question, mood)


def _nothing(question: Question, mood: Mood) -> None:
    return None


def _text(question: Question, mood: Mood) -> str:
    known = _LINES.get(question["id"])
    return mood.rng.choice(known) if known else _FORMATS[question.get("format")](mood.rng)


def _date(question: Question, mood: Mood) -> str:
    return (mood.today + timedelta(days=mood.rng.randrange(1, 40))).isoformat()


def _select(question: Question, mood: Mood) -> str:
    judged = any(option["correct"] for option in question["options"])
    fitting = [
        option["value"] for option in question["options"] if not judged or bool(option["correct"]) is mood.qualified
    ]
    value: str = mood.rng.choice(fitting)
    return value


def _multiselect(question: Question, mood: Mood) -> list[str]:
    values = [option["value"] for option in question["options"]]
    chosen = set(mood.rng.sample(values, mood.rng.randrange(1, len(values))))
    return [value for value in values if value in chosen]


def _hierarchical(question: Question, mood: Mood) -> dict[str, str | None]:
    """The root and every branch whose condition holds, in whatever order the flat list has them."""
    given: dict[str, str | None] = {question["id"]: _in_tree(question, question, mood)}
    waiting = list(question["hierarchicalOptions"])
    while shown := [
        branch for branch in waiting if given.get(branch["condition"]["id"]) == branch["condition"]["value"]
    ]:
        for branch in shown:
            empty = branch["required"] is not True and mood.skips
            given[branch["id"]] = None if empty else _in_tree(branch, question, mood)
            waiting.remove(branch)
    return given


def _in_tree(branch: dict[str, Any], tree: Question, mood: Mood) -> str:
    opening = [
        child["condition"]["value"] for child in tree["hierarchicalOptions"] if child["condition"]["id"] == branch["id"]
    ]
    if mood.deep and opening:
        return str(opening[-1])
    return _select(branch, mood)


def _file(question: Question, mood: Mood) -> dict[str, Any] | None:
    return mood.file()


def _stars(question: Question, mood: Mood) -> int:
    return mood.rng.randrange(1, 6)


_BY_KIND: Final[dict[str, Callable[[Question, Mood], Any]]] = {
    "text": _text,
    "textarea": _text,
    "date": _date,
    "select": _select,
    "multiselect": _multiselect,
    "hierarchical": _hierarchical,
    "file": _file,
    "star_rating": _stars,
}
