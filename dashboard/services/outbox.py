"""Sending what waits in the outbox: claim with a lease, write the attempt down, send, record the proof.

At least once, never silently lost. A worker that dies between sending and recording leaves an attempt whose outcome
nobody knows: it is marked so, and tried again once by itself.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, insert, select, update
from sqlalchemy.orm import Session

from dashboard import backoff
from dashboard.calls import CallFailed, Outcome, Proof
from dashboard.clock import utcnow
from dashboard.database import is_storage_failure, start_writing
from dashboard.logs import without_contents
from dashboard.models import Attempt, Outbound
from dashboard.models.outbound import ERASED, Channel, State
from dashboard.services.channels import NoLonger, NotBefore, Way

log = logging.getLogger(__name__)

LAPSED_AT_ONCE: Final = 50
LEASE_BEYOND_DEADLINE: Final = timedelta(seconds=15)
"""A call has a deadline; a lease that outlives it by this much belongs to a worker that died."""
LEAST_BEYOND_DEADLINE: Final = timedelta(seconds=1)
"""A lease shorter than a call would let two workers make the same one."""
UNCERTAIN_PARKED_AFTER: Final = 2
RECORD_WITHIN: Final = 60.0
"""Seconds for which a proof in hand waits for a database that is locked or restarting."""
RECORD_AGAIN: Final = 0.2

UNSPEAKABLE_WORDS: Final = "could not be put into a request ({})"
UNCERTAIN_WORDS: Final = "This call broke off in the middle; whether it was heard is not known."
PARKED_UNCERTAIN_WORDS: Final = "Twice the outcome of a call is not known. Somebody should decide whether to try again."


class Unspeakable(CallFailed):
    """What a row says cannot be put into a call."""

    outcome = Outcome.REFUSED


@dataclass(frozen=True, slots=True)
class Item:
    """A claimed row: which attempt this is, and what its channel loaded to be sent."""

    id: int
    number: int
    channel: Channel
    message: Any


@dataclass(frozen=True, slots=True)
class Claimed:
    """`items` go in one call. `put_aside`: how many due rows are not to be sent now, or not at all."""

    items: tuple[Item, ...]
    put_aside: int = 0


def is_due(session: Session, now: datetime, channels: Iterable[Channel]) -> bool:
    """Whether there is anything to claim in `channels`, or to clear up. Only reads."""
    due = select(Outbound.id).where(_is_due(now, channels)).limit(1)
    lapsed = select(Outbound.id).where(_has_lapsed(now)).limit(1)
    return session.scalar(due) is not None or session.scalar(lapsed) is not None


def claim(
    session: Session,
    ways: Mapping[Channel, Way],
    *,
    worker: str,
    clock: Callable[[], datetime],
    lease: timedelta,
    spared: Collection[Channel] = (),
) -> Claimed:
    """Take what is due next in the channels of `ways`, and write its attempt down. The caller commits before sending.

    As many rows of one channel as go in one call, and nothing where nothing is due. Of the channels `spared` nothing is
    taken; what lapsed there is cleared up all the same.
    """
    start_writing(session)
    now = clock()  # not before: the writers' turn may have been long in coming, and the lease begins here
    _mark_lapsed(session, ways, now)
    due = _next_due(session, _without(spared, ways), now)
    items = tuple(item for row in due if (item := _load_and_take(session, row, ways[Channel(row.channel)], now, lease)))
    if items:
        session.execute(
            insert(Attempt),
            [
                {"outbound_id": one.id, "number": one.number, "worker": worker, "started_at": now, "outcome": "started"}
                for one in items
            ],
        )
    session.flush()
    return Claimed(items, len(due) - len(items))


def perform(items: Sequence[Item], way: Way, *, stop: threading.Event | None) -> Proof | CallFailed:
    """Make the call. Returns the proof, or the error that says how it ended."""
    try:
        return way.send([item.message for item in items], stop=stop)
    except CallFailed as problem:
        return problem
    except Exception as problem:
        # Nothing was sent, and nothing will be by trying again: a row that cannot be put into words must not come back
        # for ever, nor be taken for one whose worker died.
        numbers = ", ".join(str(item.id) for item in items)
        log.error("outbound %s cannot be sent: %s", numbers, without_contents(problem))
        return Unspeakable(Proof(utcnow(), error=UNSPEAKABLE_WORDS.format(type(problem).__name__)))


def record(
    session: Session,
    ways: Mapping[Channel, Way],
    items: Sequence[Item],
    ended: Proof | CallFailed,
    *,
    now: datetime,
    rng: random.Random,
) -> None:
    """Write down how a call ended, for every row it was about. The caller commits."""
    start_writing(session)
    proof = ended if isinstance(ended, Proof) else ended.proof
    outcome = _outcome(ended)
    for item in items:
        session.execute(
            update(Attempt)
            .where(Attempt.outbound_id == item.id, Attempt.number == item.number)
            .values(
                finished_at=now,
                outcome=outcome,
                status=proof.status,
                duration_ms=proof.duration_ms,
                answer=proof.answer,
                error=proof.error,
            )
        )
        row = session.scalars(_locked(Outbound.id == item.id)).one()
        if row.business_key.startswith(ERASED):
            # Erased over a call that outlived its lease: what was answered may name them.
            blank = update(Attempt).where(Attempt.outbound_id == row.id).values(answer=None, error=None)
            session.execute(blank)
            continue
        # Fenced by the attempt's number: a lease may have lapsed meanwhile, and the row belongs to another attempt.
        if row.state == State.SENDING and row.attempts == item.number:
            row.last_status = proof.status
            row.last_answer = proof.answer or proof.error
            _settle(session, row, outcome, proof, batched=len(items) > 1, now=now, rng=rng)
        else:
            log.warning("attempt %s of outbound %s ended after its lease", item.number, item.id)
            row.uncertain = len(_uncertain_since(session, row, None))
        _conclude(session, row, ways, now)
    session.flush()


def send_next(
    sessions: Callable[[], Session],
    ways: Mapping[Channel, Way],
    *,
    worker: str,
    clock: Callable[[], datetime],
    lease: timedelta,
    rng: random.Random,
    spared: Collection[Channel] = (),
    stop: threading.Event | None = None,
    told: Callable[[Channel, str, int | None], None] = lambda channel, outcome, milliseconds: None,
) -> bool:
    """Claim, send and record one call in the channels of `ways` but `spared`. False where nothing was due.

    `told` hears how the call ended, and after how long.
    """
    with sessions() as session:
        # Asked first, because claiming takes the writers' turn, which deliveries are waiting for too.
        if not is_due(session, clock(), _without(spared, ways)):
            return False
        session.rollback()
        claimed = claim(session, ways, worker=worker, clock=clock, lease=lease, spared=spared)
        session.commit()
    items = claimed.items
    if not items:
        return claimed.put_aside > 0
    ended = perform(items, ways[items[0].channel], stop=stop)
    told(items[0].channel, _outcome(ended), (ended if isinstance(ended, Proof) else ended.proof).duration_ms)
    _record_patiently(sessions, ways, items, ended, clock=clock, rng=rng)
    return True


def _record_patiently(
    sessions: Callable[[], Session],
    ways: Mapping[Channel, Way],
    items: Sequence[Item],
    ended: Proof | CallFailed,
    *,
    clock: Callable[[], datetime],
    rng: random.Random,
) -> None:
    """`record`, committed. A database that is away for a moment must not cost the proof, and Talroo a repeat."""
    until = time.monotonic() + RECORD_WITHIN
    while True:
        try:
            with sessions() as session:
                record(session, ways, items, ended, now=clock(), rng=rng)
                session.commit()
            return
        except Exception as problem:
            if not is_storage_failure(problem) or time.monotonic() > until:
                raise
            log.warning("the end of a call is not written down yet: %s", type(problem).__name__)
            time.sleep(RECORD_AGAIN)


# --- claiming -------------------------------------------------------------------------------------------------------


def _without(spared: Collection[Channel], ways: Mapping[Channel, Way]) -> Mapping[Channel, Way]:
    return {channel: way for channel, way in ways.items() if channel not in spared}


def _is_due(now: datetime, channels: Iterable[Channel]) -> ColumnElement[bool]:
    return (Outbound.state == State.WAITING) & (Outbound.due_at <= now) & Outbound.channel.in_(list(channels))


def _has_lapsed(now: datetime) -> ColumnElement[bool]:
    return (Outbound.state == State.SENDING) & (Outbound.lease_until < now)


def _locked(*conditions: ColumnElement[bool]) -> Select[Outbound]:
    """Rows as they are now, and nobody else's until the transaction ends (SQLite has one writer anyway)."""
    chosen = select(Outbound).where(*conditions).with_for_update(of=Outbound)
    return chosen.execution_options(populate_existing=True)


