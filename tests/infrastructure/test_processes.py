from __future__ import annotations

import socket
import time

import pytest

from dashboard.first_start import is_free
from tests.infrastructure.processes import living

pytestmark = pytest.mark.process

BARE = {"app": "tests.infrastructure.bare_app:app"}


def half_a_request(port: int) -> socket.socket:
    sender = socket.create_connection(("127.0.0.1", port))
    sender.sendall(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nhalf")
    return sender


def test_a_started_site_answers(start_site):
    assert start_site(**BARE).get_json("/healthz") == {"status": "ok"}


def test_a_killed_site_leaves_no_process_and_frees_its_port(start_site):
    site = start_site(**BARE, web_workers=2)
    groups = [running.process.pid for running in site.running]
    site.kill()
    assert [living(group) for group in groups] == [[]]
    assert is_free(site.port)


def test_a_restarted_site_answers_at_the_same_address(start_site):
    site = start_site(**BARE)
    before = site.url
    site.restart()
    assert site.url == before
    assert site.get_json("/healthz") == {"status": "ok"}


def test_a_site_that_cannot_start_says_why(start_site):
    with pytest.raises(RuntimeError, match="no_such_module"):
        start_site(app="tests.no_such_module:app")


def test_sixty_senders_that_stall_keep_nobody_waiting_and_do_not_delay_the_stop(start_site):
    site = start_site(**BARE, web_workers=2)
    stalled = [half_a_request(site.port) for _ in range(60)]
    began = time.monotonic()
    assert site.get_json("/healthz") == {"status": "ok"}
    assert time.monotonic() - began < 20
    site.stop(within=40)
    for sender in stalled:
        sender.close()
