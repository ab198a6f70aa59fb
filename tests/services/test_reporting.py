"""What a decision queues for Talroo, and what taking it back does to that."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial

import pytest
from sqlalchemy import Engine, update
from sqlalchemy.orm import Session

from dashboard.models import Application, Outbound
from dashboard.models.outbound import State
from dashboard.services import queueing, reporting
from dashboard.stages import Stage
from tests.outbox_fixtures import (
    CLICK,
    HOLD,
    NOON,
    RULES,
    add_applicant,
    add_recruiter,
    all_at_once,
    conversions,
    dispositions,
    move,
    only_conversion,
    rules,
)

NOTHING_KNOWN = "no application ID and no click ID"
BOTH = rules({"hired": 2}, {"interview": "interview_scheduled", "hired": "hired", "rejected": "rejected"})


def shown_of(session: Session, application: Application, chosen: reporting.Rules) -> Outbound | None:
    """The conversion that the application's page shows."""
    return reporting.conversion_of(application, reporting.concerning(session, application, chosen), chosen)


def told_of(session: Session, application: Application, chosen: reporting.Rules) -> str:
    """What the page says a hire will send."""
    concerned = reporting.concerning(session, application, chosen)
    return reporting.in_words(application, Stage.HIRED, chosen, concerned).all


def set_state(session: Session, state: State) -> None:
    session.rollback()
    session.execute(update(Outbound).values(state=state))
    session.commit()


def test_a_hire_queues_one_conversion_that_waits_for_the_hold(session: Session):
    application, rita = add_applicant(session, tlr_sid=CLICK), add_recruiter(session)
    move(session, application, "hired", user=rita)
    row = only_conversion(session)
    assert (row.business_key, row.tlr_sid, row.event, row.stage) == (f"conversion:{CLICK}:2", CLICK, "2", "hired")
    assert (row.application_id, row.created_by_id, row.event_time) == (application.id, rita.id, NOON)
    assert (row.state, row.due_at) == (State.WAITING, NOON + HOLD)
    assert (row.shown_state(NOON), row.shown_state(NOON + HOLD)) == ("held", "pending")


def test_which_stage_fires_which_event_is_configuration(session: Session):
    chosen = rules({"interview": 1, "hired": 3})
    application = add_applicant(session)
    for stage in ("contacted", "interview", "offer", "hired"):
        move(session, application, stage, rules=chosen)
    assert [(row.stage, row.event) for row in conversions(session)] == [("interview", "1"), ("hired", "3")]
    assert dispositions(session) == []


def test_several_stages_of_one_event_make_one_conversion(session: Session):
    chosen = rules({"offer": 2, "hired": 2})
    application = add_applicant(session)
    move(session, application, "offer", rules=chosen)
    move(session, application, "hired", rules=chosen)
    move(session, application, "offer", rules=chosen)
    assert (only_conversion(session).stage, only_conversion(session).state) == ("offer", State.WAITING)
    move(session, application, "new", rules=chosen)
    assert only_conversion(session).state == State.CANCELLED


def test_a_double_click_and_a_replay_queue_nothing_more(session: Session):
    application = add_applicant(session)
    for _ in range(3):
        move(session, application, "hired")
    assert len(conversions(session)) == 1


def test_hire_undo_hire_is_one_conversion_that_is_held_anew(session: Session):
    application = add_applicant(session)
    move(session, application, "hired")
    move(session, application, "interview", at=NOON + timedelta(seconds=5))
    assert only_conversion(session).state == State.CANCELLED
    again = NOON + timedelta(seconds=10)
    move(session, application, "hired", at=again)
    row = only_conversion(session)
    assert (row.state, row.due_at, row.event_time) == (State.WAITING, again + HOLD, again)


def test_a_hire_turned_into_a_rejection_within_the_hold_reports_the_rejection_only(session: Session):
    application = add_applicant(session)
    move(session, application, "hired", rules=BOTH)
    move(session, application, "rejected", rules=BOTH)
    assert only_conversion(session).state == State.CANCELLED
    assert [(row.event, row.state) for row in dispositions(session)] == [
        ("hired", State.CANCELLED),
        ("rejected", State.WAITING),
    ]


def test_progress_stays_reported_and_a_step_back_takes_it_back(session: Session):
    onward, back = add_applicant(session), add_applicant(session)
    for application in (onward, back):
        move(session, application, "interview", rules=BOTH)
    move(session, onward, "rejected", rules=BOTH)
    move(session, back, "contacted", rules=BOTH)
    told = {(row.application_id, row.event): row.state for row in dispositions(session)}
    assert told[onward.id, "interview_scheduled"] == State.WAITING
    assert told[back.id, "interview_scheduled"] == State.CANCELLED


@pytest.mark.parametrize("state", [State.SENT, State.SENDING])
def test_what_was_sent_or_is_on_its_way_stays_in_the_ledger_when_the_hire_is_taken_back(session: Session, state: State):
    application = add_applicant(session)
    move(session, application, "hired")
    set_state(session, state)
    move(session, application, "offer")
    assert only_conversion(session).state == state
    assert reporting.still_stands(session, only_conversion(session)) is False
    move(session, application, "hired")
    assert only_conversion(session).state == state
    assert reporting.still_stands(session, only_conversion(session)) is True


