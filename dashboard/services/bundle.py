"""Applicants' files and answers as one ZIP archive, made while it is sent: no more than one file is in memory.

At its top `answers.csv`, one row for each question of each application; then a folder for each application, called
`Last_First_id`, with its files; last `MISSING.txt`, where something could not be put in.
"""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from sqlalchemy import Executable, func, select
from sqlalchemy.orm import Session

from dashboard.database import let_go
from dashboard.models import Application, Attachment, Delivery
from dashboard.services import reading
from dashboard.services.files import FileMissing, FileStore
from dashboard.spreadsheet import BYTE_ORDER_MARK, cell
from dashboard.talroo import questions
from dashboard.talroo.answer_sheet import AnswerSheet, Question, State

MOST_BYTES: Final = 500_000_000
"""Of files and answers in one archive: more than any mailbox takes, and a minute or two of sending."""
MAX_ANSWER: Final = 32_000
"""Characters of an answer; a spreadsheet's cell holds 32,767."""

_BATCH: Final = 20
_PIECE: Final = 65_536
_STATES: Final = {State.ANSWERED: "answered", State.EMPTY: "left empty", State.NOT_SHOWN: "not shown"}
_COLUMNS: Final = ("application", "name", "job", "folder", "question", "answer", "state")

Folders = Mapping[int, str]
"""The names of the applications' folders, by id."""


def size(session: Session, numbers: Sequence[int]) -> int:
    """About how many bytes the files and answers of these applications, by id, are before they are packed."""
    wanted = Application.id.in_(numbers)
    files = select(func.coalesce(func.sum(Attachment.size), 0)).where(Attachment.application_id.in_(numbers))
    bodies = select(func.coalesce(func.sum(func.length(Delivery.body)), 0))
    answers = bodies.join(Application, Application.answers_from_id == Delivery.id).where(wanted)
    return int(session.scalar(select(files.scalar_subquery() + answers.scalar_subquery())) or 0)


def pieces(
    session: Session, numbers: Sequence[int], store: FileStore, address: Callable[[str], str]
) -> Iterator[bytes]:
    """The archive of these applications, by id, in their order, piece by piece.

    `address`: of an application, by its public id. A file that is not in the store does not end the download: it is
    named in `MISSING.txt`.
    """
    folders = _folders(session, numbers)
    missing: list[str] = []
    sink = Sink()
    with ZipFile(sink, "w") as archive:
        for _ in _answers(archive, session, folders, address):
            yield sink.take()
        for _ in _files(archive, session, folders, store, missing):
            yield sink.take()
        if missing:
            words = "\r\n".join(("These files could not be put into the archive:", "", *missing, ""))
            archive.writestr(entry("MISSING.txt"), words)
    yield sink.take()


# --- names ----------------------------------------------------------------------------------------------------------

_MAX_PART: Final = 30
_MAX_PART_BYTES: Final = 80
_MAX_ID: Final = 8
_ENDING: Final = re.compile(r"(?:\.[A-Za-z0-9]{1,10}){0,2}$", re.ASCII)


@dataclass(slots=True)
class Names:
    """Names that are different also where neither case nor the way of writing a letter counts."""

    taken: set[str] = field(default_factory=set)

    def unique(self, name: str) -> str:
        """`name`, or with a number before its ending: `cv (2).pdf`."""
        found, number = name, 1
        while _folded(found) in self.taken:
            number += 1
            ending = _ENDING.search(name)[0]  # type: ignore[index]
            found = f"{name.removesuffix(ending)} ({number}){ending}"
        self.taken.add(_folded(found))
        return found


def folder_name(last: str | None, first: str | None, public_id: str) -> str:
    """`Last_First_id`, safe on any file system: letters, digits, "-" and "_" only, whatever applicants call themselves.

    So it is never a path, hidden, or a name that Windows keeps; letters of every script stay.
    """
    parts = [part for part in (_safe(last or ""), _safe(first or "")) if part]
    return "_".join((*(parts or ["No_name"]), _safe(public_id[:_MAX_ID]) or "0"))


def _safe(name: str) -> str:
    """What of a name can stand in a file's name."""
    composed = unicodedata.normalize("NFC", name[:500])
    kept = "".join(char if char == "-" or unicodedata.category(char)[0] in "LMN" else "_" for char in composed)
    tidy = re.sub("__+", "_", kept).strip("_-")[:_MAX_PART]
    return tidy.encode()[:_MAX_PART_BYTES].decode("utf-8", "ignore").rstrip("_-")


def _folded(name: str) -> str:
    return unicodedata.normalize("NFKC", name.upper()).casefold()


def _folders(session: Session, numbers: Sequence[int]) -> Folders:
    named = select(Application.id, Application.public_id, Application.last_name, Application.first_name)
    rows = {row.id: row for row in _read(session, named.where(Application.id.in_(numbers)))}
    names = Names()
    return {
        number: names.unique(folder_name(rows[number].last_name, rows[number].first_name, rows[number].public_id))
        for number in numbers
        if number in rows
    }


