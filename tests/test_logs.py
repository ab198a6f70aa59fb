"""What stands in the logs: everything that happened, and nothing that anybody sent."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from config import LOG_FORMS, ROOT
from dashboard import logs, request_id
from dashboard.models import Attachment
from dashboard.services.files import FileMissing
from dashboard.web.tracing import HEADER
from tests.application import signed_in_client
from tests.factories import event, payload
from tests.stocked_site import CANARY, Stocked, token_of


@pytest.fixture
def logged(tmp_path: Path) -> Any:
    """`logged()` → every line so far, as configured for a process that writes JSON into a file."""
    root, ours = logging.getLogger(), logging.getLogger(logs.OURS)
    before = root.handlers[:], root.level, ours.level, sys.excepthook
    path = tmp_path / "log"
    logs.configure("json", "debug", str(path))
    yield lambda: [json.loads(line) for line in path.read_text().splitlines()]
    for handler in root.handlers:
        handler.close()
    root.handlers[:], root.level, ours.level, sys.excepthook = before
    logging.getLogger().setLevel(before[1])


@pytest.fixture
def app(make_app: Callable[..., Flask], sqlite_url: str) -> Flask:
    return make_app(sqlite_url)


def requests_in(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [line for line in lines if line["event"] == "request"]


def test_a_request_is_one_line_with_its_rule_its_user_and_its_id(app: Flask, logged: Any):
    answer = app.test_client().get(f"/unsubscribe/{CANARY}?q={CANARY}")
    line = requests_in(logged())[-1]
    assert line["request_id"] == answer.headers[HEADER]
    assert (line["level"], line["logger"], line["method"]) == ("info", "dashboard.web.tracing", "GET")
    assert (line["endpoint"], line["route"]) == ("unsubscribe.show", "/unsubscribe/<token>")
    assert (line["status"], line["user"], line["bytes"]) == (404, None, len(answer.data))
    assert 0 < line["ms"] < 60_000
    answer = signed_in_client(app, "hr_admin").get("/me")
    line = requests_in(logged())[-1]
    assert (line["endpoint"], line["status"], line["bytes"]) == ("settings.index", 200, len(answer.data))
    assert len(line["user"]) == 22


def test_every_line_tells_its_time_in_utc(app: Flask, logged: Any, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TZ", "Pacific/Auckland")
    time.tzset()
    try:
        app.test_client().get("/login")
        (line,) = requests_in(logged())[-1:]
    finally:
        monkeypatch.undo()
        time.tzset()
    told = datetime.fromisoformat(line["time"])
    assert told.utcoffset() == timedelta(0)
    assert abs(datetime.now(UTC) - told) < timedelta(minutes=1)


def test_each_request_has_an_id_of_its_own_also_where_nothing_is_found(app: Flask, logged: Any):
    client = app.test_client()
    ids = [client.get(path).headers[HEADER] for path in ("/login", "/nowhere", "/static/css/app.css", "/applications")]
    assert len(set(ids)) == 4
    assert [line["request_id"] for line in requests_in(logged())] == ids


def test_a_download_is_told_when_it_is_sent_with_what_was_sent(app: Flask, logged: Any):
    answer = signed_in_client(app, "recruiter").get("/applications.csv")
    line = requests_in(logged())[-1]
    assert (line["endpoint"], line["bytes"]) == ("applications.csv", len(answer.data))
    assert line["request_id"] == answer.headers[HEADER]


@pytest.mark.parametrize(
    ("proxies", "given", "taken"),
    [
        (1, "0123456789abcdef", True),
        (1, "f47ac10b-58cc-4372-a567-0e02b2c3d479", True),
        (0, "0123456789abcdef", False),
        (1, "short", False),
        (1, "x" * 41, False),
        (1, 'line"break', False),
        (1, "ünïcödé-ünïcödé", False),
    ],
)
def test_the_id_of_a_proxy_is_taken_over_where_there_is_one(
    make_app: Callable[..., Flask], sqlite_url: str, proxies: int, given: str, taken: bool
):
    client = make_app(sqlite_url, trusted_proxies=proxies).test_client()
    assert (client.get("/healthz", headers={HEADER: given}).headers[HEADER] == given) is taken


def test_who_asks_for_what_their_role_may_not_have_is_told_in_the_log(app: Flask, logged: Any):
    client = signed_in_client(app, "recruiter")
    assert client.get("/admin/users").status_code == 403
    line = next(line for line in logged() if line["event"] == "not permitted")
    assert (line["level"], line["endpoint"], line["needs"]) == ("warning", "users.index", "users")
    assert line["request_id"] == requests_in(logged())[-1]["request_id"]
    assert line["user"] == requests_in(logged())[-1]["user"]


def test_a_form_without_its_token_is_told_in_the_log(app: Flask, logged: Any):
    assert app.test_client().post("/login", data={"csrf_token": CANARY, "email": CANARY}).status_code == 400
    line = next(line for line in logged() if "token" in line["event"])
    assert (line["level"], line["event"]) == ("warning", "a form without its token at session.sign_in")


@pytest.mark.parametrize("form", LOG_FORMS)
def test_nobody_writes_a_line_of_their_own_into_the_log(form: str):
    forged = "x\r\n12:00:00 info    web.session: signed in\u2028"
    handler = logs._on_stderr(sys.stderr, form)
    record = logging.LogRecord(f"{logs.OURS}.x", logging.INFO, __file__, 1, "told: %s", (forged,), None)
    assert len(handler.format(record).splitlines()) == 1


def test_nothing_of_anybody_stands_in_any_line(
    stocked: Stocked, logged: Any, sign_in: Callable[..., Any], deliver: Callable[..., Any]
):
    for role in ("recruiter", "hr_admin", "it_admin"):
        client = sign_in(role)
        for _, address in stocked.addresses():
            client.get(f"{address}?q={CANARY}&file={CANARY}", headers={"User-Agent": CANARY})
        token = token_of(client.get("/me").text)
        for _, address in stocked.addresses("POST"):
            client.post(address, data={"csrf_token": token, "body": CANARY, "q": CANARY, "email": CANARY})
    client = stocked.app.test_client()
    client.post("/login", data={"email": f"{CANARY}@example.com", "password": CANARY, "csrf_token": CANARY})
    client.get(f"/{CANARY}", headers={HEADER: CANARY * 2, "Referer": f"http://localhost/{CANARY}"})
    deliver({"id": CANARY, "type": CANARY, "data": {CANARY: CANARY}})
    deliver(payload("odd"))
    lines = logged()
    assert len(requests_in(lines)) > 200
    assert not [line for line in lines if CANARY.lower() in json.dumps(line, ensure_ascii=False).lower()]


def test_what_an_exception_says_stays_out_of_the_log_wherever_it_is_raised(
    app: Flask, logged: Any, monkeypatch: pytest.MonkeyPatch, deliver: Callable[..., Any]
):
    deliver(event())

    def fail(*_: object, **__: object) -> None:
        raise ValueError(f"about {CANARY}") from KeyError(CANARY)

    monkeypatch.setattr("dashboard.web.applications.inbox_page", fail)
    monkeypatch.setattr("dashboard.services.intake.store", fail)
    assert signed_in_client(app, "recruiter").get("/applications").status_code == 500
    deliver(event())
    problems = [line for line in logged() if line["level"] == "error"]
    assert len(problems) >= 2
    assert all("ValueError" in line["event"] for line in problems)
    assert CANARY not in json.dumps(logged())


def test_a_caught_exception_is_told_by_type_and_place(logged: Any):
    try:
        raise FileMissing(CANARY)
    except FileMissing:
        logging.getLogger("dashboard.worker").exception("the worker could not %s", "send")
    line = logged()[-1]
    assert line["event"] == "the worker could not send"
    assert line["exception"].startswith("FileMissing\n")
    assert "test_logs.py" in line["exception"]
    assert "exc_info" not in line
    assert CANARY not in str(line)


def test_a_library_is_heard_but_not_what_it_put_into_its_message(logged: Any):
    logging.getLogger("urllib3.connectionpool").warning("Retrying after %s: %s", "a problem", f"/c?{CANARY}")
    logging.getLogger("somebody").error(f"cannot read {CANARY}")  # noqa: G004
    logging.getLogger("somebody").info("idle")
    lines = logged()
    assert [line["event"] for line in lines] == ["Retrying after %s: %s", "a library has something to say"]
    assert all(line["place"].startswith("test_logs:") for line in lines)
    assert CANARY not in str(lines)


def test_a_value_that_json_does_not_know_is_told_by_its_type(logged: Any):
    logs.lines("dashboard.x").info("odd", value=Attachment())
    assert logged()[-1]["value"] == "Attachment"


def test_lines_of_a_command_share_an_id(logged: Any):
    for word in ("one", "two"):
        logging.getLogger("dashboard.x").info(word)
    first, second = logged()
    assert first["request_id"] == second["request_id"] == request_id.current()
    assert list(first)[:5] == ["time", "level", "logger", "event", "request_id"]


SPEAKS = """
import logging, sys, threading
from dashboard import logs
logs.configure(*[word or None for word in sys.argv[1:2]], *sys.argv[2:])
logging.getLogger("dashboard.worker").info("worker %s started", "w-1")
logging.getLogger("dashboard.worker").warning("something is odd")
thread = threading.Thread(target=lambda: int("Xyzzyqua"))
thread.start()
thread.join()
"""


def spoken(*words: str) -> str:
    done = subprocess.run([sys.executable, "-c", SPEAKS, *words], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == ""
    return done.stderr


def test_outside_a_terminal_lines_are_json_by_themselves():
    started, odd, ended = map(json.loads, spoken("").splitlines())
    assert (started["event"], started["level"]) == ("worker w-1 started", "info")
    assert (odd["event"], odd["level"]) == ("something is odd", "warning")
    assert "ValueError" in ended["event"]
    assert "invalid literal" not in ended["event"]


def test_in_words_a_line_begins_with_its_time():
    first, second, *_ = spoken("text").splitlines()
    assert first[8:].startswith(" info    worker: worker w-1 started [")
    assert second[8:].startswith(" warning worker: something is odd [")


def test_a_level_leaves_out_what_is_below():
    assert len(spoken("json", "error").splitlines()) == 1


def test_with_a_file_standard_error_has_warnings_alone_in_words(tmp_path: Path):
    told = spoken("", "info", str(tmp_path / "log"))
    assert "started" not in told
    assert " warning worker: something is odd [" in told
    assert [json.loads(line)["level"] for line in (tmp_path / "log").read_text().splitlines()] == [
        "info",
        "warning",
        "critical",
    ]
