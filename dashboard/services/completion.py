"""Who finished what they had begun: a completed application takes over the unfinished one, whichever comes first.

`filing` calls `begun` for each unfinished application it files and `finished` for each completed one, in the
transaction that files it. Each looks for the other, so that whichever comes second finds the first.

On SQLite one transaction writes at a time. On PostgreSQL two that file at the same moment do not see each other, and
both would find nobody; so each locks the keys they could recognise each other by before it looks, and whoever had to
wait looks after the other's commit. Everybody takes locks in the same order, so that nobody waits in a circle:
delivery, job, own application, keys (sorted), reminders (by id), follow-ups (by id), files. Whoever writes a reminder
locks its applications, the people's addresses (sorted), which nobody else locks, and then follow-ups. Another's
application is referred to, never locked. Hence no transaction may file a second application after the keys of a first
one: several are filed at once on SQLite alone (`together.py`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, and_, bindparam, literal_column, or_, select
from sqlalchemy.orm import Session

from dashboard.models import Application, FollowUp, Job, LinkKey
from dashboard.prepared import Prepared
from dashboard.services import cadence, key_locks, opt_outs, reading
from dashboard.talroo.progress import Progress, standing

NAMES: Final = {
    LinkKey.ID: ("application_id",),
    LinkKey.APPLICATION: ("tlr_application_id",),
    LinkKey.CLICK: ("tlr_sid",),
    LinkKey.EMAIL: ("email_key", "job_reference"),
}
"""What two applications must have in common to be known by a key; named as on `Signs` and `FollowUp`."""

REPEAT: Final = timedelta(days=120)
"""So long Talroo drops another application for the same job with the same email address (talroo-contract §1)."""

FINISHED_WORDS: Final = "They finished their application first."
"""Why a reminder that waited was cancelled."""
MAX_QUESTION: Final = 300
MAX_QUESTION_ID: Final = 500
_PURPOSE: Final = b"completion"
"""Keeps our numbers apart from whatever else the database may be asked to lock by number."""


@dataclass(frozen=True, slots=True)
class Signs:
    """What an application is recognised by; None where it does not have it."""

    application_id: int
    tlr_application_id: str | None
    tlr_sid: str | None
    email_key: str | None
    job_reference: str | None

    @classmethod
    def of(cls, application: Application) -> Signs:
        return cls(
            application_id=application.id,
            tlr_application_id=application.tlr_application_id,
            tlr_sid=application.tlr_sid,
            email_key=application.email_key,
            job_reference=application.job.reference if application.job else None,
        )

    def as_row(self) -> dict[str, Any]:
        """Name → value."""
        return {name: getattr(self, name) for names in NAMES.values() for name in names}

    def present(self) -> Iterator[tuple[LinkKey, tuple[Any, ...]]]:
        """The keys it has, the surest first, with their values."""
        for key in LinkKey:
            values = _values(self, key)
            if all(values):
                yield key, values


@dataclass(frozen=True, slots=True)
class Beginning:
    """An unfinished application as it stands after a delivery, which arrived `at`.

    `progress`: None where the answers shown came with another delivery.
    """

    signs: Signs
    job_id: int | None
    since: datetime
    missing: Sequence[str]
    progress: Progress | None
    at: datetime


@dataclass(frozen=True, slots=True)
class Taker:
    """A completed application that takes over an unfinished one, and the key that says so."""

    key: LinkKey
    application_id: int
    arrived_at: datetime


def begun(session: Session, beginning: Beginning) -> None:
    """Note how far an unfinished application came, and whether a completed one has taken it over already."""
    _lock(session, beginning.signs, key_locks.ALONE)
    taker = _taker(session, beginning)
    if taker:
        opt_outs.cancel_waiting(session, [beginning.signs.application_id], FINISHED_WORDS)
    follow_up = _follow_up(session, beginning)
    if follow_up.completed_at is None:
        _tell(session, follow_up, beginning)
        session.add(follow_up)
        session.flush()
        cadence.plan(session, follow_up, beginning.at)
    if taker and _is_surer(taker.key, follow_up.completed_key):
        _close(follow_up, taker)
    session.flush()


def finished(session: Session, signs: Signs, *, applied_at: datetime, arrived_at: datetime) -> None:
    """Take over the unfinished applications that a completed one is recognised in.

    Every completed application is asked this: where it takes over nobody's, one look says so (PostgreSQL locks first).
    """
    # Completed applications do not look for each other, so however many share a key, none waits for another.
    _lock(session, signs, key_locks.TOGETHER)
    sought = signs.as_row() | {"latest": applied_at + REPEAT}
    if _FIRST_TAKEN.first(session, sought) is None:
        return
    taken: Select[Any] = select(FollowUp).where(_is_taken())
    people = session.scalars(taken.with_only_columns(FollowUp.application_id), sought).all()
    opt_outs.cancel_waiting(session, people, FINISHED_WORDS)
    for follow_up in session.scalars(_locked(taken), sought):
        _close(follow_up, Taker(_key_shared(signs, follow_up), signs.application_id, arrived_at))
    session.flush()


# --- recognising ----------------------------------------------------------------------------------------------------


def _values(thing: Signs | FollowUp, key: LinkKey) -> tuple[Any, ...]:
    return tuple(getattr(thing, name) for name in NAMES[key])


def _key_shared(signs: Signs, follow_up: FollowUp) -> LinkKey:
    return next(key for key, values in signs.present() if values == _values(follow_up, key))


def _less_sure(key: LinkKey) -> list[LinkKey]:
    keys = list(LinkKey)
    return keys[keys.index(key) + 1 :]


def _is_surer(key: LinkKey, known: str | None) -> bool:
    return known is None or known in _less_sure(key)


def _is_taken() -> ColumnElement[bool]:
    """Which follow-ups a completed application with the given `Signs` takes over: open ones, and by a surer key others.

    `latest`: until when an application begun with the same email address counts as the same; see `_completed`.
    """
    ways = []
    for key, names in NAMES.items():
        # As literals: a prepared statement's values are all the caller's.
        less_sure = [FollowUp.completed_key == literal_column(f"'{other}'") for other in _less_sure(key)]
        same = [getattr(FollowUp, name) == bindparam(name) for name in names]
        ways.append(and_(*same, or_(FollowUp.completed_key.is_(None), *less_sure)))
    return or_(*ways[:-1], and_(ways[-1], FollowUp.since <= bindparam("latest")))


_FIRST_TAKEN: Final = Prepared(lambda _: select(FollowUp.id).where(_is_taken()))


def _taker(session: Session, beginning: Beginning) -> Taker | None:
    """By the surest key that finds a completed application; of several it finds, the first that arrived."""
    sought = beginning.signs.as_row() | {"earliest": beginning.since - REPEAT}
    for key, _ in beginning.signs.present():
        if found := _COMPLETED[key].first(session, {name: sought[name] for name in _asked(key)}):
            arrived_at = session.scalar(select(Application.arrived_at).where(Application.id == found[0]))
            return Taker(key, found[0], arrived_at or beginning.at)
    return None


def _asked(key: LinkKey) -> tuple[str, ...]:
    return (*NAMES[key], "earliest") if key == LinkKey.EMAIL else NAMES[key]


def _completed(key: LinkKey) -> Select[Any]:
    """The id of the first completed application by `key`; its values, and `earliest`, as parameters."""
    other: dict[str, Any] = {"application_id": Application.id, "job_reference": Job.reference}
    columns = [other[name] if name in other else getattr(Application, name) for name in NAMES[key]]
    same = [column == bindparam(name) for column, name in zip(columns, NAMES[key], strict=True)]
    found: Select[Any] = select(Application.id).where(*same, Application.was_completed())
    if key == LinkKey.EMAIL:
        # Who begins again soon after applying has applied: Talroo would drop the repeat, and a reminder to finish would
        # puzzle them. Later on it is another application, worth a reminder like any other.
        earliest = bindparam("earliest", type_=Application.applied_at.type)
        found = found.join(Job, Job.id == Application.job_id).where(Application.applied_at >= earliest)
    # Literals here as well; SQLAlchemy would give SQLite an offset as a value of its own.
    one: ColumnElement[int] = literal_column("1")
    none: ColumnElement[int] = literal_column("0")
    return found.order_by(Application.arrived_at, Application.id).limit(one).offset(none)


_COMPLETED: Final = {key: Prepared(lambda _, key=key: _completed(key)) for key in LinkKey}  # type: ignore[misc]


# --- noting ---------------------------------------------------------------------------------------------------------


def _follow_up(session: Session, beginning: Beginning) -> FollowUp:
    """The application's, or a new one. Nobody else makes one meanwhile: the application's own row is ours."""
    own: Select[Any] = select(FollowUp).where(FollowUp.application_id == beginning.signs.application_id)
    found: FollowUp | None = session.scalars(_locked(own)).one_or_none()
    return found or FollowUp(opted_out_at=opt_outs.opted_out_before(session, beginning.signs.email_key))


def _tell(session: Session, follow_up: FollowUp, beginning: Beginning) -> None:
    for name, value in beginning.signs.as_row().items():
        setattr(follow_up, name, value)
    follow_up.since = beginning.since
    follow_up.missing = list(beginning.missing)
    if beginning.progress is not None:
        measure(session, follow_up, beginning.progress, beginning.job_id)


def measure(session: Session, follow_up: FollowUp, came: Progress, job_id: int | None) -> None:
    """Note how far `came` goes in the job's form, as far as that is known by now."""
    stands = standing(came, reading.form(session, job_id))
    follow_up.answered, follow_up.asked = stands.answered, stands.asked
    follow_up.stopped_at_id = stands.stopped_at.id[:MAX_QUESTION_ID] if stands.stopped_at else None
    follow_up.stopped_at = stands.stopped_at.text[:MAX_QUESTION] if stands.stopped_at else None


def _close(follow_up: FollowUp, taker: Taker) -> None:
    if follow_up.messages_before is None:
        follow_up.messages_before = follow_up.messages
    follow_up.completed_at = taker.arrived_at
    follow_up.completed_by_id = taker.application_id
    follow_up.completed_key = taker.key.value
    follow_up.next_message_at = None


# --- locks ----------------------------------------------------------------------------------------------------------


def _lock(session: Session, signs: Signs, how: Prepared) -> None:
    """Until the transaction ends, nobody files or looks for what could be recognised by these `signs`."""
    # The id needs no lock: whoever files the same application waits for its row.
    numbers = [key_locks.number(_PURPOSE, key, *values) for key, values in signs.present() if key != LinkKey.ID]
    key_locks.hold(session, numbers, how)


def _locked(follow_ups: Select[Any]) -> Select[Any]:
    """Their rows as they are once nobody else is changing them."""
    ordered = follow_ups.order_by(FollowUp.id).with_for_update(of=FollowUp, key_share=True)
    return ordered.execution_options(populate_existing=True)
