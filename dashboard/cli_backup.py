"""`flask --app wsgi backup PATH` and `restore PATH`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from flask import current_app
from flask.cli import with_appcontext
from sqlalchemy import Connection
from sqlalchemy.orm import Session

from config import Config
from dashboard import schema
from dashboard.audit_actions import Action
from dashboard.cli import fail, in_one_line
from dashboard.clock import utcnow
from dashboard.database import start_writing
from dashboard.extensions import db
from dashboard.services import audit

_PATH = click.argument("path", type=click.Path(path_type=Path))


@click.command()
@_PATH
@with_appcontext
@in_one_line
def backup(path: Path) -> None:
    """Write everything, database and files, into one new file at PATH. The dashboard may run meanwhile.

    It can be restored into either kind of database. SECRET_KEY is not in it: keep that apart.
    """
    from dashboard.backup import dump

    if path.exists():
        fail(f"{path} is there already. Give it a name of its own.")
    if not schema.is_current(db.session()):
        fail("The tables are not this version's. Run: flask --app wsgi db upgrade")
    db.session.remove()
    config, now = _settings(), utcnow()
    # First, so that the backup holds it: by that it is known where it came from.
    _note(Action.BACKED_UP)
    with _shown("backup", dump.size(db.engine)) as told:
        store = current_app.extensions["file_store"]
        made = dump.backup(db.engine, store, path, secret=config.secret_key, now=now, told=told)
    size = path.stat().st_size
    click.echo(f"Backed up {made.rows:,} rows and {made.files:,} files into {path} ({size:,} bytes).")
    if made.missing:
        click.echo(f"{len(made.missing):,} files are missing in the file store; they are not in the backup.", err=True)


@click.command()
@_PATH
@click.option("--check", "only_check", is_flag=True, help="Read all of it and say whether it can be restored; no more.")
@with_appcontext
@in_one_line
def restore(path: Path, *, only_check: bool) -> None:
    """Put the backup at PATH in the place of what the database and the file store hold.

    It is read whole and checked before anything is replaced. The dashboard must be stopped.
    """
    from dashboard.backup import load
    from dashboard.backup.archive import NoBackup

    if not path.exists():
        fail(f"There is no file {path}.")
    secrets = _settings().secrets
    try:
        with _shown("check" if only_check else "restore", None) as told:
            if only_check:
                found = load.check(path, secrets=secrets, told=told)
                click.echo(
                    f"{path} is whole: {found.rows:,} rows and {found.files:,} files of {found.made_at[:19]} UTC."
                )
                return
            _restore(path, secrets, told)
    except (NoBackup, load.InUse, load.OldTables) as problem:
        fail(f"{path} was not restored. {problem}")


def _restore(path: Path, secrets: tuple[str, ...], told: Callable[[int], None]) -> None:
    from dashboard.backup import load

    engine, store = db.engine, current_app.extensions["file_store"]
    db.session.remove()
    done = load.restore(engine, store, path, secrets=secrets, now=utcnow(), migrate=_migrate, told=told)
    _note(Action.RESTORED, rows=done.manifest.rows, files=done.manifest.files, made_at=done.manifest.made_at)
    click.echo(
        f"Restored {done.manifest.rows:,} rows and {done.manifest.files:,} files of {done.manifest.made_at[:19]} UTC."
    )
    if done.kept:
        click.echo(f"Kept of what was here: {', '.join(done.kept)}.")
    if done.held:
        why = "under legal hold or restricted, though they share something with somebody erased"
        click.echo(f"Left, because they are {why}: {done.held}.")
    click.echo("Start the dashboard. Searches and filters are complete once its worker has indexed everything.")


def _migrate(connection: Connection, revision: str) -> None:
    from alembic import command

    alembic = current_app.extensions["migrate"].migrate.get_config()
    alembic.attributes["connection"] = connection
    command.upgrade(alembic, revision)


def _note(action: Action, **details: Any) -> None:
    with Session(db.engine) as session:
        start_writing(session)
        audit.note(session, action, at=utcnow(), by="a command", **details)
        session.commit()


def _settings() -> Config:
    config: Config = current_app.config["SETTINGS"]
    return config


@contextmanager
def _shown(what: str, total: int | None) -> Iterator[Callable[[int], None]]:
    """What to call with how much more is done: moves a progress bar where somebody watches."""
    if not sys.stderr.isatty():
        yield lambda _done: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(what, total=total)
        yield lambda done: progress.advance(task, done)
