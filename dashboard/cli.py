"""`flask --app wsgi …`. Exit 0 on success; 1 with one clear line on standard error otherwise."""

from __future__ import annotations

import functools
import logging
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

from dashboard.clock import utcnow
from dashboard.database import start_writing
from dashboard.extensions import db
from dashboard.models import Role
from dashboard.services import accounts

users = AppGroup("users", help="The people who may sign in.")

Command = TypeVar("Command", bound=Callable[..., Any])


def init_app(app: Flask) -> None:
    from dashboard.cli_backup import backup, restore
    from dashboard.cli_sync import sync

    for command in (users, web, worker, sandbox, seed, sync, backup, restore):
        app.cli.add_command(command)
    if _is_command_line():
        # Alembic costs a web process memory that it never uses.
        from flask_migrate import Migrate

        Migrate(app, db, directory=f"{app.root_path}/../migrations", compare_type=True, render_as_batch=True)


def _is_command_line() -> bool:
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
@click.option("--port", type=click.IntRange(1, 65535), default=8000, show_default=True, help="On 127.0.0.1.")
@with_appcontext
def web(port: int) -> None:
    """The site alone, by the server that `make run` uses: for a service manager, behind a proxy."""
    from dashboard.launch import web_command, web_environment

    command = web_command(port, current_app.config["SETTINGS"].web_workers)
    os.execve(command[0], command, web_environment(os.environ))  # noqa: S606 - our own words


@click.command()
@click.option("--once", is_flag=True, help="Do everything that is due now, then end.")
@click.pass_context
@in_one_line
def worker(context: click.Context, *, once: bool) -> None:
    """Run all background work: reports to Talroo, pulling from it, reading files. Several may run."""
    from dashboard.worker import Worker, run_until_signalled

    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s %(message)s")
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
    except accounts.AccountError as problem:
        fail(str(problem))
    db.session.commit()
    click.echo(f"Added {user.email} as {user.role_label.lower()}.")


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
