"""A row of the inbox: what a list shows of one application, and the SELECT that reads it.

Columns, not objects of the models: making fifty applications with their jobs takes longer than finding them.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from sqlalchemy import Integer, Select, bindparam, exists, func, literal, literal_column, not_, select

from dashboard import filetypes
from dashboard.database import table_of
from dashboard.models import Application, ApplicationTag, Job, Seen, Tag, User
from dashboard.reach import Reach
from dashboard.stages import Stage

_A_DAY: Final = timedelta(days=1)
_BETWEEN_TAGS: Final = "\x1f"


class InboxRow(NamedTuple):
    """An application as lists show it, to whoever asked: `unread` says that they have not opened it yet.

    `part`: of the list, as `search.found` has it. `other_count`: how many other applications the same person has, up to
    a hundred. `assignee`: an email address.
    """

    part: int
    id: int
    public_id: str
    inbox_no: int
    first_name: str | None
    last_name: str | None
    email: str | None
    phone: str | None
    city: str | None
    state: str | None
    qualified: bool | None
    disqualified_by: str | None
    applied_at: datetime
    arrived_at: datetime
    is_late: bool
    resume_mime: str | None
    resume_verdict: str | None
    stage: str
    stage_version: int
    rating: int | None
    held_at: datetime | None
    is_test: bool
    job_name: str | None
    job_reference: str | None
    company: str | None
    job_city: str | None
    job_state: str | None
    assignee: str | None
    tags: str | None
    unread: bool
    other_count: int

    @property
    def name(self) -> str:
        """The applicant's full name, or the best there is to call them by."""
        full = " ".join([part for part in (self.first_name, self.last_name) if part])
        return full or self.email or self.phone or "Name not given"

    @property
    def job_title(self) -> str | None:
        return self.job_name or (f"Job {self.job_reference}" if self.job_reference else None)

    @property
    def place(self) -> str:
        """Where the job is; where that is not said, where the applicant lives."""
        of_job = ", ".join([part for part in (self.job_city, self.job_state) if part])
        return of_job or ", ".join([part for part in (self.city, self.state) if part])

    @property
    def stage_label(self) -> str:
        return _STAGE_LABELS[self.stage]

    @property
    def resume_label(self) -> str | None:
        return filetypes.by_mime(self.resume_mime).label if self.resume_verdict else None

    @property
    def was_late_to_arrive(self) -> bool:
        """Whether it was sent a day or more after somebody applied."""
        return self.arrived_at - self.applied_at >= _A_DAY

    @property
    def tag_names(self) -> list[str]:
        return sorted(self.tags.split(_BETWEEN_TAGS), key=str.casefold) if self.tags else []


_STAGE_LABELS: Final = {stage.value: stage.label for stage in Stage}

# "inbox_no" in a function: as a bare column, SQLite may take its index, and so everybody, over the email's.
_OTHERS: Final = literal_column(
    "(SELECT count(*) FROM (SELECT 1 FROM application AS other WHERE other.email_key = application.email_key"
    " AND other.id <> application.id AND coalesce(other.inbox_no, 0) > 0 LIMIT 100) AS few)",
    Integer,
)
_application, _job, _user = table_of(Application), table_of(Job), table_of(User)
_seen, _tag, _worn = table_of(Seen), table_of(Tag), table_of(ApplicationTag)
_VIEWER: Final = select(_user.c.id).where(_user.c.public_id == bindparam("viewer")).scalar_subquery()
_OPENED: Final = exists().where(_seen.c.user_id == _VIEWER, _seen.c.application_id == _application.c.id)
_TAGS: Final = (
    select(func.aggregate_strings(_tag.c.name, _BETWEEN_TAGS))
    .join_from(_worn, _tag, _tag.c.id == _worn.c.tag_id)
    .where(_worn.c.application_id == _application.c.id)
    .correlate(_application)
    .scalar_subquery()
)


def _others_within(reach: Reach) -> Any:
    """`_OTHERS`, as far as whoever asks may see them."""
    other = _application.alias("other")
    few = (
        select(literal(1))
        .select_from(other)
        .where(
            other.c.email_key == _application.c.email_key,
            other.c.id != _application.c.id,
            func.coalesce(other.c.inbox_no, 0) > 0,
            reach.holds(other.c.job_id),
        )
        .correlate(_application)
        .limit(100)
        .subquery("few")
    )
    return select(func.count()).select_from(few).correlate(_application).scalar_subquery()


_OWN: Final = [_application.c[name] for name in InboxRow._fields[1 : InboxRow._fields.index("job_name")]]


def rows_at(numbers: Any, *more: Any, reach: Reach) -> Select[Any]:
    """The applications at `numbers`, a SELECT of `part` and `number`, in no order: `InboxRow`'s columns, then `more`.

    Only those within `reach`. To be executed with `viewer`, the public id of whoever asks.
    """
    wanted = numbers.subquery("wanted")
    found = (
        select(
            wanted.c.part,
            *_OWN,
            *(_job.c[name] for name in ("title", "reference", "company", "city", "state")),
            _user.c.email,
            _TAGS,
            not_(_OPENED),
            _others_within(reach) if reach.is_limited else _OTHERS,
            *more,
        )
        .select_from(_application)
        .join(wanted, wanted.c.number == _application.c.inbox_no)
        .outerjoin(_job, _job.c.id == _application.c.job_id)
        .outerjoin(_user, _user.c.id == _application.c.assigned_to_id)
    )
    return found.where(reach.holds(_application.c.job_id)) if reach.is_limited else found
