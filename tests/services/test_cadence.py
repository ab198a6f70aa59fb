"""A job's cadence: when it writes, to whom, and when it stays silent."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from string import ascii_uppercase

import pytest
from sqlalchemy import Engine, select, update
from sqlalchemy.orm import Session

from dashboard.database import start_writing
from dashboard.models import Application, FollowUp, Job, JobFollowUp, ReminderTemplate
from dashboard.models.outbound import State
from dashboard.services import cadence, opt_outs, reminders
from dashboard.worker import Worker
from tests.outbox_fixtures import NOON, Clock, add_job, all_at_once
from tests.reminder_fixtures import (
    AFTERNOON,
    MAIL_SETTINGS,
    RULES,
    SECRET,
    add_unfinished,
    follow_up_of,
    messages,
    only_message,
    set_cadence,
    take_next_steps,
    words,
    write,
)
from tests.smtp import MailServer

MakeWorker = Callable[..., Worker]
NOWHERE = "http://127.0.0.1:9"
DAY = timedelta(days=1)


@pytest.fixture
def job(session: Session) -> Job:
    return add_job(session, "WH-1", "Picker")


def planned(session: Session, application: Application) -> datetime | None:
    return follow_up_of(session, application).next_message_at


def test_the_whole_cadence_is_written_by_the_worker_on_its_days_and_no_more(
    session: Session, make_worker: MakeWorker, clock: Clock, job: Job
):
    ada = add_unfinished(session, job=job, started_at=AFTERNOON)
    set_cadence(session, job, (1, 3, 7), now=AFTERNOON)
    arrived = []
    # Every quarter of a day, and just before and after each of the days.
    hours = sorted({*range(0, 15 * 24, 6), *(24 * day + more for day in (1, 3, 7) for more in (-1, 1))})
    with MailServer() as server:
        worker = make_worker(NOWHERE, mail_url=server.url, **MAIL_SETTINGS)
        for hour in hours:
            clock.now = AFTERNOON + timedelta(hours=hour, minutes=5)
            worker.once()
            clock.advance(minutes=2)
            worker.once()
            arrived += [(hour, mail) for mail in server.mails[len(arrived) :]]
    assert [(hour, mail.message["Subject"]) for hour, mail in arrived] == [(24, "Day 1"), (72, "Day 3"), (168, "Day 7")]
    assert {mail.message["Auto-Submitted"] for _, mail in arrived} == {"auto-generated"}
    assert (follow_up_of(session, ada).messages, planned(session, ada)) == (3, None)
    assert [one.automatic for one in words(session)] == [True] * 3


def test_at_night_where_they_live_nothing_is_written_and_what_waits_goes_on_waiting(
    session: Session, make_worker: MakeWorker, clock: Clock, job: Job
):
    ada = add_unfinished(session, job=job, started_at=datetime(2026, 11, 21, 1, 59, tzinfo=UTC))  # 20:59 in New York
    set_cadence(session, job, (1,))
    morning = datetime(2026, 11, 22, 13, 0, tzinfo=UTC)
    assert planned(session, ada) == morning
    with MailServer() as server:
        worker = make_worker(NOWHERE, mail_url=server.url, **MAIL_SETTINGS)
        clock.now = morning
        worker.once()
        assert only_message(session).shown_state(clock.now) == "held"
        # The worker was away, and it is night again.
        clock.now = morning + timedelta(hours=13)
        worker.once()
        assert server.mails == []
        assert (only_message(session).state, only_message(session).due_at) == (State.WAITING, morning + DAY)
        clock.now = morning + DAY
        worker.once()
        assert len(server.mails) == 1


def test_a_message_that_a_person_wrote_at_night_goes_out_at_night(
    session: Session, make_worker: MakeWorker, clock: Clock
):
    clock.now = datetime(2026, 11, 21, 6, 0, tzinfo=UTC)
    write(session, add_unfinished(session), at=clock.now)
    with MailServer() as server:
        clock.advance(minutes=2)
        make_worker(NOWHERE, mail_url=server.url, **MAIL_SETTINGS).once()
        assert len(server.mails) == 1


def test_turning_a_cadence_on_writes_to_nobody_who_began_more_than_two_weeks_ago(session: Session, job: Job):
    old = add_unfinished(session, "Old", job=job, started_at=AFTERNOON - 15 * DAY)
    recent = add_unfinished(session, "Recent", job=job, started_at=AFTERNOON - 10 * DAY)
    set_cadence(session, job, (1, 3, 7), now=AFTERNOON)
    assert planned(session, old) is None
    assert planned(session, recent) == AFTERNOON - 9 * DAY
    assert take_next_steps(session, AFTERNOON) == 1
    assert [row.application_id for row in messages(session)] == [recent.id]


def test_whoever_is_reached_late_gets_the_steps_as_far_apart_as_they_were_meant(
    session: Session, make_worker: MakeWorker, clock: Clock, job: Job
):
    recent = add_unfinished(session, job=job, started_at=AFTERNOON - 8 * DAY)
    set_cadence(session, job, (1, 3, 7), now=AFTERNOON)
    with MailServer() as server:
        worker = make_worker(NOWHERE, mail_url=server.url, **MAIL_SETTINGS)
        clock.now = AFTERNOON
        worker.once()
        clock.advance(minutes=2)
        worker.once()
    second = planned(session, recent)
    assert second is not None
    assert 2 * DAY - timedelta(hours=5) <= second - clock.now <= 2 * DAY


def test_a_message_written_by_hand_takes_the_place_of_a_step(
    session: Session, make_worker: MakeWorker, clock: Clock, job: Job
):
    ada = add_unfinished(session, job=job, started_at=AFTERNOON)
    set_cadence(session, job, (1, 3), now=AFTERNOON)
    write(session, ada, at=AFTERNOON)
    assert planned(session, ada) is None
    with MailServer() as server:
        clock.now = AFTERNOON + timedelta(minutes=2)
        make_worker(NOWHERE, mail_url=server.url, **MAIL_SETTINGS).once()
        assert len(server.mails) == 1
    assert planned(session, ada) == AFTERNOON + 3 * DAY


def test_undoing_a_message_by_hand_gives_the_cadence_its_turn_back_and_undoing_the_cadences_ends_it(
    session: Session, job: Job
):
    ada = add_unfinished(session, job=job, started_at=AFTERNOON)
    set_cadence(session, job, (1, 3), now=AFTERNOON)
    (by_hand,) = write(session, ada, at=AFTERNOON).done

    def undo(number: int) -> None:
        session.rollback()
        start_writing(session)
        assert reminders.undo(session, number, now=AFTERNOON)
        session.commit()

    undo(by_hand)
    assert planned(session, ada) == AFTERNOON + DAY
    take_next_steps(session, AFTERNOON + DAY)
    assert only_message(session).state == State.WAITING
    undo(by_hand)
    assert planned(session, ada) is None
    session.rollback()
    start_writing(session)
    cadence.replan_job(session, job.id, AFTERNOON + DAY)
    session.commit()
    assert planned(session, ada) is None


def test_a_message_that_is_undone_too_late_for_the_cadence_gives_it_no_turn(session: Session, job: Job):
    ada = add_unfinished(session, job=job, started_at=AFTERNOON)
    set_cadence(session, job, (1, 3), now=AFTERNOON)
    (by_hand,) = write(session, ada, at=AFTERNOON).done
    session.rollback()
    start_writing(session)
    assert reminders.undo(session, by_hand, now=AFTERNOON + cadence.ONLY_SINCE + DAY)
    session.commit()
    assert planned(session, ada) is None


def test_changed_settings_plan_everybody_anew_and_turning_it_off_plans_nobody(session: Session, job: Job):
    ada, other = add_unfinished(session, job=job, started_at=AFTERNOON), add_unfinished(session, started_at=AFTERNOON)
    set_cadence(session, job, (2,), now=AFTERNOON)
    assert (planned(session, ada), planned(session, other)) == (AFTERNOON + 2 * DAY, None)
    set_cadence(session, job, (5,), now=AFTERNOON)
    assert planned(session, ada) == AFTERNOON + 5 * DAY
    set_cadence(session, job, (5,), now=AFTERNOON, active=False)
    assert planned(session, ada) is None


@pytest.mark.parametrize("how", ["opted out", "completed"])
def test_whoever_opts_out_or_completes_is_planned_no_more(session: Session, job: Job, how: str):
    ada = add_unfinished(session, job=job, started_at=AFTERNOON)
    set_cadence(session, job, (1,), now=AFTERNOON)
    session.rollback()
    start_writing(session)
    if how == "opted out":
        opt_outs.opt_out(session, ada.email or "", "person", AFTERNOON, (SECRET,))
    else:
        session.execute(update(FollowUp).values(completed_at=AFTERNOON))
        cadence.replan_job(session, job.id, AFTERNOON)
        session.execute(update(FollowUp).values(next_message_at=AFTERNOON))
    session.commit()
    take_next_steps(session, AFTERNOON + DAY)
    assert messages(session) == []


def test_an_opt_out_that_only_the_list_knows_is_noted_when_the_cadence_comes_to_it(session: Session, job: Job):
    ada = add_unfinished(session, job=job, started_at=AFTERNOON)
    set_cadence(session, job, (1,), now=AFTERNOON)
    link = opt_outs.Unsubscribing(opt_outs.hashed(ada.email or "", SECRET), "erased")
    session.rollback()
    start_writing(session)
    assert opt_outs.opt_out_by_link(session, link, "link", AFTERNOON, (SECRET,))
    session.commit()
    take_next_steps(session, AFTERNOON + DAY)
    assert messages(session) == []
    assert (follow_up_of(session, ada).opted_out_at, planned(session, ada)) == (AFTERNOON + DAY, None)


def test_what_is_in_the_way_is_tried_again_the_next_day_and_not_for_ever(session: Session, job: Job):
    ada = add_unfinished(session, job=job, started_at=AFTERNOON)
    (template,) = set_cadence(session, job, (1,), now=AFTERNOON)
    session.execute(update(ReminderTemplate).values(body="Go on at {apply_link}"))
    session.commit()
    take_next_steps(session, AFTERNOON + DAY)
    assert messages(session) == []
    assert planned(session, ada) == AFTERNOON + 2 * DAY
    session.execute(update(JobFollowUp).values(apply_url="https://jobs.example.com/1"))
    session.commit()
    take_next_steps(session, AFTERNOON + 2 * DAY)
    assert [one.template_id for one in words(session)] == [template.id]
    bo = add_unfinished(session, "Bo", job=job, started_at=AFTERNOON)
    session.execute(update(JobFollowUp).values(apply_url=None))
    session.execute(update(FollowUp).where(FollowUp.application_id == bo.id).values(next_message_at=AFTERNOON))
    session.commit()
    for day in range(20):
        take_next_steps(session, AFTERNOON + day * DAY)
    assert planned(session, bo) is None


def test_why_a_message_did_not_leave_is_kept_until_it_does_or_is_planned_anew(session: Session, job: Job):
    ada = add_unfinished(session, job=job, started_at=AFTERNOON, first_name=None)
    set_cadence(session, job, (1,), now=AFTERNOON)
    assert follow_up_of(session, ada).next_blocked is None
    take_next_steps(session, AFTERNOON + DAY)
    assert follow_up_of(session, ada).next_blocked == "Not known: first name."
    session.execute(update(ReminderTemplate).values(body="Hi {first_name|there}"))
    session.commit()
    take_next_steps(session, AFTERNOON + 2 * DAY)
    assert [one.body for one in words(session)] == ["Hi there"]
    assert follow_up_of(session, ada).next_blocked is None


def test_new_settings_forget_what_was_in_the_way(session: Session, job: Job):
    ada = add_unfinished(session, job=job, started_at=AFTERNOON, first_name=None)
    set_cadence(session, job, (1,), now=AFTERNOON)
    take_next_steps(session, AFTERNOON + DAY)
    assert follow_up_of(session, ada).next_blocked is not None
    set_cadence(session, job, (1,), now=AFTERNOON + DAY)
    assert follow_up_of(session, ada).next_blocked is None


@pytest.mark.parametrize("email", [None, "", "ada at home", "ada@example", "a@example.com, b@example.com"])
def test_whoever_gave_no_address_that_can_be_written_to_is_not_planned(session: Session, job: Job, email: str | None):
    ada = add_unfinished(session, job=job, started_at=AFTERNOON, email=email)
    set_cadence(session, job, (1,), now=AFTERNOON)
    assert planned(session, ada) is None
    session.rollback()
    start_writing(session)
    cadence.plan(session, follow_up_of(session, ada), AFTERNOON)
    session.commit()
    assert planned(session, ada) is None


def test_a_template_that_was_put_away_is_not_sent(session: Session, job: Job):
    ada = add_unfinished(session, job=job, started_at=AFTERNOON)
    set_cadence(session, job, (1,), now=AFTERNOON)
    session.execute(update(ReminderTemplate).values(archived_at=AFTERNOON))
    session.commit()
    take_next_steps(session, AFTERNOON + DAY)
    assert messages(session) == []
    assert follow_up_of(session, ada).next_blocked == "Its template is archived."


def test_workers_that_write_at_once_write_each_message_once(engine: Engine, session: Session, job: Job):
    people = [add_unfinished(session, f"Ada{letter}", job=job, started_at=AFTERNOON) for letter in ascii_uppercase]
    set_cadence(session, job, (1,), now=AFTERNOON)

    def work() -> None:
        with Session(engine) as own:
            start_writing(own)
            reminders.queue_due(own, AFTERNOON + DAY, RULES)
            own.commit()

    all_at_once(work, work, work)
    assert sorted(row.application_id or 0 for row in messages(session)) == [one.id for one in people]


def test_while_nothing_can_be_sent_nothing_is_queued_and_nothing_is_forgotten(
    session: Session, make_worker: MakeWorker, clock: Clock, job: Job
):
    ada = add_unfinished(session, job=job, started_at=AFTERNOON)
    set_cadence(session, job, (1,), now=AFTERNOON)
    clock.now = AFTERNOON + DAY
    make_worker(NOWHERE).once()
    assert messages(session) == []
    assert planned(session, ada) == AFTERNOON + DAY


def test_the_worker_looks_without_taking_the_writers_turn(session: Session, job: Job):
    assert not cadence.is_due(session, AFTERNOON)
    add_unfinished(session, job=job, started_at=AFTERNOON)
    set_cadence(session, job, (1,), now=AFTERNOON)
    assert not cadence.is_due(session, AFTERNOON + DAY - timedelta(seconds=1))
    assert cadence.is_due(session, AFTERNOON + DAY)
    assert session.scalar(select(FollowUp.messages)) == 0


def test_somebody_who_begins_is_planned_at_once(session: Session, job: Job):
    set_cadence(session, job, (1,), now=NOON)
    ada = add_unfinished(session, job=job, started_at=AFTERNOON)
    session.rollback()
    start_writing(session)
    cadence.plan(session, session.scalars(select(FollowUp)).one(), AFTERNOON)
    session.commit()
    assert planned(session, ada) == AFTERNOON + DAY
