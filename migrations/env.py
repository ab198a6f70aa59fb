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


def run():
    database = current_app.extensions["migrate"].db
    with database.engine.connect() as connection:
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
        connection.commit()


run()
