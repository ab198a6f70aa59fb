from __future__ import annotations

import socket

import pytest

from config import Config
from dashboard import launch

KEY = {"SECRET_KEY": "for the tests only, nothing is secret"}


def test_a_taken_port_is_named_before_anything_is_made(tmp_path):
    with socket.socket() as somebody:
        somebody.bind(("127.0.0.1", 0))
        somebody.listen()
        port = somebody.getsockname()[1]
        with pytest.raises(launch.CannotStart, match=f"Port {port} on 127.0.0.1 is taken"):
            launch.run({"PORT": str(port)}, tmp_path, tmp_path / "var")
    assert not (tmp_path / "var").exists()


@pytest.mark.parametrize("port", ["0", "65536", "http", "-1", "٨٠٠٠"])
def test_a_port_that_is_none_is_refused(tmp_path, port):
    with pytest.raises(launch.CannotStart, match="PORT must be a number"):
        launch.run({"PORT": port}, tmp_path, tmp_path / "var")


def test_outside_the_sandbox_only_the_site_and_its_worker_run(tmp_path):
    found = launch.services(Config.from_env(KEY), {}, 8000, tmp_path)
    assert [service.name for service in found] == ["web", "worker"]


def test_in_the_sandbox_the_fake_talroo_runs_on_its_remembered_port(tmp_path):
    config = Config.from_env({**KEY, "DASHBOARD_SANDBOX_URL": "http://127.0.0.1:4321"})
    fake = launch.services(config, {}, 8000, tmp_path)[-1]
    assert fake.name == "talroo"
    assert fake.words[fake.words.index("--port") + 1] == "4321"
    assert fake.words[fake.words.index("--postback-url") + 1] == "http://127.0.0.1:8000/talroo/applications"


def test_as_many_web_processes_run_as_were_asked_for(tmp_path):
    web = launch.services(Config.from_env({**KEY, "WEB_WORKERS": "5"}), {}, 8000, tmp_path)[0]
    assert web.words[web.words.index("--workers") + 1] == "5"


def test_the_block_has_a_line_for_each_role_with_its_log_in():
    text = launch.block(Config.from_env(KEY), 8000, {"recruiter": "one", "hr_admin": "two", "it_admin": "three"})
    lines = [line.split() for line in text.splitlines()]
    assert ["recruiter", "recruiter@example.com", "one"] in lines
    assert ["hr_admin", "hr@example.com", "two"] in lines
    assert ["it_admin", "it@example.com", "three"] in lines


def test_the_block_names_the_address_for_the_feed():
    config = Config.from_env({**KEY, "PUBLIC_URL": "https://jobs.example"})
    assert "postUrl      https://jobs.example/talroo/applications" in launch.block(config, 8000, {})


def test_while_there_is_nobody_the_block_has_the_set_up_link_and_the_same_on_this_machine():
    config = Config.from_env({**KEY, "PUBLIC_URL": "https://jobs.example"})
    text = launch.block(config, 8123, {}, "https://jobs.example/setup/token")
    assert "  set-up       https://jobs.example/setup/token\n" in text
    assert "  set-up       http://127.0.0.1:8123/setup/token\n" in text
    assert "set-up" not in launch.block(config, 8123, {})
    local = launch.block(Config.from_env(KEY), 8000, {}, "http://127.0.0.1:8000/setup/token")
    assert local.count("/setup/token") == 1


def test_web_and_worker_log_into_files_unless_somebody_chose_one(tmp_path):
    ours = launch.services(Config.from_env(KEY), {}, 8000, tmp_path)
    assert [service.environment["LOG_FILE"] for service in ours] == [
        str(tmp_path / "logs" / "web.log"),
        str(tmp_path / "logs" / "worker.log"),
    ]
    chosen = launch.services(Config.from_env(KEY), {"LOG_FILE": "/var/log/one.log"}, 8000, tmp_path)
    assert {service.environment["LOG_FILE"] for service in chosen} == {"/var/log/one.log"}


@pytest.mark.parametrize(
    ("address", "warned"),
    [
        ("http://jobs.example.com", ["not_https"]),
        ("http://10.0.0.5:8000", ["not_https"]),
        ("https://jobs.example.com", []),
        ("http://127.0.0.1:8000", []),
        ("http://localhost:9000", []),
    ],
)
def test_an_address_that_talroo_would_not_deliver_to_is_warned_of(address, warned):
    config = Config.from_env({**KEY, "PUBLIC_URL": address})
    found = launch.warnings_at_start(config)
    assert [problem.kind for problem in found] == warned
    assert launch.block(config, 8000, {}, warnings=found).count("WARNING") == len(warned)
