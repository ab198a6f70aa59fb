"""Several processes as one: started together, stopped together, none left behind.

honcho does the running and the interleaving of their output. Added here is what it leaves open: an end to waiting
when nobody stops, a signal that arrives before the first process id is known, children that outlive a killed parent,
and a reason why everything stopped.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from honcho.compat import ProcessManager
from honcho.manager import Manager
from honcho.process import Popen, Process

STOP_WITHIN: Final = 6
"""Seconds between asking processes to stop and killing them; `make run` promises 10 for everything."""

_PR_SET_PDEATHSIG: Final = 1


@dataclass(frozen=True, slots=True)
class Service:
    """One process to run: its name in the output, its words and its whole environment.

    With `log`, its output goes there, anew at each start, instead of between the others' lines.
    """

    name: str
    words: Sequence[str]
    environment: dict[str, str]
    log: Path | None = None

    @property
    def command(self) -> str:
        redirected = f" >{shlex.quote(str(self.log))} 2>&1" if self.log else ""
        return f"exec {shlex.join(self.words)}{redirected}"

    @property
    def last_words(self) -> str:
        """The end of its log, for when it ended by itself; empty without one."""
        if not self.log or not self.log.exists():
            return ""
        return "".join(f"\n  {line}" for line in self.log.read_text(errors="replace").splitlines()[-5:])


def die_with_parent(number: int = signal.SIGTERM) -> None:
    """Have the kernel send this process signal `number` when its parent ends, however that happens (Linux only)."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, number, 0, 0, 0)


def follow_interrupt_of(parent: int) -> None:
    """Interrupt this process once its parent, a `make`, was interrupted alone. Returns only where that cannot be told.

    A Ctrl-C reaches both, but `kill -INT` reaches only make, which passes SIGTERM on and SIGINT not: it stays in its
    handler, SIGINT blocked, until we end, and we would never know. Linux only.
    """
    blocked = 0
    while not blocked >> (signal.SIGINT - 1) & 1:
        time.sleep(0.5)
        try:
            status = Path(f"/proc/{parent}/status").read_text(errors="replace")
            blocked = int(status.partition("SigBlk:")[2].split()[0], 16)
        except (OSError, ValueError, IndexError):
            return
    os.kill(os.getpid(), signal.SIGINT)


def _tethered(command: str, **options: Any) -> subprocess.Popen[bytes]:
    return Popen(command, preexec_fn=die_with_parent, **options)  # type: ignore[no-any-return]


class _Tethered(Process):  # type: ignore[misc]
    """honcho's wrapper around one child, which ignores every polite signal: only SIGKILL ends it with its parent."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._child_ctor = _tethered

    def run(self, events: Any = None, ignore_signals: bool = False) -> None:
        die_with_parent(signal.SIGKILL)
        super().run(events, ignore_signals)


class _LeadersOnly(ProcessManager):  # type: ignore[misc]
    """Asks only the first process of a group to stop: it knows how its own children should. Killing takes all."""

    def terminate(self, pid: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)


class Supervisor(Manager):  # type: ignore[misc]
    """Runs `services` until one ends or a signal arrives, then stops all of them.

    `started` is called in a thread of its own once all have been started.
    """

    def __init__(
        self, services: Sequence[Service], started: Callable[[], None], stop_within: float = STOP_WITHIN
    ) -> None:
        super().__init__()
        self._process_ctor = _Tethered
        self._procmgr = _LeadersOnly()
        self._on_start = started
        self._stop_within = stop_within
        self.first_to_end: str | None = None
        self._services = {service.name: service for service in services}
        for service in services:
            self.add_process(service.name, service.command, env=service.environment)

    def run(self) -> str | None:
        """Run until everything has stopped. None where that was asked for, else why it happened."""
        self.loop()
        if self.first_to_end is None:
            return None
        why = f"{self.first_to_end} ended by itself (exit status {self.returncode}), so everything was stopped."
        return why + self._services[self.first_to_end].last_words

    def terminate(self) -> None:
        """Ask every process to stop, once, and kill what has not stopped in time."""
        if self._terminating:
            return
        if not self._all_started():
            # Right after the start honcho has no process ids yet, and would stumble over that.
            self._later(0.1, self.terminate)
            return
        ended = [name for name, process in self._processes.items() if "returncode" in process]
        self.first_to_end = ended[0] if ended and not self._asked else None
        super().terminate()
        self._later(self._stop_within, self.kill)

    @property
    def _asked(self) -> bool:
        """True when a signal asked for the stop: honcho then has the signal's status before any process ended."""
        return self.returncode in (128 + signal.SIGINT, 128 + signal.SIGTERM)

    def _start(self) -> None:
        super()._start()
        threading.Thread(target=self._on_start, daemon=True).start()

    def _later(self, seconds: float, action: Callable[[], None]) -> None:
        timer = threading.Timer(seconds, action)
        timer.daemon = True
        timer.start()

    def _system_print(self, data: str) -> None:
        """honcho's own remarks about process ids are not for the person who typed `make run`."""
