"""Erasing people: one transaction takes everything that is stored of them; what is left are counts and tombstones.

The ledger keeps its rows without saying whom they were about, so that its sums stay true. What a transaction cannot
overwrite (files, pages of the database, the log beside it) is cleaned afterwards by `cleaning`.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final
from urllib.parse import parse_qs

from sqlalchemy import (
    ColumnElement,
    Integer,
    LargeBinary,
    Select,
    delete,
    exists,
    func,
    literal,
    or_,
    select,
    union_all,
    update,
)
from sqlalchemy.orm import InstrumentedAttribute, Session

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
from dashboard.models.outbound import ERASED, Channel, State
from dashboard.person_keys import email_key
from dashboard.services import audit, holding, indexing, intake, reading, tombstones
from dashboard.services.audit import Subject
from dashboard.services.tombstones import Kind
from dashboard.stages import Stage
from dashboard.talroo import payload, wire

ERASED_WORDS: Final = "The person was erased before it was sent."
SHORTEST_SIGN: Final = 6
"""Shorter ids are in everybody's text."""
_Text = InstrumentedAttribute[str | None]


class Cause(StrEnum):
    REQUEST = "request"
    RETENTION = "retention"
    RESTRICTION = "restriction"
    RESTORE = "restore"
    TEST = "test"


REASONS: Final = {
    "asked": "They asked to be erased",
    "withdrew": "They withdrew their consent",
    "mistake": "It should not have come here",
    "no-need": "It is not needed any more",
    "test": "It was only a test",
}
"""Why a person erases somebody. No free words: they could name the person."""


class CannotErase(Exception):
    """Nothing was erased; the message says why."""


@dataclass(frozen=True, slots=True)
class By:
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


@dataclass(frozen=True, slots=True)
class Found:
    """Everything that is stored of some applications and of nobody else."""

    applications: Sequence[Application]
    deliveries: Sequence[Delivery]
    not_buried: frozenset[int]
    """Of the deliveries, by id, those that tell of another application: emptied, but what brings it is let in."""
    outbounds: Sequence[Outbound]
    files: frozenset[str]
    """SHA-256 of contents that nobody else refers to."""
    clicks: frozenset[str]
    """Click ids that nobody else came by."""
    views: Sequence[SavedView]
    namesakes: Sequence[SavedView]
    """Saved views with the words of their name, which may be anybody's, or a trade's: they stay, unless chosen."""
    counts: Mapping[str, int]
    """How many of what, by the names of `WORDS`."""

    @property
    def ids(self) -> list[int]:
        return [one.id for one in self.applications]


WORDS: Final = {
    "applications": ("application", "applications"),
    "deliveries": ("delivery: what Talroo sent", "deliveries: what Talroo sent"),
    "files": ("file", "files"),
    "notes": ("note", "notes"),
    "moves": ("step of a history", "steps of histories"),
    "activities": ("rating, tag or other thing done", "ratings, tags and other things done"),
    "messages": ("message to them", "messages to them"),
    "clicks": ("click", "clicks"),
    "views": ("saved view that searches for them", "saved views that search for them"),
}
"""What goes, in words: one and many."""


def preview(session: Session, applications: Sequence[Application]) -> Found:
    """What would go with these applications. Changes nothing."""
    return _gather(session, applications, lock=False, thorough=True)


def erase(session: Session, public_ids: Iterable[str], by: By, also: Collection[str] = ()) -> Erasure:
    """Erase these applications and all that is stored of them. The caller has begun to write, and commits.

    `also`: of the saved views that have no more than their name, the public ids of those that go as well.
    It must be the first thing its transaction does. Raises `CannotErase`.
    """
    tombstones.close_the_door(session)
    wanted = select(Application).where(Application.public_id.in_(list(public_ids))).order_by(Application.id)
    locked = wanted.with_for_update(of=Application).execution_options(populate_existing=True)
    applications = session.scalars(locked).all()
    if not applications:
        raise CannotErase("Nothing of them is here any more.")
    _refuse_if_kept(session, applications, by)
    found = _gather(session, applications, lock=True, thorough=by.cause != Cause.RETENTION, also=also)
    if any(row.state == State.SENDING for row in found.outbounds):
        raise CannotErase("Something about them is being sent at this moment. Try again in a minute.")
    tombstones.bury(session, _known_by(session, found, by), at=by.at)
    _take(session, found)
    return _noted(session, found, by)


