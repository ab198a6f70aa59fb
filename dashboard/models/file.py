from __future__ import annotations

from datetime import datetime

from sqlalchemy import JSON, BigInteger, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from dashboard.database import Base, UTCDateTime


class StoredFile(Base):
    """One content in the file store, however many applications carry it; and the text read from it.

    The text is derived: the worker reads it when `read_at` is empty, so it can be made again at any time.
    """

    __tablename__ = "stored_file"
    __table_args__ = (
        Index(
            "ix_stored_file_unread",
            "stored_at",
            sqlite_where=text("read_at IS NULL"),
            postgresql_where=text("read_at IS NULL"),
        ),
    )

    sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    size: Mapped[int] = mapped_column(BigInteger)
    mime: Mapped[str] = mapped_column(String(120))
    """As detected from the bytes; never the declared type."""
    stored_at: Mapped[datetime] = mapped_column(UTCDateTime)
    read_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    text: Mapped[str | None] = mapped_column(Text, deferred=True)
    problem: Mapped[str | None] = mapped_column(String(300))
    """Why no text could be read, in words."""
    pages: Mapped[int | None] = mapped_column()
    sheets: Mapped[list[list[int]] | None] = mapped_column(JSON)
    """Width and height of the first pages, so that a picture of one has its place before it is there."""
