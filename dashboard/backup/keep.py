"""What must not go back in time with the rest: who was erased or wants no mail, who may sign in, what Talroo was told.

Read of the database that a backup takes the place of, and put into the restored one before anybody sees it. Ids mean
the same only where one came from the other: told by the audit log, whose entry the backup's last one must be.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, delete, insert, select, update

from dashboard.backup.archive import Manifest
from dashboard.database import Base, table_of
from dashboard.models import (
    AccessLink,
    Application,
    Attempt,
    AuditEntry,
    AuditHead,
    Erasure,
    Hold,
    Job,
    OptOut,
    Outbound,
    RecoveryCode,
    StoredFile,
    Tombstone,
    User,
    UserScope,
)
from dashboard.models.outbound import ERASED, Channel, State
from dashboard.models.privacy import HoldKind

Rows = Sequence[Mapping[str, Any]]

CLOCK_SLACK: Final = timedelta(minutes=1)
_UNDER_WAY: Final = (State.WAITING, State.SENDING)
_REPORTS: Final = (Channel.CONVERSION, Channel.DISPOSITION)
_ACCESS: Final = (UserScope, RecoveryCode, AccessLink)
"""Of people's access, what is as it is now rather than as it was: a limit or a lock put on since stays on."""


@dataclass(frozen=True, slots=True)
class Kept:
    """`is_lineage`: the backup was made of this very database, so that its ids are the backup's."""

    is_lineage: bool = False
    tombstones: Rows = ()
    opt_outs: Rows = ()
    contents: frozenset[str] = frozenset()
    """What the file store holds for it."""
    users: Rows = ()
    access: Mapping[str, Rows] | None = None
    erasures: Rows = ()
    holds: Rows = ()
    restricted: Rows = ()
    """Of applications that are or were restricted: since when, and their place in the inbox, as they are now."""
    audit_tail: Rows = ()
    audit_head: Mapping[str, Any] | None = None
    tried: Rows = ()
    """Rows of the outbox that were tried since the backup was made."""
    attempts: Rows = ()

    @property
    def words(self) -> list[str]:
        """What was kept, for whoever restores."""
        numbers = (
            (self.tombstones, "erasure mark", "erasure marks"),
            (self.opt_outs, "opt-out", "opt-outs"),
            (self.users, "user as they are now", "users as they are now"),
            (self.holds, "hold", "holds"),
            (self.audit_tail, "audit entry since", "audit entries since"),
            (self.tried, "report tried since", "reports tried since"),
        )
        return [f"{len(rows):,} {one if len(rows) == 1 else several}" for rows, one, several in numbers if rows]


def read(connection: Connection, manifest: Manifest) -> Kept:
    """What must be kept of the database that is in place. Its tables are this version's."""
    always = Kept(
        tombstones=_all(connection, Tombstone),
        opt_outs=_all(connection, OptOut),
        contents=frozenset(connection.scalars(select(StoredFile.sha256))),
    )
    if not _is_lineage(connection, manifest):
        return always
    since = datetime.fromisoformat(manifest.made_at) - CLOCK_SLACK
    newly = select(Attempt.outbound_id).where(Attempt.started_at >= since)
    return replace(
        always,
        is_lineage=True,
        users=_all(connection, User),
        access={model.__tablename__: _all(connection, model) for model in _ACCESS},
        erasures=_all(connection, Erasure, Erasure.at >= since),
        holds=_all(connection, Hold),
        restricted=_places(connection),
        audit_tail=_all(connection, AuditEntry, AuditEntry.number > manifest.audit_number),
        audit_head=_all(connection, AuditHead)[0],
        tried=_all(connection, Outbound, Outbound.id.in_(newly)),
        attempts=_all(connection, Attempt, Attempt.outbound_id.in_(newly)),
    )


def put(connection: Connection, kept: Kept, manifest: Manifest) -> None:
    """Put it into the restored database, whose tables are this version's, in the transaction that restores it."""
    _add_missing(connection, Tombstone, kept.tombstones, "key_hash")
    _add_missing(connection, OptOut, kept.opt_outs, "email_hash")
    if not kept.is_lineage:
        _park(connection, manifest)
        return
    _replace_users(connection, kept)
    _add_missing(connection, Erasure, kept.erasures, "id")
    _hold_again(connection, kept)
    _add_missing(connection, AuditEntry, kept.audit_tail, "number")
    connection.execute(update(AuditHead).values(**dict(kept.audit_head or {})))
    _note_tried(connection, kept)


def _is_lineage(connection: Connection, manifest: Manifest) -> bool:
    digest = select(AuditEntry.digest).where(AuditEntry.number == manifest.audit_number)
    return manifest.audit_number > 0 and connection.scalar(digest) == manifest.audit_digest


def _all(connection: Connection, model: type[Base], *where: Any) -> list[Mapping[str, Any]]:
    table = table_of(model)
    asked = select(table).where(*where).order_by(*table.primary_key.columns)
    return [dict(row) for row in connection.execute(asked).mappings()]


