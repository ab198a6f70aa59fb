"""How far somebody sees: all applications, or only those for some jobs and companies (`User.is_limited`).

Whatever reads applications for somebody takes their `Reach` and puts it into its SELECT, so that a stranger's
application is not found at all. The lists' index gets it as one more group of terms to match (`search.Query.terms`).
Everything else, and the rows that the index has found, get it as a condition on the job, which asks what is stored
of the user (`UserScope`). Both know a company by the same term, so that they agree.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, Integer, bindparam, case, func, select, true, union_all
from sqlalchemy.orm import Session

from dashboard import tokens
from dashboard.models import Application, Job, Role, User, UserScope

_BETWEEN: Final = "\x1e"
_JOB: Final = "j"
_COMPANY: Final = "c"


@dataclass(frozen=True, slots=True)
class Reach:
    """What somebody may see. `user_id`: whose scopes are asked, None where there is no limit.

    `terms`: of the lists' index, one of which everybody within reach has; none where there is no limit.
    """

    user_id: int | None
    terms: tuple[str, ...] = ()

    @property
    def is_limited(self) -> bool:
        return self.user_id is not None

    @property
    def is_nowhere(self) -> bool:
        """Whether no job is within it: nobody has said yet which."""
        return self.terms == NOBODY.terms

    def holds(self, job_id: Any) -> ColumnElement[bool]:
        """Whether applications for the job `job_id`, a column, are within reach; those for none are not."""
        if self.user_id is None:
            return true()
        return within(job_id, self.user_id)


EVERYTHING: Final = Reach(None)
NOBODY: Final = Reach(0, (tokens.term("reach", "nobody"),))
"""What is seen of applications by whoever is not known."""


def within(job_id: Any, user_id: Any) -> ColumnElement[bool]:
    """Whether a job is among those of a limited user; `user_id` may be a parameter."""
    # With "IS TRUE", no planner makes more of it than a condition on rows that are found by whatever else is asked.
    # Bare, it would offer an index, and a company's applications are many; PostgreSQL would join, and begin with it.
    is_theirs: ColumnElement[bool] = job_id.in_(jobs_of(user_id)).is_(True)
    return is_theirs


def jobs_of(user_id: Any) -> Any:
    """The ids of the jobs that a limited user may see."""
    own = UserScope.user_id == user_id
    named = select(UserScope.job_id).where(own, UserScope.job_id.is_not(None))
    offered = select(Job.id).join(UserScope, UserScope.company_term == Job.company_term).where(own)
    # A column of the statement around stays that: unsaid, each part of a union would ask all users again.
    return union_all(named.correlate(User), offered.correlate(User))


JOBS_SQL: Final = (
    "SELECT job_id FROM user_scope WHERE user_id = :reach_of AND job_id IS NOT NULL"
    " UNION ALL SELECT job.id FROM job JOIN user_scope AS scope ON scope.company_term = job.company_term"
    " WHERE scope.user_id = :reach_of"
)
"""`jobs_of` for statements that are text."""


# --- whose it is ----------------------------------------------------------------------------------------------------

LIMITED: Final = User.is_limited.is_(True) & (User.role == Role.RECRUITER.value)
"""Only recruiters are limited: administrators answer for everybody's data."""


def _told() -> Any:
    part = case((UserScope.company_term.is_not(None), _COMPANY + UserScope.company_term), else_=_JOB + Job.public_id)
    scopes = (
        select(func.aggregate_strings(part, _BETWEEN))
        .select_from(UserScope)
        .outerjoin(Job, Job.id == UserScope.job_id)
        .where(UserScope.user_id == User.id)
        .correlate(User)
        .scalar_subquery()
    )
    return case((LIMITED, func.coalesce(scopes, "")))


TOLD: Final = _told()
"""A column of a statement about a `User`, for `read`: their scopes. Whose reach has no limit pays nothing for it."""


def read(user_id: int, told: str | None) -> Reach:
    """The reach in a value of `TOLD`."""
    if told is None:
        return EVERYTHING
    return Reach(user_id, tuple(_terms(told)) or NOBODY.terms)


def of(session: Session, user: User) -> Reach:
    """How far a user sees; one statement for those who are limited."""
    if not user.is_limited or user.role != Role.RECRUITER:
        return EVERYTHING
    return read(user.id, session.scalar(select(TOLD).select_from(User).where(User.id == user.id)) or "")


def those_within(session: Session, reach: Reach, ids: Iterable[int]) -> set[int]:
    """Which of these applications, by id, are within reach."""
    asked = set(ids)
    if not reach.is_limited:
        return asked
    found = select(Application.id).where(Application.id.in_(asked), reach.holds(Application.job_id))
    return set(session.scalars(found))


def may_see(application_job: Any) -> ColumnElement[bool]:
    """Of a `User`: whether an application for the job with the id `application_job` is within their reach."""
    company = select(Job.company_term).where(Job.id == application_job).scalar_subquery()
    scope = select(UserScope.id).where(
        UserScope.user_id == User.id, (UserScope.job_id == application_job) | (UserScope.company_term == company)
    )
    return ~LIMITED | scope.exists()


def _terms(told: str) -> Iterator[str]:
    for scope in filter(None, told.split(_BETWEEN)):
        yield scope[1:] if scope[0] == _COMPANY else tokens.term("job", scope[1:])


REACH_OF: Final = bindparam("reach_of", type_=Integer)
"""Whose scopes a statement that is written once asks."""
