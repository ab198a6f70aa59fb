"""Whether another process has ended is said only where it is certain."""

from __future__ import annotations

import subprocess
import sys

import pytest

from dashboard import processes
from dashboard.processes import has_ended, this_process
from tests.infrastructure.processes import ROOT

SAY_WHO = (
    "import sys; from dashboard.processes import this_process; print(this_process(), flush=True); sys.stdin.read()"
)


def test_a_process_has_ended_from_the_moment_it_is_killed_also_before_its_parent_has_heard_of_it():
    words = [sys.executable, "-c", SAY_WHO]
    with subprocess.Popen(words, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        name = other.stdout.readline().strip()
        assert not has_ended(name)
        other.kill()
        other.stdout.read()  # its end of the pipe is closed when it is over
        for _ in range(1_000_000):
            if has_ended(name):
                break
        assert other.returncode is None
        assert has_ended(name)
    assert has_ended(name)


def test_this_process_has_not_ended():
    assert not has_ended(this_process())


def test_who_has_the_number_of_a_dead_process_is_not_the_same():
    machine, number, start = str(this_process()).rsplit(":", 2)
    assert has_ended(f"{machine}:{number}:{int(start) - 1}")


@pytest.mark.parametrize("name", [None, "", "nonsense", ":::", "another-machine/4026531836:1:1", "x:y:z"])
def test_of_others_nothing_is_claimed(name):
    assert not has_ended(name)


def test_where_the_system_does_not_tell_nothing_is_claimed(monkeypatch, tmp_path):
    name = this_process()
    monkeypatch.setattr(processes, "_PROC", tmp_path)
    assert this_process() is None
    assert not has_ended(name)
