"""Tags: words recruiters find applications by. "Night Shift" and "night  shift" are one tag, as first typed."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from dashboard.database import insert_or_ignore, public_id
from dashboard.models import ActivityKind, ApplicationTag, Tag
from dashboard.services import indexing
from dashboard.services.activity import By, Done, Line, locked, write_down
from dashboard.services.review import BadChange
from dashboard.talroo.wire import clean

MAX_NAME: Final = 40
MAX_KEY: Final = 160
MAX_TAGS: Final = 20
"""On one application."""


def tag(session: Session, ids: Iterable[int], name: str, by: By) -> Done:
    """Tag every application that has room for it. Raises `BadChange` for a name that is none."""
    wanted = find_or_make(session, name)
    applications = locked(session, ids)
    chosen = [application.id for application in applications]
    carrying = _carrying(session, chosen, wanted.id)
    numbers = _numbers_of_tags(session, chosen)
    skipped = [(number, "Already has the tag") for number in chosen if number in carrying]
    skipped += [
        (number, f"Already has {MAX_TAGS} tags")
        for number in chosen
        if number not in carrying and numbers[number] >= MAX_TAGS
    ]
    left_out = {number for number, _ in skipped}
    changed = tuple(number for number in chosen if number not in left_out)
    if changed:
        rows = [
            {"application_id": number, "tag_id": wanted.id, "user_id": by.user_id, "at": by.at} for number in changed
        ]
        session.execute(insert(ApplicationTag), rows)
    write_down(session, ActivityKind.TAGGED, by, (Line(number, after=wanted.name) for number in changed))
    indexing.restate(session, changed)
    return Done(changed, tuple(skipped))


def untag(session: Session, ids: Iterable[int], tag: Tag, by: By) -> Done:
    """Take the tag off those that carry it."""
    chosen = [application.id for application in locked(session, ids)]
    carrying = _carrying(session, chosen, tag.id)
    session.execute(
        delete(ApplicationTag).where(ApplicationTag.tag_id == tag.id, ApplicationTag.application_id.in_(carrying)),
        execution_options={"synchronize_session": False},
    )
    changed = tuple(number for number in chosen if number in carrying)
    write_down(session, ActivityKind.UNTAGGED, by, (Line(number, before=tag.name) for number in changed))
    indexing.restate(session, changed)
    return Done(changed, tuple((number, "Does not have the tag") for number in chosen if number not in carrying))


def find_or_make(session: Session, name: str) -> Tag:
    """The tag of that name, made if nobody used it yet. Raises `BadChange` for an empty or too long name."""
    typed = named(name)
    key = fold(typed)
    session.execute(insert_or_ignore(session, Tag, "key"), {"public_id": public_id(), "name": typed, "key": key})
    return session.scalars(select(Tag).where(Tag.key == key)).one()


def named(typed: str) -> str:
    """A tag's name as it is kept. Raises `BadChange` for an empty or too long one."""
    name = " ".join(clean(typed).split())
    if not fold(name):
        raise BadChange("Enter a tag first.")
    if len(name) > MAX_NAME or len(fold(name)) > MAX_KEY:
        raise BadChange(f"A tag has at most {MAX_NAME} characters.")
    return name


def find(session: Session, name: str) -> Tag | None:
    """The tag somebody means by `name`: its public id, or its name in any writing."""
    by_name = session.scalar(select(Tag).where(Tag.key == fold(name)))
    return by_name or session.scalar(select(Tag).where(Tag.public_id == name))


def choices(session: Session, limit: int = 200) -> Sequence[Tag]:
    """The tags in use, by name."""
    in_use = select(ApplicationTag.tag_id).where(ApplicationTag.tag_id == Tag.id).exists()
    return session.scalars(select(Tag).where(in_use).order_by(Tag.key).limit(limit)).all()


def fold(name: str) -> str:
    """A name as it is compared: one writing of each character, without case, single spaces."""
    compatible = unicodedata.normalize("NFKC", clean(name)).casefold()
    return " ".join(unicodedata.normalize("NFKC", compatible).split())


def _carrying(session: Session, ids: Iterable[int], tag_id: int) -> set[int]:
    found = select(ApplicationTag.application_id)
    return set(session.scalars(found.where(ApplicationTag.tag_id == tag_id, ApplicationTag.application_id.in_(ids))))


def _numbers_of_tags(session: Session, ids: Iterable[int]) -> Counter[int]:
    """How many tags each application has."""
    return Counter(session.scalars(select(ApplicationTag.application_id).where(ApplicationTag.application_id.in_(ids))))
