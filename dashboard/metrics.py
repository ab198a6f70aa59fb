"""Figures about the running site, from the database alone: every process tells the same. Never a name, only counts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Executable, func, select, text
from sqlalchemy.orm import Session

from dashboard.models import Application, Delivery, Outbound, StoredFile, SyncRun, WorkerBeat


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured thing: its values by labels."""

    name: str
    help: str
    labels: tuple[str, ...]
    values: Mapping[tuple[str, ...], float]


Values = Mapping[tuple[str, ...], float]

_ESTIMATED_ROWS: Final = text("SELECT reltuples FROM pg_class WHERE oid = to_regclass('application')")
_WORTH_ESTIMATING: Final = 100_000


def figures(session: Session, *, now: datetime) -> Iterator[Figure]:
    """Everything `/metrics` tells, read in one transaction."""
    for name, explanation, labels, read in _FIGURES:
        yield Figure(f"dashboard_{name}", explanation, labels, read(session, now))


def _counted(session: Session, statement: Executable) -> Values:
    """Counts of a statement whose last column is the count and whose others are the labels."""
    return {tuple(str(label) for label in labels): float(number) for *labels, number in session.execute(statement)}


def _deliveries(session: Session, _now: datetime) -> Values:
    return _counted(session, select(Delivery.status, func.count()).group_by(Delivery.status))


def _applications(session: Session, _now: datetime) -> Values:
    """Counted; PostgreSQL, which would read the whole table, is asked for its own estimate once that is large."""
    if session.get_bind().dialect.name == "postgresql":
        estimate = float(session.scalar(_ESTIMATED_ROWS) or 0)
        if estimate >= _WORTH_ESTIMATING:
            return {(): estimate}
    return _counted(session, select(func.count()).select_from(Application))


def _outbox(session: Session, _now: datetime) -> Values:
    return _counted(
        session, select(Outbound.channel, Outbound.state, func.count()).group_by(Outbound.channel, Outbound.state)
    )


def _worker_age(session: Session, now: datetime) -> Values:
    beat = session.scalar(select(func.max(WorkerBeat.beat_at)))
    return {(): (now - beat).total_seconds()} if beat else {}


def _unread_files(session: Session, _now: datetime) -> Values:
    return _counted(session, select(func.count()).select_from(StoredFile).where(StoredFile.read_at.is_(None)))


def _unindexed(session: Session, _now: datetime) -> Values:
    # An index of those that wait, and so of few.
    return _counted(session, select(func.count()).select_from(Application).where(Application.unindexed.is_not(None)))


def _pull_ages(session: Session, now: datetime) -> Values:
    ended = select(SyncRun.kind, func.max(SyncRun.finished_at)).where(SyncRun.state == "done").group_by(SyncRun.kind)
    return {(kind,): (now - at).total_seconds() for kind, at in session.execute(ended) if at}


def _pulled(session: Session, _now: datetime) -> Values:
    newest = select(func.max(SyncRun.id)).where(SyncRun.state != "running").group_by(SyncRun.kind)
    runs = session.scalars(select(SyncRun).where(SyncRun.id.in_(newest)))
    return {(run.kind, effect): float(getattr(run, effect)) for run in runs for effect in _EFFECTS}


_EFFECTS: Final = ("new", "updated", "unchanged", "failed")

_FIGURES: Final[tuple[tuple[str, str, tuple[str, ...], Callable[[Session, datetime], Values]], ...]] = (
    ("deliveries", "What Talroo sent, by what became of it.", ("status",), _deliveries),
    ("applications", "Applications, complete or not; on a large PostgreSQL an estimate.", (), _applications),
    ("outbox", "What goes to Talroo and to applicants, by channel and state.", ("channel", "state"), _outbox),
    ("worker_beat_age_seconds", "Since any worker was last known to be alive; absent if none was.", (), _worker_age),
    ("pull_age_seconds", "Since a pull from the Platform API last came to its end.", ("kind",), _pull_ages),
    ("pull_items", "What the last pull found, by what it did here.", ("kind", "effect"), _pulled),
    ("files_unread", "Stored files whose text the worker has yet to read.", (), _unread_files),
    ("applications_unindexed", "Applications that no search or filter knows as they are now.", (), _unindexed),
)
