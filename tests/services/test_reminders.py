"""Writing to people who did not finish: who may be written to, once, and what is asked again before it leaves."""

from __future__ import annotations

import dataclasses
import random
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, delete, select, update
from sqlalchemy.orm import Session

from config import Config
from dashboard.calls import Proof
from dashboard.database import start_writing
from dashboard.models import Application, FollowUp, JobFollowUp, Outbound, Reminder
from dashboard.models.outbound import State
from dashboard.services import composing, opt_outs, outbox, queueing, reminder_rules, reminders
from dashboard.services.channels import Reminders, ways
from dashboard.services.reminder_rules import GONE_WORDS
from dashboard.services.reminder_words import BadWords
from dashboard.worker import Worker
from tests.outbox_fixtures import NOON, Clock, add_applicant, add_job, add_recruiter, all_at_once, attempts, move, rules
from tests.reminder_fixtures import (
    AFTERNOON,
    MAIL_SETTINGS,
    RULES,
    SECRET,
    add_unfinished,
    follow_up_of,
    messages,
    only_message,
    words,
    write,
)
from tests.smtp import BrokenMailServer, Mail, MailServer
from tests.upstream import Upstream

MakeWorker = Callable[..., Worker]
NOWHERE = "http://127.0.0.1:9"


@pytest.fixture
def clock() -> Clock:
    return Clock(AFTERNOON)


@pytest.fixture
def server() -> Iterator[MailServer]:
    with MailServer() as running:
        yield running


@pytest.fixture
def worker(make_worker: MakeWorker, server: MailServer) -> Worker:
    return make_worker(NOWHERE, mail_url=server.url, **MAIL_SETTINGS)


def opt_out(session: Session, email: str | None) -> None:
    session.rollback()
    start_writing(session)
    opt_outs.opt_out(session, email or "", "person", AFTERNOON, (SECRET,))
    session.commit()


def complete(session: Session, application: Application) -> None:
    session.execute(update(Application).where(Application.id == application.id).values(completed=True))
    session.execute(update(FollowUp).where(FollowUp.application_id == application.id).values(completed_at=AFTERNOON))
    session.commit()


def erase(session: Session, number: int, *, with_application: bool) -> None:
    session.execute(delete(FollowUp).where(FollowUp.application_id == number))
    if with_application:
        session.execute(delete(Reminder).where(Reminder.application_id == number))
        session.execute(update(Outbound).values(application_id=None))
        session.execute(delete(Application).where(Application.id == number))
    session.commit()


def undo(session: Session, number: int) -> bool:
    session.rollback()
    start_writing(session)
    done = reminders.undo(session, number, now=NOON)
    session.commit()
    return done


def why_skipped(session: Session, *applications: Application, **more: Any) -> list[str]:
    queued = write(session, *applications, **more)
    assert queued.done == ()
    return [why for _, why in queued.skipped]


# --- end to end -----------------------------------------------------------------------------------------------------


def test_a_reminder_is_held_then_arrives_once_with_its_words_closing_and_headers(
    session: Session, worker: Worker, server: MailServer, clock: Clock
):
    job = add_job(session, "WH-1", "Picker")
    ada = add_unfinished(session, job=job, email="Ada@Example.com")
    write(session, ada, subject="Dear {first_name}", body="{job_title} waits for you.\n\nKind regards")
    assert only_message(session).shown_state(clock.now) == "held"
    clock.advance(seconds=59)
    worker.once()
    assert server.mails == []
    clock.advance(seconds=1)
    worker.once()
    worker.once()
    (mail,) = server.mails
    assert (mail.sender, mail.to) == ("jobs@example.com", ("Ada@Example.com",))
    link = mail.message["List-Unsubscribe"].strip("<>")
    assert link.startswith("https://jobs.example.com/unsubscribe/")
    assert mail.message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert mail.message["Message-ID"] == f"<{only_message(session).public_id}@example.com>"
    assert mail.message["Subject"] == "Dear Ada"
    assert mail.message["Auto-Submitted"] is None
    assert mail.text.replace("\r\n", "\n") == (
        "Picker waits for you.\n\nKind regards\n\n"
        "You're getting this email because you started an application for Picker.\n"
        "1 Quay Street, Austin, TX 78701\n"
        f"To stop these emails: {link}\n"
    )
    row, follow_up = only_message(session), follow_up_of(session, ada)
    assert (row.state, row.last_status, row.event) == (State.SENT, 250, "1")
    assert (follow_up.messages, follow_up.last_message_at) == (1, clock.now)


