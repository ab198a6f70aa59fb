"""Files and answers of many as one archive: whole, in order, safely named, and never all of it in memory."""

from __future__ import annotations

import csv
import hashlib
import io
import os
import tracemalloc
import unicodedata
from collections.abc import Sequence
from pathlib import Path, PurePosixPath, PureWindowsPath
from zipfile import ZipFile

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from dashboard import filetypes
from dashboard.models import Application, Attachment, Delivery, StoredFile
from dashboard.services import bundle
from dashboard.services.files import FileMissing, LocalFiles
from dashboard.talroo.answer_sheet import Answer, AnswerSheet, Question, State
from tests.factories import as_body, event
from tests.outbox_fixtures import NOON, add_applicant

WINDOWS_KEEPS = ("CON", "PRN", "AUX", "NUL", "COM1", "LPT9")


@pytest.fixture
def store(tmp_path: Path) -> LocalFiles:
    return LocalFiles(tmp_path / "files")


def add_file(
    session: Session,
    application: Application,
    content: bytes | None,
    name: str,
    store: LocalFiles | None,
    **more: object,
) -> Attachment:
    """A saved attachment; its content is in `store` unless there is none."""
    sha256 = None if content is None else hashlib.sha256(content).hexdigest()
    if content is not None and session.get(StoredFile, sha256) is None:
        mime = filetypes.detect(content).mime
        session.add(StoredFile(sha256=sha256, size=len(content), mime=mime, stored_at=NOON))
    facts = {"verdict": "ok", "arrived_at": NOON, "size": len(content or b""), **more}
    attachment = Attachment(application_id=application.id, file_name=name, sha256=sha256, **facts)
    session.add(attachment)
    session.commit()
    if store and content is not None:
        store.put(str(sha256), content)
    return attachment


def add_answers(session: Session, application: Application, *asked: tuple[str, object]) -> None:
    """The delivery that brought what the applicant answered."""
    items = [
        {"question": {"id": f"q{number}", "type": "text", "question": text}, "answer": answer}
        for number, (text, answer) in enumerate(asked)
    ]
    body = as_body(event(questionsAndAnswers={"questionsAndAnswers": items}))
    key = f"event:{application.id}"
    facts = {"source": "pushed", "received_at": NOON, "timing": "fresh", "size": len(body), "status": "accepted"}
    delivery = Delivery(key=key, body=body, **facts)
    session.add(delivery)
    session.commit()
    application.answers_from_id = delivery.id
    session.commit()


def packed(session: Session, applications: Sequence[Application], store: LocalFiles) -> ZipFile:
    numbers = [one.id for one in applications]
    archive = b"".join(bundle.pieces(session, numbers, store, "https://jobs.example.com/applications/{}".format))
    opened = ZipFile(io.BytesIO(archive))
    assert opened.testzip() is None
    return opened


def answers(archive: ZipFile) -> list[dict[str, str]]:
    table = archive.read("answers.csv").decode()
    assert table.startswith("\ufeff")
    return list(csv.DictReader(io.StringIO(table.removeprefix("\ufeff"))))


def folder(application: Application) -> str:
    return bundle.folder_name(application.last_name, application.first_name, application.public_id)


def test_each_application_has_a_folder_with_its_files_and_the_answers_stand_on_top(session: Session, store: LocalFiles):
    ada, bea = add_applicant(session, "Ada"), add_applicant(session, "Bea")
    add_file(session, ada, b"%PDF-1.4 ada", "cv.pdf", store)
    add_file(session, ada, b"Dear all", "../../letter.txt", store, question_id="letter")
    add_file(session, bea, b"%PDF-1.4 bea", "cv.pdf", store)
    add_answers(session, ada, ("Nights?", "Yes"), ("RN license", ""))
    ada.public_id = ada_id = "-x7Kp0_Zq3-dE5gH9jK1aB"
    session.commit()
    ada_folder, bea_folder = folder(ada), folder(bea)
    archive = packed(session, [bea, ada], store)
    assert archive.namelist() == [
        "answers.csv",
        f"{bea_folder}/cv.pdf",
        f"{ada_folder}/cv.pdf",
        f"{ada_folder}/letter.txt",
    ]
    assert ada_folder == "Quill_Ada_x7Kp0_Z"
    assert archive.read(f"{bea_folder}/cv.pdf") == b"%PDF-1.4 bea"
    assert [(row["question"], row["answer"], row["state"]) for row in answers(archive)] == [
        ("Nights?", "Yes", "answered"),
        ("RN license", "", "left empty"),
    ]
    (first, _) = answers(archive)
    assert first["application"] == f"https://jobs.example.com/applications/{ada_id}"
    assert (first["name"], first["folder"]) == ("Ada Quill", ada_folder)


def test_what_is_not_in_the_store_is_named_and_everything_else_is_there(session: Session, store: LocalFiles):
    ada = add_applicant(session)
    add_file(session, ada, b"gone", "gone.txt", None)
    add_file(session, ada, None, "empty.pdf", None)
    add_file(session, ada, b"here", "here.txt", store)
    where = folder(ada)
    archive = packed(session, [ada], store)
    assert archive.namelist() == ["answers.csv", f"{where}/here.txt", "MISSING.txt"]
    told = archive.read("MISSING.txt").decode().split("\r\n")
    assert told[2:4] == [f"{where}/gone.txt", f"{where}/empty.pdf.bin"]


