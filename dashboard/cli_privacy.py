"""`flask --app wsgi privacy …`: retention by hand."""

from __future__ import annotations

import click
from flask import current_app
from flask.cli import AppGroup
from sqlalchemy.orm import Session

from dashboard.cli import in_one_line
from dashboard.clock import utcnow
from dashboard.extensions import db
from dashboard.services import cleaning, retiring

privacy = AppGroup("privacy", help="What is kept of people, and for how long.")


@privacy.command("retention")
@click.option("--dry-run", is_flag=True, help="Say what would go, and change nothing.")
@in_one_line
def retention(*, dry_run: bool) -> None:
    """Erase what is older than RETENTION_MONTHS, as the worker does every night."""
    months, now, engine = current_app.config["SETTINGS"].retention_months, utcnow(), db.engine
    if warning := retiring.warning(months):
        click.echo(warning, err=True)
    with Session(engine) as session:
        for line in retiring.in_words(retiring.plan(session, months, now)):
            click.echo(line)
    if dry_run:
        click.echo("Nothing was changed.")
        return
    done = 0
    while some := retiring.retire_some(lambda: Session(engine), months, now):
        done += some
    cleaned = cleaning.finish(engine, current_app.extensions["file_store"], clock=utcnow)
    click.echo(f"Done: {done:,}." + ("" if cleaned else " The worker cleans up what is left."))
