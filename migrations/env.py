"""Alembic's door to the application: Flask-Migrate gives it the engine and the models."""

from alembic import context
from flask import current_app

from dashboard.database import Base

NOT_OURS = ("application_search",)
"""Search tables differ between the databases and are made by hand in the migrations, with SQLite's shadow tables."""


def include_object(_object, name, kind, _reflected, _compare_to):
    return not (kind == "table" and name and name.startswith(NOT_OURS))


def run():
    database = current_app.extensions["migrate"].db
    with database.engine.connect() as connection:
        context.configure(
            connection=connection,
            target_metadata=Base.metadata,
            include_object=include_object,
            render_as_batch=True,
            compare_type=True,
        )
        with context.begin_transaction():
            context.run_migrations()
        connection.commit()


run()
