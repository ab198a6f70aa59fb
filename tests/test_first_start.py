from __future__ import annotations

import json
import socket
import stat
from pathlib import Path

import pytest

from dashboard import first_start


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def var(tmp_path: Path) -> Path:
    folder = tmp_path / "var"
    first_start.private_folder(folder)
    return folder


def test_the_data_folder_is_for_its_owner_only_even_if_it_was_not(tmp_path):
    (tmp_path / "var").mkdir(mode=0o755)
    first_start.private_folder(tmp_path / "var")
    assert mode(tmp_path / "var") == 0o700


def test_the_generated_key_is_long_private_and_stays(var):
    key = first_start.secret_key(var)
    assert len(key) == 64
    assert mode(var / "secret_key") == 0o600
    assert first_start.secret_key(var) == key


@pytest.mark.parametrize("name", first_start.TALROO_SETTINGS)
def test_any_talroo_setting_ends_the_sandbox(name):
    assert not first_start.is_sandbox({name: "something"})


def test_nothing_or_blanks_mean_the_sandbox():
    assert first_start.is_sandbox({"HOME": "/root", "TALROO_CLIENT_ID": "  "})


def test_the_sandbox_keeps_its_port_and_secrets(var):
    first = first_start.sandbox_settings(var)
    assert first_start.sandbox_settings(var) == first
    assert mode(var / "sandbox.json") == 0o600


def test_the_sandbox_moves_when_its_port_was_taken(var):
    first = first_start.sandbox_settings(var)
    with socket.socket() as somebody:
        somebody.bind(("127.0.0.1", int(first["DASHBOARD_SANDBOX_URL"].rpartition(":")[2])))
        somebody.listen()
        moved = first_start.sandbox_settings(var)
    assert moved["DASHBOARD_SANDBOX_URL"] != first["DASHBOARD_SANDBOX_URL"]
    assert moved["TALROO_WEBHOOK_SECRETS"] == first["TALROO_WEBHOOK_SECRETS"]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"port": "high"}', '{"port": 99999999}'])
def test_a_broken_sandbox_file_is_made_anew(var, text):
    (var / "sandbox.json").write_text(text)
    first_start.sandbox_settings(var)
    assert 0 < json.loads((var / "sandbox.json").read_text())["port"] < 65536


def test_in_the_sandbox_everything_of_talroo_is_on_loopback(var):
    found = first_start.with_defaults({}, var, 8000)
    addresses = [value for name, value in found.items() if name.endswith("_URL")]
    assert len(addresses) == 7
    assert all(address.startswith(("http://127.0.0.1:", "smtp://127.0.0.1:")) for address in addresses)


def test_in_the_sandbox_reminders_go_to_its_mailbox_unless_somebody_has_a_mail_server(var):
    found = first_start.with_defaults({"MAIL_FROM": "me@example.com"}, var, 8000)
    assert found["MAIL_URL"] == first_start.sandbox_mail_settings(var)["MAIL_URL"]
    assert found["MAIL_FROM"] == "me@example.com"
    assert found["MAIL_POSTAL_ADDRESS"]
    own = first_start.with_defaults({"MAIL_URL": "smtp://127.0.0.1:1025"}, var, 8000)
    assert own["MAIL_URL"] == "smtp://127.0.0.1:1025"
    assert "MAIL_POSTAL_ADDRESS" not in own
    assert "MAIL_URL" not in first_start.with_defaults({"TALROO_CLIENT_ID": "theirs"}, var, 8000)


def test_outside_the_sandbox_nothing_of_talroo_is_made_up(var):
    found = first_start.with_defaults({"TALROO_WEBHOOK_SECRETS": "theirs"}, var, 8123)
    assert {name for name in found if name.startswith(("TALROO", "DASHBOARD"))} == {"TALROO_WEBHOOK_SECRETS"}
    assert found["PUBLIC_URL"] == "http://127.0.0.1:8123"


def test_what_somebody_has_set_stays(var):
    chosen = {"SECRET_KEY": "k" * 40, "PUBLIC_URL": "https://jobs.example", "TALROO_DISPOSITION_EVENTS": "hired=hire"}
    found = first_start.with_defaults(chosen, var, 8000)
    assert {name: found[name] for name in chosen} == chosen
    assert not (var / "secret_key").exists()


def test_passwords_differ_and_can_be_read_aloud():
    made = {first_start.readable_password() for _ in range(50)}
    assert len(made) == 50
    assert all(len(part) == 6 and part.isalpha() for word in made for part in word.split("-"))


def test_the_logs_of_the_last_run_are_kept_beside_those_of_this_one(tmp_path):
    logs = tmp_path / "logs"
    for words in ("first", "second"):
        first_start.fresh_logs(logs)
        assert not (logs / "web.log").exists()
        (logs / "web.log").write_text(words)
    first_start.fresh_logs(logs)
    assert [(one.name, one.read_text()) for one in logs.iterdir()] == [("web.log.1", "second")]
    assert logs.stat().st_mode & 0o777 == 0o700
