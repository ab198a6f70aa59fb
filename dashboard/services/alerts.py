"""Mails to those who run the dashboard that something is wrong: when it begins, daily while it lasts, when it is over.

The worker looks every half minute. What is wrong is `problems`' to say. A mail is a row of the outbox, and is
written when it goes: what is over by then is not told of.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from dashboard.database import insert_into
from dashboard.date_words import moment
from dashboard.mail_address import NO_ADDRESS_WORDS, is_address
from dashboard.models import Alert, Outbound, User
from dashboard.models.outbound import Channel
from dashboard.permissions import Permission, allows
from dashboard.services import queueing
from dashboard.services.problems import Problem

CALM: Final = timedelta(minutes=15)
"""So long must nothing be wrong before it is over: what comes and goes is one trouble, and one mail."""
AGAIN: Final = timedelta(days=1)

BEGUN: Final = "begun"
STILL: Final = "still"
OVER: Final = "over"

OVER_WORDS: Final = "It was over before the email could be sent."
UNWANTED_WORDS: Final = "They turned alerts off, or can’t see the integration page."

_PRODUCT: Final = "Talroo dashboard"
_CALM_SINCE: Final = "calm since"
_BY_OTHERS: Final = frozenset({"refused"})
"""Problems that come and go as somebody outside likes (who shares an address with Talroo, or a proxy that was not told
of): their mails are one a day, however often that is."""


@dataclass(frozen=True, slots=True)
class Mail:
    subject: str
    text: str


def changes(session: Session, problems: Iterable[Problem], now: datetime, *, can_mail: bool) -> bool:
    """Whether `keep` would change anything. Only reads, and only what is open, which is little."""
    wrong = {one.kind: one for one in problems if one.of.mails}
    opened = {alert.kind: alert for alert in _open(session)}
    if wrong.keys() - opened.keys():
        return True
    return any(_is_due(alert, wrong.get(kind), now, can_mail=can_mail) for kind, alert in opened.items())


def keep(session: Session, problems: Iterable[Problem], now: datetime, *, can_mail: bool) -> None:
    """Note what began and what is over, and queue the mails about it. The caller has begun to write, and commits."""
    wrong = {one.kind: one for one in problems if one.of.mails}
    for kind, problem in wrong.items():
        row = {
            "kind": kind,
            "began_at": now,
            "figures": dict(problem.figures),
            "told_at": _told_lately(session, kind, now),
        }
        _open_one(session, row)
    session.expire_all()
    for alert in _open(session, lock=True):
        _look_at(session, alert, wrong.get(alert.kind), now, can_mail=can_mail)
    session.flush()


def readers(session: Session) -> Sequence[User]:
    """Those who are told."""
    users = session.scalars(select(User).where(User.active.is_(True), User.alert_mail.is_(True)).order_by(User.id))
    return [user for user in users if is_reader(user)]


def is_reader(user: User) -> bool:
    return user.active and user.alert_mail and allows(user.role, Permission.INTEGRATION)


def mail(session: Session, row: Outbound, public_url: str) -> Mail | str:
    """What a queued row says now; or why it says nothing any more, in words."""
    occasion, _, number = row.event.partition(":")
    alert = session.get(Alert, int(number))
    user = row.created_by
    if user is None or not is_reader(user):
        return UNWANTED_WORDS
    if not is_address(user.email):
        return NO_ADDRESS_WORDS
    if alert is None or (occasion != OVER and alert.ended_at is not None):
        return OVER_WORDS
    return _written(alert, occasion, public_url)


def _written(alert: Alert, occasion: str, public_url: str) -> Mail:
    problem = Problem(alert.kind, alert.figures)
    since = moment(alert.began_at)
    closing = (
        f"All connections: {public_url}/admin\n"
        f"You get this email as an administrator of this dashboard. To stop these emails: {public_url}/me\n"
    )
    if occasion == OVER and alert.ended_at:
        until = moment(alert.ended_at)
        text = f"This is over:\n\n  {problem.words}\n\nIt started {since} and ended {until}.\n\n{closing}"
        return Mail(f"{_PRODUCT}: Over: {problem.words}", text)
    page = f"{public_url}{problem.of.page}"
    text = f"{problem.words}\n\n{problem.advice}\n\nSince {since}. Open: {page}\n\n{closing}"
    return Mail(f"{_PRODUCT}: {'Still: ' if occasion == STILL else ''}{problem.words}", text)


def _open(session: Session, *, lock: bool = False) -> Sequence[Alert]:
    found = select(Alert).where(Alert.ended_at.is_(None)).order_by(Alert.id)
    return session.scalars(found.with_for_update() if lock else found).all()


def _open_one(session: Session, row: Mapping[str, Any]) -> None:
    """Unless one of that kind is open: its index decides, where several workers look at once."""
    made = insert_into(session.get_bind().dialect.name, Alert)
    is_open = Alert.ended_at.is_(None)
    session.execute(made.on_conflict_do_nothing(index_elements=["kind"], index_where=is_open), row)


def _is_due(alert: Alert, problem: Problem | None, now: datetime, *, can_mail: bool) -> bool:
    if problem is None:
        return _CALM_SINCE not in alert.figures or _calm_since(alert.figures) <= now - CALM
    return _CALM_SINCE in alert.figures or (can_mail and (alert.told_at is None or alert.told_at <= now - AGAIN))


def _look_at(session: Session, alert: Alert, problem: Problem | None, now: datetime, *, can_mail: bool) -> None:
    if problem is None:
        _grow_calm(session, alert, now, can_mail=can_mail)
        return
    alert.figures = dict(problem.figures)
    if can_mail and (alert.told_at is None or alert.told_at <= now - AGAIN):
        _tell(session, alert, BEGUN if alert.told_at is None else STILL, now)
        alert.told_at = now


def _grow_calm(session: Session, alert: Alert, now: datetime, *, can_mail: bool) -> None:
    if _CALM_SINCE not in alert.figures:
        alert.figures = {**alert.figures, _CALM_SINCE: now.isoformat()}
        return
    calm = _calm_since(alert.figures)
    if calm > now - CALM:
        return
    alert.ended_at = calm
    if can_mail and alert.told_at is not None and alert.told_at >= alert.began_at:
        _tell(session, alert, OVER, now)


def _told_lately(session: Session, kind: str, now: datetime) -> datetime | None:
    """Of what others can cause: when it was last told of, if that was today. It then counts as told again."""
    if kind not in _BY_OTHERS:
        return None
    return session.scalar(select(func.max(Alert.told_at)).where(Alert.kind == kind, Alert.told_at > now - AGAIN))


def _calm_since(figures: Mapping[str, Any]) -> datetime:
    return datetime.fromisoformat(str(figures[_CALM_SINCE]))


def _tell(session: Session, alert: Alert, occasion: str, now: datetime) -> None:
    for user in readers(session):
        row = {
            "channel": Channel.ALERT,
            "business_key": f"alert:{alert.id}:{occasion}:{now:%Y-%m-%d}:{user.id}",
            "event": f"{occasion}:{alert.id}",
            "created_by_id": user.id,
        }
        queueing.queue(session, row, at=now, due=now)
