"""How everything stands: what arrived, was refused, waits, last worked. One statement, of nobody's data.

`problems` judges it; the integration page shows both, and the worker tells by mail what is wrong (`alerts`).
"""

from __future__ import annotations

import re
import shutil
import sqlite3
import statistics
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from sqlalchemy import (
    Integer,
    Select,
    String,
    case,
    cast,
    func,
    literal,
    literal_column,
    null,
    select,
    table,
    union_all,
)
from sqlalchemy.orm import Session

from config import Config
from dashboard import schema, tls
from dashboard.audit_actions import Action
from dashboard.database import UTCDateTime
from dashboard.documents import confinement
from dashboard.models import Alert, AuditEntry, Delivery, Outbound, Refusal, SecretUse, WorkerBeat
from dashboard.models.outbound import Channel, State
from dashboard.models.watch import OF_PAGES
from dashboard.paging import COUNT_LIMIT
from dashboard.services import own_tests
from dashboard.services.files import FileStore
from dashboard.tls import Certificate

DAY: Final = timedelta(days=1)
HOUR: Final = timedelta(hours=1)
SIGNED: Final = 25
"""So many of the last deliveries tell how Talroo's clock compares with ours."""
RIGHT: Final = 200
"""So many of the last deliveries that were right tell from where Talroo sends."""
VIOLATIONS: Final = 20
"""So many of those are told."""
SOUND_SQLITE: Final = (3, 51, 3)
"""Before that, a rare race between two checkpoints could damage the file (sqlite.org/wal.html, the WAL-reset bug)."""

