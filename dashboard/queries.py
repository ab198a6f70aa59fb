"""What somebody asked to see, as values that become SELECTs. Building one never touches the database."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, func, or_, select
from sqlalchemy.orm import Session, selectinload

from dashboard import search
from dashboard.models import Application, Attachment, Delivery, Job
from dashboard.paging import COUNT_LIMIT, Page, count, rows_after
from dashboard.stages import Stage

_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Inbox:
    """Which completed applications a recruiter asked to see. Dates are days in the viewer's zone, both inclusive."""

    text: str = ""
    stage: str = ""
    job: str = ""
    qualified: str = ""
    applied_from: date | None = None
    applied_to: date | None = None
    zone: tzinfo = UTC
    problems: tuple[str, ...] = field(default=(), compare=False)

    @classmethod
    def read(cls, args: Mapping[str, str], zone: tzinfo = UTC) -> Inbox:
        """From an address's query. What cannot be read is left out and named in `problems`, in words."""
        problems: list[str] = []
        return cls(
            text=words(args, "q", 200),
            stage=one_of(args, "stage", set(Stage), problems),
            job=words(args, "job", 255),
            qualified=one_of(args, "qualified", {"yes", "no"}, problems),
            applied_from=day(args, "from", problems),
            applied_to=day(args, "to", problems),
            zone=zone,
            problems=tuple(problems),
        )

    @property
    def is_empty(self) -> bool:
        return not self.args

    @property
    def args(self) -> dict[str, str]:
        """The query of an address that asks for the same."""
        return args_of(self, text="q", applied_from="from", applied_to="to", zone=None)

    def statement(self, dialect: str) -> Select[Any]:
        """The applications asked for, in no order."""
        found = select(Application).where(Application.completed.is_(True), *self._conditions())
        return search.narrow(found, self.text, dialect) if self.text else found

    def _conditions(self) -> Iterator[ColumnElement[bool]]:
        if self.stage:
            yield Application.stage == self.stage
        if self.job:
            yield Application.job_id.in_(jobs_called(self.job))
        if self.qualified:
            yield Application.qualified.is_(self.qualified == "yes")
        if self.applied_from:
            yield Application.applied_at >= self._midnight(self.applied_from)
        if self.applied_to:
            yield Application.applied_at < self._midnight(self.applied_to + timedelta(days=1))

    def _midnight(self, day: date) -> datetime:
        return datetime.combine(day, time(), self.zone).astimezone(UTC)


def inbox_page(session: Session, asked: Inbox, cursor: str | None) -> Page[Application]:
    """One page of applications, newest arrival first, with what a row shows."""
    found = asked.statement(session.get_bind().dialect.name)
    loaded = found.options(selectinload(Application.attachments))
    rows, following = rows_after(session, loaded, cursor, Application.arrived_at, Application.id)
    return Page(rows, following, count(session, found.with_only_columns(Application.id)))


def inbox_batches(session: Session, asked: Inbox, size: int = 500) -> Iterator[Sequence[Application]]:
    """All applications asked for, in batches, for a download."""
    found = asked.statement(session.get_bind().dialect.name).options(selectinload(Application.attachments))
    cursor: str | None = None
    while True:
        rows, cursor = rows_after(session, found, cursor, Application.arrived_at, Application.id, size)
        yield rows
        session.expunge_all()
        if cursor is None:
            return


def other_counts(session: Session, applications: Iterable[Application]) -> dict[int, int]:
    """How many other completed applications the same person has, by application id."""
    applications = list(applications)
    keys = {application.email_key for application in applications if application.email_key}
    if not keys:
        return {}
    rows = session.execute(
        select(Application.email_key, func.count())
        .where(Application.email_key.in_(keys), Application.is_finished())
        .group_by(Application.email_key)
    )
    counted: dict[str | None, int] = {key: number for key, number in rows}  # noqa: C416 - rows are no pairs to mypy
    return {one.id: counted.get(one.email_key, 1) - 1 for one in applications}


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
        .order_by(Application.arrived_at.desc(), Application.id.desc())
        .options(selectinload(Application.attachments))
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


def job_choices(session: Session, chosen: str = "", limit: int = 500) -> list[tuple[str, str]]:
    """Jobs to filter by: what goes into the address, and what people read.

    An option is a public id, because two companies may use the same reference. Where `chosen` is spelt otherwise, the
    one job it means is offered in that spelling, and what means several stands first, so that a list shows it chosen.
    """
    shown: tuple[Any, ...] = (Job.title, Job.company, Job.city)
    columns = select(Job.public_id, Job.reference, *shown)
    rows = session.execute(columns.order_by(*shown, Job.id).limit(limit))
    choices = {public_id: _job_words(*told) for public_id, *told in rows}
    if not chosen or chosen in choices:
        return list(choices.items())
    meant = list(session.execute(columns.where(Job.id.in_(jobs_called(chosen))).limit(2)))
    if len(meant) != 1:
        return [(chosen, chosen), *choices.items()]
    public_id, *told = meant[0]
    choices.pop(public_id, None)
    return [(chosen, _job_words(*told)), *choices.items()]


def _job_words(reference: str, title: str | None, company: str | None, city: str | None) -> str:
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


def args_of(asked: Any, **called: str | None) -> dict[str, str]:
    """The query of an address that asks for the same as `asked`, a value made of filters: those not their default.

    A field stands in it under its own name, or as it is `called`; with None, not at all. That a new field is in it by
    itself matters: what a link to the next page, or to everybody on it, leaves out shows other people.
    """
    filters = {called.get(one.name, one.name): one for one in fields(asked) if one.compare}
    told = {name: getattr(asked, one.name) for name, one in filters.items() if name}
    return {name: str(value) for name, value in told.items() if value != filters[name].default}


def words(args: Mapping[str, str], name: str, limit: int) -> str:
    """What was typed. A NUL, which PostgreSQL takes in no text, is in nothing that can be found."""
    return args.get(name, "").replace("\0", "").strip()[:limit]


def one_of(args: Mapping[str, str], name: str, allowed: set[Any], problems: list[str]) -> str:
    value = args.get(name, "").strip()
    if value and value not in allowed:
        problems.append(f"“{value[:40]}” is no {name}; that filter was left out.")
        return ""
    return value


def day(args: Mapping[str, str], name: str, problems: list[str]) -> date | None:
    value = args.get(name, "").strip()
    if not value:
        return None
    try:
        if not _DATE.fullmatch(value):
            raise ValueError
        found = date.fromisoformat(value)
        if not 1990 <= found.year <= 2200:
            raise ValueError
    except ValueError:
        problems.append(f"“{value[:40]}” is no date; write {name} as 2026-01-31.")
        return None
    return found
