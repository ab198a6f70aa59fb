"""Many made-up applications at once, for benchmarks: what intake would have stored, in bulk.

Each is understood by the same readers as a delivery from Talroo; only the writing differs, many rows a statement.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, Final

from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session

from dashboard import search, tokens
from dashboard.database import Base, insert_or_ignore, public_id, start_writing
from dashboard.models import Application, Attachment, Delivery, Job, StageChange, StoredFile
from dashboard.search import Entry
from dashboard.services import filing, indexing
from dashboard.services.attachments import Attached, receive_files
from dashboard.services.files import FileStore
from dashboard.services.indexing import Choice, Contents
from dashboard.stages import Stage
from dashboard.talroo import cutting, payload, questions, wire
from dashboard.talroo.cutting import CutBody
from dashboard.talroo.payload import JobFacts, Submission

SOURCE: Final = "seeded"
"""`Delivery.source` of what came from here."""
BATCH: Final = 5_000
"""Applications a transaction: few commits, and memory that does not grow with their number."""

_STAGES: Final = (Stage.NEW,) * 14 + (Stage.REVIEWED,) * 3 + (Stage.CONTACTED, Stage.INTERVIEW, Stage.REJECTED)
"""Dealt out in turn. Nobody is hired: every hire has a row in the ledger, and these shall send nothing."""
_ANSWERS: Final = "questionsAndAnswers"
_NO_ANSWERS: Final = f'"{_ANSWERS}": null'.encode()
_FROM_ANSWERS: Final = ("has_answers", "disqualified_by", "flags")
"""What a submission has from its answers."""
_AFTER: Final = timedelta(minutes=30)
"""From an arrival to the stage it has."""


class HoldsRealDeliveries(Exception):
    """The database holds applications of real people, among which made-up ones have no place."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A made-up event (talroo-contract §1) and the text of its résumé, if it has one."""

    event: Mapping[str, Any]
    resume_text: str | None = None


@dataclass(frozen=True, slots=True)
class _Made:
    """A sample as intake would have understood it."""

    arrived_at: datetime
    envelope: payload.Envelope
    submission: Submission
    parcel: CutBody
    attached: tuple[Attached, ...]
    size: int
    resume_text: str | None
    contents: Contents
    stage: Stage

    @property
    def moved(self) -> bool:
        return self.stage != Stage.NEW


def check_empty_of_real(session: Session) -> None:
    """Raises `HoldsRealDeliveries`."""
    if session.scalar(select(Delivery.id).where(Delivery.source != SOURCE).limit(1)) is not None:
        raise HoldsRealDeliveries("This database holds deliveries that seed did not make. Nothing was written.")


def seed(session: Session, store: FileStore, samples: Iterable[Sample]) -> Iterator[int]:
    """Store all `samples`, arrived when their event says; yields how many were committed with each batch.

    Raises `HoldsRealDeliveries`, `OSError`.
    """
    check_empty_of_real(session)
    session.rollback()
    writer = _Writer(session, store)
    reader = _Reader()
    dealt = zip(samples, _dealt_out(), strict=False)
    while batch := [reader.understand(*sample_and_stage) for sample_and_stage in islice(dealt, BATCH)]:
        writer.write(batch)
        session.commit()
        yield len(batch)


def _dealt_out() -> Iterator[Stage]:
    # Seven and twenty have no common factor, so that neighbours differ and every stage is met.
    number = 0
    while True:
        yield _STAGES[number * 7 % len(_STAGES)]
        number += 1


@dataclass(frozen=True, slots=True)
class _Variant:
    """Answers as JSON and what they come to. Holds on to `answers`, so that nothing else gets their identity."""

    answers: Any
    json: bytes
    known: Submission
    contents: Contents


class _Reader:
    """Understands samples as intake would. Answers come in few variants, and each is read once."""

    def __init__(self) -> None:
        self._variants: dict[int, _Variant] = {}

    def understand(self, sample: Sample, stage: Stage) -> _Made:
        variant = self._variant(sample)
        bare = {**sample.event, "data": {**sample.event["data"], _ANSWERS: None}}
        raw = json.dumps(bare).encode().replace(_NO_ANSWERS, _NO_ANSWERS.replace(b"null", variant.json), 1)
        parcel = cutting.cut(raw)
        envelope = payload.envelope(wire.parse(parcel.body.replace(variant.json, b"null", 1)).value)
        submission = payload.submission(envelope)
        if envelope.event_at is None:
            raise ValueError("A sample needs the time of its event.")
        return _Made(
            arrived_at=envelope.event_at,
            envelope=envelope,
            submission=replace(submission, **{name: getattr(variant.known, name) for name in _FROM_ANSWERS}),
            parcel=parcel,
            attached=receive_files(submission.files, parcel).files,
            size=len(raw),
            resume_text=sample.resume_text,
            contents=variant.contents,
            stage=stage,
        )

    def _variant(self, sample: Sample) -> _Variant:
        # Known by identity: comparing answers would cost as much as reading them.
        answers = sample.event["data"].get(_ANSWERS)
        if id(answers) not in self._variants:
            whole = wire.parse(json.dumps(sample.event).encode()).value
            envelope = payload.envelope(whole)
            contents = Contents.of(questions.read(envelope.data))
            known = payload.submission(envelope)
            self._variants[id(answers)] = _Variant(answers, json.dumps(answers).encode(), known, contents)
        return self._variants[id(answers)]


