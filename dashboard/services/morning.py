"""What the morning email says: what is new, and what waits for the reader. Numbers, jobs, links; nobody's name.

When it goes is said in `mornings`; sending it is the outbox's, as with every other mail.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session, joinedload

from dashboard import reach
from dashboard.models import Application, Job, Note, User
from dashboard.reach import Reach, jobs_of
from dashboard.services import notes
from dashboard.services.forecast import counted
from dashboard.stages import Stage

COUNTED: Final = 5_000
"""Of the newest applications: a morning with more says "more than"."""
JOBS: Final = 20
LISTED: Final = 10


@dataclass(frozen=True, slots=True)
class Mail:
    subject: str
    text: str


@dataclass(frozen=True, slots=True)
class _News:
    """New applications by job, the most first; `total` is None above `COUNTED`."""

    by_job: tuple[tuple[str, int], ...]
    total: int | None

    @property
    def words(self) -> str:
        """ "12 new applications", "more than 5,000 new applications", or nothing."""
        if self.total is None:
            return f"more than {COUNTED:,} new applications"
        return counted(self.total, "new application") if self.total else ""


def mail(session: Session, user: User, *, since: datetime, public_url: str) -> Mail | None:
    """What to tell `user` this morning; None where there is nothing to tell. `since`: the morning before."""
    seen = reach.of(session, user)
    news = _news(session, since, seen)
    waiting = _waiting(session, user, seen)
    mentions = notes.unread_mentions(session, user.id, seen, limit=LISTED + 1)
    told = [news.words]
    told.append(f"{_at_most(len(waiting))} assigned to you" if waiting else "")
    told.append(f"{_at_most(len(mentions))} mention{'s' if len(mentions) > 1 else ''}" if mentions else "")
    subject = ", ".join(part for part in told if part)
    if not subject:
        return None
    parts = [_news_text(news), _waiting_text(waiting, public_url), _mentions_text(mentions, public_url)]
    closing = f"Open your applications: {public_url}/applications\nTo stop these emails: {public_url}/me"
    return Mail(f"Talroo dashboard: {subject}", "\n\n".join([*filter(None, parts), closing]) + "\n")


def _newest() -> Any:
    # From the top of the inbox, which is in the order of arrival: an index on times would cost every delivery.
    return (
        select(Application.job_id, Application.arrived_at)
        .where(Application.inbox_no.is_not(None), Application.is_test.is_(False))
        .order_by(Application.inbox_no.desc())
        .limit(COUNTED + 1)
    )


def _newest_within(seen: Reach, since: datetime) -> Any:
    """The same of a few jobs, each of whose newest an index finds; everybody else's may lie above them."""
    is_theirs = Application.job_id.in_(jobs_of(seen.user_id)), Application.completed.is_(True)
    return (
        select(Application.job_id, Application.arrived_at)
        .where(*is_theirs, Application.arrived_at >= since, Application.inbox_no.is_not(None))
        .limit(COUNTED + 1)
    )


def _news(session: Session, since: datetime, seen: Reach) -> _News:
    newest = (_newest_within(seen, since) if seen.is_limited else _newest()).subquery()
    number = func.count().label("number")
    rows = session.execute(
        select(newest.c.job_id, number).where(newest.c.arrived_at >= since).group_by(newest.c.job_id)
    ).all()
    total = sum(row.number for row in rows)
    most_first = sorted(rows, key=lambda row: (-row.number, row.job_id or 0))
    jobs = session.scalars(select(Job).where(Job.id.in_([row.job_id for row in most_first[:JOBS]])))
    labels = {job.id: " · ".join(part for part in (job.label, job.place) if part) for job in jobs}
    by_job = tuple((labels.get(row.job_id, "No job title"), row.number) for row in most_first)
    return _News(by_job, total if total <= COUNTED else None)


def _waiting(session: Session, user: User, seen: Reach) -> Sequence[Application]:
    """Assigned to the user, and untouched: still new, and not held."""
    return session.scalars(
        select(Application)
        .where(
            Application.assigned_to_id == user.id,
            Application.stage == Stage.NEW.value,
            Application.held_at.is_(None),
            Application.inbox_no.is_not(None),
            seen.holds(Application.job_id),
        )
        .order_by(Application.id)
        .options(joinedload(Application.job))
        .limit(LISTED + 1)
    ).all()


def _news_text(news: _News) -> str:
    lines = [f"  {number:,}  {job}" for job, number in news.by_job[:JOBS]]
    if rest := news.by_job[JOBS:]:
        lines.append(f"  {sum(number for _, number in rest):,}  in {counted(len(rest), 'other job')}")
    return "\n".join(["New since yesterday", *lines]) if lines else ""


def _waiting_text(waiting: Sequence[Application], public_url: str) -> str:
    lines = (f"  {one.job_title or 'No job title'}: {_address(public_url, one)}" for one in waiting[:LISTED])
    return (
        "\n".join(["Assigned to you and still new, the longest waiting first", *lines, *_and_more(waiting)])
        if waiting
        else ""
    )


def _mentions_text(mentions: Sequence[Note], public_url: str) -> str:
    lines = (f"  {note.actor}: {_address(public_url, note.application)}" for note in mentions[:LISTED])
    return "\n".join(["Notes that mention you", *lines, *_and_more(mentions)]) if mentions else ""


def _and_more(found: Sequence[object]) -> Iterator[str]:
    if len(found) > LISTED:
        yield "  … and more"


def _at_most(number: int) -> str:
    return str(number) if number <= LISTED else f"more than {LISTED}"


def _address(public_url: str, application: Application) -> str:
    return f"{public_url}/applications/{application.public_id}"
