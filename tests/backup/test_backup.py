"""Backups: everything comes back as it was, on either database, and what must not go back in time does not."""

from __future__ import annotations

import hashlib
import io
import shutil
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from click.testing import Result
from flask import Flask
from sqlalchemy import MetaData, Table, create_engine, func, select, update
from sqlalchemy.orm import Session

from dashboard import schema
from dashboard.backup import archive, dump
from dashboard.clock import utcnow
from dashboard.database import start_writing
from dashboard.extensions import db
from dashboard.models import (
    Application,
    Attachment,
    Attempt,
    AuditEntry,
    Delivery,
    Erasure,
    Hold,
    OptOut,
    Outbound,
    StoredFile,
    Tombstone,
    User,
)
from dashboard.models.outbound import State
from dashboard.models.privacy import HoldKind
from dashboard.services import accounts, audit, erasing, holding, intake
from dashboard.services.erasing import Cause, Warrant
from dashboard.services.holding import Keeping
from tests.application import DATABASES, PASSWORD, MakeApp, signed_in_client
from tests.factories import as_body, event, payload, signed
from tests.stocked_site import token_of

SECRET_KEY = "for the tests only, nothing is secret"


@pytest.fixture
def make(make_app: MakeApp, tmp_path: Path, request: pytest.FixtureRequest) -> Callable[..., Flask]:
    """`make("sqlite", "other")` → a dashboard of that name, with a database and a file store of its own."""

    def build(database: str, name: str = "first", **settings: Any) -> Flask:
        if database == "sqlite":
            source = request.getfixturevalue("migrated_file")
            url = f"sqlite:///{shutil.copy(source, tmp_path / f'{name}.db')}"
        else:
            url = str(request.getfixturevalue("fresh_database_url")())
        return make_app(url, files_url=f"file://{tmp_path}/{name}", **settings)

    return build


@pytest.fixture(params=DATABASES)
def app(request: pytest.FixtureRequest, make: Callable[..., Flask]) -> Flask:
    return make(request.param)


def deliver(app: Flask, content: Any) -> str:
    """Deliver and return the application's id."""
    body = as_body(content)
    answer = app.test_client().post("/talroo/applications", data=body, headers=signed(body))
    assert answer.json["status"] == "accepted", answer.json
    return str(answer.json["application"])


def run(app: Flask, *words: Any) -> Result:
    """A command, as if nobody else used the database."""
    with app.app_context():
        db.session.remove()
        db.engine.dispose()
    return app.test_cli_runner().invoke(args=[*map(str, words)])


def backed_up(app: Flask, path: Path) -> Path:
    done = run(app, "backup", path)
    assert done.exit_code == 0, done.output
    return path


def restored(app: Flask, path: Path) -> str:
    done = run(app, "restore", path)
    assert done.exit_code == 0, done.output
    return done.output


@contextmanager
def database(app: Flask) -> Iterator[Session]:
    with app.app_context(), Session(db.engine) as session:
        yield session
        session.commit()


def lose_files(folder: Path) -> None:
    """As a file store does whose disk was exchanged."""
    for path in folder.rglob("*"):
        if path.is_file():
            path.unlink()


NOT_COMPARED = ("audit_entry", "audit_head", "outbound")
"""Backing up and restoring is noted, and what waits to be sent has tests of its own."""


def contents(app: Flask) -> dict[str, list[Any]]:
    """Every row of every table that a backup has, but for marks of what waits for the index."""
    tables = [table for table in dump.tables() if table.name not in NOT_COMPARED]
    with database(app) as session:
        return {table.name: [_told(row) for row in session.execute(_all(table)).mappings()] for table in tables}


def _all(table: Table) -> Any:
    return select(table).order_by(*table.primary_key)


def _told(row: Any) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != "unindexed"}


def lived_in(app: Flask) -> str:
    """A dashboard somebody works with: two applications, one hired and noted about. Returns that one's id."""
    deliver(app, event())
    hired = deliver(app, payload("complete"))
    client = signed_in_client(app, "recruiter")
    token = token_of(client.get(f"/applications/{hired}").text)
    client.post(f"/applications/{hired}/hire", data={"csrf_token": token})
    client.post(f"/applications/{hired}/notes", data={"csrf_token": token, "body": "Grüße — 你好", "token": "t"})
    return hired


@pytest.mark.parametrize("into", DATABASES)
def test_everything_comes_back_in_either_database(app: Flask, make: Callable[..., Flask], tmp_path: Path, into: str):
    hired = lived_in(app)
    before, path = contents(app), backed_up(app, tmp_path / "whole.tar")
    other = make(into, "second")
    restored(other, path)
    assert contents(other) == before
    page = signed_in_client(other, "recruiter").get(f"/applications/{hired}")
    assert page.status_code == 200
    assert 'data-stage="hired"' in page.text
    with database(other) as session:
        file = session.scalars(select(Attachment.public_id).where(Attachment.question_id.is_(None))).first()
    assert signed_in_client(other, "recruiter").get(f"/files/{file}").status_code == 200
    assert deliver(other, event())  # new rows are numbered on


