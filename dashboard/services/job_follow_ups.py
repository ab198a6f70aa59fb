"""How incomplete applications for a job are followed up: its apply link, and the cadence that writes by itself."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from sqlalchemy import func, or_, select, true
from sqlalchemy.orm import Session, joinedload

from dashboard.mail_address import is_address
from dashboard.models import Application, FollowUp, Job, JobFollowUp, ReminderTemplate
from dashboard.services.cadence import MAX_DAYS, MAX_MESSAGES, ONLY_SINCE
from dashboard.services.reminder_words import BadAddress, BadWords, checked_apply_url, fields_in

USUAL_DAYS: Final = (1, 3, 7)
SHOWN_JOBS: Final = 200

_DAYS: Final = re.compile(r"[0-9]{1,3}", re.ASCII)


@dataclass(frozen=True, slots=True)
class JobRow:
    """A job with its settings, if it has any, and how many of its applications are open."""

    job: Job
    settings: JobFollowUp | None
    open: int


@dataclass(frozen=True, slots=True)
class Concerned:
    """Whom a cadence could write to: those who began of late and may still be written to; of them, who is next."""

    open: int
    planned: int


@dataclass(frozen=True, slots=True)
class Step:
    """One message of a cadence as somebody typed it: days after the application was begun, a template's public id."""

    days: str = ""
    template: str = ""

    @property
    def is_blank(self) -> bool:
        return not (self.days or self.template)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A job's settings as somebody typed them, with what they mean and what is wrong with them, by field."""

    apply_url: str = ""
    active: bool = False
    steps: tuple[Step, ...] = (Step(),) * MAX_MESSAGES
    problems: Mapping[str, str] = field(default_factory=dict)
    plan: Sequence[Mapping[str, Any]] = ()
    """The steps as `JobFollowUp.steps` holds them."""

    @classmethod
    def read(
        cls, form: Mapping[str, str], templates: Sequence[ReminderTemplate], *, usual_apply_url: str | None = None
    ) -> Wanted:
        """From a form. `templates`: those one may choose; `usual_apply_url`: what serves a job without its own."""
        steps = tuple(_step(form, number) for number in range(1, MAX_MESSAGES + 1))
        address, active = form.get("apply_url", "").strip(), form.get("active") == "yes"
        problems: dict[str, str] = {}
        _check_address(address, problems)
        # A cadence that is off may wait for its address; a message that is written by hand says what it lacks.
        has_link = bool(address or usual_apply_url) or not active
        plan = _plan(steps, {template.public_id: template for template in templates}, has_link, problems)
        if active and not any(not step.is_blank for step in steps):
            problems["days_1"] = "Enter after how many days the first email goes out, and choose its template."
        return cls(address, active, steps, problems, plan)

    @classmethod
    def of(cls, settings: JobFollowUp | None, templates: Sequence[ReminderTemplate]) -> Wanted:
        """What is saved, as it would be typed; where nothing is, a cadence to begin with, turned off."""
        if settings is None:
            offered = [template for template in templates if template.archived_at is None]
            usual = [Step(str(days), template.public_id) for days, template in zip(USUAL_DAYS, offered, strict=False)]
            return cls(steps=_filled_up(usual))
        public_ids = {template.id: template.public_id for template in templates}
        saved = settings.steps[:MAX_MESSAGES]
        steps = [Step(str(step["days"]), public_ids.get(step["template"], "")) for step in saved]
        return cls(settings.apply_url or "", settings.active, _filled_up(steps), plan=settings.steps)


def listed(session: Session, text: str = "") -> Sequence[JobRow]:
    """The jobs that have open applications or settings, those with most open ones first; `text` is in their words."""
    counted = (
        select(Application.job_id, func.count().label("number"))
        .join(FollowUp, FollowUp.application_id == Application.id)
        .where(FollowUp.completed_at.is_(None))
        .group_by(Application.job_id)
        .subquery()
    )
    number = func.coalesce(counted.c.number, 0)
    found = (
        select(Job, JobFollowUp, number)
        .outerjoin(JobFollowUp, JobFollowUp.job_id == Job.id)
        .outerjoin(counted, counted.c.job_id == Job.id)
        .where(or_(counted.c.number.is_not(None), JobFollowUp.job_id.is_not(None)))
        .order_by(number.desc(), Job.title, Job.id)
        .limit(SHOWN_JOBS)
    )
    if text:
        found = found.where(or_(*(column.icontains(text, autoescape=True) for column in _SEARCHED)))
    return [JobRow(job, settings, count) for job, settings, count in session.execute(found)]


