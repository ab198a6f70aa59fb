"""What somebody asked to see, as values that become SELECTs. Building one never touches the database."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, func, or_, select
from sqlalchemy.orm import Session

from dashboard import search
from dashboard.asking import day, one_of, words
from dashboard.inbox import Inbox, inbox_batches, inbox_ids, inbox_page, inbox_total
from dashboard.models import Application, Attachment, Delivery, Job
from dashboard.paging import COUNT_LIMIT, Page, count, rows_after

__all__ = [
    "Deliveries",
    "Inbox",
    "Incomplete",
    "application",
    "attachment",
    "day",
    "deliveries_page",
    "delivery",
    "inbox_batches",
    "inbox_ids",
    "inbox_page",
    "inbox_total",
    "incomplete_page",
    "job_choices",
    "job_words",
    "jobs_called",
    "one_of",
    "others_of",
    "status_counts",
    "with_chosen",
    "words",
]


@dataclass(frozen=True, slots=True)
class Incomplete:
    """Which incomplete applications somebody asked to see."""

    text: str = ""

    @property
    def is_empty(self) -> bool:
        return not self.text

    @property
    def args(self) -> dict[str, str]:
        return {"q": self.text} if self.text else {}

    def statement(self, dialect: str) -> Select[Any]:
        return search.narrow(select(Application).where(Application.inbox_no.is_(None)), self.text, dialect)


def incomplete_page(session: Session, asked: Incomplete, cursor: str | None) -> Page[Application]:
    """One page of incomplete applications, newest first."""
    found = asked.statement(session.get_bind().dialect.name)
    rows, following = rows_after(session, found, cursor, None, Application.id)
    return Page(rows, following, count(session, found.with_only_columns(Application.id)))


def others_of(session: Session, application: Application, limit: int = 50) -> Sequence[Application]:
    """The same person's other applications: the same e-mail address, or the same phone and last name."""
    same = []
    if application.email_key:
        same.append(Application.email_key == application.email_key)
    if application.phone_key and application.last_name:
        same.append(
            (Application.phone_key == application.phone_key)
            & (func.lower(Application.last_name) == application.last_name.lower())
        )
    if not same:
        return ()
    return session.scalars(
        select(Application)
        .where(or_(*same), Application.id != application.id, Application.is_finished())
        # As a bare column, its index would offer itself, and everybody would be walked through for one person.
        .order_by((Application.inbox_no + 0).desc())
        .limit(limit)
    ).all()


def application(session: Session, public_id: str, *, completed: bool) -> Application | None:
    return session.scalar(
        select(Application).where(Application.public_id == public_id, Application.completed.is_(completed))
    )


def attachment(session: Session, public_id: str) -> Attachment | None:
    return session.scalar(select(Attachment).where(Attachment.public_id == public_id))


def jobs_called(name: str) -> Select[Any]:
    """The jobs somebody means by `name`: a public id, or a reference or a title, which several may share."""
    return select(Job.id).where(or_(Job.public_id == name, Job.reference == name, Job.title == name))


_JOBS: Any = select(Job.public_id, Job.reference, Job.title, Job.company, Job.city)


def job_choices(session: Session, chosen: str = "", limit: int = 500) -> list[tuple[str, str]]:
    """Jobs to filter by: what goes into the address, and what people read.

    An option is a public id, because two companies may use the same reference. Where `chosen` is spelt otherwise, the
    one job it means is offered in that spelling, and what means several stands first, so that a list shows it chosen.
    """
    rows = session.execute(_JOBS.order_by(Job.title, Job.company, Job.city, Job.id).limit(limit))
    choices = {public_id: job_words(*told) for public_id, *told in rows}
    return with_chosen(session, choices, chosen)


def with_chosen(session: Session, choices: Mapping[str, str], chosen: str) -> list[tuple[str, str]]:
    """`job_choices` where they are known already."""
    if not chosen or chosen in choices:
        return list(choices.items())
    meant = list(session.execute(_JOBS.where(Job.id.in_(jobs_called(chosen))).limit(2)))
    if len(meant) != 1:
        return [(chosen, chosen), *choices.items()]
    public_id, *told = meant[0]
    others = [(value, name) for value, name in choices.items() if value != public_id]
    return [(chosen, job_words(*told)), *others]


def job_words(reference: str, title: str | None, company: str | None, city: str | None) -> str:
    """A job as people tell it from the others."""
    return " · ".join(part for part in (title or f"Job {reference}", company, city) if part)


def completed_by(session: Session, applications: Iterable[Application]) -> dict[int, str]:
    """Which completed application took over an incomplete one: public ids by the incomplete one's id.

    The same Talroo application id says so, else the same click, else the same e-mail address for the same job
    reference (talroo-contract §5); of several the newest. One statement, however many are asked about.
    """
    asked = list(applications)
    columns: tuple[Any, ...] = (Application.tlr_application_id, Application.tlr_sid, Application.email_key)
    wanted = {column: {getattr(one, column.key) for one in asked} - {None, ""} for column in columns}
    matching = [column.in_(values) for column, values in wanted.items() if values]
    if not matching:
        return {}
    # "completed" is asked below: with it in here, SQLite walks the inbox's index instead of the three of these keys.
    matches = (
        select(Application.public_id, Application.completed, *columns, Job.reference)
        .outerjoin(Job, Job.id == Application.job_id)
        .where(or_(*matching))
        .order_by(Application.arrived_at, Application.id)
    )
    by_key: dict[tuple[str, ...], str] = {}
    for public_id, completed, *told in session.execute(matches):
        if completed:
            by_key.update(dict.fromkeys(_identities(*told), public_id))
    found = {}
    for one in asked:
        keys = _identities(one.tlr_application_id, one.tlr_sid, one.email_key, one.job.reference if one.job else None)
        took_over = next((by_key[key] for key in keys if key in by_key), None)
        if took_over:
            found[one.id] = took_over
    return found


def _identities(
    application: str | None, click: str | None, email: str | None, reference: str | None
) -> list[tuple[str, ...]]:
    """What tells that two applications are one person's for one job, the surest first."""
    keys = [("application", application), ("click", click), ("e-mail and job", email, reference)]
    return [tuple(str(part) for part in key) for key in keys if all(key)]


@dataclass(frozen=True, slots=True)
class Deliveries:
    """Which deliveries somebody asked to see."""

    status: str = ""

    def statement(self) -> Select[Any]:
        found = select(Delivery)
        return found.where(Delivery.status == self.status) if self.status else found


def deliveries_page(session: Session, asked: Deliveries, cursor: str | None) -> Page[Delivery]:
    """One page of deliveries, newest first."""
    rows, following = rows_after(session, asked.statement(), cursor, None, Delivery.id)
    return Page(rows, following, count(session, asked.statement().with_only_columns(Delivery.id)))


def delivery(session: Session, public_id: str) -> Delivery | None:
    return session.scalar(select(Delivery).where(Delivery.public_id == public_id))


def status_counts(session: Session, statuses: Iterable[str]) -> dict[str, int]:
    """How many deliveries need a look, by status, counted to the limit."""
    found = {status: count(session, select(Delivery.id).where(Delivery.status == status)) for status in statuses}
    return {status: COUNT_LIMIT if number is None else number for status, number in found.items()}