# --- what is in it --------------------------------------------------------------------------------------------------


def _answers(archive: ZipFile, session: Session, folders: Folders, address: Callable[[str], str]) -> Iterator[None]:
    """Write `answers.csv`, stopping after each few applications."""
    with archive.open(entry("answers.csv"), "w") as member:
        member.write(_lines([_COLUMNS], BYTE_ORDER_MARK))
        for batch in _batches(folders):
            for application, sheet in _sheets(session, batch):
                where = folders[application.id]
                about = (address(application.public_id), application.name, application.job_title, where)
                member.write(_lines([(*about, *said) for said in said(sheet)]))
                yield


def _sheets(session: Session, numbers: Sequence[int]) -> Iterator[tuple[Application, AnswerSheet]]:
    """Applications with what they were asked and answered, in the order of `numbers`."""
    found = _read(
        session,
        select(Application, Delivery.body, Delivery.source)
        .outerjoin(Delivery, Delivery.id == Application.answers_from_id)
        .where(Application.id.in_(numbers)),
    )
    rows = {application.id: (application, body, source) for application, body, source in found}
    for application, body, source in (rows[number] for number in numbers if number in rows):
        yield application, questions.read({}) if body is None else reading.sheet(body, source)


def said(sheet: AnswerSheet) -> Iterator[tuple[str, str, str]]:
    """Question, answer and state, in the order of the page; then answers that no question claims."""
    for question in sheet.every_question():
        if question.state is not None and not question.presentational:
            yield question.text, _answer(question)[:MAX_ANSWER], _STATES[question.state]
    for stray in sheet.strays:
        yield stray.question or stray.key, stray.text[:MAX_ANSWER], "answered, not asked"


def _answer(question: Question) -> str:
    return question.file_name if question.is_file else ", ".join(answer.text for answer in question.answers)


def _lines(rows: Sequence[Sequence[Any]], before: str = "") -> bytes:
    buffer = io.StringIO()
    csv.writer(buffer, quoting=csv.QUOTE_ALL).writerows([cell(value) for value in row] for row in rows)
    # A lone surrogate, which JSON can hold, is no UTF-8.
    return (before + buffer.getvalue()).encode("utf-8", "replace")


def _files(
    archive: ZipFile, session: Session, folders: Folders, store: FileStore, missing: list[str]
) -> Iterator[None]:
    """Write the files, folder by folder, stopping after each piece. `missing` gets the paths of those not there."""
    for batch in _batches(folders):
        wanted = select(Attachment).where(Attachment.application_id.in_(batch)).order_by(Attachment.id)
        found = [row.Attachment for row in _read(session, wanted)]
        for number in batch:
            names = Names()
            for attachment in (one for one in found if one.application_id == number):
                path = f"{folders[number]}/{names.unique(attachment.download_name)}"
                content = content_of(attachment, store)
                if content is None:
                    missing.append(path)
                else:
                    yield from write(archive, entry(path, attachment.arrived_at), content)


def content_of(attachment: Attachment, store: FileStore) -> bytes | None:
    """A file's bytes; None where the store has not got them."""
    if attachment.sha256 is None:
        return None
    try:
        return store.get(attachment.sha256)
    except (FileMissing, OSError):
        return None


def write(archive: ZipFile, member: ZipInfo, content: bytes) -> Iterator[None]:
    """Put `content` into the archive, stopping after each piece."""
    with archive.open(member, "w") as opened:
        for start in range(0, len(content), _PIECE):
            opened.write(memoryview(content)[start : start + _PIECE])
            yield


def entry(path: str, at: datetime | None = None) -> ZipInfo:
    """What an archive is to call a file, and when it came."""
    member = ZipInfo(path, at.timetuple()[:6] if at else (1980, 1, 1, 0, 0, 0))
    # Deflated, also what hardly gets smaller: some programs read nothing else from an archive written in one go.
    member.compress_type = ZIP_DEFLATED
    return member


def _read(session: Session, statement: Executable) -> Sequence[Any]:
    """The rows, with the connection given back: whoever downloads slowly must not keep others from the database."""
    rows = session.execute(statement).all()
    let_go(session)
    return rows


def _batches(folders: Folders) -> Iterator[Sequence[int]]:
    numbers = list(folders)
    return (numbers[start : start + _BATCH] for start in range(0, len(numbers), _BATCH))


class Sink(io.RawIOBase):
    """Takes what is written until somebody fetches it. Nobody can go back in it."""

    def __init__(self) -> None:
        self._written: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, octets: Any) -> int:
        self._written.append(bytes(octets))
        return len(self._written[-1])

    def take(self) -> bytes:
        taken = b"".join(self._written)
        self._written.clear()
        return taken
