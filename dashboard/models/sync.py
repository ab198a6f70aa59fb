from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from dashboard.database import Base, PublicId, UTCDateTime, public_id
from dashboard.models.user import User


class SyncKind(StrEnum):
    INCOMPLETE = "incomplete"
    COMPLETED = "completed"


class SyncState(Base):
    """Where pulling stands, a row a kind. Whoever holds its lease pulls; nobody else does."""

    __tablename__ = "sync_state"

    kind: Mapped[str] = mapped_column(String(20), primary_key=True)
    watermark: Mapped[datetime | None] = mapped_column(UTCDateTime)
    """Everything started up to then was read once. Moves only when a run came to its end, with its last rows."""
    floor: Mapped[datetime | None] = mapped_column(UTCDateTime)
    """How far back an unfinished run had to read; the next run owes it."""
    asked_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    """Somebody pressed the button and the worker has not begun yet."""
    asked_by_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))
    run_id: Mapped[int | None] = mapped_column(ForeignKey("sync_run.id", name="fk_sync_state_run_id_sync_run"))
    lease_until: Mapped[datetime | None] = mapped_column(UTCDateTime)


class SyncRun(Base):
    """One pull from the Platform API, with what it found; its numbers grow while it runs."""

    __tablename__ = "sync_run"
    __table_args__ = (Index("ix_sync_run_kind", "kind", "id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    public_id: Mapped[str] = mapped_column(PublicId, default=public_id, unique=True)
    kind: Mapped[str] = mapped_column(String(20))
    trigger: Mapped[str] = mapped_column(String(20))
    """`worker`, `button` or `terminal`."""
    started_by_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))
    started_at: Mapped[datetime] = mapped_column(UTCDateTime)
    finished_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    state: Mapped[str] = mapped_column(String(20))
    """`running`, `done`, `failed` or `interrupted` (its process went away)."""
    since: Mapped[datetime] = mapped_column(UTCDateTime)
    """How far back it reads."""
    pages: Mapped[int] = mapped_column(default=0)
    expected: Mapped[int | None] = mapped_column()
    """How many items Talroo says there are; only for the bar, nothing relies on it."""
    fetched: Mapped[int] = mapped_column(default=0)
    new: Mapped[int] = mapped_column(default=0)
    updated: Mapped[int] = mapped_column(default=0)
    unchanged: Mapped[int] = mapped_column(default=0)
    failed: Mapped[int] = mapped_column(default=0)
    """Items nobody could file; they are kept among the deliveries."""
    pushed: Mapped[int] = mapped_column(default=0)
    """Of a pull of completed ones: those the webhook had brought."""
    only_pulled: Mapped[int] = mapped_column(default=0)
    """Those only the API had."""
    problem: Mapped[str | None] = mapped_column(String(300))
    process: Mapped[str | None] = mapped_column(String(100))
    """Which process pulls (`processes.this_process`): once that has ended, nobody has to wait for its lease."""

    started_by: Mapped[User | None] = relationship()

    @property
    def line(self) -> str:
        """What the command prints."""
        return (
            f"fetched {self.fetched}, new {self.new}, updated {self.updated},"
            f" unchanged {self.unchanged}, failed {self.failed}"
        )

    @property
    def gap(self) -> str:
        """How completed applications came: what the webhook brought, what only the API had, what nobody could file."""
        return f"pushed {self.pushed}, found only by the API {self.only_pulled}, missing {self.failed}"

    @property
    def starter(self) -> str:
        """Who wanted it, in words."""
        if self.started_by is not None:
            return self.started_by.email
        return {"worker": "the worker", "terminal": "a command"}.get(self.trigger, "the button")
