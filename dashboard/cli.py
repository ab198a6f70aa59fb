"""`flask --app wsgi …`. Exit 0 on success; 1 with one clear line on standard error otherwise."""

from __future__ import annotations

import logging
import sys

import click
from flask import Flask
from flask.cli import AppGroup, ScriptInfo

from dashboard.clock import utcnow
from dashboard.extensions import db
from dashboard.models import Role
from dashboard.services import accounts

users = AppGroup("users", help="The people who may sign in.")


def init_app(app: Flask) -> None:
    for command in (users, worker):
        app.cli.add_command(command)
    if _is_command_line():
        # Alembic costs a web process memory that it never uses.
        from flask_migrate import Migrate

        Migrate(app, db, directory=f"{app.root_path}/../migrations", compare_type=True, render_as_batch=True)


def _is_command_line() -> bool:
    return any("flask" in part for part in sys.argv[:1]) or "pytest" in sys.modules


@click.command()
@click.option("--once", is_flag=True, help="Do everything that is due now, then end.")
@click.pass_context
def worker(context: click.Context, *, once: bool) -> None:
    """Run all background work: reports to Talroo, reading files. Several may run."""
    from dashboard.worker import Worker, run_until_signalled

    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s %(message)s")
    working = Worker.of(context.find_object(ScriptInfo).load_app())  # type: ignore[union-attr]
    if once:
        working.once()
    else:
        run_until_signalled(working)


def fail(message: str) -> None:
    """End the command with one line on standard error."""
    click.echo(message, err=True)
    raise SystemExit(1)


@users.command("add")
@click.argument("email")
@click.option("--role", required=True, type=click.Choice([role.value for role in Role]))
@click.option(
    "--password-stdin", is_flag=True, required=True, help="Read the password as one line from standard input."
)
def add_user(email: str, role: str, password_stdin: bool) -> None:
    """Add a user."""
    password = sys.stdin.readline().rstrip("\r\n")
    try:
        user = accounts.add_user(db.session(), email, password, role, now=utcnow())
    except accounts.AccountError as problem:
        fail(str(problem))
    db.session.commit()
    click.echo(f"Added {user.email} as {user.role_label.lower()}.")
