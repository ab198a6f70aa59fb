"""The migrations: up and down on both databases, and what they make is what the models say."""

from __future__ import annotations

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from flask_migrate import downgrade, upgrade
from sqlalchemy import inspect, select, text

from dashboard import schema
from dashboard.database import Base
from dashboard.extensions import db
from dashboard.models import Application, FollowUp, ReminderTemplate
from dashboard.services import reminder_templates
from dashboard.services.reminder_words import fields_in
from tests.factories import event

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


def followed_up() -> dict[str, dict[str, object]]:
    """What stands in `follow_up` by application, but for its own ids and how far they came."""
    names = {column.name for column in FollowUp.__table__.columns} - {"id", "answered", "asked", "missing"}
    rows = db.session.execute(select(Application.talroo_id, FollowUp).join(FollowUp.application))
    return {talroo_id: {name: getattr(one, name) for name in names} for talroo_id, one in rows}


def one_of_a_kind(name: str, **same) -> dict:
    """An application's data that has nothing in common with another's but what is given."""
    own = {"tlrApplicationId": name, "tlrSid": name, "applicant": {"emailAddress": f"{name}@example.com"}}
    return own | {"job": {"originalJobReference": name}} | same


def test_who_was_unfinished_before_is_followed_up_as_if_they_had_come_after(app, deliver):
    person = {"applicant": {"emailAddress": "Ada@example.com"}, "job": {"originalJobReference": "WH-1"}}
    shared = {"application": {"tlrApplicationId": "a"}, "click": {"tlrSid": "c"}, "email": person, None: {}}
    for key, same in shared.items():
        deliver(event(kind="started:v1", application_id=f"begun {key}", **one_of_a_kind(f"b-{key}", **same)))
        deliver(event(application_id=f"finished {key}", **one_of_a_kind(f"f-{key}", **same)))
        deliver(event(application_id=f"finished again {key}", **one_of_a_kind(f"g-{key}", **same)))
    for number, started_at in enumerate(("2026-04-30T23:00:00Z", "2026-05-02T00:00:00Z")):
        same = {"applicant": {"emailAddress": f"{number}@example.com"}, "job": {"originalJobReference": "DR-1"}}
        deliver(event(**one_of_a_kind(f"h-{number}", applicationTime="2026-01-01T00:00:00Z", **same)))
        again = one_of_a_kind(f"i-{number}", createdAt=started_at, **same)
        deliver(event(kind="started:v1", application_id=f"begun again {number}", **again))
    with app.app_context():
        before = followed_up()
        db.session.remove()
        downgrade(revision="0001")
        upgrade()
        assert followed_up() == before
    assert {name: row["completed_key"] for name, row in before.items()} == {
        **{f"begun {key}": key for key in shared},
        "begun again 0": "email",
        "begun again 1": None,
    }


def test_there_are_templates_to_begin_with_that_can_be_sent(app):
    with app.app_context():
        templates = db.session.query(ReminderTemplate).order_by(ReminderTemplate.id).all()
        assert len(templates) == 3
        assert all(reminder_templates.message_problems(one.subject, one.body) == {} for one in templates)
        # Where no job has an apply address yet, there is one that needs none.
        assert [("apply_link" in fields_in(one.body)) for one in templates] == [True, True, False]