def _refuse_if_kept(session: Session, applications: Sequence[Application], by: By) -> None:
    if by.cause == Cause.RESTORE:
        return  # it was decided before, when nothing kept them
    why = holding.why_kept(session, [one.id for one in applications], by.at)
    if why:
        raise CannotErase(why)


def _noted(session: Session, found: Found, by: By) -> Erasure:
    erasure = Erasure(
        at=by.at,
        user_id=by.user_id,
        cause=by.cause.value,
        reason=by.reason,
        counts=dict(found.counts),
        files=sorted(found.files),
    )
    session.add(erasure)
    session.flush()
    audit.note(
        session,
        Action.ERASED,
        at=by.at,
        user_id=by.user_id,
        remote_addr=by.remote_addr,
        subject=Subject("erasure", erasure.public_id),
        cause=by.cause.value,
        reason=by.reason,
        applications=[one.public_id for one in found.applications],
    )
    return erasure


# --- what there is --------------------------------------------------------------------------------------------------


def _gather(
    session: Session, applications: Sequence[Application], *, lock: bool, thorough: bool, also: Collection[str] = ()
) -> Found:
    """`thorough`: also bodies that nobody could file are read. Retention takes those for their own age."""
    ids = [one.id for one in applications]
    filed = session.scalars(select(Delivery).where(_is_about(applications))).all()
    known = {delivery.id for delivery in filed}
    unfiled = {} if not thorough else _unfiled(session, applications, but=known)
    deliveries = [*filed, *(session.get_one(Delivery, number) for number in unfiled)]
    clicks, files = _own_signs(session, applications, deliveries)
    outbounds = select(Outbound).where(
        or_(Outbound.application_id.in_(ids), Outbound.application_id.is_(None) & Outbound.tlr_sid.in_(clicks))
    )
    if lock:
        outbounds = outbounds.order_by(Outbound.id).with_for_update(of=Outbound)
    views = _views_of(session, applications)
    namesakes = [view for view in views if not any(_has_address(view, one) for one in applications)]
    found = Found(
        applications=applications,
        deliveries=deliveries,
        not_buried=frozenset(number for number, is_of_another in unfiled.items() if is_of_another),
        outbounds=session.scalars(outbounds.execution_options(populate_existing=lock)).all(),
        files=files,
        clicks=clicks,
        views=[view for view in views if view not in namesakes or view.public_id in also],
        namesakes=namesakes,
        counts={},
    )
    counted = _counted(session, found)
    return Found(**{name: getattr(found, name) for name in Found.__slots__} | {"counts": counted})


def _counted(session: Session, found: Found) -> dict[str, int]:
    ids = found.ids
    stored: dict[str, Any] = {"notes": Note, "moves": StageChange, "activities": Activity, "messages": Reminder}
    counts = {"applications": len(ids), "deliveries": len(found.deliveries), "files": len(found.files)}
    wanted = {name: model.application_id.in_(ids) for name, model in stored.items()}
    wanted |= {"clicks": Click.tlr_sid.in_(found.clicks)}
    columns = (select(func.count()).where(which).scalar_subquery().label(name) for name, which in wanted.items())
    counts |= session.execute(select(*columns)).one()._mapping
    counts |= {"views": len(found.views), "hires": sum(one.stage == Stage.HIRED for one in found.applications)}
    return counts | {f"{channel}s": sum(row.channel == channel for row in found.outbounds) for channel in _REPORTS}


_REPORTS: Final = (Channel.CONVERSION, Channel.DISPOSITION)


def _is_about(applications: Sequence[Application]) -> ColumnElement[bool]:
    """Deliveries about these, and those that nobody could file which came under the event id of one."""
    own = Delivery.talroo_id.in_([one.talroo_id for one in applications])
    brought = Delivery.id.in_([one.answers_from_id for one in applications if one.answers_from_id])
    events = select(Delivery.event_id).where(own, Delivery.event_id.is_not(None))
    return or_(own, brought, _IS_UNFILED & Delivery.event_id.in_(events))


