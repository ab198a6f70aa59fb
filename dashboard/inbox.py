"""The inbox: what somebody asked to see of the completed applications, as a value.

Every combination of filters and words is one question to one index (`search`). Building a value never touches the
database; `inbox_pages` reads what it asks for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, tzinfo
from typing import Any, Final

from dashboard import date_words, tokens
from dashboard.asking import day, moments, one_of, words
from dashboard.reach import EVERYTHING, NOBODY, Reach
from dashboard.search import Query, sought
from dashboard.stages import Stage

TABS: Final = {
    "new": "New",
    "mine": "Mine",
    "progress": "In progress",
    "hired": "Hired",
    "rejected": "Rejected",
    "held": "Held",
}
SORTS: Final = ("best", "newest", "oldest", "name")
MAX_ANSWERS: Final = 10
_ANSWER: Final = re.compile(r"[0-9a-f]{16}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Chip:
    """One filter in words, and the query of the address without it."""

    label: str
    without: dict[str, str | list[str]]


@dataclass(frozen=True, slots=True)
class Inbox:
    """Which applications a recruiter asked to see. Dates are days in the viewer's zone, both inclusive.

    `answers`: `Facet.value`s, all of which must hold. `assigned`: `me`, `none` or a user's public id; `viewer`: the
    public id of whoever `me` is. `sort`: empty for what suits, which is the best first where words are sought.
    `reach`: how far they see, which is part of the question: a list, its counts and all that is done to it agree.
    """

    text: str = ""
    tab: str = ""
    stage: str = ""
    job: str = ""
    company: str = ""
    campaign: str = ""
    state: str = ""
    city: str = ""
    qualified: str = ""
    resume: str = ""
    assigned: str = ""
    tag: str = ""
    held: str = ""
    answers: tuple[str, ...] = ()
    applied_from: date | None = None
    applied_to: date | None = None
    sort: str = ""
    zone: tzinfo = field(default=UTC, compare=False)
    viewer: str = field(default="", compare=False)
    reach: Reach = field(default=EVERYTHING, compare=False)
    problems: tuple[str, ...] = field(default=(), compare=False)

    @classmethod
    def read(cls, args: Mapping[str, str], zone: tzinfo = UTC, *, viewer: str = "", reach: Reach = NOBODY) -> Inbox:
        """From an address's query. What cannot be read is left out and named in `problems`, in words.

        As long as nobody says whose list it is (`reach`), it shows nobody.
        """
        problems: list[str] = []
        since, until = day(args, "from", problems), day(args, "to", problems)
        if since and until and until < since:
            problems.append("“Applied until” is before “Applied from”, so nobody matches.")
        return cls(
            text=sought(words(args, "q", 200), problems),
            tab=one_of(args, "tab", set(TABS), problems),
            stage=one_of(args, "stage", set(Stage), problems),
            **{name: words(args, name, 255) for name in _NAMES},
            **{name: one_of(args, name, {"yes", "no"}, problems) for name in ("qualified", "resume", "held")},
            answers=_answers(args, problems),
            applied_from=since,
            applied_to=until,
            sort=one_of(args, "sort", set(SORTS), problems),
            zone=zone,
            viewer=viewer,
            reach=reach,
            problems=tuple(problems),
        )

    @property
    def is_empty(self) -> bool:
        """Whether everybody is shown, in whatever order."""
        return replace(self, sort="") == Inbox()

    @property
    def order(self) -> str:
        """One of `SORTS`."""
        if self.sort and (self.sort != "best" or self.text):
            return self.sort
        return "best" if self.text else "newest"

    @property
    def args(self) -> dict[str, str | list[str]]:
        """The query of an address that asks for the same."""
        named: dict[str, str | list[str]] = {
            "q": self.text,
            "tab": self.tab,
            "stage": self.stage,
            **{name: getattr(self, name) for name in (*_NAMES, "qualified", "resume", "held")},
            "answer": list(self.answers),
            "from": self.applied_from.isoformat() if self.applied_from else "",
            "to": self.applied_to.isoformat() if self.applied_to else "",
            "sort": self.sort,
        }
        return {name: value for name, value in named.items() if value}

    def chips(self, labels: Mapping[str, str]) -> list[Chip]:
        """What is asked, filter by filter. `labels`: words for values by their term (`Choices.labels`)."""
        return [Chip(label, changed.args) for label, changed in self._chips(labels)]

    def _chips(self, labels: Mapping[str, str]) -> Iterator[tuple[str, Inbox]]:
        for name, words_of in _CHIPS.items():
            value = getattr(self, name)
            if value:
                known = labels.get(tokens.term(name, value), _VALUES.get(value, value))
                yield _YES_OR_NO.get((name, value)) or words_of.format(known), self._without(name)
        for answer in self.answers:
            rest = tuple(one for one in self.answers if one != answer)
            yield labels.get(_answer_term(answer), "An answer nobody gave"), replace(self, answers=rest)
        if self.applied_from:
            yield f"Applied from {date_words.day(self.applied_from)}", replace(self, applied_from=None)
        if self.applied_to:
            yield f"Applied until {date_words.day(self.applied_to)}", replace(self, applied_to=None)

    def _without(self, name: str) -> Inbox:
        changes: dict[str, Any] = {name: ""}
        return replace(self, **changes)

    @property
    def query(self) -> Query:
        """What is asked of the index."""
        since, before = moments(self.applied_from, self.applied_to, self.zone)
        groups: list[tuple[str, ...]] = [(term,) for term in self._terms()]
        if self.reach.is_limited:
            groups.append(self.reach.terms)
        if since or before:
            groups.append(tokens.applied_terms(since, before))
        return Query(self.text, tuple(groups), since=since, before=before)

    def _terms(self) -> Iterator[str]:
        named = {name: getattr(self, name) for name in ("stage", "qualified", "resume", "held", *_NAMES)}
        me = self.viewer or "nobody"
        named["assigned"] = me if self.assigned == "me" else self.assigned
        named["tab"] = self.tab if self.tab != "mine" else ""
        named["mine"] = me if self.tab == "mine" else ""
        yield from (tokens.term(name, value) for name, value in named.items() if value)
        yield from map(_answer_term, self.answers)


_NAMES: Final = ("job", "company", "campaign", "state", "city", "assigned", "tag")
_CHIPS: Final = {
    "text": "“{}”",
    "stage": "Stage: {}",
    "job": "Job: {}",
    "company": "Company: {}",
    "campaign": "Campaign: {}",
    "state": "State: {}",
    "city": "City: {}",
    "qualified": "Qualified: {}",
    "resume": "Résumé: {}",
    "assigned": "Assigned to: {}",
    "tag": "Tag: {}",
    "held": "Held: {}",
}
_YES_OR_NO: Final = {
    ("qualified", "yes"): "Qualified",
    ("qualified", "no"): "Not qualified",
    ("resume", "yes"): "With résumé",
    ("resume", "no"): "Without résumé",
    ("held", "yes"): "Held",
    ("held", "no"): "Not held",
}
_VALUES: Final = {stage.value: stage.label for stage in Stage}


def _answers(args: Mapping[str, str], problems: list[str]) -> tuple[str, ...]:
    several: Any = getattr(args, "getlist", None)
    sent = several("answer") if several else [args["answer"]] if "answer" in args else []
    asked = dict.fromkeys(value.strip() for value in sent if value.strip())
    known = tuple(value for value in asked if _ANSWER.fullmatch(value))[:MAX_ANSWERS]
    if len(known) < len(asked):
        problems.append(f"Not every answer could be read, or there are more than {MAX_ANSWERS}; those were left out.")
    return known


def _answer_term(value: str) -> str:
    return tokens.FACT + value
