"""A setting that was changed is noted by its name, once, however many workers start."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields, replace
from datetime import UTC, datetime

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from config import Config
from dashboard.extensions import db
from dashboard.models import AuditEntry
from dashboard.services.settings_watch import note_changes

NOW = datetime(2026, 11, 27, 9, 30, tzinfo=UTC)
MAIL = "smtp://ann:Xyzzyqua@mail.example:587"


@pytest.fixture
def session(app: Flask) -> Iterator[Session]:
    with app.app_context():
        yield db.session()


@pytest.fixture
def config(app: Flask) -> Config:
    found: Config = app.config["SETTINGS"]
    return found


def changed(session: Session, config: Config) -> set[str]:
    return set(note_changes(session, config, now=NOW))


def entries(session: Session) -> list[AuditEntry]:
    return list(session.scalars(select(AuditEntry).order_by(AuditEntry.number)))


def test_the_first_start_notes_what_there_is_and_the_next_one_nothing(session: Session, config: Config):
    for _ in range(3):
        assert changed(session, config) == set()
    assert [json.loads(one.details).get("first") for one in entries(session)] == [1]


def test_what_was_changed_is_noted_by_its_name_alone(session: Session, config: Config):
    changed(session, config)
    other = replace(config, mail_url=MAIL, talroo_conversion_events={"hired": 3})
    assert changed(session, other) == {"MAIL_URL", "TALROO_CONVERSION_EVENTS"}
    assert changed(session, other) == set()
    entry = entries(session)[-1]
    assert json.loads(entry.details)["settings"] == ["TALROO_CONVERSION_EVENTS", "MAIL_URL"]
    assert "Xyzzyqua" not in entry.details
    assert changed(session, config) == {"MAIL_URL", "TALROO_CONVERSION_EVENTS"}


def test_a_setting_that_a_release_brings_was_not_changed_and_is_watched_from_then_on(
    session: Session, config: Config, monkeypatch: pytest.MonkeyPatch
):
    with monkeypatch.context() as older:
        known = [setting for setting in fields(config) if setting.name != "web_workers"]
        older.setattr("dashboard.services.settings_watch.fields", lambda _: known)
        changed(session, config)
    assert changed(session, config) == set()
    assert changed(session, replace(config, web_workers=7)) == {"WEB_WORKERS"}


def test_a_key_that_was_changed_and_kept_as_retired_hides_no_other_change(session: Session, config: Config):
    changed(session, config)
    rotated = replace(config, secret_key="n" * 32, secret_key_retired=(config.secret_key,), web_workers=5)
    assert changed(session, rotated) == {"SECRET_KEY", "SECRET_KEY_RETIRED", "WEB_WORKERS"}
    assert changed(session, rotated) == set()
    assert changed(session, replace(rotated, web_workers=6)) == {"WEB_WORKERS"}


def test_a_key_that_was_lost_is_all_that_can_be_told(session: Session, config: Config):
    changed(session, config)
    assert changed(session, replace(config, secret_key="n" * 32, web_workers=5)) == {"SECRET_KEY"}


def test_of_workers_that_start_at_once_one_notes_it(app: Flask, session: Session, config: Config):
    changed(session, config)
    session.rollback()
    engine, other = db.engine, replace(config, mail_url=MAIL)

    def start(_: int) -> set[str]:
        with Session(engine) as own:
            return changed(own, other)

    with ThreadPoolExecutor(4) as workers:
        noted = list(workers.map(start, range(4)))
    assert sorted(noted, key=len) == [set(), set(), set(), {"MAIL_URL"}]
    assert len(entries(session)) == 2