def test_bodies_are_rebuilt_to_the_byte(app: Flask, make: Callable[..., Flask], tmp_path: Path):
    body = as_body(payload("complete"))
    deliver(app, body)
    other = make("sqlite", "second")
    restored(other, backed_up(app, tmp_path / "whole.tar"))
    with database(other) as session:
        assert intake.exact_body(session.scalars(select(Delivery)).one(), other.extensions["file_store"]) == body


def test_a_backup_into_its_own_database_brings_back_what_was_lost(app: Flask, tmp_path: Path):
    hired = lived_in(app)
    path = backed_up(app, tmp_path / "whole.tar")
    with database(app) as session:
        session.execute(update(Application).values(first_name="Overwritten"))
    lose_files(tmp_path / "first")
    restored(app, path)
    with database(app) as session:
        assert set(session.scalars(select(Application.first_name))) == {"Ada"}
    page = signed_in_client(app, "recruiter").get(f"/applications/{hired}").text
    assert "Grüße — 你好" in page


def test_what_is_searched_for_is_found_once_the_index_is_made_again(app: Flask, tmp_path: Path):
    lived_in(app)
    restored(app, backed_up(app, tmp_path / "whole.tar"))
    assert 'data-total="2"' in signed_in_client(app, "recruiter").get("/applications?q=ada").text


# --- what must not go back in time ------------------------------------------------------------------------------------


def test_who_was_shut_out_since_stays_out_and_who_came_since_stays(app: Flask, tmp_path: Path):
    lived_in(app)
    path = backed_up(app, tmp_path / "whole.tar")
    with database(app) as session:
        session.execute(update(User).values(active=False))
        accounts.add_user(session, "new@example.com", PASSWORD, "hr_admin", now=utcnow())
    output = restored(app, path)
    with database(app) as session:
        users = dict(session.execute(select(User.email, User.active)).all())
    assert users == {"recruiter@example.com": False, "new@example.com": True}
    assert "2 users as they are now" in output


def test_opt_outs_and_erasure_marks_stay(app: Flask, make: Callable[..., Flask], tmp_path: Path):
    lived_in(app)
    path = backed_up(app, tmp_path / "whole.tar")
    for place in (app, make("sqlite", "second")):
        with database(place) as session:
            session.add(OptOut(email_hash="a" * 64, at=utcnow(), how="link"))
            session.add(Tombstone(key_hash="b" * 64, kind="email", erased_at=utcnow()))
        restored(place, path)
        with database(place) as session:
            assert (session.scalar(select(OptOut.email_hash)), session.scalar(select(Tombstone.key_hash))) == (
                "a" * 64,
                "b" * 64,
            )


def test_whoever_was_erased_since_is_not_brought_back(app: Flask, tmp_path: Path):
    hired = lived_in(app)
    path = backed_up(app, tmp_path / "whole.tar")
    with database(app) as session:
        start_writing(session)
        erasing.erase(session, [hired], Warrant(Cause.REQUEST, "asked", utcnow()))
    restored(app, path)
    with database(app) as session:
        assert session.scalar(select(Application).where(Application.public_id == hired)) is None
        assert session.scalar(select(func.count()).select_from(Attachment)) == 0
        assert session.scalars(select(Erasure.finished_at)).all().count(None) == 0
    assert not [path for path in (tmp_path / "first").rglob("*") if path.is_file()]


def test_what_came_after_the_backup_leaves_no_file_behind(app: Flask, tmp_path: Path):
    deliver(app, event())
    path = backed_up(app, tmp_path / "whole.tar")
    deliver(app, payload("complete"))
    restored(app, path)
    assert not [path for path in (tmp_path / "first").rglob("*") if path.is_file()]


def test_who_is_held_or_restricted_since_stays_so(app: Flask, tmp_path: Path):
    hired, other = lived_in(app), deliver(app, event())
    path = backed_up(app, tmp_path / "whole.tar")
    with database(app) as session:
        start_writing(session)
        for public_id, kind in ((hired, HoldKind.LEGAL), (other, HoldKind.RESTRICTION)):
            holding.place(session, [public_id], Keeping(kind, "a case", None, utcnow(), None))
    restored(app, path)
    with database(app) as session:
        assert set(session.scalars(select(Hold.kind))) == {"legal", "restriction"}
        restricted = session.scalars(select(Application).where(Application.restricted_at.is_not(None))).one()
        assert (restricted.public_id, restricted.inbox_no) == (other, None)


