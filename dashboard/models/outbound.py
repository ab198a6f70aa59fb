from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from dashboard.database import Base, PublicId, UTCDateTime, public_id
from dashboard.models.application import Application
from dashboard.models.user import User
from dashboard.stages import Stage, still_true

if TYPE_CHECKING:
    from dashboard.models.reminder import Reminder


class Channel(StrEnum):
    CONVERSION = "conversion"
    DISPOSITION = "disposition"
    REMINDER = "reminder"
    MORNING = "morning"
    ACCESS = "access"
    ALERT = "alert"


class State(StrEnum):
    """What is stored. What people see tells `waiting` apart by time and attempts: see `Outbound.shown_state`."""

    WAITING = "waiting"
    SENDING = "sending"
    SENT = "sent"
    PARKED = "parked"
    CANCELLED = "cancelled"
    UNSENDABLE = "unsendable"


UNDER_WAY: Final = (State.WAITING, State.SENDING, State.PARKED)
"""States of a row that has not gone out and yet may."""


ERASED: Final = "erased:"
"""Before the business key of a row whose person was erased: nothing in it may tell of them any more."""


class Outbound(Base):
    """Something the outside must hear because of a decision here; written in the decision's own transaction.

    The `business_key` is unique, so that double clicks, replays and two recruiters lead to one.
    """

    __tablename__ = "outbound"
    __table_args__ = (
        Index("ix_outbound_due", "state", "due_at"),
        Index("ix_outbound_ledger", "channel", "id"),
        Index("ix_outbound_state", "channel", "state", "id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    public_id: Mapped[str] = mapped_column(PublicId, default=public_id, unique=True)
    channel: Mapped[str] = mapped_column(String(20))
    business_key: Mapped[str] = mapped_column(String(255), unique=True)
    application_id: Mapped[int | None] = mapped_column(ForeignKey("application.id"), index=True)
    tlr_sid: Mapped[str | None] = mapped_column(String(255), index=True)
    tlr_application_id: Mapped[str | None] = mapped_column(String(255))
    event: Mapped[str] = mapped_column(String(100))
    """Conversion event `1`, `2` or `3`; for a disposition, the configured event name; for a reminder, its number; for
    a morning mail, its day there (2026-11-22); for an invitation, its link's public id, and for a notice of
    access its kind and whom it tells (`services/notices.py`); for an alert, `begun`, `still`
    or `over` and its number (`begun:7`)."""
    stage: Mapped[str | None] = mapped_column(String(20))
    """Our stage that fired it; none for a mail, and for a conversion asked for through `/click/convert`."""
    event_time: Mapped[datetime] = mapped_column(UTCDateTime)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
    created_by_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))
    """Who decided it. A morning mail or an alert goes to them."""

    state: Mapped[str] = mapped_column(String(20))
    due_at: Mapped[datetime] = mapped_column(UTCDateTime)
    attempts: Mapped[int] = mapped_column(default=0)
    """How many calls were begun, ever; numbers them."""
    failures: Mapped[int] = mapped_column(default=0)
    """How many calls failed since it was queued or a person asked for another try; decides the next wait."""
    alone: Mapped[bool] = mapped_column(default=False)
    """Not to be sent with others: a batch that held it was refused, and it may be the reason."""
    first_attempt_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    lease_until: Mapped[datetime | None] = mapped_column(UTCDateTime)
    uncertain: Mapped[int] = mapped_column(default=0)
    """Attempts whose outcome nobody knows, because the worker died or was stopped in the middle."""
    last_status: Mapped[int | None] = mapped_column()
    last_answer: Mapped[str | None] = mapped_column(Text)
    sent_at: Mapped[datetime | None] = mapped_column(UTCDateTime)

    application: Mapped[Application | None] = relationship()
    created_by: Mapped[User | None] = relationship()
    reminder: Mapped[Reminder | None] = relationship(back_populates="outbound")
    tries: Mapped[list[Attempt]] = relationship(back_populates="outbound", order_by="Attempt.number")

    @property
    def is_veiled(self) -> bool:
        """Whether whom it is about is restricted: nothing it tells of them is shown, neither click, words nor answers.

        The ledger loads nobody who is restricted.
        """
        person = self.application
        return self.application_id is not None and (person is None or person.restricted_at is not None)

    def shown_state(self, now: datetime) -> str:
        """One of interface.md's states: held, pending, sending, sent, retrying, parked, cancelled, unsendable."""
        if self.state != State.WAITING:
            return self.state
        if self.failures:
            return "retrying"
        return "held" if self.due_at > now else "pending"

    def is_taken_back(self, now_at: str) -> bool:
        """Whether what it says is not true any more of somebody who stands at the stage `now_at`."""
        return self.stage is not None and not still_true(Stage(self.stage), Stage(now_at))


class Attempt(Base):
    """One call, written down before it is made; the proof is added when its outcome is known."""

    __tablename__ = "attempt"
    __table_args__ = (Index("uq_attempt_outbound_number", "outbound_id", "number", unique=True),)

    id: Mapped[int] = mapped_column(primary_key=True)
    outbound_id: Mapped[int] = mapped_column(ForeignKey("outbound.id"))
    number: Mapped[int] = mapped_column()
    worker: Mapped[str] = mapped_column(String(64))
    started_at: Mapped[datetime] = mapped_column(UTCDateTime)
    finished_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    outcome: Mapped[str] = mapped_column(String(20))
    """`started`, then `sent`, `retry`, `refused` or `uncertain`."""
    status: Mapped[int | None] = mapped_column()
    duration_ms: Mapped[int | None] = mapped_column()
    answer: Mapped[str | None] = mapped_column(Text)
    error: Mapped[str | None] = mapped_column(String(300))

    outbound: Mapped[Outbound] = relationship(back_populates="tries")
