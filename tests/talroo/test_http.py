from __future__ import annotations

import socket
import time
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashboard.talroo.exchange import Request, retry_after
from dashboard.talroo.http import (
    Endpoint,
    Outcome,
    TalrooBusy,
    TalrooError,
    TalrooRefused,
    TalrooUnavailable,
)
from tests.talroo.calls import ASK, DEADLINE, LATE, against, ended
from tests.upstream import FAULTS, Answer, Step, Upstream, busy, moved

SENT = ("ok", "no_body", "binary", "huge", "endless", "bad_chunks", "length_too_long", "length_too_short", "200", "299")
REFUSED = ("301", "304", "307", "400", "401", "404", "410", "451", "600", moved("/elsewhere"))
RETRIED: tuple[tuple[Step, int | None, str], ...] = (
    ("refused", None, "connection refused"),
    ("no_connection", None, "no connection within 0.3 s"),
    ("reset", None, "connection reset before the headers"),
    ("closed", None, "connection closed without an answer"),
    ("reset_after_headers", 200, "connection reset after the headers"),
    ("reset_in_body", 200, "connection reset after the headers"),
    ("closed_after_headers", 200, "connection reset after the headers"),
    ("silent", None, "no answer within 0.3 s"),
    ("silent_after_headers", 200, "no end of the answer within 0.3 s"),
    ("slow_headers", None, "no answer within 0.3 s"),
    ("slow_body", 200, "no end of the answer within 0.3 s"),
    ("slow_endless_body", 200, "no end of the answer within 0.3 s"),
    ("no_http", None, "the answer is not HTTP"),
    ("429", 429, "answered 429"),
    (busy(7), 429, "answered 429"),
    ("500", 500, "answered 500"),
    ("503", 503, "answered 503"),
)


def test_every_fault_the_upstream_knows_is_tried_here():
    tried = [*SENT, *REFUSED, *(step for step, _, _ in RETRIED)]
    assert [fault for fault in FAULTS if fault not in tried] == []


@pytest.mark.parametrize("step", SENT)
def test_a_2xx_counts_as_sent_however_odd_its_body(step):
    outcome, proof = against(step, deadline=30)
    assert outcome is Outcome.SENT
    assert proof.status is not None
    assert 200 <= proof.status <= 299
    assert proof.error is None


@pytest.mark.parametrize("step", REFUSED, ids=str)
def test_any_other_answer_is_a_refusal(step):
    outcome, proof = against(step)
    assert outcome is Outcome.REFUSED
    assert str(proof.status) in (proof.error or "")


@pytest.mark.parametrize(("step", "status", "words"), RETRIED, ids=lambda value: str(value)[:30])
def test_what_may_pass_is_tried_again_and_says_what_happened(step, status, words):
    began = time.monotonic()
    outcome, proof = against(step)
    assert (outcome, proof.status, proof.error) == (Outcome.RETRY, status, words)
    assert time.monotonic() - began < DEADLINE + LATE


def test_only_a_request_that_went_out_unanswered_has_an_unknown_end():
    unknown = {step for step in ("ok", "404", "503", "refused", "no_connection", "silent", "reset") if _unknown(step)}
    assert unknown == {"silent", "reset"}


def _unknown(step: str) -> bool:
    return against(step)[1].unknown


def test_errors_are_a_family_that_carries_decision_and_proof():
    cases = {"429": TalrooBusy, "500": TalrooUnavailable, "404": TalrooRefused}
    with Upstream(list(cases)) as upstream:
        for kind in cases.values():
            with pytest.raises(TalrooError) as caught:
                Endpoint(upstream.url).call(ASK)
            assert type(caught.value) is kind
            assert str(caught.value) == caught.value.proof.error


def test_neither_ids_nor_addresses_are_in_the_words_of_an_error():
    for step in ("refused", "reset", "silent", "404", "no_http"):
        words = against(step, deadline=0.1)[1].error or ""
        assert "secret" not in words
        assert "127.0.0.1" not in words