def _add_missing(connection: Connection, model: type[Base], rows: Rows, key: str) -> None:
    table = table_of(model)
    there = set(connection.scalars(select(table.c[key])))
    if missing := [row for row in rows if row[key] not in there]:
        connection.execute(insert(table), missing)


def _replace_users(connection: Connection, kept: Kept) -> None:
    """Everybody as they are now: a backup neither lets back in who was shut out, nor brings an old password back."""
    users = table_of(User)
    there = set(connection.scalars(select(users.c.id)))
    known, new = [row for row in kept.users if row["id"] in there], [r for r in kept.users if r["id"] not in there]
    # Out of the way first, because two may have exchanged what only one can have.
    for row in known:
        aside = {"email": f"restoring:{row['id']}", "oidc_issuer": None, "oidc_subject": None}
        connection.execute(update(users).where(users.c.id == row["id"]).values(**aside))
    for row in known:
        connection.execute(update(users).where(users.c.id == row["id"]).values(**row))
    if new:
        connection.execute(insert(users), new)
    jobs = set(connection.scalars(select(Job.id)))
    for model in _ACCESS:
        connection.execute(delete(table_of(model)))
        rows = [row for row in (kept.access or {})[model.__tablename__] if row.get("job_id") in {None, *jobs}]
        if rows:
            connection.execute(insert(table_of(model)), rows)


def _places(connection: Connection) -> list[Mapping[str, Any]]:
    restricted = select(Hold.application_id).where(Hold.kind == HoldKind.RESTRICTION)
    columns = (Application.id, Application.restricted_at, Application.inbox_no)
    found = connection.execute(select(*columns).where(Application.id.in_(restricted)))
    return [dict(row) for row in found.mappings()]


def _hold_again(connection: Connection, kept: Kept) -> None:
    """Who must be kept, or may not be worked with, is so as of now: a court's order is no older than its backup."""
    holds, applications = table_of(Hold), table_of(Application)
    there = set(connection.scalars(select(Application.id)))
    connection.execute(delete(holds))
    if rows := [row for row in kept.holds if row["application_id"] in there]:
        connection.execute(insert(holds), rows)
    for row in kept.restricted:
        place = {"restricted_at": row["restricted_at"], "inbox_no": row["inbox_no"]}
        connection.execute(update(applications).where(applications.c.id == row["id"]).values(**place))


def _note_tried(connection: Connection, kept: Kept) -> None:
    """What was tried since stands as it does now: nothing is reported twice because it was forgotten."""
    outbound, attempts = table_of(Outbound), table_of(Attempt)
    there = {row.business_key: row.id for row in connection.execute(_keys(kept.tried))}
    # Of somebody who was erased since, the key is another one; the id is the same, as all ids of one lineage are.
    erased = {row["id"]: row["business_key"] for row in kept.tried if row["business_key"].startswith(ERASED)}
    known = connection.scalars(select(outbound.c.id).where(outbound.c.id.in_(erased)))
    there |= {erased[number]: number for number in known}
    applications = set(connection.scalars(select(Application.id)))
    mapped: dict[int, int] = {}
    for row in kept.tried:
        named = dict(row) | {"application_id": row["application_id"] if row["application_id"] in applications else None}
        number = there.get(row["business_key"])
        if number is not None:
            states = {name: row[name] for name in _OF_SENDING}
            connection.execute(update(outbound).where(outbound.c.id == number).values(**states))
            connection.execute(delete(attempts).where(attempts.c.outbound_id == number))
        elif row["channel"] in _REPORTS:
            number = row["id"]
            connection.execute(insert(outbound), named)
        if number is not None:
            mapped[row["id"]] = number
    _put_attempts(connection, [row for row in kept.attempts if row["outbound_id"] in mapped], mapped)


def _keys(rows: Rows) -> Any:
    outbound = table_of(Outbound)
    keys = [row["business_key"] for row in rows]
    return select(outbound.c.business_key, outbound.c.id).where(outbound.c.business_key.in_(keys))


_OF_SENDING: Final = (
    *("state", "due_at", "attempts", "failures", "alone", "first_attempt_at", "lease_until", "uncertain"),
    *("last_status", "last_answer", "sent_at"),
)


def _put_attempts(connection: Connection, rows: Iterable[Mapping[str, Any]], mapped: Mapping[int, int]) -> None:
    attempts = table_of(Attempt)
    there = set(connection.scalars(select(attempts.c.id)))
    for row in rows:
        values = dict(row) | {"outbound_id": mapped[row["outbound_id"]]}
        if row["id"] in there:
            del values["id"]
        connection.execute(insert(attempts), values)


def _park(connection: Connection, manifest: Manifest) -> None:
    """Nobody can say what was sent since the backup was made: a person decides what is sent again."""
    words = (
        f"From a backup of {manifest.made_at[:16].replace('T', ' ')} UTC: it may have gone out since. If not, retry."
    )
    outbound = table_of(Outbound)
    parked = {"state": State.PARKED.value, "last_answer": words, "lease_until": None}
    connection.execute(update(outbound).where(outbound.c.state.in_(_UNDER_WAY)).values(**parked))
