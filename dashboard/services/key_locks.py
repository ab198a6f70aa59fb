"""Locks by a name instead of a row, until the transaction ends: for whoever must not look while another writes.

PostgreSQL alone has them, and needs them alone: on SQLite one transaction writes at a time. Their place in the order of
locks is told in `completion`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from typing import Any, Final

from sqlalchemy import ARRAY, BigInteger, ColumnElement, bindparam, func, select
from sqlalchemy.orm import Session

from dashboard.prepared import Prepared


def _prepared(lock: Callable[[ColumnElement[int]], Any]) -> Prepared:
    numbers = func.unnest(bindparam("numbers", type_=ARRAY(BigInteger))).column_valued("number")
    return Prepared(lambda _: select(lock(numbers)))


ALONE: Final = _prepared(func.pg_advisory_xact_lock)
TOGETHER: Final = _prepared(func.pg_advisory_xact_lock_shared)
"""Those who hold it like this do not wait for each other."""


def hold(session: Session, numbers: Iterable[int], how: Prepared = ALONE) -> None:
    """Lock all of `numbers`, in an order that is the same for everybody. Waits for whoever holds one."""
    if session.get_bind().dialect.name == "postgresql" and (ordered := sorted(set(numbers))):
        how.first(session, {"numbers": ordered})


def number(purpose: bytes, *words: str) -> int:
    """The number by which `words` are locked. `purpose`, at most 16 bytes, keeps it apart from other numbers."""
    name = "\0".join(words).encode()
    return int.from_bytes(hashlib.blake2b(name, digest_size=8, person=purpose).digest(), signed=True)