def test_the_audit_log_goes_on(app: Flask, tmp_path: Path):
    lived_in(app)
    path = backed_up(app, tmp_path / "whole.tar")
    backed_up(app, tmp_path / "again.tar")
    restored(app, path)
    restored(app, tmp_path / "again.tar")
    with database(app) as session:
        verified = audit.verify(session, (SECRET_KEY,))
        actions = list(session.scalars(select(AuditEntry.action).order_by(AuditEntry.number)))
    assert verified.broken is None
    assert actions[-4:] == ["backed_up", "backed_up", "restored", "restored"]


def test_what_was_reported_since_is_not_reported_again(app: Flask, tmp_path: Path):
    lived_in(app)
    path = backed_up(app, tmp_path / "whole.tar")
    with database(app) as session:
        row = session.scalars(select(Outbound)).one()
        row.state, row.sent_at, row.attempts = State.SENT, utcnow(), 1
        session.add(_attempt(row.id))
    restored(app, path)
    with database(app) as session:
        row = session.scalars(select(Outbound)).one()
        assert (row.state, row.attempts, len(row.tries)) == (State.SENT, 1, 1)


def _attempt(outbound_id: int) -> Attempt:
    return Attempt(outbound_id=outbound_id, number=1, worker="w", started_at=utcnow(), outcome="sent")


def test_where_nobody_knows_what_was_reported_since_a_person_decides(app: Flask, make: Any, tmp_path: Path):
    lived_in(app)
    other = make("sqlite", "second")
    restored(other, backed_up(app, tmp_path / "whole.tar"))
    with database(other) as session:
        row = session.scalars(select(Outbound)).one()
        assert row.state == State.PARKED
        assert "may have gone out since" in (row.last_answer or "")


# --- what is no backup ------------------------------------------------------------------------------------------------


def damaged(path: Path, at: float) -> None:
    content = bytearray(path.read_bytes())
    content[int(len(content) * at)] ^= 0xFF
    path.write_bytes(content)


@pytest.mark.parametrize("kept", [0.2, 0.6, 0.8])
def test_a_backup_that_was_cut_off_is_refused_and_nothing_changes(make: Any, tmp_path: Path, kept: float):
    app = make("sqlite")
    lived_in(app)
    path = backed_up(app, tmp_path / "whole.tar")
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * kept)])
    before = contents(app)
    done = run(app, "restore", path)
    assert (done.exit_code, done.stderr.count("\n")) == (1, 1)
    assert "was not restored" in done.stderr
    assert contents(app) == before


@pytest.mark.parametrize("at", [0.1, 0.3, 0.5, 0.7, 0.95])
def test_a_damaged_backup_is_never_restored_as_if_it_were_whole(make: Any, tmp_path: Path, at: float):
    app = make("sqlite")
    lived_in(app)
    path = backed_up(app, tmp_path / "whole.tar")
    whole = contents(app)
    damaged(path, at)
    run(app, "restore", path)  # a byte of padding may be anything
    assert contents(app) == whole


def test_a_backup_whose_files_were_exchanged_is_refused(make: Any, tmp_path: Path):
    app = make("sqlite")
    lived_in(app)
    path, forged = backed_up(app, tmp_path / "whole.tar"), tmp_path / "forged.tar"
    with tarfile.open(path) as old, tarfile.open(forged, "w") as new:
        for member in old.getmembers():
            content = old.extractfile(member).read()
            if member.name.startswith("files/"):
                content = b"not " + content
                member.name, member.size = f"files/{hashlib.sha256(content).hexdigest()}", len(content)
            new.addfile(member, io.BytesIO(content))
    done = run(app, "restore", forged)
    assert done.exit_code == 1
    assert "not those that were backed up" in done.stderr


def test_a_backup_under_another_key_is_refused_until_that_key_is_known(make: Any, tmp_path: Path):
    path = backed_up(make("sqlite", secret_key="the key of last year, thirty-two bytes"), tmp_path / "whole.tar")
    done = run(make("sqlite", "second"), "restore", path)
    assert done.exit_code == 1
    assert "another SECRET_KEY" in done.stderr
    retired = ("the key of last year, thirty-two bytes",)
    assert run(make("sqlite", "third", secret_key_retired=retired), "restore", path).exit_code == 0


@pytest.mark.parametrize("content", [b"", b"not a tar", b"\0" * 10_240])
def test_another_file_is_no_backup(make: Any, tmp_path: Path, content: bytes):
    path = tmp_path / "other"
    path.write_bytes(content)
    done = run(make("sqlite"), "restore", path)
    assert (done.exit_code, done.stderr.count("\n")) == (1, 1)


def test_checking_replaces_nothing(make: Any, tmp_path: Path):
    app = make("sqlite")
    path = backed_up(app, tmp_path / "whole.tar")
    lived_in(app)
    before = contents(app)
    done = run(app, "restore", path, "--check")
    assert done.exit_code == 0
    assert "is whole" in done.output
    assert contents(app) == before


