"""A real PostgreSQL for the tests: one throw-away cluster a test process, one throw-away database a test.

Nothing outside the temporary folder is touched, and no server that runs already is used.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import psycopg
import pytest

from dashboard.supervisor import die_with_parent
from tests.infrastructure.ports import free_port

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def postgres() -> Iterator[Cluster]:
    """A running cluster. `TEST_POSTGRES_FSYNC=off` trades its durability, which some tests prove, for speed."""
    with tempfile.TemporaryDirectory(prefix="dashboard-postgres-", ignore_cleanup_errors=True) as folder:
        cluster = Cluster(Path(folder), fsync=os.environ.get("TEST_POSTGRES_FSYNC", "on") != "off")
        cluster.start()
        try:
            yield cluster
        finally:
            cluster.stop()


@pytest.fixture(scope="session")
def migrated_database(postgres: Cluster) -> str:
    """The name of a database with every table in it and no rows, to be copied."""
    postgres.create("migrated")
    migrate(postgres.url("migrated"))
    return "migrated"


@pytest.fixture
def fresh_database_url(postgres: Cluster, migrated_database: str) -> Iterator[Callable[..., str]]:
    """Call it for the URL of a migrated, empty database, or of a copy of the one it is given the name of.

    Each call makes another. They go with the test.
    """
    yield from _disposable(postgres, migrated_database)


@pytest.fixture
def bare_database_url(postgres: Cluster) -> Iterator[Callable[[], str]]:
    """The same without any tables, for what tests migrations."""
    yield from _disposable(postgres, "template0")


def migrate(url: str) -> None:
    """`flask --app wsgi db upgrade` on the database at `url`. Raises `RuntimeError` with its output."""
    done = subprocess.run(
        [sys.executable, "-m", "flask", "--app", "wsgi", "db", "upgrade"],
        env={**os.environ, "DATABASE_URL": url, "SECRET_KEY": "for the tests only, nothing is secret"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"The migrations failed on {url}:\n{done.stdout}{done.stderr}")


@dataclass(slots=True)
class Cluster:
    """PostgreSQL's server over `folder`, reached by 127.0.0.1:`port` without a password."""

    folder: Path
    fsync: bool = True
    port: int = 0
    _names: Iterator[int] = field(default_factory=count)
    _server: subprocess.Popen[bytes] | None = None
    _connection: psycopg.Connection | None = None

    def start(self) -> None:
        """Make the cluster, or start again over what it held, and wait until it answers.

        Raises `RuntimeError` with the server's log when it does not.
        """
        owner = _unprivileged_user()
        self.port = self.port or free_port()
        if not (self.folder / "data").exists():
            self._make(owner)
        with self._log.open("wb") as log:
            self._server = subprocess.Popen(
                [_binary("postgres"), "-D", self._data, *self._settings()],
                stdout=log,
                stderr=log,
                preexec_fn=lambda: die_with_parent(signal.SIGQUIT),
                **_as_user(owner),
            )
        self._wait()

    def _make(self, owner: pwd.struct_passwd | None) -> None:
        if owner:
            shutil.chown(self.folder, owner.pw_uid, owner.pw_gid)
        self._run("initdb", "--auth=trust", "--username=postgres", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync")

    def stop(self) -> None:
        """Stop at once, without saying goodbye to anybody."""
        if self._server is None:
            return
        if self._connection is not None:
            self._connection.close()
        self._server.send_signal(signal.SIGQUIT)
        self._server.wait(timeout=120)
        self._server = None

    def url(self, database: str) -> str:
        return f"postgresql+psycopg://postgres@127.0.0.1:{self.port}/{database}"

    def create(self, name: str | None = None, template: str = "template0") -> str:
        """A new database, a copy of `template`. Returns its name."""
        name = name or f"test_{next(self._names)}"
        # Copying files takes half of the time of writing every page to the log; before 15 there was no choice.
        strategy = "STRATEGY FILE_COPY" if self._connected().info.server_version >= 150_000 else ""
        self.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}" {strategy}')
        return name

    def drop(self, name: str, within: float = 30) -> None:
        """Remove a database whoever may still be connected.

        Who is still leaving when `DROP DATABASE` looks costs it a sleep of 100 ms; it is looked for more often here.
        """
        still = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"
        deadline = time.monotonic() + within
        while self._connected().execute(still, (name,)).fetchall() and time.monotonic() < deadline:
            time.sleep(0.002)
        self.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def has(self, name: str) -> bool:
        """Whether a database of that name is there: a cluster over a folder that was kept may hold it already."""
        found = self._connected().execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,))
        return found.fetchone() is not None

    def execute(self, statement: str) -> None:
        """Run one statement outside any transaction, in the database `postgres`."""
        self._connected().execute(statement.encode())

    def _connected(self) -> psycopg.Connection:
        """One connection for all statements: each costs the server a process."""
        if self._connection is None or self._connection.closed:
            self._connection = psycopg.connect(host="127.0.0.1", port=self.port, user="postgres", autocommit=True)
        return self._connection

    @property
    def _data(self) -> str:
        return str(self.folder / "data")

    @property
    def _log(self) -> Path:
        return self.folder / "server.log"

    def _settings(self) -> list[str]:
        chosen = {
            "port": self.port,
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": self.folder,
            "fsync": "on" if self.fsync else "off",
            "max_connections": 200,
            "timezone": "UTC",
        }
        return [word for name, value in chosen.items() for word in ("-c", f"{name}={value}")]

    def _run(self, program: str, *words: str) -> None:
        done = subprocess.run(
            [_binary(program), "-D", self._data, *words],
            capture_output=True,
            text=True,
            check=False,
            cwd=self.folder,
            **_as_user(_unprivileged_user()),
        )
        if done.returncode:
            raise RuntimeError(f"{program} failed:\n{done.stdout}{done.stderr}")

    def _wait(self, within: float = 120) -> None:
        deadline = time.monotonic() + within
        while time.monotonic() < deadline:
            try:
                return self.execute("SELECT 1")
            except psycopg.OperationalError:
                time.sleep(0.05)
        raise RuntimeError(f"PostgreSQL did not start:\n{self._log.read_text(errors='replace')}")


def _disposable(cluster: Cluster, usual: str) -> Iterator[Callable[..., str]]:
    made: list[str] = []

    def make(template: str = usual) -> str:
        made.append(cluster.create(template=template))
        return cluster.url(made[-1])

    yield make
    for name in made:
        cluster.drop(name)


def _binary(name: str) -> str:
    """The newest installed version's program: Debian keeps them out of PATH."""
    versions = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: float(path.parts[-3]))
    found = str(versions[-1]) if versions else shutil.which(name)
    if not found:
        pytest.fail(f"PostgreSQL's {name} is missing. Install it with: scripts/test-requisites", pytrace=False)
    return found


def _unprivileged_user() -> pwd.struct_passwd | None:
    """PostgreSQL refuses to run as root, so root lends it another user's name."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name: entry for entry in pwd.getpwall()}
    return names.get("postgres") or names["nobody"]


def _as_user(user: pwd.struct_passwd | None) -> dict[str, object]:
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []} if user else {}