_IS_UNFILED: Final = Delivery.status.in_(("kept", "quarantined", "dismissed"))


@dataclass(frozen=True, slots=True)
class _Marks:
    """By what a delivery that nobody could file is known to be about some applications, and about no other.

    Applicants type some of these, so that a word of theirs may stand in anybody's body: only the fields count in which
    a delivery tells of its own applicant. Even so an address tells whose it is, not which application it is about: a
    delivery with another `data.id` is emptied, for it holds an erased person's data, but its key is not buried. Else
    whoever typed somebody's address, and had themselves erased, would keep that person's applications out for ever.
    """

    ids: frozenset[str]
    tlr_application_ids: frozenset[str]
    clicks: frozenset[str]
    emails: frozenset[str]

    def claim(self, data: Mapping[str, Any]) -> bool:
        """Whether these fields are theirs. `data`: what a delivery tells of its application."""
        if _field(data, "id") in self.ids:
            return True
        if _field(data, "tlrApplicationId") in self.tlr_application_ids or _field(data, "tlrSid") in self.clicks:
            return True
        # Of a kind of event that we do not know, under another name maybe; an answer to a question is never looked at.
        fields = (*data.values(), *wire.mapping(data.get("applicant")).values())
        return any(email_key(wire.text(value)) in self.emails for value in fields)


def _field(data: Mapping[str, Any], name: str) -> str:
    return (wire.text(data.get(name)) or "").strip()


def _marks(session: Session, applications: Sequence[Application]) -> _Marks:
    columns = (Application.tlr_application_id, Application.tlr_sid, Application.email_key)
    tlr_application_ids, clicks, emails = _theirs_alone(session, applications, *columns)
    return _Marks(frozenset(one.talroo_id for one in applications), tlr_application_ids, clicks, emails)


def _unfiled(session: Session, applications: Sequence[Application], *, but: Collection[int]) -> dict[int, bool]:
    """Deliveries about these that nobody could file, by id; each with whether it tells of another application."""
    marks, found = _marks(session, applications), {}
    for number in sorted(_candidates(session, applications).difference(but)):
        body = session.scalar(select(Delivery.body).where(Delivery.id == number)) or b""
        data = _data(body)
        if data and marks.claim(data):
            found[number] = _field(data, "id") not in {"", *marks.ids}
        elif not data and any(needle in body for one in marks.ids for needle in _written(one)):
            found[number] = False
    return found


def _data(body: bytes) -> Mapping[str, Any]:
    """What a delivery tells of its application, in an event or bare; nothing where it cannot be read."""
    try:
        document = wire.parse(body).value
    except Exception:
        return {}
    return payload.envelope(document).data or payload.item(document).data


def _candidates(session: Session, applications: Sequence[Application]) -> set[int]:
    """Of the deliveries nobody could file those that hold any sign of these: a few, whose fields are then read."""
    dialect, found, needles = session.get_bind().dialect.name, set(), list(_needles(applications))
    # SQLite takes a thousand conditions in one expression.
    for start in range(0, len(needles), _SOUGHT_AT_ONCE):
        holds = or_(*(_holds(dialect, needle) for needle in needles[start : start + _SOUGHT_AT_ONCE]))
        found |= set(session.scalars(select(Delivery.id).where(_IS_UNFILED, holds)))
    return found


_SOUGHT_AT_ONCE: Final = 200


def _needles(applications: Iterable[Application]) -> Iterator[bytes]:
    """What may tell in a body whose it is, as JSON writes it."""
    found = set()
    for one in applications:
        ids = (one.talroo_id, one.tlr_application_id, one.tlr_sid)
        found |= {value for value in (*ids, one.email, one.email_key) if value and len(value) >= SHORTEST_SIGN}
    for value in sorted(found):
        yield from _written(value)


def _written(value: str) -> set[bytes]:
    return {json.dumps(value, ensure_ascii=is_ascii).encode() for is_ascii in (True, False)}


