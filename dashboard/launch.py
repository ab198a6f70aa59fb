"""`make run`: from a fresh checkout to a running dashboard, and to nothing left behind when it is stopped."""

from __future__ import annotations

import os
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from dotenv import dotenv_values
from sqlalchemy import create_engine, select

from config import ROOT, VAR, Config, SettingsError
from dashboard import first_start, tls
from dashboard.clock import utcnow
from dashboard.models import User
from dashboard.services import problems
from dashboard.services.problems import Problem
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
    warnings = warnings_at_start(config)
    _flask(complete, "db", "upgrade")
    log_ins = _log_ins(config, complete, var)
    setup_link = _setup_link(config, complete)

    first_start.fresh_logs(var / "logs")
    supervisor = Supervisor(
        services(config, complete, port, var),
        lambda: _announce(here(config, port), block(config, port, log_ins, setup_link, warnings)),
    )
    problem = supervisor.run()
    print(f"\n{problem}" if problem else "Stopped.", file=sys.stderr if problem else sys.stdout, flush=True)
    return 1 if problem else 0


def services(config: Config, environ: Mapping[str, str], port: int, var: Path) -> list[Service]:
    """The processes of a running dashboard, in the order they are started."""
    web = web_environment({**_logging_to(var / "logs" / "web.log"), **environ})
    worker = {**_logging_to(var / "logs" / "worker.log"), **environ}
    ours = [
        Service("web", web_command(port, config.web_workers, tls=config.tls), web),
        Service("worker", (*_FLASK, "worker"), worker),
    ]
    if not config.dashboard_sandbox_url:
        return ours
    fake_port = config.dashboard_sandbox_url.rpartition(":")[2]
    postback = f"{here(config, port)}/talroo/applications"
    state = str(var / "sandbox-state.json")
    mail = _sandbox_mail(config, var)
    fake = (*_PYTHON, "dashboard.sandbox", "--port", fake_port, "--postback-url", postback, "--state", state, *mail)
    # It tells of every delivery: that would scroll the log-ins off the screen before anybody has read them.
    return [*ours, Service("talroo", fake, dict(environ), log=var / "sandbox.log")]


def _logging_to(path: Path) -> dict[str, str]:
    """A line for each request would scroll the log-ins away, too; what is wrong is told on the terminal as well."""
    return {"LOG_FILE": str(path)}


def _sandbox_mail(config: Config, var: Path) -> tuple[str, ...]:
    """The fake's mailbox, unless somebody has a mail server of their own."""
    if config.mail_url is None or config.mail_url != first_start.sandbox_mail_settings(var)["MAIL_URL"]:
        return ()
    return ("--mail-port", config.mail_url.rpartition(":")[2])


def here(config: Config, port: int) -> str:
    """The site's address on this machine."""
    return f"{'https' if config.tls else 'http'}://127.0.0.1:{port}"


def warnings_at_start(config: Config) -> list[Problem]:
    """What is wrong with the way in, so that somebody hears of it who cannot get in. Raises `CannotStart` where HTTPS
    cannot be served at all.
    """
    now = utcnow()
    try:
        certificate = tls.check(config, now)
    except tls.Unusable as problem:
        raise CannotStart(str(problem)) from problem
    return list(problems.at_the_door(config, certificate, now))


def web_command(
    port: int, workers: int, app: str = "wsgi:app", *, host: str = "127.0.0.1", tls: tuple[str, str] | None = None
) -> tuple[str, ...]:
    """granian serving `app` on `host`:`port`. `tls`: the files of a certificate and its key, to serve HTTPS alone.

    Bodies are read on blocking threads, so a slow sender holds one: there are many of them. Workers that still wait
    for such a sender two seconds after they were asked to stop are killed; what was acknowledged is committed.
    After SIGHUP each worker is replaced, which reads a renewed certificate; the old one goes when the new one has had
    some seconds to start. Errors only are logged, because granian warns of that many threads at every start.
    """
    secure = (
        () if tls is None else ("--ssl-certificate", tls[0], "--ssl-keyfile", tls[1], "--ssl-protocol-min", "tls1.2")
    )
    return (
        *_PYTHON, "granian", "--interface", "wsgi", "--host", host, "--port", str(port), *secure,
        "--workers", str(workers), "--blocking-threads", "256", "--backpressure", "512", "--http", "1", "--no-ws",
        "--workers-kill-timeout", "2", "--respawn-interval", "8", "--http1-header-read-timeout", "20000",
        "--log-level", "error", app,
    )  # fmt: skip


