"""Deliveries over real HTTP: signed, one at a time, repeated until taken, continued after a restart."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import requests

from dashboard.sandbox.delivering import Pace, Progress
from dashboard.sandbox.envelopes import COMPLETED
from dashboard.sandbox.server import FakeTalroo
from dashboard.talroo import signature

SECRET = "a shared secret"
AT_ONCE = Pace(catalogue=0.0, interval=(600, 600), retry=0.05)


def _set() -> threading.Event:
    event = threading.Event()
    event.set()
    return event


@dataclass
class Dashboard:
    """Takes what is posted. `statuses` are answered first, in turn; then 200. Without `goes_on` nobody is answered."""

    statuses: list[int] = field(default_factory=list)
    healthy: bool = True
    asked: int = 0
    posts: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    goes_on: threading.Event = field(default_factory=_set)
    answers: list[int] = field(default_factory=list)
    running: int = 0
    most_at_once: int = 0
    url: str = ""

    @property
    def taken(self) -> list[str]:
        pairs = zip(self.posts, self.answers, strict=False)
        return [json.loads(body)["id"] for (_, _, body), status in pairs if status == 200]


def handler_for(dashboard: Dashboard) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            dashboard.asked += 1
            self.reply(200 if self.path == "/healthz" and dashboard.healthy else 503)

        def do_POST(self) -> None:
            dashboard.running += 1
            dashboard.most_at_once = max(dashboard.most_at_once, dashboard.running)
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status = dashboard.statuses.pop(0) if dashboard.statuses else 200
            dashboard.posts.append((self.path, dict(self.headers), body))
            dashboard.answers.append(status)
            dashboard.goes_on.wait(60)
            dashboard.running -= 1
            self.reply(status)

        def reply(self, status: int) -> None:
            self.send_response(status)
            self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    return Handler


@pytest.fixture
def dashboard() -> Iterator[Dashboard]:
    listening = Dashboard()
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler_for(listening))
    listening.url = f"http://127.0.0.1:{server.server_address[1]}/talroo/applications"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield listening
    server.shutdown()
    server.server_close()
    thread.join()


def talroo(dashboard: Dashboard, **settings: Any) -> FakeTalroo:
    given = {"secret": SECRET, "client_id": "app", "client_secret": "key", "pace": AT_ONCE, **settings}
    return FakeTalroo("127.0.0.1", 0, postback_url=dashboard.url, **given)


def eventually(condition: Callable[[], object], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.02)


def test_the_catalogue_arrives_signed_in_order_one_at_a_time(dashboard: Dashboard) -> None:
    with talroo(dashboard) as fake:
        ids = [event["id"] for event in fake.events]
        eventually(lambda: len(dashboard.taken) == len(ids))
    assert dashboard.taken == ids
    assert dashboard.most_at_once == 1
    for _, headers, body in dashboard.posts:
        found = signature.verify(body, headers[signature.HEADER], [SECRET], now=time.time(), tolerance=300, max_age=300)
        assert found.timing is signature.Timing.FRESH
        assert headers["Content-Type"] == "application/json"


def test_the_address_carries_the_reference_of_the_job(dashboard: Dashboard) -> None:
    with talroo(dashboard) as fake:
        eventually(lambda: len(dashboard.taken) == len(fake.events))
    addresses = {path for path, _, _ in dashboard.posts}
    assert "/talroo/applications?jobid=bbfl%200077" in addresses
    assert "/talroo/applications?jobid=WB%2F7731" in addresses


@pytest.mark.parametrize("status", [500, 503, 401, 302])
def test_what_is_not_taken_comes_again_later(dashboard: Dashboard, status: int) -> None:
    dashboard.statuses = [200, status, 200]
    with talroo(dashboard) as fake:
        ids = [event["id"] for event in fake.events]
        # The sender notes an answer only after it has come: its own record is waited for, not the receiver's.
        eventually(lambda: {found["id"] for found in fake.deliveries if found["status"] == 200} == set(ids))
        again = [found for found in fake.deliveries if found["id"] == ids[1]]
    assert [found["status"] for found in again] == [status, 200]
    assert [found["attempt"] for found in again] == [1, 2]
    assert dashboard.taken.count(ids[1]) == 1


def test_nothing_is_sent_before_the_dashboard_is_up(dashboard: Dashboard) -> None:
    dashboard.healthy = False
    with talroo(dashboard):
        eventually(lambda: dashboard.asked >= 3)
        assert dashboard.posts == []
        dashboard.healthy = True
        eventually(lambda: dashboard.posts)


def test_after_the_catalogue_new_ones_keep_coming_and_the_api_lists_them(dashboard: Dashboard) -> None:
    with talroo(dashboard, pace=Pace(catalogue=0.0, interval=(0.05, 0.1), retry=0.05)) as fake:
        known = {event["id"] for event in fake.events}
        eventually(lambda: len(set(dashboard.taken) - known) >= 3)
        listed = {found["id"] for found in fake.applications()}
    streamed = [json.loads(body) for _, _, body in dashboard.posts if json.loads(body)["id"] not in known]
    assert {event["data"]["id"] for event in streamed} <= listed


def test_a_restart_goes_on_instead_of_repeating(dashboard: Dashboard, tmp_path: Path) -> None:
    state = tmp_path / "state.json"
    quick = Pace(catalogue=0.0, interval=(0.05, 0.1), retry=0.05)
    with talroo(dashboard, state_path=state, pace=quick) as fake:
        eventually(lambda: len(dashboard.taken) >= len(fake.events) + 2)
        first = fake.events
    before = set(dashboard.taken)
    count = len(dashboard.taken)
    with talroo(dashboard, state_path=state, pace=quick) as fake:
        assert fake.events == first
        eventually(lambda: len(dashboard.taken) >= count + 2)
    assert before.isdisjoint(dashboard.taken[count:])


def test_without_a_state_file_the_same_events_come_again(dashboard: Dashboard) -> None:
    with talroo(dashboard) as fake:
        eventually(lambda: len(dashboard.taken) == len(fake.events))
    with talroo(dashboard) as fake:
        eventually(lambda: len(dashboard.taken) == 2 * len(fake.events))
    assert dashboard.taken[: len(fake.events)] == dashboard.taken[len(fake.events) :]


@pytest.mark.parametrize("content", ["", "[]", "{", '{"seed": 1}', '{"seed": 20, "began": "x"}', "null"])
def test_a_state_file_that_says_nothing_usable_means_a_fresh_start(tmp_path: Path, content: str) -> None:
    state = tmp_path / "state.json"
    state.write_text(content)
    progress = Progress.read(state, 20, now=1000.9)
    assert (progress.began, progress.delivered, progress.streamed) == (1000, set(), 0)


def test_stopping_while_delivering_ends_with_the_delivery_under_way(dashboard: Dashboard) -> None:
    dashboard.goes_on.clear()  # so that it is under way when it is stopped
    with talroo(dashboard) as fake:
        eventually(lambda: dashboard.posts)
    count = len(dashboard.posts)
    dashboard.goes_on.set()
    eventually(lambda: "sandbox-deliverer" not in {thread.name for thread in threading.enumerate()})
    assert len(dashboard.posts) <= count + 1 < len(fake.events)


def test_an_applicant_finishes_on_the_apply_page_and_the_dashboard_is_told_with_the_same_ids(
    dashboard: Dashboard,
) -> None:
    dashboard.healthy = False  # only what is pressed is delivered
    with talroo(dashboard) as fake:
        data = next(found for found in fake.applications() if found["completed"] is False)
        before = dict(data)
        page, params = f"{fake.url}/apply", {"job": data["job"]["originalJobReference"]}
        button = f'value="{data["id"]}"'
        assert button in requests.get(page, params=params, timeout=60).text
        assert button not in requests.get(page, params={"job": "another"}, timeout=60).text
        form = {"id": str(data["id"])}
        dashboard.statuses.append(503)
        refused = requests.post(page, params=params, data=form, timeout=60).text
        assert "The dashboard did not take it" in refused
        assert button in refused
        done = requests.post(page, params=params, data=form, timeout=60).text
        assert "Done: delivered." in done
        assert button not in done
        assert "finished already" in requests.post(page, params=params, data=form, timeout=60).text
        assert data["completed"] is True, "the Platform API says so, too"
    address, headers, body = dashboard.posts[-1]
    assert address.endswith(f"?jobid={quote(str(params['job']), safe='')}")
    signature.verify(body, headers[signature.HEADER], [SECRET], now=time.time(), tolerance=300, max_age=300)
    told = json.loads(body)
    assert told["type"] == COMPLETED
    same = ("id", "tlrApplicationId", "tlrSid", "job", "applicant")
    assert {key: told["data"][key] for key in same} == {key: before[key] for key in same}
    assert (told["data"]["completed"], bool(told["data"]["applicationTime"])) == (True, True)
    assert len(dashboard.posts) == 2


def test_nobody_can_finish_where_nothing_is_delivered() -> None:
    with FakeTalroo("127.0.0.1", 0, postback_url=None, secret=SECRET, client_id="a", client_secret="b") as fake:
        (reference, *_) = {found["job"]["originalJobReference"] for found in fake.applications()}
        assert "Nobody is left" in requests.get(f"{fake.url}/apply", params={"job": reference}, timeout=60).text
        assert "finished already" in requests.post(f"{fake.url}/apply", data={"id": "1"}, timeout=60).text
