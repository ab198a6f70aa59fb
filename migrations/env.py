"""Alembic's door to the application: Flask-Migrate gives it the engine and the models."""

from alembic import context
from flask import current_app

from dashboard.database import Base, UTCDateTime

NOT_OURS = ("application_search",)
"""Search tables differ between the databases and are made by hand in the migrations, with SQLite's shadow tables."""


def include_object(_object, name, kind, _reflected, _compare_to):
    return not (kind == "table" and name and name.startswith(NOT_OURS))


def render_item(kind, thing, _context):
    """Migrations name the databases' own types: they must run when our classes have moved on."""
    return "sa.DateTime(timezone=True)" if kind == "type" and isinstance(thing, UTCDateTime) else False


def migrate(connection):
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        include_object=include_object,
        render_as_batch=True,
        compare_type=True,
        render_item=render_item,
    )
    with context.begin_transaction():
        context.run_migrations()


def run():
    # A backup is restored within a transaction of its own, on a connection of its own.
    given = context.config.attributes.get("connection")
    if given is not None:
        migrate(given)
        return
    with current_app.extensions["migrate"].db.engine.connect() as connection:
        migrate(connection)
        connection.commit()


run()
