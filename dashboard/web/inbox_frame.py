"""What stands around the inbox's rows: tabs, orders, saved views, and the choices of its filters.

Everything leads somewhere by its address, so all of it works without scripts and can be sent to a colleague.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final
from urllib.parse import urlencode

from flask_login import current_user
from markupsafe import Markup

from dashboard.choices import Choices, Pairs, Question
from dashboard.clock import utcnow
from dashboard.inbox import TABS, Inbox
from dashboard.inbox_row import InboxRow
from dashboard.inbox_tabs import Standing, standing
from dashboard.paging import COUNT_LIMIT
from dashboard.saved_views import SHOWN, ViewLink
from dashboard.web import along
from dashboard.web.edge import let_the_index_catch_up, reading
from dashboard.web.formatting import short, span, viewer_zone
from dashboard.web.fragments import address_of

AT_HAND: Final = 100
"""Jobs: more of them would weigh more than the rows, so they are fetched with the other choices."""
SUGGESTED: Final = 150
"""Companies, campaigns and cities, the most frequent; any other can be typed."""
FETCHED: Final = ("company", "campaign", "state", "city", "assigned", "tag")
"""Filters whose choices are fetched when somebody wants more of them."""
FOLDED: Final = ("stage", "qualified", "resume", "held", "applied_from", "applied_to", *FETCHED)
"""Fields of `Inbox` that stand under "Filters", as do answers."""

_SORTS: Final = {"best": "Best match", "newest": "Newest", "oldest": "Oldest", "name": "Name"}
_OPTION: Final = Markup('<option value="%s">%s</option>')
_SUGGESTION: Final = Markup('<option value="%s"></option>')


@dataclass(frozen=True, slots=True)
class Way:
    """A link over the list. `count`: in words, where it is known."""

    label: str
    address: str
    is_here: bool
    count: str = ""


@dataclass(frozen=True, slots=True)
class ViewWay(Way):
    """A link to a saved view. `is_own`: whether it is the reader's."""

    public_id: str = ""
    is_own: bool = True


def how_it_stands(*, asks_index: bool = True) -> Standing:
    """How things stand; where the index is asked, once whatever waits for it is in it."""
    found = standing(reading(), current_user.id, along.everybody())
    if not (found.waiting and asks_index):
        return found
    let_the_index_catch_up()
    return standing(reading(), current_user.id, along.everybody())


def query_of(asked: Inbox) -> str:
    """The query of the list's address, as its rows' links carry it."""
    return urlencode(asked.args, doseq=True)


def list_address(asked: Inbox) -> str:
    query = query_of(asked)
    return address_of("applications.index") + ("?" + query if query else "")


def tabs(asked: Inbox, standing: Standing) -> Iterator[Way]:
    """The tabs, each with whatever else is asked for.

    Counted where nothing else is: how many there are of everybody would be no number of what the tab then shows.
    """
    is_counted = replace(asked, tab="", sort="") == Inbox()
    for way, number in zip(_tabs(asked), (standing.everybody, *standing.tabs.values()), strict=True):
        yield replace(way, count=counted(number)) if is_counted else way


@lru_cache(maxsize=500)
def _tabs(asked: Inbox) -> tuple[Way, ...]:
    """What of the tabs stays the same until something else is asked for."""
    return tuple(
        Way(label, list_address(replace(asked, tab=tab)), asked.tab == tab)
        for tab, label in {"": "All", **TABS}.items()
    )


def counted(number: int) -> str:
    """A number that was counted as far as `COUNT_LIMIT` + 1."""
    return f"{number:,}" if number <= COUNT_LIMIT else f"{COUNT_LIMIT:,}+"


@lru_cache(maxsize=500)
def sorts(asked: Inbox) -> tuple[Way, ...]:
    """The orders to choose from; "best" where words are sought."""
    usual = "best" if asked.text else "newest"
    return tuple(
        Way(label, list_address(replace(asked, sort="" if sort == usual else sort)), asked.order == sort)
        for sort, label in _SORTS.items()
        if sort != "best" or asked.text
    )


def views(asked: Inbox, links: Sequence[ViewLink], counts: Sequence[int] | None = None) -> list[ViewWay]:
    """The saved views of the bar, the first `SHOWN`. `counts`: how many each shows, as `inbox_totals` has it."""
    shown = links[:SHOWN]
    numbers = [counted(number) for number in counts] if counts is not None else [""] * len(shown)
    return [
        ViewWay(
            label=view.name,
            address=f"{address_of('applications.index')}?{view.query}",
            is_here=along.listed(view.query) == asked,
            count=number,
            public_id=view.public_id,
            is_own=view.is_own,
        )
        for view, number in zip(shown, numbers, strict=True)
    ]


def dated(rows: Iterable[InboxRow]) -> list[tuple[InboxRow, str, str]]:
    """Rows with what changes by itself of each, in words: how long ago it arrived; if it applied days before, when."""
    now, zone = utcnow(), viewer_zone()
    today = now.astimezone(zone)
    return [
        (
            row,
            span(row.arrived_at, now=now, zone=zone),
            short(row.applied_at.astimezone(zone), today=today) if row.was_late_to_arrive else "",
        )
        for row in rows
    ]


def folded_count(asked: Inbox) -> int:
    """How many of the filters under "Filters" are set."""
    return sum(bool(getattr(asked, name)) for name in FOLDED) + len(asked.answers)


def kept_fields(asked: Inbox, choices: Choices) -> list[tuple[str, str]]:
    """What the form must send along while the choices for it are not on the page."""
    names = (*FETCHED, *(() if len(choices.jobs) <= AT_HAND else ("job",)))
    kept = [(name, value) for name in names if (value := getattr(asked, name))]
    return kept + [("answer", value) for value in asked.answers]


def options(pairs: Sequence[tuple[str, str]], chosen: str, any_label: str) -> Markup:
    """The options of a `<select>`; what is chosen is among them even if it is not among the choices."""
    known = _options(tuple(pairs))
    first = _OPTION % ("", any_label)
    if not chosen:
        return first + known
    is_chosen = Markup(' value="%s"') % chosen
    if is_chosen in known:
        return first + Markup(known.replace(is_chosen, is_chosen + " selected", 1))  # noqa: S704 (both are escaped)
    return first + Markup('<option value="%s" selected>%s</option>') % (chosen, chosen) + known


@lru_cache(maxsize=64)
def _options(pairs: Pairs) -> Markup:
    # Kept: there are hundreds, and they are the same on every page until one is added.
    return Markup().join(_OPTION % pair for pair in pairs)


@lru_cache(maxsize=64)
def suggestions(pairs: Pairs) -> Markup:
    """The options of a `<datalist>`, for `SUGGESTED` values."""
    return Markup().join(_SUGGESTION % value for value, _ in pairs[:SUGGESTED])


@lru_cache(maxsize=8)
def answer_options(questions: tuple[Question, ...]) -> Markup:
    """The options of a `<select>`: the questions that were answered, with their answers."""
    group = Markup('<optgroup label="%s">%s</optgroup>')
    return Markup().join(group % (question.text, _options(question.answers)) for question in questions)


def in_words(asked: Inbox, choices: Choices) -> list[str]:
    """What is asked for, filter by filter."""
    tab = [TABS[asked.tab]] if asked.tab else []
    return tab + [chip.label for chip in asked.chips(choices.labels)]
