"""Where people stop: of those who began an application for a job, how many came to each question, and no further."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Row, Select, func, select
from sqlalchemy.orm import Session

from dashboard.models import Application, FollowUp, Job
from dashboard.services import reading
from dashboard.talroo.progress import FormQuestion

PERIOD: Final = timedelta(days=90)
WORST: Final = 50
SUBMIT: Final = "Look it over and submit"
"""What comes after a form's last question."""


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
    """One job among others. `question`: before which most of those who left it stopped, where that is known."""

    job: Job
    started: int
    left: int
    question: str

    @property
    def share(self) -> float:
        """Who left, of those who started, in percent."""
        return 100 * self.left / self.started


def of_job(session: Session, job: Job, *, now: datetime) -> JobStops:
    """Step by step, for one job. A completed application counts as having come to every step."""
    left = _left_where(session, job.id, now)
    finished = _finished(session, [job.id], now).get(job.id, 0)
    lost = sum(row.number for row in left)
    form = reading.form(session, job.id)
    steps = _steps(form, left, lost + finished) if form else ()
    return JobStops(lost + finished, lost, sum(row.number for row in left if row.answered == 0), steps)


def worst_jobs(session: Session, *, now: datetime, limit: int = WORST) -> list[JobLoss]:
    """The jobs that most people left, those first. Three statements, however many jobs there are."""
    number = func.count()
    most = (
        _unfinished(now, Application.job_id, number)
        .where(Application.job_id.is_not(None))
        .group_by(Application.job_id)
        .order_by(number.desc(), Application.job_id)
        .limit(limit)
    )
    lost: dict[int, int] = {job_id: left for job_id, left in session.execute(most)}  # noqa: C416 - no pairs to mypy
    finished = _finished(session, lost, now)
    questions = _worst_questions(session, lost, now)
    jobs = {job.id: job for job in session.scalars(select(Job).where(Job.id.in_(lost)))}
    return [
        JobLoss(jobs[job_id], left + finished.get(job_id, 0), left, questions.get(job_id, ""))
        for job_id, left in lost.items()
    ]


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


def _finished(session: Session, job_ids: Iterable[int], now: datetime) -> dict[int, int]:
    """How many completed applications came within `PERIOD`, by job."""
    counted = (
        select(Application.job_id, func.count())
        .where(Application.job_id.in_(job_ids), Application.completed.is_(True), Application.arrived_at >= now - PERIOD)
        .group_by(Application.job_id)
    )
    return {job_id: number for job_id, number in session.execute(counted) if job_id is not None}


def _worst_questions(session: Session, job_ids: Iterable[int], now: datetime) -> dict[int, str]:
    number = func.count()
    counted = (
        _unfinished(now, Application.job_id, func.max(FollowUp.stopped_at))
        .where(Application.job_id.in_(job_ids), Application.completed.is_(False), FollowUp.stopped_at.is_not(None))
        .group_by(Application.job_id, FollowUp.stopped_at_id)
        .order_by(number)
    )
    # Of a job's questions the last stays: the one with the most.
    return {job_id: question for job_id, question in session.execute(counted)}  # noqa: C416 - no pairs to mypy


def _steps(form: Sequence[FormQuestion], left: Iterable[Row[Any]], started: int) -> tuple[Stop, ...]:
    places = {question.id: place for place, question in enumerate(form)}
    lost: Counter[int] = Counter()
    for row in left:
        # Where the form has changed since, how many questions somebody answered says where they are.
        lost[places.get(row.stopped_at_id, min(row.answered, len(form)))] += row.number
    steps = []
    for place, question in enumerate((*(one.text for one in form), SUBMIT)):
        steps.append(Stop(question, started, lost[place]))
        started -= lost[place]
    return tuple(steps)