@pytest.mark.parametrize("where", ["first_name", "title"])
def test_an_applicant_who_writes_headers_into_a_form_reaches_nobody(
    session: Session, worker: Worker, server: MailServer, clock: Clock, where: str
):
    attack = "=?utf-8?q?=0d=0a=0d=0aPay=20at=20http=3a=2f=2fevil=2eio?="
    facts = {"first_name": "Ada", "title": "Picker", where: attack}
    job = add_job(session, "WH-1", facts["title"])
    ada = add_unfinished(session, facts["first_name"], job=job, email="ada@example.net")
    lacks = "first name" if where == "first_name" else "job title"
    assert why_skipped(session, ada, subject="{first_name}, {job_title}") == [f"Not known: {lacks}."]
    write(session, ada, subject=f"{attack} family \U0001f468\u200d\U0001f467", body="Hello")
    clock.advance(minutes=2)
    worker.once()
    (mail,) = server.mails
    assert mail.message["Subject"] == f"{attack} family \U0001f468\u200d\U0001f467"
    assert mail.text.startswith("Hello")
    assert "evil" not in mail.text.replace(attack, "")


def test_a_message_that_the_server_wants_later_is_retried_and_one_it_refuses_is_parked(
    session: Session, make_worker: MakeWorker, clock: Clock
):
    answers = iter(["451 later", "554 spam"])
    with MailServer(answer=lambda _: next(answers)) as server:
        write(session, add_unfinished(session))
        clock.advance(minutes=2)
        worker = make_worker(NOWHERE, mail_url=server.url, **MAIL_SETTINGS)
        worker.once()
        assert only_message(session).shown_state(clock.now) == "retrying"
        clock.advance(minutes=5)
        worker.once()
        row = only_message(session)
        assert (row.state, row.last_status, row.last_answer) == (State.PARKED, 554, "spam")
        assert server.mails == []


def test_a_message_that_may_have_been_heard_is_repeated_once_under_the_same_id_and_then_parked(
    session: Session, make_worker: MakeWorker, clock: Clock
):
    script = ["220 hi", "250 hi", "250 ok", "250 ok", "354 go on", "close"]
    with BrokenMailServer(script) as server:
        write(session, add_unfinished(session))
        clock.advance(minutes=2)
        make_worker(NOWHERE, mail_url=server.url, **MAIL_SETTINGS).once()
        told = [said for said in server.heard if b"Message-ID" in said]
    row = only_message(session)
    assert [one.outcome for one in attempts(session)] == ["uncertain", "uncertain"]
    assert (row.state, row.uncertain) == (State.PARKED, 2)
    assert len({said.partition(b"\r\n")[0] for said in told}) == 1 < len(told)
    assert follow_up_of(session, row.application_id or 0).messages == 0


def test_without_a_mail_server_nothing_is_queued_and_what_waits_goes_on_waiting(
    session: Session, make_worker: MakeWorker, clock: Clock
):
    ada = add_unfinished(session)
    unset = dataclasses.replace(RULES, has_server=False, postal_address=None)
    (why,) = why_skipped(session, ada, rules=unset)
    assert why == (
        "Reminders can be written but not sent: MAIL_URL and MAIL_POSTAL_ADDRESS are not set. "
        "Ask whoever runs this dashboard."
    )
    write(session, ada)
    clock.advance(hours=1)
    make_worker(NOWHERE).once()
    assert only_message(session).shown_state(clock.now) == "pending"
    assert attempts(session) == []


# --- who may be written to ------------------------------------------------------------------------------------------


