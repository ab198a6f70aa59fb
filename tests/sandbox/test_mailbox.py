"""The mail server of the fake Talroo: it takes what the real mailer sends, and shows it."""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Iterator

import pytest

from dashboard.mail import Letter, Mailer
from dashboard.sandbox.server import FakeTalroo
from tests.infrastructure.ports import free_port

LETTER = Letter(
    "one", "ada@example.com", "Grüße & more", "Line <one>\nLine two\n", "http://127.0.0.1:8000/unsubscribe/abc", True
)


@pytest.fixture
def talroo() -> Iterator[tuple[FakeTalroo, str]]:
    """A fake Talroo, and the address of its mail server."""
    port = free_port()
    known = {"postback_url": None, "secret": "s" * 32, "client_id": "sandbox", "client_secret": "sandbox"}
    with FakeTalroo("127.0.0.1", 0, mail_port=port, **known) as running:
        yield running, f"smtp://127.0.0.1:{port}"


def get(url: str) -> str:
    with urllib.request.urlopen(url, timeout=60) as answer:
        return answer.read().decode()


def test_a_reminder_arrives_and_is_shown_with_its_link(talroo: tuple[FakeTalroo, str]):
    running, mail_url = talroo
    proof = Mailer(mail_url, "Harbor & Vale <jobs@example.com>").send(LETTER)
    assert (proof.status, proof.answer) == (250, "taken; this mail server keeps what it gets")
    (mail,) = json.loads(get(f"{running.url}/received"))["mails"]
    assert {name: mail[name] for name in ("to", "from", "subject", "text", "unsubscribe")} == {
        "to": "ada@example.com",
        "from": "Harbor & Vale <jobs@example.com>",
        "subject": "Grüße & more",
        "text": "Line <one>\nLine two\n",
        "unsubscribe": "http://127.0.0.1:8000/unsubscribe/abc",
    }
    page = get(f"{running.url}/")
    assert "Mails received (1)" in page
    assert "Line &lt;one&gt;" in page
    assert '<a href="http://127.0.0.1:8000/unsubscribe/abc">Open</a>' in page


def test_it_ends_at_once_and_can_begin_again_on_the_same_port():
    port = free_port()
    known = {"postback_url": None, "secret": "s" * 32, "client_id": "sandbox", "client_secret": "sandbox"}
    for _ in range(2):
        with FakeTalroo("127.0.0.1", 0, mail_port=port, **known):
            began = time.monotonic()
        assert time.monotonic() - began < 20
