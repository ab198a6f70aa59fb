"""One door for every application, pushed or pulled.

What arrives is kept exactly, then understood as far as it can be, in one transaction. The caller commits,
and only then tells Talroo that it was received (talroo-contract §1).
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import ColumnElement, select, true, update
from sqlalchemy.orm import Session

from dashboard.database import is_storage_failure, public_id, start_writing
from dashboard.logs import without_contents
from dashboard.models import Application, Delivery, Erasure
from dashboard.models.delivery import BLANK
from dashboard.prepared import Prepared
from dashboard.services import filing, own_tests, tombstones
from dashboard.services.attachments import Attached, receive_files
from dashboard.services.files import FileStore
from dashboard.services.tombstones import Signs
from dashboard.talroo import cutting, payload, signature, wire
from dashboard.talroo.cutting import CutBody

log = logging.getLogger(__name__)

MAX_REASON: Final = 500
ERASED_WORDS: Final = "The applicant was erased, so it is not reprocessed."

_INSERT_DELIVERY: Final = Prepared.insert(Delivery, "key")
_ANY: Final = true()


@dataclass(frozen=True, slots=True)
class Arrival:
    """Something that came in, before anybody tried to understand it.

    `raw`: the exact bytes that were signed. `source`: `pushed` or `pulled`. `timing`: see `Delivery.timing`.
    `own_keys`: by which a test application of our own is known (`own_tests`); what is then `source` says.
    """

    raw: bytes
    source: str
    received_at: datetime
    timing: str
    signature: str | None = None
    query: str | None = None
    content_type: str | None = None
    remote_addr: str | None = None
    own_keys: tuple[str, ...] = field(default=(), repr=False)

    def source_of(self, envelope: payload.Envelope) -> str:
        """Where it came from, as its delivery notes it: `test` if we sent it to ourselves."""
        return own_tests.SOURCE if own_tests.is_ours(envelope.event_id, self.own_keys) else self.source


class Effect(StrEnum):
    """What an arrival did to the application it is about."""

    NEW = "new"
    UPDATED = "updated"
    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an arrival: `accepted`, `duplicate` or `kept`, and the application's public id if there is one.

    A delivery that is read again, and is of somebody who was erased, is `erased`.
    `effect`: of an accepted one, what it did to the application.
    """

    status: str
    application: str | None = None
    reason: str | None = None
    effect: Effect | None = None

    def as_json(self) -> dict[str, str]:
        named = {"status": self.status, "application": self.application, "reason": self.reason}
        return {name: value for name, value in named.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Understood:
    """What could be made of an arrival without the database. `submission` is None where `reason` says why."""

    parcel: CutBody
    envelope: payload.Envelope
    submission: payload.Submission | None
    attached: tuple[Attached, ...]
    reason: str | None
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Again:
    """A stored delivery, by its id, as it is understood now."""

    delivery_id: int
    arrival: Arrival
    understood: Understood


def store_or_keep(session: Session, arrival: Arrival, understood: Understood) -> Outcome:
    """Begin to write and `store`; where that fails for the content's sake, keep the arrival whole instead.

    Raises only what `is_storage_failure` knows. The caller commits.
    """
    start_writing(session)
    try:
        return store(session, arrival, understood)
    except Exception as problem:
        if is_storage_failure(problem):
            raise
        session.rollback()
        start_writing(session)
        return store(session, arrival, _not_filed(arrival, problem))


def store_among(session: Session, arrival: Arrival, understood: Understood) -> Outcome:
    """`store_or_keep` within a transaction that holds more: what fails is undone alone. The caller has begun to write.

    (Its savepoint costs two statements, which a delivery that has its transaction to itself need not spend.)
    """
    try:
        with session.begin_nested():
            return store(session, arrival, understood)
    except Exception as problem:
        if is_storage_failure(problem):
            raise
        return store(session, arrival, _not_filed(arrival, problem))


def pulled_key(raw: bytes) -> str:
    """What an item of the Platform API's list is known by: as long as its bytes are the same, nothing is new."""
    return _digest_key(raw, payload.PULLED)


def quarantine(session: Session, arrival: Arrival) -> None:
    """Keep what Talroo signed too long ago to be taken. It blocks no later delivery of the same event."""
    reason = "The signature was correct but too old, or too far in the future."
    understood = _whole(arrival, reason, _outside_of(arrival))
    start_writing(session)
    key = _digest_key(arrival.raw, "quarantine")
    if tombstones.is_buried(session, _glance(arrival)):
        _turn_away(session, arrival, key=key)
        return
    _insert_delivery(session, arrival, understood, key=key, status="quarantined")


def _outside_of(arrival: Arrival) -> payload.Envelope | None:
    """What a body says of itself, for whoever has to decide about it; None where it cannot be read."""
    try:
        return payload.outside(wire.parse(arrival.raw).value, source=arrival.source)
    except Exception:
        return None


def exact_body(delivery: Delivery, files: FileStore) -> bytes:
    """The bytes as they were signed. Raises `FileMissing`, `OSError`."""
    cuts = [cutting.Cut(int(offset), str(sha256)) for offset, sha256 in delivery.cuts]
    return cutting.rebuild(delivery.body, cuts, files.get)


def understand_again(delivery: Delivery, files: FileStore, *, timing: str | None = None) -> Again:
    """What this version makes of a stored delivery, as it was read; nothing of the database is held meanwhile.

    `timing`: what its signature's time counts as, if not as what it did. Raises `FileMissing` where a content it refers
    to is gone, `OSError`.
    """
    raw = exact_body(delivery, files)
    arrival = Arrival(raw, delivery.source, delivery.received_at, timing or delivery.timing)
    return Again(delivery.id, arrival, understand(arrival, files))


def replay(session: Session, again: Again, *, now: datetime, where: ColumnElement[bool] = _ANY) -> Outcome | None:
    """File a stored delivery as it is understood now; None, having done nothing, where `where` is not so any more.

    The caller has begun to write, and commits.
    """
    # Before its row is locked: an erasure locks the tombstones first, and then empties deliveries.
    buried = tombstones.is_buried(session, _known_by(again.arrival, again.understood))
    found = select(Delivery).where(Delivery.id == again.delivery_id, where).with_for_update(of=Delivery)
    delivery = session.scalar(found.execution_options(populate_existing=True))
    if delivery is None or buried or delivery.status == BLANK["status"]:
        _leave_to_cleaning(session, again.understood.attached, at=now)
        return _erased(session, delivery) if delivery else None
    delivery.replayed_at, delivery.again_at = now, None
    try:
        with session.begin_nested():
            return _file_again(session, delivery, again.arrival, again.understood)
    except Exception as problem:
        if is_storage_failure(problem):
            raise
        delivery.reason = _not_filed(again.arrival, problem).reason
        return Outcome("kept", reason=delivery.reason)


def _erased(session: Session, delivery: Delivery) -> Outcome:
    delivery.again_at = None
    if delivery.status != BLANK["status"]:
        blank(session, delivery)
    return Outcome("erased", reason=ERASED_WORDS)


def blank(session: Session, delivery: Delivery) -> None:
    """Leave of a delivery only that it came."""
    delivery.key = tombstones.name_of(session, delivery.key)
    for name, value in BLANK.items():
        setattr(delivery, name, value)
    session.flush()


def _file_again(session: Session, delivery: Delivery, arrival: Arrival, understood: Understood) -> Outcome:
    delivery.reason = understood.reason
    if understood.submission is None:
        return Outcome("kept", reason=understood.reason)
    delivery.status = "accepted"
    delivery.talroo_id = understood.submission.talroo_id
    delivery.event_id, delivery.event_type = understood.envelope.event_id, understood.envelope.event_type
    delivery.event_at = understood.envelope.event_at
    delivery.body = understood.parcel.body
    delivery.cuts = [[cut.offset, cut.sha256] for cut in understood.parcel.cuts]
    delivery.notes = list(understood.notes + understood.submission.flags)
    session.flush()
    return _file(session, understood, understood.submission, delivery.id, arrival)


# --- understanding: no database -----------------------------------------------------------------------------------


def understand(arrival: Arrival, files: FileStore) -> Understood:
    """What can be made of `arrival`; its files are durable in `files` when this returns.

    Raises only what `is_storage_failure` knows: where our own code fails on a content, it is kept whole.
    """
    try:
        return _read(arrival, files)
    except Exception as problem:
        if is_storage_failure(problem):
            raise
        return _not_filed(arrival, problem)


def _read(arrival: Arrival, files: FileStore) -> Understood:
    parcel = cutting.cut(arrival.raw)
    try:
        parsed = wire.parse(parcel.body)
    except wire.NotJson as problem:
        return _whole(arrival, str(problem))
    envelope = payload.outside(parsed.value, source=arrival.source)
    try:
        submission = _submission(arrival, envelope)
    except payload.NotUnderstood as problem:
        return _whole(arrival, str(problem), envelope, parsed.notes)
    received = receive_files(submission.files, parcel)
    if len(received.references) < len(parcel.contents):
        # Base64 that is not a file's content (an answer under a key called "data") belongs back into the body.
        parcel = parcel.keeping(received.references)
        submission = _submission(arrival, payload.outside(wire.parse(parcel.body).value, source=arrival.source))
        received = receive_files(submission.files, parcel)
    return Understood(parcel, envelope, submission, received.keep(files), None, parsed.notes)


def _submission(arrival: Arrival, envelope: payload.Envelope) -> payload.Submission:
    """Raises `NotUnderstood`."""
    if arrival.source == payload.PULLED:
        return payload.listed(envelope, fetched_at=arrival.received_at)
    return payload.submission(envelope)


def _not_filed(arrival: Arrival, problem: Exception) -> Understood:
    """Whatever we failed to foresee about a content must not cost the applicant their application."""
    log.error("an arrival could not be filed and is kept whole: %s", without_contents(problem))
    return _whole(arrival, f"The application could not be filed ({type(problem).__name__}).")


def _whole(
    arrival: Arrival, reason: str, envelope: payload.Envelope | None = None, notes: tuple[str, ...] = ()
) -> Understood:
    """Not an application: the body stays in one piece."""
    nothing = payload.Envelope(None, None, None, {})
    return Understood(CutBody(arrival.raw, (), {}), envelope or nothing, None, (), reason[:MAX_REASON], notes)


# --- storing: one transaction ---------------------------------------------------------------------------------------


def store(session: Session, arrival: Arrival, understood: Understood) -> Outcome:
    """Keep `arrival` and file what was understood of it. The session has begun to write; the caller commits.

    After an exception the transaction is of no use to anybody: roll it back.
    """
    key = _key(arrival, understood.envelope.event_id)
    if tombstones.is_buried(session, _known_by(arrival, understood)):
        return _turn_away(session, arrival, understood.attached, key=key)
    status = "accepted" if understood.submission else "kept"
    delivery_id = _insert_delivery(session, arrival, understood, key=key, status=status)
    if delivery_id is None:
        return _duplicate(session, arrival, understood, key)
    if understood.submission is None:
        return Outcome("kept", reason=understood.reason)
    return _file(session, understood, understood.submission, delivery_id, arrival)


def _turn_away(session: Session, arrival: Arrival, attached: tuple[Attached, ...] = (), *, key: str) -> Outcome:
    """Acknowledge what is about somebody who was erased, and keep of it only that it came."""
    name = tombstones.name_of(session, key)
    understood = Understood(CutBody(b"", (), {}), payload.Envelope(None, None, None, {}), None, (), None, ())
    row = _delivery_row(arrival, understood, key=name, status="accepted") | dict(BLANK)
    if _INSERT_DELIVERY.first(session, row) is None:
        _count_again(session, name, arrival.received_at)
    _leave_to_cleaning(session, attached, at=arrival.received_at)
    return Outcome("duplicate")


def _leave_to_cleaning(session: Session, attached: Iterable[Attached], *, at: datetime) -> None:
    """Files are put into the store before anybody can know that they are not to be kept there."""
    if contents := sorted({file.sha256 for file in attached if file.sha256}):
        session.add(Erasure(at=at, cause="arrival", reason="erased", counts={}, files=contents))
        session.flush()


def _count_again(session: Session, key: str, at: datetime) -> None:
    again = {"duplicate_count": Delivery.duplicate_count + 1, "last_duplicate_at": at}
    session.execute(update(Delivery).where(Delivery.key == key).values(again))


def _known_by(arrival: Arrival, understood: Understood) -> Signs:
    if understood.submission is None:
        return _glance(arrival)
    return _signs(understood, _key(arrival, understood.envelope.event_id))


def _signs(understood: Understood, key: str) -> Signs:
    """What an arrival that was understood is known by."""
    submission, envelope = understood.submission, understood.envelope
    if submission is None:
        return Signs.of(key=key)
    facts = submission.facts
    return Signs.of(
        talroo_id=submission.talroo_id,
        tlr_application_id=facts.tlr_application_id,
        tlr_sid=facts.tlr_sid,
        email=facts.email,
        phone=facts.phone,
        key=key,
        times=(facts.started_at, facts.applied_at, submission.as_of, envelope.event_at),
    )


def _glance(arrival: Arrival) -> Signs:
    """The same of any arrival, as far as can be seen without reading its files."""
    key = _key(arrival, None)
    try:
        envelope = payload.outside(wire.parse(arrival.raw).value, source=arrival.source)
        key = _key(arrival, envelope.event_id)
        seen = Understood(CutBody(b"", (), {}), envelope, _submission(arrival, envelope), (), None, ())
    except (wire.NotJson, payload.NotUnderstood):
        return Signs.of(key=key)
    except Exception as problem:
        # What cannot be read is kept whole, for a person to look at; it must not be lost for being looked at.
        log.warning("an arrival could not be glanced at: %s", without_contents(problem))
        return Signs.of(key=key)
    return _signs(seen, key)


def _file(
    session: Session, understood: Understood, submission: payload.Submission, delivery_id: int, arrival: Arrival
) -> Outcome:
    attached = understood.attached
    filed = filing.file_application(
        session,
        submission,
        delivery_id=delivery_id,
        arrived_at=arrival.received_at,
        timing=arrival.timing,
        files=attached,
        is_test=arrival.source_of(understood.envelope) == own_tests.SOURCE,
    )
    attached_new = filing.attach(session, filed, attached, at=arrival.received_at)
    effect = Effect.NEW if filed.created else Effect.UPDATED if filed.changed or attached_new else Effect.UNCHANGED
    return Outcome("accepted", application=filed.public_id, effect=effect)


def _key(arrival: Arrival, event_id: str | None) -> str:
    """What makes a delivery the same one. A pulled item tells nothing of a delivery, even in an event's envelope."""
    if arrival.source == payload.PULLED:
        return pulled_key(arrival.raw)
    return f"event:{event_id}" if event_id else _digest_key(arrival.raw)


def _insert_delivery(
    session: Session, arrival: Arrival, understood: Understood, *, key: str, status: str
) -> int | None:
    """The new row's id, or None where a delivery with this key is already there."""
    made = _INSERT_DELIVERY.first(session, _delivery_row(arrival, understood, key=key, status=status))
    return made[0] if made else None


def _delivery_row(arrival: Arrival, understood: Understood, *, key: str, status: str) -> dict[str, Any]:
    submission = understood.submission
    return {
        "public_id": public_id(),
        "key": key,
        "source": arrival.source_of(understood.envelope),
        "received_at": arrival.received_at,
        "timing": arrival.timing,
        "signature": arrival.signature,
        "query": arrival.query,
        "content_type": arrival.content_type,
        "remote_addr": arrival.remote_addr,
        "event_id": understood.envelope.event_id,
        "event_type": understood.envelope.event_type,
        "event_at": understood.envelope.event_at,
        "body": understood.parcel.body,
        "cuts": [[cut.offset, cut.sha256] for cut in understood.parcel.cuts],
        "size": len(arrival.raw),
        "status": status,
        "reason": understood.reason,
        "notes": list(understood.notes + (submission.flags if submission else ())),
        "talroo_id": submission.talroo_id if submission else None,
        "duplicate_count": 0,
    }


def _duplicate(session: Session, arrival: Arrival, understood: Understood, key: str) -> Outcome:
    """Acknowledge again what is already here; other bytes under a known event id are kept beside it."""
    first = session.execute(
        select(Delivery.id, Delivery.body, Delivery.cuts, Application.public_id)
        .outerjoin(Application, Application.talroo_id == Delivery.talroo_id)
        .where(Delivery.key == key)
    ).one()
    _count_again(session, key, arrival.received_at)
    if not _is_same(first.body, first.cuts, arrival, understood):
        other = _whole(arrival, "An event with this id came before with other content.", understood.envelope)
        _insert_delivery(session, arrival, other, key=_digest_key(arrival.raw), status="kept")
    return Outcome("duplicate", application=first.public_id)


def _is_same(body: bytes, cuts: list[list[int | str]], arrival: Arrival, understood: Understood) -> bool:
    """Whether a stored body is the one that arrived, cut or whole, but for white space around it."""
    whole, parcel = signature.trimmed(arrival.raw), understood.parcel
    if not cuts and signature.trimmed(body) == whole:
        return True
    contents = [sha256 for _, sha256 in cuts]
    return contents == [cut.sha256 for cut in parcel.cuts] and signature.trimmed(body) == signature.trimmed(parcel.body)


def _digest_key(raw: bytes, scheme: str = "sha256") -> str:
    """What a body without event id is known by. White space around it is not signed, so it makes no other one."""
    return f"{scheme}:{hashlib.sha256(signature.trimmed(raw)).hexdigest()}"
