from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from dashboard.database import Base, UTCDateTime
from dashboard.models.user import User
from dashboard.stages import REJECTION_REASONS, Stage


class StageChange(Base):
    """One step of an application's timeline: who moved it, when, from where (network address) and why.

    A step from a stage to itself is a note.
    """

    __tablename__ = "stage_change"

    id: Mapped[int] = mapped_column(primary_key=True)
    application_id: Mapped[int] = mapped_column(ForeignKey("application.id"), index=True)
    from_stage: Mapped[str] = mapped_column(String(20))
    to_stage: Mapped[str] = mapped_column(String(20))
    at: Mapped[datetime] = mapped_column(UTCDateTime)
    user_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))
    remote_addr: Mapped[str | None] = mapped_column(String(64))
    reason: Mapped[str | None] = mapped_column(String(40))
    note: Mapped[str | None] = mapped_column(Text)

    user: Mapped[User | None] = relationship(lazy="joined")

    @property
    def actor(self) -> str:
        return self.user.email if self.user else "The system"

    @property
    def is_note(self) -> bool:
        return self.from_stage == self.to_stage

    @property
    def text(self) -> str:
        there = Stage(self.to_stage).label
        moved = f"Note, at {there}" if self.is_note else f"{Stage(self.from_stage).label} → {there}"
        return f"{moved}: {REJECTION_REASONS.get(self.reason, self.reason)}" if self.reason else moved
