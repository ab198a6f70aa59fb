"""The text of files, read in the background so that people can search résumés."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Row, select, update
from sqlalchemy.orm import Session

from dashboard import filetypes, search
from dashboard.database import start_writing
from dashboard.documents import Extraction, extract_text
from dashboard.models import Application, Attachment, StoredFile
from dashboard.services.files import FileMissing, FileStore

log = logging.getLogger(__name__)

CHOICE: Final = 20
"""Several workers each take any of the oldest so many, so that they seldom read the same one. Twice is harmless."""
PASSED_OVER_FOR: Final = timedelta(minutes=1)
MOST_PASSED_OVER: Final = 50
"""With so many in trouble it is the store or the machine, and waiting is all there is to do."""


class FileReader:
    """Reads one unread file after the other. `store`, `clock` and `rng` arrive from outside."""

    def __init__(
        self, sessions: Callable[[], Session], store: FileStore, *, clock: Callable[[], datetime], rng: random.Random
    ) -> None:
        self._sessions = sessions
        self._store = store
        self._clock = clock
        self._rng = rng
        self._passed_over: dict[str, datetime] = {}

    def read_next(self) -> bool:
        """Read one file, and have its applications indexed again. False where none is left."""
        waiting = self._choose()
        if waiting is None:
            return False
        sha256, mime = waiting
        try:
            found = _read(self._store, sha256, mime)
        except OSError as problem:
            log.warning("file %s cannot be fetched now: %s", sha256, type(problem).__name__)
            found = Extraction(temporary=True)
        if found.temporary:
            # It says nothing about the file, and the files behind it may fare better.
            self._passed_over[sha256] = self._clock() + PASSED_OVER_FOR
        else:
            self._keep(sha256, found)
        return True

    def _choose(self) -> Row[str, str] | None:
        now = self._clock()
        self._passed_over = {sha256: until for sha256, until in self._passed_over.items() if until > now}
        if len(self._passed_over) >= MOST_PASSED_OVER:
            return None
        with self._sessions() as session:
            unread = (
                select(StoredFile.sha256, StoredFile.mime)
                .where(StoredFile.read_at.is_(None), StoredFile.sha256.not_in(self._passed_over))
                .order_by(StoredFile.stored_at)
            )
            waiting = session.execute(unread.limit(CHOICE)).all()
        return self._rng.choice(waiting) if waiting else None

    def _keep(self, sha256: str, found: Extraction) -> None:
        with self._sessions() as session:
            start_writing(session)
            file = session.get(StoredFile, sha256)
            if file is None or file.read_at is not None:
                return  # erased, or read by another worker, meanwhile
            file.text, file.problem, file.read_at = found.text or None, found.problem, self._clock()
            file.pages, file.sheets = found.pages, [list(size) for size in found.sheets]
            session.flush()
            carrying = select(Attachment.application_id).where(Attachment.sha256 == sha256)
            session.execute(
                update(Application)
                .where(Application.id.in_(carrying), Application.is_shown())
                .values(unindexed=search.mark())
                .execution_options(synchronize_session=False)
            )
            session.commit()


def _read(store: FileStore, sha256: str, mime: str) -> Extraction:
    file_type = filetypes.by_mime(mime)
    if file_type.previewable is None:
        return Extraction(problem=f"No text is read from a file of this kind ({file_type.label}).")
    try:
        return extract_text(store.get(sha256), file_type)
    except FileMissing:
        return Extraction(problem="The file store does not hold this file.")
