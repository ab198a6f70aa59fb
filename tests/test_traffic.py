"""Counting across processes: nothing is lost when one ends, and nothing is asked of the system for each addition."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from config import ROOT
from dashboard.traffic import BOUNDS, Times, Traffic, _Table

KEY = ("http_request", ("applications.show", "GET", "200"))


def counted(folder: Path) -> Times | None:
    return Traffic(str(folder)).read().get(KEY)


def test_each_time_falls_into_its_part(tmp_path: Path):
    traffic = Traffic(str(tmp_path))
    for seconds in (0.0, 0.005, 0.006, 0.3, 99.0):
        traffic.observe(*KEY, seconds)
    times = traffic.read()[KEY]
    assert dict(times.up_to) == {
        **dict.fromkeys(("0.005",), 2),
        **dict.fromkeys(("0.01", "0.025", "0.05", "0.1", "0.25"), 3),
        **dict.fromkeys(("0.5", "1.0", "2.5", "5.0", "10.0"), 4),
        "+Inf": 5,
    }
    assert (times.count, round(times.seconds, 3)) == (5, 99.311)
    assert len(times.parts) == len(BOUNDS) + 1


def test_another_process_reads_what_this_one_counts(tmp_path: Path):
    traffic = Traffic(str(tmp_path))
    traffic.observe(*KEY, 1)
    assert counted(tmp_path).count == 1
    traffic.observe(*KEY, 1)
    assert counted(tmp_path).count == 2


@pytest.mark.process
def test_what_ended_processes_counted_is_kept_once_and_their_files_go(tmp_path: Path):
    makes = f"from dashboard.traffic import Traffic; t = Traffic({str(tmp_path)!r})"
    words = f"{makes}\nfor _ in range(50): t.observe(*{KEY!r}, 0.1)"
    for number in range(1, 4):
        subprocess.run([sys.executable, "-c", words], check=True, cwd=ROOT)
        assert counted(tmp_path).count == 50 * number
    Traffic(str(tmp_path)).observe(*KEY, 0.1)
    assert counted(tmp_path).count == 151
    assert sorted(path.stem.partition("-")[0] for path in tmp_path.glob("*.figures")) == [str(os.getpid()), "ended"]


def test_files_from_before_the_machine_was_started_are_kept_too(tmp_path: Path):
    old = _Table(tmp_path / "77-1.figures", "another-boot/1:77:1")
    old.add(KEY, 2.0)
    Traffic(str(tmp_path)).observe(*KEY, 1.0)
    assert counted(tmp_path).count == 2
    assert not (tmp_path / "77-1.figures").exists()


def test_threads_that_count_at_once_lose_nothing(tmp_path: Path):
    traffic = Traffic(str(tmp_path))

    def count(who: int) -> None:
        for _ in range(2_000):
            traffic.observe(*KEY, 0.01)
            traffic.observe("send", (str(who), "sent"), 0.2)

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(count, range(8)))
    found = traffic.read()
    assert found[KEY].count == 16_000
    assert all(found["send", (str(who), "sent")].count == 2_000 for who in range(8))


def test_a_forked_process_counts_in_a_file_of_its_own(tmp_path: Path):
    traffic = Traffic(str(tmp_path))
    traffic.observe(*KEY, 0.1)
    child = os.fork()
    if not child:
        traffic.observe(*KEY, 0.1)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    assert len(list(tmp_path.glob("*.figures"))) == 2
    assert traffic.read()[KEY].count == 2


@pytest.mark.parametrize("folder", [None, "/proc/nowhere"])
def test_without_a_folder_a_process_counts_for_itself(folder: str | None):
    traffic = Traffic(folder)
    assert traffic.read() == {}
    traffic.observe(*KEY, 0.1)
    assert traffic.read()[KEY].count == 1


def test_the_room_of_a_file_is_taken_before_it_is_written_into(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    Traffic(str(tmp_path)).observe(*KEY, 0.1)
    (file,) = (path.stat() for path in tmp_path.glob("*.figures"))
    assert file.st_blocks * 512 >= file.st_size > 400_000

    def full(*_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    crowded = Traffic(str(tmp_path))
    crowded.observe(*KEY, 0.1)
    assert crowded.read()[KEY].count == 1, "it counts for itself"


def test_what_finds_no_room_is_left_out(tmp_path: Path):
    traffic = Traffic(str(tmp_path))
    traffic.observe("x" * 200, (), 1)
    for number in range(2_100):
        traffic.observe("many", (str(number),), 1)
    assert len(traffic.read()) == 1_999


@pytest.mark.process
def test_counting_costs_microseconds(tmp_path: Path):
    traffic = Traffic(str(tmp_path))
    traffic.observe(*KEY, 0.1)
    began = time.process_time()
    for _ in range(20_000):
        traffic.observe(*KEY, 0.1)
    assert (time.process_time() - began) / 20_000 < 50e-6
