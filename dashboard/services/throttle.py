"""How often somebody may try to sign in, and how often somebody who is may export.

A try is counted before its password is checked and taken back when that was right, so that many tries at once cannot
all pass a limit that none has reached yet. Codes of a second factor are counted apart from passwords, since a right
password must not forgive wrong codes. There are three limits: for an account from one network address, for a
network address whatever the account, and for an account from anywhere. The last does not bind a network its owner has
signed in from in the last weeks: a stranger who guesses should not lock the owner out.
"""

from __future__ import annotations

import hashlib
import ipaddress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from dashboard.database import insert_or_ignore
from dashboard.models import LoginSession, LoginThrottle, User

WINDOW: Final = timedelta(minutes=15)
HOUR: Final = timedelta(hours=1)
TRIES_HERE: Final = 10
"""For one account from one network address."""
TRIES_ELSEWHERE: Final = 100
"""For one account from anywhere, and for any account from one network address."""

_IPV6_HOUSEHOLD: Final = 64


CODES: Final = "code "
"""The door of second factors. Three of a million codes count at any moment: with `TRIES_HERE` a window for one account
from anywhere, finding one takes a year of asking by somebody who has the password."""
PROVIDER: Final = "provider "
"""The door to the OpenID provider and back: each time, a thread may wait for somebody else."""


class SignInThrottled(Exception):
    """Too many tries of late. `seconds`: until the next one counts."""

    def __init__(self, seconds: int) -> None:
        super().__init__(f"Too many failed attempts. Try again in {seconds} seconds.")
        self.seconds = seconds


class ExportsThrottled(Exception):
    """As many exports within an hour as there can be. `seconds`: until the next. `is_first`: none was refused yet."""

    def __init__(self, most: int, seconds: int, *, is_first: bool) -> None:
        super().__init__(f"More than {most} exports within an hour.")
        self.most, self.seconds, self.is_first = most, seconds, is_first


@dataclass(frozen=True, slots=True)
class _Limit:
    key: str
    tries: int
    window: timedelta = WINDOW


@dataclass(frozen=True, slots=True)
class _Count:
    """`was_counted`: not where the limit was passed before."""

    tries: int
    ends_at: datetime
    was_counted: bool

    def seconds(self, now: datetime) -> int:
        """Until the next one counts."""
        return max(1, int((self.ends_at - now).total_seconds()))


def begin(session: Session, email: str, address: str, *, now: datetime, door: str = "") -> None:
    """Count a try. Raises `SignInThrottled` beyond a limit; the count is to be committed either way.

    `email` folded; `address`: of the network, as text. `door`: what is tried, if it is counted apart from signing in.
    """
    _forget(session, now)
    account = _account(email, door)
    for limit in _limits(email, address, door):
        counted = _count(session, limit, now)
        if counted.tries > limit.tries and (limit.key != account or not _is_known(session, email, address)):
            raise SignInThrottled(counted.seconds(now))


def forgive(session: Session, email: str, address: str, *, door: str = "") -> None:
    """What was tried was right: the pair starts afresh, and this try counts against nobody."""
    network, pair, account = _limits(email, address, door)
    _take_back(session, network, 1)
    session.execute(delete(LoginThrottle).where(LoginThrottle.key == pair.key))
    _take_back(session, account, 1)


def begin_from(session: Session, address: str, *, now: datetime, door: str) -> None:
    """Count a try of nobody known yet: only the network's limit binds. Otherwise as `begin`."""
    _forget(session, now)
    limit, *_ = _limits("", address, door)
    counted = _count(session, limit, now)
    if counted.tries > limit.tries:
        raise SignInThrottled(counted.seconds(now))


def begin_export(session: Session, user_id: int, *, most: int, now: datetime) -> None:
    """Count an export. Raises `ExportsThrottled` beyond so many within an hour; to be committed either way."""
    _forget(session, now)
    counted = _count(session, _Limit(_hash(f"exports of user {user_id}"), most, HOUR), now)
    if counted.tries > most:
        raise ExportsThrottled(most, counted.seconds(now), is_first=counted.was_counted)


def forgive_from(session: Session, address: str, *, door: str, times: int) -> None:
    """So many tries that `begin_from` counted were right."""
    network, *_ = _limits("", address, door)
    _take_back(session, network, times)


def _take_back(session: Session, limit: _Limit, times: int) -> None:
    session.execute(
        update(LoginThrottle)
        .where(LoginThrottle.key == limit.key, LoginThrottle.failures >= times)
        .values(failures=LoginThrottle.failures - times)
    )


def _forget(session: Session, now: datetime) -> None:
    session.execute(delete(LoginThrottle).where(LoginThrottle.window_ends_at <= now))


def _count(session: Session, limit: _Limit, now: datetime) -> _Count:
    """How many there were with this one; beyond the limit there is nothing to count and nothing is written."""
    fresh = {"key": limit.key, "failures": 0, "window_ends_at": now + limit.window}
    session.execute(insert_or_ignore(session, LoginThrottle, "key"), fresh)
    more = update(LoginThrottle).where(LoginThrottle.key == limit.key, LoginThrottle.failures <= limit.tries)
    done = session.execute(more.values(failures=LoginThrottle.failures + 1))
    row = session.get_one(LoginThrottle, limit.key, populate_existing=True)
    return _Count(row.failures, row.window_ends_at, bool(done.rowcount))  # type: ignore[attr-defined]


def _is_known(session: Session, email: str, address: str) -> bool:
    """Whether the account's owner has signed in from this network, while `LoginSession`s are kept."""
    found = select(LoginSession.remote_addr).join(User).where(User.email == email).distinct()
    network = _network(address)
    return any(_network(known or "") == network for known in session.scalars(found))


def _limits(email: str, address: str, door: str) -> tuple[_Limit, _Limit, _Limit]:
    """The network's first: beyond it, whatever is tried leaves no rows. Always in this order, since rows are locked."""
    network = _network(address)
    return (
        _Limit(_hash(f"{door}address:{network}"), TRIES_ELSEWHERE),
        _Limit(_hash(f"{door}pair:{email}\0{network}"), TRIES_HERE),
        _Limit(_account(email, door), TRIES_HERE if door == CODES else TRIES_ELSEWHERE),
    )


def _account(email: str, door: str) -> str:
    return _hash(f"{door}account:{email}")


def _network(address: str) -> str:
    """What one sender can call its own: an IPv4 address, or a whole IPv6 /64."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if parsed.version == 4:
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed, _IPV6_HOUSEHOLD), strict=False))


def _hash(words: str) -> str:
    """The table lists nobody."""
    return hashlib.sha256(words.encode()).hexdigest()
