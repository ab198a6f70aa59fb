"""The audit log as somebody asked to see it → SELECT; and what was noted already."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any, Final

from sqlalchemy import ColumnElement, ScalarSelect, Select, exists, select
from sqlalchemy.orm import Session, joinedload

from dashboard.asking import args_of, day, moments, one_of, words
from dashboard.audit_actions import Action
from dashboard.database import let_go
from dashboard.models import AuditEntry, User
from dashboard.paging import Page, rows_after

_TO_A_WAY_IN: Final = (Action.ACCESS_LINK_MADE, Action.SECOND_FACTOR_OFF)
_GIVES_ROLES: Final = (Action.USER_ADDED, Action.ROLE_CHANGED, Action.USER_REACTIVATED)
_SLOWEST: Final = timedelta(hours=1)
"""Entries are numbered when they are committed, and a little after the moment they tell; never so much."""


@dataclass(frozen=True, slots=True)
class AuditList:
    """Which entries somebody asked to see. Dates are days in the viewer's zone; `who` and `subject` public ids.

    `subject` may also be a user's email address.
    """

    action: str = ""
    who: str = ""
    subject: str = ""
    noted_from: date | None = None
    noted_to: date | None = None
    zone: tzinfo = UTC
    problems: tuple[str, ...] = field(default=(), compare=False)

    @classmethod
    def read(cls, args: Mapping[str, str], zone: tzinfo = UTC) -> AuditList:
        """From an address's query. What cannot be read is left out and named in `problems`."""
        problems: list[str] = []
        return cls(
            action=one_of(args, "action", set(Action), problems),
            who=words(args, "who", 32),
            subject=words(args, "subject", 64),
            noted_from=day(args, "from", problems),
            noted_to=day(args, "to", problems),
            zone=zone,
            problems=tuple(problems),
        )

    @property
    def is_empty(self) -> bool:
        return not self.args

    @property
    def args(self) -> dict[str, str]:
        """The query of an address that asks for the same."""
        return args_of(self, noted_from="from", noted_to="to", zone=None)

    def statement(self) -> Select[Any]:
        """The entries asked for, in no order."""
        return select(AuditEntry).where(*self._conditions())

    def _conditions(self) -> Iterator[ColumnElement[bool]]:
        if self.action:
            yield AuditEntry.action == self.action
        if self.who:
            yield AuditEntry.actor_id == select(User.id).where(User.public_id == self.who).scalar_subquery()
        if self.subject:
            yield AuditEntry.subject_id == _called(self.subject)
        since, before = moments(self.noted_from, self.noted_to, self.zone)
        if since:
            yield AuditEntry.at >= since
            yield AuditEntry.number >= _first_since(since - _SLOWEST)
        if before:
            yield AuditEntry.at < before
            yield AuditEntry.number <= _last_before(before + _SLOWEST)


def _called(subject: str) -> str | ScalarSelect[str]:
    """The id of what is meant: the log has no addresses."""
    if "@" not in subject:
        return subject
    return select(User.public_id).where(User.email == subject.lower()).scalar_subquery()


def _first_since(moment: datetime) -> ScalarSelect[int]:
    """Where a time begins among the numbers, by which entries are ordered: no other filter's index knows of times."""
    found = select(AuditEntry.number).where(AuditEntry.at >= moment)
    return found.order_by(AuditEntry.at, AuditEntry.number).limit(1).scalar_subquery()


def _last_before(moment: datetime) -> ScalarSelect[int]:
    found = select(AuditEntry.number).where(AuditEntry.at < moment)
    return found.order_by(AuditEntry.at.desc(), AuditEntry.number.desc()).limit(1).scalar_subquery()


def entries_page(session: Session, asked: AuditList, cursor: str | None) -> Page[AuditEntry]:
    """One page of the log, newest first, with who did it."""
    rows, following = rows_after(session, _with_people(asked), cursor, None, AuditEntry.number)
    return Page(rows, following, None)


def entries_batches(session: Session, asked: AuditList, size: int = 500) -> Iterator[Sequence[AuditEntry]]:
    """All entries asked for, newest first, in batches, for a download; between two the session holds no connection."""
    cursor: str | None = None
    while True:
        rows, cursor = rows_after(session, _with_people(asked), cursor, None, AuditEntry.number, size)
        let_go(session)
        yield rows
        if cursor is None:
            return


def people(session: Session, limit: int = 500) -> Sequence[User]:
    """Whose entries can be asked for: users, whether they may still sign in or not."""
    return session.scalars(select(User).order_by(User.email).limit(limit)).all()


def addresses(session: Session, entries: Iterable[AuditEntry]) -> Mapping[str, str]:
    """The email addresses of the users these entries are about, by public id, as they are now."""
    ids = {entry.subject_id for entry in entries if entry.subject_kind == "user"}
    rows = session.execute(select(User.public_id, User.email).where(User.public_id.in_(ids))) if ids else ()
    return {public_id: email for public_id, email in rows}  # noqa: C416 - rows are no pairs to mypy


def details(entry: AuditEntry) -> dict[str, Any]:
    """What an entry tells beside who did what to what: numbers, ids and words of ours."""
    found: dict[str, Any] = json.loads(entry.details)
    return found


def has_noted(
    session: Session, actions: Iterable[Action], *, subject_ids: Iterable[str], actor_id: int, since: datetime
) -> bool:
    """Whether somebody did one of `actions` to one of these lately."""
    noted = exists().where(
        AuditEntry.subject_id.in_([*subject_ids]),
        AuditEntry.actor_id == actor_id,
        AuditEntry.action.in_([*actions]),
        AuditEntry.at >= since,
    )
    return bool(session.scalar(select(noted)))


def done_to(session: Session, user_id: int, public_id: str, since: datetime) -> Sequence[AuditEntry]:
    """What somebody else did to a user's way in since then, newest first: a link for their password made, their second
    factor reset. What was asked for at the sign-in page is not among it."""
    entries = session.scalars(
        select(AuditEntry)
        .where(AuditEntry.subject_id == public_id, AuditEntry.action.in_(_TO_A_WAY_IN), AuditEntry.at >= since)
        .where(AuditEntry.actor_id.is_distinct_from(user_id))
        .order_by(AuditEntry.number.desc())
        .options(joinedload(AuditEntry.actor))
    )
    return [entry for entry in entries if "way" not in details(entry)]


def let_in(session: Session, user_id: int, public_id: str, since: datetime) -> Sequence[AuditEntry]:
    """Whom somebody who may not see applicants has let see them since then, newest first; besides this user."""
    entries = session.scalars(
        select(AuditEntry)
        .where(AuditEntry.action.in_(_GIVES_ROLES), AuditEntry.at >= since, AuditEntry.subject_id != public_id)
        .where(AuditEntry.actor_id != user_id)
        .order_by(AuditEntry.number.desc())
        .options(joinedload(AuditEntry.actor))
    )
    return [entry for entry in entries if "let_in" in details(entry)]


def last_details(
    session: Session, action: Action, *, subject_id: str, actor_id: int | None = None
) -> Mapping[str, Any]:
    """The details of the newest entry of an action about this subject, by anybody or by one; empty without one."""
    noted = select(AuditEntry.details).where(AuditEntry.subject_id == subject_id, AuditEntry.action == action)
    if actor_id is not None:
        noted = noted.where(AuditEntry.actor_id == actor_id)
    found = session.scalar(noted.order_by(AuditEntry.number.desc()).limit(1))
    return json.loads(found) if found else {}


def _with_people(asked: AuditList) -> Select[Any]:
    return asked.statement().options(joinedload(AuditEntry.actor))
