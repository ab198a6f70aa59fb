"""What `make run` promises, tried in a copy of the checkout."""

from __future__ import annotations

import os
import re
import shutil
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import requests

from dashboard.first_start import TALROO_SETTINGS
from tests.certificates import Issued, issue
from tests.infrastructure.ports import free_port

pytestmark = pytest.mark.process

ROOT = Path(__file__).resolve().parents[1]
IN_TIME = 30
"""Seconds: ten are promised, of a machine that has nothing else to do; what is deaf would stay for ever."""
OURS = ("SECRET_KEY", "DATABASE_URL", "FILES_URL", "PUBLIC_URL", "PORT", "MAKELEVEL", *TALROO_SETTINGS)


class Launched:
    """A running `python -m dashboard.launch` in a checkout, and what it has printed so far."""

    def __init__(self, checkout: Path, **settings: str) -> None:
        environment = {name: value for name, value in os.environ.items() if name not in OURS}
        self.checkout = checkout
        self.port = free_port()
        self.lines: list[str] = []
        self.process = subprocess.Popen(
            [sys.executable, "-m", "dashboard.launch"],
            cwd=checkout,
            env={**environment, "PORT": str(self.port), **settings},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._reader = threading.Thread(target=lambda: self.lines.extend(self.process.stdout), daemon=True)
        self._reader.start()

    @property
    def text(self) -> str:
        return "".join(self.lines)

    def wait_for(self, words: str, within: float = 240) -> None:
        deadline = time.monotonic() + within
        while words not in self.text:
            assert self.process.poll() is None, self.text
            assert time.monotonic() < deadline, self.text
            time.sleep(0.05)

    def ends(self, within: float) -> int:
        status = self.process.wait(timeout=within)
        self._reader.join(timeout=30)
        return status

    def log_in(self, role: str) -> tuple[str, str]:
        found = re.search(rf"^ +{role} +(\S+@\S+) +(\S+)$", self.text, re.MULTILINE)
        assert found, self.text
        return found[1], found[2]

    def setup_link(self) -> str:
        found = re.search(r"^ +set-up +(http://127\S+/setup/\S+)$", self.text, re.MULTILINE)
        assert found, self.text
        return found[1]

    @property
    def stands(self) -> bool:
        return self.process.poll() is None

    def kill(self) -> None:
        for pid in processes_in(self.checkout):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.kill()
        self.process.wait()
        self._reader.join(timeout=30)
        self.process.stdout.close()


def processes_in(folder: Path) -> dict[int, str]:
    """Every process whose working directory is `folder`: pid → command line."""
    found = {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "cwd").readlink() == folder:
                found[int(process.name)] = (process / "cmdline").read_text().replace("\0", " ")
        except OSError:  # ended while we looked, or a zombie
            continue
    return found


def wait_until_nothing_runs_in(folder: Path, within: float = 30) -> None:
    """What was killed at the end may take a moment to be gone."""
    deadline = time.monotonic() + within
    while left := processes_in(folder):
        assert time.monotonic() < deadline, left
        time.sleep(0.02)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    return checked_out(tmp_path)


def checked_out(folder: Path) -> Path:
    """A copy of ours, with what Python has compiled of it: compiling it anew takes longer than many a start."""
    copy = folder / "checkout"
    copy.mkdir()
    for name in ("dashboard", "templates", "static", "migrations"):
        shutil.copytree(ROOT / name, copy / name)
    for name in ("config.py", "wsgi.py"):
        shutil.copy2(ROOT / name, copy / name)
    return copy


class Sandbox:
    """One checkout for several tests: a first start makes all there is, later ones take it up."""

    def __init__(self, checkout: Path) -> None:
        self.checkout = checkout
        self._started: list[Launched] = []

    def running(self) -> Launched:
        """The site as it runs, or as it is started because the last test stopped it."""
        if not self._started or not self._started[-1].stands:
            self._started.append(Launched(self.checkout))
            self._started[-1].wait_for("Ctrl-C")
        return self._started[-1]

    def kill(self) -> None:
        for one in self._started:
            one.kill()


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    made = Sandbox(checked_out(tmp_path_factory.mktemp("sandbox")))
    yield made
    made.kill()


@pytest.fixture
def launch(checkout: Path) -> Iterator:
    launched: list[Launched] = []

    def start(**settings: str) -> Launched:
        launched.append(Launched(checkout, **settings))
        return launched[-1]

    yield start
    for one in launched:
        one.kill()


def sign_in(port: int, email: str, password: str) -> requests.Response:
    with requests.Session() as browser:
        form = browser.get(f"http://127.0.0.1:{port}/login", timeout=60).text
        token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', form)
        assert token, form
        typed = {"email": email, "password": password, "csrf_token": token[1]}
        return browser.post(f"http://127.0.0.1:{port}/login", data=typed, timeout=60)


def test_a_first_start_prepares_everything_and_its_log_ins_work(sandbox):
    first, var = sandbox.running(), sandbox.checkout / "var"
    for role, page in {
        "recruiter": "/applications",
        "hr_admin": "/applications",
        "it_admin": "/admin/deliveries",
    }.items():
        answer = sign_in(first.port, *first.log_in(role))
        assert (answer.status_code, answer.url.partition(str(first.port))[2]) == (200, page)
    assert stat.S_IMODE(var.stat().st_mode) == 0o700
    for name in ("secret_key", "sandbox.json", "sandbox-logins.json"):
        assert stat.S_IMODE((var / name).stat().st_mode) == 0o600


def test_sigterm_stops_everything_in_time_and_the_next_start_shows_the_same_log_ins(sandbox):
    first = sandbox.running()
    assert len(processes_in(sandbox.checkout)) >= 4
    first.process.terminate()
    assert first.ends(within=IN_TIME) == 0
    wait_until_nothing_runs_in(sandbox.checkout)
    assert sandbox.running().log_in("hr_admin") == first.log_in("hr_admin")


def test_when_the_worker_dies_everything_stops_and_it_is_said(sandbox):
    running = sandbox.running()
    (worker,) = [pid for pid, words in processes_in(sandbox.checkout).items() if words.rstrip().endswith("wsgi worker")]
    os.kill(worker, signal.SIGKILL)
    assert running.ends(within=IN_TIME) == 1
    assert "worker ended by itself" in running.text
    wait_until_nothing_runs_in(sandbox.checkout)


def set_up(link: str, email: str, password: str) -> requests.Response:
    with requests.Session() as browser:
        token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', browser.get(link, timeout=60).text)
        typed = {"email": email, "password": password, "again": password, "csrf_token": token[1] if token else ""}
        return browser.post(link, data=typed, timeout=60)


def test_with_talroo_configured_there_is_no_fake_and_nobody_but_who_opens_the_set_up_link(launch, checkout):
    running = launch(TALROO_WEBHOOK_SECRETS="the real one")
    running.wait_for("Ctrl-C")
    link = running.setup_link()
    assert not any("dashboard.sandbox" in words for words in processes_in(checkout).values())
    assert "@example.com" not in running.text
    assert not (checkout / "var" / "sandbox-logins.json").exists()
    entered = set_up(link, "ann@example.com", "a long enough password")
    assert (entered.status_code, entered.url.partition(str(running.port))[2]) == (200, "/applications")
    assert requests.get(link, timeout=60).status_code == 410
    running.process.terminate()
    assert running.ends(within=60) == 0

    running = launch(TALROO_WEBHOOK_SECRETS="the real one")
    running.wait_for("Ctrl-C")
    assert "/setup/" not in running.text
    assert sign_in(running.port, "ann@example.com", "a long enough password").url.endswith("/applications")


def test_with_a_certificate_the_site_and_the_fake_talroo_meet_by_https(launch, tmp_path):
    issued = issue(tmp_path / "tls", "127.0.0.1")
    running = launch(TLS_CERT=str(issued.certificate), TLS_KEY=str(issued.key))
    running.wait_for("Ctrl-C")
    site = f"https://127.0.0.1:{running.port}"
    assert f"Dashboard    {site}\n" in running.text
    assert f"postUrl      {site}/talroo/applications\n" in running.text
    assert "WARNING" not in running.text
    assert "has not answered" not in running.text
    deadline = time.monotonic() + 120
    while 'dashboard_deliveries{status="accepted"}' not in figures(site, issued):
        assert time.monotonic() < deadline
        time.sleep(0.2)


def figures(site: str, issued: Issued) -> str:
    return requests.get(f"{site}/metrics", verify=str(issued.authority), timeout=60).text


def test_a_public_address_without_https_is_warned_of_where_the_start_is_watched_and_in_the_log(launch, checkout):
    running = launch(TALROO_WEBHOOK_SECRETS="the real one", PUBLIC_URL="http://jobs.example.com")
    running.wait_for("Ctrl-C")
    words = "PUBLIC_URL is not https, and Talroo delivers only to https."
    assert f"  WARNING      {words}\n" in running.text
    (line, *_) = [one for one in (checkout / "var/logs/web.log").read_text().splitlines() if words in one]
    assert '"level":"warning"' in line


def test_a_certificate_that_cannot_be_served_ends_the_start_before_anything_is_made(launch, checkout, tmp_path):
    one, other = issue(tmp_path / "one", "127.0.0.1"), issue(tmp_path / "other", "127.0.0.1")
    running = launch(TLS_CERT=str(one.certificate), TLS_KEY=str(other.key))
    assert running.ends(within=120) == 1
    assert "TLS_CERT and TLS_KEY do not match" in running.text
    assert not (checkout / "var/dashboard.db").exists()


def test_a_wrong_setting_is_named_and_nothing_runs(launch, checkout):
    running = launch(TALROO_SYNC_INTERVAL="often")
    assert running.ends(within=120) == 1
    assert "TALROO_SYNC_INTERVAL must be a whole number" in running.text
    assert processes_in(checkout) == {}
