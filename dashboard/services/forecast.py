"""What moving many applications will send to Talroo, counted, before anybody decides it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from dashboard.models import Application, Outbound
from dashboard.models.outbound import State
from dashboard.services import reporting
from dashboard.services.queueing import UNSENT
from dashboard.services.reporting import Rules
from dashboard.stages import Stage, still_true
from dashboard.talroo.click_id import valid_click_id

NOTHING = "Nothing is sent to Talroo."
NOT_NOTIFIED = "Applicants are not notified."
"""Of every move: emails go only to those who have not finished applying."""


def in_words(session: Session, applications: Iterable[Application], stage: Stage, rules: Rules) -> tuple[str, ...]:
    """Sentences: "11 conversions (event 2) will be sent.", "2 conversions can't be sent: no click ID." Never empty.

    Three statements, however many applications. Those that stand at `stage` already are left out, and tests of our
    own: of neither anything is sent.
    """
    moving = [application for application in applications if application.stage != stage and not application.is_test]
    told = (*_conversions(session, moving, stage, rules), *_dispositions(session, moving, stage, rules))
    return (*(told or (NOTHING,)), *_taken_back(session, moving, stage))


def counted(number: int, noun: str) -> str:
    """ "1 conversion", "1,000 conversions"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _conversions(session: Session, moving: Sequence[Application], stage: Stage, rules: Rules) -> Iterator[str]:
    event = rules.conversions.get(stage)
    if event is None:
        return
    able = [application for application in moving if valid_click_id(application.tlr_sid)]
    keys = {reporting.conversion_key(application.tlr_sid, event, application.id) for application in able}
    yield from _of(session, "conversion", f" (event {event})", keys)
    if twins := len(able) - len(keys):
        yield f"{counted(twins, 'conversion')} for the same click {_be(twins)} not sent twice."
    if len(moving) > len(able):
        yield f"{counted(len(moving) - len(able), 'conversion')} can't be sent: no click ID."


def _dispositions(session: Session, moving: Sequence[Application], stage: Stage, rules: Rules) -> Iterator[str]:
    name = rules.dispositions.get(stage)
    if name is None:
        return
    able = [one for one in moving if one.tlr_application_id or valid_click_id(one.tlr_sid)]
    yield from _of(session, "disposition", f" “{name}”", {reporting.disposition_key(one, name) for one in able})
    if len(moving) > len(able):
        yield f"{counted(len(moving) - len(able), 'disposition')} can't be sent: no application ID and no click ID."


def _of(session: Session, noun: str, which: str, keys: set[str]) -> Iterator[str]:
    known = _known(session, keys)
    sent = sum(state == State.SENT for state in known.values())
    queued = len(known) - sent
    if new := len(keys) - len(known):
        yield f"{counted(new, noun)}{which} will be sent."
    if sent:
        yield f"{counted(sent, noun)} {'was' if sent == 1 else 'were'} sent before and {_be(sent)} not sent again."
    if queued:
        yield f"{counted(queued, noun)} {_be(queued)} already queued."


def _known(session: Session, keys: set[str]) -> Mapping[str, str]:
    """The states of what was decided before and not taken back, by business key."""
    rows = session.execute(
        select(Outbound.business_key, Outbound.state).where(
            Outbound.business_key.in_(keys), Outbound.state != State.CANCELLED
        )
    )
    return {key: state for key, state in rows}  # noqa: C416 - rows are no pairs to mypy


def _taken_back(session: Session, moving: Sequence[Application], stage: Stage) -> Iterator[str]:
    untrue = [other.value for other in Stage if not still_true(other, stage)]
    rows = session.execute(
        select(Outbound.state, func.count())
        .where(Outbound.application_id.in_([one.id for one in moving]), Outbound.stage.in_(untrue))
        .group_by(Outbound.state)
    )
    numbers = {state: number for state, number in rows}  # noqa: C416 - rows are no pairs to mypy
    if waiting := sum(numbers.get(state, 0) for state in UNSENT):
        yield f"{counted(waiting, 'report')} not sent yet will be canceled."
    if sent := numbers.get(State.SENT, 0):
        yield f"{counted(sent, 'report')} {'was' if sent == 1 else 'were'} already sent and cannot be recalled."


def _be(number: int) -> str:
    return "is" if number == 1 else "are"
