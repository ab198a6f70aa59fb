from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column, relationship

from dashboard.database import Base, UTCDateTime
from dashboard.models.user import User


class PersonLink(Base):
    """What somebody said of two applications: the same person's, or not, whatever else speaks for it.

    Taken back, the row is gone or says again what it said before; nothing else knows of it.
    """

    __tablename__ = "person_link"
    __table_args__ = (
        CheckConstraint("low_id < high_id", name="low_id_first"),
        Index("ix_person_link_high", "high_id", "low_id"),
    )

    low_id: Mapped[int] = mapped_column(ForeignKey("application.id"), primary_key=True)
    high_id: Mapped[int] = mapped_column(ForeignKey("application.id"), primary_key=True)
    same: Mapped[bool] = mapped_column()
    replaced: Mapped[bool | None] = mapped_column()
    """What was said of the two before, which stands again when this is taken back; None where nothing was."""
    at: Mapped[datetime] = mapped_column(UTCDateTime)
    user_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))

    user: Mapped[User | None] = relationship()
