"""Serving HTTPS without a proxy: what is checked at the start, and the real thing."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import ssl
import subprocess
import time
import warnings
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from config import Config, SettingsError
from dashboard import launch, tls
from dashboard.first_start import with_defaults
from dashboard.supervisor import die_with_parent
from tests.certificates import Issued, issue
from tests.factories import as_body, event, signed
from tests.infrastructure.ports import free_port
from tests.infrastructure.processes import ROOT, Site

KEY = {"SECRET_KEY": "for the tests only, nothing is secret"}
HOST = "jobs.example.com"
NOW = datetime.now(UTC)
DAY = timedelta(days=1)


@pytest.fixture
def issued(tmp_path: Path) -> Issued:
    return issue(tmp_path / "tls", HOST, "127.0.0.1")


def config(issued: Issued, **settings: str) -> Config:
    paths = {"TLS_CERT": str(issued.certificate), "TLS_KEY": str(issued.key)}
    return Config.from_env({**KEY, "PUBLIC_URL": f"https://{HOST}", **paths, **settings})


def warned(issued: Issued, **settings: str) -> list[str]:
    return [problem.kind for problem in launch.warnings_at_start(config(issued, **settings))]


# --- at the start -------------------------------------------------------------------------------------------------


def test_both_are_set_or_neither():
    for name in ("TLS_CERT", "TLS_KEY"):
        with pytest.raises(SettingsError, match="TLS_CERT and TLS_KEY belong together"):
            Config.from_env({**KEY, name: "/etc/some.pem"})
    assert Config.from_env(KEY).tls is None


def test_a_certificate_that_is_right_is_no_cause_for_words(issued: Issued):
    assert warned(issued) == []
    found = tls.check(config(issued), NOW)
    assert found is not None
    assert found.names == (HOST, "127.0.0.1")
    assert found.ends > NOW + 14 * DAY


def test_where_a_proxy_serves_https_there_is_nothing_to_check():
    assert tls.check(Config.from_env(KEY), NOW) is None


def replaced(issued: Issued, **paths: Path) -> Issued:
    return Issued(paths.get("certificate", issued.certificate), paths.get("key", issued.key), issued.authority)


def test_what_cannot_be_served_stops_the_start_and_names_the_setting(issued: Issued, tmp_path: Path):
    other = issue(tmp_path / "other", HOST)
    nonsense, nowhere, locked = tmp_path / "nonsense.pem", tmp_path / "nowhere.pem", tmp_path / "locked.pem"
    nonsense.write_text("-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n")
    private = load_pem_private_key(issued.key.read_bytes(), None)
    with_password = serialization.BestAvailableEncryption(b"hush")
    as_pem = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8)
    locked.write_bytes(private.private_bytes(*as_pem, with_password))
    for wrong, words in (
        (replaced(issued, certificate=nowhere), "TLS_CERT: .*nowhere.pem cannot be read .No such file"),
        (replaced(issued, certificate=nonsense), "TLS_CERT: .*nonsense.pem holds no certificate in PEM"),
        (replaced(issued, certificate=issued.key), "TLS_CERT: .*privkey.pem holds no certificate in PEM"),
        (replaced(issued, key=nowhere), "TLS_KEY: .*nowhere.pem cannot be read .No such file"),
        (replaced(issued, key=issued.certificate), "TLS_KEY: .*fullchain.pem holds no private key in PEM"),
        (replaced(issued, key=other.key), "TLS_CERT and TLS_KEY do not match"),
        (replaced(issued, key=locked), "TLS_KEY: .*locked.pem asks for a password"),
        (issue(tmp_path / "old", HOST, begins=NOW - 9 * DAY, ends=NOW - DAY), "TLS_CERT: the certificate ended on"),
        (issue(tmp_path / "new", HOST, begins=NOW + DAY, ends=NOW + 9 * DAY), "TLS_CERT: .* valid only from"),
    ):
        with pytest.raises(launch.CannotStart, match=words) as raised:
            warned(wrong)
        assert "hush" not in str(raised.value)


@pytest.mark.parametrize(("days", "kinds"), [(13, ["certificate"]), (0.2, ["certificate"]), (15, [])])
def test_an_end_that_is_near_is_warned_of_loudly(tmp_path: Path, days: float, kinds: list[str]):
    soon = issue(tmp_path / "soon", HOST, ends=NOW + days * DAY)
    assert warned(soon) == kinds
    text = launch.block(config(soon), 8443, {}, warnings=launch.warnings_at_start(config(soon)))
    assert "  Dashboard    https://127.0.0.1:8443\n" in text
    assert ("  WARNING      The certificate in TLS_CERT ends in" in text) is bool(kinds)


def test_a_key_that_anybody_can_read_and_a_name_that_is_another_are_warned_of(issued: Issued):
    issued.key.chmod(0o644)
    assert warned(issued) == ["open_key"]
    issued.key.chmod(0o640)
    assert warned(issued, PUBLIC_URL="https://dashboard.example.com") == ["other_name"]
    assert warned(issued, PUBLIC_URL="http://127.0.0.1:8443") == ["not_https"]


def test_a_star_stands_for_one_label(tmp_path: Path):
    found = tls.check(config(issue(tmp_path / "star", "*.example.com")), NOW)
    assert found is not None
    assert [found.is_for(host) for host in (HOST, "example.com", "a.jobs.example.com")] == [True, False, False]


def test_unless_it_is_set_the_address_is_https(issued: Issued, tmp_path: Path):
    assert with_defaults({"TLS_CERT": "/a.pem"}, tmp_path, 8443)["PUBLIC_URL"] == "https://127.0.0.1:8443"
    words = launch.web_command(8443, 1, tls=issued.tls)
    for option, value in zip(
        ("--ssl-certificate", "--ssl-keyfile", "--ssl-protocol-min"), (*issued.tls, "tls1.2"), strict=True
    ):
        assert words[words.index(option) + 1] == value


# --- the real thing -----------------------------------------------------------------------------------------------


def answered(site: Site, authority: Path) -> bool:
    """Whether the site shows a certificate of this authority and works.

    False also while nobody answers: on a busy machine the new process may take longer than the old one waits for it.
    """
    try:
        return requests.get(f"{site.url}/healthz", verify=str(authority), timeout=20).json() == {"status": "ok"}
    except requests.ConnectionError:
        return False


def wait_until(there: Any, within: float = 120) -> None:
    deadline = time.monotonic() + within
    while not there():
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.mark.process
def test_a_delivery_over_https_arrives_and_cookies_and_headers_are_for_https(start_site, issued: Issued):
    site = start_site(tls=issued.tls, settings={"PUBLIC_URL": f"https://{HOST}"}, worker=False)
    trusting = {"verify": str(issued.authority), "timeout": 20}
    body = as_body(event())
    headers = signed(body, secret=site.webhook_secret) | {"Host": HOST}
    answer = requests.post(f"{site.url}/talroo/applications", data=body, headers=headers, **trusting)
    assert (answer.status_code, answer.json()["status"]) == (200, "accepted")
    page = requests.get(f"{site.url}/login", **trusting)
    assert page.headers["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains"
    assert page.headers["Set-Cookie"].startswith("__Host-dashboard_session=")
    assert "Secure" in page.headers["Set-Cookie"]
    assert "report-to pages" in page.headers["Content-Security-Policy"]

    token = re.search(r'name="csrf_token" value="([^"]+)', page.text)
    site.add_user("ann@example.com", "recruiter")
    with requests.Session() as browser:
        page = browser.get(f"{site.url}/login", **trusting)
        token = re.search(r'name="csrf_token" value="([^"]+)', page.text)
        assert token
        typed = {"email": "ann@example.com", "password": "correct horse battery", "csrf_token": token[1]}
        entered = browser.post(f"{site.url}/login", data=typed, **trusting)
    assert (entered.status_code, entered.url) == (200, f"{site.url}/applications")

    with pytest.raises(requests.ConnectionError):
        requests.get(f"http://127.0.0.1:{site.port}/login", timeout=20)
    for version, works in ((ssl.TLSVersion.TLSv1_1, False), (ssl.TLSVersion.TLSv1_2, True)):
        assert speaks(site.port, version) is works
    assert "WARNING" not in site.log
    assert '"level":"warning"' not in site.log


def speaks(port: int, version: ssl.TLSVersion) -> bool:
    context = launch.whatever_it_is_called()
    context.set_ciphers("DEFAULT@SECLEVEL=0")  # else it would be OpenSSL here that refuses the old one
    with warnings.catch_warnings(action="ignore"):  # of old versions; that is what this is about
        context.minimum_version = context.maximum_version = version
    try:
        with socket.create_connection(("127.0.0.1", port), 20) as plain, context.wrap_socket(plain):
            return True
    except (ssl.SSLError, ConnectionError):
        return False


@pytest.mark.process
def test_a_renewed_certificate_is_taken_up_by_a_signal(start_site, issued: Issued, tmp_path: Path):
    site = start_site(tls=issued.tls, settings={"PUBLIC_URL": f"https://{HOST}"}, worker=False)
    assert answered(site, issued.authority)
    renewed = issue(tmp_path / "renewed", HOST, "127.0.0.1")
    os.replace(renewed.certificate, issued.certificate)
    os.replace(renewed.key, issued.key)
    assert answered(site, issued.authority)
    os.kill(site.running[0].process.pid, signal.SIGHUP)
    # The old process and the new one take turns for a moment: the old one is gone when ten in a row meet the new one.
    wait_until(lambda: all(answered(site, renewed.authority) for _ in range(10)))
    wait_until(lambda: not answered(site, issued.authority))


@pytest.mark.process
def test_the_site_alone_warns_at_the_start_on_the_terminal_and_in_its_log(start_site, tmp_path: Path):
    """`flask web`, as a service manager starts it."""
    site = start_site(worker=False)
    port = free_port()
    soon = issue(tmp_path / "soon", "other.example.com", ends=NOW + 3 * DAY)
    wanted = {"PUBLIC_URL": f"https://{HOST}", "TLS_CERT": str(soon.certificate), "TLS_KEY": str(soon.key)}
    with (tmp_path / "said").open("w") as said:
        started = subprocess.Popen(
            [str(ROOT / ".venv/bin/flask"), "--app", "wsgi", "web", "--port", str(port)],
            env={**os.environ, **site.environment, **wanted, "LOG_FILE": str(tmp_path / "log"), "WEB_WORKERS": "1"},
            cwd=ROOT,
            stdout=said,
            stderr=said,
            preexec_fn=die_with_parent,
        )
    try:
        wait_until(lambda: launch._answers(f"https://127.0.0.1:{port}/healthz", 1))
    finally:
        started.terminate()
        started.wait(timeout=60)
    words = ("The certificate in TLS_CERT ends in 2 days.", "is not for the name in PUBLIC_URL.")
    logged = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
    warned = "\n".join(line["event"] for line in logged if line["level"] == "warning")
    for told in ((tmp_path / "said").read_text(), warned):
        assert all(one in told for one in words), told


def test_what_cannot_be_served_ends_the_command_with_a_line(issued: Issued, tmp_path: Path):
    other = issue(tmp_path / "other", HOST)
    wanted = {"TLS_CERT": str(issued.certificate), "TLS_KEY": str(other.key), "METRICS_DIR": str(tmp_path)}
    done = subprocess.run(
        [str(ROOT / ".venv/bin/flask"), "--app", "wsgi", "web", "--port", str(free_port())],
        env={**os.environ, **KEY, **wanted, "DATABASE_URL": f"sqlite:///{tmp_path}/none.db"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr == "TLS_CERT and TLS_KEY do not match: the key is another certificate's.\n"
