"""The audit log: entries in a chain, each with a keyed digest over itself and the one before it.

What is noted is written when its session commits, as the last thing: the end of the chain is locked only for the
commit itself, and nobody holds it while waiting for something else. Rolled back, nothing happened and nothing is noted.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from weakref import WeakKeyDictionary

from sqlalchemy import Engine, Row, event, insert, select, update
from sqlalchemy.orm import Session, SessionTransaction

from dashboard import request_id
from dashboard.audit_actions import Action
from dashboard.models import AuditEntry, AuditHead

_KEYS: Final[WeakKeyDictionary[Engine, tuple[bytes, ...]]] = WeakKeyDictionary()
_NOTED: Final = "noted for the audit log"
_AT_ONCE: Final = 1_000


@dataclass(frozen=True, slots=True)
class Subject:
    """What something was done to: its kind (`application`, `user`, `file`, `delivery`, …) and its public id."""

    kind: str
    id: str


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
    session: Session,
    action: Action,
    *,
    at: datetime,
    user_id: int | None = None,
    remote_addr: str | None = None,
    subject: Subject | None = None,
    **details: Any,
) -> None:
    """Have this written with the session's commit. `details`: numbers, ids and words of ours, never anybody's data."""
    if not session.in_transaction():
        session.begin()  # so that a rollback is told of
    noted: list[tuple[SessionTransaction | None, dict[str, Any]]] = session.info.setdefault(_NOTED, [])
    row = {
        "at": at,
        "action": action.value,
        "actor_id": user_id,
        "subject_kind": subject.kind if subject else None,
        "subject_id": subject.id if subject else None,
        "details": _canonical({name: value for name, value in details.items() if value is not None}),
        "remote_addr": remote_addr,
        "request_id": request_id.current(),
    }
    noted.append((session.get_nested_transaction(), row))


def verify(session: Session, secrets: Sequence[str]) -> Verified:
    """Go through the whole chain. `secrets`: all that may have keyed it, newest first."""
    keys = _derived(secrets)
    number, digest = 0, ""
    for entry in _entries(session):
        if entry.number != number + 1:
            return Verified(number, digest, Broken(number + 1, _missing(number + 1, entry.number - 1)))
        if not any(_digest(key, digest, _row_of(entry)) == entry.digest for key in keys):
            return Verified(number, digest, Broken(entry.number, "it, or the one before it, is not as it was written"))
        number, digest = entry.number, entry.digest
    head = session.get(AuditHead, 1)
    if head is None or (head.number, head.digest) != (number, digest):
        return Verified(number, digest, Broken(number + 1, "the end of the chain is missing"))
    return Verified(number, digest)


def _missing(first: int, last: int) -> str:
    return "it is missing" if first == last else f"entries {first} to {last} are missing"


def _entries(session: Session) -> Iterator[Row[Any]]:
    """All in order, a part at a time: the log is as long as the dashboard is old."""
    last, columns = 0, [getattr(AuditEntry, name) for name in (*_CHAINED, "digest")]
    while part := session.execute(
        select(*columns).where(AuditEntry.number > last).order_by(AuditEntry.number).limit(_AT_ONCE)
    ).all():
        yield from part
        last = part[-1].number


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
    head = session.execute(select(AuditHead.number, AuditHead.digest).with_for_update()).one()
    number, digest = head.number, head.digest
    for row in rows:
        number += 1
        digest = _digest(_KEYS[engine][0], digest, row | {"number": number})
        row |= {"number": number, "digest": digest}
    session.execute(insert(AuditEntry), rows)
    session.execute(update(AuditHead).values(number=number, digest=digest).execution_options(synchronize_session=False))


def _forget(session: Session, previous: SessionTransaction) -> None:
    """What is rolled back did not happen; of a part rolled back, what was noted in it."""
    noted = session.info.get(_NOTED)
    if not noted:
        return
    if not previous.nested:
        session.info.pop(_NOTED)
        return
    noted[:] = [(within, row) for within, row in noted if within is not previous]


event.listen(Session, "before_commit", _write)
event.listen(Session, "after_soft_rollback", _forget)


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