def test_each_reason_not_to_write_to_somebody_is_told(session: Session):
    finished, deaf, silent = (add_unfinished(session, name) for name in ("Cy", "Di", "Ed"))
    complete(session, finished)
    opt_out(session, deaf.email)
    for email in (None, "nobody", "a@b.c, d@e.fg"):
        session.execute(update(Application).where(Application.id == silent.id).values(email=email))
        session.commit()
        assert why_skipped(session, finished, deaf, silent) == [
            "They have completed their application.",
            "They opted out of messages.",
            "They gave no email address that works.",
        ]
    assert messages(session) == []


def test_an_opt_out_counts_for_every_spelling_and_application_of_an_address_and_outlives_a_new_key(session: Session):
    opt_out(session, "ada@example.com")
    for number, email in enumerate(("ADA@example.COM", " ada@example.com")):
        again = add_unfinished(session, f"Ada{number}", email=email.strip())
        assert why_skipped(session, again) == [opt_outs.OPTED_OUT_WORDS]
        later = dataclasses.replace(RULES, secrets=("a newer key that is no secret either", SECRET))
        assert why_skipped(session, again, rules=later) == [opt_outs.OPTED_OUT_WORDS]


def test_a_field_without_a_value_holds_the_message_back_and_is_named(session: Session):
    ada = add_unfinished(session, job=add_job(session, "WH-1", "Picker"))
    body = "{first_name}, go on at {apply_link}. {missing} {company}"
    assert why_skipped(session, ada, body=body) == ["Not known: apply link, what is still missing, company."]
    session.add(JobFollowUp(job_id=ada.job_id, apply_url="https://jobs.example.com/1", updated_at=NOON))
    session.commit()
    assert len(write(session, ada, body="Go on at {apply_link}").done) == 1
    assert words(session)[0].body == "Go on at https://jobs.example.com/1"


def test_an_unknown_field_stops_everything_before_anything_is_queued(session: Session):
    ada = add_unfinished(session)
    with pytest.raises(BadWords, match="salary"):
        write(session, ada, body="You get {salary}")
    assert messages(session) == []


def test_a_draft_shows_the_words_and_the_closing_as_they_will_stand(session: Session):
    ada = add_unfinished(session, job=add_job(session, "WH-1", "Picker"))
    words = " {job_title}\n for you ", "Hi {first_name} {last_name} {company}"
    draft = reminders.draft(ada, None, *words, None, RULES)
    assert (draft.subject, draft.body) == ("Picker for you", "Hi Ada Quill [company]")
    assert draft.missing == ("company",)
    assert "1 Quay Street" in draft.closing
    assert "https://jobs.example.com/unsubscribe/…" in draft.closing
    unset = reminders.draft(ada, None, "a", "b", None, dataclasses.replace(RULES, postal_address=None))
    assert "MAIL_POSTAL_ADDRESS" in unset.closing


# --- once -----------------------------------------------------------------------------------------------------------


def test_a_double_click_leads_to_one_message(session: Session):
    ada = add_unfinished(session)
    assert len(write(session, ada, ada).done) == 1
    assert why_skipped(session, ada) == ["An email to them is waiting to be sent."]
    assert only_message(session).business_key == f"reminder:{ada.id}:1"


def test_of_two_administrators_who_write_at_once_one_does(engine: Engine, session: Session):
    people = [add_unfinished(session, name) for name in ("Ada", "Bo", "Cy")]
    numbers = [one.id for one in people]
    done: list[int] = []

    def writing(order: list[int]) -> Callable[[], object]:
        def write_to_all() -> None:
            with Session(engine) as own:
                start_writing(own)
                queued = reminders.queue(
                    own, order, "Hi", "Hi", template_id=None, user_id=None, at=AFTERNOON, rules=RULES
                )
                own.commit()
                done.append(len(queued.done))

        return write_to_all

    all_at_once(*(writing(order) for order in (numbers, numbers[::-1], numbers[1:] + numbers[:1], numbers)))
    assert sum(done) == 3
    assert sorted(row.business_key for row in messages(session)) == [f"reminder:{number}:1" for number in numbers]


