"""Erasing again in a restored database whoever was erased after the backup was made."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from dashboard.models import Application, Delivery
from dashboard.services import audit, holding, intake, tombstones
from dashboard.services.erasing import Cause, Warrant, erase
from dashboard.services.tombstones import Kind

_AT_ONCE: Final = 500
_FEW: Final = 20


@dataclass(frozen=True, slots=True)
class Again:
    """How many applications a restored database had brought back: `erased` once more, and `held`, which were left."""

    erased: int = 0
    held: int = 0


def bury_again(session: Session, secrets: Sequence[str], *, at: datetime) -> Again:
    """Erase once more whoever a restored database brought back: all that its tombstones name.

    What something holds goes only if it was itself erased, by its own `data.id`. What it has in common with somebody
    erased (an address, a click, an id of Talroo's) is no reason to break the hold: a person has to decide.

    `secrets`: all that may have keyed the tombstones, newest first. For a database that nobody else uses; the caller
    has begun to write, and commits. Files and pages are cleaned by `cleaning.finish` afterwards.
    """
    engine = session.get_bind().engine
    tombstones.keep_keys(engine, secrets)
    audit.keep_chain(engine, secrets)
    if engine.dialect.name == "sqlite":
        # Its connection is the restorer's own, and not set up as the site's are.
        session.connection().exec_driver_sql("PRAGMA secure_delete=ON")
    graves = tombstones.graves(session)
    if not graves.erased_at:
        return Again()
    named = [(public_id, signs) for public_id, signs in _everybody(session) if graves.holds(signs)]
    held = set(session.scalars(select(Application.talroo_id).where(holding.is_kept(at))))
    kept = {own for _, signs in named if (own := signs.values[Kind.ID]) in held and not graves.holds(_its_id(own))}
    again = [public_id for public_id, signs in named if signs.values[Kind.ID] not in kept]
    for start in range(0, len(again), _FEW):
        erase(session, again[start : start + _FEW], Warrant(Cause.RESTORE, Cause.RESTORE.value, at))
    _blank_known(session, graves, kept)
    return Again(len(again), len(kept))


def _its_id(talroo_id: str) -> tombstones.Signs:
    return tombstones.Signs.of(talroo_id=talroo_id)


def _everybody(session: Session) -> Iterator[tuple[str, tombstones.Signs]]:
    names = ("talroo_id", "tlr_application_id", "tlr_sid", "email", "phone")
    for row in _walked(session, Application, *names, "public_id", "started_at", "applied_at", "arrived_at"):
        times = (row.started_at, row.applied_at, row.arrived_at)
        yield row.public_id, tombstones.Signs.of(**{name: getattr(row, name) for name in names}, times=times)


def _blank_known(session: Session, graves: tombstones.Graves, kept: Collection[str]) -> None:
    """Deliveries of erased people that were never filed as anybody's. `kept`: by `data.id`, what is left as it is."""
    for row in _walked(session, Delivery, "key", "event_id", "talroo_id"):
        keys = (row.key, f"event:{row.event_id}" if row.event_id else None)
        is_known = any(key and graves.holds(tombstones.Signs.of(key=key)) for key in keys)
        if is_known and row.talroo_id not in kept:
            intake.blank(session, session.get_one(Delivery, row.id))


def _walked(session: Session, model: Any, *names: str) -> Iterator[Any]:
    """All rows by id, some columns of each, a part at a time."""
    last = 0
    columns = [model.id, *(getattr(model, name) for name in names)]
    statement: Select[Any] = select(*columns).order_by(model.id).limit(_AT_ONCE)
    while part := session.execute(statement.where(model.id > last)).all():
        yield from part
        last = part[-1].id
