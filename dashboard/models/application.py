from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import JSON, BigInteger, ColumnElement, ForeignKey, Index, String, and_, false, func, text
from sqlalchemy.orm import Mapped, foreign, mapped_column, relationship

from dashboard import filetypes
from dashboard.database import Base, PublicId, UTCDateTime, public_id
from dashboard.models.click import Click
from dashboard.models.file import StoredFile
from dashboard.models.job import Job
from dashboard.models.user import User
from dashboard.stages import Stage

if TYPE_CHECKING:
    from dashboard.models.delivery import Delivery


def _partial(name: str, *columns: str, where: str) -> Index:
    """An index of few rows, which costs the others nothing."""
    return Index(name, *columns, sqlite_where=text(where), postgresql_where=text(where))


class Application(Base):
    """One person's application for one job, merged from every delivery about it.

    Its questions and answers stay in the delivery that brought them (`answers_from`).
    """

    __tablename__ = "application"
    __table_args__ = (
        Index("ix_application_job", "job_id", "completed", "arrived_at", "id"),
        Index("uq_application_inbox_no", "inbox_no", unique=True),
        Index("ix_application_tab", "stage", "held_at", "inbox_no"),
        _partial("ix_application_unindexed", "id", where="unindexed IS NOT NULL"),
        _partial("ix_application_restricted", "id", where="restricted_at IS NOT NULL"),
        _partial("ix_application_assigned", "assigned_to_id", "stage", "id", where="assigned_to_id IS NOT NULL"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    public_id: Mapped[str] = mapped_column(PublicId, default=public_id, unique=True)
    talroo_id: Mapped[str] = mapped_column(String(255), unique=True)
    """`data.id`: what makes an application the same one."""
    tlr_application_id: Mapped[str | None] = mapped_column(String(255), index=True)
    tlr_sid: Mapped[str | None] = mapped_column(String(255), index=True)
    """The click id, as sent; whether it may go into a conversion is decided when one is made."""

    job_id: Mapped[int | None] = mapped_column(ForeignKey("job.id"))
    first_name: Mapped[str | None] = mapped_column(String(500))
    last_name: Mapped[str | None] = mapped_column(String(500))
    email: Mapped[str | None] = mapped_column(String(500))
    phone: Mapped[str | None] = mapped_column(String(100))
    address: Mapped[str | None] = mapped_column(String(1000))
    city: Mapped[str | None] = mapped_column(String(255))
    state: Mapped[str | None] = mapped_column(String(255))
    zipcode: Mapped[str | None] = mapped_column(String(100))
    email_key: Mapped[str | None] = mapped_column(String(500), index=True)
    """Email folded for comparing: the same person's other applications have the same one."""
    phone_key: Mapped[str | None] = mapped_column(String(32), index=True)
    """The last ten digits of the phone number, for the same purpose."""

    completed: Mapped[bool] = mapped_column(default=True)
    inbox_no: Mapped[int | None] = mapped_column()
    """Its place in the inbox, the highest on top: given when it is completed, and never changed. None until then."""
    unindexed: Mapped[int | None] = mapped_column()
    """`search.mark()`: another number at every change that its index entry does not know yet; None once it does."""
    qualified: Mapped[bool | None] = mapped_column()
    disqualified_by: Mapped[str | None] = mapped_column(String(300))
    started_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    applied_at: Mapped[datetime] = mapped_column(UTCDateTime)
    """When the applicant submitted; where Talroo does not say, when it was started, or arrived."""
    arrived_at: Mapped[datetime] = mapped_column(UTCDateTime)
    as_of: Mapped[datetime | None] = mapped_column(UTCDateTime)
    """The `createdAt` of the newest event merged so far: an older one may fill gaps, not change facts."""
    campaign_id: Mapped[str | None] = mapped_column(String(255))
    segment_id: Mapped[str | None] = mapped_column(String(255))
    redirect_url: Mapped[str | None] = mapped_column(String(2000))
    user_agent: Mapped[str | None] = mapped_column(String(1000))
    flags: Mapped[list[str]] = mapped_column(JSON, default=list)
    """Sentences about fields that came odd or unreadable."""
    is_late: Mapped[bool] = mapped_column(default=False)
    resume_mime: Mapped[str | None] = mapped_column(String(120))
    resume_verdict: Mapped[str | None] = mapped_column(String(20))
    """Of the newest résumé, as its attachment has them, so that a list need not look there; no verdict: none came."""

    stage: Mapped[str] = mapped_column(String(20), default=Stage.NEW.value)
    stage_version: Mapped[int] = mapped_column(default=0)
    """Counts stage changes: a change made from an older page is noticed by it."""
    start_date: Mapped[str | None] = mapped_column(String(10))
    """First day of work, as the recruiter gave it when marking the hire (YYYY-MM-DD)."""
    assigned_to_id: Mapped[int | None] = mapped_column()
    """Whose turn it is. Users are never deleted; as a foreign key, SQLite would have rewritten every application."""
    rating: Mapped[int | None] = mapped_column()
    """1 to 4, the best."""
    held_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    """Since when it is held for later; its stage stays."""
    restricted_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    """Since when nobody may work with it, see `Hold`. It has no place in the inbox meanwhile."""
    is_test: Mapped[bool] = mapped_column(default=False, server_default=false())
    """Sent by ourselves, to see whether deliveries arrive."""
    answers_from_id: Mapped[int | None] = mapped_column(
        ForeignKey("delivery.id", use_alter=True, name="fk_application_answers_from_id_delivery")
    )

    job: Mapped[Job | None] = relationship(lazy="joined")
    attachments: Mapped[list[Attachment]] = relationship(
        back_populates="application", order_by="Attachment.id.desc()", lazy="select"
    )
    answers_from: Mapped[Delivery | None] = relationship(foreign_keys=[answers_from_id])
    click: Mapped[Click | None] = relationship(
        primaryjoin=lambda: foreign(Application.tlr_sid) == Click.tlr_sid, viewonly=True
    )
    """The click through `/click` that it came from, if one is stored."""
    assigned_to: Mapped[User | None] = relationship(
        primaryjoin=lambda: foreign(Application.assigned_to_id) == User.id, viewonly=True
    )

    @classmethod
    def was_completed(cls) -> ColumnElement[bool]:
        """`completed`, for looking up a person or a click, restricted or not.

        As a bare column, SQLite takes an index that begins with it, and so nearly everybody, over the one on the key.
        """
        return func.coalesce(cls.completed, false()).is_(True)

    @classmethod
    def is_finished(cls) -> ColumnElement[bool]:
        """`was_completed`, and not restricted: what people may be shown."""
        return and_(cls.was_completed(), cls.is_shown())

    @classmethod
    def is_shown(cls) -> ColumnElement[bool]:
        """Not restricted: it may be worked with, and stands in lists."""
        return cls.restricted_at.is_(None)

    @property
    def name(self) -> str:
        """The applicant's full name, or the best there is to call them by."""
        full = " ".join(part for part in (self.first_name, self.last_name) if part)
        return full or self.email or self.phone or "Name not given"

    @property
    def stage_label(self) -> str:
        return Stage(self.stage).label

    @property
    def place(self) -> str:
        """Where the job is; where that is not said, where the applicant lives."""
        own = ", ".join(part for part in (self.city, self.state) if part)
        return (self.job.place if self.job else "") or own

    @property
    def states(self) -> tuple[str | None, str | None]:
        """The states the applicant may live in, the likelier first, as `daytime` asks for them."""
        return self.state, self.job.state if self.job else None

    @property
    def job_title(self) -> str | None:
        return self.job.label if self.job else None

    @property
    def company(self) -> str | None:
        return self.job.company if self.job else None

    @property
    def resume_label(self) -> str | None:
        return filetypes.by_mime(self.resume_mime).label if self.resume_verdict else None

    @property
    def resume(self) -> Attachment | None:
        """The newest résumé, if one came."""
        return next((file for file in self.attachments if file.question_id is None), None)


class Attachment(Base):
    """A file of an application: the résumé (`question_id` empty), or the answer to a file question."""

    __tablename__ = "attachment"

    id: Mapped[int] = mapped_column(primary_key=True)
    public_id: Mapped[str] = mapped_column(PublicId, default=public_id, unique=True)
    application_id: Mapped[int] = mapped_column(ForeignKey("application.id"), index=True)
    question_id: Mapped[str | None] = mapped_column(String(500))
    file_name: Mapped[str | None] = mapped_column(String(500))
    declared_type: Mapped[str | None] = mapped_column(String(255))
    declared_sha256: Mapped[str | None] = mapped_column(String(255))
    sha256: Mapped[str | None] = mapped_column(ForeignKey("stored_file.sha256"), index=True)
    """What is in the store: the decoded content; where that failed, the text Talroo sent in its place."""
    size: Mapped[int] = mapped_column(BigInteger, default=0)
    verdict: Mapped[str] = mapped_column(String(20))
    """`ok`, `mismatch` (the declared hash is not the content's) or `unreadable` (talroo-contract §5)."""
    arrived_at: Mapped[datetime] = mapped_column(UTCDateTime)

    application: Mapped[Application] = relationship(back_populates="attachments")
    content: Mapped[StoredFile | None] = relationship(lazy="joined")

    @property
    def file_type(self) -> filetypes.FileType:
        return filetypes.by_mime(self.content.mime if self.content else None)

    @property
    def type_label(self) -> str:
        return self.file_type.label

    @property
    def verdict_text(self) -> str:
        return VERDICT_TEXTS[self.verdict] if self.sha256 else "No content was sent"

    @property
    def download_name(self) -> str:
        """A name it may be saved under, whatever the applicant called it. See `filetypes.safe_download_name`."""
        declared = f"{self.file_name or 'file'}.base64.txt" if self.verdict == "unreadable" else self.file_name
        fallback = "resume" if self.question_id is None else "file"
        return filetypes.safe_download_name(declared, self.file_type, fallback)

    @property
    def has_preview(self) -> bool:
        return self.verdict != "unreadable" and self.file_type.previewable is not None


VERDICT_TEXTS = {
    "ok": "",
    "mismatch": "File doesn’t match what Talroo described. Open with care.",
    "unreadable": "This file can’t be read. Download it to see what was sent.",
}
