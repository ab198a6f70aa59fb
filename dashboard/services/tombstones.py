"""What erased people were known by, as keyed hashes: what brings them again is turned away.

An id (of the application, of its deliveries, Talroo's own) turns away everything that bears it. An address or a click
may be the same in something new, so it turns away only what was begun before the erasure: whoever applies again
afterwards is taken in. A telephone is often shared, so its number speaks only for whoever gives no email address.

The key is made from `SECRET_KEY`; hashes made with one of `SECRET_KEY_RETIRED` still count.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final
from weakref import WeakKeyDictionary

from sqlalchemy import Engine, bindparam, select, text
from sqlalchemy.orm import Session

from dashboard.database import insert_or_ignore
from dashboard.models import Tombstone
from dashboard.person_keys import email_key, phone_key
from dashboard.prepared import Prepared

_PURPOSE: Final = b"tombstones of erased people"
_KEYS: Final[WeakKeyDictionary[Engine, tuple[bytes, ...]]] = WeakKeyDictionary()
_WAIT: Final = "5s"


class Kind(StrEnum):
    ID = "id"
    APPLICATION = "application"
    DELIVERY = "delivery"
    CLICK = "click"
    EMAIL = "email"
    PHONE = "phone"


_OF_OLDER_ALONE: Final = frozenset({Kind.CLICK, Kind.EMAIL, Kind.PHONE})
_PLACES: Final = tuple(kind.value for kind in Kind)


@dataclass(frozen=True, slots=True)
class Signs:
    """What something is known by. `begun`: when it was begun, as far as it says."""

    values: Mapping[Kind, str]
    begun: datetime | None = None

    @classmethod
    def of(
        cls,
        *,
        talroo_id: str | None = None,
        tlr_application_id: str | None = None,
        tlr_sid: str | None = None,
        email: str | None = None,
        phone: str | None = None,
        key: str | None = None,
        times: Iterable[datetime | None] = (),
    ) -> Signs:
        """From what an application tells of itself, and the `key` of the delivery that brings it.

        `times`: when it was begun, sent, … of which the first counts.
        """
        known = {
            Kind.ID: talroo_id,
            Kind.APPLICATION: tlr_application_id,
            Kind.DELIVERY: key,
            Kind.CLICK: tlr_sid,
            Kind.EMAIL: email_key(email),
            Kind.PHONE: None if email_key(email) else phone_key(phone),
        }
        begun = min((one for one in times if one), default=None)
        return cls({kind: value for kind, value in known.items() if value}, begun)


@dataclass(slots=True)
class Graves:
    """Tombstones held in memory, for going through a whole database: kind and hash → when it was erased."""

    keys: tuple[bytes, ...]
    erased_at: dict[str, datetime] = field(default_factory=dict)

    def holds(self, signs: Signs) -> bool:
        return any(
            _turns_away(kind, self.erased_at[hashed], signs.begun)
            for key in self.keys
            for kind, value in signs.values.items()
            if (hashed := _hashed(key, kind, value)) in self.erased_at
        )


def keep_keys(engine: Engine, secrets: Sequence[str]) -> None:
    """Hashes in sessions on `engine` are made with the first of `secrets`; the others may have made older ones."""
    _KEYS[engine] = tuple(hmac.digest(secret.encode(), _PURPOSE, "sha256") for secret in secrets)


def bury(session: Session, found: Iterable[tuple[Kind, str]], *, at: datetime) -> int:
    """Note what was erased by what it was known by. How many tombstones are new."""
    key = _keys(session)[0]
    rows = {_hashed(key, kind, value): kind for kind, value in found}
    statement = insert_or_ignore(session, Tombstone, "key_hash")
    made = 0
    for hashed in sorted(rows):
        row = {"key_hash": hashed, "kind": rows[hashed].value, "erased_at": at}
        if session.execute(statement, row).scalar() is not None:
            made += 1
            continue
        known = session.get_one(Tombstone, hashed)
        known.erased_at = max(known.erased_at, at)
    session.flush()
    return made


def is_buried(session: Session, signs: Signs) -> bool:
    """Whether `signs` are of somebody who was erased. One look-up by the primary key for each key there is."""
    for key in _keys(session):
        asked: dict[str, Any] = dict.fromkeys(_PLACES, "") | {"begun": signs.begun or _NEVER}
        asked |= {kind.value: _hashed(key, kind, value) for kind, value in signs.values.items()}
        if _LOOK.first(session, asked) is not None:
            return True
    return False


def name_of(session: Session, value: str) -> str:
    """What stands in place of a delivery's key: always the same for the same key, and nothing can be read in it."""
    return f"erased:{_hashed(_keys(session)[0], Kind.DELIVERY, value)}"


def graves(session: Session) -> Graves:
    """All tombstones."""
    rows = session.execute(select(Tombstone.key_hash, Tombstone.erased_at))
    return Graves(_keys(session), {row.key_hash: row.erased_at for row in rows})


def close_the_door(session: Session) -> None:
    """Until the transaction ends, nobody is taken in: whoever asks `is_buried` waits, and sees what was buried.

    On SQLite nobody else writes meanwhile anyway. The first thing a transaction does: it holds no other lock then, and
    deliveries take this one first as well.
    """
    if session.get_bind().dialect.name == "postgresql":
        # Rather say "not now" than let deliveries queue behind us for long.
        session.execute(text(f"SET LOCAL lock_timeout = '{_WAIT}'"))
        session.execute(text("LOCK TABLE tombstone IN ACCESS EXCLUSIVE MODE"))
        session.execute(text("SET LOCAL lock_timeout = 0"))


def _turns_away(kind: Kind, erased_at: datetime, begun: datetime | None) -> bool:
    return kind not in _OF_OLDER_ALONE or (begun is not None and begun < erased_at)


def _look() -> Any:
    older: list[Any] = [bindparam(kind.value) for kind in _OF_OLDER_ALONE]
    always: list[Any] = [bindparam(kind.value) for kind in Kind if kind not in _OF_OLDER_ALONE]
    begun = bindparam("begun", type_=Tombstone.erased_at.type)
    by_address = Tombstone.key_hash.in_(older) & (Tombstone.erased_at > begun)
    return select(Tombstone.kind).where(Tombstone.key_hash.in_(always) | by_address)


_NEVER: Final = datetime.fromisoformat("9999-12-31T00:00:00+00:00")
"""Of something that does not say when it was begun, an address tells nothing."""
_LOOK: Final = Prepared(lambda _: _look())


def _keys(session: Session) -> tuple[bytes, ...]:
    return _KEYS[session.get_bind().engine]  # without them, whoever was erased would be taken in again


def _hashed(key: bytes, kind: Kind, value: str) -> str:
    return hmac.digest(key, f"{kind}\0{value}".encode("utf-8", "surrogatepass"), "sha256").hex()
