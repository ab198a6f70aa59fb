"""Moving applications through the stages, one or many, with what it means for Talroo in the same transaction."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from sqlalchemy import func, insert, select, update
from sqlalchemy.orm import Session

from dashboard.audit_actions import Action
from dashboard.models import Activity, ActivityKind, Application, StageChange
from dashboard.services import audit, indexing, reporting
from dashboard.services.activity import HELD, By, Line, write_down
from dashboard.services.audit import Subject
from dashboard.services.reporting import Rules
from dashboard.stages import REJECTION_REASONS, Stage
from dashboard.talroo.wire import clean

MAX_NOTE: Final = 2_000
FAR: Final = timedelta(days=2 * 365)
"""How far from today a first day of work may be: further, the year was mistyped."""
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)


class BadChange(ValueError):
    """A change that cannot be made; the message says what to do instead."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """One application to move. `seen_version`: its `stage_version` on the page the decision was made on, if known."""

    application_id: int
    seen_version: int | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """Where to, by whom, from where, when, and why. `reason` belongs to a rejection.

    `start_date`: the first day of work, which belongs to a hire; empty for none. None says nothing of it, so that what
    is known stays. Whoever is moved is held no longer; `holds` puts them aside as before, for a move that takes another
    one back.
    """

    to: Stage
    user_id: int | None
    remote_addr: str | None
    at: datetime
    reason: str | None = None
    note: str | None = None
    start_date: str | None = None
    holds: bool = False

    @property
    def says_something(self) -> bool:
        return bool(self.note or self.reason)

    @classmethod
    def read(
        cls,
        stage: str,
        *,
        user_id: int,
        remote_addr: str,
        at: datetime,
        reason: str = "",
        note: str = "",
        start_date: str | None = None,
    ) -> Change:
        """From a form; None where it has no field for a start date.

        Raises `BadChange` for an unknown stage or reason, and for a start date that is none.
        """
        if stage not in set(Stage):
            raise BadChange(f"There is no stage “{stage[:40]}”. Choose one of {', '.join(s.label for s in Stage)}.")
        if reason and reason not in REJECTION_REASONS:
            raise BadChange("Choose one of the reasons in the list.")
        rejected, hired = stage == Stage.REJECTED, stage == Stage.HIRED
        return cls(
            to=Stage(stage),
            user_id=user_id,
            remote_addr=remote_addr,
            at=at,
            reason=reason if rejected and reason else None,
            # A form counts the end of a line as one character and sends two.
            note=clean(note.strip().replace("\r\n", "\n"))[:MAX_NOTE] or None,
            start_date=_start_date(start_date, at.date()) if hired else None,
        )


@dataclass(frozen=True, slots=True)
class Moved:
    """What became of each application: moved, already there, or changed by somebody else since it was looked at.

    `noted`: already there, and what was written about it is kept.
    """

    changed: tuple[int, ...]
    unchanged: tuple[int, ...]
    overtaken: tuple[int, ...]
    noted: tuple[int, ...] = ()


def move(session: Session, wanted: Sequence[Wanted], change: Change, rules: Rules) -> Moved:
    """Move every wanted application that is still as it was seen. The caller has begun to write, and commits.

    One that was restricted since somebody looked is nowhere in the answer: nothing may be done with it.
    The database decides the race: the version a decision was made on is part of the UPDATE's condition.
    """
    seen = {one.application_id: one.seen_version for one in wanted}
    found = session.scalars(
        select(Application)
        .where(Application.id.in_(seen), Application.is_shown())
        .order_by(Application.id)
        .with_for_update(of=Application)
        .execution_options(populate_existing=True)
    ).all()
    reported = reporting.reported(session, [application.id for application in found])
    changed: list[int] = []
    unchanged: list[int] = []
    overtaken: list[int] = []
    noted: list[int] = []
    for application in found:
        if application.stage == change.to:
            kept = _note_one(session, application, change, seen[application.id])
            (noted if kept else unchanged).append(application.id)
        elif _move_one(session, application, change, seen[application.id]):
            if application.id in reported:
                reporting.take_back(session, application, change.to, rules)
            reporting.report(session, application, change.to, rules, at=change.at, user_id=change.user_id)
            changed.append(application.id)
        else:
            overtaken.append(application.id)
    those = set(changed)
    moved = [one for one in found if one.id in those]
    _tell_of_holding(session, moved, change)
    _note_in_audit_log(session, moved, change)
    indexing.restate(session, changed)
    session.expire_all()
    return Moved(tuple(changed), tuple(unchanged), tuple(overtaken), tuple(noted))


def changes_since(session: Session, application_id: int, version: int) -> Sequence[StageChange]:
    """What happened to an application after its stage had `version`, oldest first."""
    total = session.scalar(select(Application.stage_version).where(Application.id == application_id)) or 0
    newest = (
        select(StageChange)
        .where(StageChange.application_id == application_id)
        .order_by(StageChange.id.desc())
        .limit(max(0, total - version))
    )
    return list(reversed(session.scalars(newest).all()))


def stage_before(session: Session, application_id: int) -> Stage:
    """Where an application stood before its last move; new where nothing says."""
    last = session.scalar(
        select(StageChange.from_stage)
        .where(StageChange.application_id == application_id, StageChange.from_stage != StageChange.to_stage)
        .order_by(StageChange.id.desc())
        .limit(1)
    )
    return Stage(last) if last else Stage.NEW


def was_held(session: Session, application_id: int) -> bool:
    """Whether the last move took up somebody who was held."""
    last = select(func.max(StageChange.at)).where(StageChange.application_id == application_id).scalar_subquery()
    taken_up = select(Activity.id).where(
        Activity.application_id == application_id, Activity.kind == ActivityKind.HELD, Activity.at == last
    )
    return session.scalar(taken_up.where(Activity.after.is_(None)).limit(1)) is not None


def _tell_of_holding(session: Session, moved: Sequence[Application], change: Change) -> None:
    """A line for each who is held no more, or again. `moved`: as they were before."""
    by = By(change.user_id, change.remote_addr, change.at)
    if change.holds:
        lines = [Line(one.id, None, HELD) for one in moved if one.held_at is None]
    else:
        lines = [Line(one.id, HELD, None) for one in moved if one.held_at is not None]
    write_down(session, ActivityKind.HELD, by, lines)


def _note_in_audit_log(session: Session, moved: Sequence[Application], change: Change) -> None:
    """An entry for each. `moved`: as they were before."""
    for one in moved:
        audit.note(
            session,
            _action(one.stage, change.to),
            at=change.at,
            user_id=change.user_id,
            remote_addr=change.remote_addr,
            subject=Subject("application", one.public_id),
            before=one.stage,
            after=change.to.value,
        )


def _action(before: str, after: Stage) -> Action:
    if after == Stage.HIRED:
        return Action.HIRED
    return Action.HIRE_TAKEN_BACK if before == Stage.HIRED else Action.STAGE_CHANGED


def _move_one(session: Session, application: Application, change: Change, seen_version: int | None) -> bool:
    version = application.stage_version if seen_version is None else seen_version
    # The first day of a hire that is taken back stays, to be offered when the person is hired again.
    start_date = {} if change.start_date is None else {"start_date": change.start_date or None}
    updated = session.execute(
        update(Application)
        .where(Application.id == application.id, Application.stage_version == version)
        .values(
            stage=change.to.value,
            stage_version=version + 1,
            held_at=change.at if change.holds else None,
            **start_date,
        )
        .execution_options(synchronize_session=False)
    )
    if not updated.rowcount:  # type: ignore[attr-defined]
        return False
    _write_down(session, application, change)
    return True


def _note_one(session: Session, application: Application, change: Change, seen_version: int | None) -> bool:
    """Keep what was written about somebody who stands there already. False: nothing was, or a second click sent it."""
    if not change.says_something:
        return False
    meanwhile = changes_since(session, application.id, seen_version) if seen_version is not None else ()
    said = (change.to, change.user_id, change.reason, change.note)
    if any((step.to_stage, step.user_id, step.reason, step.note) == said for step in meanwhile):
        return False
    session.execute(
        update(Application)
        .where(Application.id == application.id)
        .values(stage_version=Application.stage_version + 1)
        .execution_options(synchronize_session=False)
    )
    _write_down(session, application, change)
    return True


def _write_down(session: Session, application: Application, change: Change) -> None:
    session.execute(
        insert(StageChange),
        {
            "application_id": application.id,
            "from_stage": application.stage,
            "to_stage": change.to.value,
            "at": change.at,
            "user_id": change.user_id,
            "remote_addr": change.remote_addr,
            "reason": change.reason,
            "note": change.note,
        },
    )


def _start_date(value: str | None, today: date) -> str | None:
    value = value.strip() if value is not None else None
    if not value:
        return value
    try:
        if not _DATE.fullmatch(value):
            raise ValueError
        day = date.fromisoformat(value)
    except ValueError:
        raise BadChange("That start date isn’t valid. Choose a date, or leave it empty.") from None
    if abs(day - today) > FAR:
        raise BadChange(f"The start date can’t be in {day.year}. Check the year, or leave it empty.")
    return day.isoformat()
