from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from dashboard.database import Base, UTCDateTime
from dashboard.models.application import Application
from dashboard.models.user import User


class ActivityKind(StrEnum):
    RATED = "rated"
    ASSIGNED = "assigned"
    HELD = "held"
    TAGGED = "tagged"
    UNTAGGED = "untagged"
    NOTE_EDITED = "note_edited"
    NOTE_REMOVED = "note_removed"
    LINKED = "linked"
    UNLINKED = "unlinked"


class Activity(Base):
    """Something done to an application that is neither a move (`StageChange`) nor a `Note`: who, when, from where.

    `before` and `after` are in words, as they were then: a person's email address, a tag, a number of stars.
    """

    __tablename__ = "activity"

    id: Mapped[int] = mapped_column(primary_key=True)
    application_id: Mapped[int] = mapped_column(ForeignKey("application.id"), index=True)
    kind: Mapped[str] = mapped_column(String(20))
    before: Mapped[str | None] = mapped_column(String(320))
    after: Mapped[str | None] = mapped_column(String(320))
    other_id: Mapped[int | None] = mapped_column(ForeignKey("application.id"), index=True)
    """The other application, of a link between two."""
    at: Mapped[datetime] = mapped_column(UTCDateTime)
    user_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))
    remote_addr: Mapped[str | None] = mapped_column(String(64))

    user: Mapped[User | None] = relationship(lazy="joined")
    other: Mapped[Application | None] = relationship(foreign_keys=[other_id])

    @property
    def actor(self) -> str:
        return self.user.email if self.user else "The system"

    @property
    def text(self) -> str:
        """What was done: "Rating 2 → 4", "Assigned to dana@example.com (was rita@example.com)"."""
        before, after = self.before or "", self.after or ""
        match ActivityKind(self.kind):
            case ActivityKind.RATED:
                return f"Rating {before or 'none'} → {after or 'none'}"
            case ActivityKind.ASSIGNED if after:
                return f"Assigned to {after}" + (f" (was {before})" if before else "")
            case ActivityKind.HELD:
                return "Held for later" if after else "Taken off hold"
            case kind:
                return f"{_WORDS[kind]} {after or before}".rstrip()


_WORDS = {
    ActivityKind.ASSIGNED: "No longer assigned to",
    ActivityKind.TAGGED: "Tagged",
    ActivityKind.UNTAGGED: "Tag removed:",
    ActivityKind.NOTE_EDITED: "Changed a note",
    ActivityKind.NOTE_REMOVED: "Removed a note",
    ActivityKind.LINKED: "Marked as",
    ActivityKind.UNLINKED: "Undone: marked as",
}
