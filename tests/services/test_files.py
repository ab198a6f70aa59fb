"""The file store on a disk: kept once, whole, and before anybody is told so."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from pathlib import Path

import pytest

from dashboard.services import files
from dashboard.services.files import FileMissing, LocalFiles, open_store
from tests.factories import SECRET
from tests.infrastructure.processes import ROOT

CONTENT = b"a resume" * 1_000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def store(tmp_path) -> LocalFiles:
    return LocalFiles(tmp_path)


def contents(root: Path) -> list[Path]:
    return [path for path in root.rglob("*") if path.is_file()]


def test_what_is_put_can_be_got(store):
    store.put(SHA256, CONTENT)
    assert store.get(SHA256) == CONTENT


@pytest.mark.parametrize("content", [b"", b"\0", bytes(range(256)) * 20_000])
def test_any_content_can_be_kept(store, content):
    sha256 = hashlib.sha256(content).hexdigest()
    store.put(sha256, content)
    assert store.get(sha256) == content


def test_the_same_content_is_kept_once(store, tmp_path):
    for _ in range(3):
        store.put(SHA256, CONTENT)
    assert contents(tmp_path) == [tmp_path / SHA256[:2] / SHA256]


def test_many_may_put_the_same_content_at_once(store, tmp_path):
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: store.put(SHA256, CONTENT), range(32)))
    assert contents(tmp_path) == [tmp_path / SHA256[:2] / SHA256]
    assert store.get(SHA256) == CONTENT


def test_what_is_missing_is_missing(store):
    with pytest.raises(FileMissing):
        store.get(SHA256)


def test_a_content_that_is_there_in_part_is_written_again(store, tmp_path):
    path = tmp_path / SHA256[:2] / SHA256
    path.parent.mkdir()
    path.write_bytes(CONTENT[:100])
    store.put(SHA256, CONTENT)
    assert store.get(SHA256) == CONTENT


def test_nobody_else_on_the_machine_can_read_it(store, tmp_path):
    store.put(SHA256, CONTENT)
    path = tmp_path / SHA256[:2] / SHA256
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)


@pytest.mark.parametrize("failing", ["write", "fsync", "rename"])
def test_where_writing_fails_nothing_is_left_and_it_can_be_tried_again(store, tmp_path, monkeypatch, failing):
    def fail(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as full:
        full.setattr(Path if failing == "rename" else os, failing, fail)
        with pytest.raises(OSError, match="No space left"):
            store.put(SHA256, CONTENT)
    assert contents(tmp_path) == []
    store.put(SHA256, CONTENT)
    assert store.get(SHA256) == CONTENT


def test_a_disk_that_takes_a_little_at_a_time_gets_everything(store, monkeypatch):
    write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, some: write(descriptor, bytes(some[:1_000])))
    store.put(SHA256, CONTENT)
    assert store.get(SHA256) == CONTENT


def test_what_a_crash_left_half_written_is_removed_at_the_next_start_and_what_is_being_written_is_not(store, tmp_path):
    left, being_written = tmp_path / "incoming" / "left", tmp_path / "incoming" / "now"
    left.write_bytes(b"half a")
    being_written.write_bytes(b"half a")
    before = time.time() - files.LEFT_BEHIND - 60
    os.utime(left, (before, before))
    store.put(SHA256, CONTENT)
    assert open_store(f"file://{tmp_path}").get(SHA256) == CONTENT
    assert not left.exists()
    assert being_written.exists()


def test_a_store_says_whether_it_can_be_written_to(tmp_path):
    store = LocalFiles(tmp_path / "store")
    store.check()
    shutil.rmtree(tmp_path / "store")
    with pytest.raises(OSError, match="cannot be written"):
        store.check()


def test_a_store_that_keeps_nothing_makes_no_directories_for_it(tmp_path):
    with pytest.raises(FileMissing):
        LocalFiles(tmp_path).get(SHA256)
    assert [path.name for path in tmp_path.iterdir()] == ["incoming"]


def test_each_process_flushes_the_directories_before_its_first_file_whoever_made_them(tmp_path, monkeypatch):
    LocalFiles(tmp_path).put(SHA256, b"")
    flushed: list[Path] = []
    flush, write = files.sync_directory, files._write_durably
    monkeypatch.setattr(files, "sync_directory", lambda path: (flushed.append(path), flush(path)))
    monkeypatch.setattr(files, "_write_durably", lambda path, content: (flushed.append(path), write(path, content)))
    store = LocalFiles(tmp_path)
    store.put(SHA256, CONTENT)
    store.put(SHA256, CONTENT)
    directory = tmp_path / SHA256[:2]
    assert [path.parent if path.parent.name == "incoming" else path for path in flushed] == [
        *(tmp_path, tmp_path / "incoming", directory),
        directory,
    ]


def test_where_the_directories_cannot_be_flushed_nothing_is_kept_until_they_are(store, tmp_path, monkeypatch):
    def fail(_):
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as broken:
        broken.setattr(files, "sync_directory", fail)
        for _ in range(2):
            with pytest.raises(OSError, match="Input/output"):
                store.put(SHA256, CONTENT)
    assert contents(tmp_path) == []
    store.put(SHA256, CONTENT)
    assert store.get(SHA256) == CONTENT


def test_a_store_lives_where_its_address_says(tmp_path):
    open_store(f"file://{tmp_path}/with%20space").put(SHA256, CONTENT)
    assert (tmp_path / "with space" / SHA256[:2] / SHA256).read_bytes() == CONTENT


RECEIVING = """
import sys
from config import Config
from dashboard import create_app
from tests.factories import as_body, payload, signed
app = create_app(Config(secret_key="x" * 32, database_url=sys.argv[1], files_url=sys.argv[2],
                        talroo_webhook_secrets=(sys.argv[3],)))
body = as_body(payload("complete"))
answer = app.test_client().post("/talroo/applications", data=body, headers=signed(body))
assert answer.status_code == 200, answer.data
print("acknowledged", flush=True)
"""
CALL = re.compile(r"(openat|write|fsync|fdatasync|rename\w*|pwrite64)\((.*)\) += ")


def test_a_file_is_flushed_renamed_and_its_directory_flushed_before_the_commit_and_the_answer(sqlite_url, tmp_path):
    trace = tmp_path / "trace"
    calls = "trace=openat,write,pwrite64,fsync,fdatasync,rename,renameat,renameat2"
    store = tmp_path / "files"
    done = subprocess.run(
        [
            "strace",
            "-f",
            "-y",
            "-s",
            "16",
            "-e",
            calls,
            "-o",
            trace,
            sys.executable,
            "-c",
            RECEIVING,
            sqlite_url,
            f"file://{store}",
            SECRET,
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    steps = [step for line in trace.read_text(errors="replace").splitlines() if (step := _step(line, store))]
    begun, answered = steps.index("write a file"), steps.index("answer")
    per_file = ["write a file", "flush a file", "rename", "flush a directory"]
    assert [step for step, _ in groupby(steps[begun : answered + 1])] == [*per_file * 2, "flush the database", "answer"]


def _step(line: str, store: Path) -> str | None:
    """One system call in words, where it matters for what survives a power cut."""
    found = CALL.search(line)
    if not found:
        return None
    call, arguments = found[1], found[2]
    if call == "write" and "acknowledged" in arguments:
        return "answer"
    if "-wal>" in arguments and "sync" in call:
        return "flush the database"
    if str(store) not in arguments:
        return None
    if call.startswith("rename"):
        return "rename"
    if call == "write":
        return "write a file"
    if call == "fsync":
        return "flush a file" if "incoming/" in arguments else "flush a directory"
    return None
