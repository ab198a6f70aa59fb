from __future__ import annotations

import threading

import pytest

from dashboard.talroo.click_id import valid_click_id
from dashboard.talroo.conversions import ConversionClient
from dashboard.talroo.http import CallAborted, TalrooRefused, TalrooUnavailable
from tests.upstream import Upstream

CLICK = "0f6b3a5e-9c1d-4a77-8f10-2b7a5c9d3e41"


@pytest.mark.parametrize(
    ("event", "target"),
    [
        (1, f"/conversion.php?tlr_sid={CLICK}&Link=true"),
        (2, f"/conversion2.php?tlr_sid={CLICK}&Link=true"),
        (3, f"/conversion3.php?tlr_sid={CLICK}&Link=true"),
    ],
)
def test_a_conversion_is_exactly_the_documented_get(event, target):
    with Upstream() as talroo:
        proof = ConversionClient(talroo.url).send(CLICK, event)
        request = talroo.requests[0]
    assert (request.method, request.target, request.body) == ("GET", target, b"")
    assert (proof.status, proof.answer) == (200, "OK")


def test_the_base_may_have_a_path_of_its_own():
    with Upstream() as talroo:
        ConversionClient(talroo.url + "/track/").send(CLICK, 2)
        assert talroo.requests[0].target == f"/track/conversion2.php?tlr_sid={CLICK}&Link=true"


@pytest.mark.parametrize("text", ["a", "A-9", CLICK, "x" * 64, "-"])
def test_letters_digits_and_hyphens_can_be_a_click_id(text):
    assert valid_click_id(text)


NO_CLICK_IDS = [
    None,
    "",
    "x" * 65,
    "a b",
    "a\n",
    "\na",
    "a&Link=false",
    "a_b",
    "ä",
    "٣",
    "a%20",
    "a/../b",
    "a#",
    "a\x00",
]


@pytest.mark.parametrize("text", NO_CLICK_IDS)
def test_anything_else_cannot_and_is_never_sent(text):
    assert not valid_click_id(text)
    with Upstream() as talroo:
        with pytest.raises(ValueError, match="not a click id"):
            ConversionClient(talroo.url).send(text, 2)
        assert talroo.requests == []


@pytest.mark.parametrize("event", [0, 4, -1, 22])
def test_there_are_three_conversion_events(event):
    with Upstream() as talroo:
        with pytest.raises(ValueError, match="1, 2 or 3"):
            ConversionClient(talroo.url).send(CLICK, event)
        assert talroo.requests == []


def test_a_failure_says_whether_to_try_again():
    with Upstream(["503", "404", "silent"]) as talroo:
        client = ConversionClient(talroo.url, deadline=1.0)
        for kind in (TalrooUnavailable, TalrooRefused, TalrooUnavailable):
            with pytest.raises(kind):
                client.send(CLICK, 2)


def test_a_conversion_can_be_told_to_stop():
    stop = threading.Event()
    stop.set()
    with Upstream() as talroo, pytest.raises(CallAborted):
        ConversionClient(talroo.url).send(CLICK, 2, stop=stop)
