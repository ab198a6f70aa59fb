"""Talroo's shapes, filled in: the event, the application in it, and an application that was only begun."""

from __future__ import annotations

import random
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from dashboard.sandbox.jobs import Job
from dashboard.sandbox.people import Person

Payload = dict[str, Any]

COMPLETED: Final = "platform:JobApplication:completed:v2"
STARTED: Final = "platform:JobApplication:started:v1"

_EVENT_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_BROWSERS: Final = tuple(
    f"Mozilla/5.0 ({device}) {engine}"
    for device, engine in (
        (
            "iPhone; CPU iPhone OS 18_5 like Mac OS X",
            "AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 Safari/604.1",
        ),
        ("Linux; Android 15; Pixel 8", "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/139.0.0.0 Mobile Safari/537.36"),
        ("Windows NT 10.0; Win64; x64; rv:142.0", "Gecko/20100101 Firefox/142.0"),
        ("X11; CrOS x86_64 14541.0.0", "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0 Safari/537.36"),
    )
)


def stamp(moment: datetime) -> str:
    """A UTC time as Talroo writes it, to the second."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def identity(rng: random.Random) -> str:
    """A made-up UUID, the form of click and application ids."""
    return str(uuid.UUID(int=rng.getrandbits(128), version=4))


@dataclass(frozen=True, slots=True)
class Filled:
    """What an applicant filled in. `questions` is already in its final form, nested or plain."""

    person: Person
    job: Job
    resume: Payload | None
    questions: Any
    started: datetime
    submitted: datetime | None
    qualified: bool | None = True


def event(rng: random.Random, kind: str, data: Payload, at: datetime) -> Payload:
    """The envelope around `data` (talroo-contract §1)."""
    return {
        "id": "".join(rng.choices(_EVENT_ALPHABET, k=13)),
        "initiator": "".join(rng.choices("0123456789abcdefghijklmnopqrstuv", k=26)),
        "requestId": identity(rng),
        "correlationId": identity(rng),
        "type": kind,
        "data": data,
        "createdAt": stamp(at),
    }


def application(rng: random.Random, filled: Filled) -> Payload:
    """`data` of an event, and an item of the Platform API's list."""
    return {
        "id": rng.randrange(10**9, 10**10),
        "job": filled.job.as_json(),
        "tlrSid": identity(rng),
        "applicant": _applicant(filled.person, filled.resume),
        "completed": filled.submitted is not None,
        "qualified": filled.qualified,
        "createdAt": stamp(filled.started),
        "segmentId": filled.job.segment_id,
        "campaignId": filled.job.campaign_id,
        "redirectUrl": rng.choice((None, None, "https://careers.example.com/thanks")),
        "tlrApplicationId": identity(rng),
        "applicationTime": stamp(filled.submitted) if filled.submitted else None,
        "questionsAndAnswers": filled.questions,
        "qualifyingQuestionAnswers": [],
        "analytics": {"userAgent": rng.choice(_BROWSERS)},
    }


def _applicant(person: Person, resume: Payload | None) -> Payload:
    found: Payload = {
        "city": person.town.city,
        "phone": person.phone,
        "state": person.town.state,
        "address": person.address,
        "zipcode": person.town.zipcode,
        "lastName": person.last,
        "firstName": person.first,
        "emailAddress": person.email,
    }
    # Talroo leaves the key out when nothing was attached, rather than sending null.
    return {**found, "resume": resume} if resume else found


def a_while_before(rng: random.Random, moment: datetime) -> datetime:
    """When somebody who submitted at `moment` began: 2 to 25 minutes earlier."""
    return moment - timedelta(seconds=rng.randrange(120, 1500))
