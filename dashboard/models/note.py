from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from dashboard.database import Base, PublicId, UTCDateTime, public_id
from dashboard.models.application import Application
from dashboard.models.user import User


class Note(Base):
    """Words about an application, for colleagues. What is written with a move stays with its `StageChange`."""

    __tablename__ = "note"
    __table_args__ = (Index("uq_note_application_token", "application_id", "token", unique=True),)

    id: Mapped[int] = mapped_column(primary_key=True)
    public_id: Mapped[str] = mapped_column(PublicId, default=public_id, unique=True)
    application_id: Mapped[int] = mapped_column(ForeignKey("application.id"))
    token: Mapped[str] = mapped_column(String(32))
    """Made with the form: sent twice, it is the same note."""
    user_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))
    at: Mapped[datetime] = mapped_column(UTCDateTime)
    remote_addr: Mapped[str | None] = mapped_column(String(64))
    body: Mapped[str] = mapped_column(Text)
    """Empty once it was removed."""
    edits: Mapped[int] = mapped_column(default=0)
    """Counts changes: one made from an older page is noticed by it."""
    edited_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    removed_at: Mapped[datetime | None] = mapped_column(UTCDateTime)

    application: Mapped[Application] = relationship()
    user: Mapped[User | None] = relationship(lazy="joined")

    @property
    def actor(self) -> str:
        return self.user.email if self.user else "The system"


class Mention(Base):
    """Somebody named in a note with @, who is told until they have read it."""

    __tablename__ = "mention"
    __table_args__ = (
        Index("ix_mention_user", "user_id", "note_id"),
        Index(
            "ix_mention_unread",
            "user_id",
            "note_id",
            sqlite_where=text("read_at IS NULL"),
            postgresql_where=text("read_at IS NULL"),
        ),
    )

    note_id: Mapped[int] = mapped_column(ForeignKey("note.id"), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"), primary_key=True)
    read_at: Mapped[datetime | None] = mapped_column(UTCDateTime)

    note: Mapped[Note] = relationship()
