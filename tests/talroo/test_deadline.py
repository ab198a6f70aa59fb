from __future__ import annotations

import gc
import os
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from dashboard.talroo.exchange import Request
from dashboard.talroo.http import CallAborted, Endpoint, Outcome, TalrooUnavailable
from tests.talroo import certificates
from tests.talroo.calls import ASK, DEADLINE, LATE, against, ended
from tests.upstream import Upstream


@pytest.mark.parametrize("step", ["silent", "slow_headers", "slow_body", "slow_endless_body", "no_connection"])
@pytest.mark.parametrize("deadline", [0.1, 0.6])
def test_the_deadline_holds_for_the_whole_call(step, deadline):
    _, proof = against(step, deadline=deadline)
    assert deadline <= proof.duration_ms / 1000 < deadline + LATE


def test_a_slow_answer_within_the_deadline_is_waited_for():
    with Upstream(["slow_headers"], drip=0.002) as upstream:
        assert Endpoint(upstream.url, deadline=10).call(ASK).status == 200


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
    # Drop by drip, so that no time-out of a single read can end the call in the deadline's place.
    with Upstream(["slow_headers"], drip=0.05) as upstream:
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
