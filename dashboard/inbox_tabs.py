"""What stands over the inbox whatever is asked for: its tabs with their counts, the saved views, what has changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, String, bindparam, exists, func, literal_column, select, union_all
from sqlalchemy.orm import Session

from dashboard import saved_views, tokens
from dashboard.inbox import TABS, Inbox
from dashboard.inbox_pages import total_of
from dashboard.models import Application, Facet, Job, Tag, User
from dashboard.paging import COUNT_LIMIT, written
from dashboard.prepared import Prepared
from dashboard.saved_views import ViewLink
from dashboard.stages import DECISIVE, Stage


@dataclass(frozen=True, slots=True)
class Standing:
    """How things stand, whatever is asked for: applications by tab, counted to `COUNT_LIMIT` + 1; and what has changed.

    `waiting`: whether an application waits to be indexed. `version`: another value once there is more to choose from.
    `views`: the saved views that stand over the list, and one more where there are more (`saved_views.SHOWN`).
    """

    tabs: Mapping[str, int]
    waiting: bool
    version: tuple[int, ...]
    views: Sequence[ViewLink] = ()

    @property
    def everybody(self) -> int:
        """Everybody is in one tab, and may be somebody's besides."""
        return min(sum(number for tab, number in self.tabs.items() if tab != "mine"), COUNT_LIMIT + 1)

    @property
    def has_any(self) -> bool:
        return any(self.tabs.values())


def standing(session: Session, user_id: int, everybody: Inbox) -> Standing:
    """One statement, which looks at no more rows for a million applications than for a thousand.

    `everybody`: the whole inbox of the user, whose tabs are counted by the index where they are limited.
    """
    values = {"user_id": user_id}
    if everybody.reach.is_limited:
        row = list(session.execute(_standing_within(everybody, session.get_bind().dialect.name), values).one())
    else:
        (row,) = _STANDING.rows(session, values)
    counted = dict(zip(TABS, row, strict=False))
    waiting, *newest, views = row[len(TABS) :]
    return Standing(counted, bool(waiting), tuple(number or 0 for number in newest), saved_views.read(views))


def _tab_conditions() -> Iterator[tuple[str, list[ColumnElement[bool]]]]:
    """Conditions that an index answers, by tab; a tab of several stages has them stage by stage."""
    completed = Application.inbox_no.is_not(None)
    waits = [Application.held_at.is_(None), completed]
    for stage in Stage:
        here = Application.stage == _constant(stage)
        if stage in DECISIVE:
            yield tokens.tab_of(stage, is_held=False), [here, completed]
        else:
            yield tokens.tab_of(stage, is_held=False), [here, *waits]
            yield "held", [here, Application.held_at.is_not(None), completed]
    is_open = (Application.stage != _constant(stage) for stage in DECISIVE)
    yield "mine", [Application.assigned_to_id == bindparam("user_id"), *is_open, *waits]


def _counted(tab: str) -> Any:
    """How many are in a tab: of what the indexes hand out one after the other, the first `COUNT_LIMIT` + 1."""
    parts = [select(written(1)).select_from(Application).where(*asked) for of, asked in _tab_conditions() if of == tab]
    few = union_all(*parts).limit(written(COUNT_LIMIT + 1)).subquery()
    return select(func.count()).select_from(few).scalar_subquery()


def _constant(stage: Stage) -> ColumnElement[str]:
    # Each parameter is read, sent and planned with at every page; with so many the driver reads the text anew, too.
    return literal_column(f"'{stage:s}'", String)


_NEWEST: Final = [select(func.max(model.id)).scalar_subquery() for model in (Job, Facet, Tag, User)]
_BESIDE_THE_TABS: Final = (exists().where(Application.unindexed.is_not(None)), *_NEWEST, saved_views.TOLD)
_STANDING: Final = Prepared(lambda _: select(*map(_counted, TABS), *_BESIDE_THE_TABS))


def _standing_within(everybody: Inbox, dialect: str) -> Select[Any]:
    return select(*(total_of(replace(everybody, tab=tab), dialect) for tab in TABS), *_BESIDE_THE_TABS)
