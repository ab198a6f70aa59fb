from __future__ import annotations

import gc
import os
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashboard.talroo.http import (
    CallAborted,
    Endpoint,
    Outcome,
    Proof,
    Request,
    TalrooBusy,
    TalrooError,
    TalrooRefused,
    TalrooUnavailable,
    retry_after,
)
from tests.talroo import certificates
from tests.upstream import FAULTS, Answer, Step, Upstream, busy, moved

DEADLINE = 0.3
LATE = 0.25
"""Seconds a call may come back after its deadline on a busy machine; it is usually 2 ms."""

ASK = Request("GET", "/conversion2.php?tlr_sid=0000-secret&Link=true")


def ended(endpoint: Endpoint, request: Request = ASK) -> tuple[Outcome, Proof]:
    try:
        return Outcome.SENT, endpoint.call(request)
    except TalrooError as error:
        return error.outcome, error.proof


def against(step: Step, **options: float) -> tuple[Outcome, Proof]:
    with Upstream([step], drip=0.05, unreachable_for=5) as upstream:
        return ended(Endpoint(upstream.url, **{"deadline": DEADLINE, **options}))


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
    outcome, proof = against(step)
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


@pytest.mark.parametrize("step", ["silent", "slow_headers", "slow_body", "slow_endless_body", "no_connection"])
@pytest.mark.parametrize("deadline", [0.1, 0.6])
def test_the_deadline_holds_for_the_whole_call(step, deadline):
    _, proof = against(step, deadline=deadline)
    assert deadline <= proof.duration_ms / 1000 < deadline + LATE


def test_a_slow_answer_within_the_deadline_is_waited_for():
    with Upstream(["slow_headers"], drip=0.002) as upstream:
        assert Endpoint(upstream.url, deadline=10).call(ASK).status == 200


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


def test_a_trailing_slash_of_the_base_does_not_double():
    with Upstream() as upstream:
        Endpoint(upstream.url + "/under/").call(Request("GET", "/it"))
        assert upstream.requests[0].target == "/under/it"


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


def test_a_name_server_that_does_not_answer_cannot_outlast_the_deadline(monkeypatch):
    release = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: release.wait(30) and [])
    began = time.monotonic()
    outcome, proof = ended(Endpoint("http://a.example", deadline=0.3))
    took = time.monotonic() - began
    release.set()
    assert (outcome, proof.error) == (Outcome.RETRY, "no connection within 0.3 s")
    assert took < 0.3 + LATE


def test_a_dead_first_address_leaves_time_for_the_second(monkeypatch):
    with Upstream(["no_connection"], unreachable_for=5) as dead, Upstream() as alive:
        found = [_address(dead.url), _address(alive.url)]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
        assert Endpoint("http://a.example", deadline=1.0).call(ASK).status == 200


def _address(url: str) -> tuple[int, int, int, str, tuple[str, int]]:
    return (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", int(url.rpartition(":")[2])))


@pytest.fixture(scope="module")
def tls(tmp_path_factory):
    return certificates.make(tmp_path_factory.mktemp("tls"))


def test_a_trusted_certificate_is_enough(tls):
    context, trusted = tls
    with Upstream(["ok", "404"], tls=context) as upstream:
        endpoint = Endpoint(upstream.url, authorities=str(trusted))
        assert ended(endpoint)[0] is Outcome.SENT
        assert ended(endpoint)[0] is Outcome.REFUSED


def test_an_unknown_certificate_is_never_talked_to(tls):
    with Upstream(tls=tls[0]) as upstream:
        outcome, proof = ended(Endpoint(upstream.url))
        assert (outcome, proof.error, proof.unknown) == (Outcome.RETRY, "certificate not trusted", False)
        assert upstream.requests == []


def test_a_certificate_for_another_name_is_not_trusted(tls, monkeypatch):
    with Upstream(tls=tls[0]) as upstream:
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [_address(upstream.url)])
        _, proof = ended(Endpoint("https://other.example", authorities=str(tls[1])))
        assert proof.error == "certificate not trusted"


def test_something_else_than_tls_is_a_tls_problem():
    with Upstream(["no_handshake"]) as upstream:
        outcome, proof = ended(Endpoint(upstream.url.replace("http:", "https:")))
    assert (outcome, proof.error, proof.unknown) == (Outcome.RETRY, "TLS failed", False)


