"""Saved views: lists under a name, to come back to, for oneself or for everybody."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from urllib.parse import urlencode

from sqlalchemy import delete, func, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from dashboard.asking import args_in
from dashboard.database import insert_or_ignore, public_id
from dashboard.models import SavedView, User
from dashboard.services import tagging
from dashboard.services.review import BadChange
from dashboard.talroo.wire import clean

MAX_NAME: Final = 60
MAX_QUERY: Final = 2_000
MAX_VIEWS: Final = 50
"""A user can have."""
MAX_SHARED: Final = 100
"""A list shows."""
MAX_SHARED_BY_ONE: Final = 10
"""Views of one user that all colleagues see over their lists."""

_OF_A_PAGE: Final = frozenset({"after", "before", "view", "csrf_token"})
"""What stands in an address and says nothing of which applications are asked for."""


def save(session: Session, owner_id: int, name: str, query: str, *, shared: bool, now: datetime) -> SavedView:
    """Keep the list that an address with `query` shows. The caller has begun to write, and commits.

    Raises `BadChange` for a name that is none or that another of the owner's views has, and for a list of everything.
    """
    row = {"owner_id": owner_id, **_named(name), "query": kept_query(query), "shared": shared, "updated_at": now}
    if (session.scalar(select(func.count()).where(SavedView.owner_id == owner_id)) or 0) >= MAX_VIEWS:
        raise BadChange(f"You already have {MAX_VIEWS} views. Delete one first.")
    if shared:
        _has_room_to_share(session, owner_id)
    statement = insert_or_ignore(session, SavedView, "owner_id", "key")
    made = session.execute(statement, row | {"public_id": public_id()}).scalar()
    if made is None:
        raise BadChange(_TAKEN)
    return session.get_one(SavedView, made)


def change(session: Session, view: SavedView, *, name: str, query: str, shared: bool, now: datetime) -> None:
    """Give one's view another name or list, or another audience. Raises `BadChange` as `save` does."""
    values = {**_named(name), "query": kept_query(query), "shared": shared, "updated_at": now}
    if shared and not view.shared:
        _has_room_to_share(session, view.owner_id)
    try:
        with session.begin_nested():
            session.execute(update(SavedView).where(SavedView.id == view.id).values(**values))
    except IntegrityError as problem:
        raise BadChange(_TAKEN) from problem
    session.expire(view)


def _has_room_to_share(session: Session, owner_id: int) -> None:
    own = select(func.count()).where(SavedView.owner_id == owner_id, SavedView.shared.is_(True))
    if (session.scalar(own) or 0) >= MAX_SHARED_BY_ONE:
        raise BadChange(
            f"You already share {MAX_SHARED_BY_ONE} views. Stop sharing one first, or keep this one to yourself."
        )


def remove(session: Session, view: SavedView) -> None:
    """Forget a view; who has its address bookmarked still sees the list."""
    session.execute(delete(SavedView).where(SavedView.id == view.id))


def views_for(session: Session, user_id: int) -> tuple[Sequence[SavedView], Sequence[SavedView]]:
    """A user's own views, and those that colleagues share, each by name; one statement."""
    mine, shared = SavedView.owner_id == user_id, SavedView.shared.is_(True) & User.active.is_(True)
    rows = session.scalars(
        select(SavedView)
        .join(User, User.id == SavedView.owner_id)
        .where(or_(mine, shared))
        .order_by(mine.desc(), SavedView.key, SavedView.id)
        .limit(MAX_VIEWS + MAX_SHARED)
    ).all()
    return [one for one in rows if one.owner_id == user_id], [one for one in rows if one.owner_id != user_id]


def find(session: Session, public_id: str, user_id: int) -> SavedView | None:
    """A view the user may change: one of their own."""
    return session.scalar(select(SavedView).where(SavedView.public_id == public_id, SavedView.owner_id == user_id))


def visible(session: Session, public_id: str, user_id: int) -> SavedView | None:
    """A view the user may see: one of their own, or one that a colleague shares."""
    shared = SavedView.shared.is_(True) & User.active.is_(True)
    return session.scalar(
        select(SavedView)
        .join(User, User.id == SavedView.owner_id)
        .where(SavedView.public_id == public_id, or_(SavedView.owner_id == user_id, shared))
    )


def kept_query(query: str) -> str:
    """The query of an address without what belongs to one page of it. Raises `BadChange` for none or a too long one."""
    asked = args_in(clean(query))
    if asked is None:
        raise BadChange(_TOO_MUCH)
    kept = urlencode([(n, value) for n, value in asked.items(multi=True) if n not in _OF_A_PAGE and value.strip()])
    if not kept:
        raise BadChange("Choose at least one filter first. Without one, the view would be the whole inbox.")
    if len(kept) > MAX_QUERY:
        raise BadChange(_TOO_MUCH)
    return kept


_TOO_MUCH: Final = "That is more than a view can hold. Remove some filters."
_TAKEN: Final = "You already have a view with that name. Choose another name, or update that view."


def _named(typed: str) -> dict[str, str]:
    name = " ".join(clean(typed).split())
    key = tagging.fold(name)
    if not key:
        raise BadChange("Enter a name for the view.")
    if len(name) > MAX_NAME or len(key) > 4 * MAX_NAME:
        raise BadChange(f"A view's name has at most {MAX_NAME} characters.")
    return {"name": name, "key": key}
