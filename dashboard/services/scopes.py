"""What a limited recruiter may see: the jobs and companies that an administrator chose for them (`reach`)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import delete, func, insert, select
from sqlalchemy.orm import Session

from dashboard import queries, reach
from dashboard.audit_actions import Action
from dashboard.models import Application, Job, Role, User, UserScope
from dashboard.paging import COUNT_LIMIT, count
from dashboard.services import audit
from dashboard.services.activity import By
from dashboard.services.audit import Subject
from dashboard.services.review import BadChange
from dashboard.stages import DECISIVE

MOST: Final = 200
"""Jobs and companies of one user: each is one more term in every question to the lists' index."""
OFFERED: Final = 25
"""Of either, so many are offered at once; a search finds the others."""

Pairs = Sequence[tuple[str, str]]
"""What a form sends, and what people read."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What a user may see, by what a form sends for it: a job's public id, a company's term."""

    is_limited: bool = False
    jobs: Pairs = ()
    companies: Pairs = ()

    @property
    def is_empty(self) -> bool:
        return not (self.jobs or self.companies)

    def is_new_to(self, other: Scope) -> bool:
        """Whether something else is chosen than in `other`."""
        return not self.is_empty and {*self.jobs, *self.companies} != {*other.jobs, *other.companies}


@dataclass(frozen=True, slots=True)
class Offer:
    """Jobs and companies to choose from. `more`: there are others, which a search finds."""

    jobs: Pairs
    companies: Pairs
    more: bool


def of(session: Session, user: User) -> Scope:
    """What was chosen for a user; one statement."""
    own = _jobs().add_columns(UserScope.company_term, UserScope.company).select_from(UserScope)
    own = own.outerjoin(Job, Job.id == UserScope.job_id).where(UserScope.user_id == user.id)
    rows = session.execute(own.order_by(None).order_by(UserScope.company, *_JOBS_ORDER)).all()
    jobs = _named(told for *told, term, _ in rows if term is None)
    return Scope(user.is_limited, jobs, _pairs((term, name) for *_, term, name in rows if term is not None))


def chosen(session: Session, jobs: Iterable[str], companies: Iterable[str], *, is_limited: bool) -> Scope:
    """The same as a form has it; what there is no job or company for is left out."""
    wanted = _jobs().where(Job.public_id.in_(list(jobs)[: MOST + 1]))
    named = _companies().where(Job.company_term.in_(list(companies)[: MOST + 1]))
    return Scope(is_limited, _named(session.execute(wanted)), _pairs(session.execute(named)))


def offered(session: Session, typed: str, but: Scope) -> Offer:
    """What really occurs and has every word that was typed, without what is chosen already."""
    jobs, companies = _jobs(), _companies()
    for word in typed.split()[:8]:
        anywhere = (Job.title, Job.company, Job.reference, Job.city)
        jobs = jobs.where(func.coalesce(_joined(anywhere), "").icontains(word, autoescape=True))
        companies = companies.where(Job.company.icontains(word, autoescape=True))
    jobs = jobs.where(Job.public_id.not_in([value for value, _ in but.jobs])).limit(OFFERED + 1)
    companies = companies.where(Job.company_term.not_in([value for value, _ in but.companies])).limit(OFFERED + 1)
    found, named = _named(session.execute(jobs)), _pairs(session.execute(companies))
    return Offer(found[:OFFERED], named[:OFFERED], more=max(len(found), len(named)) > OFFERED)


def limit(session: Session, user: User, wanted: Scope, by: By) -> int:
    """Have a recruiter see only the chosen jobs and companies, or everything. The caller has begun to write.

    It holds from their next request on. How many undecided applications are assigned to them that they do not see any
    more, counted to the limit. Raises `BadChange` for whoever is no recruiter, and for too much.
    """
    if user.role != Role.RECRUITER:
        raise BadChange("Only recruiters can be limited to jobs or companies.")
    if len(wanted.jobs) + len(wanted.companies) > MOST:
        raise BadChange(f"Choose at most {MOST} jobs and companies. A company includes all its jobs.")
    if not wanted.is_limited and not user.is_limited and wanted.is_new_to(of(session, user)):
        raise BadChange("You checked jobs or companies, and also “all applications”. Choose “only”, or uncheck them.")
    # Found out by its row, so that of two who save at once one waits for the other.
    session.refresh(user, with_for_update=True)
    user.is_limited = wanted.is_limited
    session.execute(delete(UserScope).where(UserScope.user_id == user.id))
    if rows := _rows(session, user, wanted):
        session.execute(insert(UserScope), rows)
    session.flush()
    told: dict[str, Any] = {
        "jobs": [value for value, _ in wanted.jobs],
        "companies": [value for value, _ in wanted.companies],
    }
    whom = Subject("user", user.public_id)
    audit.note_by(session, Action.SCOPE_CHANGED, by, whom, limited=wanted.is_limited, **told)
    return _left_behind(session, user)


def _rows(session: Session, user: User, wanted: Scope) -> list[dict[str, Any]]:
    ids = session.scalars(select(Job.id).where(Job.public_id.in_([value for value, _ in wanted.jobs])))
    rows: list[dict[str, Any]] = [
        {"user_id": user.id, "job_id": number, "company": None, "company_term": None} for number in sorted(ids)
    ]
    rows += [
        {"user_id": user.id, "job_id": None, "company": name, "company_term": term} for term, name in wanted.companies
    ]
    return rows


def _left_behind(session: Session, user: User) -> int:
    theirs = select(Application.id).where(
        Application.assigned_to_id == user.id, Application.stage.not_in(DECISIVE), Application.inbox_no.is_not(None)
    )
    seen = reach.of(session, user).holds(Application.job_id)
    hidden = count(session, theirs.where(~func.coalesce(seen, False)))
    return COUNT_LIMIT if hidden is None else hidden


def _jobs() -> Any:
    columns = (Job.public_id, Job.reference, Job.title, Job.company, Job.city)
    return select(*columns).order_by(*_JOBS_ORDER)


_JOBS_ORDER: Final = (Job.title, Job.company, Job.city, Job.id)


def _named(rows: Iterable[Any]) -> Pairs:
    return tuple((public_id, queries.job_words(*told)) for public_id, *told in rows)


def _companies() -> Any:
    """Each company once, however it is written."""
    name = func.min(Job.company)
    return select(Job.company_term, name).where(Job.company_term.is_not(None)).group_by(Job.company_term).order_by(name)


def _pairs(rows: Iterable[Any]) -> Pairs:
    return tuple((str(term), str(name)) for term, name in rows)


def _joined(columns: Iterable[Any]) -> Any:
    told: Any = ""
    for column in columns:
        told = told + " " + func.coalesce(column, "")
    return told
