from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column, relationship

from dashboard.database import Base, UTCDateTime
from dashboard.models.user import User


class PersonLink(Base):
    """What somebody said of two applications: the same person's, or not, whatever else speaks for it.

    Deleting the row takes it back; nothing else knows of it.
    """

    __tablename__ = "person_link"
    __table_args__ = (
        CheckConstraint("low_id < high_id", name="low_id_first"),
        Index("ix_person_link_high", "high_id", "low_id"),
    )

    low_id: Mapped[int] = mapped_column(ForeignKey("application.id"), primary_key=True)
    high_id: Mapped[int] = mapped_column(ForeignKey("application.id"), primary_key=True)
    same: Mapped[bool] = mapped_column()
    at: Mapped[datetime] = mapped_column(UTCDateTime)
    user_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))

    user: Mapped[User | None] = relationship()
