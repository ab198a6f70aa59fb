from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import JSON, ColumnElement, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from dashboard.database import Base, UTCDateTime


class Reason(StrEnum):
    """Why a delivery was refused."""

    MISSING = "missing"
    MALFORMED = "malformed"
    MISMATCH = "mismatch"
    EXPIRED = "expired"
    CLOCK = "clock"
    TOO_LARGE = "too_large"
    NO_SECRET = "no_secret"  # noqa: S105
    NOT_STORED = "not_stored"
    HOST = "host"

    @property
    def label(self) -> str:
        return REASON_LABELS[self]

    @property
    def status(self) -> int:
        """What was answered."""
        if self in (Reason.NO_SECRET, Reason.NOT_STORED):
            return 503
        return {Reason.TOO_LARGE: 413, Reason.HOST: 400}.get(self, 401)


REASON_LABELS: Final = {
    Reason.MISSING: "No signature",
    Reason.MALFORMED: "Signature unreadable",
    Reason.MISMATCH: "Wrong signature",
    Reason.EXPIRED: "Signature too old",
    Reason.CLOCK: "Signed too far in the future",
    Reason.TOO_LARGE: "Too large",
    Reason.NO_SECRET: "No secret set here",
    Reason.NOT_STORED: "Could not be stored",
    Reason.HOST: "Another host name than PUBLIC_URL’s",
}
"""A line for every reason (`tests/services/test_refusals.py`)."""
SIGNED: Final = (Reason.EXPIRED, Reason.CLOCK, Reason.NOT_STORED)
"""What needs our secret. All else anybody on the internet can bring about, under whatever name of ours."""


OF_PAGES: Final = "page:"
"""Before the directive, in `Refusal.reason` of what browsers refused on our pages (`services/violations.py`)."""


class Refusal(Base):
    """Deliveries that were refused in one hour for one reason from one address: nobody vouches for their bytes, so
    they are counted and not kept. Likewise what browsers refused on our pages, with the page's rule for an address.
    """

    __tablename__ = "refusal"
    __table_args__ = (UniqueConstraint("hour", "reason", "remote_addr"), Index("ix_refusal_last_at", "last_at"))

    id: Mapped[int] = mapped_column(primary_key=True)
    hour: Mapped[datetime] = mapped_column(UTCDateTime)
    reason: Mapped[str] = mapped_column(String(40))
    remote_addr: Mapped[str] = mapped_column(String(64))
    count: Mapped[int] = mapped_column(default=0)
    first_at: Mapped[datetime] = mapped_column(UTCDateTime)
    last_at: Mapped[datetime] = mapped_column(UTCDateTime)

    @classmethod
    def is_of_a_page(cls) -> ColumnElement[bool]:
        """A condition; what it leaves out are deliveries."""
        return cls.reason.startswith(OF_PAGES)


class SecretUse(Base):
    """When a configured secret last proved something, so that one nobody uses any more can be retired."""

    __tablename__ = "secret_use"

    setting: Mapped[str] = mapped_column(String(40), primary_key=True)
    fingerprint: Mapped[str] = mapped_column(String(16), primary_key=True)
    """Keyed, so that it helps nobody to guess the secret."""
    first_at: Mapped[datetime] = mapped_column(UTCDateTime)
    last_at: Mapped[datetime] = mapped_column(UTCDateTime)
    """To the minute: noting each use would cost every delivery."""


class Alert(Base):
    """Something that is wrong, from when to when; those who run the dashboard are told by mail."""

    __tablename__ = "alert"
    __table_args__ = (
        Index(
            "uq_alert_open",
            "kind",
            unique=True,
            sqlite_where=text("ended_at IS NULL"),
            postgresql_where=text("ended_at IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(40))
    began_at: Mapped[datetime] = mapped_column(UTCDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    told_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    """When mails about it were last queued."""
    figures: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    """What its words need: numbers and times."""