def test_nobody_gets_two_messages_within_twenty_hours_nor_more_than_three_ever(
    session: Session, worker: Worker, server: MailServer, clock: Clock
):
    ada = add_unfinished(session)
    for number in (1, 2, 3):
        write(session, ada, at=clock.now)
        clock.advance(minutes=2)
        worker.once()
        assert follow_up_of(session, ada).messages == number
        clock.advance(hours=19)
        told = "They got an email less than 20 hours ago." if number < 3 else "They got 3 of 3 emails."
        assert why_skipped(session, ada, at=clock.now) == [told]
        clock.advance(hours=1)
    clock.advance(days=300)
    assert why_skipped(session, ada, at=clock.now) == ["They got 3 of 3 emails."]
    assert len(server.mails) == 3
    assert len({mail.message["Message-ID"] for mail in server.mails}) == 3


def test_a_person_with_two_applications_gets_one_message_at_a_time(session: Session, worker: Worker, clock: Clock):
    one, other = (add_unfinished(session, email=email) for email in ("ada@example.com", "ADA@example.com"))
    write(session, one)
    assert why_skipped(session, other) == ["An email to them is waiting to be sent."]
    clock.advance(minutes=2)
    worker.once()
    assert why_skipped(session, other, at=clock.now) == ["They got an email less than 20 hours ago."]


def test_an_address_gets_three_messages_in_thirty_days_however_many_applications_it_has(
    session: Session, worker: Worker, server: MailServer, clock: Clock
):
    attempts_of_ada = [add_unfinished(session, email=email) for email in ("ada@example.com", "Ada@EXAMPLE.com") * 2]
    for one in attempts_of_ada[:3]:
        assert write(session, one, at=clock.now).done
        clock.advance(minutes=2)
        worker.once()
        clock.advance(hours=20)
    told = "They got 3 emails in 30 days, across all jobs they applied for."
    assert why_skipped(session, attempts_of_ada[3], at=clock.now) == [told]
    clock.advance(days=28)
    assert write(session, attempts_of_ada[3], at=clock.now).done
    assert len(server.mails) == 3


def test_of_two_who_write_for_two_applications_of_one_person_one_is_told_to_wait(engine: Engine, session: Session):
    def begin(one: Application) -> Callable[[], object]:
        number = one.id

        def work() -> None:
            with Session(engine) as own:
                write(own, own.get_one(Application, number))

        return work

    for turn in range(15):
        both = [add_unfinished(session, email=f"ada{turn}@example.com") for _ in range(2)]
        all_at_once(*[begin(one) for one in both])
        assert len(messages(session)) == turn + 1


def test_a_message_that_was_queued_beside_another_to_the_same_address_keeps_its_distance(
    session: Session, worker: Worker, server: MailServer, clock: Clock
):
    one, other = add_unfinished(session), add_unfinished(session)
    write(session, one, other)
    for changed in (one, other):
        changed.email, changed.email_key = "ada@example.com", "ada@example.com"
    session.commit()
    clock.advance(minutes=2)
    worker.once()
    worker.once()
    assert len(server.mails) == 1
    assert [row.state for row in messages(session)] == [State.SENT, State.WAITING]
    assert messages(session)[1].due_at == clock.now + timedelta(hours=20)
    clock.advance(hours=20)
    worker.once()
    assert len(server.mails) == 2


# --- undo -----------------------------------------------------------------------------------------------------------


def test_undo_sends_nothing_and_the_next_message_takes_its_place_with_its_own_words(
    session: Session, worker: Worker, server: MailServer, clock: Clock
):
    ada, rita = add_unfinished(session), add_recruiter(session)
    (number,) = write(session, ada, body="First words").done
    assert undo(session, number)
    assert not undo(session, number)
    assert (only_message(session).state, only_message(session).last_answer) == (State.CANCELLED, reminders.UNDONE_WORDS)
    clock.advance(hours=1)
    worker.once()
    assert server.mails == []
    again = write(session, ada, body="Second words", at=clock.now, user_id=rita.id)
    assert again.done == (number,)
    row = only_message(session)
    assert (row.state, row.due_at, row.created_by_id) == (State.WAITING, clock.now + RULES.hold, rita.id)
    clock.advance(minutes=2)
    worker.once()
    assert [mail.text.partition("\r\n")[0] for mail in server.mails] == ["Second words"]
    assert not undo(session, number)


