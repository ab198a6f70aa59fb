"""How long and how often the Platform API is asked when it does not answer."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime

import pytest

from dashboard.talroo.platform import PlatformClient, PlatformUnavailable, PullStopped
from tests.talroo.pulling import Time, asked, client, listed, pull, token, until
from tests.upstream import Answer, Upstream, busy

SLOW = ["silent", "silent_after_headers", "slow_headers", "slow_body", "slow_endless_body"]
BROKEN = ["reset", "closed", "reset_after_headers", "reset_in_body", "closed_after_headers", "no_http", "bad_chunks"]
PASSING = [*BROKEN, "length_too_long", "408", "429", "500", "502", "503", "504", busy(2)]
# Slow ones are ended by the deadline, which the good answers of a busy machine have to meet as well.
PASSING_WITHIN = [*((step, 30) for step in PASSING), *((step, 2) for step in SLOW)]


@pytest.mark.parametrize(("step", "deadline"), PASSING_WITHIN, ids=str)
def test_what_may_pass_is_waited_out_for_a_list(step, deadline):
    own = Time()
    with Upstream([token(), step, listed({"id": "a"})], drip=0.05) as talroo:
        assert pull(client(talroo, own, deadline=deadline)).items == ({"id": "a"},)
    assert len(own.slept) == 1


@pytest.mark.parametrize(("step", "deadline"), PASSING_WITHIN, ids=str)
def test_what_may_pass_is_waited_out_for_a_token(step, deadline):
    own = Time()
    with Upstream([step, token(), listed({"id": "a"})], drip=0.05) as talroo:
        assert pull(client(talroo, own, deadline=deadline)).items == ({"id": "a"},)
    assert len(own.slept) == 1


def test_a_refused_connection_is_waited_out():
    with Upstream(["refused", token(), listed({})], unreachable_for=60) as talroo:
        own = Time()

        def sleep(seconds: float, stop: threading.Event | None) -> None:
            own.sleep(seconds, stop)
            talroo.advance()
            time.sleep(0.01)

        assert pull(client(talroo, own, sleep=sleep, total=10**9)).total == 1
    assert own.slept


def test_the_waits_double_with_chance_and_end_before_the_time_is_over():
    own = Time()
    with Upstream() as talroo:
        talroo.set_default("503")
        with pytest.raises(PlatformUnavailable, match="answered 503; tried 8 times"):
            pull(client(talroo, own, total=180))
        assert len(talroo.requests) == len(own.slept) + 1 == 8
    assert own.now - 1000 < 180
    assert all(2**turn / 2 <= slept <= 2**turn for turn, slept in enumerate(own.slept))
    assert len({slept / 2**turn for turn, slept in enumerate(own.slept)}) == len(own.slept)


@pytest.mark.parametrize("status", [429, 503])
def test_talroos_own_waits_are_kept(status):
    own = Time()
    with Upstream([token(), Answer(status, {"Retry-After": "7"}), listed({})]) as talroo:
        assert pull(client(talroo, own)).total == 1
    assert own.slept == [7]


def test_a_wait_may_be_named_by_its_end():
    own = Time()
    noon = datetime(2026, 1, 31, 12, 0, 0, tzinfo=UTC)
    with Upstream([busy("Sat, 31 Jan 2026 12:01:30 GMT"), token(), listed({})]) as talroo:
        assert pull(client(talroo, own, now=lambda: noon)).total == 1
    assert own.slept == [90]


@pytest.mark.parametrize("nonsense", ["soon", "-5", "9" * 5000])
def test_a_wait_that_says_nothing_is_an_ordinary_one(nonsense):
    own = Time()
    with Upstream([busy(nonsense), token(), listed({})]) as talroo:
        assert pull(client(talroo, own)).total == 1
    assert 0 < own.slept[0] <= 1


def test_a_wait_longer_than_the_call_may_take_ends_it_at_once():
    own = Time()
    with Upstream([token(), busy(3600)]) as talroo:
        with pytest.raises(PlatformUnavailable, match="to be asked again in 3600 s"):
            pull(client(talroo, own))
        assert asked(talroo) == ["token", "token-1"]
    assert own.slept == []


@pytest.mark.parametrize("step", ["silent", "slow_headers", "slow_body", "slow_endless_body", "no_connection"])
def test_the_total_holds_against_a_server_that_is_merely_slow(step):
    with Upstream([token(), step, step, step, step], drip=0.05, unreachable_for=30) as talroo:
        began = time.monotonic()
        with pytest.raises(PlatformUnavailable, match=r"within|tried"):
            pull(client(talroo, clock=time.monotonic, sleep=lambda *_: None, deadline=0.4, total=0.9))
        # The first wait already would be longer than what is left; nobody depends on how much sooner it ends.
        assert time.monotonic() - began < 20


def test_one_exchange_gets_no_more_than_is_left_of_the_total():
    with Upstream(["silent"]) as talroo, pytest.raises(PlatformUnavailable, match=r"within 0\.3 s"):
        pull(client(talroo, deadline=60, total=0.3))


def test_after_the_word_to_stop_nothing_is_asked():
    stop = threading.Event()
    stop.set()
    with Upstream() as talroo:
        with pytest.raises(PullStopped):
            pull(client(talroo), stop=stop)
        assert talroo.requests == []


@pytest.mark.parametrize("step", ["silent", "silent_after_headers", "slow_body", "no_connection"])
def test_the_word_to_stop_ends_a_call_that_waits_for_its_answer(step):
    stop = threading.Event()
    with Upstream([token(), step], unreachable_for=120) as talroo:
        threading.Timer(0.3, stop.set).start()
        began = time.monotonic()
        with pytest.raises(PullStopped):
            pull(client(talroo, deadline=60), stop=stop)
        assert time.monotonic() - began < 30


def test_the_word_to_stop_ends_the_wait_between_two_tries():
    stop = threading.Event()
    caught: list[BaseException] = []

    def pulled() -> None:
        with pytest.raises(PullStopped) as raised:
            # The real clock and the real sleep: a wait of a minute is what is to be cut short.
            pull(PlatformClient(f"{talroo.url}/v5", "/applications", "id", "secret"), stop=stop)
        caught.append(raised.value)

    with Upstream([busy(60)]) as talroo:
        thread = threading.Thread(target=pulled)
        thread.start()
        until(lambda: len(talroo.requests) == 1)
        stop.set()
        thread.join(30)
        assert not thread.is_alive()
        assert len(talroo.requests) == 1
    assert len(caught) == 1
