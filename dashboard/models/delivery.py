from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from sqlalchemy import JSON, BigInteger, Index, LargeBinary, String, Text, text
from sqlalchemy.orm import Mapped, foreign, mapped_column, relationship

from dashboard.database import Base, PublicId, UTCDateTime, public_id
from dashboard.models.application import Application

COMPLETED: Final = "platform:JobApplication:completed:v2"
STARTED: Final = "platform:JobApplication:started:v1"

BLANK: Final[Mapping[str, Any]] = {
    "status": "erased",
    "signature": None,
    "query": None,
    "content_type": None,
    "event_id": None,
    "body": b"",
    "cuts": [],
    "reason": None,
    "notes": [],
    "talroo_id": None,
}
"""What is left of a delivery once somebody was erased: that something came, when, from where and how large it was."""


def _partial(name: str, *columns: str, where: str) -> Index:
    """An index of the few rows that are not as nearly all are: being one of the others costs a delivery nothing."""
    return Index(name, *columns, sqlite_where=text(where), postgresql_where=text(where))


class Delivery(Base):
    """What arrived: when, from where, with which verdict, and its bytes.

    `body` holds references in place of file contents; `cuts` says where they stand (`talroo/cutting.py`).
    """

    __tablename__ = "delivery"
    __table_args__ = (
        Index("ix_delivery_received", "received_at", "id"),
        Index("ix_delivery_status", "status", "received_at", "id"),
        Index("ix_delivery_source", "source", "received_at", "id"),
        _partial("ix_delivery_not_fresh", "timing", "received_at", "id", where="timing <> 'fresh'"),
        _partial("ix_delivery_other_event", "event_type", "received_at", "id", where=f"event_type <> '{COMPLETED}'"),
        _partial("ix_delivery_not_filed", "event_id", where="status <> 'accepted'"),
        _partial("ix_delivery_again", "id", where="again_at IS NOT NULL"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    public_id: Mapped[str] = mapped_column(PublicId, default=public_id, unique=True)
    key: Mapped[str] = mapped_column(String(300), unique=True)
    """What makes a delivery the same one: `event:<id>`, else `sha256:<of the body>`; a keyed hash of one erased."""
    source: Mapped[str] = mapped_column(String(20))
    """`pushed` (webhook), `pulled` (Platform API), `test` (we sent it to our webhook) or `seeded`."""
    received_at: Mapped[datetime] = mapped_column(UTCDateTime)
    timing: Mapped[str] = mapped_column(String(20))
    """`fresh`, `late`, `clock` or `expired`: the signature's time against ours."""
    signature: Mapped[str | None] = mapped_column(String(2048))
    query: Mapped[str | None] = mapped_column(Text)
    content_type: Mapped[str | None] = mapped_column(String(255))
    remote_addr: Mapped[str | None] = mapped_column(String(64))
    event_id: Mapped[str | None] = mapped_column(String(255))
    event_type: Mapped[str | None] = mapped_column(String(255))
    event_at: Mapped[datetime | None] = mapped_column(UTCDateTime)

    body: Mapped[bytes] = mapped_column(LargeBinary, deferred=True)
    cuts: Mapped[list[list[int | str]]] = mapped_column(JSON, default=list)
    size: Mapped[int] = mapped_column(BigInteger)
    """Of the exact body as signed, in bytes."""

    status: Mapped[str] = mapped_column(String(20))
    """`accepted`, `kept` (not understood, a person should look), `quarantined` (too old), `dismissed` (a person looked,
    and wants nothing of it) or `erased` (`BLANK`)."""
    reason: Mapped[str | None] = mapped_column(String(500))
    notes: Mapped[list[str]] = mapped_column(JSON, default=list)
    talroo_id: Mapped[str | None] = mapped_column(String(255), index=True)
    """`data.id`: which application it is about, known before that application's row is."""
    duplicate_count: Mapped[int] = mapped_column(default=0)
    last_duplicate_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    replayed_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    again_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    """When somebody asked for all kept ones to be read again, until this one is."""

    application: Mapped[Application | None] = relationship(
        primaryjoin=foreign(talroo_id) == Application.talroo_id, viewonly=True
    )
