"""How far somebody came before they stopped: the contact page, then question by question (talroo-contract §1, §2)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import takewhile
from typing import Final, Protocol

from dashboard.talroo.answer_sheet import AnswerSheet, Question, State

CONTACT: Final = (
    ("first_name", "first name"),
    ("last_name", "last name"),
    ("email", "email address"),
    ("phone", "phone number"),
    ("address", "address"),
)
"""What the contact page asks for: the fact's name, and what people call it."""
PLACE: Final = (("city", "city"), ("state", "state"), ("zipcode", "zip code"))
"""Parts of the address, worth naming only where the rest of it was given."""


class Contact(Protocol):
    """Whoever has the facts of the contact page: what one delivery tells, or an application merged from several."""

    @property
    def first_name(self) -> str | None: ...
    @property
    def last_name(self) -> str | None: ...
    @property
    def email(self) -> str | None: ...
    @property
    def phone(self) -> str | None: ...
    @property
    def address(self) -> str | None: ...
    @property
    def city(self) -> str | None: ...
    @property
    def state(self) -> str | None: ...
    @property
    def zipcode(self) -> str | None: ...


@dataclass(frozen=True, slots=True)
class FormQuestion:
    """A question everybody is asked: its id as the page shows it, and its words."""

    id: str
    text: str


@dataclass(frozen=True, slots=True)
class Progress:
    """The questions one delivery brought, in order: those come `past`, and those still `ahead`."""

    past: tuple[FormQuestion, ...] = ()
    ahead: tuple[FormQuestion, ...] = ()


NOTHING: Final = Progress()


@dataclass(frozen=True, slots=True)
class Standing:
    """How far somebody came in the whole form.

    `asked`: how many questions it has, None where no form is known. `stopped_at`: the first one not come to, None
    where it is not known. Both known to the end, all answered and nothing stopped at: what is left is to submit.
    """

    answered: int
    asked: int | None = None
    stopped_at: FormQuestion | None = None


def missing(person: Contact, *, has_resume: bool) -> list[str]:
    """What the contact page did not get, in words, in its own order."""
    asked = CONTACT + (PLACE if person.address else ())
    found = [words for name, words in asked if not getattr(person, name)]
    return found if has_resume else [*found, "résumé"]


def form(sheet: AnswerSheet) -> tuple[FormQuestion, ...]:
    """The questions of a form in order, as a completed application shows them."""
    return tuple(map(_named, _asked(sheet)))


def read(sheet: AnswerSheet) -> Progress:
    """How far the answers go.

    Whoever answered a question has come past all before it. After the last answer, an empty one was seen and skipped
    if it may be left empty (talroo-contract §1); the first that may not is where they stopped.
    """
    asked = _asked(sheet)
    answered = max((place for place, one in enumerate(asked, 1) if one.state == State.ANSWERED), default=0)
    past = answered + sum(1 for _ in takewhile(lambda one: not one.required, asked[answered:]))
    return Progress(tuple(map(_named, asked[:past])), tuple(map(_named, asked[past:])))


def standing(progress: Progress, whole: Iterable[FormQuestion]) -> Standing:
    """Where `progress` stands in the `whole` form, which is empty where nobody has finished one yet."""
    whole = tuple(whole)
    answered = len(progress.past)
    stopped_at = progress.ahead[0] if progress.ahead else None
    ids = {one.id for one in progress.past}
    place = max((place for place, one in enumerate(whole, 1) if one.id in ids), default=0)
    if not whole or (ids and not place):
        # No form, or one so changed that not one question of it was asked then: nothing can be said of its length.
        return Standing(answered, None, stopped_at)
    asked = max(len(whole), answered + len(progress.ahead))
    return Standing(answered, asked, stopped_at or next(iter(whole[place:]), None))


def _asked(sheet: AnswerSheet) -> list[Question]:
    """Sub-questions belong to the question above them; headings and information ask nothing."""
    return [question for question in sheet.questions if not question.presentational]


def _named(question: Question) -> FormQuestion:
    return FormQuestion(question.id, question.text)
