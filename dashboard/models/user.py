from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from dashboard.database import Base, PublicId, UTCDateTime, public_id


class Role(StrEnum):
    RECRUITER = "recruiter"
    HR_ADMIN = "hr_admin"
    IT_ADMIN = "it_admin"

    @property
    def label(self) -> str:
        return {"recruiter": "Recruiter", "hr_admin": "HR administrator", "it_admin": "IT administrator"}[self.value]


class User(Base):
    __tablename__ = "user_account"

    id: Mapped[int] = mapped_column(primary_key=True)
    public_id: Mapped[str] = mapped_column(PublicId, default=public_id, unique=True)
    email: Mapped[str] = mapped_column(String(320), unique=True)
    """Folded to lower case."""
    password_hash: Mapped[str] = mapped_column(String(255))
    role: Mapped[str] = mapped_column(String(20))
    active: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
    single_keys: Mapped[bool] = mapped_column(default=True)
    """Whether one key alone does something (WCAG 2.1.4: whoever speaks to their computer turns it off)."""
    morning_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    """When their next morning mail is due; None: they want none."""
    time_zone: Mapped[str] = mapped_column(String(64), default="UTC")
    """Whose mornings these are: an IANA name."""

    @property
    def role_label(self) -> str:
        return Role(self.role).label


class LoginSession(Base):
    """One signed-in browser. Deleting or revoking the row signs it out, wherever its cookie is."""

    __tablename__ = "login_session"

    id: Mapped[int] = mapped_column(primary_key=True)
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    """SHA-256 of the cookie's token: who reads the database cannot sign in with it."""
    user_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"), index=True)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
    expires_at: Mapped[datetime] = mapped_column(UTCDateTime)
    revoked_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    remote_addr: Mapped[str | None] = mapped_column(String(64))
    user_agent: Mapped[str | None] = mapped_column(String(300))

    user: Mapped[User] = relationship(lazy="joined")


class LoginThrottle(Base):
    """Failed sign-ins of late, by what they had in common (an e-mail address or a network address)."""

    __tablename__ = "login_throttle"

    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    """SHA-256, so that the table lists nobody."""
    failures: Mapped[int] = mapped_column(default=0)
    window_ends_at: Mapped[datetime] = mapped_column(UTCDateTime)
