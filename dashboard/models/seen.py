from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column, relationship

from dashboard.database import Base, UTCDateTime
from dashboard.models.user import User


class Seen(Base):
    """That somebody opened an application. Without a row it is unread to them; a fresh one says they look at it now."""

    __tablename__ = "seen"
    __table_args__ = (Index("ix_seen_application", "application_id", "last_at"),)

    user_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"), primary_key=True)
    application_id: Mapped[int] = mapped_column(ForeignKey("application.id"), primary_key=True)
    first_at: Mapped[datetime] = mapped_column(UTCDateTime)
    last_at: Mapped[datetime] = mapped_column(UTCDateTime)

    user: Mapped[User] = relationship()
