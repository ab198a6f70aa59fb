"""`flask --app wsgi sync …`: pull from the Platform API now, by hand."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import click
from flask import current_app
from flask.cli import with_appcontext
from sqlalchemy.orm import Session

from dashboard.cli import fail, in_one_line
from dashboard.clock import utcnow
from dashboard.extensions import db
from dashboard.models import SyncKind, SyncRun

Told = Callable[[SyncRun], None]


@click.command()
@click.argument("kind", metavar="incomplete|completed", type=click.Choice([kind.value for kind in SyncKind]))
@click.option("--since", metavar="DATE", help="Read what was started on that day (UTC) or later: 2026-01-31.")
@with_appcontext
@in_one_line
def sync(kind: str, since: str | None) -> None:
    """Pull applications from the Platform API now.

    `incomplete`: those that were started and not finished. `completed`: the others, and what the webhook missed.
    Without --since it reads on from where the last pull came to; the first one reads 30 days back.
    """
    from dashboard.services import pull  # with it come libraries that a web process need not load

    begin = _day(since) if since is not None else None
    engine = db.engine
    client = pull.open_client(current_app.config["SETTINGS"])
    files = current_app.extensions["file_store"]
    try:
        with _shown(kind) as told:
            done = pull.run(
                lambda: Session(engine), client, files, SyncKind(kind), trigger="terminal", since=begin, told=told
            )
    except pull.AlreadyRunning as problem:
        fail(str(problem))
    if done.pages or not done.problem:
        click.echo(done.line)
        if kind == SyncKind.COMPLETED:
            click.echo(done.gap)
    if done.problem:
        fail(done.problem)


def _day(given: str) -> datetime:
    """The beginning of a day, in UTC."""
    try:
        moment = datetime.strptime(given, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        fail(f"--since wants a date such as 2026-01-31, not {given!r}.")
    if moment > utcnow():
        fail(f"--since {given} is yet to come.")
    return moment


@contextmanager
def _shown(kind: str) -> Iterator[Told]:
    """What to call after each page: moves a progress bar where somebody watches."""
    if not sys.stderr.isatty():
        yield lambda _run: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[line]}"), TimeElapsedColumn()
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(kind, total=None, line="asking Talroo")
        yield lambda run: progress.update(task, total=run.expected, completed=run.fetched, line=run.line)
