from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from dashboard.database import Base, PublicId, UTCDateTime, public_id
from dashboard.models.application import Application
from dashboard.models.user import User


class BulkAction(Base):
    """One thing done to many applications at once, kept so that it can be looked at and taken back."""

    __tablename__ = "bulk_action"
    __table_args__ = (UniqueConstraint("user_id", "token"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    public_id: Mapped[str] = mapped_column(PublicId, default=public_id, unique=True)
    token: Mapped[str] = mapped_column(String(32))
    """Made with the confirmation: sent twice by the same user, it is the same action."""
    user_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"))
    at: Mapped[datetime] = mapped_column(UTCDateTime)
    verb: Mapped[str] = mapped_column(String(20))
    arguments: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    """What the verb was given, to take it back by: a stage, a user's id, a tag's name."""
    words: Mapped[str] = mapped_column(String(400))
    """What was done, for people: "Move to Rejected: Withdrew"."""
    missing: Mapped[int] = mapped_column(default=0)
    """How many were asked for and are not there."""
    undone_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    undone_by_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))

    user: Mapped[User] = relationship(foreign_keys=[user_id])


class BulkItem(Base):
    """What became of one application in it."""

    __tablename__ = "bulk_item"

    action_id: Mapped[int] = mapped_column(ForeignKey("bulk_action.id"), primary_key=True)
    application_id: Mapped[int] = mapped_column(ForeignKey("application.id"), primary_key=True, index=True)
    skipped: Mapped[str | None] = mapped_column(String(200))
    """Why nothing was done, in words; None where it was done."""
    before: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    """What undoing it needs: how it was, and by what it is known whether somebody changed it since."""
    kept: Mapped[str | None] = mapped_column(String(200))
    """Why it could not be taken back when the rest was; None where it was, or nobody tried."""

    application: Mapped[Application] = relationship()
