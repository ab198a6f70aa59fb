from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from dashboard.database import Base, UTCDateTime
from dashboard.models.user import User


class AuditEntry(Base):
    """Who did what to what, when and from where: ids, never names. Written once; the database refuses to change one."""

    __tablename__ = "audit_entry"
    __table_args__ = (
        Index("ix_audit_entry_action", "action", "number"),
        Index("ix_audit_entry_actor", "actor_id", "number"),
        Index("ix_audit_entry_subject", "subject_id", "number"),
        Index("ix_audit_entry_at", "at", "number"),
    )

    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    """From 1, without gaps."""
    at: Mapped[datetime] = mapped_column(UTCDateTime)
    action: Mapped[str] = mapped_column(String(40))
    """`audit_actions.Action`."""
    actor_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))
    """None: nobody signed in, a command, or the worker; `details` says which."""
    subject_kind: Mapped[str | None] = mapped_column(String(20))
    subject_id: Mapped[str | None] = mapped_column(String(64))
    """A public id."""
    details: Mapped[str] = mapped_column(Text)
    """JSON with sorted keys, as it was when the digest was made of it: ids, numbers and words of ours."""
    remote_addr: Mapped[str | None] = mapped_column(String(64))
    request_id: Mapped[str | None] = mapped_column(String(40))
    digest: Mapped[str] = mapped_column(String(64))
    """Keyed, over this entry and the digest of the one before."""

    actor: Mapped[User | None] = relationship()


class AuditHead(Base):
    """The end of the chain, one row: whoever adds to it locks it, and whoever cuts entries off is found out by it."""

    __tablename__ = "audit_head"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    number: Mapped[int] = mapped_column(default=0)
    digest: Mapped[str] = mapped_column(String(64), default="")
