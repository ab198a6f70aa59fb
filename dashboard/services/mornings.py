"""When each reader's morning mail is due: at six where they are. `morning` writes it, the outbox sends it."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from dashboard.clock import zone_named
from dashboard.mail_address import NO_ADDRESS_WORDS, is_address
from dashboard.models import Outbound, User
from dashboard.models.outbound import Channel
from dashboard.services import queueing
from dashboard.services.activity import may_see_applications

BEGINS: Final = time(6)
ENDS: Final = time(12)
"""A mail that could not go by now is no morning mail any more."""
BATCH: Final = 50
"""At most so many in one transaction."""

NOTHING_WORDS: Final = "There was nothing new."
OVER_WORDS: Final = "The morning was over before it could be sent."
TURNED_OFF_WORDS: Final = "The morning email was turned off."


def want(session: Session, user_id: int, *, zone: str, now: datetime) -> None:
    """Have it sent to this user every morning of `zone` (an IANA name), from the next one on. The caller commits.

    Who wants it already keeps their place: this morning's may be due, and not queued yet.
    """
    user = session.get_one(User, user_id)
    if user.morning_at is None or user.time_zone != zone:
        user.time_zone, user.morning_at = zone, next_morning(now, zone_named(zone))


def want_none(session: Session, user_id: int) -> None:
    """Send it no more, whatever is queued. The caller commits."""
    session.get_one(User, user_id).morning_at = None


def next_morning(now: datetime, zone: tzinfo) -> datetime:
    """The first moment after `now` at which it is six in `zone`, in UTC."""
    day = now.astimezone(zone).date()
    while (moment := _at(day, BEGINS, zone)) <= now:
        day += timedelta(days=1)
    return moment


def morning_before(day: str, zone: tzinfo) -> datetime:
    """Six in `zone` on the day before `day` (2026-11-22), in UTC: what arrived since is new."""
    return _at(date.fromisoformat(day) - timedelta(days=1), BEGINS, zone)


def is_due(session: Session, now: datetime) -> bool:
    """Whether it is anybody's morning. Only reads, and only users, who are few."""
    return session.scalar(select(User.id).where(User.morning_at <= now).limit(1)) is not None


def queue_due(session: Session, now: datetime) -> int:
    """Queue the mails that are due, a bounded batch. Returns how many users it looked at.

    The caller has begun to write, and commits. A worker that comes after noon leaves the day out.
    """
    due = session.scalars(
        select(User)
        .where(User.morning_at <= now)
        .order_by(User.morning_at, User.id)
        .limit(BATCH)
        .with_for_update(of=User, skip_locked=True)
    ).all()
    for user in due:
        _take_turn(session, user, now)
    session.flush()
    return len(due)


def no_longer_wanted(user: User | None, row: Outbound, now: datetime) -> str | None:
    """Why a queued mail is not to be sent, in words; None where it is. Asked at the moment of sending."""
    if user is None or not is_wanted(user):
        return TURNED_OFF_WORDS
    if now >= _at(date.fromisoformat(row.event), ENDS, zone_named(user.time_zone)):
        return OVER_WORDS
    return None if is_address(user.email) else NO_ADDRESS_WORDS


def is_wanted(user: User) -> bool:
    """Whether they want it, and may be told of applications."""
    return user.morning_at is not None and user.active and may_see_applications(user)


def last_of(session: Session, user_id: int) -> Outbound | None:
    """The newest of this user's morning mails, sent or not."""
    rows = select(Outbound).where(Outbound.channel == Channel.MORNING, Outbound.created_by_id == user_id)
    return session.scalar(rows.order_by(Outbound.id.desc()).limit(1))


def _take_turn(session: Session, user: User, now: datetime) -> None:
    zone = zone_named(user.time_zone)
    there = now.astimezone(zone)
    if is_wanted(user) and BEGINS <= there.time() < ENDS:
        # The day is the key: whoever crosses time zones, or turns it off and on, is not told twice of one.
        day = there.date().isoformat()
        row = {
            "channel": Channel.MORNING,
            "business_key": f"morning:{user.id}:{day}",
            "event": day,
            "created_by_id": user.id,
        }
        queueing.queue(session, row, at=now, due=now)
    user.morning_at = next_morning(now, zone)


def _at(day: date, hour: time, zone: tzinfo) -> datetime:
    return datetime.combine(day, hour, zone).astimezone(UTC)
