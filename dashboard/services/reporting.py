"""What a decision here means for Talroo: rows in the outbox, written in the transaction of the decision.

The unique business key (click id and event; application and disposition event) makes double clicks, replays,
hire–undo–hire and two recruiters lead to one message.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from dashboard.models import Application, Outbound
from dashboard.models.outbound import Channel, State
from dashboard.services import queueing
from dashboard.services.queueing import UNSENT
from dashboard.stages import Stage, still_true
from dashboard.talroo.click_id import valid_click_id

CAUGHT_UP_WORDS: Final = "A later delivery brought the click ID. The conversion is queued with that."

TEST_WORDS: Final = "nothing: this is a test application"


@dataclass(frozen=True, slots=True)
class Rules:
    """Which stage reports what to Talroo (settings), and how long a decision may still be undone without trace."""

    conversions: Mapping[str, int]
    dispositions: Mapping[str, str]
    hold: timedelta


@dataclass(frozen=True, slots=True)
class Telling:
    """What moving somebody to a stage tells Talroo, in words: "conversion event 2 for click 9e21…", "disposition: …".

    None where no such report is configured for the stage.
    """

    conversion: str | None
    disposition: str | None

    @property
    def all(self) -> str:
        """Both, and of neither that it is not."""
        return f"{self.conversion or 'no conversion configured'}; {self.disposition or 'disposition: none configured'}"

    @property
    def told(self) -> str:
        """What is told, without what is not."""
        return "; ".join(filter(None, (self.conversion, self.disposition)))


def in_words(application: Application, stage: Stage, rules: Rules, concerned: Iterable[Outbound]) -> Telling:
    """What moving `application` to `stage` will send. `concerned`: what was queued before, see `concerning`."""
    if application.is_test:
        is_told = stage in {*rules.conversions, *rules.dispositions}
        return Telling(TEST_WORDS if is_told else None, None)
    known = {row.business_key: row.state for row in concerned}
    return Telling(
        _conversion_in_words(application, stage, rules, known), _disposition_in_words(application, stage, rules, known)
    )


def report(
    session: Session, application: Application, stage: Stage, rules: Rules, *, at: datetime, user_id: int | None
) -> None:
    """Queue what reaching `stage` means for Talroo, if anything; of a test of our own, nothing does."""
    if application.is_test:
        return
    due = at + rules.hold
    about: dict[str, Any] = {"application_id": application.id, "stage": stage.value, "created_by_id": user_id}
    event = rules.conversions.get(stage)
    if event is not None:
        queue_conversion(session, application.tlr_sid, event, at=at, due=due, **about)
    name = rules.dispositions.get(stage)
    if name is not None:
        _queue_disposition(session, application, name, at=at, due=due, about=about)


def queue_conversion(
    session: Session,
    tlr_sid: str | None,
    event: int,
    *,
    at: datetime,
    due: datetime,
    application_id: int | None,
    stage: str | None = None,
    created_by_id: int | None = None,
) -> bool:
    """Queue one conversion for a click; False where it was queued or sent before.

    Without a usable click id the row says so: nobody should wonder why a hire was never reported.
    """
    row = {
        "channel": Channel.CONVERSION,
        "business_key": conversion_key(tlr_sid, event, application_id),
        "application_id": application_id,
        "tlr_sid": tlr_sid,
        "tlr_application_id": None,
        "event": str(event),
        "stage": stage,
        "created_by_id": created_by_id,
    }
    return _queue(session, row, sendable=valid_click_id(tlr_sid), at=at, due=due)


def conversion_key(tlr_sid: str | None, event: int, application_id: int | None) -> str:
    """What makes a conversion the same one: its click and event; without a usable click, the application's."""
    return f"conversion:{tlr_sid if valid_click_id(tlr_sid) else f'application:{application_id}'}:{event}"


def disposition_key(application: Application, name: str) -> str:
    """What makes a disposition the same one: the application and the event."""
    return f"disposition:{application.id}:{name}"


def reported(session: Session, application_ids: Iterable[int]) -> set[int]:
    """Those that anything was ever queued for, in one statement: most have nothing to take back."""
    rows = select(Outbound.application_id).where(Outbound.application_id.in_(application_ids))
    return {number for number in session.scalars(rows) if number is not None}


def take_back(session: Session, application: Application, now_at: Stage, rules: Rules) -> None:
    """Cancel what `application`, now at `now_at`, had queued and is no longer true.

    What is on its way or sent stays as it is. A conversion that another hire with the same click relies on goes on
    in that one's name.
    """
    untrue = [stage.value for stage in Stage if not still_true(stage, now_at)]
    # Locked before anybody looks for another hire: whoever hires the other one at this moment locks it too.
    rows = session.scalars(
        select(Outbound)
        .where(
            Outbound.application_id == application.id,
            Outbound.stage.in_(untrue),
            Outbound.state.in_([*UNSENT, State.SENDING]),
        )
        .order_by(Outbound.id)
        .with_for_update(of=Outbound)
        .execution_options(populate_existing=True)
    ).all()
    for row in rows:
        heir = _heir(session, row, rules)
        if heir is not None:
            row.application_id, row.stage = heir
        elif row.state in UNSENT:
            row.state = State.CANCELLED
    session.flush()