class _Writer:
    """Writes batches. Remembers which jobs and files are there, because there are few of either."""

    def __init__(self, session: Session, store: FileStore) -> None:
        self._session = session
        self._store = store
        self._jobs: dict[JobFacts, Job | None] = {}
        self._stored: set[str] = set()

    def write(self, batch: Sequence[_Made]) -> None:
        """One transaction, which the caller commits; files are durable before it begins."""
        self._keep_contents(batch)
        start_writing(self._session)
        self._insert_files(batch)
        deliveries, applications = self._ids(Delivery, len(batch)), self._ids(Application, len(batch))
        places = self._places(len(batch))
        numbered = list(zip(applications, batch, strict=True))
        self._insert(Delivery, map(_delivery_row, deliveries, batch))
        self._insert(Application, map(self._application_row, applications, deliveries, places, batch))
        self._insert(Attachment, (row for number, made in numbered for row in _attachment_rows(number, made)))
        self._insert(StageChange, (_stage_change(number, made) for number, made in numbered if made.moved))
        search.put(self._session, map(self._entry, places, batch))
        indexing.count_choices(self._session, (choice for made in batch for choice in self._choices(made)))

    def _keep_contents(self, batch: Sequence[_Made]) -> None:
        for made in batch:
            for sha256, content in made.parcel.contents.items():
                if sha256 not in self._stored:
                    self._store.put(sha256, content)

    def _insert_files(self, batch: Sequence[_Made]) -> None:
        for made in batch:
            for file in made.attached:
                if file.sha256 and file.sha256 not in self._stored:
                    self._session.execute(insert_or_ignore(self._session, StoredFile, "sha256"), _file_row(file, made))
                    self._stored.add(file.sha256)

    def _application_row(self, number: int, delivery_id: int, place: int, made: _Made) -> dict[str, Any]:
        job = self._job(made)
        row = filing.new_row(
            made.submission,
            job_id=job.id if job else None,
            delivery_id=delivery_id,
            arrived_at=made.arrived_at,
            timing="fresh",
            files=made.attached,
        )
        ours = {"id": number, "inbox_no": place, "unindexed": None}
        return row | ours | {"stage": made.stage.value, "stage_version": int(made.moved)}

    def _job(self, made: _Made) -> Job | None:
        facts = made.submission.job
        if facts not in self._jobs:
            found = filing.find_or_make_job(self._session, facts)
            self._jobs[facts] = self._session.get_one(Job, found) if found else None
            if job := self._jobs[facts]:
                self._session.expunge(job)
        return self._jobs[facts]

    def _entry(self, place: int, made: _Made) -> Entry:
        facts = made.submission.facts
        return indexing.entry(
            place,
            facts,
            self._job(made),
            made.contents,
            [made.resume_text],
            applied_at=facts.applied_at or facts.started_at or made.arrived_at,
            has_resume=any(file.sent.question_id is None for file in made.attached),
            state=tokens.state_terms(stage=made.stage, is_held=False, assigned_to=None),
        )

    def _choices(self, made: _Made) -> Iterator[Choice]:
        yield from indexing.place_choices(made.submission.facts, self._job(made))
        yield from made.contents.choices

    def _places(self, count: int) -> Sequence[int]:
        """Places in the inbox, on top of those there are."""
        if self._session.get_bind().dialect.name == "postgresql":
            return self._from_sequence("application_inbox_no_seq", count)
        highest = self._session.scalar(select(func.max(Application.inbox_no))) or 0
        return range(highest + 1, highest + 1 + count)

    def _insert(self, model: type[Base], rows: Iterable[dict[str, Any]]) -> None:
        """Many rows by one statement, without the ORM in between."""
        if found := list(rows):
            self._session.connection().execute(insert(model.__table__), found)  # type: ignore[arg-type]

    def _ids(self, model: type[Any], count: int) -> Sequence[int]:
        """Ids nobody else will use: rows that refer to each other can then be written without asking for them."""
        name = model.__tablename__
        if self._session.get_bind().dialect.name == "postgresql":
            return self._from_sequence(f"{name}_id_seq", count)
        # Nobody else writes: this transaction took its turn at its beginning.
        first = (self._session.scalar(select(func.max(model.id))) or 0) + 1
        return range(first, first + count)

    def _from_sequence(self, name: str, count: int) -> Sequence[int]:
        numbers = select(func.nextval(name)).select_from(func.generate_series(1, count))
        return self._session.scalars(numbers).all()


def _delivery_row(number: int, made: _Made) -> dict[str, Any]:
    return {
        "id": number,
        "public_id": public_id(),
        "key": f"event:{made.envelope.event_id}",
        "source": SOURCE,
        "received_at": made.arrived_at,
        "timing": "fresh",
        "event_id": made.envelope.event_id,
        "event_type": made.envelope.event_type,
        "event_at": made.envelope.event_at,
        "body": made.parcel.body,
        "cuts": [[cut.offset, cut.sha256] for cut in made.parcel.cuts],
        "size": made.size,
        "status": "accepted",
        "notes": list(made.submission.flags),
        "talroo_id": made.submission.talroo_id,
        "duplicate_count": 0,
    }


def _file_row(file: Attached, made: _Made) -> dict[str, Any]:
    # Read already: a worker would otherwise index anew every one of the many applications that share it.
    return {
        "sha256": file.sha256,
        "size": file.size,
        "mime": file.mime,
        "stored_at": made.arrived_at,
        "read_at": made.arrived_at,
        "text": made.resume_text,
    }


def _attachment_rows(application_id: int, made: _Made) -> Iterator[dict[str, Any]]:
    return (filing.attachment_row(application_id, file, made.arrived_at) for file in made.attached)


def _stage_change(application_id: int, made: _Made) -> dict[str, Any]:
    return {
        "application_id": application_id,
        "from_stage": Stage.NEW.value,
        "to_stage": made.stage.value,
        "at": made.arrived_at + _AFTER,
        "reason": "other" if made.stage == Stage.REJECTED else None,
    }