@pytest.mark.parametrize("step", ["silent_handshake", "silent", "slow_headers", "slow_body", "slow_endless_body"])
def test_the_deadline_holds_under_tls(tls, step):
    context, trusted = tls
    with Upstream([step], tls=context, drip=0.05) as upstream:
        outcome, proof = ended(Endpoint(upstream.url, deadline=DEADLINE, authorities=str(trusted)))
    assert outcome is Outcome.RETRY
    assert "within 0.3 s" in (proof.error or "")
    assert proof.duration_ms / 1000 < DEADLINE + LATE


def test_being_told_to_stop_ends_a_call_after_its_grace():
    stop = threading.Event()
    with Upstream(["silent"]) as upstream:
        threading.Timer(0.2, stop.set).start()
        began = time.monotonic()
        with pytest.raises(CallAborted) as caught:
            Endpoint(upstream.url, deadline=10, abort_after=0.2).call(ASK, stop=stop)
        assert 0.35 < time.monotonic() - began < 0.4 + LATE + 0.1
    assert caught.value.proof.unknown
    assert caught.value.outcome is Outcome.RETRY


def test_an_answer_within_the_grace_still_counts():
    stop = threading.Event()
    with Upstream(["slow_headers"], drip=0.003) as upstream:
        threading.Timer(0.05, stop.set).start()
        assert Endpoint(upstream.url, deadline=10, abort_after=5).call(ASK, stop=stop).status == 200
        assert stop.is_set()


def test_after_the_word_to_stop_no_call_begins():
    stop = threading.Event()
    stop.set()
    with Upstream() as upstream:
        with pytest.raises(CallAborted) as caught:
            Endpoint(upstream.url).call(ASK, stop=stop)
        assert upstream.requests == []
    assert not caught.value.proof.unknown


def test_stopping_does_not_lengthen_a_deadline():
    stop = threading.Event()
    with Upstream(["silent"]) as upstream:
        threading.Timer(0.1, stop.set).start()
        with pytest.raises(TalrooUnavailable, match=r"within 0\.4 s"):
            Endpoint(upstream.url, deadline=0.4, abort_after=10).call(ASK, stop=stop)


def test_eight_threads_at_once_each_get_their_own_answer():
    with Upstream() as upstream:
        endpoint = Endpoint(upstream.url)
        targets = [f"/{number}" for number in range(200)]
        with ThreadPoolExecutor(8) as threads:
            proofs = list(threads.map(lambda target: endpoint.call(Request("GET", target)), targets))
        assert {proof.status for proof in proofs} == {200}
        assert sorted(request.target for request in upstream.requests) == sorted(targets)


def test_one_slow_call_does_not_cut_or_hold_up_another():
    with Upstream(["silent"]) as upstream:
        endpoint = Endpoint(upstream.url, deadline=0.6)
        with ThreadPoolExecutor(8) as threads:
            ends = sorted(threads.map(lambda _: _took(endpoint), range(8)))
    assert [outcome for _, outcome in ends] == [Outcome.SENT] * 7 + [Outcome.RETRY]
    assert ends[6][0] < 0.5


def _took(endpoint: Endpoint) -> tuple[float, Outcome]:
    outcome, proof = ended(endpoint)
    return proof.duration_ms / 1000, outcome


def test_two_hundred_faulty_calls_leave_no_thread_and_no_socket_behind(tls):
    gc.collect()
    before = _open_sockets()
    steps = ["reset", "reset_after_headers", "silent", "slow_body", "500", "huge", "bad_chunks", "no_http"]
    with Upstream(steps * 20, drip=0.05) as plain, Upstream(steps * 5, tls=tls[0], drip=0.05) as secret:
        endpoints = (Endpoint(plain.url, deadline=0.1), Endpoint(secret.url, deadline=0.1, authorities=str(tls[1])))
        with ThreadPoolExecutor(8) as threads:
            list(threads.map(ended, [endpoints[0]] * 160 + [endpoints[1]] * 40))
        assert [thread.name for thread in threading.enumerate() if thread.name.startswith("talroo")] == []
    gc.collect()
    assert _open_sockets() == before


def _open_sockets() -> int:
    links = (Path("/proc/self/fd") / number for number in os.listdir("/proc/self/fd"))
    return sum(1 for link in links if link.is_symlink() and os.readlink(link).startswith("socket:"))


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
