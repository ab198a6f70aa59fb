"""What a process that confined itself as the reader does can still do, tried by that process itself."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from dashboard.documents import child, confinement, extract_text, render_picture
from dashboard.documents.confinement import Means
from dashboard.filetypes import PDF
from tests.documents.made_documents import pdf

HERE = confinement.available()
NOTHING = Means(0, seccomp=False)

TRIES = """
import json, os, resource, socket, subprocess
parent, port, folder = os.getppid(), PORT, FOLDER

def call(kind, family=socket.AF_INET):
    with socket.socket(family, kind) as one:
        one.settimeout(10)
        one.connect(("127.0.0.1", port) if family == socket.AF_INET else folder + "/socket")
        one.send(b"what it read")

def run():
    if not (other := os.fork()):
        try:
            os.execv("/bin/true", ["true"])
        finally:
            os._exit(1)
    if os.waitpid(other, 0)[1]:
        raise OSError

tries = {
    "read our environment": lambda: open(f"/proc/{parent}/environ", "rb").read(1),
    "read our memory": lambda: open(f"/proc/{parent}/mem", "rb").close(),
    "read a file": lambda: open(folder + "/dashboard.db").read(),
    "list a folder": lambda: os.listdir(folder),
    "make a file": lambda: open(folder + "/left", "x").close(),
    "empty a file": lambda: os.truncate(folder + "/truncated", 0),
    "delete a file": lambda: os.unlink(folder + "/deleted"),
    "call by TCP": lambda: call(socket.SOCK_STREAM),
    "call by UDP": lambda: call(socket.SOCK_DGRAM),
    "call a socket of this machine": lambda: call(socket.SOCK_STREAM, socket.AF_UNIX),
    "signal us": lambda: os.kill(parent, 0),
    "change our limits": lambda: resource.prlimit(parent, resource.RLIMIT_NOFILE),
    "open a file to everybody": lambda: os.chmod(folder + "/dashboard.db", 0o644),
    "start a process": lambda: os.fork() or os._exit(0),
    "run a program": run,
}
done = {}
for name, attempt in tries.items():
    try:
        attempt()
        done[name] = True
    except OSError:
        done[name] = False
print(json.dumps(done))
"""
FILES = {"read our environment", "read our memory", "read a file", "list a folder", "make a file", "delete a file"}
CALLS = {"call by TCP", "call by UDP", "call a socket of this machine", "signal us", "change our limits"}
CALLS |= {"open a file to everybody", "start a process", "run a program"}
SINCE = {1: {*FILES, "run a program"}, 3: {"empty a file"}, 4: {"call by TCP"}, 6: {"signal us"}}
BY_LIMITS = set() if os.geteuid() == 0 else {"start a process", "run a program"}


def held(means: Means) -> set[str]:
    """What a reader is kept from: by the version of Landlock, by the filter, by its limits (but root is)."""
    by_landlock = [kept for since, kept in SINCE.items() if since <= means.landlock]
    return BY_LIMITS.union(*by_landlock, CALLS if means.seccomp else ())


def confined(script: str, before: str = "") -> subprocess.CompletedProcess[str]:
    code = f"{child.PACKAGE_ONLY}from dashboard.documents import child, confinement, reader\n{before}\n"
    code += f"reader.confine(child.Limits())\n{script}"
    command = [sys.executable, "-I", "-B", "-c", code, child.PACKAGE]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


@pytest.fixture
def around(tmp_path: Path) -> Iterator[int]:
    """Files, and whoever listens at a port and at a socket of this machine. Returns the port."""
    for name in ("dashboard.db", "truncated", "deleted"):
        (tmp_path / name).write_text("Ada")
    with ExitStack() as open_ones:
        tcp, udp = (open_ones.enter_context(socket.socket(socket.AF_INET, kind)) for kind in (1, 2))
        local = open_ones.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
        local.bind(str(tmp_path / "socket"))
        tcp.bind(("127.0.0.1", 0))
        udp.bind(tcp.getsockname())
        tcp.listen()
        local.listen()
        yield tcp.getsockname()[1]


@pytest.mark.parametrize(
    "means",
    [HERE, Means(HERE.landlock, seccomp=False), Means(0, HERE.seccomp), NOTHING, Means(min(HERE.landlock, 1), False)],
    ids=["all there is", "Landlock alone", "seccomp alone", "neither", "Landlock of 2021"],
)
def test_a_reader_can_do_nothing_but_read_what_it_was_handed(
    tmp_path: Path, around: int, means: Means, capsys: pytest.CaptureFixture[str]
):
    if not (HERE.landlock and HERE.seccomp):
        with capsys.disabled():
            print(f"\nThis kernel has not all that keeps readers of files from anything else: {HERE}")
    script = TRIES.replace("PORT", str(around)).replace("FOLDER", repr(str(tmp_path)))
    said = confined(script, f"confinement.available = lambda: confinement.{means!r}")
    done: dict[str, bool] = json.loads(said.stdout)
    assert {name for name, was_done in done.items() if not was_done} == held(means)
    assert (tmp_path / "deleted").exists() is not done["delete a file"]


def test_what_the_kernel_refuses_though_it_offers_it_opens_no_file():
    said = confined("print('goes on')", "confinement._READ_FILE = 1 << 60\nconfinement._SET_SECCOMP = 999")
    assert ("goes on" in said.stdout) is (HERE == NOTHING)


def test_where_there_is_no_linux_nothing_is_asked_of_the_kernel(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(confinement.sys, "platform", "darwin")
    monkeypatch.setattr(confinement.ctypes, "CDLL", None)
    assert confinement.available() == NOTHING
    confinement.confine(["/"])


def test_a_confined_reader_still_finds_fonts_and_libraries():
    assert extract_text(pdf("Ada"), PDF).text == "Ada"
    assert render_picture(pdf("Ada"), PDF).png
    said = confined("import PIL.Image, pypdfium2, encodings.cp1252\nPIL.Image.init(); print(len(PIL.Image.SAVE))")
    assert int(said.stdout) > 10, said.stderr
