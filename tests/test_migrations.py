"""The migrations: up and down on both databases, and what they make is what the models say."""

from __future__ import annotations

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from flask_migrate import downgrade, upgrade
from sqlalchemy import inspect, text

from dashboard import schema
from dashboard.database import Base
from dashboard.extensions import db

SEARCH = "application_search"


@pytest.fixture(params=["sqlite", "postgresql"])
def bare_app(request, make_app, tmp_path):
    """The application on a database without any table."""
    if request.param == "sqlite":
        return make_app(f"sqlite:///{tmp_path}/bare.db")
    return make_app(request.getfixturevalue("bare_database_url")())


def tables(app) -> set[str]:
    with app.app_context():
        found = {name for name in inspect(db.engine).get_table_names() if not name.startswith("sqlite_")}
        db.engine.dispose()
        return found


def test_up_makes_every_table_down_leaves_none_and_up_again_works(bare_app, capfd):
    wanted = {table.name for table in Base.metadata.tables.values()} | {"alembic_version"}
    for _ in range(2):
        with bare_app.app_context():
            upgrade()
        assert {name for name in tables(bare_app) if not name.startswith(SEARCH)} == wanted
        assert any(name.startswith(SEARCH) for name in tables(bare_app))
        with bare_app.app_context():
            downgrade(revision="base")
        assert tables(bare_app) == {"alembic_version"}
    said = capfd.readouterr()
    assert (said.out, said.err) == ("", "")


def test_the_models_and_the_migrations_agree(app):
    def ours(thing, name, kind, _reflected, _compared):
        return not (kind == "table" and name.startswith(SEARCH))

    with app.app_context(), db.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "include_object": ours})
        assert compare_metadata(context, Base.metadata) == []
        assert connection.scalar(text("SELECT version_num FROM alembic_version")) == schema.newest_revision()


def test_every_constraint_and_index_has_a_name(app):
    with app.app_context():
        known = inspect(db.engine)
        for table in Base.metadata.tables:
            named = [known.get_pk_constraint(table), *known.get_foreign_keys(table)]
            named += [*known.get_unique_constraints(table), *known.get_indexes(table)]
            assert all(one["name"] for one in named), table