def test_a_redirect_to_another_host_is_not_followed():
    with Upstream() as elsewhere, Upstream() as upstream:
        for status in (301, 302, 303, 307, 308):
            upstream.add(moved(elsewhere.url + "/stolen", status), moved("http://[no host\xff", status))
            for _ in range(2):
                with pytest.raises(TalrooRefused, match="redirects are not followed"):
                    Endpoint(upstream.url).call(ASK)
        assert elsewhere.requests == []
        assert len(upstream.requests) == 10


def test_a_proxy_of_the_environment_is_not_used(monkeypatch):
    with Upstream() as proxy, Upstream() as upstream:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        Endpoint(upstream.url).call(ASK)
        assert proxy.requests == []
        assert len(upstream.requests) == 1


def test_cookies_are_not_kept_and_netrc_is_not_read(monkeypatch, tmp_path):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password mine\n")
    monkeypatch.setenv("NETRC", str(netrc))
    with Upstream([Answer(headers={"Set-Cookie": "a=b; Path=/"})]) as upstream:
        endpoint = Endpoint(upstream.url)
        endpoint.call(ASK)
        endpoint.call(ASK)
        for request in upstream.requests:
            assert "cookie" not in request.headers
            assert "authorization" not in request.headers


def test_a_request_says_who_asks_and_asks_to_close():
    with Upstream() as upstream:
        Endpoint(upstream.url).call(Request("POST", "/in", b"{}"))
        seen = upstream.requests[0]
    assert (seen.method, seen.target, seen.body) == ("POST", "/in", b"{}")
    assert seen.headers["user-agent"].startswith("talroo-dashboard/")
    assert seen.headers["connection"] == "close"
    assert seen.headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    "target", ["@elsewhere.example/", ".elsewhere.example/", "?x", "conversion.php", "/../up", ":81/"]
)
def test_a_target_cannot_lead_away_from_its_base(target):
    with pytest.raises(ValueError, match="target"):
        Endpoint("http://127.0.0.1:9/under").call(Request("GET", target))


@pytest.mark.parametrize(
    "address",
    ["", "talroo.com", "ftp://a.example", "http://", "http://me:mine@a.example", "http://a.example/?q", "http://a/#b",
     "http://ä.example", "http://a.example:99999", "http://a.example:x", "file:///etc/passwd"],
)  # fmt: skip
def test_an_address_that_cannot_be_used_is_refused_at_once(address):
    with pytest.raises(ValueError):  # noqa: PT011 - urllib words some of them
        Endpoint(address)


def test_a_trailing_slash_of_the_base_is_kept_but_does_not_double():
    with Upstream() as upstream:
        endpoint = Endpoint(upstream.url + "/under/")
        endpoint.call(Request("GET", "/it"))
        endpoint.call(Request("POST"))
        assert [request.target for request in upstream.requests] == ["/under/it", "/under/"]


