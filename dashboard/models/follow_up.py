from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import JSON, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from dashboard.database import Base, UTCDateTime
from dashboard.models.application import Application


class LinkKey(StrEnum):
    """By what a completed application was known to be an unfinished one's, the surest first (talroo-contract §5)."""

    ID = "id"
    APPLICATION = "application"
    CLICK = "click"
    EMAIL = "email"

    @property
    def label(self) -> str:
        return {
            LinkKey.ID: "the same application",
            LinkKey.APPLICATION: "the same Talroo application ID",
            LinkKey.CLICK: "the same click",
            LinkKey.EMAIL: "the same email address and job",
        }[self]


class FollowUp(Base):
    """What became of an application that reached us unfinished. One for each that ever did, finished since or not."""

    __tablename__ = "follow_up"
    __table_args__ = (
        Index("ix_follow_up_worklist", "completed_at", "since", "id"),
        Index("ix_follow_up_since", "since", "id"),
        Index("ix_follow_up_next", "next_message_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    application_id: Mapped[int] = mapped_column(ForeignKey("application.id"), unique=True)
    since: Mapped[datetime] = mapped_column(UTCDateTime)
    """When it was started; where Talroo does not say, when it arrived."""

    # By these four a completed application finds it, each time one arrives: in this small table, because among all
    # applications a shared address or click would have to be walked again and again.
    tlr_application_id: Mapped[str | None] = mapped_column(String(255), index=True)
    tlr_sid: Mapped[str | None] = mapped_column(String(255), index=True)
    email_key: Mapped[str | None] = mapped_column(String(500), index=True)
    job_reference: Mapped[str | None] = mapped_column(String(255))

    answered: Mapped[int] = mapped_column(default=0)
    """How many questions of the form the applicant came past (0: only the contact page)."""
    asked: Mapped[int | None] = mapped_column()
    """How many questions the form has, as completed applications for the same job show; None where none is known."""
    stopped_at_id: Mapped[str | None] = mapped_column(String(500))
    stopped_at: Mapped[str | None] = mapped_column(String(300))
    """The question that came next and was not answered; None where it is not known."""
    missing: Mapped[list[str]] = mapped_column(JSON, default=list)
    """What was not given, in words: "phone number", "résumé", …"""
    measured_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    """When the form was last looked for, of those filed before anybody had finished one; see `measuring`."""

    messages: Mapped[int] = mapped_column(default=0)
    """Reminders that went out."""
    last_message_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    next_message_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    """When the job's cadence writes next; None where it does not."""
    next_blocked: Mapped[str | None] = mapped_column(String(300))
    """Why that message did not go out when its time had come, in words; None where nothing was in the way."""
    opted_out_at: Mapped[datetime | None] = mapped_column(UTCDateTime)

    completed_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    """When the completed application reached us; None while it is in the worklist."""
    completed_by_id: Mapped[int | None] = mapped_column(ForeignKey("application.id"), index=True)
    """The completed application; the same one where it was finished under its own id."""
    completed_key: Mapped[str | None] = mapped_column(String(20))
    """`LinkKey`: how it was recognised."""
    messages_before: Mapped[int | None] = mapped_column()
    """Reminders that had gone out by then."""

    application: Mapped[Application] = relationship(foreign_keys=[application_id])
    completed_by: Mapped[Application | None] = relationship(foreign_keys=[completed_by_id])

    @property
    def link_words(self) -> str:
        """How it ended: "Finished after email 2, recognized by the same click"; empty while it is open."""
        if self.completed_at is None or self.completed_key is None:
            return ""
        return f"{self._how}, recognized by {LinkKey(self.completed_key).label}"

    @property
    def _how(self) -> str:
        if self.messages_before:
            return f"Finished after email {self.messages_before}"
        had_applied = self.completed_at is not None and self.completed_at < self.since
        return "Had already applied" if had_applied else "Finished on their own"