def web_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Two arenas: glibc would give each of the many threads its own and keep what a large résumé once took."""
    return {**environ, "MALLOC_ARENA_MAX": "2"}


def block(
    config: Config, port: int, log_ins: Mapping[str, str], setup_link: str = "", warnings: Iterable[Problem] = ()
) -> str:
    """What the person at the terminal needs to know, aligned. `log_ins` is role → password, as far as known.

    `setup_link`: where the first administrator enters, while there is nobody.
    """
    site = here(config, port)
    lines = [("Dashboard", site)]
    if config.dashboard_sandbox_url:
        lines.append(("", "sandbox mode: sample applicants, and a fake Talroo instead of the real one"))
    lines += [(role, f"{first_start.FIRST_USERS[role]:<24}{password}") for role, password in log_ins.items()]
    if setup_link:
        lines += [("set-up", address) for address in dict.fromkeys((setup_link, _on(site, setup_link)))]
        lines.append(("", "nobody can sign in yet: open this link, once, and become the first administrator"))
    lines.append(("postUrl", config.postback_url))
    if config.dashboard_sandbox_url:
        lines.append(("fake Talroo", config.dashboard_sandbox_url))
    for warning in warnings:
        lines += [("WARNING", warning.words), ("", warning.advice)]
    lines.append(("stop", "Ctrl-C"))
    return "\n" + "\n".join(f"  {label:<13}{text}" for label, text in lines) + "\n"


def _on(site: str, address: str) -> str:
    """The page at `address`, asked of `site`."""
    return f"{site}{urlsplit(address).path}"


def _environment() -> dict[str, str]:
    return {**{name: value or "" for name, value in dotenv_values(ROOT / ".env").items()}, **os.environ}


def _port(environ: Mapping[str, str]) -> int:
    raw = environ.get("PORT", "").strip() or "8000"
    if not (raw.isascii() and raw.isdigit() and 0 < int(raw) < 65536):
        raise CannotStart(f"PORT must be a number from 1 to 65535, not {raw!r}.")
    if not first_start.is_free(int(raw)):
        raise CannotStart(f"Port {raw} on 127.0.0.1 is taken. Another one: make run PORT={int(raw) % 65535 + 1}")
    return int(raw)


def _flask(environ: Mapping[str, str], *words: str, typed: str | None = None) -> str:
    """Run one `flask` command; what it printed. Raises `CannotStart` with that where it fails."""
    done = subprocess.run(  # noqa: S603 - our own words
        [*_FLASK, *words], env=dict(environ), input=typed or "", text=True, capture_output=True, check=False
    )
    if done.returncode:
        raise CannotStart(f"flask {' '.join(words)} failed:\n{(done.stderr or done.stdout).strip()}")
    return done.stdout


def _log_ins(config: Config, environ: Mapping[str, str], var: Path) -> dict[str, str]:
    """Role → password to show of the sandbox's users, who are made where there are none. Nobody else has any."""
    if not config.sandbox:
        return {}
    kept = first_start.sandbox_log_ins(var)
    if _has_users(config.database_url):
        return kept
    passwords = {role: kept.get(role) or first_start.readable_password() for role in first_start.FIRST_USERS}
    first_start.keep_sandbox_log_ins(var, passwords)
    for role, email in first_start.FIRST_USERS.items():
        _flask(environ, "users", "add", email, "--role", role, "--password-stdin", typed=passwords[role] + "\n")
    return passwords


def _setup_link(config: Config, environ: Mapping[str, str]) -> str:
    """A new link for the first administrator; empty where there are users."""
    return "" if _has_users(config.database_url) else _flask(environ, "users", "setup-link").strip()


def _has_users(database_url: str) -> bool:
    engine = create_engine(database_url)
    try:
        with engine.connect() as connection:
            return connection.execute(select(User.id).limit(1)).first() is not None
    finally:
        engine.dispose()


def _announce(site: str, text: str) -> None:
    answered = _answers(f"{site}/healthz", READY_WITHIN)
    note = "" if answered else f"  /healthz has not answered for {READY_WITHIN} s; the lines above may say why.\n"
    print(text + note, flush=True)
    if os.environ.get("MAKELEVEL"):
        follow_interrupt_of(os.getppid())


def _answers(url: str, within: float) -> bool:
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(url, timeout=5, context=whatever_it_is_called()):  # noqa: S310 - our own
                return True
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    return False


def whatever_it_is_called() -> ssl.SSLContext:
    """For HTTPS to this machine: the certificate is for the public name."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


if __name__ == "__main__":
    sys.exit(main())
