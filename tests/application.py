"""The dashboard inside the test process, on either database: `app`, `client`, `deliver`, `sign_in`."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from argon2 import PasswordHasher
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from config import Config
from dashboard import create_app
from dashboard.clock import utcnow
from dashboard.extensions import db
from dashboard.models import User
from dashboard.services import accounts
from tests.factories import SECRET, as_body, signed
from tests.infrastructure.made_once import share_with
from tests.infrastructure.postgres import migrate

DATABASES: Final = ("sqlite", "postgresql")
PASSWORD: Final = "correct horse battery"
HASHED: Final = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
"""As cheap as can be; at the site's own cost, half of the tests would begin with 50 ms of hashing."""

MakeApp = Callable[..., Flask]
Deliver = Callable[..., TestResponse]


class Visitor(FlaskClient):
    """A client that takes answers whole, as every server does: what an unread one holds would never be let go.

    `buffered=False` leaves an answer to be taken piece by piece, or not to its end.
    """

    def open(self, *args: Any, buffered: bool = True, **kwargs: Any) -> TestResponse:
        return super().open(*args, buffered=buffered, **kwargs)


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with every table in it and no rows, to be copied."""
    path = tmp_path_factory.mktemp("migrated") / "dashboard.db"
    migrate(f"sqlite:///{path}")
    return path


@pytest.fixture
def sqlite_url(migrated_file: Path, tmp_path: Path) -> str:
    return f"sqlite:///{shutil.copy(migrated_file, tmp_path / 'dashboard.db')}"


@pytest.fixture(params=DATABASES)
def database_url(request: pytest.FixtureRequest) -> str:
    """A migrated, empty database; every test that asks for it, directly or not, runs on both kinds."""
    if request.param == "sqlite":
        return str(request.getfixturevalue("sqlite_url"))
    return str(request.getfixturevalue("fresh_database_url")())


@pytest.fixture
def make_app(tmp_path: Path) -> Iterator[MakeApp]:
    """`make_app(database_url, **settings)` → the application, with settings named as on `Config`."""
    made: list[Flask] = []

    def make(url: str, **settings: Any) -> Flask:
        defaults = {
            "secret_key": "for the tests only, nothing is secret",
            "files_url": f"file://{tmp_path}/files",
            "metrics_dir": f"{tmp_path}/metrics",
            "talroo_webhook_secrets": (SECRET,),
        }
        app = create_app(Config(database_url=url, **{**defaults, **settings}))
        app.test_client_class = Visitor
        share_with(app)
        # Writes when a page asks for it: by itself, it would now and then take a test's turn.
        app.extensions["notebook"].close()
        made.append(app)
        return app

    yield make
    for app in made:
        with app.app_context():
            db.session.remove()
            db.engine.dispose()


@pytest.fixture
def app(make_app: MakeApp, database_url: str) -> Flask:
    """The application with its usual settings, on SQLite and on PostgreSQL."""
    return make_app(database_url)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """Somebody who is not signed in."""
    return app.test_client()


@pytest.fixture
def deliver(app: Flask) -> Deliver:
    """`deliver(payload)` posts it as Talroo would, freshly signed: bytes as they are, anything else as JSON."""

    def post(content: Any, *, age: float = 0, query: str = "") -> TestResponse:
        body = as_body(content)
        return app.test_client().post(f"/talroo/applications{query}", data=body, headers=signed(body, age=age))

    return post


@pytest.fixture
def sign_in(app: Flask) -> Callable[..., FlaskClient]:
    """`sign_in("recruiter")` → a client signed in as a user with that role, made if need be."""
    return lambda role="recruiter": signed_in_client(app, role)


def signed_in_client(app: Flask, role: str) -> FlaskClient:
    client = app.test_client()
    email = f"{role.replace('_', '-')}@example.com"
    with app.app_context():
        user = db.session.query(User).filter_by(email=email).one_or_none()
        if user is None:
            user = User(email=email, password_hash=HASHED, role=role, created_at=utcnow())
            db.session.add(user)
            db.session.flush()
        token = accounts.sign_in(db.session(), user, address="127.0.0.1", user_agent="the tests", now=utcnow())
        db.session.commit()
    with client.session_transaction() as session:
        session["_user_id"] = token
        session["_fresh"] = True
    return client
