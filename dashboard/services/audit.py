"""The audit log: entries in a chain, each with a keyed digest over itself and the one before it.

What is noted is written when its session commits, as the last thing: the end of the chain is locked only for the
commit itself, and nobody holds it while waiting for something else. Rolled back, nothing happened and nothing is noted.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from weakref import WeakKeyDictionary

from sqlalchemy import Engine, Row, Select, event, exists, insert, select, update
from sqlalchemy.orm import Session, SessionTransaction, scoped_session

from dashboard import request_id
from dashboard.audit_actions import Action
from dashboard.models import AuditEntry, AuditHead, User
from dashboard.services.activity import By

_KEYS: Final[WeakKeyDictionary[Engine, tuple[bytes, ...]]] = WeakKeyDictionary()
_NOTED: Final = "noted for the audit log"
_AT_ONCE: Final = 1_000


@dataclass(frozen=True, slots=True)
class Subject:
    """What something was done to: its kind (`application`, `user`, `file`, `delivery`, …) and its public id."""

    kind: str
    id: str


@dataclass(frozen=True, slots=True)
class Head:
    """The end of the chain at some time; written "DIGEST:NUMBER"."""

    number: int
    digest: str

    def __str__(self) -> str:
        return f"{self.digest}:{self.number}"

    @classmethod
    def read(cls, written: str) -> Head:
        """Raises `ValueError` for what is none."""
        if not re.fullmatch(r"[0-9a-f]{64}:[1-9][0-9]{0,17}", written.strip(), re.ASCII):
            raise ValueError("must look like DIGEST:NUMBER, as the worker logs it")
        digest, _, number = written.strip().partition(":")
        return cls(int(number), digest)


@dataclass(frozen=True, slots=True)
class Broken:
    """Where the chain does not hold, by the entry's number, and why, in words."""

    number: int
    why: str


@dataclass(frozen=True, slots=True)
class Verified:
    """How many entries the chain has, the digest of its end, and where it does not hold first, if it does not."""

    entries: int
    head: str
    broken: Broken | None = None


def keep_chain(engine: Engine, secrets: Sequence[str]) -> None:
    """Digests of sessions on `engine` are keyed by the first of `secrets`; the others may have keyed older ones."""
    _KEYS[engine] = _derived(secrets)


def note(
    session: Session | scoped_session[Session],
    action: Action,
    *,
    at: datetime,
    user_id: int | None = None,
    remote_addr: str | None = None,
    subject: Subject | None = None,
    **details: Any,
) -> None:
    """Have this written with the session's commit. `details`: numbers, ids and words of ours, never anybody's data."""
    if isinstance(session, scoped_session):
        session = session()
    if not session.in_transaction():
        session.begin()  # so that a rollback is told of
    noted: list[tuple[SessionTransaction | None, dict[str, Any]]] = session.info.setdefault(_NOTED, [])
    row = {
        "at": at.astimezone(UTC),  # as it is read back, or the digest would be another's
        "action": action.value,
        "actor_id": user_id,
        "subject_kind": subject.kind if subject else None,
        "subject_id": subject.id if subject else None,
        "details": _canonical({name: value for name, value in details.items() if value is not None}),
        "remote_addr": remote_addr,
        "request_id": request_id.current(),
    }
    noted.append((session.get_nested_transaction(), row))


def note_by(session: Session, action: Action, by: By, subject: Subject | None = None, **details: Any) -> None:
    """`note` of what somebody does."""
    note(session, action, at=by.at, user_id=by.user_id, remote_addr=by.remote_addr, subject=subject, **details)


def head(session: Session) -> Head | None:
    """Where the chain ends now; None while it is empty."""
    row = session.execute(select(AuditHead.number, AuditHead.digest)).one()
    return Head(row.number, row.digest) if row.number else None


def verify(
    session: Session,
    secrets: Sequence[str],
    *,
    expected: Head | None = None,
    told: Callable[[int], None] = lambda number: None,
) -> Verified:
    """Go through the whole chain, as far as it reached when this began. `secrets`: all that may have keyed it.

    `expected`: an end it had once, which must still be in it: whoever has the key can write a chain anew, but not that.
    `told` hears the number of each entry that holds.
    """
    keys, end = _derived(secrets), head(session) or Head(0, "")
    number, digest = 0, ""
    for entry in _entries(session, end.number):
        if entry.number != number + 1:
            return Verified(number, digest, Broken(number + 1, _missing(number + 1, entry.number - 1)))
        if not any(_digest(key, digest, _row_of(entry)) == entry.digest for key in keys):
            return Verified(number, digest, Broken(entry.number, "it, or the one before it, is not as it was written"))
        number, digest = entry.number, entry.digest
        if expected and number == expected.number and digest != expected.digest:
            return Verified(number, digest, Broken(number, "it is another entry than the one that was there once"))
        told(number)
    return Verified(number, digest, _broken_end(session, Head(number, digest), end, expected))


