"""What is measured, as it runs in earnest: granian with the launcher's own command, over a folder on the real disk."""

from __future__ import annotations

import re
import sqlite3
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import urljoin

import requests
from sqlalchemy import create_engine, text

from config import VAR
from tests.infrastructure.postgres import Cluster, migrate
from tests.infrastructure.processes import Site

WEB_WORKERS: Final = 2
# As `dashboard.launch.services` has it for the web processes.
_SETTINGS: Final = {"MALLOC_ARENA_MAX": "2"}
_EMAIL: Final = "bench@example.com"
_PASSWORD: Final = "correct horse battery"


@contextmanager
def scratch() -> Iterator[Path]:
    """An empty folder on the disk that the dashboard's own data lies on: flushing memory would prove nothing."""
    VAR.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="bench-", dir=VAR, ignore_cleanup_errors=True) as folder:
        yield Path(folder)


@contextmanager
def running(folder: Path, **fields: Any) -> Iterator[Site]:
    """A started `Site`, killed afterwards. Without the worker, unless asked for: only the answers are measured."""
    site = Site(folder, **{"web_workers": WEB_WORKERS, "worker": False, "settings": _SETTINGS, **fields})
    site.start()
    try:
        yield site
    finally:
        site.kill()


@contextmanager
def dashboard(folder: Path, **fields: Any) -> Iterator[Site]:
    with running(folder / "dashboard", **fields) as site:
        yield site


@contextmanager
def bare(folder: Path) -> Iterator[Site]:
    """The yardstick. Its database is made beforehand: two workers that turn it to WAL at once lock each other out."""
    (folder / "bare").mkdir()
    with sqlite3.connect(folder / "bare" / "dashboard.db") as database:
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("CREATE TABLE arrived (id INTEGER PRIMARY KEY, event TEXT, body BLOB)")
    database.close()
    with running(folder / "bare", app="bench.bare:app") as site:
        yield site


@contextmanager
def postgres() -> Iterator[tuple[Cluster, str]]:
    """A throw-away cluster with the durability of a real one, and the URL of a migrated database in it."""
    # Not under `scratch`: its owner must be able to reach it, and the checkout may lie under root's home.
    with (
        tempfile.TemporaryDirectory(prefix="bench-postgres-", ignore_cleanup_errors=True) as folder,
        _cluster(Path(folder)) as cluster,
    ):
        url = cluster.url(cluster.create("bench"))
        migrate(url)
        yield cluster, url


@contextmanager
def _cluster(folder: Path) -> Iterator[Cluster]:
    cluster = Cluster(folder)
    cluster.start()
    try:
        yield cluster
    finally:
        cluster.stop()


class Visitor:
    """A signed-in recruiter on one keep-alive connection."""

    def __init__(self, site: Site) -> None:
        self._session = requests.Session()
        self._url = site.url
        form = self._session.get(f"{site.url}/login", timeout=30).text
        token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', form)
        if token is None:
            raise RuntimeError("the sign-in form has no csrf_token")
        fields = {"email": _EMAIL, "password": _PASSWORD, "csrf_token": token[1]}
        self._session.post(f"{site.url}/login", data=fields, timeout=30).raise_for_status()

    def get(self, address: str) -> str:
        """The page at `address`, of the site unless it names another; must be answered 200 and not lead elsewhere."""
        answer = self._session.get(urljoin(self._url, address), timeout=60, allow_redirects=False)
        if answer.status_code != 200:
            raise RuntimeError(f"{address} was answered {answer.status_code}")
        return answer.text

    def close(self) -> None:
        self._session.close()


@contextmanager
def visitor(site: Site) -> Iterator[Visitor]:
    """A recruiter of `site`, who is there already where its database was kept."""
    if not ask(site, f"SELECT count(*) FROM user_account WHERE email = '{_EMAIL}'"):
        site.add_user(_EMAIL, "recruiter", _PASSWORD)
    with closing(Visitor(site)) as made:
        yield made


@contextmanager
def on_postgres(folder: Path) -> Iterator[Site]:
    with postgres() as (_cluster, url), dashboard(folder, database_url=url) as site:
        yield site


@contextmanager
def on_kept_postgres(folder: Path) -> Iterator[Site]:
    """The same over a cluster that stays in `folder`, which its owner must be able to reach: not under root's home."""
    (folder / "postgres").mkdir(parents=True, exist_ok=True)
    with _cluster(folder / "postgres") as cluster:
        if not cluster.has("bench"):
            cluster.create("bench")
        with dashboard(folder, database_url=cluster.url("bench")) as site:
            yield site


def ask(site: Site, statement: str) -> Any:
    """The one value that a statement answers, from `site`'s database. What is written is committed."""
    engine = create_engine(site.environment["DATABASE_URL"], isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as connection:
            answered = connection.execute(text(statement))
            return answered.scalar() if answered.returns_rows else None
    finally:
        engine.dispose()


def process_id(cluster: Cluster) -> int:
    """PostgreSQL's parent process."""
    return int((cluster.folder / "data" / "postmaster.pid").read_text().split()[0])


def web_processes(site: Site) -> list[int]:
    """The ids of all processes that serve `site`'s pages: granian's parent and its workers."""
    parent = next(one.process.pid for one in site.running if one.name == "web")
    return families([parent])


def families(parents: Iterable[int]) -> list[int]:
    """The processes `parents`, and everything that descends from them."""
    return [member for parent in parents for member in (parent, *families(_children(parent)))]


def _children(parent: int) -> list[int]:
    return [
        int(child)
        for task in Path(f"/proc/{parent}/task").iterdir()
        for child in (task / "children").read_text().split()
    ]
