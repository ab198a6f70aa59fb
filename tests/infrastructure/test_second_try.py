"""What gets a second try, and that a first failure is still read about."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.infrastructure.processes import ROOT

FAILS_ONCE = """
import pathlib, pytest

def fails_once(name):
    tried = pathlib.Path(__file__).with_name(name)
    if not tried.exists():
        tried.touch()
        raise AssertionError("a stall of the machine")

@pytest.mark.process
def test_with_processes():
    fails_once("a")

@pytest.mark.browser
def test_with_a_browser():
    fails_once("b")

def test_within_this_process():
    fails_once("c")
"""


@pytest.mark.process
def test_only_what_runs_beside_the_tests_is_tried_again_and_its_first_failure_is_printed(tmp_path):
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers =\n  process\n  browser\n")
    (tmp_path / "test_it.py").write_text(FAILS_ONCE)
    words = [sys.executable, "-m", "pytest", "-p", "tests.infrastructure.second_try", "--rootdir", tmp_path, tmp_path]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTEST_ADDOPTS": "--tb=short"}
    done = subprocess.run(words, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "1 failed, 2 passed, 2 rerun" in done.stdout, done.stdout + done.stderr
    _, _, told = done.stdout.partition("failed at the first try")
    assert told.count("a stall of the machine") >= 2
    assert ("test_with_processes" in told, "test_with_a_browser" in told) == (True, True)
    assert "FAILED test_it.py::test_within_this_process" in told
