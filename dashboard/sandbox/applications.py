"""The events the fake Talroo delivers: a catalogue of the past few days, and an endless stream after it."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from dashboard.sandbox import attachments
from dashboard.sandbox.answers import Mood, answered
from dashboard.sandbox.envelopes import STARTED, Filled, Payload, a_while_before, application, event, stamp
from dashboard.sandbox.jobs import JOBS
from dashboard.sandbox.people import CAST, Person, phone, somebody
from dashboard.sandbox.questionnaires import EXTRAS, QUESTIONNAIRES, Question
from dashboard.sandbox.resumes import compose
from dashboard.sandbox.scenes import SCENES, WITHDRAWN, Scene

SEED: Final = 20
_PAST: Final = timedelta(days=4)
_LATEST: Final = timedelta(minutes=3)
_STREAM_FILES: Final = (
    "pdf",
    "pdf",
    "pdf",
    "pdf-photo",
    "docx",
    "docx",
    "rtf",
    "txt",
    "png",
    "none",
    "none",
    "truncated",
)


def catalogue(seed: int = SEED, now: datetime | None = None) -> list[Payload]:
    """Event envelopes (talroo-contract §1) in the order they happened, up to a few minutes before `now` (UTC).

    Seed and `now` decide everything; event ids depend on the seed alone.
    """
    rng = random.Random(seed)
    known: dict[str, Person] = {}
    moments = _moments(len(SCENES), now or datetime.now(UTC))
    events: list[Payload] = []
    for scene, moment in zip(SCENES, moments, strict=True):
        events.append(_perform(scene, _person(scene, known, rng), moment, rng))
        if scene.twist == "sent-again":
            events.append(_again(events[-1], moment, rng))
    _join_returning(events)
    return events


def next_application(rng: random.Random, now: datetime) -> Payload:
    """One more completed application, submitted at `now` (UTC), mostly ordinary."""
    scene = Scene(
        job=rng.choice(list(JOBS)),
        file=rng.choice(_STREAM_FILES),
        name=rng.choice(list(CAST)) if rng.random() < 0.15 else None,
        qualified=rng.random() < 0.85,
        nested=rng.random() < 0.7,
        skips=rng.random() < 0.15,
        deep=rng.random() < 0.5,
        extras=("letter",) if rng.random() < 0.2 else (),
    )
    return _perform(scene, _person(scene, {}, rng), now, rng)


def never_pushed(seed: int, now: datetime) -> list[Payload]:
    """`data` of completed applications whose events were lost: only the Platform API has them."""
    rng = random.Random(f"{seed}-never-pushed")
    return [next_application(rng, now - timedelta(hours=hours))["data"] for hours in (31, 22, 9)]


def fill_in(scene: Scene, person: Person, moment: datetime, rng: random.Random) -> Filled:
    """What `person` filled in by `moment`, when they submitted."""
    job = JOBS[scene.job]
    resume = compose(person, job.trade, rng, this_year=moment.year, positions=rng.choice((2, 3, 3, 4, 7)))
    mood = Mood(
        rng=rng,
        today=moment.date(),
        qualified=scene.qualified,
        skips=scene.skips,
        deep=scene.deep,
        file=lambda: attachments.document(scene.letter, resume, rng),
    )
    questions = answered(_asked(scene, job.trade), mood)
    return Filled(
        person=person,
        job=job,
        resume=attachments.document(scene.file, resume, rng),
        questions={"questionsAndAnswers": questions} if scene.nested else questions,
        started=a_while_before(rng, moment),
        submitted=moment,
        qualified=scene.qualified,
    )


def _moments(count: int, now: datetime) -> list[datetime]:
    """Times that grow denser towards now, oldest first: an inbox has more of today than of last week."""
    oldest = _PAST - _LATEST
    ages = (oldest * ((count - 1 - number) / (count - 1)) ** 1.7 + _LATEST for number in range(count))
    return [now.replace(microsecond=0) - timedelta(seconds=round(age.total_seconds())) for age in ages]


def _person(scene: Scene, known: dict[str, Person], rng: random.Random) -> Person:
    if scene.who in known:
        person = known[scene.who or ""]
        return person if scene.who == "returning" else _rewritten(person, rng)
    first, last = CAST[scene.name] if scene.name else (None, "?")
    person = somebody(rng, first=first, last=last)
    if scene.who:
        known[scene.who] = person
    return person


def _rewritten(person: Person, rng: random.Random) -> Person:
    """The same person on another day: same email in another case, name and phone written differently."""
    change = rng.choice((str.upper, str.lower, lambda name: f"{name[0]}."))
    return replace(
        person, first=change(person.first), email=person.email.capitalize(), phone=phone(rng, person.town), address=None
    )


def _asked(scene: Scene, trade: str) -> list[Question]:
    extras = [{**EXTRAS[name], "required": True} if name == "letter" else EXTRAS[name] for name in scene.extras]
    ids = {question["id"] for question in extras}
    return [question for question in QUESTIONNAIRES[trade] if question["id"] not in ids] + extras


def _perform(scene: Scene, person: Person, moment: datetime, rng: random.Random) -> Payload:
    filled = fill_in(scene, person, moment, rng)
    if scene.kind == STARTED:
        filled = replace(filled, resume=None, questions=[], submitted=None, qualified=None)
    # A copy, because questions are shared between applications and a twist may change them.
    data = copy.deepcopy(application(rng, filled))
    if scene.kind == WITHDRAWN:
        data = {"id": data["id"], "tlrApplicationId": data["tlrApplicationId"], "withdrawnAt": stamp(moment)}
    TWISTS.get(scene.twist, _as_it_is)(data)
    return event(rng, scene.kind, data, moment + timedelta(seconds=1))


def _again(first: Payload, moment: datetime, rng: random.Random) -> Payload:
    """The same application under a new event id, as after an answer that was lost."""
    return event(rng, first["type"], copy.deepcopy(first["data"]), moment + timedelta(seconds=40))


def _join_returning(events: list[Payload]) -> None:
    """Who begins and comes back keeps the click and Talroo's application id, but not `data.id`."""
    finished = next(found["data"] for found in events if found["data"].pop("_completesStarted", False))
    begun = next(
        found["data"]
        for found in events
        if found["type"] == STARTED
        and found["data"]["applicant"]["emailAddress"] == finished["applicant"]["emailAddress"]
    )
    finished.update(tlrSid=begun["tlrSid"], tlrApplicationId=begun["tlrApplicationId"])


