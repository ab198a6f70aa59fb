"""What is measured, as it runs in earnest: granian with the launcher's own command, over a folder on the real disk."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from config import VAR
from tests.infrastructure.postgres import Cluster, migrate
from tests.infrastructure.processes import Site

WEB_WORKERS: Final = 2
# As `dashboard.launch.services` has it for the web processes.
_SETTINGS: Final = {"MALLOC_ARENA_MAX": "2"}


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
    """The yardstick. Its database is made beforehand: two workers turning it to WAL at once would lock each other out."""
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
    with tempfile.TemporaryDirectory(prefix="bench-postgres-", ignore_cleanup_errors=True) as folder:
        cluster = Cluster(Path(folder))
        cluster.start()
        try:
            url = cluster.url(cluster.create("bench"))
            migrate(url)
            yield cluster, url
        finally:
            cluster.stop()


def web_processes(site: Site) -> list[int]:
    """The ids of all processes that serve `site`'s pages: granian's parent and its workers."""
    parent = next(one.process.pid for one in site.running if one.name == "web")
    return [parent, *descendants(parent)]


def descendants(parent: int) -> list[int]:
    found: list[int] = []
    for child in _children(parent):
        found += [child, *descendants(child)]
    return found


def _children(parent: int) -> list[int]:
    return [
        int(child)
        for task in Path(f"/proc/{parent}/task").iterdir()
        for child in (task / "children").read_text().split()
    ]
