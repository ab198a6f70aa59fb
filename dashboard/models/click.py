from __future__ import annotations

from datetime import datetime

from sqlalchemy import String, Text
from sqlalchemy.orm import Mapped, mapped_column

from dashboard.database import Base, PublicId, UTCDateTime, public_id


class Click(Base):
    """A job seeker's arrival from Talroo through `/click`. Applications with the same `tlr_sid` belong to it."""

    __tablename__ = "click"

    id: Mapped[int] = mapped_column(primary_key=True)
    public_id: Mapped[str] = mapped_column(PublicId, default=public_id, unique=True)
    tlr_sid: Mapped[str] = mapped_column(String(64), unique=True)
    destination: Mapped[str] = mapped_column(Text)
    landed_at: Mapped[datetime] = mapped_column(UTCDateTime)
    landings: Mapped[int] = mapped_column(default=1)