def _next_due(session: Session, ways: Mapping[Channel, Way], now: datetime) -> Sequence[Outbound]:
    """The row that has waited longest; with it, unless it is to go alone, others that go in the same call."""
    ordered = select(Outbound).order_by(Outbound.due_at, Outbound.id).with_for_update(of=Outbound, skip_locked=True)
    first = session.scalar(ordered.where(_is_due(now, ways)).limit(1))
    if first is None:
        return ()
    channel = Channel(first.channel)
    at_once = ways[channel].at_once
    if first.alone or at_once == 1:
        return (first,)
    return session.scalars(ordered.where(_is_due(now, [channel]), ~Outbound.alone).limit(at_once)).all()


def _load_and_take(session: Session, row: Outbound, way: Way, now: datetime, lease: timedelta) -> Item | None:
    """The item for a row that is due; None for one that is put aside, or that somebody else has taken."""
    try:
        with session.begin_nested():
            message = way.load(session, row, now)
    except Exception as problem:
        if is_storage_failure(problem):
            raise
        # As in `perform`: it would come back first each time, and nothing else of its channels would ever be sent.
        log.error("outbound %s cannot be sent: %s", row.id, without_contents(problem))
        row.state, row.last_answer = State.PARKED, UNSPEAKABLE_WORDS.format(type(problem).__name__)
        return None
    if isinstance(message, NoLonger):
        row.state, row.last_answer = State.CANCELLED, message.why
        return None
    if isinstance(message, NotBefore):
        row.due_at = message.at
        if message.anew:
            row.failures, row.first_attempt_at = 0, None
        return None
    return Item(row.id, row.attempts, Channel(row.channel), message) if _take(session, row, now, lease) else None