_NOTHING: Final = cast(null(), UTCDateTime())
_TIME: Final = re.compile(r"(?:^|,)\s*t=([0-9]{1,13})(?:,|$)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Disk:
    """The room on one disk, in bytes. `what`: what of ours is on it."""

    what: str
    free: int
    total: int

    @property
    def used_percent(self) -> int:
        return round(100 * (self.total - self.free) / self.total) if self.total else 0


@dataclass(frozen=True, slots=True)
class Machine:
    """What the database cannot tell. `files_problem`: why the file store does not answer, by type; empty if it does.

    `certificate`: the one in `TLS_CERT`; why there is none to see, in words, where that is set; else None.
    `shuts_in`: whether the kernel keeps what opens applicants' files from all else (decision 0020).
    """

    database: str
    is_sound: bool
    files_problem: str
    disks: tuple[Disk, ...]
    certificate: Certificate | str | None = None
    shuts_in: bool = True


@dataclass(frozen=True, slots=True)
class Standing:
    """What the database tells. `arrived`, `by_source`, `by_timing`, `refused`: of the last 24 hours.

    `refused_lately`: of the last hour, by reason; `refused_known`: of those, what came from where the last deliveries
    that were right came from. `outbox`: by channel and `waiting`, `sending`, `retrying`, `parked`.
    `violations`: what browsers refused on our pages most often in 24 hours: directive, rule of the page, number, last.
    `exports_stopped`: how often within an hour somebody reached the limit of exports; `looks`: how many applications
    were opened by whoever opened most.
    `clock`: seconds that signatures are old when they arrive, the median; below 0, Talroo's clock is ahead.
    """

    last_arrival: tuple[str, datetime] | None = None
    last_pushed_at: datetime | None = None
    arrived: Mapping[str, int] = field(default_factory=dict)
    by_source: Mapping[str, int] = field(default_factory=dict)
    by_timing: Mapping[str, int] = field(default_factory=dict)
    waiting: Mapping[str, int] = field(default_factory=dict)
    again: int = 0
    tests: int = 0
    refused: Mapping[str, tuple[int, datetime]] = field(default_factory=dict)
    refused_lately: Mapping[str, int] = field(default_factory=dict)
    refused_known: Mapping[str, int] = field(default_factory=dict)
    violations: Sequence[tuple[str, str, int, datetime]] = ()
    uses: Mapping[tuple[str, str], datetime] = field(default_factory=dict)
    outbox: Mapping[tuple[str, str], int] = field(default_factory=dict)
    last_sent: Mapping[str, datetime] = field(default_factory=dict)
    beat_at: datetime | None = None
    alerts: Mapping[str, datetime] = field(default_factory=dict)
    migrated: bool = False
    clock: float | None = None
    exports_stopped: int = 0
    looks: int = 0

    def backlog(self, channel: str) -> tuple[int, int]:
        """How many of a channel's rows are on their way, and how many stopped."""
        ways = ("waiting", "sending", "retrying")
        return sum(self.outbox.get((channel, way), 0) for way in ways), self.outbox.get((channel, "parked"), 0)


def read(session: Session, now: datetime) -> Standing:
    """One statement."""
    found: dict[str, list[Any]] = {}
    for row in session.execute(union_all(*_parts(now))):
        found.setdefault(row.what, []).append(row)
    pushed = _first(found.get("pushed", ()))
    lasts = sorted((row.at, row.name) for row in found.get("last", ()))
    return Standing(
        last_arrival=(lasts[-1][1], lasts[-1][0]) if lasts else None,
        last_pushed_at=pushed.at if pushed else None,
        arrived=_numbers(found, "arrived"),
        by_source=_numbers(found, "source"),
        by_timing=_numbers(found, "timing"),
        waiting=_numbers(found, "to do"),
        again=sum(_numbers(found, "again").values()),
        tests=sum(_numbers(found, "tests").values()),
        refused={row.name: (row.number, row.at) for row in found.get("refused", ())},
        refused_lately=_numbers(found, "refused lately"),
        refused_known=_numbers(found, "refused known"),
        violations=[
            (row.name.removeprefix(OF_PAGES), row.detail, row.number, row.at) for row in found.get("violated", ())
        ],
        uses={(row.name, row.detail): row.at for row in found.get("secret", ())},
        outbox={(row.name, row.detail): row.number for row in found.get("outbox", ())},
        last_sent={row.name: row.at for row in found.get("sent", ())},
        beat_at=next((row.at for row in found.get("beat", ()) if row.at), None),
        alerts={row.name: row.at for row in found.get("alert", ())},
        migrated=[row.name for row in found.get("migration", ())] == [schema.newest_revision()],
        clock=_clock(found.get("signed", ())),
        exports_stopped=sum(_numbers(found, "exports stopped").values()),
        looks=sum(_numbers(found, "looks").values()),
    )


def machine(session: Session, config: Config, files: FileStore) -> Machine:
    """Asks the disks and the file store; the database only through what its driver knows already."""
    name = session.get_bind().dialect.name
    try:
        files.check()
        problem = ""
    except OSError as trouble:
        problem = type(trouble).__name__
    rest = (problem, tuple(_disks(config)), certificate(config), confinement.available().is_whole)
    if name == "sqlite":
        return Machine(f"SQLite {sqlite3.sqlite_version}", sqlite3.sqlite_version_info >= SOUND_SQLITE, *rest)
    version = session.connection().dialect.server_version_info or ()
    return Machine(f"PostgreSQL {'.'.join(map(str, version[:2]))}", True, *rest)


def certificate(config: Config) -> Certificate | str | None:
    """See `Machine`. What lies there is served after the next start; what is served now lay there at the last."""
    if config.tls is None:
        return None
    try:
        return tls.read(config)
    except tls.Unusable as problem:
        return str(problem)


# --- the statement --------------------------------------------------------------------------------------------------


def _row(what: str, name: Any = "", detail: Any = "", number: Any = 0, at: Any = None) -> Select[Any]:
    """One kind of rows of the statement. Every part has the same five columns, of the same types."""
    return select(
        literal(what, String).label("what"),
        (literal(name, String) if isinstance(name, str) else name).label("name"),
        (literal(detail, String) if isinstance(detail, str) else detail).label("detail"),
        (literal(number, Integer) if isinstance(number, int) else number).label("number"),
        (_NOTHING if at is None else at).label("at"),
    )


def _parts(now: datetime) -> Iterator[Select[Any]]:
    since = now - DAY
    for source in ("pushed", "pulled", "seeded"):
        yield _newest(_row("last", source, at=Delivery.received_at).where(Delivery.source == source), 1)
    pushed = Delivery.source == "pushed"
    yield _newest(_row("pushed", at=Delivery.received_at).where(pushed), 1)
    signature = func.coalesce(Delivery.signature, "")
    yield _newest(_row("signed", signature, Delivery.timing, at=Delivery.received_at).where(pushed), SIGNED)
    for status in ("accepted", "kept", "quarantined", "dismissed"):
        yield _counted("arrived", status, Delivery.status == status, Delivery.received_at >= since)
    for source in ("pushed", "pulled"):
        yield _counted("source", source, Delivery.source == source, Delivery.received_at >= since)
    for timing in ("late", "clock"):
        unlike_most: Any = literal_column("delivery.timing <> 'fresh'")
        yield _counted("timing", timing, Delivery.timing == timing, unlike_most, Delivery.received_at >= since)
    for status in ("kept", "quarantined"):
        yield _counted("to do", status, Delivery.status == status)
    yield _counted("again", "", Delivery.again_at.is_not(None))
    yield _counted("tests", "", Delivery.source == own_tests.SOURCE)
    yield from _others(now)
    yield from _taken(now)


def _others(now: datetime) -> Iterator[Select[Any]]:
    number, last = func.sum(Refusal.count), func.max(Refusal.last_at)
    counted, of_page, in_a_day = cast(number, Integer), Refusal.is_of_a_page(), Refusal.last_at >= now - DAY
    refused = _row("refused", Refusal.reason, number=counted, at=last).group_by(Refusal.reason)
    yield refused.where(in_a_day, ~of_page)
    in_an_hour = (Refusal.last_at >= now - HOUR, ~of_page)
    yield _row("refused lately", Refusal.reason, number=counted).group_by(Refusal.reason).where(*in_an_hour)
    known = Refusal.remote_addr.in_(_where_talroo_is())
    yield _row("refused known", Refusal.reason, number=counted).group_by(Refusal.reason).where(*in_an_hour, known)
    violated = _row("violated", Refusal.reason, Refusal.remote_addr, counted, last).where(in_a_day, of_page)
    yield _newest(violated.group_by(Refusal.reason, Refusal.remote_addr), VIOLATIONS, number.desc(), last.desc())
    yield _row("secret", SecretUse.setting, SecretUse.fingerprint, at=SecretUse.last_at)
    yield _row("alert", Alert.kind, at=Alert.began_at).where(Alert.ended_at.is_(None))
    yield _row("beat", at=func.max(WorkerBeat.beat_at))
    yield _row("migration", cast(literal_column("version_num"), String)).select_from(table("alembic_version"))
    waiting = case((Outbound.failures > 0, "retrying"), else_="waiting")
    way = case((Outbound.state == State.WAITING, waiting), else_=Outbound.state)
    stands = Outbound.state.in_([State.WAITING, State.SENDING, State.PARKED])
    waits = select(Outbound.channel, way.label("way")).where(stands).subquery()
    yield _row("outbox", waits.c.channel, waits.c.way, func.count()).group_by(waits.c.channel, waits.c.way)
    for channel in Channel:
        sent = _row("sent", channel.value, at=Outbound.sent_at).where(Outbound.channel == channel)
        yield _newest(sent.where(Outbound.state == State.SENT), 1, Outbound.id.desc())


def _taken(now: datetime) -> Iterator[Select[Any]]:
    """What people took with them within an hour. By numbers: the index of actions has them in their order."""
    older = select(AuditEntry.number).where(AuditEntry.at < now - HOUR)
    last = older.order_by(AuditEntry.at.desc(), AuditEntry.number.desc()).limit(1).scalar_subquery()
    lately = AuditEntry.number > func.coalesce(last, 0)
    stopped = _row("exports stopped", number=func.count()).select_from(AuditEntry)
    yield stopped.where(AuditEntry.action == Action.EXPORTS_STOPPED, lately)
    opened = select(func.count(AuditEntry.subject_id.distinct()).label("number")).group_by(AuditEntry.actor_id)
    each = opened.where(AuditEntry.action == Action.APPLICATION_VIEWED, lately).subquery()
    yield _row("looks", number=func.coalesce(func.max(each.c.number), 0))


def _where_talroo_is() -> Select[Any]:
    """From which addresses the last deliveries came that were signed with a secret of ours."""
    pushed = _row("", Delivery.remote_addr, at=Delivery.received_at).where(Delivery.source == "pushed")
    few = _newest(pushed, RIGHT).subquery()
    return select(few.c.name).where(few.c.name.is_not(None))


def _newest(rows: Select[Any], most: int, *order: Any) -> Select[Any]:
    by = order or (Delivery.received_at.desc(), Delivery.id.desc())
    few = rows.order_by(*by).limit(most).subquery()
    return select(*few.c)


def _counted(what: str, name: str, *conditions: Any) -> Select[Any]:
    few: Any = select(Delivery.id).where(*conditions).limit(COUNT_LIMIT * 100).subquery()
    return _row(what, name, number=func.count()).select_from(few)


def _first(rows: Iterable[Any]) -> Any:
    return next(iter(rows), None)


def _numbers(found: Mapping[str, list[Any]], what: str) -> dict[str, int]:
    return {row.name: row.number for row in found.get(what, ()) if row.number}


def _clock(rows: Iterable[Any]) -> float | None:
    """The median age of signatures; those that came late by days tell of Talroo's retries and not of clocks."""
    ages = [_age(row.name, row.at) for row in rows if row.detail != "expired"]
    known = [age for age in ages if age is not None]
    return statistics.median(known) if known else None


def _age(signature: str, received_at: datetime) -> float | None:
    said = _TIME.search(signature)
    return (received_at - datetime.fromtimestamp(int(said[1]), UTC)).total_seconds() if said else None


# --- the machine ----------------------------------------------------------------------------------------------------


def _disks(config: Config) -> Iterator[Disk]:
    """The disks of the database and the files, each once."""
    places: dict[int, tuple[Path, list[str]]] = {}
    for what, path in _places(config):
        try:
            places.setdefault(path.stat().st_dev, (path, []))[1].append(what)
        except OSError:
            continue  # what is missing is told of where it is asked for
    for path, whats in places.values():
        usage = shutil.disk_usage(path)
        yield Disk(" and ".join(whats), usage.free, usage.total)


def _places(config: Config) -> Iterator[tuple[str, Path]]:
    if config.database_url.startswith("sqlite:///"):
        yield "Database", Path(config.database_url.removeprefix("sqlite:///")).parent
    if config.files_url.startswith("file://"):
        yield "files", Path(unquote(urlsplit(config.files_url).path))
