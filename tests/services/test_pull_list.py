"""The Platform API's list is read whole and once, whatever is wrong with it, over real HTTP."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest

from dashboard.services import pull_list
from dashboard.services.pull_list import Item, ListTooLong, SamePageAgain
from dashboard.talroo.platform import ListPage, PlatformClient, PlatformUnavailable, PullStopped, ReplyTooLarge
from tests.talroo_api import NOON, TalrooApi, item, items, stamp

MANY = 1_200
"""More than the limits set below, and than whoever reads too far is allowed."""
LONG_AGO = NOON - timedelta(days=30)
Seen = list[Item]


@pytest.fixture
def api() -> Iterator[TalrooApi]:
    with TalrooApi(items(MANY)) as running:
        yield running


def read(
    api: TalrooApi,
    *,
    since: datetime = LONG_AGO,
    client: PlatformClient | None = None,
    stop: threading.Event | None = None,
    into: Seen | None = None,
) -> Seen:
    """Everything that is handed over; with `into`, there even where reading ends by an error."""
    asked = client or api.client()
    seen = [] if into is None else into

    def ask(page: int, size: int) -> ListPage:
        return asked.applications(completed=False, page=page, size=size, stop=stop)

    for sheet in pull_list.sheets(ask, since=since, clock=lambda: NOON):
        seen.extend(sheet.items)
    return seen


def numbers(seen: Seen) -> list[int]:
    return sorted(int(one.identity.removeprefix("listed-")) for one in seen)


def everything(count: int = MANY) -> list[int]:
    return list(range(count))


def pages_of(count: int, size: int = 50) -> int:
    """Requests for two passes to the end of a list: its pages, and three empty ones behind them."""
    return 2 * (-(-count // size) + 3)


def test_a_whole_list_is_read_once_and_looked_over_again():
    with TalrooApi(items(5_000)) as api:
        assert numbers(read(api)) == everything(5_000)
        assert len(api.pages) == pages_of(5_000)


def test_reading_stops_where_a_page_holds_nothing_late_enough(api):
    since = NOON - timedelta(minutes=120)
    assert numbers(read(api, since=since)) == everything(120)
    assert api.pages == [(0, 50), (1, 50), (2, 50), (3, 50)] * 2


def test_one_page_needs_no_second_look(api):
    assert numbers(read(api, since=NOON - timedelta(minutes=40))) == everything(40)
    assert api.pages == [(0, 50), (1, 50)] * 2
    api.pages.clear()
    assert read(api, since=NOON) == []
    assert api.pages == [(0, 50)]


def test_an_empty_list_is_read_without_a_second_look():
    with TalrooApi([]) as api:
        assert read(api) == []
        assert api.pages == [(0, 50), (1, 50), (2, 50)]


# --- the list changes while it is read ------------------------------------------------------------------------------


def test_what_is_taken_off_the_list_meanwhile_hides_nothing(api):
    """Twenty go from pages that were read, so twenty others move up past us."""
    api.before[10] = lambda: api.remove(*(f"listed-{number}" for number in range(20)))
    assert numbers(read(api)) == everything()


def test_what_is_put_on_the_list_meanwhile_is_read_once(api):
    later = [item(MANY + number, at=NOON + timedelta(seconds=number)) for number in range(120)]
    api.before[10] = lambda: api.insert(*later)
    # They stand above what was read by then: the second look finds them, and being newer they call for no third.
    assert numbers(read(api)) == everything(MANY + 120)
    assert len(api.pages) == pages_of(MANY + 120)


def test_an_hour_in_which_somebody_starts_at_every_page_has_an_end(api):
    for number in range(1_000):
        one = item(MANY + number, at=NOON + timedelta(seconds=number))
        api.before[number] = lambda one=one: api.insert(one)
    seen = numbers(read(api))
    assert set(everything()) <= set(seen)
    assert len(seen) == len(set(seen))
    assert len(api.pages) < 2.2 * pages_of(MANY)


def test_a_list_that_moves_at_every_look_is_looked_over_four_times():
    with TalrooApi(items(290)) as api:
        for turn in range(10):
            older = item(1_000 + turn, at=NOON - timedelta(minutes=30, seconds=turn + 1))
            api.before[9 * turn + 5] = lambda older=older: api.insert(older)
        seen = numbers(read(api))
        assert set(everything(290)) <= set(seen)
        assert len(api.pages) == 4 * 9


def test_an_application_that_changes_meanwhile_is_handed_over_as_it_was_and_as_it_is(api):
    changed = item(3, questionsAndAnswers=[{"question": {"id": "q"}, "answer": "yes"}])
    api.before[5] = lambda: (api.remove("listed-3"), api.insert(changed))
    seen = read(api)
    assert numbers(seen) == sorted([*everything(), 3])
    assert len({one.key for one in seen}) == MANY + 1


# --- the server is wrong about its own list -------------------------------------------------------------------------


@pytest.mark.parametrize("claimed", [0, 1, 49, 50, 51, MANY - 1, 1_000_000, None])
def test_a_total_that_lies_neither_ends_the_reading_nor_prolongs_it(api, claimed):
    api.claims = lambda _total: claimed
    assert numbers(read(api)) == everything()
    assert len(api.pages) == pages_of(MANY)


@pytest.mark.parametrize("blank", [{1}, {40, 41}, {3, 7, 11}])
def test_empty_pages_in_the_middle_are_not_the_end(api, blank):
    api.blank = blank
    expected = [number for number in everything() if number // 50 not in blank]
    assert numbers(read(api)) == expected


def test_three_empty_pages_in_a_row_are_the_end(api):
    api.blank = {4, 5, 6}
    assert numbers(read(api)) == everything(200)


def test_a_page_that_is_repeated_once_or_twice_costs_nothing():
    with TalrooApi(items(300)) as api:
        page_two = api.items[50:100]
        # As if a hundred had been started just above: the third and fourth page show the second again.
        api.before[2] = lambda: api.insert(*({**one, "id": f"copy-{number}"} for number, one in enumerate(page_two)))
        seen = {one.identity for one in read(api)}
        assert {f"listed-{number}" for number in range(300)} <= seen


@pytest.mark.parametrize("claimed", [MANY, None])
def test_the_same_page_for_ever_is_an_error_and_what_it_showed_is_handed_over(api, claimed):
    api.frozen_page = True
    api.claims = lambda _total: claimed
    seen: Seen = []
    with pytest.raises(SamePageAgain, match="Talroo answers the same page again"):
        read(api, into=seen)
    assert numbers(seen) == everything(50)
    assert api.pages == [(0, 50), (1, 50), (2, 50), (3, 50)]


def test_the_same_page_for_ever_is_the_end_where_it_shows_everything():
    with TalrooApi(items(30)) as api:
        api.frozen_page = True
        assert numbers(read(api)) == everything(30)
        api.claims = lambda _total: None
        assert numbers(read(api)) == everything(30)


def test_a_last_page_that_answers_for_all_behind_it_is_the_end(api):
    api.clamped = True
    assert numbers(read(api)) == everything()


def test_pages_smaller_than_asked_for_are_not_the_end(api):
    api.most = 20
    assert numbers(read(api)) == everything()
    assert len(api.pages) == pages_of(MANY, 20)


def test_a_list_that_is_not_sorted_is_read_to_its_end(api):
    api.unsorted = True
    api.items = api.items[::-1]
    assert numbers(read(api, since=NOON - timedelta(minutes=100))) == everything(100)
    api.items = [*api.items[MANY // 2 :], *api.items[: MANY // 2]]
    assert numbers(read(api, since=NOON - timedelta(minutes=100))) == everything(100)


def test_a_list_without_end_is_an_error(monkeypatch, api):
    monkeypatch.setattr(pull_list, "MOST_ITEMS", 1_000)
    with pytest.raises(ListTooLong, match="did not end within 1,000 applications"):
        read(api)
    assert len(api.pages) == 20


@pytest.mark.parametrize("wrong", [NOON - timedelta(days=9_999), NOON + timedelta(days=9_999)])
@pytest.mark.parametrize("place", [0, 70])
@pytest.mark.parametrize("size", [1, 50])
def test_one_wrong_date_makes_nobody_read_the_whole_list(monkeypatch, api, place, wrong, size):
    monkeypatch.setattr(pull_list, "SIZES", (size,))
    api.unsorted = True
    api.items.insert(place, item(9_999, at=wrong))
    since = NOON - timedelta(minutes=100)
    assert set(everything(100)) <= set(numbers(read(api, since=since)))
    assert len(api.pages) < (20 if size > 1 else 400)


def test_sorted_lists_one_behind_the_other_are_read_to_their_end(api):
    api.unsorted = True
    api.items = [*api.items[50:150], *api.items[20:50], *api.items[150:], *api.items[:20]]
    assert numbers(read(api, since=NOON - timedelta(minutes=160))) == everything(160)


def test_pages_longer_than_asked_for_do_not_make_a_list_without_end_longer(monkeypatch):
    monkeypatch.setattr(pull_list, "MOST_ITEMS", 1_000)
    asked: list[int] = []

    def ask(page: int, size: int) -> ListPage:
        asked.append(page)
        at = (NOON - timedelta(minutes=page * 500 + place) for place in range(size * 10))
        return ListPage(tuple(item(page * 500 + place, at=one) for place, one in enumerate(at)), None)

    with pytest.raises(ListTooLong, match=r"applications\. Pull in the terminal with a later --since"):
        list(pull_list.sheets(ask, since=LONG_AGO, clock=lambda: NOON))
    assert asked == [0, 1]


def test_a_list_too_long_because_it_is_not_sorted_is_told_so(monkeypatch, api):
    monkeypatch.setattr(pull_list, "MOST_ITEMS", 1_000)
    api.unsorted = True
    api.items = api.items[::-1]
    with pytest.raises(ListTooLong, match="not sorted"):
        read(api, since=NOON - timedelta(minutes=100))


def test_replies_that_grow_too_large_are_asked_for_in_smaller_pages():
    with TalrooApi(items(120)) as api:
        api.too_large = 10
        assert numbers(read(api, client=api.client(max_reply=1_000_000))) == everything(120)
        assert api.pages[:2] == [(0, 50), (0, 10)]
        api.pages.clear()
        api.too_large = 0
        with pytest.raises(ReplyTooLarge):
            read(api, client=api.client(max_reply=1_000_000))
        assert api.pages == [(0, 50), (0, 10), (0, 2), (0, 1)]


# --- items are wrong ------------------------------------------------------------------------------------------------


def test_items_that_are_anything_are_handed_over_once(api):
    odd = [None, "x", 5, [1], {}, {"id": None}, {"id": {"x": 1}, "createdAt": "yesterday"}, {"createdAt": stamp(NOON)}]
    api.unfiltered = True
    api.items += odd
    seen = read(api)
    assert len(seen) == MANY + len(odd)
    assert [one.talroo_id for one in seen].count(None) == len(odd)


def test_an_item_without_a_date_counts_as_late_enough(api):
    api.unsorted = True
    api.items.insert(70, item(9_999, createdAt=None))
    assert numbers(read(api, since=NOON - timedelta(minutes=60))) == [*everything(60), 9_999]


# --- the network ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("trouble", [429, 500, 503, "reset"])
def test_what_passes_in_the_middle_is_waited_for(api, trouble):
    for number in (7, 20, 40):
        api.before[number] = lambda: api.script.extend([trouble, trouble])
    assert numbers(read(api)) == everything()
    assert not api.script


def test_a_token_that_ends_in_the_middle_is_replaced(api):
    api.refuse_after = 9
    assert numbers(read(api)) == everything()
    assert api.tokens > MANY / 50 / 9


def test_what_does_not_pass_ends_the_reading_with_its_reason(api):
    api.before[7] = lambda: api.script.extend([503] * 1_000)
    ticks = iter(range(1_000_000))
    with pytest.raises(PlatformUnavailable):
        read(api, client=api.client(clock=lambda: float(next(ticks))))


def test_who_is_told_to_stop_stops(api):
    stop = threading.Event()
    api.before[3] = stop.set
    with pytest.raises(PullStopped):
        read(api, stop=stop)
    assert len(api.pages) in (4, 5)
