"""The text of files, read in the background so that people can search résumés."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from dashboard import filetypes
from dashboard.database import start_writing
from dashboard.documents import Extraction, extract_text
from dashboard.models import Application, Attachment, StoredFile
from dashboard.services import filing
from dashboard.services.files import FileMissing, FileStore


def read_next(sessions: Callable[[], Session], store: FileStore, *, clock: Callable[[], datetime]) -> bool:
    """Read one unread file, and make its applications' search words again. False where none is left."""
    with sessions() as session:
        waiting = session.execute(
            select(StoredFile.sha256, StoredFile.mime)
            .where(StoredFile.read_at.is_(None))
            .order_by(StoredFile.stored_at)
        ).first()
    if waiting is None:
        return False
    found = _read(store, waiting.sha256, waiting.mime)
    if found.temporary:
        return False
    with sessions() as session:
        start_writing(session)
        file = session.get_one(StoredFile, waiting.sha256)
        file.text, file.problem, file.read_at = found.text or None, found.problem, clock()
        session.flush()
        carrying = select(Attachment.application_id).where(Attachment.sha256 == waiting.sha256)
        for application in session.scalars(select(Application).where(Application.id.in_(carrying))):
            filing.reindex(session, application)
        session.commit()
    return True


def _read(store: FileStore, sha256: str, mime: str) -> Extraction:
    file_type = filetypes.by_mime(mime)
    if file_type.previewable is None:
        return Extraction(problem=f"No text is read from a file of this kind ({file_type.label}).")
    try:
        return extract_text(store.get(sha256), file_type)
    except FileMissing:
        return Extraction(problem="The file store does not hold this file.")
