"""Real workers that start in milliseconds: one process that has everything loaded forks a child for each.

    python -m tests.outbox.light_workers DATABASE_URL UPSTREAM_URL FILES LEASE

A line on standard input starts one; its process id is the answer. A line "end" ends them all. A worker runs the very
code of `flask worker`, only with a lease of its own (seconds, with fractions).
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Self

from config import Config
from dashboard import worker as workers
from dashboard.services.files import LocalFiles
from dashboard.supervisor import die_with_parent
from dashboard.worker import Worker, run_until_signalled
from tests.outbox_fixtures import open_engine

ROOT = Path(__file__).resolve().parents[2]


class LightWorkers:
    """Starts light workers on `database_url` that call `upstream_url`."""

    def __init__(self, database_url: str, upstream_url: str, files: Path, *, lease: float = 30.0) -> None:
        self._words = (database_url, upstream_url, str(files), str(lease))

    def __enter__(self) -> Self:
        self._forker = subprocess.Popen(
            [sys.executable, "-m", "tests.outbox.light_workers", *self._words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT,
            text=True,
            preexec_fn=lambda: die_with_parent(signal.SIGKILL),
        )
        return self

    def __exit__(self, kind: type[BaseException] | None, value: object, trace: TracebackType | None) -> None:
        self._forker.communicate("end\n", timeout=60)

    def start(self) -> int:
        """The process id of one more worker."""
        return int(self._ask("start"))

    def kill(self, worker: int) -> None:
        """SIGKILL, wherever it is."""
        os.kill(worker, signal.SIGKILL)

    def _ask(self, words: str) -> str:
        assert self._forker.stdin is not None
        assert self._forker.stdout is not None
        self._forker.stdin.write(f"{words}\n")
        self._forker.stdin.flush()
        return self._forker.stdout.readline()


def main(database_url: str, upstream_url: str, files: str, lease: str) -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for them
    config = Config(
        secret_key="for the tests only, nothing is secret",
        talroo_conversion_url=upstream_url,
        talroo_disposition_url=f"{upstream_url}/disposition/v1/events",
        talroo_call_deadline=5,
        metrics_dir=f"{files}/metrics",
    )
    store = LocalFiles(Path(files))
    children = []
    for line in sys.stdin:
        if line.strip() == "end":
            break
        child = os.fork()
        if child == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            die_with_parent(signal.SIGKILL)
            workers.POLL = 0.2
            run_until_signalled(Worker(config, open_engine(database_url), store, lease=timedelta(seconds=float(lease))))
            os._exit(0)
        children.append(child)
        print(child, flush=True)
    for child in children:
        try:
            os.kill(child, signal.SIGKILL)
        except ProcessLookupError:
            continue


if __name__ == "__main__":
    main(*sys.argv[1:])