def test_files_of_one_name_are_all_there_and_an_undecoded_one_says_what_it_is(session: Session, store: LocalFiles):
    ada = add_applicant(session)
    for number, name in enumerate(("cv.txt", "CV.txt", "cv.txt")):
        add_file(session, ada, b"text %d" % number, name, store)
    add_file(session, ada, b"!not base64!", "cv.pdf", store, verdict="unreadable")
    where = folder(ada)
    archive = packed(session, [ada], store)
    assert archive.namelist()[1:] == [
        f"{where}/{name}" for name in ("cv.txt", "CV (2).txt", "cv (3).txt", "cv.pdf.base64.txt")
    ]


def test_two_of_one_name_and_a_like_id_have_folders_of_their_own(session: Session, store: LocalFiles):
    one, other = (add_applicant(session, public_id=f"{start}-and-more") for start in ("SameStart", "samestart"))
    for application in (one, other):
        add_file(session, application, b"text", "cv.txt", store)
    archive = packed(session, [one, other], store)
    assert archive.namelist()[1:] == ["Quill_Ada_SameStar/cv.txt", "Quill_Ada_samestar (2)/cv.txt"]


def test_no_cell_of_the_answers_is_a_formula(session: Session, store: LocalFiles):
    ada = add_applicant(session, first_name="=1+1", last_name="")
    add_answers(session, ada, ("@SUM(A1)", "-2+3"))
    (first,) = answers(packed(session, [ada], store))
    assert (first["name"], first["question"], first["answer"]) == ("'=1+1", "'@SUM(A1)", "'-2+3")


def test_many_long_choices_are_cut_to_what_a_cell_holds():
    question = Question("q", "select", "Why?", False, State.ANSWERED, answers=(Answer("x" * 19_000),) * 2)
    ((_, answer, _),) = bundle.said(AnswerSheet((question,)))
    assert len(answer) == bundle.MAX_ANSWER


def test_nobody_waits_for_the_database_while_somebody_downloads_slowly(session: Session, store: LocalFiles):
    ada = add_applicant(session)
    add_file(session, ada, b"text", "cv.txt", store)
    add_answers(session, ada, ("Nights?", "Yes"))
    under_way = [session.in_transaction() for _ in bundle.pieces(session, [ada.id], store, str)]
    assert len(under_way) > 2
    assert not any(under_way)


def test_its_size_is_known_before(session: Session, store: LocalFiles):
    ada, bea = add_applicant(session), add_applicant(session)
    assert bundle.size(session, [ada.id, bea.id]) == 0
    add_file(session, ada, b"x" * 5_000, "cv.txt", store)
    add_file(session, bea, b"y" * 700, "cv.txt", store)
    add_answers(session, bea, ("Why?", "z" * 300))
    assert 6_000 < bundle.size(session, [ada.id, bea.id]) < 7_000
    assert bundle.size(session, [ada.id]) == 5_000


def test_an_archive_of_many_files_takes_the_memory_of_one(session: Session):
    class Full:
        """A store of files that cannot be made smaller."""

        def get(self, sha256: str) -> bytes:
            if sha256 == hashlib.sha256(b"gone").hexdigest():
                raise FileMissing(sha256)
            return os.urandom(1_000_000)

        def put(self, sha256: str, content: bytes) -> None: ...

        def check(self) -> None: ...

    people = [add_applicant(session) for _ in range(3)]
    for number in range(30):
        add_file(session, people[number % 3], b"%d" % number, f"{number}.bin", None)
    numbers = [one.id for one in people]
    tracemalloc.start()
    try:
        sent = sum(len(piece) for piece in bundle.pieces(session, numbers, Full(), str))
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert sent > 30_000_000
    assert most < 8_000_000, "a file or two, and what the database brought"


NAME = st.one_of(
    st.none(),
    st.text(max_size=80),
    st.sampled_from(
        ["", "..", "../../etc", "C:\\x", "/", ".hidden", "-rf", "a\0b", "é" * 90, "😀", "Zoë", *WINDOWS_KEEPS]
    ),
)


@given(people=st.lists(st.tuples(NAME, NAME, st.text("aAbB-_", min_size=1, max_size=22)), max_size=12))
@example(people=[("CON", "", "a"), ("con", None, "A"), ("ß", "", "b"), ("SS", "", "B")])
@example(people=[("..", "..", "-"), ("é", "x", "a"), ("e\u0301", "x", "a"), ("ı", "", "a"), ("I", "", "a")])
def test_whatever_people_call_themselves_a_folder_is_one_safe_name_of_its_own(people):
    names = bundle.Names()
    made = [names.unique(bundle.folder_name(*one)) for one in people]
    for name in made:
        assert PurePosixPath(name).parts == PureWindowsPath(name).parts == (name,)
        assert not PureWindowsPath(name).is_reserved()
        assert name not in (".", "..")
        assert name[0] not in ".-~ "
        assert name[-1] not in ". "
        assert len(name.encode()) <= 200
        assert len(name) <= 80
        assert all(char.isprintable() and char not in '<>:"/\\|?*' for char in name)
    assert len({unicodedata.normalize("NFD", name).casefold() for name in made}) == len(made)


@given(names=st.lists(st.one_of(st.text(max_size=20), st.sampled_from(["cv.pdf", "CV.PDF", "cv (2).pdf", "a.tar.gz"]))))
def test_files_of_one_folder_differ_also_where_case_does_not_count_and_keep_their_ending(names):
    taken = bundle.Names()
    safe = [filetypes.safe_download_name(name, filetypes.PDF, "resume") for name in names]
    made = [taken.unique(name) for name in safe]
    assert len({name.casefold() for name in made}) == len(made)
    assert all(name.endswith(".pdf") for name in made)
