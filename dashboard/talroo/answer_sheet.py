"""What a recruiter sees of an application's questions: values only, ready for a page (talroo-contract §1, Body).

Nothing here is recursive and nothing compares or prints a whole tree: the sub-questions of one application
may lie hundreds of levels deep, more than Python's own stack would bear.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """What became of a question; the values are the page's `data-state` marks."""

    ANSWERED = "answered"
    EMPTY = "empty"
    """Seen by the applicant and left empty."""
    NOT_SHOWN = "not-shown"
    """In a branch the applicant never saw."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer, or one choice of several.

    `text`: the words to show. `qualifying`: None unless the question has qualifying choices.
    `known`: False for a value that is not among the question's choices.
    """

    text: str
    qualifying: bool | None = None
    known: bool = True


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Question:
    """A question with its answers and its sub-questions, all as words to show.

    `state` is None only for a heading or a piece of information, which takes no answer (`presentational`).
    `condition` is empty for a question that everybody is asked. `not_asked` is the number of questions in
    this branch where none of them was shown, and 0 where any was.
    """

    id: str
    kind: str
    text: str
    required: bool
    state: State | None
    presentational: bool = False
    choices: tuple[str, ...] = ()
    answers: tuple[Answer, ...] = ()
    condition: str = ""
    hint: str = ""
    notes: tuple[str, ...] = ()
    qualifies: bool = False
    disqualifies: bool = False
    is_file: bool = False
    file_name: str = ""
    date: datetime.date | None = None
    children: tuple[Question, ...] = ()
    not_asked: int = 0


@dataclass(frozen=True, slots=True)
class Stray:
    """An answer that no question claims. `key` as it was sent; `question` is the one it came with, or empty."""

    key: str
    text: str
    question: str = ""
    is_file: bool = False


class Action(StrEnum):
    """What a page does at one step of a walk."""

    FOLD = "fold"
    OPEN = "open"
    CLOSE = "close"
    UNFOLD = "unfold"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Step:
    """One step of a walk. `depth` is 0 for a question that everybody is asked."""

    action: Action
    question: Question
    depth: int


@dataclass(frozen=True, slots=True)
class Summary:
    """How many questions ended in which state. Headings do not count."""

    answered: int = 0
    empty: int = 0
    not_shown: int = 0


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class AnswerSheet:
    """All questions of one application, in the order they were asked.

    `strays` are answers without a question; `notes` are sentences about the sheet as a whole.
    """

    questions: tuple[Question, ...] = ()
    strays: tuple[Stray, ...] = ()
    notes: tuple[str, ...] = ()

    def walk(self) -> Iterator[Step]:
        """Every question once, opened before and closed after its sub-questions, so that a page needs no recursion.

        A branch of which nothing was shown lies between one FOLD and one UNFOLD, around its topmost question only.
        """
        # Steps still to be taken, the next one last.
        ahead = [step for root in reversed(self.questions) for step in _arrival(root, 0, folded=False)]
        folds = 0
        while ahead:
            step = ahead.pop()
            yield step
            folds += (step.action is Action.FOLD) - (step.action is Action.UNFOLD)
            if step.action is Action.OPEN:
                ahead.append(Step(Action.CLOSE, step.question, step.depth))
                for child in reversed(step.question.children):
                    ahead.extend(_arrival(child, step.depth + 1, folded=folds > 0))

    def every_question(self) -> Iterator[Question]:
        """All questions and sub-questions, in the order of the page."""
        return (step.question for step in self.walk() if step.action is Action.OPEN)

    @property
    def disqualifying(self) -> list[tuple[str, str]]:
        """(question, answer) for every answer that disqualifies; several choices are joined by commas."""
        return [
            (question.text, ", ".join(answer.text for answer in question.answers))
            for question in self.every_question()
            if question.disqualifies
        ]

    @property
    def summary(self) -> Summary:
        """How many questions were answered, left empty and never shown."""
        counts = dict.fromkeys(State, 0)
        for question in self.every_question():
            if question.state and not question.presentational:
                counts[question.state] += 1
        return Summary(counts[State.ANSWERED], counts[State.EMPTY], counts[State.NOT_SHOWN])


def _arrival(question: Question, depth: int, *, folded: bool) -> Iterator[Step]:
    """The steps that begin `question`, the first one last."""
    if not question.not_asked or folded:
        yield Step(Action.OPEN, question, depth)
        return
    yield Step(Action.UNFOLD, question, depth)
    yield Step(Action.OPEN, question, depth)
    yield Step(Action.FOLD, question, depth)