def catch_up(session: Session, application: Application) -> None:
    """Queue what could not be sent because `application` had no click id, or no id at all, if a delivery brought one.

    What was decided stays dated when it was decided.
    """
    rows = session.scalars(
        select(Outbound)
        .where(Outbound.application_id == application.id, Outbound.state == State.UNSENDABLE)
        .order_by(Outbound.id)
        .with_for_update(of=Outbound)
        .execution_options(populate_existing=True)
    ).all()
    for row in rows:
        # Queued anew it is the same row under the same key; a click id makes another key, and this row is done with.
        row.state, row.last_answer = State.CANCELLED, CAUGHT_UP_WORDS
        session.flush()
        about: dict[str, Any] = {
            "application_id": application.id,
            "stage": row.stage,
            "created_by_id": row.created_by_id,
        }
        if row.channel == Channel.CONVERSION:
            queue_conversion(session, application.tlr_sid, int(row.event), at=row.event_time, due=row.due_at, **about)
        else:
            _queue_disposition(session, application, row.event, at=row.event_time, due=row.due_at, about=about)
    session.flush()


def still_stands(session: Session, row: Outbound) -> bool:
    """Whether the decision behind `row` was not taken back since. What no stage fired always stands."""
    if row.application_id is None or row.stage is None:
        return True
    now_at = session.scalar(select(Application.stage).where(Application.id == row.application_id))
    return now_at is None or not row.is_taken_back(now_at)


def keys(application: Application, rules: Rules) -> list[str]:
    """The business keys of all that moving `application` may queue."""
    conversions = {conversion_key(application.tlr_sid, event, application.id) for event in rules.conversions.values()}
    return [*conversions, *(disposition_key(application, name) for name in rules.dispositions.values())]


def concerning(session: Session, application: Application, rules: Rules) -> Sequence[Outbound]:
    """What `application` queued, and what was queued under its keys in another's name, newest first."""
    own, known = Outbound.application_id == application.id, Outbound.business_key.in_(keys(application, rules))
    return session.scalars(select(Outbound).where(or_(own, known)).order_by(Outbound.id.desc())).all()


def conversion_of(application: Application, concerned: Iterable[Outbound], rules: Rules) -> Outbound | None:
    """The conversion to show on an application's page: its stage's own, else its newest. See `concerning`.

    The conversion of its stage may be in the name of another application with the same click.
    """
    event = str(rules.conversions.get(application.stage, ""))
    shown = [
        row
        for row in concerned
        if row.channel == Channel.CONVERSION and (row.application_id == application.id or row.event == event)
    ]
    return max(shown, key=lambda row: (row.event == event, row.application_id == application.id, row.id), default=None)


# --- in words -------------------------------------------------------------------------------------------------------


def _conversion_in_words(application: Application, stage: Stage, rules: Rules, known: Mapping[str, str]) -> str | None:
    event = rules.conversions.get(stage)
    if event is None:
        return None
    if not valid_click_id(application.tlr_sid):
        return f"conversion event {event} can't be sent: no click ID"
    click = f"conversion event {event} for click {(application.tlr_sid or '')[:4]}…"
    return click + _known_words(known, conversion_key(application.tlr_sid, event, application.id))


def _disposition_in_words(application: Application, stage: Stage, rules: Rules, known: Mapping[str, str]) -> str | None:
    name = rules.dispositions.get(stage)
    if name is None:
        return None
    if not (application.tlr_application_id or valid_click_id(application.tlr_sid)):
        return f"disposition: “{name}” can't be sent: no application ID and no click ID"
    return f"disposition: “{name}”{_known_words(known, disposition_key(application, name))}"


def _known_words(known: Mapping[str, str], business_key: str) -> str:
    state = known.get(business_key)
    if state is None or state == State.CANCELLED:
        return ""
    return " was sent before and is not sent again" if state == State.SENT else " is already queued"


# --- queueing -------------------------------------------------------------------------------------------------------


def _queue_disposition(
    session: Session, application: Application, name: str, *, at: datetime, due: datetime, about: dict[str, Any]
) -> bool:
    tlr_sid = application.tlr_sid if valid_click_id(application.tlr_sid) else None
    row = {
        **about,
        "channel": Channel.DISPOSITION,
        "business_key": disposition_key(application, name),
        "tlr_sid": tlr_sid,
        "tlr_application_id": application.tlr_application_id,
        "event": name,
    }
    return _queue(session, row, sendable=bool(tlr_sid or application.tlr_application_id), at=at, due=due)


def _queue(session: Session, row: dict[str, Any], *, sendable: bool, at: datetime, due: datetime) -> bool:
    number, waits = queueing.queue(session, row, at=at, due=due, sendable=sendable)
    known = None if waits else session.get_one(Outbound, number)
    if known and known.state != State.SENT and (row["stage"] is None or not still_stands(session, known)):
        # Somebody took it back while it was on its way, or may yet do so; this decision wants it sent all the same.
        known.application_id, known.stage = row["application_id"], row["stage"]
        session.flush()
    return waits


def _heir(session: Session, row: Outbound, rules: Rules) -> tuple[int, str] | None:
    """Another application (its id and stage) that stands where the same conversion of the same click is due."""
    if row.channel != Channel.CONVERSION or not valid_click_id(row.tlr_sid):
        return None
    stages = [stage for stage, event in rules.conversions.items() if str(event) == row.event]
    found = session.execute(
        select(Application.id, Application.stage)
        .where(
            Application.tlr_sid == row.tlr_sid,
            Application.id != row.application_id,
            Application.stage.in_(stages),
            Application.is_finished(),
        )
        .order_by(Application.id)
        .limit(1)
    ).first()
    return (found.id, found.stage) if found else None
