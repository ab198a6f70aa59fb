"""Databases with so much in them that a planner prefers indexes: filled once a test process, copied for each test."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pytest
from flask import Flask, current_app
from sqlalchemy import text
from sqlalchemy.orm import Session

from config import Config
from dashboard import create_app
from dashboard.clock import utcnow
from dashboard.extensions import db
from dashboard.sandbox.material import many
from dashboard.services import seeding
from tests.application import DATABASES, MakeApp

MANY: Final = 2_000
"""Applications that `seeded` writes."""

Fill = Callable[[Session], None]
FilledWith = Callable[..., Flask]


def seeded(session: Session) -> None:
    """Completed applications of whoever the sandbox knows, with their jobs and files."""
    samples = (seeding.Sample(*made) for made in many(random.Random(3), MANY, utcnow()))
    assert sum(seeding.seed(session, current_app.extensions["file_store"], samples)) == MANY


@pytest.fixture(scope="session")
def stock(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Stock:
    return Stock(request, tmp_path_factory.mktemp("stock"))


@pytest.fixture(params=DATABASES)
def filled_with(request: pytest.FixtureRequest, stock: Stock, make_app: MakeApp, tmp_path: Path) -> FilledWith:
    """`filled_with(seeded, …)` → the application over a copy of what these wrote, one upon the other.

    Each takes a session. The planner knows how much there is.
    """
    if request.param == "sqlite":
        return lambda *fills: make_app(f"sqlite:///{shutil.copy(stock.file(*fills), tmp_path / 'dashboard.db')}")
    fresh_url = request.getfixturevalue("fresh_database_url")
    return lambda *fills: make_app(fresh_url(stock.database(*fills)))


@dataclass(slots=True)
class Stock:
    """What was filled so far. Nobody is connected to it, so that it can be copied."""

    request: pytest.FixtureRequest
    folder: Path
    _files: dict[tuple[Fill, ...], Path] = field(default_factory=dict)
    _databases: dict[tuple[Fill, ...], str] = field(default_factory=dict)

    def file(self, *fills: Fill) -> Path:
        """A SQLite file to be copied."""
        if not fills:
            return Path(self.request.getfixturevalue("migrated_file"))
        if fills not in self._files:
            path = shutil.copy(self.file(*fills[:-1]), self.folder / f"{len(self._files)}.db")
            self._write(f"sqlite:///{path}", fills[-1])
            self._files[fills] = path
        return self._files[fills]

    def database(self, *fills: Fill) -> str:
        """The name of a database in PostgreSQL to be copied."""
        if not fills:
            return str(self.request.getfixturevalue("migrated_database"))
        if fills not in self._databases:
            cluster = self.request.getfixturevalue("postgres")
            name = cluster.create(template=self.database(*fills[:-1]))
            self._write(cluster.url(name), fills[-1])
            self._databases[fills] = name
        return self._databases[fills]

    def _write(self, url: str, fill: Fill) -> None:
        app = create_app(Config(database_url=url, secret_key="for the tests only", files_url=f"file://{self.folder}"))
        app.extensions["notebook"].close()
        with app.app_context():
            fill(db.session())
            db.session.execute(text("ANALYZE"))
            db.session.commit()
            db.session.remove()
            db.engine.dispose()
