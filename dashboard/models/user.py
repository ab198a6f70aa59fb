from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Final

from sqlalchemy import BigInteger, ForeignKey, Index, String, false, true
from sqlalchemy.orm import Mapped, mapped_column, relationship

from dashboard.database import Base, PublicId, UTCDateTime, public_id

NO_PASSWORD: Final = "!"  # noqa: S105
WAYS_IN: Final = {
    "password": "by password",
    "totp": "by password and code",
    "recovery": "by password and recovery code",
    "oidc": "through the identity provider",
    "oidc_factor": "through the identity provider, with two-step verification there",
    "oidc_code": "through the identity provider, and code",
    "link": "by a link to choose a password",
}
"""What `LoginSession.how` says, in words."""


class Role(StrEnum):
    RECRUITER = "recruiter"
    HR_ADMIN = "hr_admin"
    IT_ADMIN = "it_admin"

    @property
    def label(self) -> str:
        return {"recruiter": "Recruiter", "hr_admin": "HR administrator", "it_admin": "IT administrator"}[self.value]


class User(Base):
    __tablename__ = "user_account"
    __table_args__ = (Index("uq_user_account_oidc", "oidc_issuer", "oidc_subject", unique=True),)

    id: Mapped[int] = mapped_column(primary_key=True)
    public_id: Mapped[str] = mapped_column(PublicId, default=public_id, unique=True)
    email: Mapped[str] = mapped_column(String(320), unique=True)
    """Folded to lower case."""
    password_hash: Mapped[str] = mapped_column(String(255))
    """`NO_PASSWORD` of somebody who has none (yet): no password verifies against it."""
    role: Mapped[str] = mapped_column(String(20))
    active: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
    single_keys: Mapped[bool] = mapped_column(default=True)
    """Whether one key alone does something (WCAG 2.1.4: whoever speaks to their computer turns it off)."""
    morning_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    """When their next morning mail is due; None: they want none."""
    time_zone: Mapped[str] = mapped_column(String(64), default="UTC")
    """Whose mornings these are: an IANA name."""
    alert_mail: Mapped[bool] = mapped_column(default=True, server_default=true())
    """Whether they are told by mail that something is wrong, if they may see how the integration stands."""
    is_limited: Mapped[bool] = mapped_column(default=False, server_default=false())
    """Whether they see only applications for the jobs and companies of their `UserScope`s."""
    password_changed_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    totp_secret: Mapped[str | None] = mapped_column(String(255))
    """Encrypted: who reads the database has no second factor by it."""
    totp_since: Mapped[datetime | None] = mapped_column(UTCDateTime)
    """Since when the second factor is asked for; None while it is not set up."""
    totp_step: Mapped[int | None] = mapped_column(BigInteger)
    """The time step of the code used last: a code works once."""
    oidc_issuer: Mapped[str | None] = mapped_column(String(255))
    oidc_subject: Mapped[str | None] = mapped_column(String(255))
    """By what the identity provider knows them."""

    @property
    def role_label(self) -> str:
        return Role(self.role).label

    @property
    def has_password(self) -> bool:
        return self.password_hash != NO_PASSWORD

    @property
    def can_sign_in(self) -> bool:
        """Whether they have a way in, and may use it."""
        return self.active and (self.has_password or self.oidc_subject is not None)

    @property
    def is_invited(self) -> bool:
        """Whether they have been let in, and never came."""
        return self.active and not self.can_sign_in


class LoginSession(Base):
    """One signed-in browser. Deleting or revoking the row signs it out, wherever its cookie is."""

    __tablename__ = "login_session"
    __table_args__ = (Index("uq_login_session_public_id", "public_id", unique=True),)

    id: Mapped[int] = mapped_column(primary_key=True)
    public_id: Mapped[str | None] = mapped_column(PublicId, default=public_id)
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    """SHA-256 of the cookie's token: who reads the database cannot sign in with it."""
    user_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"), index=True)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
    expires_at: Mapped[datetime] = mapped_column(UTCDateTime)
    revoked_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    remote_addr: Mapped[str | None] = mapped_column(String(64))
    user_agent: Mapped[str | None] = mapped_column(String(300))
    how: Mapped[str | None] = mapped_column(String(20))
    """By what they signed in, one of `WAYS_IN`."""

    user: Mapped[User] = relationship(lazy="joined")

    @property
    def how_words(self) -> str:
        """By what they signed in; nothing where that is not known."""
        return WAYS_IN.get(self.how or "", "")


class LoginThrottle(Base):
    """Failed sign-ins of late, by what they had in common (an email address or a network address); exports by user."""

    __tablename__ = "login_throttle"

    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    """SHA-256, so that the table lists nobody."""
    failures: Mapped[int] = mapped_column(default=0)
    window_ends_at: Mapped[datetime] = mapped_column(UTCDateTime)