def test_what_may_have_arrived_is_not_written_anew_under_its_number_and_counts_as_a_message(
    session: Session, make_worker: MakeWorker, server: MailServer, clock: Clock
):
    ada = add_unfinished(session)
    script = ["220 hi", "250 hi", "250 ok", "250 ok", "354 go on", "close"]
    with BrokenMailServer(script) as broken:
        (first,) = write(session, ada).done
        clock.advance(minutes=2)
        make_worker(NOWHERE, mail_url=broken.url, **MAIL_SETTINGS).once()
    assert undo(session, first)
    assert only_message(session).last_answer == reminders.UNSURE_WORDS
    assert why_skipped(session, ada, at=clock.now) == ["They got an email less than 20 hours ago."]
    clock.advance(hours=20)
    assert write(session, ada, body="Second words", at=clock.now).done != (first,)
    clock.advance(minutes=2)
    make_worker(NOWHERE, mail_url=server.url, **MAIL_SETTINGS).once()
    assert [(row.event, row.state) for row in messages(session)] == [("1", State.CANCELLED), ("2", State.SENT)]
    assert [one.body for one in words(session)] == ["Hello Ada", "Second words"]
    assert server.mails[0].message["Message-ID"] != f"<{messages(session)[0].public_id}@example.com>"
    clock.advance(hours=20)
    assert write(session, ada, at=clock.now).done
    clock.advance(minutes=2)
    make_worker(NOWHERE, mail_url=server.url, **MAIL_SETTINGS).once()
    clock.advance(hours=20)
    assert why_skipped(session, ada, at=clock.now) == ["They got 3 of 3 emails."]


# --- asked again before it leaves -----------------------------------------------------------------------------------

CHANGES: dict[str, tuple[Callable[[Session, Application], None], str]] = {
    "opted out": (lambda session, ada: opt_out(session, ada.email), opt_outs.OPTED_OUT_WORDS),
    "completed": (complete, "They have completed their application."),
    "address gone": (
        lambda session, ada: (
            session.execute(update(Application).where(Application.id == ada.id).values(email=None, email_key=None))
            and session.commit()
        ),
        "They gave no email address that works.",
    ),
}


@pytest.mark.parametrize("what", CHANGES)
def test_what_changes_while_a_message_is_held_cancels_it(
    session: Session, worker: Worker, server: MailServer, clock: Clock, what: str
):
    change, why = CHANGES[what]
    ada = add_unfinished(session)
    write(session, ada)
    change(session, ada)
    clock.advance(hours=1)
    worker.once()
    assert server.mails == []
    assert (only_message(session).state, only_message(session).last_answer) == (State.CANCELLED, why)
    assert attempts(session) == []
    assert follow_up_of(session, ada).messages == 0


@pytest.mark.parametrize("with_application", [False, True], ids=["follow-up", "application"])
def test_a_message_to_somebody_whose_data_are_erased_meanwhile_is_not_sent(
    session: Session, worker: Worker, server: MailServer, clock: Clock, with_application: bool
):
    ada = add_unfinished(session)
    write(session, ada)
    erase(session, ada.id, with_application=with_application)
    clock.advance(hours=1)
    worker.once()
    assert server.mails == []
    assert (only_message(session).state, only_message(session).last_answer) == (State.CANCELLED, GONE_WORDS)
    assert attempts(session) == []


