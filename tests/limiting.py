"""What tests of limited recruiters share."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import select
from sqlalchemy.orm import Session

from dashboard import reach
from dashboard.clock import utcnow
from dashboard.models import Job, User
from dashboard.reach import Reach
from dashboard.services import scopes
from dashboard.services.activity import By
from tests.colleagues import do


def limit(session: Session, user: User, *, jobs: Iterable[str] = (), companies: Iterable[str] = ()) -> Reach:
    """Have a user see only the jobs with these references, and these companies."""
    ids = session.scalars(select(Job.public_id).where(Job.reference.in_(list(jobs))))
    terms = session.scalars(select(Job.company_term).where(Job.company.in_(list(companies))))
    wanted = scopes.chosen(session, list(ids), [str(term) for term in terms], is_limited=True)
    do(session, scopes.limit, user, wanted, By(None, None, utcnow()))
    return reach.of(session, user)
