"""What the code does not do, whoever writes the next line of it: nothing here executes words, unpickles, or trusts."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

import pytest

from config import ROOT

CODE: Final = sorted([*(ROOT / "dashboard").rglob("*.py"), ROOT / "config.py", ROOT / "wsgi.py"])
SCRIPTS: Final = sorted((ROOT / "static" / "js").glob("*.js"))
PAGES: Final = sorted((ROOT / "templates").rglob("*.html"))

NOWHERE: Final = {
    "pickle": "reads code",
    "marshal": "reads code",
    "shelve": "reads code",
    "dill": "reads code",
    "yaml": "reads objects",
    "telnetlib": "speaks in the clear",
    "ftplib": "speaks in the clear",
    "ldap": "takes queries",
    "ldap3": "takes queries",
    "memcache": "takes commands",
    "pymemcache": "takes commands",
    "websockets": "is another door",
    "graphql": "is another door",
}
"""Modules that nothing imports, and why."""
ONLY: Final = {
    "subprocess": {"dashboard/launch.py", "dashboard/supervisor.py", "dashboard/documents/child.py"},
    "ctypes": {"dashboard/supervisor.py", "dashboard/documents/confinement.py"},
    "xml": {"dashboard/documents/office.py", "dashboard/sandbox/word.py"},
    "lxml": set(),
    "cryptography": {"dashboard/services/sealing.py", "dashboard/tls.py"},
    "smtplib": {"dashboard/mail.py"},
}
"""Modules with a danger of their own, and where it is looked after."""
CALLS: Final = {"eval", "exec", "__import__", "render_template_string", "from_string", "system", "popen", "mktemp"}
OUTDATED: Final = {"md5", "sha1", "new"}


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def imported(path: Path) -> set[str]:
    """The first part of every module that the file imports."""
    found = set()
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found.add((node.module or "").partition(".")[0])
    return found


def calls(path: Path) -> Iterator[tuple[str, ast.Call]]:
    """What is called by its last name (`re.compile` is `re.compile`), with the call."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node


@pytest.mark.parametrize("module", NOWHERE)
def test_nothing_imports_what_reads_code_or_opens_another_door(module: str):
    assert [name(path) for path in CODE if module in imported(path)] == []


@pytest.mark.parametrize("module", ONLY)
def test_what_is_dangerous_stands_where_it_is_looked_after(module: str):
    assert {name(path) for path in CODE if module in imported(path)} <= ONLY[module]


def test_nothing_executes_words():
    found = [
        f"{name(path)}:{call.lineno} {called}"
        for path in CODE
        for called, call in calls(path)
        if called.rpartition(".")[2] in CALLS or called == "compile"
    ]
    assert found == []


def test_no_program_is_started_by_way_of_a_shell_or_by_words_from_outside():
    started = []
    for path in CODE:
        for called, call in calls(path):
            if called.startswith("subprocess."):
                started.append(name(path))
                assert not [word for word in call.keywords if word.arg == "shell"], name(path)
    assert set(started) <= ONLY["subprocess"]


def test_no_hash_that_is_out_of_date_is_made():
    """SHA-1 is in TOTP alone, whose apps know nothing else, and that is `pyotp`'s."""
    found = [
        f"{name(path)}:{call.lineno} {called}"
        for path in CODE
        for called, call in calls(path)
        if called.startswith("hashlib.") and called.rpartition(".")[2] in OUTDATED
    ]
    assert found == []
    kinds = {
        str(call.args[-1].value)
        for path in CODE
        for called, call in calls(path)
        if called in ("hmac.new", "hmac.digest") and call.args and isinstance(call.args[-1], ast.Constant)
    }
    assert kinds <= {"sha256"}


def test_chance_that_nobody_may_guess_is_the_systems():
    """Whatever is secret comes from `secrets` or `os.urandom`; `random` is for waiting, and then the system's too."""
    found = [
        f"{name(path)}:{call.lineno}"
        for path in CODE
        for called, call in calls(path)
        if called.startswith("random.") and called != "random.SystemRandom" and "/sandbox/" not in name(path)
    ]
    # `flask seed` makes people up.
    assert [one for one in found if not one.startswith("dashboard/cli.py:")] == []
    assert len(found) <= 1


def test_secrets_are_compared_in_a_time_that_tells_nothing():
    """Every place where something given is held against a secret of ours uses `compare_digest`."""
    where = {name(path) for path in CODE for called, _ in calls(path) if called.endswith("compare_digest")}
    assert where >= {
        "dashboard/talroo/signature.py",
        "dashboard/web/clicks.py",
        "dashboard/web/health.py",
        "dashboard/services/second_factor.py",
        "dashboard/services/half_signed_in.py",
        "dashboard/openid.py",
    }


def test_no_certificate_is_left_unchecked():
    for path in CODE:
        # The launcher and the fake Talroo ask this machine alone: its certificate is for another name.
        asks_this_machine = name(path) == "dashboard/launch.py" or name(path).startswith("dashboard/sandbox/")
        text = "" if asks_this_machine else path.read_text()
        assert not re.search(
            r"verify\s*=\s*False|CERT_NONE|_create_unverified_context|check_hostname\s*=\s*False", text
        )


def test_no_script_of_ours_makes_html_or_code_of_words_or_hears_other_windows():
    for path in SCRIPTS:
        text = path.read_text()
        assert not re.search(
            r"insertAdjacentHTML|\.(inner|outer)HTML\s*=|document\.write|\beval\(|new Function|__proto__", text
        ), name(path)
        assert "postMessage" not in text
        assert not re.search(r'addEventListener\("message"', text)


def test_every_package_is_pinned_to_what_it_was():
    """pip takes nothing else (`--require-hashes`), from wherever it comes."""
    for file in ("requirements.txt", "requirements-dev.txt"):
        text = (ROOT / file).read_text().replace("\\\n", " ")
        packages = [line for line in text.splitlines() if line and not line.lstrip().startswith("#")]
        assert len(packages) > 20
        for line in packages:
            assert re.match(r"\s*[A-Za-z0-9._-]+(\[[a-z,]+\])?==\S+", line), line
            assert "--hash=sha256:" in line, line
    assert (ROOT / "Makefile").read_text().count("install --require-hashes") == 2


def test_no_secret_stands_in_the_code():
    shaped = re.compile(r"AKIA[0-9A-Z]{16}|-----BEGIN [A-Z ]*PRIVATE KEY|ghp_[0-9A-Za-z]{36}|xox[bp]-[0-9]")
    for path in [*CODE, *SCRIPTS, *PAGES, *(ROOT / "deploy").rglob("*")]:
        if path.is_file():
            assert not shaped.search(path.read_text()), path
