"""`make run`: from a fresh checkout to a running dashboard, and to nothing left behind when it is stopped."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from dotenv import dotenv_values
from sqlalchemy import create_engine, select

from config import ROOT, VAR, Config, SettingsError
from dashboard import first_start
from dashboard.models import User
from dashboard.supervisor import Service, Supervisor, die_with_parent, follow_interrupt_of

READY_WITHIN: Final = 60
"""Seconds the site has for its first answer before somebody is told that something is odd."""


_PYTHON: Final = (sys.executable, "-m")
_FLASK: Final = (*_PYTHON, "flask", "--app", "wsgi")


class CannotStart(Exception):
    """Why not, in words for the person at the terminal."""


def main() -> int:
    """Prepare, run, stop. Returns the exit status: 0 when asked to stop, 1 otherwise."""
    if os.environ.get("MAKELEVEL"):
        # make passes SIGTERM on but cannot pass on its own SIGKILL.
        die_with_parent()
    try:
        return run(_environment(), ROOT, VAR)
    except (CannotStart, SettingsError) as problem:
        print(f"The dashboard cannot start.\n{problem}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def run(environ: Mapping[str, str], root: Path, var: Path) -> int:
    """Everything `make run` does with these settings in the checkout `root`, whose data lives in `var`."""
    port = _port(environ)
    os.chdir(root)
    os.umask(0o077)
    first_start.private_folder(var)
    complete = first_start.with_defaults(environ, var, port)
    config = Config.from_env(complete)
    _flask(complete, "db", "upgrade")
    log_ins = _log_ins(config, complete, var)

    supervisor = Supervisor(
        services(config, complete, port, var), lambda: _announce(port, block(config, port, log_ins))
    )
    problem = supervisor.run()
    print(f"\n{problem}" if problem else "Stopped.", file=sys.stderr if problem else sys.stdout, flush=True)
    return 1 if problem else 0


def services(config: Config, environ: Mapping[str, str], port: int, var: Path) -> list[Service]:
    """The processes of a running dashboard, in the order they are started."""
    web = Service("web", web_command(port, config.web_workers), web_environment(environ))
    worker = Service("worker", (*_FLASK, "worker"), dict(environ))
    if not config.dashboard_sandbox_url:
        return [web, worker]
    fake_port = config.dashboard_sandbox_url.rpartition(":")[2]
    postback = f"http://127.0.0.1:{port}/talroo/applications"
    state = str(var / "sandbox-state.json")
    mail = _sandbox_mail(config, var)
    fake = (*_PYTHON, "dashboard.sandbox", "--port", fake_port, "--postback-url", postback, "--state", state, *mail)
    # It tells of every delivery: that would scroll the log-ins off the screen before anybody has read them.
    return [web, worker, Service("talroo", fake, dict(environ), log=var / "sandbox.log")]


def _sandbox_mail(config: Config, var: Path) -> tuple[str, ...]:
    """The fake's mailbox, unless somebody has a mail server of their own."""
    if config.mail_url is None or config.mail_url != first_start.sandbox_mail_settings(var)["MAIL_URL"]:
        return ()
    return ("--mail-port", config.mail_url.rpartition(":")[2])


def web_command(port: int, workers: int, app: str = "wsgi:app") -> tuple[str, ...]:
    """granian serving `app` on 127.0.0.1:`port`.

    Bodies are read on blocking threads, so a slow sender holds one: there are many of them. Workers that still wait
    for such a sender two seconds after they were asked to stop are killed; what was acknowledged is committed.
    Errors only are logged, because granian warns of that many threads at every start.
    """
    return (
        *_PYTHON, "granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port", str(port),
        "--workers", str(workers), "--blocking-threads", "256", "--backpressure", "512", "--http", "1", "--no-ws",
        "--workers-kill-timeout", "2", "--http1-header-read-timeout", "20000", "--log-level", "error", app,
    )  # fmt: skip


def web_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Two arenas: glibc would give each of the many threads its own and keep what a large résumé once took."""
    return {**environ, "MALLOC_ARENA_MAX": "2"}


def block(config: Config, port: int, log_ins: Mapping[str, str]) -> str:
    """What the person at the terminal needs to know, aligned. `log_ins` is role → password, as far as known."""
    lines = [("Dashboard", f"http://127.0.0.1:{port}")]
    if config.dashboard_sandbox_url:
        lines.append(("", "sandbox mode: sample applicants, and a fake Talroo instead of the real one"))
    lines += [(role, f"{first_start.FIRST_USERS[role]:<24}{password}") for role, password in log_ins.items()]
    if log_ins and not config.dashboard_sandbox_url:
        lines.append(("", "these passwords are shown this once and kept nowhere"))
    lines.append(("postUrl", config.postback_url))
    if config.dashboard_sandbox_url:
        lines.append(("fake Talroo", config.dashboard_sandbox_url))
    lines.append(("stop", "Ctrl-C"))
    return "\n" + "\n".join(f"  {label:<13}{text}" for label, text in lines) + "\n"


def _environment() -> dict[str, str]:
    return {**{name: value or "" for name, value in dotenv_values(ROOT / ".env").items()}, **os.environ}


def _port(environ: Mapping[str, str]) -> int:
    raw = environ.get("PORT", "").strip() or "8000"
    if not (raw.isascii() and raw.isdigit() and 0 < int(raw) < 65536):
        raise CannotStart(f"PORT must be a number from 1 to 65535, not {raw!r}.")
    if not first_start.is_free(int(raw)):
        raise CannotStart(f"Port {raw} on 127.0.0.1 is taken. Another one: make run PORT={int(raw) % 65535 + 1}")
    return int(raw)


def _flask(environ: Mapping[str, str], *words: str, typed: str | None = None) -> None:
    """Run one `flask` command; its output matters only when it fails."""
    done = subprocess.run(  # noqa: S603 - our own words
        [*_FLASK, *words], env=dict(environ), input=typed or "", text=True, capture_output=True, check=False
    )
    if done.returncode:
        raise CannotStart(f"flask {' '.join(words)} failed:\n{(done.stderr or done.stdout).strip()}")


def _log_ins(config: Config, environ: Mapping[str, str], var: Path) -> dict[str, str]:
    """Role → password to show: of users just made, or in the sandbox of those made at an earlier start."""
    kept = first_start.sandbox_log_ins(var) if config.sandbox else {}
    if _has_users(config.database_url):
        return kept
    passwords = {role: kept.get(role) or first_start.readable_password() for role in first_start.FIRST_USERS}
    if config.sandbox:
        first_start.keep_sandbox_log_ins(var, passwords)
    for role, email in first_start.FIRST_USERS.items():
        _flask(environ, "users", "add", email, "--role", role, "--password-stdin", typed=passwords[role] + "\n")
    return passwords


def _has_users(database_url: str) -> bool:
    engine = create_engine(database_url)
    try:
        with engine.connect() as connection:
            return connection.execute(select(User.id).limit(1)).first() is not None
    finally:
        engine.dispose()


def _announce(port: int, text: str) -> None:
    answered = _answers(f"http://127.0.0.1:{port}/healthz", READY_WITHIN)
    note = "" if answered else f"  /healthz has not answered for {READY_WITHIN} s; the lines above may say why.\n"
    print(text + note, flush=True)
    if os.environ.get("MAKELEVEL"):
        follow_interrupt_of(os.getppid())


def _answers(url: str, within: float) -> bool:
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(url, timeout=5):  # noqa: S310 - our own loopback address
                return True
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    return False


if __name__ == "__main__":
    sys.exit(main())
