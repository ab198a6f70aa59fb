from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import JSON, ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from dashboard.database import Base, PublicId, UTCDateTime, public_id
from dashboard.models.application import Application
from dashboard.models.user import User


class HoldKind(StrEnum):
    LEGAL = "legal"
    """Must be kept, whatever retention or anybody's wish says; everybody goes on working with it."""
    RESTRICTION = "restriction"
    """Must be kept and may not be worked with: HR administrators alone see that it is there."""


class Hold(Base):
    """Why an application may not be erased now. Several may hold one; it is free once all have ended."""

    __tablename__ = "hold"
    __table_args__ = (
        Index("ix_hold_application", "application_id"),
        Index("ix_hold_open", "id", sqlite_where=text("ended_at IS NULL"), postgresql_where=text("ended_at IS NULL")),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    public_id: Mapped[str] = mapped_column(PublicId, default=public_id, unique=True)
    application_id: Mapped[int] = mapped_column(ForeignKey("application.id"))
    kind: Mapped[str] = mapped_column(String(20))
    reason: Mapped[str] = mapped_column(String(300))
    at: Mapped[datetime] = mapped_column(UTCDateTime)
    user_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))
    until: Mapped[datetime | None] = mapped_column(UTCDateTime)
    """When it ends by itself; a restriction then ends in erasure. None: somebody ends it."""
    ended_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    ended_by_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))
    inbox_no: Mapped[int | None] = mapped_column()
    """Of a restriction: the application's place in the inbox, to return to."""

    application: Mapped[Application] = relationship()
    user: Mapped[User | None] = relationship(foreign_keys=[user_id])

    @property
    def last_moment(self) -> datetime | None:
        """The last at which it holds: on the day that people were told."""
        return self.until - timedelta(seconds=1) if self.until else None


class Tombstone(Base):
    """Something an erased application was known by, as a keyed hash: what brings it again is not taken in.

    It outlives the person's data, so it holds nothing of them.
    """

    __tablename__ = "tombstone"

    key_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    kind: Mapped[str] = mapped_column(String(20))
    """Which key: of an id, everything that bears it is refused; of an address, what was begun before `erased_at`."""
    erased_at: Mapped[datetime] = mapped_column(UTCDateTime)


class Erasure(Base):
    """That somebody's data was erased: when, by whom, why, and how many rows of what. Nothing of the person."""

    __tablename__ = "erasure"
    __table_args__ = (
        Index(
            "ix_erasure_unfinished",
            "id",
            sqlite_where=text("finished_at IS NULL"),
            postgresql_where=text("finished_at IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    public_id: Mapped[str] = mapped_column(PublicId, default=public_id, unique=True)
    at: Mapped[datetime] = mapped_column(UTCDateTime)
    user_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))
    """None: retention did it."""
    cause: Mapped[str] = mapped_column(String(20))
    """`request`, `retention`, `restriction` (it ended), `restore` (a backup had brought them back), `arrival` (of
    somebody erased before, turned away: only its files are left to delete) or `test`."""
    reason: Mapped[str] = mapped_column(String(40))
    """One of a list: free words could name the person."""
    counts: Mapped[dict[str, int]] = mapped_column(JSON, default=dict)
    files: Mapped[list[str]] = mapped_column(JSON, default=list)
    """SHA-256 of contents that nobody refers to any more and that the file store may still hold."""
    finished_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    """When files and the database's free pages were cleaned, too; a worker finishes what broke off."""

    user: Mapped[User | None] = relationship()