_SEARCHED: Final = (Job.title, Job.company, Job.city, Job.reference)


@dataclass(frozen=True, slots=True)
class Opened:
    """A job as somebody opens it to say how it is followed up: its settings, if it has any, and all templates."""

    job: Job
    settings: JobFollowUp | None
    templates: Sequence[ReminderTemplate]


def opened(session: Session, public_id: str) -> Opened | None:
    """One job with its settings and every template there is (in `reminder_templates.listed`'s order); one statement."""
    author = joinedload(JobFollowUp.updated_by), joinedload(ReminderTemplate.updated_by)
    found = (
        select(Job, JobFollowUp, ReminderTemplate)
        .outerjoin(JobFollowUp, JobFollowUp.job_id == Job.id)
        .outerjoin(ReminderTemplate, true())
        .where(Job.public_id == public_id)
        .order_by(ReminderTemplate.archived_at.is_not(None), ReminderTemplate.id)
    )
    rows = session.execute(found.options(*author)).all()
    if not rows:
        return None
    return Opened(rows[0].Job, rows[0].JobFollowUp, [row.ReminderTemplate for row in rows if row.ReminderTemplate])


def concerned(session: Session, job: Job, now: datetime) -> Concerned:
    """Whom this job's cadence concerns now, were it on or is."""
    found = (
        select(Application.email, FollowUp.next_message_at)
        .join(Application, Application.id == FollowUp.application_id)
        .where(
            Application.job_id == job.id,
            FollowUp.completed_at.is_(None),
            FollowUp.opted_out_at.is_(None),
            FollowUp.since >= now - ONLY_SINCE,
            FollowUp.messages < MAX_MESSAGES,
        )
    )
    planned = [next_at for email, next_at in session.execute(found) if is_address(email)]
    return Concerned(open=len(planned), planned=sum(1 for next_at in planned if next_at is not None))


def save(session: Session, job: Job, wanted: Wanted, *, user_id: int | None, at: datetime) -> JobFollowUp:
    """Keep what is wanted of `job`, which must have no problems."""
    settings = session.get(JobFollowUp, job.id) or JobFollowUp(job_id=job.id)
    settings.apply_url = wanted.apply_url or None
    settings.active = wanted.active
    settings.steps = [dict(step) for step in wanted.plan]
    settings.updated_at, settings.updated_by_id = at, user_id
    session.add(settings)
    session.flush()
    return settings


# --- reading a form -------------------------------------------------------------------------------------------------


def _filled_up(steps: Sequence[Step]) -> tuple[Step, ...]:
    return (*steps, *[Step()] * (MAX_MESSAGES - len(steps)))


def _step(form: Mapping[str, str], number: int) -> Step:
    return Step(form.get(f"days_{number}", "").strip(), form.get(f"template_{number}", "").strip())


def _check_address(address: str, problems: dict[str, str]) -> None:
    try:
        if address:
            checked_apply_url(address)
    except BadAddress as problem:
        problems["apply_url"] = str(problem)


def _plan(
    steps: Sequence[Step], templates: Mapping[str, ReminderTemplate], has_link: bool, problems: dict[str, str]
) -> list[dict[str, Any]]:
    """The steps that were filled in. What is wrong with one goes into `problems`."""
    plan: list[dict[str, Any]] = []
    for number, step in enumerate(steps, 1):
        if step.is_blank:
            continue
        days = _days(step.days, plan, number, problems)
        template = _chosen(step.template, templates, has_link, number, problems)
        if days and template:
            plan.append({"days": days, "template": template.id})
    return plan


def _days(typed: str, plan: Sequence[Mapping[str, Any]], number: int, problems: dict[str, str]) -> int | None:
    least = plan[-1]["days"] + 1 if plan else 1
    if _DAYS.fullmatch(typed) and least <= int(typed) <= MAX_DAYS:
        return int(typed)
    later = f"more than for email {number - 1}, " if plan else ""
    problems[f"days_{number}"] = f"Enter a number of days: {later}at most {MAX_DAYS}."
    return None


def _chosen(
    public_id: str, templates: Mapping[str, ReminderTemplate], has_link: bool, number: int, problems: dict[str, str]
) -> ReminderTemplate | None:
    template = templates.get(public_id)
    if template is None:
        problems[f"template_{number}"] = "Choose a template."
    elif not has_link and _uses_link(template):
        problems[f"template_{number}"] = "This template has the apply link. Enter the apply link above."
    return template


def _uses_link(template: ReminderTemplate) -> bool:
    try:
        return "apply_link" in fields_in(f"{template.subject}\n{template.body}")
    except BadWords:
        return False
