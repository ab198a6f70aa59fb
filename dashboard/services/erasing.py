"""Erasing people: one transaction takes everything that is stored of them; what is left are counts and tombstones.

The ledger keeps its rows without saying whom they were about, so that its sums stay true. What a transaction cannot
overwrite (files, pages of the database, the log beside it) is cleaned afterwards by `cleaning`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import ColumnElement, delete, exists, or_, select, update
from sqlalchemy.orm import Session

from dashboard import search
from dashboard.audit_actions import Action
from dashboard.database import Base, public_id, table_of
from dashboard.models import (
    Activity,
    Application,
    ApplicationTag,
    Attachment,
    Attempt,
    BulkAction,
    BulkItem,
    Click,
    Delivery,
    Erasure,
    Facet,
    FollowUp,
    Hold,
    Mention,
    Note,
    Outbound,
    PersonLink,
    Reminder,
    SavedView,
    Seen,
    StageChange,
    StoredFile,
    Tag,
)
from dashboard.models.delivery import BLANK
from dashboard.models.outbound import ERASED, State
from dashboard.services import audit, holding, indexing, reading, tombstones
from dashboard.services.audit import Subject
from dashboard.services.belongings import Found, gather, theirs_alone
from dashboard.services.tombstones import Kind

ERASED_WORDS: Final = "The person was erased before it was sent."


class Cause(StrEnum):
    REQUEST = "request"
    RETENTION = "retention"
    RESTRICTION = "restriction"
    RESTORE = "restore"
    TEST = "test"


REASONS: Final = {
    "asked": "They asked to be erased",
    "withdrew": "They withdrew their consent",
    "mistake": "It was received by mistake",
    "no-need": "It is no longer needed",
    "test": "It was a test",
}
"""Why a person erases somebody. No free words: they could name the person."""


class CannotErase(Exception):
    """Nothing was erased; the message says why."""


@dataclass(frozen=True, slots=True)
class Warrant:
    """Who erases, why, from where and when. `reason`: one of `REASONS`, or the cause again."""

    cause: Cause
    reason: str
    at: datetime
    user_id: int | None = None
    remote_addr: str | None = None

    @property
    def is_of_the_whole_person(self) -> bool:
        """Retention takes old applications of people who may be applying at this moment."""
        return self.cause in (Cause.REQUEST, Cause.RESTRICTION)


def preview(session: Session, applications: Sequence[Application]) -> Found:
    """What would go with these applications. Changes nothing."""
    return gather(session, applications, lock=False, thorough=True)


def erase(session: Session, public_ids: Iterable[str], warrant: Warrant, also: Collection[str] = ()) -> Erasure:
    """Erase these applications and all that is stored of them. The caller has begun to write, and commits.

    `also`: of the saved views that have no more than their name, the public ids of those that go as well.
    It must be the first thing its transaction does. Raises `CannotErase`.
    """
    tombstones.close_the_door(session)
    wanted = select(Application).where(Application.public_id.in_(list(public_ids))).order_by(Application.id)
    locked = wanted.with_for_update(of=Application).execution_options(populate_existing=True)
    applications = session.scalars(locked).all()
    if not applications:
        raise CannotErase("These applications no longer exist.")
    _refuse_if_kept(session, applications, warrant)
    found = gather(session, applications, lock=True, thorough=warrant.cause != Cause.RETENTION, also=also)
    if any(row.state == State.SENDING for row in found.outbounds):
        raise CannotErase("A message or report about them is being sent right now. Try again in a minute.")
    tombstones.bury(session, _known_by(session, found, warrant), at=warrant.at)
    _take(session, found)
    return _noted(session, found, warrant)


def _refuse_if_kept(session: Session, applications: Sequence[Application], warrant: Warrant) -> None:
    if warrant.cause == Cause.RESTORE:
        return  # it was decided before, when nothing kept them
    why = holding.why_kept(session, [one.id for one in applications], warrant.at)
    if why:
        raise CannotErase(why)


def _noted(session: Session, found: Found, warrant: Warrant) -> Erasure:
    erasure = Erasure(
        at=warrant.at,
        user_id=warrant.user_id,
        cause=warrant.cause.value,
        reason=warrant.reason,
        counts=dict(found.counts),
        files=sorted(found.files),
    )
    session.add(erasure)
    session.flush()
    audit.note(
        session,
        Action.ERASED,
        at=warrant.at,
        user_id=warrant.user_id,
        remote_addr=warrant.remote_addr,
        subject=Subject("erasure", erasure.public_id),
        cause=warrant.cause.value,
        reason=warrant.reason,
        applications=[one.public_id for one in found.applications],
    )
    return erasure


# --- tombstones -----------------------------------------------------------------------------------------------------


def _known_by(session: Session, found: Found, warrant: Warrant) -> Iterator[tuple[Kind, str]]:
    for delivery in found.deliveries:
        if delivery.id in found.not_buried:
            continue
        yield Kind.DELIVERY, delivery.key
        if delivery.event_id:
            yield Kind.DELIVERY, f"event:{delivery.event_id}"
    for one in found.applications:
        yield Kind.ID, one.talroo_id
    # What somebody began and what they finished of it bear the same id of Talroo's.
    (ids,) = theirs_alone(session, found.applications, Application.tlr_application_id)
    yield from ((Kind.APPLICATION, value) for value in sorted(ids))
    if warrant.is_of_the_whole_person:
        yield from _addresses(session, found)


def _addresses(session: Session, found: Found) -> Iterator[tuple[Kind, str]]:
    """Addresses and clicks of theirs which no application has that stays."""
    yield from ((Kind.CLICK, click) for click in sorted(found.clicks))
    emails, phones = theirs_alone(session, found.applications, Application.email_key, Application.phone_key)
    yield from ((Kind.EMAIL, value) for value in sorted(emails))
    yield from ((Kind.PHONE, value) for value in sorted(phones))


# --- taking it ------------------------------------------------------------------------------------------------------


def _take(session: Session, found: Found) -> None:
    ids = found.ids
    choices = _choices(session, found.applications)
    _blank_ledger(session, found)
    _delete_around(session, found)
    numbers = [one.inbox_no for one in found.applications if one.inbox_no is not None]
    search.remove(session, [*numbers, *(-number for number in ids)])
    session.execute(delete(Application).where(Application.id.in_(ids)), execution_options=_AS_IT_IS)
    session.expunge_all()
    _blank_deliveries(session, found)
    session.execute(delete(StoredFile).where(StoredFile.sha256.in_(found.files)), execution_options=_AS_IT_IS)
    _forget_choices(session, choices)


_AS_IT_IS: Final = {"synchronize_session": False}


def _blank_ledger(session: Session, found: Found) -> None:
    numbers = [row.id for row in found.outbounds]
    for row in found.outbounds:
        # Random, and so unique: the old key named the click or the application.
        row.business_key = f"{ERASED}{public_id()}"
        row.application_id = row.tlr_sid = row.tlr_application_id = row.last_answer = None
        if row.state in (State.WAITING, State.PARKED):
            row.state, row.last_answer = State.CANCELLED, ERASED_WORDS
    session.flush()
    blank = update(Attempt).where(Attempt.outbound_id.in_(numbers)).values(answer=None, error=None)
    session.execute(blank, execution_options=_AS_IT_IS)


def _delete_around(session: Session, found: Found) -> None:
    """Everything that refers to the applications."""
    ids = found.ids
    notes = select(Note.id).where(Note.application_id.in_(ids))
    tags = set(session.scalars(select(ApplicationTag.tag_id).where(ApplicationTag.application_id.in_(ids))))
    actions = set(session.scalars(select(BulkItem.action_id).where(BulkItem.application_id.in_(ids))))
    _delete(session, Mention, Mention.note_id.in_(notes))
    for model in _OF_ONE:
        _delete(session, model, model.application_id.in_(ids))
    _delete(session, PersonLink, or_(PersonLink.low_id.in_(ids), PersonLink.high_id.in_(ids)))
    _delete(session, Click, Click.tlr_sid.in_(found.clicks))
    _delete(session, SavedView, SavedView.id.in_([view.id for view in found.views]))
    _set(session, Activity, Activity.other_id.in_(ids), other_id=None)
    _set(session, FollowUp, FollowUp.completed_by_id.in_(ids), completed_by_id=None)
    # A tag that only they wore may be their name; so may the words of what was done to nobody else.
    worn = exists().where(ApplicationTag.tag_id == Tag.id)
    _delete(session, Tag, Tag.id.in_(tags), ~worn)
    concerned = exists().where(BulkItem.action_id == BulkAction.id)
    _delete(session, BulkAction, BulkAction.id.in_(actions), ~concerned)


_OF_ONE: Final[tuple[Any, ...]] = (
    *(Note, Activity, StageChange, ApplicationTag, Seen, BulkItem, FollowUp, Reminder, Hold, Attachment),
)


def _delete(session: Session, model: type[Base], *which: ColumnElement[bool]) -> None:
    session.execute(delete(model).where(*which), execution_options=_AS_IT_IS)


def _set(session: Session, model: type[Base], which: ColumnElement[bool], **values: Any) -> None:
    session.execute(update(model).where(which).values(**values), execution_options=_AS_IT_IS)


def _blank_deliveries(session: Session, found: Found) -> None:
    """The number of arrivals stays true; nothing is left of what arrived."""
    for delivery in found.deliveries:
        name = tombstones.name_of(session, delivery.key)
        blank = update(Delivery).where(Delivery.id == delivery.id).values(key=name, **BLANK)
        session.execute(blank, execution_options=_AS_IT_IS)


def _choices(session: Session, applications: Sequence[Application]) -> set[str]:
    """The terms of what lists can be filtered by because of these applications."""
    found = set()
    for one in applications:
        answers = indexing.Contents.of(reading.answers(one)).choices
        found |= {choice.key for choice in (*indexing.place_choices(one, one.job), *answers)}
    return found


def _forget_choices(session: Session, terms: Iterable[str]) -> None:
    """Nothing is offered to choose from that nobody has."""
    gone = [term for term in sorted(terms) if not search.is_known(session, term)]
    _delete(session, Facet, Facet.key.in_(gone))


def tables() -> list[str]:
    """The tables that rows or words are taken from, for whoever cleans them up."""
    around = (Application, Delivery, StoredFile, Outbound, Attempt, Facet, Tag, BulkAction, PersonLink, Mention)
    models = (*around, Click, SavedView, *_OF_ONE)
    return [search.TABLE, *(table_of(model).name for model in models)]
