from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.infrastructure.processes import living

pytestmark = pytest.mark.process

ROOT = Path(__file__).resolve().parents[1]
PROGRAM = """
import os, sys
from dashboard.supervisor import Service, Supervisor
services = [Service(name, (sys.executable, "-u", "-c", code), dict(os.environ)) for name, code in {services!r}.items()]
problem = Supervisor(services, lambda: print("all started", flush=True), stop_within=1).run()
print(problem or "stopped as asked", flush=True)
"""
SLEEPS = "import os, time; print('pid', os.getpid(), flush=True); time.sleep(60)"
ENDS_AFTER = """
import os, time
while not os.path.exists({path!r}): time.sleep(0.01)
raise SystemExit(7)
"""
IS_DEAF = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + SLEEPS

Supervise = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def supervise() -> Iterator[Supervise]:
    started: list[subprocess.Popen[str]] = []

    def run(**services: str) -> subprocess.Popen[str]:
        words = [sys.executable, "-u", "-c", PROGRAM.format(services=services)]
        started.append(subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True))
        return started[-1]

    yield run
    for program in started:
        program.kill()
        program.communicate()


def pids(program: subprocess.Popen[str], wanted: int) -> list[int]:
    """The process ids the services have written: each leads a group of its own."""
    found: list[int] = []
    while len(found) < wanted:
        line = program.stdout.readline()
        assert line, "the supervisor ended early"
        if "pid" in line:
            found.append(int(line.split()[-1]))
    return found


def wait_until_gone(groups: list[int], within: float = 30) -> None:
    deadline = time.monotonic() + within
    while any(living(group) for group in groups):
        assert time.monotonic() < deadline, "a process was left behind"
        time.sleep(0.02)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_everything_and_is_no_problem(supervise: Supervise, number):
    program = supervise(one=SLEEPS, other=SLEEPS)
    groups = pids(program, 2)
    program.send_signal(number)
    assert program.communicate(timeout=50)[0].endswith("stopped as asked\n")
    wait_until_gone(groups)


def test_when_one_ends_all_are_stopped_and_it_is_named(supervise: Supervise, tmp_path: Path):
    program = supervise(one=SLEEPS, weak=ENDS_AFTER.format(path=str(tmp_path / "now")))
    groups = pids(program, 1)
    (tmp_path / "now").touch()
    assert "weak ended by itself (exit status 7)" in program.communicate(timeout=50)[0]
    wait_until_gone(groups)


def test_what_goes_to_a_log_is_shown_when_its_process_ends_by_itself(tmp_path):
    words = (sys.executable, "-c", "print('the port is taken'); raise SystemExit(3)")
    supervisor = f"""
import os, pathlib
from dashboard.supervisor import Service, Supervisor
print(Supervisor([Service("fake", {words!r}, dict(os.environ), pathlib.Path({str(tmp_path / "log")!r}))], int).run())
"""
    done = subprocess.run(
        [sys.executable, "-c", supervisor], capture_output=True, text=True, timeout=120, check=True, cwd=ROOT
    )
    assert done.stdout.splitlines()[-1] == "  the port is taken"
    assert "fake ended by itself (exit status 3)" in done.stdout.splitlines()[-2]


def test_a_process_deaf_to_the_request_is_killed_in_time(supervise: Supervise):
    program = supervise(deaf=IS_DEAF)
    groups = pids(program, 1)
    began = time.monotonic()
    program.terminate()
    program.communicate(timeout=50)
    # It would sleep for a minute.
    assert time.monotonic() - began < 40
    wait_until_gone(groups)


def test_a_signal_before_anything_runs_stops_it_all_the_same(supervise: Supervise):
    program = supervise(one=SLEEPS)
    line = program.stdout.readline()
    program.terminate()
    rest = program.communicate(timeout=50)[0]
    assert (line + rest).endswith("stopped as asked\n")


def test_an_interrupt_that_reaches_only_the_waiting_parent_is_followed():
    follower = "import os; from dashboard.supervisor import follow_interrupt_of; follow_interrupt_of(os.getppid())"
    # Like make after `kill -INT`: SIGINT blocked, and waiting for its child.
    parent = f"""
import signal, subprocess, sys
child = subprocess.Popen([sys.executable, "-c", {follower!r}], stderr=subprocess.DEVNULL)
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
print(child.wait(50))
"""
    done = subprocess.run(
        [sys.executable, "-c", parent], capture_output=True, text=True, timeout=120, check=True, cwd=ROOT
    )
    assert done.stdout.strip() == str(-signal.SIGINT)


def test_a_killed_supervisor_takes_its_processes_along(supervise: Supervise):
    program = supervise(one=SLEEPS, deaf=SLEEPS)
    groups = pids(program, 2)
    program.kill()
    wait_until_gone(groups)
