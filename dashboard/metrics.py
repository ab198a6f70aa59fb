"""Figures about the running site, from the database alone: every process tells the same. Never a name, only counts.

Beside them `together`: what `traffic` counted, added up over labels that are not told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Executable, Select, func, select, text
from sqlalchemy.orm import Session

from dashboard.models import Alert, Application, AuditHead, Delivery, Outbound, Refusal, StoredFile, SyncRun, WorkerBeat
from dashboard.models.outbound import State
from dashboard.models.watch import OF_PAGES
from dashboard.traffic import Key, Times


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
_LATELY: Final = timedelta(hours=24)


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


def _oldest_due(session: Session, now: datetime) -> Values:
    due = select(Outbound.channel, func.min(Outbound.due_at)).where(
        Outbound.state == State.WAITING, Outbound.due_at <= now
    )
    return {(channel,): (now - at).total_seconds() for channel, at in session.execute(due.group_by(Outbound.channel))}


def _audit_entries(session: Session, _now: datetime) -> Values:
    return _counted(session, select(AuditHead.number))


def _refusals(session: Session, now: datetime) -> Values:
    return _counted(session, _refused_lately(now).where(~Refusal.is_of_a_page()))


def _violations(session: Session, now: datetime) -> Values:
    counted = _counted(session, _refused_lately(now).where(Refusal.is_of_a_page()))
    return {(reason.removeprefix(OF_PAGES),): number for (reason,), number in counted.items()}


def _refused_lately(now: datetime) -> Select[str, int]:
    lately = select(Refusal.reason, func.sum(Refusal.count)).where(Refusal.last_at >= now - _LATELY)
    return lately.group_by(Refusal.reason)


def _alerts(session: Session, _now: datetime) -> Values:
    return _counted(session, select(Alert.kind, func.count()).where(Alert.ended_at.is_(None)).group_by(Alert.kind))


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


def together(counted: Mapping[Key, Times], what: str, labels: int) -> dict[tuple[str, ...], Times]:
    """What was counted under a name, by the first so many `labels`."""
    found: dict[tuple[str, ...], Times] = {}
    for (name, told), times in counted.items():
        if name == what:
            key = told[:labels]
            found[key] = found[key] + times if key in found else times
    return found


_EFFECTS: Final = ("new", "updated", "unchanged", "failed")

_FIGURES: Final[tuple[tuple[str, str, tuple[str, ...], Callable[[Session, datetime], Values]], ...]] = (
    ("deliveries", "What Talroo sent, by what became of it.", ("status",), _deliveries),
    ("applications", "Applications, complete or not; on a large PostgreSQL an estimate.", (), _applications),
    ("outbox", "What goes to Talroo and to applicants, by channel and state.", ("channel", "state"), _outbox),
    ("outbox_oldest_due_seconds", "How long the oldest row that is due has waited.", ("channel",), _oldest_due),
    ("audit_entries_total", "Entries of the audit log.", (), _audit_entries),
    ("refusals_last_day", "Deliveries that were refused in the last 24 hours.", ("reason",), _refusals),
    (
        "page_violations_last_day",
        "What browsers refused on our pages in the last 24 hours.",
        ("directive",),
        _violations,
    ),
    ("alerts_open", "What is wrong at the moment and those who run this were told of.", ("kind",), _alerts),
    ("worker_beat_age_seconds", "Since any worker was last known to be alive; absent if none was.", (), _worker_age),
    ("pull_age_seconds", "Since a pull from the Platform API last came to its end.", ("kind",), _pull_ages),
    ("pull_items", "What the last pull found, by what it did here.", ("kind", "effect"), _pulled),
    ("files_unread", "Stored files whose text the worker has yet to read.", (), _unread_files),
    ("applications_unindexed", "Applications that no search or filter knows as they are now.", (), _unindexed),
)