def _broken_end(session: Session, found: Head, end: Head, expected: Head | None) -> Broken | None:
    if found != end:
        return Broken(found.number + 1, "the end of the chain is missing")
    if expected and expected.number > found.number:
        return Broken(found.number + 1, f"the chain once went on to entry {expected.number}")
    # In one statement, because others add to the chain meanwhile.
    if session.scalar(select(exists().where(AuditEntry.number > AuditHead.number))):
        return Broken(found.number + 1, "entries follow that were not added to the chain")
    return None


def _missing(first: int, last: int) -> str:
    return "it is missing" if first == last else f"entries {first} to {last} are missing"


def _entries(session: Session, end: int) -> Iterator[Row[Any]]:
    """All to the number `end`, in order, a part at a time: the log is as long as the dashboard is old."""
    last = 0
    while part := session.execute(_part_after(last, end)).all():
        yield from part
        last = part[-1].number


def _part_after(last: int, end: int) -> Select[Any]:
    columns = [getattr(AuditEntry, name) for name in (*_CHAINED, "digest")]
    wanted = select(*columns).where(AuditEntry.number > last, AuditEntry.number <= end)
    return wanted.order_by(AuditEntry.number).limit(_AT_ONCE)


# --- the chain ------------------------------------------------------------------------------------------------------


def _write(session: Session) -> None:
    """Add what was noted to the end of the chain."""
    if session.in_nested_transaction():
        return
    rows = [row for _, row in session.info.pop(_NOTED, ())]
    if not rows:
        return
    session.flush()
    engine = session.get_bind().engine
    if engine.dialect.name == "postgresql":
        _hold_actors(session, rows)
    end = session.execute(select(AuditHead.number, AuditHead.digest).with_for_update()).one()
    number, digest = end.number, end.digest
    for row in rows:
        number += 1
        digest = _digest(_KEYS[engine][0], digest, row | {"number": number})
        row |= {"number": number, "digest": digest}
    session.execute(insert(AuditEntry), rows)
    session.execute(update(AuditHead).values(number=number, digest=digest).execution_options(synchronize_session=False))


def _hold_actors(session: Session, rows: Sequence[Mapping[str, Any]]) -> None:
    """Lock what the entries refer to before the end of the chain.

    Their foreign key would do so after it: somebody who holds a user's row, and is about to note something too, would
    wait for the end of the chain while we, who have it, wait for them.
    """
    actors = sorted({row["actor_id"] for row in rows} - {None})
    if actors:
        held = select(User.id).where(User.id.in_(actors)).order_by(User.id)
        session.execute(held.with_for_update(key_share=True, read=True)).all()


def _forget_part(session: Session, previous: SessionTransaction) -> None:
    """Of a part rolled back, what was noted in it did not happen."""
    noted = session.info.get(_NOTED)
    if noted and previous.nested:
        noted[:] = [(within, row) for within, row in noted if previous not in _around(within)]


def _around(part: SessionTransaction | None) -> Iterator[SessionTransaction]:
    """A part of a transaction and all that it is a part of."""
    while part is not None:
        yield part
        part = part.parent


def _forget(session: Session, ended: SessionTransaction) -> None:
    """What is left when a transaction has ended was not committed, so it did not happen."""
    if ended.parent is None:
        session.info.pop(_NOTED, None)


event.listen(Session, "before_commit", _write)
event.listen(Session, "after_soft_rollback", _forget_part)
event.listen(Session, "after_transaction_end", _forget)


def _derived(secrets: Sequence[str]) -> tuple[bytes, ...]:
    return tuple(hmac.digest(secret.encode(), b"the chain of the audit log", "sha256") for secret in secrets)


def _digest(key: bytes, before: str, row: Mapping[str, Any]) -> str:
    told = [before, *(_told(row[name]) for name in _CHAINED)]
    return hmac.new(key, _canonical(told).encode(), hashlib.sha256).hexdigest()


_CHAINED: Final = (
    *("number", "at", "action", "actor_id", "subject_kind", "subject_id", "details", "remote_addr", "request_id"),
)


def _row_of(entry: Row[Any]) -> dict[str, Any]:
    return {name: getattr(entry, name) for name in _CHAINED}


def _told(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


def _canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