def _holds(dialect: str, needle: bytes) -> ColumnElement[bool]:
    sought = literal(needle, LargeBinary)
    if dialect == "postgresql":
        return func.position(sought.op("in")(Delivery.body), type_=Integer) > 0
    return func.instr(Delivery.body, sought, type_=Integer) > 0


def _own_signs(
    session: Session, applications: Sequence[Application], deliveries: Iterable[Delivery]
) -> tuple[frozenset[str], frozenset[str]]:
    """The click ids and the files' contents that are nobody else's. One statement.

    Every content that a stored body refers to is some application's file as well, so those tell whose it is.
    """
    ids = [one.id for one in applications]
    clicks = {one.tlr_sid for one in applications if one.tlr_sid}
    cut = {str(sha256) for delivery in deliveries for _, sha256 in delivery.cuts}
    mine = select(Attachment.sha256).where(Attachment.application_id.in_(ids), Attachment.sha256.is_not(None))
    others = select(Attachment.sha256).where(Attachment.application_id.not_in(ids))
    # In parts that an index finds each: of "either" PostgreSQL would read every file there is.
    wanted = [
        ("clicks", select(Application.tlr_sid).where(Application.tlr_sid.in_(clicks), Application.id.not_in(ids))),
        ("mine", mine),
        ("others", others.where(Attachment.sha256.in_(cut))),
        ("others", others.where(Attachment.sha256.in_(mine))),
    ]
    found: dict[str, set[str]] = {name: set() for name, _ in wanted}
    for sign, name in session.execute(union_all(*(one.add_columns(literal(name)) for name, one in wanted))):
        found[name].add(sign)
    return frozenset(clicks - found["clicks"]), frozenset((cut | found["mine"]) - found["others"])


def _views_of(session: Session, applications: Sequence[Application]) -> list[SavedView]:
    """Saved views that search for these people, or are called like them."""
    views = session.scalars(select(SavedView).order_by(SavedView.id)).all()
    return [view for view in views if any(_has_address(view, one) or _has_name(view, one) for one in applications)]


def _has_address(view: SavedView, application: Application) -> bool:
    asked = _words_of(view)
    digits = "".join(character for character in asked if character.isdigit())
    has_phone = application.phone_key is not None and application.phone_key in digits
    return has_phone or (application.email_key is not None and application.email_key in asked)


def _has_name(view: SavedView, application: Application) -> bool:
    name = search.words([application.first_name, application.last_name])
    return len(name) > 1 and set(search.words([_words_of(view)])).issuperset(name)


def _words_of(view: SavedView) -> str:
    return f"{view.name} {' '.join(parse_qs(view.query).get('q', ()))}".casefold()


# --- tombstones -----------------------------------------------------------------------------------------------------


def _known_by(session: Session, found: Found, by: By) -> Iterator[tuple[Kind, str]]:
    for delivery in found.deliveries:
        if delivery.id in found.not_buried:
            continue
        yield Kind.DELIVERY, delivery.key
        if delivery.event_id:
            yield Kind.DELIVERY, f"event:{delivery.event_id}"
    for one in found.applications:
        yield Kind.ID, one.talroo_id
    # What somebody began and what they finished of it bear the same id of Talroo's.
    (ids,) = _theirs_alone(session, found.applications, Application.tlr_application_id)
    yield from ((Kind.APPLICATION, value) for value in sorted(ids))
    if by.is_of_the_whole_person:
        yield from _addresses(session, found)


def _addresses(session: Session, found: Found) -> Iterator[tuple[Kind, str]]:
    """Addresses and clicks of theirs which no application has that stays."""
    yield from ((Kind.CLICK, click) for click in sorted(found.clicks))
    emails, phones = _theirs_alone(session, found.applications, Application.email_key, Application.phone_key)
    yield from ((Kind.EMAIL, value) for value in sorted(emails))
    yield from ((Kind.PHONE, value) for value in sorted(phones))