def test_a_file_is_never_written_over(make: Any, tmp_path: Path):
    path = tmp_path / "there.tar"
    path.write_text("mine")
    assert run(make("sqlite"), "backup", path).exit_code == 1
    assert path.read_text() == "mine"


def test_a_backup_is_for_its_owners_eyes(make: Any, tmp_path: Path):
    assert backed_up(make("sqlite"), tmp_path / "whole.tar").stat().st_mode & 0o077 == 0


def test_a_file_the_store_has_lost_is_told_and_the_rest_is_backed_up(make: Any, tmp_path: Path):
    app = make("sqlite")
    lived_in(app)
    lose_files(tmp_path / "first")
    done = run(app, "backup", tmp_path / "whole.tar")
    assert done.exit_code == 0
    assert "missing in the file store" in done.stderr
    assert run(app, "restore", tmp_path / "whole.tar").exit_code == 0


# --- while the dashboard runs -----------------------------------------------------------------------------------------


def test_rows_of_a_backup_are_of_one_moment(app: Flask, tmp_path: Path, make: Any):
    """While it is written, somebody delivers: none of that is in it, and everything before is."""
    ids = {deliver(app, event()) for _ in range(3)}
    late: list[str] = []

    def told(_done: int) -> None:
        if len(late) < 3:
            late.append(deliver(app, event()))

    path = tmp_path / "whole.tar"
    with app.app_context():
        dump.backup(db.engine, app.extensions["file_store"], path, secret=SECRET_KEY, now=utcnow(), told=told)
    other = make("sqlite", "second")
    restored(other, path)
    with database(other) as session:
        assert set(session.scalars(select(Application.public_id))) == ids
        assert len(late) == 3


def test_nothing_is_replaced_under_a_running_dashboard(make: Any, tmp_path: Path):
    app = make("sqlite")
    path = backed_up(app, tmp_path / "whole.tar")
    lived_in(app)
    before = contents(app)
    beside = create_engine(f"sqlite:///{tmp_path}/first.db")
    with beside.connect() as idle:
        idle.execute(select(StoredFile.sha256)).all()
        idle.rollback()
        done = run(app, "restore", path)
    beside.dispose()
    assert done.exit_code == 1
    assert "in use" in done.stderr
    assert contents(app) == before


def test_a_database_too_broken_to_be_read_is_replaced(make: Any, tmp_path: Path):
    app = make("sqlite")
    hired = lived_in(app)
    path = backed_up(app, tmp_path / "whole.tar")
    with app.app_context():
        db.session.remove()
        db.engine.dispose()
    (tmp_path / "first.db").write_bytes(b"broken" * 10_000)
    restored(app, path)
    assert signed_in_client(app, "recruiter").get(f"/applications/{hired}").status_code == 200


def test_a_backup_of_older_tables_is_brought_to_this_version(make: Any, tmp_path: Path):
    app = make("sqlite")
    hired = lived_in(app)
    other = make("sqlite", "second")
    restored(other, _backup_of_0004(app, tmp_path / "old.tar"))
    assert signed_in_client(other, "recruiter").get(f"/applications/{hired}").status_code == 200
    with database(other) as session:
        assert set(session.scalars(select(Application.is_test))) == {False}


def _backup_of_0004(app: Flask, path: Path) -> Path:
    """What the version before would have written."""
    there = MetaData()
    with app.app_context():
        db.session.remove()
        command.downgrade(app.extensions["migrate"].migrate.get_config(), "0004")
        with db.engine.connect() as connection, archive.written(path, utcnow()) as writer:
            there.reflect(connection)
            left_out = {"alembic_version", *dump.LEFT_OUT, *(name for name in there.tables if "search" in name)}
            tables = {}
            for table in there.sorted_tables:
                if table.name in left_out:
                    continue
                columns = tuple((column.name, archive.kind_of(column)) for column in table.columns)
                rows = [
                    [archive.encode(value, kind) for value, (_, kind) in zip(row, columns, strict=True)]
                    for row in connection.execute(select(table))
                ]
                writer.rows(table.name, 1, rows)
                tables[table.name] = archive.TableContents(columns, len(rows))
            manifest = archive.Manifest(utcnow().isoformat(), "0004", "sqlite", 0, "", tables)
            writer.manifest(manifest, SECRET_KEY)
    return path


def test_a_backup_of_a_newer_version_is_refused(make: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    app = make("sqlite")
    path = backed_up(app, tmp_path / "whole.tar")
    monkeypatch.setattr(schema, "revisions", lambda: frozenset({"0001"}))
    done = run(app, "restore", path)
    assert done.exit_code == 1
    assert "newer version" in done.stderr
