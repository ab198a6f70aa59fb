"""Drop-off: of those who began an application for a job, how many came to each question, and no further."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Row, ScalarSelect, Select, case, func, literal, or_, select
from sqlalchemy.orm import Session

from dashboard.models import Application, FollowUp, Job
from dashboard.services import reading
from dashboard.talroo.progress import FormQuestion

PERIOD: Final = timedelta(days=90)
WORST: Final = 50
CONTACT: Final = "Contact page"
"""What comes before a form's first question: everybody here has sent it, and some go no further."""
SUBMIT: Final = "Review and submit"
"""What comes after a form's last question."""
TELLING: Final = 3
"""So many people at least must have stopped at one place before it is named as where most stop."""


@dataclass(frozen=True, slots=True)
class Stop:
    """One step of the form: how many came to it, and how many of them went no further."""

    question: str
    reached: int
    left: int


@dataclass(frozen=True, slots=True)
class JobStops:
    """`started`: who began within `PERIOD`, and either finished or `left`. Without steps where nobody finished yet."""

    started: int
    left: int
    only_contact: int
    steps: tuple[Stop, ...]

    def share(self, number: int) -> float:
        """`number` of those who started, in percent."""
        return 100 * number / self.started if self.started else 0.0


@dataclass(frozen=True, slots=True)
class JobLoss:
    """One job among others. `where`: after which step, or before which question, most of those who left it stopped."""

    job: Job
    started: int
    left: int
    where: str

    @property
    def share(self) -> float:
        """Who left, of those who started, in percent."""
        return 100 * self.left / self.started


def of_job(session: Session, job: Job, *, now: datetime) -> JobStops:
    """Step by step, for one job, in two statements. A completed application counts as having come to every step."""
    left = _left_where(session, job.id, now)
    lost = sum(row.number for row in left)
    finished, form = reading.form_and(session, job.id, _finished(now, job.id))
    steps = _steps(form, left, lost + finished) if form else ()
    return JobStops(lost + finished, lost, sum(row.number for row in left if row.answered == 0), steps)


def worst_jobs(session: Session, *, now: datetime, limit: int = WORST) -> list[JobLoss]:
    """The jobs that most people left, those first. Two statements, however many jobs there are."""
    number = func.count().label("number")
    most = (
        _unfinished(now, Application.job_id, number)
        .where(Application.job_id.is_not(None))
        .group_by(Application.job_id)
        .order_by(number.desc(), Application.job_id)
        .limit(limit)
        .subquery()
    )
    found = select(Job, most.c.number, _finished(now, Job.id)).join(most, most.c.job_id == Job.id)
    lost = session.execute(found.order_by(most.c.number.desc(), Job.id)).all()
    places = _worst_places(session, [job.id for job, _left, _finished in lost], now)
    return [JobLoss(job, left + finished, left, places.get(job.id, "")) for job, left, finished in lost]


def _unfinished(now: datetime, *columns: Any) -> Select[Any]:
    """A SELECT over those who began within `PERIOD` and have not finished."""
    return (
        select(*columns)
        .select_from(FollowUp)
        .join(FollowUp.application)
        .where(FollowUp.completed_at.is_(None), FollowUp.since >= now - PERIOD)
    )


def _left_where(session: Session, job_id: int, now: datetime) -> Sequence[Row[Any]]:
    """How many left one job, by where: `stopped_at_id`, `answered`, `number`."""
    where = (FollowUp.stopped_at_id, FollowUp.answered)
    # An open follow-up's application is unfinished too: saying so lets the job's index pass over all the others.
    only = (Application.job_id == job_id, Application.completed.is_(False))
    counted = _unfinished(now, *where, func.count().label("number")).where(*only).group_by(*where)
    return list(session.execute(counted))


def _finished(now: datetime, job_id: Any) -> ScalarSelect[int]:
    """How many completed applications for a job, or for each of a statement's jobs, came within `PERIOD`."""
    came = (Application.completed.is_(True), Application.arrived_at >= now - PERIOD)
    return select(func.count()).select_from(Application).where(Application.job_id == job_id, *came).scalar_subquery()


def _worst_places(session: Session, job_ids: Iterable[int], now: datetime) -> dict[int, str]:
    """Where most of those who left a job stopped, in words, by job; left out where hardly anybody shares a place."""
    number, is_contact = func.count(), FollowUp.answered == 0
    place = case((is_contact, literal("")), else_=FollowUp.stopped_at_id)
    counted = (
        _unfinished(now, Application.job_id, func.max(case((is_contact, None), else_=FollowUp.stopped_at)))
        .where(Application.job_id.in_(job_ids), Application.completed.is_(False))
        .where(or_(is_contact, FollowUp.stopped_at.is_not(None)))
        .group_by(Application.job_id, place)
        .having(number >= TELLING)
        .order_by(number)
    )
    # Of a job's places the last stays: the one with the most.
    return {
        job_id: f"before “{question}”" if question else "after the contact page"
        for job_id, question in session.execute(counted)
    }


def _steps(form: Sequence[FormQuestion], left: Iterable[Row[Any]], started: int) -> tuple[Stop, ...]:
    places = {question.id: place for place, question in enumerate(form, 1)}
    lost: Counter[int] = Counter()
    for row in left:
        # Who answered nothing did not stop because of the first question. Where the form has changed since, how many
        # questions somebody answered says where they are.
        known = places.get(row.stopped_at_id, min(row.answered, len(form)) + 1)
        lost[known if row.answered else 0] += row.number
    steps = []
    for place, question in enumerate((CONTACT, *(one.text for one in form), SUBMIT)):
        steps.append(Stop(question, started, lost[place]))
        started -= lost[place]
    return tuple(steps)
