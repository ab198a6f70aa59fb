"""The process that opens files: what it may do, and that nothing of it stays behind."""

import os
import subprocess
import sys
import time

import pytest

from dashboard.documents import Limits, child, extract_text, problems, reader
from dashboard.filetypes import ALL, PDF, TEXT
from tests.documents.made_documents import pdf


@pytest.fixture
def pretending(monkeypatch):
    """Put a script of our own in the reader's place; every started process is kept to be looked at."""
    started = []
    genuine = subprocess.Popen

    def pretend(script: str) -> list[subprocess.Popen[bytes]]:
        def start(_: list[str], **options) -> subprocess.Popen[bytes]:
            started.append(genuine([sys.executable, "-c", script], **options))
            return started[-1]

        monkeypatch.setattr(child.subprocess, "Popen", start)
        return started

    return pretend


def test_a_file_that_takes_too_long_is_given_up():
    found = extract_text(pdf("Ada"), PDF, limits=Limits(wall_seconds=0.005))
    assert found.problem == "This PDF takes too long to open and is not shown here."
    assert found.text == ""


def test_a_reader_that_hangs_is_ended_with_everything_it_started(pretending):
    started = pretending("import os, time\nif os.fork() == 0: os.close(0)\ntime.sleep(60)")
    began = time.monotonic()
    found = extract_text(b"x", TEXT, limits=Limits(wall_seconds=0.6))
    assert found.problem == "This plain text takes too long to open and is not shown here."
    assert time.monotonic() - began < 30
    assert _gone(started[0].pid)


def _gone(group: int) -> bool:
    for _ in range(1500):
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.02)
    return False


def test_a_reader_that_never_stops_writing_is_ended(pretending):
    pretending("import os\nwhile True: os.write(1, b'x' * 65536)")
    assert extract_text(b"x", TEXT).problem == "This plain text is too large to be shown here."


@pytest.mark.parametrize(
    "script",
    [
        "",
        "print('nonsense')",
        "print('[]')",
        "print('{}')",
        """print('{"size": 9, "pages": null, "problem": null, "shortened": false, "sheets": []}')""",
        """print('{"size": "1e999", "pages": 1, "problem": 3, "shortened": false, "sheets": []}')""",
        "import os; os.abort()",
        "import os; os.kill(os.getpid(), 11)",
    ],
)
def test_a_reader_that_makes_no_sense_is_a_file_not_shown(pretending, script):
    pretending(script)
    assert extract_text(b"x", TEXT).problem == "This plain text is damaged or too large, and is not shown here."


def test_a_page_count_that_is_no_count_is_left_out(pretending):
    head = '{"size": 2, "pages": "many", "problem": null, "shortened": 0, "sheets": []}'
    pretending(f"""import sys; sys.stdout.write('{head}\\nhi')""")
    found = extract_text(b"x", TEXT)
    assert (found.text, found.pages) == ("hi", None)


def test_no_process_to_be_had_says_nothing_about_the_file(monkeypatch):
    def refuse(*_, **__):
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(child.subprocess, "Popen", refuse)
    found = extract_text(b"x", TEXT)
    assert found.temporary
    assert found.problem == "This plain text could not be opened just now. Try again in a while."


def test_nothing_stays_behind(tmp_path, monkeypatch):
    started = []
    genuine = subprocess.Popen
    monkeypatch.setattr(child.subprocess, "Popen", lambda *a, **k: started.append(genuine(*a, **k)) or started[-1])
    monkeypatch.setattr(child.tempfile, "tempdir", str(tmp_path))
    before = set(os.listdir("/proc/self/fd"))
    for limits in (Limits(), Limits(wall_seconds=0.001)):
        extract_text(pdf("Ada"), PDF, limits=limits)
    assert list(tmp_path.iterdir()) == []
    assert len(set(os.listdir("/proc/self/fd"))) == len(before)
    assert [process.returncode is None for process in started] == [False, False]
    assert all(_gone(process.pid) for process in started)


def confined(script: str, **limits) -> str:
    """What `script` prints in a process that confined itself like the reader."""
    code = (
        f"{child.PACKAGE_ONLY}import os\n"
        "from dashboard.documents import reader, child\n"
        f"reader.confine(child.Limits(**{limits!r}))\n" + script
    )
    command = [sys.executable, "-I", "-B", "-c", code, child.PACKAGE]
    said = subprocess.run(command, capture_output=True, text=True, timeout=120)
    return said.stdout.strip() or f"status {said.returncode}"


def test_memory_is_bounded():
    script = "try:\n    bytearray(600 * 1024 * 1024)\nexcept MemoryError: print('refused')"
    assert confined(script) == "refused"


def test_cpu_time_is_bounded():
    assert confined("while True: pass", cpu_seconds=1) == "status -24"


def test_an_orphan_ends_by_itself():
    assert confined("import time; time.sleep(20)", wall_seconds=0) == "status -14"


def test_the_disk_cannot_be_written(tmp_path):
    script = f"try:\n    open({str(tmp_path / 'x')!r}, 'w').write('x' * 99999)\nexcept OSError: print('refused')"
    assert confined(script) == "refused"


def test_the_environment_holds_no_secrets(monkeypatch, pretending):
    monkeypatch.setenv("SECRET_KEY", "do not tell")
    pretending(
        "import json, os, sys\n"
        "words = ' '.join([*os.environ, str(os.getcwd() != '/'), str(os.getsid(0) == os.getpid())])\n"
        "head = {'size': len(words), 'pages': None, 'problem': None, 'shortened': False, 'sheets': []}\n"
        "sys.stdout.write(json.dumps(head) + '\\n' + words)"
    )
    said = extract_text(b"x", TEXT).text.split()
    assert set(said) - {"LC_CTYPE"} == {"HOME", "TMPDIR", "LANG", "True"}


def test_the_reader_loads_neither_flask_nor_the_database():
    heavy = {"flask", "sqlalchemy", "PIL", "pypdfium2"}
    code = f"{child.PACKAGE_ONLY}import dashboard.documents.reader; print(sorted({heavy} & set(sys.modules)))"
    command = [sys.executable, "-I", "-B", "-c", code, child.PACKAGE]
    said = subprocess.run(command, capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "[]"


def test_what_is_said_to_be_previewable_has_a_reader():
    for kind in ALL:
        offered = {"text": "text", "picture": "picture"}.get(kind.previewable or "")
        assert offered is None or (offered, kind.mime) in reader._BY_MIME


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.label)
def test_every_problem_reads_well_for_every_kind(kind):
    for code in (problems.DAMAGED, problems.BUSY, "a word nobody knows"):
        said = problems.sentence(code, kind.label)
        assert said.startswith("This ")
        assert said.endswith(".")
        assert "(" not in said