@pytest.mark.parametrize("what", CHANGES)
def test_what_changes_between_two_tries_stops_the_second(
    session: Session, make_worker: MakeWorker, clock: Clock, what: str
):
    change, why = CHANGES[what]
    ada = add_unfinished(session)

    def changing(_: Mail) -> str:
        change(session, ada)
        return "451 later"

    with MailServer(answer=changing) as server:
        worker = make_worker(NOWHERE, mail_url=server.url, **MAIL_SETTINGS)
        write(session, ada)
        clock.advance(hours=1)
        worker.once()
        clock.advance(hours=1)
        worker.once()
        assert server.mails == []
    assert (only_message(session).state, only_message(session).last_answer) == (State.CANCELLED, why)
    assert [one.outcome for one in attempts(session)] == ["retry"]


def test_a_parked_message_that_is_retried_is_asked_again_too(session: Session, worker: Worker, clock: Clock):
    ada = add_unfinished(session)
    write(session, ada)
    session.execute(update(Outbound).values(state=State.PARKED))
    complete(session, ada)
    queueing.retry(session, only_message(session), now=clock.now)
    session.commit()
    worker.once()
    assert only_message(session).state == State.CANCELLED


def test_what_is_not_wanted_any_more_holds_nobody_up(
    session: Session, worker: Worker, server: MailServer, clock: Clock
):
    people = [add_unfinished(session) for _ in range(60)]
    write(session, *people)
    for one in people[:-1]:
        complete(session, one)
    clock.advance(hours=1)
    worker.once()
    assert [mail.to for mail in server.mails] == [(people[-1].email,)]
    assert [row.state for row in messages(session)] == [State.CANCELLED] * 59 + [State.SENT]


def test_a_proof_that_is_recorded_twice_counts_one_message(engine: Engine, session: Session, clock: Clock):
    known = ways(Config(secret_key=SECRET, mail_url="smtp://127.0.0.1:9", **MAIL_SETTINGS), abort_after=1)
    assert any(isinstance(way, Reminders) for way in known.values())
    ada = add_unfinished(session)
    write(session, ada)
    clock.advance(hours=1)
    session.rollback()
    claimed = outbox.claim(session, known, worker="a", clock=clock, lease=timedelta(seconds=30))
    session.commit()
    for _ in range(2):
        proof = Proof(clock.now, status=250, answer="taken")
        outbox.record(session, known, claimed.items, proof, now=clock.now, rng=random.Random(1))
        session.commit()
    assert follow_up_of(session, ada).messages == 1
    assert session.scalar(select(Outbound.state)) == State.SENT


def test_an_endpoint_that_never_answers_does_not_hold_up_the_other_channels(
    session: Session, make_worker: MakeWorker, server: MailServer, clock: Clock
):
    write(session, add_unfinished(session))
    clock.advance(hours=1)
    for _ in range(8):
        move(session, add_applicant(session), "hired", rules=rules())
    with Upstream() as talroo:
        talroo.set_default("silent")
        worker = make_worker(talroo.url, deadline=60, mail_url=server.url, **MAIL_SETTINGS)
        working = threading.Thread(target=worker.run)
        working.start()
        deadline = time.monotonic() + 50
        while not server.mails:
            assert time.monotonic() < deadline, "the mail waited for Talroo"
            time.sleep(0.02)
        worker.stop()
    working.join(60)
    assert not working.is_alive()


def test_how_somebody_stands_is_the_same_alone_and_among_many(session: Session):
    ada, bob, cyd = (add_unfinished(session, name) for name in ("Ada", "Bob", "Cyd"))
    write(session, ada)
    opt_out(session, bob.email)
    found = composing.readers(session, [one.public_id for one in (cyd, ada, bob)], RULES, AFTERNOON)
    assert [reader.application.id for reader in found] == [cyd.id, ada.id, bob.id]
    assert [reader.stands for reader in found] == [
        reminder_rules.standing(session, one, RULES, AFTERNOON) for one in (cyd, ada, bob)
    ]
    assert [(reader.stands.taken, reader.stands.parked, sorted(reader.stands.opted_out)) for reader in found] == [
        (0, None, []),
        (1, 0, []),
        (0, None, ["person"]),
    ]