def _here(url: str) -> tuple[int, int, int, str, tuple[str, int]]:
    return (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", int(url.rpartition(":")[2])))


def test_an_ipv6_address_can_be_called(monkeypatch):
    asked: list[str] = []
    with Upstream() as upstream:
        monkeypatch.setattr(socket, "getaddrinfo", lambda host, *_, **__: asked.append(host) or [_here(upstream.url)])
        Endpoint("http://[::1]:8000").call(ASK)
        assert upstream.requests[0].headers["host"] == "[::1]:8000"
    assert asked == ["::1"]


def test_the_proof_keeps_the_beginning_of_the_answer_as_storable_text():
    with Upstream([Answer(body=b"\x00caf\xc3\xa9 \xff" + b"x" * 5000)]) as upstream:
        answer = Endpoint(upstream.url).call(ASK).answer
    assert answer.startswith("\ufffdcafé \ufffd")
    assert "\x00" not in answer
    assert len(answer.encode("utf-8", "surrogatepass")) <= 500 + 2 * 2


def test_the_proof_says_when_and_how_long():
    with Upstream() as upstream:
        proof = Endpoint(upstream.url, now=lambda: datetime(2026, 1, 31, tzinfo=UTC)).call(ASK)
    assert proof.started_at == datetime(2026, 1, 31, tzinfo=UTC)
    assert 0 <= proof.duration_ms < 1000


NOON = datetime(2026, 1, 31, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None), ("", None), ("soon", None), ("-5", None), ("1.5", None), ("٣", None), ("1, 2", None),
        ("0", 0), ("7", 7), (" 120 ", 120), ("999999999999", 86400), ("9" * 4000, 86400), ("9" * 5000, None),
        ("Sat, 31 Jan 2026 12:01:30 GMT", 90), ("Sat, 31 Jan 2026 11:00:00 GMT", 0),
        ("Saturday, 31-Jan-26 12:01:30 GMT", 90), ("Sat, 31 Jan 2027 12:00:00 GMT", 86400),
        ("Sat, 31 Jan 2026 12:01:30 -0000", 90), ("Sat, 99 Jan 2026 12:01:30 GMT", None),
    ],
    ids=lambda value: str(value)[:30],
)  # fmt: skip
def test_retry_after_is_seconds_or_a_date_and_at_most_a_day(header, seconds):
    assert retry_after(header, now=NOON) == seconds


def test_a_busy_talroo_says_how_long_to_wait():
    with Upstream([busy(7), "429", Answer(503, {"Retry-After": "9"})]) as upstream:
        waits = [ended(Endpoint(upstream.url))[1].retry_after for _ in range(3)]
    assert waits == [7, None, 9]


def test_odd_headers_do_not_bring_the_click_id_into_the_log(caplog):
    caplog.set_level("DEBUG")
    with Upstream([b"HTTP/1.1 200 OK\r\n: no name\r\n\r\n", "404"]) as upstream:
        assert [ended(Endpoint(upstream.url))[1].status for _ in range(2)] == [200, 404]
    assert "secret" not in caplog.text


def test_an_unknown_host_is_tried_again(monkeypatch):
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "secret.example is unknown")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    outcome, proof = ended(Endpoint("http://secret.example"))
    assert (outcome, proof.error, proof.connected) == (Outcome.RETRY, "host name not found", False)


HEADERS = [
    b"Transfer-Encoding: chunked",
    b"Content-Length: -1",
    b"Content-Length: 5",
    b"Content-Length: 1,2",
    b"Content-Encoding: gzip",
    b"Content-Type: \x00;=;charset=",
    b"Location: \xff://[",
    b"Set-Cookie: \xff=;;=",
    b"Retry-After: \xff",
    b": no name",
    b" folded",
]
STATUSES = [
    b"200 OK",
    b"200",
    b"100 C",
    b"101 S",
    b"199 x",
    b"204 N",
    b"99999 x",
    b"301 M",
    b"-5 x",
    b"\xff\xff",
    b"1e3",
]


def raw_answer(status: bytes, headers: list[bytes], body: bytes) -> bytes:
    return b"HTTP/1.1 " + b"\r\n".join([status, *headers]) + b"\r\n\r\n" + body


RAW = st.builds(
    raw_answer, st.sampled_from(STATUSES), st.lists(st.sampled_from(HEADERS), max_size=4), st.binary(max_size=60)
)


def test_no_answer_whatever_makes_a_call_raise_anything_else():
    with Upstream() as upstream:
        endpoint = Endpoint(upstream.url, deadline=2)

        @settings(max_examples=300, deadline=None)
        @given(raw=st.one_of(st.binary(max_size=300), RAW))
        def ends_in_the_family(raw: bytes) -> None:
            upstream.add(raw)
            outcome, proof = ended(endpoint)
            assert outcome in Outcome
            assert (outcome is Outcome.SENT) == (proof.error is None)

        ends_in_the_family()
