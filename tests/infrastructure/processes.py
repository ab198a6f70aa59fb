"""The real thing for the tests: granian, worker and fake Talroo as processes, on a database and port of their own."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest

from dashboard.first_start import TALROO_SETTINGS
from dashboard.launch import web_command, whatever_it_is_called
from dashboard.supervisor import die_with_parent
from tests.infrastructure.ports import free_port

ROOT: Final = Path(__file__).resolve().parents[2]
WHATEVER_IT_IS_CALLED: Final = whatever_it_is_called()
FLASK: Final = (sys.executable, "-m", "flask", "--app", "wsgi")


@pytest.fixture
def start_site(tmp_path: Path, migrated_file: Path) -> Iterator[Callable[..., Site]]:
    """`start_site(**fields of Site)` → a running `Site` in a folder of its own; all are killed after the test."""
    sites: list[Site] = []

    def start(**fields: Any) -> Site:
        sites.append(Site(tmp_path / f"site-{len(sites)}", **{"tables": migrated_file, **fields}))
        sites[-1].start()
        return sites[-1]

    yield start
    for site in sites:
        site.kill()


@pytest.fixture
def site(start_site: Callable[..., Site]) -> Site:
    """A running site on SQLite, with the worker, without a fake Talroo."""
    return start_site()


@dataclass(slots=True)
class Running:
    """One process, the leader of a process group of its own."""

    name: str
    process: subprocess.Popen[bytes]

    def kill(self, within: float = 30) -> None:
        """SIGKILL for the whole group; returns when none of it runs any more."""
        self.signal(signal.SIGKILL)
        self.process.wait()
        deadline = time.monotonic() + within
        while living(self.process.pid) and time.monotonic() < deadline:
            time.sleep(0.01)

    def signal(self, number: int) -> None:
        """Send a signal to everything in the group, also after its leader has ended."""
        try:
            os.killpg(self.process.pid, number)
        except ProcessLookupError:
            return


@dataclass(slots=True)
class Site:
    """A dashboard as it runs in earnest. `folder` holds its data and its log and outlives stop, kill and restart.

    `database_url` None means SQLite in `folder`. `settings` are added to the environment and win. `app` other than
    the dashboard's has neither worker nor migrations. `tables`, an empty SQLite file with all of them, spares its
    database the migrations; a `database_url` beside it leads to one that has its tables. `tls`: the files of a
    certificate and its key.
    """

    folder: Path
    database_url: str | None = None
    tables: Path | None = None
    settings: Mapping[str, str] = field(default_factory=dict)
    web_workers: int = 1
    worker: bool = True
    fake_talroo: bool = False
    app: str = "wsgi:app"
    cwd: Path = ROOT
    tls: tuple[str, str] | None = None
    port: int = field(default_factory=free_port)
    fake_port: int = field(default_factory=free_port)
    webhook_secret: str = field(default_factory=lambda: secrets.token_hex(16))
    running: list[Running] = field(default_factory=list)
    _migrated: bool = False

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"

    @property
    def fake_url(self) -> str:
        return f"http://127.0.0.1:{self.fake_port}"

    @property
    def log(self) -> str:
        """What all processes have written, including those of earlier starts."""
        path = self.folder / "log"
        return path.read_text(errors="replace") if path.exists() else ""

    @property
    def environment(self) -> dict[str, str]:
        """What the processes are told. Nothing of the person's own Talroo settings comes through."""
        inherited = {name: value for name, value in os.environ.items() if name not in TALROO_SETTINGS}
        return {
            **inherited,
            "SECRET_KEY": "for the tests only, nothing is secret",
            "DATABASE_URL": self.database_url or f"sqlite:///{self.folder}/dashboard.db",
            "FILES_URL": f"file://{self.folder}/files",
            "METRICS_DIR": f"{self.folder}/metrics",
            "PUBLIC_URL": self.url,
            "TALROO_WEBHOOK_SECRETS": self.webhook_secret,
            "TALROO_SYNC_INTERVAL": "0",
            **(dict(zip(("TLS_CERT", "TLS_KEY"), self.tls, strict=True)) if self.tls else {}),
            **(self._fake_settings() if self.fake_talroo else {}),
            **self.settings,
        }

    def start(self, within: float = 180) -> None:
        """Migrate on the first start, start everything and wait for `/healthz`.

        Raises `RuntimeError` with the log when a process ends or the time, in seconds, is over.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        if self.app == "wsgi:app" and not self._migrated:
            self._make_tables()
            self._migrated = True
        for name, words in self._commands():
            self._spawn(name, words)
        self._wait(within)

    def stop(self, within: float = 60) -> None:
        """Ask everything to stop; what has not after `within` seconds is killed and a `RuntimeError` raised."""
        for running in self.running:
            running.signal(signal.SIGTERM)
        deadline = time.monotonic() + within
        late = [running.name for running in self.running if not _ended(running.process, deadline)]
        self.kill()
        if late:
            raise RuntimeError(f"{', '.join(late)} did not stop within {within} s.\n{self.log}")

    def kill(self) -> None:
        """SIGKILL for every process of every group, as when the machine loses its power (but for the disk cache)."""
        for running in self.running:
            running.signal(signal.SIGKILL)
        for running in self.running:
            running.kill()
        self.running.clear()

    def kill_only(self, name: str) -> None:
        """SIGKILL for one of `web`, `worker`, `talroo`; the others go on."""
        for running in [one for one in self.running if one.name == name]:
            running.kill()
            self.running.remove(running)

    def restart(self, within: float = 180) -> None:
        """Kill what runs and start again over the same data, at the same address."""
        self.kill()
        self.start(within)

    def flask(self, *words: str, typed: str = "") -> str:
        """Run one `flask --app wsgi` command with this site's settings. Returns its output; raises `RuntimeError`."""
        done = subprocess.run(
            [*FLASK, *words],
            env=self.environment,
            cwd=self.cwd,
            input=typed,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"flask {' '.join(words)} failed:\n{done.stdout}{done.stderr}")
        return done.stdout

    def add_user(self, email: str, role: str, password: str = "correct horse battery") -> None:
        self.flask("users", "add", email, "--role", role, "--password-stdin", typed=f"{password}\n")

    def get_json(self, path: str) -> Any:
        """The JSON at `path`, which must be answered with 200."""
        with urllib.request.urlopen(self.url + path, timeout=60) as answer:
            return json.load(answer)

    def _make_tables(self) -> None:
        if self.tables is None:
            self.flask("db", "upgrade")
        elif self.database_url is None:
            shutil.copy(self.tables, self.folder / "dashboard.db")

    def _commands(self) -> Iterator[tuple[str, Sequence[str]]]:
        if self.fake_talroo:
            postback = ("--postback-url", f"{self.url}/talroo/applications")
            state = ("--state", str(self.folder / "sandbox-state.json"))
            yield (
                "talroo",
                (sys.executable, "-m", "dashboard.sandbox", "--port", str(self.fake_port), *postback, *state),
            )
        yield "web", web_command(self.port, self.web_workers, self.app, tls=self.tls)
        if self.worker and self.app == "wsgi:app":
            yield "worker", (*FLASK, "worker")

    def _fake_settings(self) -> dict[str, str]:
        return {
            "DASHBOARD_SANDBOX_URL": self.fake_url,
            "TALROO_CLIENT_ID": "sandbox",
            "TALROO_CLIENT_SECRET": "sandbox",
            "TALROO_API_URL": f"{self.fake_url}/v5",
            "TALROO_CONVERSION_URL": self.fake_url,
            "TALROO_DISPOSITION_URL": f"{self.fake_url}/disposition/v1/events",
        }

    def _spawn(self, name: str, words: Sequence[str]) -> None:
        with (self.folder / "log").open("ab") as log:
            process = subprocess.Popen(
                words,
                env=self.environment,
                cwd=self.cwd,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=lambda: die_with_parent(signal.SIGKILL),
            )
        self.running.append(Running(name, process))

    def _wait(self, within: float) -> None:
        deadline = time.monotonic() + within
        while time.monotonic() < deadline:
            if ended := [running.name for running in self.running if running.process.poll() is not None]:
                self.kill()
                raise RuntimeError(f"{', '.join(ended)} ended at the start.\n{self.log}")
            if _answers(f"{self.url}/healthz"):
                return
            time.sleep(0.05)
        self.kill()
        raise RuntimeError(f"The site did not answer within {within} s.\n{self.log}")


def living(group: int) -> list[int]:
    """The processes of a group that still run. Zombies do not: in a container, nobody may ever collect them."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _parent, of_group = stat.read_text(errors="replace").rpartition(")")[2].split()[:3]
        except OSError:  # ended while we looked
            continue
        if int(of_group) == group and state not in "ZX":
            found.append(int(stat.parent.name))
    return found


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5, context=WHATEVER_IT_IS_CALLED if url[4] == "s" else None):
            return True
    except (urllib.error.URLError, OSError):
        return False


def _ended(process: subprocess.Popen[bytes], deadline: float) -> bool:
    try:
        process.wait(timeout=max(0.01, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        return False
    return True