def _take(session: Session, row: Outbound, now: datetime, lease: timedelta) -> bool:
    # One conditional UPDATE rather than row locks alone: SQLite has none, and this holds on both.
    taken = session.execute(
        update(Outbound)
        .where(Outbound.id == row.id, Outbound.state == State.WAITING, Outbound.attempts == row.attempts)
        .values(
            state=State.SENDING,
            attempts=row.attempts + 1,
            lease_until=now + lease,
            first_attempt_at=row.first_attempt_at or now,
        )
    )
    return bool(taken.rowcount)  # type: ignore[attr-defined]


def _mark_lapsed(session: Session, ways: Mapping[Channel, Way], now: datetime) -> None:
    """Attempts whose worker died: nobody knows how they ended."""
    lapsed = select(Outbound).where(_has_lapsed(now)).with_for_update(skip_locked=True).limit(LAPSED_AT_ONCE)
    for row in session.scalars(lapsed):
        session.execute(
            update(Attempt)
            .where(Attempt.outbound_id == row.id, Attempt.number == row.attempts)
            .values(finished_at=now, outcome="uncertain", error=UNCERTAIN_WORDS)
        )
        _settle_uncertain(session, row, now)
        _conclude(session, row, ways, now)
    session.flush()


# --- settling -------------------------------------------------------------------------------------------------------


def _outcome(ended: Proof | CallFailed) -> str:
    if isinstance(ended, Proof):
        return Outcome.SENT
    return "uncertain" if ended.is_uncertain else ended.outcome


def _settle(
    session: Session, row: Outbound, outcome: str, proof: Proof, *, batched: bool, now: datetime, rng: random.Random
) -> None:
    row.lease_until = None
    if outcome == "sent":
        row.state, row.sent_at = State.SENT, now
    elif outcome == "uncertain":
        _settle_uncertain(session, row, now)
    elif outcome == Outcome.REFUSED and batched:
        # One of many may be what Talroo refuses; alone, each gets its own answer.
        row.state, row.due_at, row.alone = State.WAITING, now, True
    elif outcome == Outcome.REFUSED:
        row.state = State.PARKED
    else:
        _settle_retry(row, proof, now, rng)


def _settle_retry(row: Outbound, proof: Proof, now: datetime, rng: random.Random) -> None:
    row.failures += 1
    following = backoff.next_attempt(
        row.failures, first_attempt_at=row.first_attempt_at or now, now=now, rng=rng, retry_after=proof.retry_after
    )
    if following is None:
        row.state = State.PARKED
    else:
        row.state, row.due_at = State.WAITING, following


def _settle_uncertain(session: Session, row: Outbound, now: datetime) -> None:
    row.lease_until = None
    row.last_answer = UNCERTAIN_WORDS
    row.uncertain = len(_uncertain_since(session, row, None))
    if len(_uncertain_since(session, row, row.first_attempt_at)) >= UNCERTAIN_PARKED_AFTER:
        row.state, row.last_answer = State.PARKED, PARKED_UNCERTAIN_WORDS
    else:
        row.failures += 1
        row.state, row.due_at = State.WAITING, now


def _uncertain_since(session: Session, row: Outbound, since: datetime | None) -> Sequence[int]:
    """The numbers of the attempts whose outcome nobody knows, of all or since somebody asked for another try."""
    uncertain = select(Attempt.number).where(Attempt.outbound_id == row.id, Attempt.outcome == "uncertain")
    return session.scalars(uncertain.where(Attempt.started_at >= since) if since else uncertain).all()


def _conclude(session: Session, row: Outbound, ways: Mapping[Channel, Way], now: datetime) -> None:
    """What a row that is not on its way any more must know: a proof that came late, a decision taken back meanwhile."""
    way = ways.get(Channel(row.channel))
    if row.state in (State.WAITING, State.PARKED, State.CANCELLED):
        heard = select(Attempt.finished_at).where(Attempt.outbound_id == row.id, Attempt.outcome == "sent").limit(1)
        if heard_at := session.scalar(heard):
            row.state, row.sent_at, row.failures = State.SENT, heard_at, 0
        elif row.state != State.CANCELLED and way and not way.still_stands(session, row):
            row.state = State.CANCELLED
    if row.state == State.SENT and way:
        session.flush()
        way.was_sent(session, row, row.sent_at or now)
