"""What is stored of some applications and of nobody else: rows, files, clicks, and what nobody could file.

Where somebody else shares a thing (a click, a file's content, an address), it stays: it tells of them as well.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qs

from sqlalchemy import ColumnElement, Integer, LargeBinary, func, literal, or_, select, union_all
from sqlalchemy.orm import InstrumentedAttribute, Session

from dashboard import tokens
from dashboard.models import (
    Activity,
    Application,
    Attachment,
    Click,
    Delivery,
    Note,
    Outbound,
    Reminder,
    SavedView,
    StageChange,
)
from dashboard.models.outbound import Channel
from dashboard.person_keys import email_key
from dashboard.stages import Stage
from dashboard.talroo import payload, wire

SHORTEST_SIGN: Final = 6
"""Shorter ids are in everybody's text."""
_Text = InstrumentedAttribute[str | None]


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
    "moves": ("stage change", "stage changes"),
    "activities": ("rating, tag or other entry in the history", "ratings, tags and other entries in the history"),
    "messages": ("message to them", "messages to them"),
    "clicks": ("click", "clicks"),
    "views": ("saved view that searches for them", "saved views that search for them"),
}
"""What goes, in words: one and many."""


def gather(
    session: Session, applications: Sequence[Application], *, lock: bool, thorough: bool, also: Collection[str] = ()
) -> Found:
    """All that is stored of `applications` alone. `lock`: until the commit, what is being sent among it.

    `also`: of the saved views with no more than their name, the public ids of those that count as theirs.
    `thorough`: also bodies that nobody could file are read. Retention takes those for their own age."""
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
    tlr_application_ids, clicks, emails = theirs_alone(session, applications, *columns)
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
    name = tokens.words([application.first_name, application.last_name])
    return len(name) > 1 and set(tokens.words([_words_of(view)])).issuperset(name)


def _words_of(view: SavedView) -> str:
    return f"{view.name} {' '.join(parse_qs(view.query).get('q', ()))}".casefold()


def theirs_alone(session: Session, applications: Sequence[Application], *columns: _Text) -> list[frozenset[str]]:
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
