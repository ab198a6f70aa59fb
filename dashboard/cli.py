"""`flask --app wsgi …`. Exit 0 on success; 1 with one clear line on standard error otherwise."""

from __future__ import annotations

import functools
import os
import random
import sys
import time
from collections.abc import Callable, Iterable
from typing import Any, NoReturn, TypeVar

import click
from flask import Flask, current_app
from flask.cli import AppGroup, ScriptInfo, with_appcontext
from sqlalchemy.exc import DBAPIError, OperationalError, ProgrammingError

from dashboard import user_list
from dashboard.clock import utcnow
from dashboard.database import start_writing
from dashboard.extensions import db
from dashboard.models import AccessLink, Role, User
from dashboard.services import access_links, accounts, notices, passwords
from dashboard.services import users as user_verbs
from dashboard.services.activity import By
from dashboard.services.notices import Notice
from dashboard.services.reminder_rules import Rules

users = AppGroup("users", help="The people who may sign in.")

Command = TypeVar("Command", bound=Callable[..., Any])


def init_app(app: Flask) -> None:
    from dashboard.cli_audit import audit
    from dashboard.cli_backup import backup, restore
    from dashboard.cli_privacy import privacy
    from dashboard.cli_sync import sync

    for command in (users, web, worker, sandbox, seed, sync, audit, backup, restore, privacy):
        app.cli.add_command(command)
    if is_command_line():
        # Alembic costs a web process memory that it never uses.
        from flask_migrate import Migrate

        Migrate(app, db, directory=f"{app.root_path}/../migrations", compare_type=True, render_as_batch=True)


def is_command_line() -> bool:
    return any("flask" in part for part in sys.argv[:1]) or "pytest" in sys.modules


def fail(message: str) -> NoReturn:
    """End the command with one line on standard error."""
    click.echo(message, err=True)
    raise SystemExit(1)


def in_one_line(command: Command) -> Command:
    """Say what the database or the disk could not do in one line, not by a traceback."""

    @functools.wraps(command)
    def guarded(*args: Any, **options: Any) -> Any:
        try:
            return command(*args, **options)
        except DBAPIError as problem:
            fail(_database_problem(problem))
        except OSError as problem:
            fail(f"That could not be done: {problem}")

    return guarded  # type: ignore[return-value]


def _database_problem(problem: DBAPIError) -> str:
    words = " ".join(str(problem.orig).split())
    missing = isinstance(problem, OperationalError | ProgrammingError) and (
        "no such table" in words or "does not exist" in words
    )
    if missing:
        return "The database has no tables yet, or old ones. Run: flask --app wsgi db upgrade"
    return f"The database could not do that: {words}"


@click.command()
@click.option("--port", type=click.IntRange(1, 65535), default=8000, show_default=True)
@click.option("--host", default="127.0.0.1", show_default=True, help="Which address of this machine; 0.0.0.0: all.")
@with_appcontext
def web(port: int, host: str) -> None:
    """The site alone, by the server that `make run` uses: for a service manager.

    Behind a proxy, or by HTTPS itself (TLS_CERT, TLS_KEY). SIGHUP: read a renewed certificate.
    """
    from dashboard.launch import CannotStart, warnings_at_start, web_command, web_environment

    config = current_app.config["SETTINGS"]
    try:
        for warning in warnings_at_start(config):
            click.echo(f"WARNING: {warning.words} {warning.advice}", err=True)
    except CannotStart as problem:
        fail(str(problem))
    command = web_command(port, config.web_workers, host=host, tls=config.tls)
    os.execve(command[0], command, web_environment(os.environ))  # noqa: S606 - our own words


@click.command()
@click.option("--once", is_flag=True, help="Do everything that is due now, then end.")
@click.pass_context
@in_one_line
def worker(context: click.Context, *, once: bool) -> None:
    """Run all background work: reports to Talroo, pulling from it, reading files. Several may run."""
    from dashboard.worker import Worker, run_until_signalled

    working = Worker.of(context.find_object(ScriptInfo).load_app())  # type: ignore[union-attr]
    if once:
        working.once()
    else:
        run_until_signalled(working)