def _theirs_alone(session: Session, applications: Sequence[Application], *columns: _Text) -> list[frozenset[str]]:
    """Of each column the values which no application has that stays. One statement."""
    ids = [one.id for one in applications]
    theirs = [{value for one in applications if (value := getattr(one, column.key))} for column in columns]
    stay = (
        select(column, literal(place)).where(column.in_(values), Application.id.not_in(ids))
        for place, (column, values) in enumerate(zip(columns, theirs, strict=True))
    )
    for value, place in session.execute(union_all(*stay)):
        theirs[place].discard(value)
    return [frozenset(values) for values in theirs]


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


# --- a database that came back --------------------------------------------------------------------------------------

_AT_ONCE: Final = 500
_FEW: Final = 20


@dataclass(frozen=True, slots=True)
class Again:
    """How many applications a restored database had brought back: `erased` once more, and `held`, which were left."""

    erased: int = 0
    held: int = 0


def bury_again(session: Session, secrets: Sequence[str], *, at: datetime) -> Again:
    """Erase once more whoever a restored database brought back: all that its tombstones name.

    What something holds goes only if it was itself erased, by its own `data.id`. What it has in common with somebody
    erased (an address, a click, an id of Talroo's) is no reason to break the hold: a person has to decide.

    `secrets`: all that may have keyed the tombstones, newest first. For a database that nobody else uses; the caller
    has begun to write, and commits. Files and pages are cleaned by `cleaning.finish` afterwards.
    """
    engine = session.get_bind().engine
    tombstones.keep_keys(engine, secrets)
    audit.keep_chain(engine, secrets)
    if engine.dialect.name == "sqlite":
        # Its connection is the restorer's own, and not set up as the site's are.
        session.connection().exec_driver_sql("PRAGMA secure_delete=ON")
    graves = tombstones.graves(session)
    if not graves.erased_at:
        return Again()
    named = [(public_id, signs) for public_id, signs in _everybody(session) if graves.holds(signs)]
    held = set(session.scalars(select(Application.talroo_id).where(holding.is_kept(at))))
    kept = {own for _, signs in named if (own := signs.values[Kind.ID]) in held and not graves.holds(_its_id(own))}
    again = [public_id for public_id, signs in named if signs.values[Kind.ID] not in kept]
    for start in range(0, len(again), _FEW):
        erase(session, again[start : start + _FEW], By(Cause.RESTORE, Cause.RESTORE.value, at))
    _blank_known(session, graves, kept)
    return Again(len(again), len(kept))


def _its_id(talroo_id: str) -> tombstones.Signs:
    return tombstones.Signs.of(talroo_id=talroo_id)


def _everybody(session: Session) -> Iterator[tuple[str, tombstones.Signs]]:
    names = ("talroo_id", "tlr_application_id", "tlr_sid", "email", "phone")
    for row in _walked(session, Application, *names, "public_id", "started_at", "applied_at", "arrived_at"):
        times = (row.started_at, row.applied_at, row.arrived_at)
        yield row.public_id, tombstones.Signs.of(**{name: getattr(row, name) for name in names}, times=times)


def _blank_known(session: Session, graves: tombstones.Graves, kept: Collection[str]) -> None:
    """Deliveries of erased people that were never filed as anybody's. `kept`: by `data.id`, what is left as it is."""
    for row in _walked(session, Delivery, "key", "event_id", "talroo_id"):
        keys = (row.key, f"event:{row.event_id}" if row.event_id else None)
        is_known = any(key and graves.holds(tombstones.Signs.of(key=key)) for key in keys)
        if is_known and row.talroo_id not in kept:
            intake.blank(session, session.get_one(Delivery, row.id))


def _walked(session: Session, model: Any, *names: str) -> Iterator[Any]:
    """All rows by id, some columns of each, a part at a time."""
    last = 0
    columns = [model.id, *(getattr(model, name) for name in names)]
    statement: Select[Any] = select(*columns).order_by(model.id).limit(_AT_ONCE)
    while part := session.execute(statement.where(model.id > last)).all():
        yield from part
        last = part[-1].id


def tables() -> list[str]:
    """The tables that rows or words are taken from, for whoever cleans them up."""
    around = (Application, Delivery, StoredFile, Outbound, Attempt, Facet, Tag, BulkAction, PersonLink, Mention)
    models = (*around, Click, SavedView, *_OF_ONE)
    return [search.TABLE, *(table_of(model).name for model in models)]
