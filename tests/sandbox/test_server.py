"""The fake Talroo's answers over real HTTP: tokens, lists, conversions, dispositions, the page for people."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from dashboard.sandbox.server import FakeTalroo

ROOT = Path(__file__).parents[2]
CLIENT = ("app-client", "client secret")
GRANT = {"grantType": "CLIENT_CREDENTIALS", "clientId": CLIENT[0]}
EVENT = {
    "tlr_application_id": "8f7a2f1c",
    "event": "application_completed",
    "raw_event": "hired",
    "event_time": "2026-03-14T09:26:53Z",
}


@pytest.fixture(scope="module")
def talroo() -> Iterator[FakeTalroo]:
    with FakeTalroo(
        "127.0.0.1", 0, postback_url=None, secret="unused", client_id=CLIENT[0], client_secret=CLIENT[1]
    ) as fake:
        yield fake


@pytest.fixture(scope="module")
def token(talroo: FakeTalroo) -> str:
    answer = requests.post(f"{talroo.url}/v5/oauth2/token", json=GRANT, auth=CLIENT, timeout=5)
    assert answer.status_code == 200
    assert answer.json()["expiresIn"] == 300
    return str(answer.json()["accessToken"])


def asked(talroo: FakeTalroo, token: str, **parameters: Any) -> requests.Response:
    headers = {"Authorization": f"Bearer {token}"}
    return requests.get(f"{talroo.url}/v5/applications", params=parameters, headers=headers, timeout=5)


def found(talroo: FakeTalroo, token: str, search: str) -> list[dict[str, Any]]:
    answer = asked(talroo, token, search=search, size=200)
    assert answer.status_code == 200, answer.text
    return list(answer.json()["content"])


@pytest.mark.parametrize(
    ("status", "auth", "body"),
    [
        (401, (CLIENT[0], "wrong"), GRANT),
        (401, None, GRANT),
        (401, CLIENT, {**GRANT, "clientId": "somebody else"}),
        (400, CLIENT, {"grant_type": "client_credentials"}),
        (400, CLIENT, ["CLIENT_CREDENTIALS"]),
    ],
)
def test_no_token_for_a_wrong_client_or_grant(
    talroo: FakeTalroo, status: int, auth: tuple[str, str] | None, body: object
) -> None:
    answer = requests.post(f"{talroo.url}/v5/oauth2/token", json=body, auth=auth, timeout=5)
    assert answer.status_code == status
    assert "accessToken" not in answer.json()


@pytest.mark.parametrize("header", [None, "Bearer nonsense", "Basic x", "Bearer "])
def test_a_list_needs_a_token(talroo: FakeTalroo, header: str | None) -> None:
    headers = {"Authorization": header} if header else {}
    assert requests.get(f"{talroo.url}/v5/applications", headers=headers, timeout=5).status_code == 401


def test_a_token_ends(talroo: FakeTalroo) -> None:
    now = [100.0]
    with FakeTalroo("127.0.0.1", 0, postback_url=None, secret="s", client_id="c", client_secret="d") as fake:
        fake.tokens.clock = lambda: now[0]
        answer = requests.post(
            f"{fake.url}/v5/oauth2/token", json={**GRANT, "clientId": "c"}, auth=("c", "d"), timeout=5
        )
        assert asked(fake, answer.json()["accessToken"]).status_code == 200
        now[0] += 300
        assert asked(fake, answer.json()["accessToken"]).status_code == 401


def test_pages_join_to_the_whole_without_repeating(talroo: FakeTalroo, token: str) -> None:
    first = asked(talroo, token, sort="createdAt,desc").json()
    pages = [asked(talroo, token, page=n, sort="createdAt,desc").json() for n in range(first["totalPages"])]
    ids = [str(item["id"]) for page in pages for item in page["content"]]
    assert (first["number"], first["size"], len(first["content"])) == (0, 20, 20)
    assert len(ids) == len(set(ids)) == first["totalElements"] == len(talroo.applications())
    assert asked(talroo, token, page=99).json()["content"] == []


def test_sorting_follows_the_field_and_direction(talroo: FakeTalroo, token: str) -> None:
    newest = [item["createdAt"] for item in asked(talroo, token, sort="createdAt,desc", size=200).json()["content"]]
    assert newest == sorted(newest, reverse=True)
    items = asked(talroo, token, sort=["completed,asc", "createdAt"], size=200).json()["content"]
    keys = [(item["completed"], item["createdAt"]) for item in items]
    assert keys == sorted(keys)


@pytest.mark.parametrize("sign", ["=", "=="])
def test_searching_by_completion(talroo: FakeTalroo, token: str, sign: str) -> None:
    begun = found(talroo, token, f"completed{sign}false")
    assert len(begun) >= 25
    assert {item["completed"] for item in begun} == {False}
    assert {item["completed"] for item in found(talroo, token, "completed!=false")} == {True}


def test_searching_by_order_text_and_list(talroo: FakeTalroo, token: str) -> None:
    middle = sorted(item["createdAt"] for item in talroo.applications())[30]
    later, earlier = found(talroo, token, f"createdAt>={middle}"), found(talroo, token, f'createdAt<"{middle}"')
    assert len(later) + len(earlier) == len(talroo.applications())
    assert all(item["createdAt"] >= middle for item in later)
    assert not found(talroo, token, "createdAt>2999-01-01")
    assert len(found(talroo, token, "createdAt<=2999-01-01")) == len(talroo.applications())
    assert {item["job"]["company"] for item in found(talroo, token, "job.company~harbor")} == {"Harbor & Vale Market"}
    both = found(talroo, token, 'job.originalJobReference:("PF-1042", "NG-3310")')
    assert {item["job"]["originalJobReference"] for item in both} == {"PF-1042", "NG-3310"}
    assert found(talroo, token, "campaignId>72912")


def test_the_api_also_has_completed_ones_that_were_never_pushed(talroo: FakeTalroo, token: str) -> None:
    pushed = {event["data"]["id"] for event in talroo.events}
    assert [item for item in found(talroo, token, "completed==true") if item["id"] not in pushed]


@pytest.mark.parametrize(
    "parameters",
    [
        {"page": "x"},
        {"page": "-1"},
        {"size": "0"},
        {"size": "100000"},
        {"sort": "createdAt,sideways"},
        {"search": "completed"},
        {"search": "completed==false and qualified==true"},
    ],
)
def test_parameters_that_cannot_be_read_are_refused(talroo: FakeTalroo, token: str, parameters: dict[str, str]) -> None:
    assert asked(talroo, token, **parameters).status_code == 400


@pytest.mark.parametrize(("script", "event"), [("conversion.php", 1), ("conversion2.php", 2), ("conversion3.php", 3)])
def test_a_conversion_is_recorded(talroo: FakeTalroo, script: str, event: int) -> None:
    click = f"click-{event}"
    answer = requests.get(f"{talroo.url}/{script}", params={"tlr_sid": click, "Link": "true"}, timeout=5)
    assert answer.status_code == 200
    recorded = [kept for kept in talroo.conversions if kept["tlr_sid"] == click]
    assert [(kept["event"], kept["link"]) for kept in recorded] == [(event, "true")]


@pytest.mark.parametrize("query", ["", "?tlr_sid=", "?tlr_sid=%20&Link=true"])
def test_a_conversion_without_a_click_id_is_refused(talroo: FakeTalroo, query: str) -> None:
    before = len(talroo.conversions)
    assert requests.get(f"{talroo.url}/conversion2.php{query}", timeout=5).status_code == 400
    assert len(talroo.conversions) == before


@pytest.mark.parametrize("count", [None, 1, 3])
def test_dispositions_are_recorded_one_or_many(talroo: FakeTalroo, count: int | None) -> None:
    before = len(talroo.dispositions)
    body = EVENT if count is None else [EVENT] * count
    answer = requests.post(f"{talroo.url}/disposition/v1/events", json=body, timeout=5)
    assert answer.status_code == 200
    assert len(talroo.dispositions) == before + (count or 1)
    assert {**talroo.dispositions[-1], "at": ""} == {**EVENT, "at": ""}


@pytest.mark.parametrize(
    "body",
    [
        [],
        "text",
        [EVENT, {**EVENT, "event": ""}],
        {**EVENT, "eventTime": "2026-03-14T09:26:53Z"},
        {**EVENT, "event_time": "14 March"},
        {**EVENT, "event_time": "2026-03-14"},
        {**EVENT, "event_time": "2026-03-14T09:26:53+02:00"},
        {**EVENT, "event_time": "2026-03-14T09:26:53"},
        {name: value for name, value in EVENT.items() if name != "tlr_application_id"},
        {name: value for name, value in EVENT.items() if name != "event"},
        {**EVENT, "raw_event": 3},
    ],
)
def test_dispositions_that_break_the_contract_are_refused_whole(talroo: FakeTalroo, body: object) -> None:
    before = len(talroo.dispositions)
    answer = requests.post(f"{talroo.url}/disposition/v1/events", json=body, timeout=5)
    assert answer.status_code == 400
    assert answer.json()["message"]
    assert len(talroo.dispositions) == before


def test_people_and_scripts_can_look_at_what_was_received(talroo: FakeTalroo) -> None:
    requests.get(f"{talroo.url}/conversion2.php?tlr_sid=%3Cb%3Ebold", timeout=5)
    looked = requests.get(f"{talroo.url}/", timeout=5)
    assert looked.headers["Content-Type"].startswith("text/html")
    assert "&lt;b&gt;bold" in looked.text
    assert "<b>bold" not in looked.text
    kept = requests.get(f"{talroo.url}/received", timeout=5).json()
    assert set(kept) == {"conversions", "dispositions", "deliveries", "mails"}
    assert kept["conversions"][-1]["tlr_sid"] == "<b>bold"


@pytest.mark.parametrize("path", ["/nothing", "/v5/applications/1", "/v5/oauth2/token"])
def test_other_addresses_are_not_found(talroo: FakeTalroo, path: str) -> None:
    assert requests.get(f"{talroo.url}{path}", timeout=5).status_code == 404


def test_a_body_too_large_or_without_a_length_is_refused(talroo: FakeTalroo) -> None:
    assert requests.post(f"{talroo.url}/disposition/v1/events", data=b" " * 1_000_001, timeout=5).status_code == 413
    with socket.create_connection(("127.0.0.1", talroo.port), timeout=5) as line:
        line.sendall(b"POST /disposition/v1/events HTTP/1.0\r\n\r\n")
        assert b" 411 " in line.recv(200)


def environment(**settings: str) -> dict[str, str]:
    secrets = {"TALROO_WEBHOOK_SECRETS": "new,old", "TALROO_CLIENT_ID": "c", "TALROO_CLIENT_SECRET": "d"}
    return {"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(sys.path), **secrets, **settings}


@pytest.mark.process
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_command_says_when_it_is_ready_and_ends_when_told(number: signal.Signals) -> None:
    command = [sys.executable, "-m", "dashboard.sandbox", "--port", "0"]
    with subprocess.Popen(command, cwd=ROOT, env=environment(), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        line = process.stdout.readline()
        address = line.split()[-1]
        assert requests.get(f"{address}/received", timeout=5).status_code == 200
        process.send_signal(number)
        assert process.wait(timeout=8) == 0  # the launcher gives everybody ten seconds


@pytest.mark.process
def test_the_command_names_the_secret_that_is_missing() -> None:
    command = [sys.executable, "-m", "dashboard.sandbox", "--port", "0"]
    ended = subprocess.run(
        command, cwd=ROOT, env=environment(TALROO_CLIENT_ID=""), capture_output=True, text=True, timeout=30, check=False
    )
    assert ended.returncode == 1
    assert ended.stderr.splitlines() == ["The fake Talroo cannot start: set TALROO_CLIENT_ID"]