def test_two_applications_with_one_click_make_one_conversion(session: Session):
    first, second = add_applicant(session, tlr_sid=CLICK), add_applicant(session, tlr_sid=CLICK)
    move(session, first, "hired")
    move(session, second, "hired")
    assert only_conversion(session).application_id == first.id
    for application in (first, second):
        shown = shown_of(session, application, RULES)
        assert shown is not None
        assert shown.id == only_conversion(session).id


@pytest.mark.parametrize("state", [State.WAITING, State.PARKED, State.SENDING])
def test_a_conversion_another_hire_relies_on_goes_on_in_that_ones_name(session: Session, state: State):
    first, second = add_applicant(session, tlr_sid=CLICK), add_applicant(session, tlr_sid=CLICK)
    move(session, first, "hired")
    move(session, second, "hired")
    set_state(session, state)
    move(session, first, "rejected")
    row = only_conversion(session)
    assert (row.application_id, row.state) == (second.id, state)
    assert reporting.still_stands(session, row)
    set_state(session, State.WAITING)
    move(session, second, "offer")
    assert only_conversion(session).state == State.CANCELLED


def test_a_hire_during_the_sending_of_one_taken_back_is_what_the_row_stands_for(session: Session):
    first, second = add_applicant(session, tlr_sid=CLICK), add_applicant(session, tlr_sid=CLICK)
    move(session, first, "hired")
    set_state(session, State.SENDING)
    move(session, first, "offer")
    move(session, second, "hired")
    assert only_conversion(session).application_id == second.id


def test_hiring_one_and_unhiring_the_other_at_the_same_moment_never_loses_the_conversion(
    engine: Engine, session: Session
):
    first, second = add_applicant(session, tlr_sid=CLICK).id, add_applicant(session, tlr_sid=CLICK).id
    for _ in range(12):
        move(session, first, "hired")

        def decide(application: int, stage: str) -> None:
            with Session(engine) as own:
                move(own, application, stage)

        all_at_once(partial(decide, first, "offer"), partial(decide, second, "hired"))
        row = only_conversion(session)
        assert (row.application_id, row.state) == (second, State.WAITING)
        move(session, second, "new")


def test_many_hires_of_one_click_at_the_same_moment_are_one_conversion(engine: Engine, session: Session):
    people = [add_applicant(session, tlr_sid=CLICK).id for _ in range(8)]

    def hire(application: int) -> None:
        with Session(engine) as own:
            move(own, application, "hired")

    all_at_once(*(partial(hire, application) for application in people))
    assert only_conversion(session).state == State.WAITING


def test_what_could_not_be_sent_is_queued_once_a_delivery_brings_the_ids(session: Session):
    both = rules({"hired": 2}, {"hired": "hired"})
    application = add_applicant(session, tlr_sid=None, tlr_application_id=None)
    move(session, application, "hired", rules=both)
    application.tlr_sid = CLICK
    reporting.catch_up(session, application)
    session.commit()
    old, new = conversions(session)
    assert (old.state, old.last_answer) == (State.CANCELLED, reporting.CAUGHT_UP_WORDS)
    assert (new.business_key, new.state, new.stage) == (f"conversion:{CLICK}:2", State.WAITING, "hired")
    assert (new.event_time, new.due_at) == (NOON, NOON)
    (told,) = dispositions(session)
    assert (told.state, told.tlr_sid, told.event_time) == (State.WAITING, CLICK, NOON)


def test_a_click_that_was_reported_before_is_not_reported_again_when_it_becomes_known(session: Session):
    move(session, add_applicant(session, tlr_sid=CLICK), "hired")
    set_state(session, State.SENT)
    other = add_applicant(session, tlr_sid=None)
    move(session, other, "hired")
    other.tlr_sid = CLICK
    reporting.catch_up(session, other)
    session.commit()
    assert [row.state for row in conversions(session)] == [State.SENT, State.CANCELLED]


def test_as_long_as_no_id_is_known_what_cannot_be_sent_stays_so(session: Session):
    application = add_applicant(session, tlr_sid=None)
    move(session, application, "hired")
    reporting.catch_up(session, application)
    session.commit()
    assert only_conversion(session).state == State.UNSENDABLE


@pytest.mark.parametrize("tlr_sid", [None, "", "two words", "x" * 65, "caf\u00e9", "a/../b", "1\n2"])
def test_without_a_usable_click_id_the_row_says_it_cannot_be_sent(session: Session, tlr_sid: str | None):
    application = add_applicant(session, tlr_sid=tlr_sid)
    move(session, application, "hired")
    row = only_conversion(session)
    assert (row.business_key, row.state) == (f"conversion:application:{application.id}:2", State.UNSENDABLE)
    assert row.shown_state(NOON) == "unsendable"
    move(session, application, "new")
    assert only_conversion(session).state == State.CANCELLED
    move(session, application, "hired")
    assert only_conversion(session).state == State.UNSENDABLE


