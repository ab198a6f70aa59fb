"""What arrived from Talroo, as those who run the dashboard look through it: values that become SELECTs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, tzinfo
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, func, literal_column, select, union_all
from sqlalchemy.orm import Session, joinedload, undefer

from dashboard.asking import args_of, day, moments, one_of, words
from dashboard.models import Application, Attachment, Delivery
from dashboard.models.delivery import COMPLETED, STARTED
from dashboard.paging import COUNT_LIMIT, Page, count, rows_after

REFUSED: Final = "refused"
"""No status of a delivery: what was refused is only counted (`services/refusals.py`)."""
STATUSES: Final[Mapping[str, str]] = {
    "accepted": "Accepted",
    "kept": "Needs review",
    "quarantined": "Quarantined",
    "dismissed": "Dismissed",
    REFUSED: "Refused",
}
SOURCES: Final[Mapping[str, str]] = {
    "pushed": "Sent by Talroo",
    "pulled": "Imported from Talroo",
    "test": "Test from this dashboard",
    "seeded": "Sample data (flask seed)",
}
VERDICTS: Final[Mapping[str, str]] = {
    "fresh": "Signed on time",
    "late": "Signed late",
    "clock": "Signed in the future",
    "expired": "Signature too old",
}
EVENTS: Final[Mapping[str, str]] = {"completed": "Completed", "started": "Started", "other": "Another type"}
"""What can be asked for, in words."""
WAITING: Final = ("kept", "quarantined")
"""Statuses of what waits for a person."""


@dataclass(frozen=True, slots=True)
class Deliveries:
    """Which deliveries somebody asked to see. Dates are days of arrival in the viewer's zone.

    `text`: an event's id, Talroo's id of the application, or the delivery's own.
    """

    text: str = ""
    status: str = ""
    source: str = ""
    verdict: str = ""
    event: str = ""
    arrived_from: date | None = None
    arrived_to: date | None = None
    zone: tzinfo = UTC
    problems: tuple[str, ...] = field(default=(), compare=False)

    @classmethod
    def read(cls, args: Mapping[str, str], zone: tzinfo = UTC) -> Deliveries:
        """From an address's query. What cannot be read is left out and named in `problems`, in words."""
        problems: list[str] = []
        return cls(
            text=words(args, "q", 300),
            status=one_of(args, "status", set(STATUSES), problems),
            source=one_of(args, "source", set(SOURCES), problems),
            verdict=one_of(args, "verdict", set(VERDICTS), problems),
            event=one_of(args, "event", set(EVENTS), problems),
            arrived_from=day(args, "from", problems),
            arrived_to=day(args, "to", problems),
            zone=zone,
            problems=tuple(problems),
        )

    @property
    def is_empty(self) -> bool:
        return not self.args

    @property
    def args(self) -> dict[str, str]:
        """The query of an address that asks for the same."""
        return args_of(self, text="q", arrived_from="from", arrived_to="to", zone=None)

    @property
    def wants_refusals(self) -> bool:
        return self.status == REFUSED

    @property
    def span(self) -> tuple[datetime | None, datetime | None]:
        """From which moment on, and before which."""
        return moments(self.arrived_from, self.arrived_to, self.zone)

    def with_status(self, status: str) -> dict[str, str]:
        """The query of an address that asks for the same with another status, or with any: an empty one."""
        return {name: value for name, value in {**self.args, "status": status}.items() if value}

    def statement(self) -> Select[Any]:
        """The rows asked for, in no order."""
        return select(Delivery).where(*self._conditions())

    def _conditions(self) -> Iterator[ColumnElement[bool]]:
        if self.text:
            yield Delivery.id.in_(_named(self.text))
        if self.status:
            yield Delivery.status == self.status
        yield from self._unlike_most()
        begin, end = self.span
        if begin:
            yield Delivery.received_at >= begin
        if end:
            yield Delivery.received_at < end

    def _unlike_most(self) -> Iterator[ColumnElement[bool]]:
        """What few deliveries are comes with the condition of the index that holds those few."""
        if self.source:
            yield Delivery.source == self.source
        if self.verdict:
            yield Delivery.timing == self.verdict
            if self.verdict != "fresh":
                yield _exactly("timing <> 'fresh'")
        if self.event == "completed":
            yield Delivery.event_type == COMPLETED
        elif self.event == "started":
            yield Delivery.event_type == STARTED
            yield _exactly(f"event_type <> '{COMPLETED}'")
        elif self.event:
            # Else everything would be walked through in the order of the list, to find these few.
            others = _exactly(f"event_type <> '{COMPLETED}'")
            yield Delivery.id.in_(select(Delivery.id).where(others, Delivery.event_type != STARTED))


def _exactly(condition: str) -> ColumnElement[bool]:
    """The condition of an index of few rows, word for word: SQLite takes the index for no other."""
    return literal_column(f"delivery.{condition}")


def _named(text: str) -> Any:
    """The ids of deliveries called `text`: each way to be called so has its own index."""
    return union_all(
        select(Delivery.id).where(Delivery.key == f"event:{text}"),
        select(Delivery.id).where(Delivery.talroo_id == text),
        select(Delivery.id).where(Delivery.public_id == text),
        select(Delivery.id).where(Delivery.event_id == text, _exactly("status <> 'accepted'")),
    )


def deliveries_page(session: Session, asked: Deliveries, cursor: str | None) -> Page[Delivery]:
    """One page of deliveries, newest first; how many there are is counted for the first page alone."""
    shown = asked.statement().options(joinedload(Delivery.application.and_(Application.is_shown())))
    rows, following = rows_after(session, shown, cursor, Delivery.received_at, Delivery.id)
    # In the list's order: whatever nearly all are is then counted to the limit without looking far.
    counted = asked.statement().with_only_columns(Delivery.id).order_by(Delivery.received_at.desc())
    total = None if cursor else count(session, counted)
    return Page(rows, following, total)


def delivery(session: Session, public_id: str) -> Delivery | None:
    """With its body and its application."""
    whole = (undefer(Delivery.body), joinedload(Delivery.application))
    return session.scalar(select(Delivery).where(Delivery.public_id == public_id).options(*whole))


def by_event(session: Session, event_id: str) -> Delivery | None:
    """The delivery of an event."""
    return session.scalar(select(Delivery).where(Delivery.key == f"event:{event_id}"))


def waiting_counts(session: Session) -> dict[str, int]:
    """How many deliveries need a look, by status, counted to the limit; and how many of them are to be read again."""
    columns = [_few(Delivery.status == status) for status in WAITING]
    row = session.execute(select(*columns, _few(Delivery.again_at.is_not(None)))).one()
    return dict(zip((*WAITING, "again"), row, strict=True))


def _few(condition: ColumnElement[bool]) -> Any:
    few = select(Delivery.id).where(condition).limit(COUNT_LIMIT).subquery()
    return select(func.count()).select_from(few).scalar_subquery()


def files_in(session: Session, delivery: Delivery) -> Mapping[str, Attachment]:
    """By its SHA-256: the file of the application that stands for a content which was cut out of the body."""
    contents = {str(sha256) for _, sha256 in delivery.cuts}
    if not contents or delivery.talroo_id is None:
        return {}
    of_application = select(Application.id).where(Application.talroo_id == delivery.talroo_id, Application.is_shown())
    rows: Sequence[Attachment] = session.scalars(
        select(Attachment)
        .where(Attachment.application_id.in_(of_application), Attachment.sha256.in_(contents))
        .order_by(Attachment.id)
    ).all()
    return {file.sha256: file for file in rows if file.sha256}
