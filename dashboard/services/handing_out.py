"""What is stored of a person, handed out: `person.json` with everything in words and values, and their files.

One ZIP archive, made while it is sent: no more than one file is in memory.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, Final
from zipfile import ZipFile

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from dashboard.database import let_go
from dashboard.models import Application, Attachment, Delivery, FollowUp, Hold, Outbound, Reminder
from dashboard.reach import EVERYTHING
from dashboard.services import bundle, reading
from dashboard.services.bundle import Names
from dashboard.services.files import FileStore
from dashboard.talroo.answer_sheet import AnswerSheet

_NOT_FACTS: Final = frozenset({"id", "job_id", "answers_from_id", "assigned_to_id", "unindexed", "inbox_no", "as_of"})


def pieces(session: Session, numbers: Sequence[int], store: FileStore, *, now: datetime) -> Iterator[bytes]:
    """The archive of all about these applications, by id, piece by piece. A file that is missing is named in it."""
    theirs = select(Application).where(Application.id.in_(numbers)).order_by(Application.id)
    applications = session.scalars(theirs).all()
    told = _person(session, applications, now)
    files = _files(session, numbers)
    let_go(session)
    sink, missing = bundle.Sink(), []
    with ZipFile(sink, "w") as archive:
        for path, attachment in files:
            content = bundle.content_of(attachment, store)
            if content is None:
                missing.append(path)
                continue
            for _ in bundle.write(archive, bundle.entry(path, attachment.arrived_at), content):
                yield sink.take()
        whole = told | {"files_missing": missing}
        archive.writestr(bundle.entry("person.json"), json.dumps(whole, indent=2, ensure_ascii=False, default=_plain))
    yield sink.take()


def _person(session: Session, applications: Sequence[Application], now: datetime) -> dict[str, Any]:
    return {"exported_at": now, "applications": [_application(session, one, now) for one in applications]}


def _application(session: Session, application: Application, now: datetime) -> dict[str, Any]:
    columns = (column.key for column in Application.__table__.columns)
    own = {name: getattr(application, name) for name in columns if name not in _NOT_FACTS}
    job = application.job
    return {
        "facts": {name: value for name, value in own.items() if value not in (None, "", [])},
        "job": {"title": job.title, "company": job.company, "reference": job.reference} if job else None,
        "assigned_to": application.assigned_to.email if application.assigned_to else None,
        "answers": list(_answers(reading.answers(application))),
        "files": [_file(attachment) for attachment in application.attachments],
        "history": [_entry(entry) for entry in reading.timeline(session, application, EVERYTHING, now=now)],
        "unfinished": _unfinished(session, application),
        "messages": list(_messages(session, application)),
        "reports": list(_reports(session, application, now)),
        "deliveries": list(_deliveries(session, application)),
        "holds": list(_holds(session, application)),
    }


def _answers(sheet: AnswerSheet) -> Iterator[dict[str, Any]]:
    for question, answer, state in bundle.said(sheet):
        yield {"question": question, "answer": answer, "state": state}


def _file(attachment: Attachment) -> dict[str, Any]:
    text = attachment.content.text if attachment.content else None
    told = {"name": attachment.file_name, "for": attachment.question_id or "résumé", "size": attachment.size}
    return told | {"sha256": attachment.sha256, "arrived_at": attachment.arrived_at, "text": text}


def _entry(entry: reading.Entry) -> dict[str, Any]:
    return {"at": entry.at, "by": entry.actor, "what": entry.text, "note": entry.note}


def _unfinished(session: Session, application: Application) -> dict[str, Any] | None:
    found = session.scalar(select(FollowUp).where(FollowUp.application_id == application.id))
    if found is None:
        return None
    names = ("since", "answered", "asked", "stopped_at", "missing", "opted_out_at", "completed_at", "next_message_at")
    return {name: getattr(found, name) for name in names}


def _messages(session: Session, application: Application) -> Iterator[dict[str, Any]]:
    written = select(Reminder).where(Reminder.application_id == application.id).order_by(Reminder.number)
    for one in session.scalars(written.options(joinedload(Reminder.outbound))):
        how = {"automatic": one.automatic, "state": one.outbound.state, "sent_at": one.outbound.sent_at}
        yield {"number": one.number, "subject": one.subject, "body": one.body} | how


def _reports(session: Session, application: Application, now: datetime) -> Iterator[dict[str, Any]]:
    queued = select(Outbound).where(Outbound.application_id == application.id).order_by(Outbound.id)
    for row in session.scalars(queued):
        told = {"channel": row.channel, "event": row.event, "stage": row.stage, "state": row.shown_state(now)}
        ids = {"tlr_sid": row.tlr_sid, "tlr_application_id": row.tlr_application_id, "answer": row.last_answer}
        yield told | ids | {"decided_at": row.event_time, "sent_at": row.sent_at}


def _deliveries(session: Session, application: Application) -> Iterator[dict[str, Any]]:
    arrived = select(Delivery).where(Delivery.talroo_id == application.talroo_id).order_by(Delivery.id)
    for one in session.scalars(arrived):
        yield {"received_at": one.received_at, "source": one.source, "event": one.event_type, "event_id": one.event_id}


def _holds(session: Session, application: Application) -> Iterator[dict[str, Any]]:
    for one in session.scalars(select(Hold).where(Hold.application_id == application.id).order_by(Hold.id)):
        yield {"kind": one.kind, "reason": one.reason, "at": one.at, "until": one.until, "ended_at": one.ended_at}


def _files(session: Session, numbers: Iterable[int]) -> list[tuple[str, Attachment]]:
    wanted = select(Attachment).where(Attachment.application_id.in_(list(numbers))).order_by(Attachment.id)
    names = Names()
    return [(f"files/{names.unique(one.download_name)}", one) for one in session.scalars(wanted)]


def _plain(value: Any) -> Any:
    """Times as text; anything else JSON does not know, too."""
    return value.isoformat() if isinstance(value, datetime) else str(value)