def _as_it_is(data: Payload) -> None:
    """Nothing odd."""


def _completes_started(data: Payload) -> None:
    data["_completesStarted"] = True


def _numbers(data: Payload) -> None:
    data["job"]["zipcode"] = int(data["job"]["zipcode"])
    data["applicant"]["zipcode"] = int(data["applicant"]["zipcode"])
    for entry in data["questionsAndAnswers"]["questionsAndAnswers"]:
        _number_bounds(entry)


def _number_bounds(entry: dict[str, Any]) -> None:
    question = entry["question"]
    question.update({key: int(question[key]) for key in ("min", "max", "limit") if key in question})
    if question.get("format") == "integer" and entry["answer"]:
        entry["answer"] = int(entry["answer"])


def _strings(data: Payload) -> None:
    data["id"] = str(data["id"])
    data["campaignId"] = str(data["campaignId"])
    data["job"].update(jobId=str(data["job"]["jobId"]), sourceId=str(data["job"]["sourceId"]))


def _no_address(data: Payload) -> None:
    data["applicant"]["address"] = None


def _no_questions(data: Payload) -> None:
    data["questionsAndAnswers"] = None


def _empty_questions(data: Payload) -> None:
    data["questionsAndAnswers"] = {}


def _no_click(data: Payload) -> None:
    del data["tlrSid"]


def _lost_zero(data: Payload) -> None:
    """A zip code of New England after it went through a spreadsheet."""
    data["applicant"].update(city="Springfield", state="MA", zipcode=1103)


def _unknown_fields(data: Payload) -> None:
    data["applicant"]["pronouns"] = "they/them"
    data["interviewSlots"] = [{"from": "09:00", "to": "11:30"}]
    data["score"] = 0.7312500000000001


TWISTS: Final[dict[str | None, Callable[[Payload], None]]] = {
    "completes-started": _completes_started,
    "numbers": _numbers,
    "strings": _strings,
    "no-address": _no_address,
    "no-questions": _no_questions,
    "empty-questions": _empty_questions,
    "no-click": _no_click,
    "lost-zero": _lost_zero,
    "unknown-fields": _unknown_fields,
}
"""What is odd about a payload → the function that makes it so, in place."""
