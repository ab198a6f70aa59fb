from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from dashboard.talroo.exchange import Address, Reply, Request
from tests.upstream import Answer, Upstream


def exchanged(url: str, *, limit: int = 1000, seconds: float = 30) -> Reply:
    address = Address(url)
    return address.exchange(address.prepare(Request("GET", "/list")), seconds=seconds, limit=limit)


@pytest.mark.parametrize("step", ["endless", "huge"])
def test_no_more_is_read_than_the_limit(step):
    with Upstream([step]) as upstream:
        reply = exchanged(upstream.url)
    assert (reply.status, len(reply.body), reply.trouble) == (200, 1000, None)


def test_an_answer_within_the_limit_is_whole():
    with Upstream([Answer(body=b"x" * 999), Answer(body=b"x" * 200_000)]) as upstream:
        assert len(exchanged(upstream.url).body) == 999
        assert len(exchanged(upstream.url, limit=300_000).body) == 200_000


@pytest.mark.parametrize(
    ("step", "words"),
    [
        ("length_too_long", "the answer is shorter than announced or wrongly chunked"),
        ("bad_chunks", "the answer is shorter than announced or wrongly chunked"),
        ("closed_after_headers", "connection reset after the headers"),
        ("closed", "connection closed without an answer"),
    ],
)
def test_an_answer_that_is_not_whole_says_so(step, words):
    with Upstream([step]) as upstream:
        assert exchanged(upstream.url).trouble == words


def test_headers_of_a_request_are_sent_beside_ours_and_shown_nowhere():
    request = Request("GET", "/list", headers={"Authorization": "Bearer hidden"})
    with Upstream() as upstream:
        address = Address(upstream.url)
        reply = address.exchange(address.prepare(request), seconds=30, limit=1000)
        seen = upstream.requests[0].headers
    assert (seen["authorization"], seen["connection"]) == ("Bearer hidden", "close")
    assert "hidden" not in repr(request) + repr(reply)


class _KeepsOpen(BaseHTTPRequestHandler):
    """Leaves the connection open although it was asked to close it."""

    protocol_version = "HTTP/1.1"
    timeout = 60

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.send_header("Connection", "keep-alive")
        self.end_headers()
        self.wfile.write(b"OK")
        self.server.callers.append(self.client_address)
        self.close_connection = False

    def log_message(self, *_):
        pass


def test_a_connection_is_not_used_twice_even_if_the_other_side_keeps_it_open():
    server = ThreadingHTTPServer(("127.0.0.1", 0), _KeepsOpen)
    server.callers = []
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        address = Address(f"http://127.0.0.1:{server.server_port}")
        prepared = address.prepare(Request("GET", "/list"))
        replies = [address.exchange(prepared, seconds=30, limit=1000) for _ in range(3)]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
    assert [(reply.status, bytes(reply.body), reply.trouble) for reply in replies] == [(200, b"OK", None)] * 3
    assert len(set(server.callers)) == 3
