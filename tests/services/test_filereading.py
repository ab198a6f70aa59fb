"""Reading files in the background: every one once, whatever the files and the store are like."""

from __future__ import annotations

import hashlib
import random
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from dashboard.inbox import Inbox
from dashboard.inbox_pages import inbox_page
from dashboard.models import Attachment, StoredFile
from dashboard.services import indexing
from dashboard.services.filereading import MOST_PASSED_OVER, FileReader
from dashboard.services.files import LocalFiles
from tests.outbox_fixtures import NOON, Clock, add_applicant


class Store(LocalFiles):
    """A store in which some files are in trouble. `fetched`: what was asked for, in order."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.troubled: set[str] = set()
        self.fetched: list[str] = []

    def get(self, sha256: str) -> bytes:
        self.fetched.append(sha256)
        if sha256 in self.troubled:
            raise PermissionError(13, "no")
        return super().get(sha256)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "files")


@pytest.fixture
def reader(engine: Engine, store: Store, clock: Clock) -> FileReader:
    return FileReader(lambda: Session(engine), store, clock=clock, rng=random.Random(1))


def add_file(session: Session, store: Store, content: bytes, *, mime: str = "text/plain", keep: bool = True) -> str:
    """A file of a new applicant, not read yet."""
    sha256 = hashlib.sha256(content).hexdigest()
    if keep:
        store.put(sha256, content)
    session.add(StoredFile(sha256=sha256, size=len(content), mime=mime, stored_at=NOON))
    session.commit()
    application = add_applicant(session)
    session.add(
        Attachment(application_id=application.id, sha256=sha256, size=1, verdict="ok", arrived_at=NOON, file_name="r")
    )
    session.commit()
    return sha256


def read_all(reader: FileReader) -> int:
    times = 0
    while reader.read_next():
        times += 1
    return times


def state_of(session: Session, sha256: str) -> tuple[bool, str | None, str | None]:
    session.rollback()
    file = session.scalars(select(StoredFile).where(StoredFile.sha256 == sha256)).one()
    return file.read_at is not None, file.text, file.problem


def test_a_file_is_read_once_and_its_applicant_is_found_by_its_words(
    session: Session, store: Store, reader: FileReader
):
    sha256 = add_file(session, store, b"Fluent in Esperanto and forklifts.")
    assert read_all(reader) == 1
    assert state_of(session, sha256) == (True, "Fluent in Esperanto and forklifts.", None)
    assert read_all(reader) == 0
    session.rollback()
    assert indexing.index_waiting(lambda: Session(session.get_bind())) > 0
    assert len(inbox_page(session, Inbox(text="esperanto"), None).rows) == 1


def test_two_readers_of_one_file_do_no_harm(
    session: Session, store: Store, reader: FileReader, engine: Engine, clock: Clock
):
    sha256 = add_file(session, store, b"Once is enough.")
    other = FileReader(lambda: Session(engine), store, clock=clock, rng=random.Random(2))
    found = reader._choose()
    assert other.read_next()
    assert found is not None
    clock.advance(minutes=5)
    reader._choose = lambda: found  # type: ignore[method-assign]
    assert reader.read_next()
    assert state_of(session, sha256)[1] == "Once is enough."
    assert session.scalars(select(StoredFile.read_at)).one() == NOON


def test_a_file_that_crashes_its_reader_is_settled_and_stops_nobody(session: Session, store: Store, reader: FileReader):
    poison = add_file(session, store, b"%PDF-1.7\n" + b"\xff" * 2_000, mime="application/pdf")
    sound = add_file(session, store, b"Sound.")
    assert read_all(reader) == 2
    was_read, words, problem = state_of(session, poison)
    assert (was_read, words) == (True, None)
    assert problem
    assert state_of(session, sound) == (True, "Sound.", None)


def test_a_file_the_store_lost_says_so(session: Session, store: Store, reader: FileReader):
    lost = add_file(session, store, b"gone", keep=False)
    read_all(reader)
    assert state_of(session, lost) == (True, None, "The file store does not hold this file.")


def test_a_file_that_cannot_be_fetched_now_lets_the_others_pass_and_is_tried_again_later(
    session: Session, store: Store, reader: FileReader, clock: Clock
):
    stuck = add_file(session, store, b"Stuck.")
    sound = add_file(session, store, b"Sound.")
    store.troubled.add(stuck)
    read_all(reader)
    assert state_of(session, stuck)[0] is False
    assert state_of(session, sound)[0] is True
    assert store.fetched.count(stuck) == 1
    store.troubled.clear()
    clock.advance(minutes=2)
    read_all(reader)
    assert state_of(session, stuck)[1] == "Stuck."


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_store_that_is_down_is_not_asked_for_every_file_there_is(
    session: Session, store: Store, reader: FileReader, clock: Clock
):
    for number in range(MOST_PASSED_OVER + 10):
        store.troubled.add(add_file(session, store, b"%d" % number, keep=False))
    assert read_all(reader) == MOST_PASSED_OVER
    clock.advance(seconds=61)
    store.troubled.clear()
    assert read_all(reader) == MOST_PASSED_OVER + 10
    assert clock() - NOON < timedelta(minutes=2)


def test_a_file_erased_while_it_was_read_is_let_go(session: Session, store: Store, reader: FileReader):
    sha256 = add_file(session, store, b"Forget me.")
    read = store.get

    def erase_and_get(wanted: str) -> bytes:
        session.rollback()
        session.execute(Attachment.__table__.delete())
        session.execute(StoredFile.__table__.delete())
        session.commit()
        return read(wanted)

    store.get = erase_and_get  # type: ignore[method-assign]
    assert reader.read_next()
    assert session.get(StoredFile, sha256) is None
    assert not reader.read_next()
