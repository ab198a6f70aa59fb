"""Any number of made-up applications, quickly: other people and ids every time, answers and résumés used again."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from dashboard.sandbox import attachments
from dashboard.sandbox.answers import Mood, answered
from dashboard.sandbox.envelopes import COMPLETED, Filled, Payload, a_while_before, application, event
from dashboard.sandbox.jobs import JOBS, Job
from dashboard.sandbox.people import own_phone, somebody
from dashboard.sandbox.questionnaires import QUESTIONNAIRES
from dashboard.sandbox.resumes import compose
from dashboard.sandbox.word import resume_text

_VARIANTS: Final = 12
"""Sets of answers a job."""
_RESUMES: Final = ("pdf", "docx", "rtf", "txt")
"""Résumés a job, one of each kind."""
_RESUME_EVERY: Final = 10
_LONGEST: Final = timedelta(days=365)
_APART: Final = timedelta(minutes=2)


@dataclass(frozen=True, slots=True)
class _Variant:
    """How somebody might apply for a job; a résumé comes with the text in it."""

    job: Job
    questions: Any
    qualified: bool
    resumes: tuple[tuple[Payload, str], ...]


def many(rng: random.Random, count: int, until: datetime) -> Iterator[tuple[Payload, str | None]]:
    """`count` completed events (talroo-contract §1) up to `until` (UTC), oldest first, each with its résumé's text.

    One in ten has a résumé. They lie two minutes apart, closer where that would be more than a year.
    """
    variants = list(_variants(rng, until))
    span = min(_LONGEST, _APART * count)
    # Talroo's ids are numbers; these are long enough that another run's cannot be the same.
    first_id = rng.randrange(10**14, 10**17)
    for number in range(count):
        moment = until - span * ((count - number) / count)
        variant = rng.choice(variants)
        resume, text = rng.choice(variant.resumes) if number % _RESUME_EVERY == 0 else (None, None)
        filled = Filled(
            # Few fictional numbers there are: of a million people, five hundred would be taken for the same one.
            person=replace(somebody(rng), phone=own_phone(rng)),
            job=variant.job,
            resume=resume,
            questions=variant.questions,
            started=a_while_before(rng, moment),
            submitted=moment,
            qualified=variant.qualified,
        )
        data = application(rng, filled) | {"id": first_id + number}
        yield event(rng, COMPLETED, data, moment), text


def _variants(rng: random.Random, until: datetime) -> Iterator[_Variant]:
    for job in JOBS.values():
        resumes = tuple(_resume(kind, job, rng, until) for kind in _RESUMES)
        for number in range(_VARIANTS):
            mood = Mood(rng, until.date(), qualified=number % 6 != 0, skips=number % 5 == 0, deep=number % 2 == 0)
            questions = answered(QUESTIONNAIRES[job.trade], mood)
            nested = number % 3 > 0
            yield _Variant(job, {"questionsAndAnswers": questions} if nested else questions, mood.qualified, resumes)


def _resume(kind: str, job: Job, rng: random.Random, until: datetime) -> tuple[Payload, str]:
    content = compose(somebody(rng), job.trade, rng, this_year=until.year, positions=2)
    document = attachments.document(kind, content, rng)
    assert document is not None
    return document, resume_text(content).decode()