@users.command("add")
@click.argument("email")
@click.option("--role", required=True, type=click.Choice([role.value for role in Role]))
@click.option(
    "--password-stdin", is_flag=True, required=True, help="Read the password as one line from standard input."
)
@in_one_line
def add_user(email: str, role: str, *, password_stdin: bool) -> None:
    """Add a user."""
    password = sys.stdin.readline().rstrip("\r\n")
    start_writing(db.session())
    try:
        user = accounts.add_user(db.session(), email, password, role, now=utcnow())
        user_verbs.note_added(db.session(), user, _by_command())
    except accounts.AccountError as problem:
        fail(str(problem))
    db.session.commit()
    click.echo(f"Added {user.email} as {user.role_label.lower()}.")
    if passwords.weakness(password, user.email):
        click.echo("Somebody would guess this password. Have them change it under “Your settings” at once.", err=True)


@users.command("list")
@in_one_line
def list_users() -> None:
    """Everybody, one a line: address, role and state, with tabs between them."""
    for row in user_list.everybody(db.session()):
        click.echo(f"{row.user.email}\t{row.user.role}\t{row.state}")


@users.command("deactivate")
@click.argument("email")
@in_one_line
def deactivate_user(email: str) -> None:
    """Let somebody in no more, and sign them out everywhere at once."""
    start_writing(db.session())
    try:
        user = user_verbs.deactivate(db.session(), _user_called(email), _by_command())
    except accounts.AccountError as problem:
        fail(str(problem))
    db.session.commit()
    click.echo(f"Deactivated {user.email}.")


@users.command("reset-link")
@click.argument("email")
@in_one_line
def print_reset_link(email: str) -> None:
    """Print a link by which somebody chooses a new password. It works once."""
    start_writing(db.session())
    try:
        link = user_verbs.new_link(db.session(), _user_called(email), _by_command())
    except accounts.AccountError as problem:
        fail(str(problem))
    _print_link(link)


@users.command("reset-second-factor")
@click.argument("email")
@in_one_line
def reset_second_factor(email: str) -> None:
    """For whoever lost phone and recovery codes: their password alone lets them in until they set it up anew."""
    start_writing(db.session())
    user = db.session().get_one(User, _user_called(email))
    if not user_verbs.reset_second_factor(db.session(), user.id, _by_command()):
        fail(f"Two-step verification is not on for {user.email}.")
    if Rules.of(current_app.config["SETTINGS"]).no_mail is None:
        notices.queue(db.session(), Notice.SECOND_FACTOR, user, _by_command())
    db.session.commit()
    click.echo(f"Two-step verification of {user.email} is reset.")


@users.command("setup-link")
@in_one_line
def print_setup_link() -> None:
    """Print the link by which the first administrator enters. It works once; the one before does not any more."""
    start_writing(db.session())
    link = access_links.set_up(db.session(), _by_command())
    if link is None:
        fail("There are users already. For somebody who is locked out: flask --app wsgi users reset-link EMAIL")
    _print_link(link)


def _print_link(link: AccessLink) -> None:
    config = current_app.config["SETTINGS"]
    address = access_links.address(link, config.public_url, (config.secret_key,))
    db.session.commit()
    click.echo(address)


def _user_called(email: str) -> int:
    user = accounts.find_by_email(db.session(), email)
    if user is None:
        fail(f"{accounts.fold(email)} is not a user.")
    return user.id


def _by_command() -> By:
    return By(None, None, utcnow())


@click.command(context_settings={"ignore_unknown_options": True}, add_help_option=False)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def sandbox(arguments: tuple[str, ...]) -> None:
    """The fake Talroo alone. `flask --app wsgi sandbox --help` lists its options."""
    from dashboard.sandbox.__main__ import main

    raise SystemExit(main(arguments))


@click.command()
@click.argument("count", metavar="N", type=click.IntRange(1, 10_000_000))
@with_appcontext
@in_one_line
def seed(count: int) -> None:
    """Write N made-up applications straight into the database, for benchmarks.

    One in ten has a résumé. A database that holds deliveries from Talroo is refused.
    """
    from dashboard.sandbox.material import many
    from dashboard.services import seeding

    samples = (seeding.Sample(*made) for made in many(random.Random(), count, utcnow()))  # noqa: S311
    began = time.monotonic()
    written = 0
    try:
        for batch in _shown(seeding.seed(db.session(), current_app.extensions["file_store"], samples), count):
            written += batch
    except seeding.HoldsRealDeliveries as problem:
        fail(str(problem))
    seconds = time.monotonic() - began
    click.echo(f"Wrote {written:,} applications in {seconds:.1f} s ({written / seconds:,.0f} a second).")


def _shown(batches: Iterable[int], total: int) -> Iterable[int]:
    """`batches` as they are, with a progress bar where somebody watches."""
    if not sys.stderr.isatty():
        yield from batches
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    columns = BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("seed", total=total)
        for batch in batches:
            progress.advance(task, batch)
            yield batch
