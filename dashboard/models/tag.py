from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from dashboard.database import Base, PublicId, UTCDateTime, public_id


class Tag(Base):
    """A word to find applications by, as whoever used it first typed it."""

    __tablename__ = "tag"

    id: Mapped[int] = mapped_column(primary_key=True)
    public_id: Mapped[str] = mapped_column(PublicId, default=public_id, unique=True)
    name: Mapped[str] = mapped_column(String(40))
    key: Mapped[str] = mapped_column(String(160), unique=True)
    """The name folded: "Night Shift" and "night shift" are one tag."""


class ApplicationTag(Base):
    __tablename__ = "application_tag"

    application_id: Mapped[int] = mapped_column(ForeignKey("application.id"), primary_key=True)
    tag_id: Mapped[int] = mapped_column(ForeignKey("tag.id"), primary_key=True, index=True)
    user_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))
    at: Mapped[datetime] = mapped_column(UTCDateTime)

    tag: Mapped[Tag] = relationship(lazy="joined")
