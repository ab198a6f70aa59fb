"""How far the unfinished came, measured again once somebody has finished a form for the same job.

Until then nobody knows how long the form is: the first of a job, and everybody who was here before there was a
worklist, say only how many questions they came past.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Select, or_, select
from sqlalchemy.orm import Session, aliased

from dashboard.database import start_writing
from dashboard.models import Application, FollowUp
from dashboard.services import completion, reading
from dashboard.talroo import progress

BATCH: Final = 20
AGAIN_AFTER: Final = timedelta(hours=1)
"""A form so changed that nothing in it can be compared is looked at again, but not all the time."""


def measure_next(sessions: Callable[[], Session], now: datetime) -> bool:
    """Measure some that can be measured by now, and commit. False where there are none."""
    with sessions() as session:
        # Asked first, because writing takes a turn that deliveries are waiting for too.
        if session.scalar(_due(now).with_only_columns(FollowUp.id).limit(1)) is None:
            return False
        session.rollback()
        start_writing(session)
        due = _due(now).order_by(FollowUp.id).limit(BATCH).with_for_update(of=FollowUp, skip_locked=True)
        for follow_up in session.scalars(due).all():
            _measure(session, follow_up)
            follow_up.measured_at = now
        session.commit()
    return True


def _due(now: datetime) -> Select[FollowUp]:
    other = aliased(Application)
    form = select(other.id).where(
        other.job_id == Application.job_id, other.completed.is_(True), other.answers_from_id.is_not(None)
    )
    return (
        select(FollowUp)
        .join(FollowUp.application)
        .where(
            FollowUp.completed_at.is_(None),
            FollowUp.asked.is_(None),
            or_(FollowUp.measured_at.is_(None), FollowUp.measured_at < now - AGAIN_AFTER),
            form.exists(),
        )
    )


def _measure(session: Session, follow_up: FollowUp) -> None:
    application = follow_up.application
    follow_up.missing = progress.missing(application, has_resume=application.resume is not None)
    completion.measure(session, follow_up, progress.read(reading.answers(application)), application.job_id)
