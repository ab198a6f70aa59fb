"""Applications begun and not finished, as the Platform API lists them: partial people, partial answers."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from dashboard.sandbox.applications import fill_in
from dashboard.sandbox.envelopes import COMPLETED, STARTED, Payload, application, event, stamp
from dashboard.sandbox.jobs import JOBS
from dashboard.sandbox.people import CAST, somebody
from dashboard.sandbox.scenes import Scene

_COUNT: Final = 28
_SHARED: Final = ("tlrApplicationId", "tlrSid")


def incomplete_applications(seed: int, now: datetime, events: Iterable[Payload]) -> list[Payload]:
    """`data` with `completed` false, newest last: strangers, those of `events` that only began, and earlier
    attempts by people who later completed, which can be linked by one key each (talroo-contract §5).
    """
    rng = random.Random(f"{seed}-incomplete")
    known = list(events)
    begun = [copy.deepcopy(found["data"]) for found in known if found["type"] == STARTED]
    fresh = [_abandoned(number, now, rng) for number in range(_COUNT)]
    return sorted(fresh + begun + _first_attempts(known, rng), key=lambda data: str(data["createdAt"]))


def unfinished(applications: Iterable[Payload], reference: str) -> list[Payload]:
    """Those of `applications` that were begun and not finished, for the job of that reference."""
    return [
        data
        for data in applications
        if data["completed"] is False and str(data["job"].get("originalJobReference")) == reference
    ]


def finishing(data: Payload, at: datetime) -> Payload:
    """The event of an unfinished application's completion: the same ids, so that it is recognised."""
    done = {**copy.deepcopy(data), "completed": True, "qualified": True, "applicationTime": stamp(at)}
    return event(random.Random(), COMPLETED, done, at)


def _abandoned(number: int, now: datetime, rng: random.Random) -> Payload:
    age = timedelta(minutes=20) + timedelta(days=9) * (number / _COUNT) ** 1.5
    first, last = CAST[rng.choice(list(CAST))] if number % 7 == 3 else (None, "?")
    scene = Scene(rng.choice(list(JOBS)), file="pdf" if number % 4 == 0 else "none", nested=number % 2 == 0, deep=True)
    filled = fill_in(scene, somebody(rng, first=first, last=last), now - age, rng)
    data = copy.deepcopy(application(rng, replace(filled, submitted=None, qualified=None)))
    _FADES[number % len(_FADES)](data, rng)
    return data


def _first_attempts(events: list[Payload], rng: random.Random) -> list[Payload]:
    """Three attempts before three completed applications: one shares the application id, one the click, one neither."""
    finished = [found["data"] for found in events if found["type"] == COMPLETED and found["data"].get("tlrSid")][-9::4]
    attempts = []
    for number, later in enumerate(finished[:3]):
        attempt = copy.deepcopy(later)
        started = datetime.fromisoformat(later["createdAt"]) - timedelta(minutes=50)
        attempt.update(
            id=rng.randrange(10**9, 10**10),
            completed=False,
            qualified=None,
            applicationTime=None,
            createdAt=stamp(started),
            questionsAndAnswers=[],
        )
        attempt["applicant"].pop("resume", None)
        for key in _SHARED[:number] + _SHARED[number + 1 :] if number < len(_SHARED) else _SHARED:
            attempt[key] = None
        attempts.append(attempt)
    return attempts


def _keep(data: Payload, share: float) -> None:
    """Only the first questions: that far they came."""
    given = data["questionsAndAnswers"]
    questions = given["questionsAndAnswers"] if isinstance(given, dict) else given
    del questions[max(1, int(len(questions) * share)) :]


def _half_way(data: Payload, rng: random.Random) -> None:
    _keep(data, rng.choice((0.3, 0.5, 0.7)))
    data["analytics"] = {}


def _all_but_submit(data: Payload, rng: random.Random) -> None:
    data["redirectUrl"] = None


def _blank(*names: str, questions: Any = None) -> Callable[[Payload, random.Random], None]:
    """Somebody who stopped at the contact page without giving the named fields."""

    def fade(data: Payload, rng: random.Random) -> None:
        data["applicant"].update(dict.fromkeys(names))
        data["applicant"].pop("resume", None)
        data["questionsAndAnswers"] = copy.deepcopy(questions)

    return fade


def _no_applicant(data: Payload, rng: random.Random) -> None:
    data["applicant"] = {}
    data["questionsAndAnswers"] = []


_HOME: Final = ("address", "city", "state", "zipcode")
_FADES: Final[tuple[Callable[[Payload, random.Random], None], ...]] = (
    _half_way,
    _blank(questions=[]),
    _blank("phone", *_HOME, questions={"questionsAndAnswers": []}),
    _all_but_submit,
    _blank("firstName", "lastName", "phone", *_HOME),
    _half_way,
    _blank("emailAddress", *_HOME, questions={}),
    _blank("address", questions=[]),
    _half_way,
    _blank("lastName", "emailAddress", "phone", *_HOME, questions=[]),
    _no_applicant,
)
"""How far people come before they stop; nobody answers at the last two."""
