"""`flask --app wsgi audit …`: prove that the audit log is as it was written."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import click
from flask import current_app
from flask.cli import AppGroup, with_appcontext

from dashboard.cli import fail, in_one_line
from dashboard.extensions import db
from dashboard.services import audit as chain
from dashboard.services.audit import Head

audit = AppGroup("audit", help="The log of who did what.")

_EVERY: Final = 500
"""Entries between two steps of the progress bar."""


class _HeadType(click.ParamType[Head]):
    name = "DIGEST:NUMBER"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> Head:
        try:
            return Head.read(value)
        except ValueError as problem:
            self.fail(str(problem), param, ctx)


@audit.command("verify")
@click.option(
    "--expect",
    type=_HeadType(),
    help="An end that the chain had once and that was noted elsewhere, as the worker logs it each day: it must still "
    "be in it.",
)
@with_appcontext
@in_one_line
def verify(expect: Head | None) -> None:
    """Go through every entry of the audit log and prove that none was changed, added or taken away.

    Ends with 1, naming the first entry that does not hold.
    """
    config = current_app.config["SETTINGS"]
    session = db.session()
    end = chain.head(session)
    with _shown(end.number if end else 0) as told:
        found = chain.verify(session, config.secrets, expected=expect, told=told)
    if found.broken:
        fail(f"The chain is broken at entry {found.broken.number}: {found.broken.why}.")
    click.echo(f"The chain holds: {found.entries} entries, head {found.head or 'none'}")


@contextmanager
def _shown(total: int) -> Iterator[Callable[[int], None]]:
    """What tells somebody who watches how far it came."""
    if not sys.stderr.isatty():
        yield lambda number: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    columns = BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("verify", total=total)

        def told(number: int) -> None:
            if number % _EVERY == 0:
                progress.update(task, completed=number)

        yield told
