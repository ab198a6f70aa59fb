"""The postUrl behind the real server, over real sockets."""

from __future__ import annotations

import gzip
import socket
import time
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Barrier

import pytest
import requests
from sqlalchemy import create_engine, text

from tests.factories import as_body, event, file_object, payload, signed
from tests.infrastructure.processes import Site

pytestmark = pytest.mark.process

LIMIT = 200_000


@pytest.fixture(scope="module")
def small_site(tmp_path_factory) -> Iterator[Site]:
    """A site that takes at most `LIMIT` bytes; what a test leaves in it is no other test's business."""
    settings = {"MAX_APPLICATION_BYTES": str(LIMIT)}
    site = Site(tmp_path_factory.mktemp("receiving") / "site", settings=settings, worker=False)
    site.start()
    yield site
    site.kill()


@pytest.fixture
def post(small_site):
    def send(body: bytes, sent=None, **headers: str) -> requests.Response:
        return requests.post(
            f"{small_site.url}/talroo/applications?jobid=1",
            data=body if sent is None else sent,
            headers=signed(body, secret=small_site.webhook_secret) | headers,
            timeout=60,
        )

    return send


def pieces(body: bytes, size: int = 1_000) -> Iterator[bytes]:
    return (body[at : at + size] for at in range(0, len(body), size))


def padded(size: int) -> bytes:
    body = as_body(event())
    return body + b" " * (size - len(body))


def number_of(url: str, table: str) -> int:
    engine = create_engine(url)
    with engine.connect() as connection:
        found = connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one()
    engine.dispose()
    return int(found)


def test_a_body_of_two_lengths_is_one_request_and_hides_no_second(small_site):
    """Transfer-Encoding beside Content-Length: whoever stands in front must not read another end than we do."""
    host = small_site.url.removeprefix("http://")
    hidden = f"GET /healthz?hidden HTTP/1.1\r\nHost: {host}\r\n\r\n"
    head = f"POST /login HTTP/1.1\r\nHost: {host}\r\nContent-Length: %d\r\nTransfer-Encoding: chunked\r\n\r\n"
    body = f"{len(hidden):x}\r\n{hidden}\r\n0\r\n\r\n"
    for length in (4, len(body), len(body) + 50):
        with socket.create_connection(("127.0.0.1", int(host.rpartition(":")[2])), 60) as raw:
            raw.sendall((head % length + body).encode())
            answers = raw.recv(65_536)
            raw.settimeout(2)  # for a second one
            with suppress(TimeoutError):
                while piece := raw.recv(65_536):
                    answers += piece
        assert answers.count(b"HTTP/1.1 ") == 1, answers
        assert answers.startswith(b"HTTP/1.1 400"), answers


def test_a_body_without_a_length_is_taken(post):
    body = as_body(payload("complete"))
    assert post(body, pieces(body)).json()["status"] == "accepted"


@pytest.mark.parametrize(("size", "status"), [(LIMIT, 200), (LIMIT + 1, 413), (LIMIT * 20, 413)])
@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_over_the_limit_is_too_large_however_it_is_sent(post, size, status, chunked):
    body = padded(size)
    assert post(body, pieces(body, 65_536) if chunked else body).status_code == status


def test_a_compressed_body_is_taken_chunked_or_not(post):
    for send_as in (lambda packed: packed, lambda packed: pieces(packed, 100)):
        body = as_body(event())
        assert post(body, send_as(gzip.compress(body)), **{"Content-Encoding": "gzip"}).status_code == 200


def test_a_bomb_is_too_large(post):
    bomb = zlib.compress(b"\0" * 100_000_000, wbits=zlib.MAX_WBITS | 16)
    assert len(bomb) < LIMIT
    assert post(b"", bomb, **{"Content-Encoding": "gzip"}).status_code == 413


@pytest.mark.parametrize("header", ["x" * 10_000, "t=1,v1=" + "é" * 64, "t=１,v1=" + "0" * 64])
def test_a_long_or_odd_signature_is_refused_quickly(post, header):
    began = time.monotonic()
    answer = post(as_body(event()), **{"X-Talroo-Signature": header.encode()})
    assert answer.status_code in (400, 401, 431)
    assert time.monotonic() - began < 20


def raw_request(site: Site, head: str, rest: bytes = b"") -> socket.socket:
    sender = socket.create_connection(("127.0.0.1", site.port), timeout=60)
    sender.sendall(f"POST /talroo/applications HTTP/1.1\r\nHost: localhost\r\n{head}\r\n".encode() + rest)
    return sender


def test_a_sender_that_goes_away_in_the_middle_leaves_nothing_and_the_next_is_heard(small_site, post):
    body = as_body(event(event_id="half"))
    signature = f"X-Talroo-Signature: {signed(body, secret=small_site.webhook_secret)['X-Talroo-Signature']}\r\n"
    before = number_of(small_site.environment["DATABASE_URL"], "delivery")
    for head, half in (
        (f"{signature}Content-Length: {len(body)}\r\n", body[:50]),
        (f"{signature}Transfer-Encoding: chunked\r\n", b"32\r\n" + body[:50]),
        (f"{signature}Transfer-Encoding: chunked\r\n", f"{len(body):x}\r\n".encode() + body + b"\r\n"),
    ):
        raw_request(small_site, head, half).close()
    assert post(as_body(event())).status_code == 200
    assert number_of(small_site.environment["DATABASE_URL"], "delivery") in (before + 1, before + 2)
    assert "Traceback" not in small_site.log
    assert post(body).status_code == 200


def test_a_body_that_is_not_chunked_as_it_says_is_no_body(small_site):
    sender = raw_request(small_site, "X-Talroo-Signature: t=1\r\nTransfer-Encoding: chunked\r\n", b"zz\r\nxx\r\n")
    said = sender.recv(100)
    assert said == b"" or said.startswith(b"HTTP/1.1 40"), said
    sender.close()


def test_the_same_event_fifty_times_at_once_is_one_application(start_site, database_url):
    site = start_site(database_url=database_url, web_workers=2, worker=False)
    body = as_body(event(applicant={"resume": file_object(b"%PDF-1.4 a resume" * 1_000)}))
    headers = signed(body, secret=site.webhook_secret)
    barrier = Barrier(50)

    def post(_):
        barrier.wait()
        while (answer := again()).status_code == 503:  # the machine is too busy, and Talroo would come again
            time.sleep(0.2)
        return answer

    def again() -> requests.Response:
        return requests.post(f"{site.url}/talroo/applications", data=body, headers=headers, timeout=60)

    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(post, range(50)))
    assert [answer.status_code for answer in answers] == [200] * 50
    assert sorted(answer.json()["status"] for answer in answers) == ["accepted", *["duplicate"] * 49]
    assert len({answer.json()["application"] for answer in answers}) == 1
    assert [number_of(database_url, table) for table in ("delivery", "application", "attachment")] == [1, 1, 1]
