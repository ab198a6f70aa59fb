from __future__ import annotations

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from dashboard.database import Base, UTCDateTime


class WorkerBeat(Base):
    """A background process, and when it was last known to be alive."""

    __tablename__ = "worker_beat"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    """Host, process id and a random part."""
    started_at: Mapped[datetime] = mapped_column(UTCDateTime)
    beat_at: Mapped[datetime] = mapped_column(UTCDateTime, index=True)
