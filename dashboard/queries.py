"""What somebody asked to see, as values that become SELECTs. Building one never touches the database."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, func, or_, select
from sqlalchemy.orm import Session

from dashboard.models import Application, Attachment, Delivery, Job
from dashboard.paging import COUNT_LIMIT, Page, count, rows_after


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


def application(session: Session, public_id: str) -> Application | None:
    """One completed application. Unfinished ones are `worklist.follow_up`'s."""
    return session.scalar(
        select(Application).where(Application.public_id == public_id, Application.completed.is_(True))
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


def last_delivery(session: Session) -> Delivery | None:
    """What came last, by webhook or by pulling."""
    return session.scalar(select(Delivery).order_by(Delivery.id.desc()).limit(1))


def status_counts(session: Session, statuses: Iterable[str]) -> dict[str, int]:
    """How many deliveries need a look, by status, counted to the limit."""
    found = {status: count(session, select(Delivery.id).where(Delivery.status == status)) for status in statuses}
    return {status: COUNT_LIMIT if number is None else number for status, number in found.items()}
