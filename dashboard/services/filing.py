"""An application from what deliveries tell of it: made once, filled in, never blanked out (talroo-contract §5)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, bindparam, func, literal_column, select, update
from sqlalchemy.orm import Session, aliased

from dashboard import search, tokens
from dashboard.database import public_id, write_insert
from dashboard.models import Application, Attachment, Hold, Job, StoredFile
from dashboard.person_keys import email_key, phone_key
from dashboard.prepared import Prepared
from dashboard.services import completion, reporting
from dashboard.services.attachments import Attached
from dashboard.services.completion import Beginning, Signs
from dashboard.stages import Stage
from dashboard.talroo import progress
from dashboard.talroo.payload import JobFacts, Submission

MAX_FLAGS: Final = 50
MAX_REFERENCE: Final = 255


def _insert_application(dialect: str, *, completed: bool) -> Any:
    made = write_insert(dialect, Application, ("talroo_id",))
    return made.values(inbox_no=next_inbox_no(dialect)) if completed else made


def next_inbox_no(dialect: str) -> Any:
    """The place on top of the inbox, for whoever is completed now."""
    if dialect == "postgresql":
        return func.nextval(literal_column("'application_inbox_no_seq'"))
    # Nobody else writes meanwhile. Whoever is restricted returns to their place, so it is taken.
    highest = aliased(Application, name="highest")
    none: ColumnElement[int] = literal_column("0")
    kept = select(func.max(Hold.inbox_no)).where(Hold.ended_at.is_(None)).scalar_subquery()
    return select(
        func.max(func.coalesce(func.max(highest.inbox_no), none), func.coalesce(kept, none)) + literal_column("1")
    ).scalar_subquery()


_INSERT_COMPLETED: Final = Prepared(lambda dialect: _insert_application(dialect, completed=True))
_INSERT_INCOMPLETE: Final = Prepared(lambda dialect: _insert_application(dialect, completed=False))
_INSERT_ATTACHMENT: Final = Prepared.insert(Attachment)
_INSERT_FILE: Final = Prepared.insert(StoredFile, "sha256")
_INSERT_JOB: Final = Prepared.insert(Job, "identity")
_JOB_ID: Final = Prepared(lambda _: select(Job.id).where(Job.identity == bindparam("identity")))


@dataclass(frozen=True, slots=True)
class Filed:
    """`created` is False where the application was there before; `changed` then says whether it told anything new."""

    id: int
    public_id: str
    created: bool
    changed: bool = True


def file_application(
    session: Session,
    submission: Submission,
    *,
    delivery_id: int,
    arrived_at: datetime,
    timing: str,
    files: Iterable[Attached] = (),
    is_test: bool = False,
) -> Filed:
    """Make the application `submission` tells of, or fill in the one that is there. `files`: what it comes with;
    `is_test`: whether we sent it to ourselves.

    It only waits to be indexed: making its entry would cost more than everything else (`indexing`).
    """
    job = find_or_make_job(session, submission.job)
    row = new_row(submission, job_id=job, delivery_id=delivery_id, arrived_at=arrived_at, timing=timing, files=files)
    row["is_test"] = is_test
    # INSERT first, then look: two deliveries about one application may be on their way at the same moment.
    made = (_INSERT_COMPLETED if submission.completed else _INSERT_INCOMPLETE).first(session, row)
    if made is None:
        return _fill_in(session, submission, row, delivery_id=delivery_id)
    _note_new(session, submission, row | {"id": made[0]})
    return Filed(made[0], row["public_id"], created=True)


def _note_new(session: Session, submission: Submission, row: dict[str, Any]) -> None:
    """Tell `completion` of an application just made of `submission`, with its columns."""
    facts = submission.facts
    signs = Signs(row["id"], facts.tlr_application_id, facts.tlr_sid, row["email_key"], job_reference(submission.job))
    if submission.completed:
        completion.finished(session, signs, applied_at=row["applied_at"], arrived_at=row["arrived_at"])
        return
    has_resume = any(file.question_id is None for file in submission.files)
    completion.begun(
        session,
        Beginning(
            signs=signs,
            job_id=row["job_id"],
            since=_since(facts.started_at, row["arrived_at"]),
            missing=progress.missing(facts, has_resume=has_resume),
            progress=submission.progress,
            at=row["arrived_at"],
        ),
    )


def _note_again(
    session: Session, submission: Submission, application: Application, *, delivery_id: int, at: datetime
) -> None:
    """Tell `completion` of an application that `submission` was merged into."""
    signs = Signs.of(application)
    if application.completed:
        completion.finished(session, signs, applied_at=application.applied_at, arrived_at=application.arrived_at)
    if submission.completed:
        return
    has_resume = application.resume is not None or any(file.question_id is None for file in submission.files)
    # Of an application completed meanwhile nobody has measured anything yet, or nobody will any more.
    is_shown = application.completed or application.answers_from_id in (None, delivery_id)
    completion.begun(
        session,
        Beginning(
            signs=signs,
            job_id=application.job_id,
            since=_since(application.started_at, application.arrived_at),
            missing=progress.missing(application, has_resume=has_resume),
            progress=submission.progress if is_shown else None,
            at=at,
        ),
    )


def _since(started_at: datetime | None, arrived_at: datetime) -> datetime:
    """When it was begun: before it arrived, whatever date it bears. One in the future would hide who finished it."""
    return min(started_at or arrived_at, arrived_at)


def attach(session: Session, filed: Filed, files: Iterable[Attached], *, at: datetime) -> int:
    """Note the files of an application; the same content for the same question is noted once. Returns how many."""
    files = tuple(files)
    known = set() if filed.created or not files else _known_files(session, filed.id)
    _note_contents(session, files, at)
    noted = 0
    # The newest row is the current file, and rows are numbered as they are inserted: the résumé goes last.
    for file in sorted(files, key=lambda one: one.sent.question_id is None):
        if (file.sent.question_id, file.sha256) in known:
            continue
        known.add((file.sent.question_id, file.sha256))
        _INSERT_ATTACHMENT.first(session, attachment_row(filed.id, file, at))
        if file.sent.question_id is None and not filed.created:
            _note_resume(session, filed.id, file)
        noted += 1
    return noted


def _note_resume(session: Session, application_id: int, file: Attached) -> None:
    newest = {"resume_mime": file.mime, "resume_verdict": file.verdict}
    session.execute(update(Application).where(Application.id == application_id).values(newest))


def _note_contents(session: Session, files: Iterable[Attached], at: datetime) -> None:
    rows = {
        file.sha256: {"sha256": file.sha256, "size": file.size, "mime": file.mime, "stored_at": at}
        for file in files
        if file.sha256
    }
    # In one order for everybody: of two deliveries with the same two files, each would wait for the other's.
    for sha256 in sorted(rows):
        _INSERT_FILE.first(session, rows[sha256])


def _known_files(session: Session, application_id: int) -> set[tuple[str | None, str | None]]:
    """The files an application has: question and content of each."""
    columns = select(Attachment.question_id, Attachment.sha256)
    found = session.execute(columns.where(Attachment.application_id == application_id))
    return {(row.question_id, row.sha256) for row in found}


def new_row(
    submission: Submission,
    *,
    job_id: int | None,
    delivery_id: int,
    arrived_at: datetime,
    timing: str,
    files: Iterable[Attached] = (),
) -> dict[str, Any]:
    """The columns of the application that `submission` alone would make, but for its place in the inbox."""
    facts = submission.facts
    resume = next((file for file in files if file.sent.question_id is None), None)
    return facts.as_row() | {
        "public_id": public_id(),
        "talroo_id": submission.talroo_id,
        "job_id": job_id,
        "email_key": email_key(facts.email),
        "phone_key": phone_key(facts.phone),
        "completed": submission.completed,
        "disqualified_by": submission.disqualified_by,
        "applied_at": facts.applied_at or facts.started_at or submission.as_of or arrived_at,
        "arrived_at": arrived_at,
        "as_of": submission.as_of,
        "flags": list(submission.flags[:MAX_FLAGS]),
        "is_late": timing == "late",
        "stage": Stage.NEW.value,
        "stage_version": 0,
        "answers_from_id": delivery_id if submission.has_answers else None,
        "resume_mime": resume.mime if resume else None,
        "resume_verdict": resume.verdict if resume else None,
        "unindexed": search.mark(),
        "is_test": False,
    }


def _fill_in(session: Session, submission: Submission, row: dict[str, Any], *, delivery_id: int) -> Filed:
    """Merge `submission`, of which `row` would have been made, into the application that is there."""
    application = session.scalars(
        select(Application)
        .where(Application.talroo_id == submission.talroo_id)
        # Nobody needs to wait for it who only refers to it: a follow-up to whoever finished it, say (`completion`).
        .with_for_update(of=Application, key_share=True)
        .execution_options(populate_existing=True)
    ).one()
    newer = _is_newer(submission, application)
    _merge_facts(application, submission, newer=newer)
    if row["job_id"] is not None and (newer or application.job_id is None):
        application.job_id = row["job_id"]
    if submission.has_answers and (newer or application.answers_from_id is None):
        application.answers_from_id = row["answers_from_id"]
        application.disqualified_by = submission.disqualified_by
    if submission.completed and not application.completed:
        application.completed = True
        if application.restricted_at is None:
            application.inbox_no = next_inbox_no(session.get_bind().dialect.name)
        application.arrived_at, application.is_late = row["arrived_at"], row["is_late"]
    application.flags = list(dict.fromkeys([*application.flags, *submission.flags]))[:MAX_FLAGS]
    changed = session.is_modified(application)
    if newer:
        application.as_of = submission.as_of or application.as_of
    application.unindexed = search.mark() if application.restricted_at is None else None
    session.flush()
    if application.stage_version:
        # Somebody may have decided while the ids to report it by were not known yet.
        reporting.catch_up(session, application)
    session.expire(application, ["job"])  # setting the id alone leaves the job it had
    _note_again(session, submission, application, delivery_id=delivery_id, at=row["arrived_at"])
    return Filed(application.id, application.public_id, created=False, changed=changed)


def _is_newer(submission: Submission, application: Application) -> bool:
    """Whether what `submission` says counts for more than what we have.

    A completed application is never overruled by an unfinished one, whatever their times.
    """
    if submission.completed != application.completed:
        return submission.completed
    return submission.as_of is None or application.as_of is None or submission.as_of >= application.as_of


def _merge_facts(application: Application, submission: Submission, *, newer: bool) -> None:
    for name, value in submission.facts.as_row().items():
        if value is not None and (newer or getattr(application, name) is None):
            setattr(application, name, value)
    application.email_key = email_key(application.email)
    application.phone_key = phone_key(application.phone)


def attachment_row(application_id: int, file: Attached, at: datetime) -> dict[str, Any]:
    """The columns of one file of an application."""
    return {
        "public_id": public_id(),
        "application_id": application_id,
        "question_id": file.sent.question_id,
        "file_name": file.sent.file_name,
        "declared_type": file.sent.declared_type,
        "declared_sha256": file.sent.declared_sha256,
        "sha256": file.sha256,
        "size": file.size,
        "verdict": file.verdict,
        "arrived_at": at,
    }


def job_reference(facts: JobFacts) -> str | None:
    """What a job is called by within its company; a title in place of a reference is cut to the column."""
    reference = facts.reference or facts.title
    return reference[:MAX_REFERENCE] if reference else None


def find_or_make_job(session: Session, facts: JobFacts) -> int | None:
    """The id of the job, made if it is new; None where nothing names one."""
    reference = job_reference(facts)
    if reference is None:
        return None
    identity = hashlib.sha256(f"{facts.company or ''}\0{reference}".encode()).hexdigest()
    found = _JOB_ID.first(session, {"identity": identity})
    if found:
        return int(found[0])
    row = facts.as_row() | {"public_id": public_id(), "identity": identity, "reference": reference}
    row["company_term"] = tokens.term("company", facts.company) if facts.company else None
    made = _INSERT_JOB.first(session, row) or _JOB_ID.first(session, {"identity": identity})
    return int(made[0])
