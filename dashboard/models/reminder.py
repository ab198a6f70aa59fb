from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from dashboard.database import Base, PublicId, UTCDateTime, public_id
from dashboard.models.outbound import Outbound
from dashboard.models.user import User


class ReminderTemplate(Base):
    """The words of a reminder, with merge fields such as `{first_name}`, written by HR administrators."""

    __tablename__ = "reminder_template"

    id: Mapped[int] = mapped_column(primary_key=True)
    public_id: Mapped[str] = mapped_column(PublicId, default=public_id, unique=True)
    name: Mapped[str] = mapped_column(String(100))
    subject: Mapped[str] = mapped_column(String(300))
    body: Mapped[str] = mapped_column(Text)
    updated_at: Mapped[datetime] = mapped_column(UTCDateTime)
    updated_by_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))
    archived_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    """Not offered any more; messages that were made from it keep their words."""

    updated_by: Mapped[User | None] = relationship()


class Reminder(Base):
    """One reminder to one person, word for word as it is sent. Its way out is its outbox row's."""

    __tablename__ = "reminder"
    __table_args__ = (Index("uq_reminder_application_number", "application_id", "number", unique=True),)

    id: Mapped[int] = mapped_column(primary_key=True)
    outbound_id: Mapped[int] = mapped_column(ForeignKey("outbound.id"), unique=True)
    application_id: Mapped[int] = mapped_column(ForeignKey("application.id"))
    template_id: Mapped[int | None] = mapped_column(ForeignKey("reminder_template.id"), index=True)
    number: Mapped[int] = mapped_column()
    """Its place among the person's reminders, from 1."""
    subject: Mapped[str] = mapped_column(String(500))
    body: Mapped[str] = mapped_column(Text)
    """Without the closing lines (postal address, unsubscribe), which are added when it is sent."""
    automatic: Mapped[bool] = mapped_column(default=False)
    """Written by the job's cadence, so quiet hours hold for it."""

    outbound: Mapped[Outbound] = relationship(back_populates="reminder")


class OptOut(Base):
    """Somebody who wants no reminders. The row outlives the person's data, so it holds a keyed hash and no address."""

    __tablename__ = "opt_out"

    email_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    at: Mapped[datetime] = mapped_column(UTCDateTime)
    how: Mapped[str] = mapped_column(String(20))
    """`link` (the page), `one-click` (the mail program's button) or `person` (noted by an HR administrator)."""


class JobFollowUp(Base):
    """How unfinished applications for a job are followed up: where its link leads, and the cadence."""

    __tablename__ = "job_follow_up"

    job_id: Mapped[int] = mapped_column(ForeignKey("job.id"), primary_key=True)
    apply_url: Mapped[str | None] = mapped_column(String(2000))
    """The job's own apply page. Never a Talroo click address, which could mint a new billable click."""
    active: Mapped[bool] = mapped_column(default=False)
    """Whether the cadence writes by itself."""
    steps: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list)
    """`{"days": 1, "template": <id>}`, at most three, days after the application was started, rising."""
    updated_at: Mapped[datetime] = mapped_column(UTCDateTime)
    updated_by_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))

    updated_by: Mapped[User | None] = relationship()
