from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import pytest

from dashboard.sandbox.platform import Tokens
from dashboard.sandbox.server import FakeTalroo
from dashboard.talroo.platform import CredentialsRefused, PlatformUnavailable, PullStopped, ReplyNotUnderstood
from tests.talroo.pulling import CLIENT_ID, SECRET, Time, as_json, asked, client, listed, pull, token, until
from tests.upstream import Upstream


@pytest.mark.parametrize("name", ["accessToken", "access_token"])
@pytest.mark.parametrize("life", ["expiresIn", "expires_in"])
@pytest.mark.parametrize("seconds", [300, "300", 300.0])
def test_a_token_is_used_until_shortly_before_it_ends_whatever_its_fields_are_called(name, life, seconds):
    time = Time()
    first, second = (as_json({name: value, life: seconds}) for value in ("one", "two"))
    with Upstream([first, listed(), listed(), second, listed()]) as talroo:
        found = client(talroo, time)
        for moment in (0, 265, 5):
            time.now += moment
            pull(found)
        assert asked(talroo) == ["token", "one", "one", "token", "two"]


@pytest.mark.parametrize("life", [None, "soon", "", [], True, "nan", "inf", 1e308])
def test_a_token_of_unknown_life_is_used_until_it_is_refused(life):
    time = Time()
    with Upstream([token("one", expiresIn=life), listed(), listed(), "401", token("two"), listed()]) as talroo:
        found = client(talroo, time)
        for _ in range(3):
            pull(found)
            time.now += 10**9 if life != 1e308 else 1
        assert asked(talroo) == ["token", "one", "one", "one", "token", "two"]


@pytest.mark.parametrize("life", [0, -5, 0.001])
def test_a_token_that_hardly_lives_is_used_once(life):
    time = Time()
    steps = [token("one", expiresIn=life), listed({}), token("two", expiresIn=life), listed({})]
    with Upstream(steps) as talroo:
        found = client(talroo, time)
        for _ in range(2):
            assert pull(found).total == 1
            time.now += 0.001
        assert asked(talroo) == ["token", "one", "token", "two"]


def test_a_life_of_a_few_seconds_is_used_for_most_of_it():
    time = Time()
    with Upstream([token("one", expiresIn=10), listed(), listed(), token("two"), listed()]) as talroo:
        found = client(talroo, time)
        for moment in (0, 8, 1.5):
            time.now += moment
            pull(found)
        assert asked(talroo) == ["token", "one", "one", "token", "two"]


def test_a_refused_token_is_replaced_once_and_the_call_goes_on():
    with Upstream([token("old"), "401", token("new"), listed({}), listed({})]) as talroo:
        found = client(talroo)
        assert pull(found).total == pull(found).total == 1
        assert asked(talroo) == ["token", "old", "token", "new", "new"]


def test_a_token_that_is_refused_as_soon_as_it_was_given_is_a_clear_error():
    with Upstream([token("old"), "401", token("new"), "401"]) as talroo:
        with pytest.raises(CredentialsRefused, match="App Client"):
            pull(client(talroo))
        assert asked(talroo) == ["token", "old", "token", "new"]


@pytest.mark.parametrize("status", ["400", "401", "403"])
def test_a_refused_app_client_is_not_asked_again_and_says_what_to_check(status):
    with Upstream([status]) as talroo:
        with pytest.raises(CredentialsRefused, match=rf"{status}.*TALROO_CLIENT_SECRET"):
            pull(client(talroo))
        assert len(talroo.requests) == 1


@pytest.mark.parametrize("status", ["204", "302", "404", "405"])
def test_another_answer_than_a_token_names_the_setting_that_leads_there(status):
    with Upstream([status]) as talroo:
        with pytest.raises(ReplyNotUnderstood, match="TALROO_API_URL"):
            pull(client(talroo))
        assert len(talroo.requests) == 1


WRONG_TOKENS = [None, "", "two words", "line\nbreak", "ключ", "x" * 20_000, ["t"], {"t": 1}, "\x00"]


@pytest.mark.parametrize("reply", [*({"accessToken": value} for value in WRONG_TOKENS), {}, [], None, "t"])
def test_a_token_that_no_header_can_carry_is_not_used(reply):
    with Upstream([as_json(reply)]) as talroo:
        with pytest.raises(ReplyNotUnderstood, match="accessToken"):
            pull(client(talroo))
        assert asked(talroo) == ["token"]


def test_many_threads_share_one_token_and_one_fetch():
    with Upstream([token("shared")]) as talroo:
        talroo.set_default(listed({}))
        found = client(talroo)
        with ThreadPoolExecutor(8) as threads:
            totals = list(threads.map(lambda _: pull(found).total, range(40)))
        assert totals == [1] * 40
        assert sorted(asked(talroo)) == ["shared"] * 40 + ["token"]


class Counted(Tokens):
    """The fake Talroo's tokens; `now` is its clock, `grants` how many it gave."""

    def __init__(self) -> None:
        self.now = 0.0
        self.grants = 0
        super().__init__(CLIENT_ID, SECRET, clock=lambda: self.now)

    def grant(self, authorization, body):
        self.grants += 1
        return super().grant(authorization, body)


def test_threads_whose_token_is_refused_together_fetch_one_new_one():
    with FakeTalroo("127.0.0.1", 0, postback_url=None, secret="-", client_id="-", client_secret="-") as talroo:
        talroo.tokens = Counted()
        found = client(talroo)
        pull(found)
        talroo.tokens.now = 301.0
        together = threading.Barrier(8)
        with ThreadPoolExecutor(8) as threads:
            pages = list(threads.map(lambda _: (together.wait(60), pull(found))[1], range(8)))
    assert len(set(map(str, pages))) == 1
    assert talroo.tokens.grants == 2


@pytest.fixture
def fetching():
    """A client in which one thread waits for a token that does not come; its clock moves on with every look."""
    looks = count(0, 50)
    with ThreadPoolExecutor(1) as threads, Upstream(["silent"]) as talroo:
        found = client(talroo, clock=lambda: float(next(looks)), deadline=60)
        waiting = threads.submit(pull, found, stop=(stop := threading.Event()))
        until(lambda: len(talroo.requests) == 1)
        yield found
        stop.set()
        assert isinstance(waiting.exception(60), PullStopped)


def test_who_waits_for_another_threads_fetch_waits_no_longer_than_its_own_time(fetching):
    with pytest.raises(PlatformUnavailable, match="no access token came in time"):
        pull(fetching)


def test_who_waits_for_another_threads_fetch_can_be_stopped(fetching):
    stop = threading.Event()
    stop.set()
    with pytest.raises(PullStopped):
        pull(fetching, stop=stop)
