from __future__ import annotations

from sqlalchemy import String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from dashboard.database import Base, PublicId, public_id


class Job(Base):
    """A job as applications name it. Its identity is the feed's reference within one company."""

    __tablename__ = "job"
    __table_args__ = (UniqueConstraint("identity", name="uq_job_identity"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    public_id: Mapped[str] = mapped_column(PublicId, default=public_id, unique=True)
    identity: Mapped[str] = mapped_column(String(64))
    """SHA-256 of company and reference: both can be longer than an index takes."""
    reference: Mapped[str] = mapped_column(String(255), index=True)
    """The reference of the employer's feed (`originalJobReference`), else Talroo's, else Talroo's job id."""
    talroo_reference: Mapped[str | None] = mapped_column(String(255))
    talroo_job_id: Mapped[str | None] = mapped_column(String(255))
    source_id: Mapped[str | None] = mapped_column(String(255))
    title: Mapped[str | None] = mapped_column(String(500))
    company: Mapped[str | None] = mapped_column(String(500))
    company_term: Mapped[str | None] = mapped_column(String(32), index=True)
    """The company as the index of the lists knows it (`tokens.term`): every way of writing it has the same one."""
    city: Mapped[str | None] = mapped_column(String(255))
    state: Mapped[str | None] = mapped_column(String(255))
    zipcode: Mapped[str | None] = mapped_column(String(255))

    @property
    def place(self) -> str:
        return ", ".join(part for part in (self.city, self.state) if part)

    @property
    def label(self) -> str:
        return self.title or f"Job {self.reference}"
