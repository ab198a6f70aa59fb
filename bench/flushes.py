"""How often the disk is asked to keep what it was given, for each acknowledged application (strace)."""

from __future__ import annotations

import re
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from bench import load, servers
from bench.report import Figure, at_least, at_most
from tests.infrastructure.processes import Site

NAME = "flushes"
CALLS: Final = "fsync,fdatasync,sync_file_range,msync,sync,syncfs"
_CALL: Final = re.compile(r"^\d+ +(\w+)\((?:\d+<([^>]*)>)?", re.ASCII)


def measure(*, quick: bool) -> Iterator[Figure]:
    count = 100 if quick else 600
    with servers.scratch() as folder, servers.dashboard(folder) as site:
        yield from _figures("SQLite", count, _count(site, [], count, folder / "trace"))
    with (
        servers.scratch() as folder,
        servers.postgres() as (cluster, url),
        servers.dashboard(folder, database_url=url) as site,
    ):
        # The server flushes what we commit, so its processes belong to the account.
        others = [servers.process_id(cluster)]
        yield from _figures("PostgreSQL", count, _count(site, others, count, folder / "trace"))


def _figures(database: str, count: int, calls: Counter[str]) -> Iterator[Figure]:
    for what, number in calls.most_common():
        yield Figure(NAME, f"{database}: {what}, each application", number / count, "")
    # To two places: a checkpoint or a new log file every thousand applications belongs to none of them.
    yield at_most(NAME, f"{database}: flushes, each application", round(calls.total() / count, 2), "", 3)
    yield at_least(NAME, f"{database}: flushes in all, {count} acknowledged", calls.total(), "", count)


def _count(site: Site, others: list[int], count: int, trace: Path) -> Counter[str]:
    """Flushing calls while `count` deliveries are acknowledged, by what they flushed: of the web processes, and of
    `others` with their children.
    """
    # Each new SQLite connection flushes once, so enough of them are opened before anybody counts.
    with load.client(site.port, site.webhook_secret, concurrency=24) as client:
        client.prepare(300)
        client.run()
    with load.client(site.port, site.webhook_secret) as client:
        client.prepare(count)
        # Only now: a process of before would follow those to come, not those that the warm-up has made.
        with traced(servers.web_processes(site) + servers.families(others), trace):
            client.run()
    found = Counter[str]()
    for line in trace.read_text(errors="replace").splitlines():
        if call := _CALL.match(line):
            found[f"{call[1]} of {_kind(call[2] or '')}"] += 1
    return found


def _kind(path: str) -> str:
    if path.endswith("-wal"):
        return "the write-ahead log"
    if "/pg_wal" in path:
        return "PostgreSQL's log"
    if "/files/" in path:
        return "a file's directory" if len(Path(path).name) == 2 else "a file"
    return "the database" if path.endswith(".db") else "another file or folder"


@contextmanager
def traced(processes: list[int], trace: Path) -> Iterator[None]:
    """strace on every thread of `processes`, those to come included; its lines are in `trace` afterwards."""
    which = [word for process in processes for word in ("-p", str(process))]
    tracer = subprocess.Popen(["strace", "-f", "-y", "-qq", "-e", f"trace={CALLS}", "-o", str(trace), *which])
    try:
        _wait_until_attached(processes, tracer)
        yield
    finally:
        tracer.send_signal(signal.SIGINT)
        tracer.wait(timeout=30)


def _wait_until_attached(processes: list[int], tracer: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 20
    while not all(_is_traced(process) for process in processes):
        if tracer.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError("strace could not attach: it needs to be installed, and the right to trace")
        time.sleep(0.05)


def _is_traced(process: int) -> bool:
    states = [path.read_text() for path in Path(f"/proc/{process}/task").glob("*/status")]
    return all(not re.search(r"^TracerPid:\t0$", state, re.MULTILINE) for state in states)
