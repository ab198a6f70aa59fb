from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from dashboard.database import Base, PublicId, UTCDateTime, public_id
from dashboard.models.user import User


class SavedView(Base):
    """A list somebody wants to come back to: the query of its address, under a name."""

    __tablename__ = "saved_view"
    __table_args__ = (
        Index("uq_saved_view_owner_key", "owner_id", "key", unique=True),
        Index("ix_saved_view_shared", "key", sqlite_where=text("shared"), postgresql_where=text("shared")),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    public_id: Mapped[str] = mapped_column(PublicId, default=public_id, unique=True)
    owner_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"))
    name: Mapped[str] = mapped_column(String(60))
    key: Mapped[str] = mapped_column(String(240))
    """The name folded: nobody has two that look the same."""
    query: Mapped[str] = mapped_column(String(2000))
    """As the address has it, without "?" and without the page: `stage=new&q=forklift`."""
    shared: Mapped[bool] = mapped_column(default=False)
    updated_at: Mapped[datetime] = mapped_column(UTCDateTime)

    owner: Mapped[User] = relationship(lazy="joined")
