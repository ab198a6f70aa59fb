"""The saved views that stand over the inbox, read as one column of its statement: a page has none to spare for them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Integer, String, bindparam, case, cast, func, or_, select

from dashboard.models import SavedView, User

SHOWN: Final = 12
"""Over a list: one's own, then those that are shared."""
_FIELD: Final = "\x1f"
_ROW: Final = "\x1e"
"""White space to Python, so that no name holds one (`services.views`)."""


@dataclass(frozen=True, slots=True)
class ViewLink:
    """A view as a list shows it. `query`: of the address, as kept."""

    public_id: str
    name: str
    query: str
    is_own: bool
    is_shared: bool


def _told() -> Any:
    """The views of `:user_id` and those that colleagues share, the first `SHOWN` + 1, as text."""
    own, shared = SavedView.owner_id == bindparam("user_id", type_=Integer), SavedView.shared.is_(True)
    is_own, is_shared = case((own, "1"), else_="0"), case((shared, "1"), else_="0")
    parts = (SavedView.public_id, is_own, is_shared, SavedView.query, SavedView.name)
    told: Any = cast(parts[0], String)
    for part in parts[1:]:
        told = told + _FIELD + part
    first = (
        select(told.label("told"))
        .join(User, User.id == SavedView.owner_id)
        .where(or_(own, shared & User.active.is_(True)))
        .order_by(own.desc(), SavedView.key, SavedView.id)
        .limit(SHOWN + 1)
        .subquery()
    )
    return select(func.aggregate_strings(first.c.told, _ROW)).scalar_subquery()


TOLD: Final = _told()
"""A column for a statement that has the parameter `user_id`, for `read`."""


def read(told: str | None) -> Sequence[ViewLink]:
    """The views in a value of `TOLD`: one's own by name, then the others by name."""
    return sorted(_links(told or ""), key=lambda view: (not view.is_own, view.name.casefold()))


def _links(told: str) -> Iterator[ViewLink]:
    for row in filter(None, told.split(_ROW)):
        public_id, own, shared, query, name = row.split(_FIELD)
        yield ViewLink(public_id, name, query, own == "1", shared == "1")