def test_a_disposition_is_one_per_application_and_event_and_names_what_it_knows(session: Session):
    both = add_applicant(session)
    click_only = add_applicant(session, tlr_application_id=None)
    neither = add_applicant(session, tlr_application_id=None, tlr_sid="not usable!")
    for application in (both, click_only, neither):
        for stage in ("interview", "new", "interview"):
            move(session, application, stage, rules=BOTH)
    assert [(row.business_key, row.tlr_application_id, row.tlr_sid, row.state) for row in dispositions(session)] == [
        (f"disposition:{both.id}:interview_scheduled", both.tlr_application_id, both.tlr_sid, State.WAITING),
        (f"disposition:{click_only.id}:interview_scheduled", None, click_only.tlr_sid, State.WAITING),
        (f"disposition:{neither.id}:interview_scheduled", None, None, State.UNSENDABLE),
    ]


@pytest.mark.parametrize(
    ("chosen", "fields", "words"),
    [
        (RULES, {}, "conversion event 2 for click 9e21…; disposition: none configured"),
        (RULES, {"tlr_sid": None}, "conversion event 2 can't be sent: no click ID; disposition: none configured"),
        (rules({"offer": 1}), {}, "no conversion configured; disposition: none configured"),
        (BOTH, {}, "conversion event 2 for click 9e21…; disposition: “hired”"),
        (
            BOTH,
            {"tlr_sid": None, "tlr_application_id": None},
            f"conversion event 2 can't be sent: no click ID; disposition: “hired” can't be sent: {NOTHING_KNOWN}",
        ),
    ],
)
def test_the_confirmation_says_in_words_what_will_be_sent(
    session: Session, chosen: reporting.Rules, fields: dict[str, str | None], words: str
):
    application = add_applicant(session, **{"tlr_sid": CLICK, **fields})
    assert told_of(session, application, chosen) == words


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (State.SENT, "conversion event 2 for click 9e21… was sent before and is not sent again"),
        (State.WAITING, "conversion event 2 for click 9e21… is already queued"),
        (State.CANCELLED, "conversion event 2 for click 9e21…"),
    ],
)
def test_the_confirmation_says_what_was_sent_before(session: Session, state: State, words: str):
    application = add_applicant(session, tlr_sid=CLICK)
    move(session, application, "hired")
    set_state(session, state)
    assert told_of(session, application, RULES) == f"{words}; disposition: none configured"


def test_the_page_shows_the_conversion_of_the_stage_somebody_stands_in(session: Session):
    chosen = rules({"interview": 1, "hired": 2})
    application = add_applicant(session)
    move(session, application, "hired", rules=chosen)
    move(session, application, "interview", rules=chosen)
    shown = shown_of(session, application, chosen)
    assert shown is not None
    assert shown.event == "1"
    move(session, application, "hired", rules=chosen)
    shown = shown_of(session, application, chosen)
    assert shown is not None
    assert shown.event == "2"


def test_somebody_not_hired_is_not_shown_the_conversion_of_another_with_the_same_click(session: Session):
    hired, other = add_applicant(session, tlr_sid=CLICK), add_applicant(session, tlr_sid=CLICK)
    move(session, hired, "hired")
    assert shown_of(session, other, RULES) is None


@pytest.mark.parametrize(
    ("state", "failures", "retried"),
    [
        (State.PARKED, 9, True),
        (State.WAITING, 3, True),
        (State.WAITING, 0, False),
        (State.SENDING, 3, False),
        (State.SENT, 0, False),
        (State.CANCELLED, 3, False),
        (State.UNSENDABLE, 0, False),
    ],
)
def test_only_what_stopped_or_failed_is_retried_and_gets_a_clean_slate(
    session: Session, state: State, failures: int, retried: bool
):
    move(session, add_applicant(session), "hired")
    session.execute(update(Outbound).values(state=state, failures=failures, first_attempt_at=NOON, uncertain=2))
    session.commit()
    later = NOON + timedelta(hours=1)
    assert queueing.retry(session, only_conversion(session), now=later) is retried
    session.commit()
    row = only_conversion(session)
    if retried:
        assert (row.state, row.due_at, row.failures, row.first_attempt_at) == (State.WAITING, later, 0, None)
    else:
        assert (row.state, row.failures) == (state, failures)
    assert row.uncertain == 2


def test_everything_parked_is_retried_at_once_and_nothing_else(session: Session, make_parked: Callable[[], None]):
    make_parked()
    now = NOON + timedelta(hours=1)
    assert queueing.retry_all(session, now=now, only=Outbound.state == State.PARKED) == 2
    session.commit()
    assert [row.state for row in conversions(session)] == [State.WAITING, State.WAITING, State.SENT]


@pytest.fixture
def make_parked(session: Session) -> Callable[[], None]:
    def make() -> None:
        for state in (State.PARKED, State.PARKED, State.SENT):
            application = add_applicant(session)
            move(session, application, "hired")
            session.execute(
                update(Outbound).where(Outbound.application_id == application.id).values(state=state, failures=1)
            )
            session.commit()

    return make
