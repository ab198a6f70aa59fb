"""An unfinished application is followed up until a completed one takes it over (issue 4, Completion)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select

from dashboard.clock import utcnow
from dashboard.database import start_writing
from dashboard.extensions import db
from dashboard.models import Application, Delivery, FollowUp, JobFollowUp, Outbound, StageChange
from dashboard.models.outbound import Channel, State
from dashboard.reach import EVERYTHING
from dashboard.services import intake, reading
from dashboard.services.intake import Arrival
from dashboard.talroo.questions import CURRENT
from tests.factories import as_body, event

STARTED_AT, APPLIED_AT = "2026-11-18T12:00:00Z", "2026-11-18T13:00:00Z"
ADA = {
    "tlrApplicationId": "talroo-1",
    "tlrSid": "click-1",
    "applicant": {"emailAddress": "Ada@Example.com"},
    "job": {"originalJobReference": "WH-1"},
}
ELSEWHERE = {
    "tlrApplicationId": "talroo-2",
    "tlrSid": "click-2",
    "applicant": {"emailAddress": "other@example.com"},
    "job": {"originalJobReference": "DR-1"},
}
SAME = {"application": ["tlrApplicationId"], "click": ["tlrSid"], "email": ["applicant", "job"]}
"""What an application has in common with Ada's, by the key it is then known by."""


def started(application_id="begun", *, started_at=STARTED_AT, **data):
    return event(kind="started:v1", application_id=application_id, createdAt=started_at, **(ADA | data))


def completed(application_id="finished", *, applied_at=APPLIED_AT, **data):
    return event(application_id=application_id, applicationTime=applied_at, **(ADA | data))


def sharing(key, **data):
    """A completed application that has one key in common with Ada's."""
    return completed(**(ELSEWHERE | {name: ADA[name] for name in SAME[key]} | data))


def question(name, answer):
    return {"question": {"id": name, "type": "text", "question": f"{name}?", "required": True}, "answer": answer}


def answers(*names, unanswered=()):
    return [question(name, "yes") for name in names] + [question(name, None) for name in unanswered]


@pytest.fixture
def session(app):
    with app.app_context():
        yield db.session()


@pytest.fixture
def pull(app, session):
    """`pull(event)`: its `data` as the Platform API lists it."""

    def receive(document) -> intake.Outcome:
        arrival = Arrival(as_body(document["data"]), "pulled", utcnow(), "fresh")
        session.rollback()  # what was read before begins no writing
        understood = intake.understand(arrival, app.extensions["file_store"])
        outcome = intake.store_or_keep(session, arrival, understood)
        session.commit()
        return outcome

    return receive


def follow_up(session, talroo_id="begun") -> FollowUp:
    session.rollback()
    session.expire_all()
    found = select(FollowUp).join(FollowUp.application).where(Application.talroo_id == talroo_id)
    return session.scalars(found).one()


def link(session, talroo_id="begun") -> tuple[str | None, str | None]:
    """Who completed it, and by which key that is known."""
    found = follow_up(session, talroo_id)
    return found.completed_by.talroo_id if found.completed_by else None, found.completed_key


def queued_reminder(session, found: FollowUp, state=State.WAITING) -> Outbound:
    now = utcnow()
    row = Outbound(
        channel=Channel.REMINDER,
        business_key=f"reminder:{found.application_id}:{state}",
        application_id=found.application_id,
        event="1",
        event_time=now,
        created_at=now,
        state=state,
        due_at=now,
    )
    session.add(row)
    session.commit()
    return row


# --- beginning ------------------------------------------------------------------------------------------------------


def test_who_started_is_followed_up_from_then_on(session, deliver):
    deliver(started(applicant={"phone": None, "address": "1 Quay", "city": None}))
    found = follow_up(session)
    assert (found.since, found.completed_at, found.answered, found.asked) == (
        datetime(2026, 11, 18, 12, tzinfo=UTC),
        None,
        0,
        None,
    )
    assert found.missing == ["phone number", "city", "state", "zip code", "résumé"]
    assert (found.messages, found.next_message_at, found.opted_out_at, found.link_words) == (0, None, None, "")


def test_where_nobody_says_when_it_was_started_it_counts_from_its_arrival(session, deliver):
    deliver(started(started_at=None))
    assert follow_up(session).since == follow_up(session).application.arrived_at


@pytest.mark.parametrize("first", ["begun", "finished"])
def test_a_start_in_the_future_hides_nobody_who_finished(session, deliver, first):
    documents = [started(started_at="2099-01-01T00:00:00Z", **AGAIN), completed()]
    for document in documents if first == "begun" else documents[::-1]:
        deliver(document)
    found = follow_up(session)
    assert found.since == found.application.arrived_at
    assert link(session) == ("finished", "email")


def test_a_completed_application_is_not_followed_up(session, deliver):
    deliver(completed())
    assert session.scalar(select(func.count()).select_from(FollowUp)) == 0


def test_how_far_they_came_is_measured_by_the_newest_completed_application_for_the_job(session, deliver):
    other = {"applicant": {"emailAddress": "other@example.com"}, "tlrSid": None, "tlrApplicationId": None}
    deliver(completed("old", **other, **{CURRENT: answers("a", "b")}))
    deliver(completed("new", **other, **{CURRENT: answers("a", "b", "c", "d")}))
    deliver(started(**{CURRENT: answers("a", "b")}))
    found = follow_up(session)
    assert (found.answered, found.asked, found.stopped_at_id, found.stopped_at) == (2, 4, "c", "c?")


def test_who_goes_on_is_measured_again_and_an_older_account_takes_nothing_back(session, pull, deliver):
    deliver(started(**{CURRENT: answers("a")}))
    pull(started(applicant={"phone": "555 0100"}, **{CURRENT: answers("a", "b", unanswered=["c"])}))
    deliver({**started(**{CURRENT: answers("a")}), "createdAt": STARTED_AT})
    found = follow_up(session)
    assert (found.answered, found.stopped_at_id) == (2, "c")
    assert "phone number" not in found.missing
    assert session.scalar(select(func.count()).select_from(FollowUp)) == 1


def test_news_without_answers_leaves_how_far_they_came(session, deliver):
    deliver(started(**{CURRENT: answers("a", "b")}))
    deliver(started(**{CURRENT: []}))
    assert follow_up(session).answered == 2


def test_very_long_questions_are_cut_to_what_is_kept(session, deliver):
    name = "q" * 600
    assert deliver(started(**{CURRENT: answers("a", unanswered=[name])})).json["status"] == "accepted"
    assert follow_up(session).stopped_at == name[:300]


def test_somebody_new_at_an_address_that_opted_out_is_opted_out(session, deliver):
    deliver(started())
    at = utcnow()
    follow_up(session).opted_out_at = at
    session.commit()
    deliver(started("again", tlrSid=None, tlrApplicationId=None, applicant={"emailAddress": " ADA@example.com"}))
    assert follow_up(session, "again").opted_out_at == at


def test_a_job_with_a_cadence_has_a_next_message_until_the_application_is_finished(session, deliver):
    now = utcnow()
    deliver(started(started_at=now.isoformat()))
    job_id = follow_up(session).application.job_id
    steps = [{"days": 1, "template": 1}]
    session.add(JobFollowUp(job_id=job_id, active=True, steps=steps, updated_at=now))
    session.commit()
    deliver(started(started_at=now.isoformat()))
    assert follow_up(session).next_message_at >= now + timedelta(days=1)
    deliver(sharing("click"))
    assert follow_up(session).next_message_at is None


# --- finishing ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("first", ["begun", "finished"])
@pytest.mark.parametrize("key", SAME)
def test_who_finished_under_another_id_is_known_by_what_stayed_the_same(session, deliver, key, first):
    documents = [started(), sharing(key)]
    for document in documents if first == "begun" else documents[::-1]:
        deliver(document)
    assert link(session) == ("finished", key)
    found = follow_up(session)
    assert found.completed_at == found.completed_by.arrived_at
    assert not found.application.completed


@pytest.mark.parametrize("first", ["begun", "finished"])
def test_who_finished_under_the_same_id_needs_no_other_sign(session, deliver, first):
    documents = [started("same"), completed("same", **ELSEWHERE)]
    for document in documents if first == "begun" else documents[::-1]:
        deliver(document)
    assert link(session, "same") == ("same", "id")
    assert session.scalar(select(func.count()).select_from(Application)) == 1


@pytest.mark.parametrize("first", ["begun", "finished"])
@pytest.mark.parametrize("same", [[], ["applicant"], ["job"]], ids=["nothing", "email alone", "job alone"])
def test_who_only_resembles_somebody_is_not_taken_for_them(session, deliver, same, first):
    documents = [started(), completed(**(ELSEWHERE | {name: ADA[name] for name in same}))]
    for document in documents if first == "begun" else documents[::-1]:
        deliver(document)
    assert link(session) == (None, None)


@pytest.mark.parametrize("first", ["begun", "finished"])
@pytest.mark.parametrize("missing", [None, "", "  "])
def test_what_both_lack_is_nothing_in_common(session, deliver, missing, first):
    nothing = {
        "tlrApplicationId": missing,
        "tlrSid": missing,
        "applicant": {"emailAddress": missing},
        "job": {"originalJobReference": missing, "title": missing},
    }
    documents = [started(**nothing), completed(**nothing)]
    for document in documents if first == "begun" else documents[::-1]:
        deliver(document)
    assert link(session) == (None, None)


@pytest.mark.parametrize("first", ["begun", "finished"])
@pytest.mark.parametrize(
    ("other", "key"), [({"tlrSid": "click-2"}, "application"), ({"tlrApplicationId": "2"}, "click")]
)
def test_of_several_keys_the_surest_is_noted(session, deliver, other, key, first):
    documents = [started(), completed(**other)]
    for document in documents if first == "begun" else documents[::-1]:
        deliver(document)
    assert link(session) == ("finished", key)


def test_a_surer_key_corrects_a_less_sure_one_and_no_less_sure_one_a_surer(session, deliver):
    deliver(started())
    noted = []
    for key in ("email", "click", "email", "application", "click"):
        deliver(sharing(key, application_id=f"by {key}, {len(noted)}"))
        noted.append(link(session))
    by_click, by_application = ("by click, 1", "click"), ("by application, 3", "application")
    assert noted == [("by email, 0", "email"), by_click, by_click, by_application, by_application]
    deliver(completed("begun"))
    assert link(session) == ("begun", "id")


def test_of_several_by_the_same_key_the_first_has_finished_it(session, deliver):
    deliver(started())
    for number in range(3):
        deliver(sharing("click", application_id=f"finished {number}"))
    assert link(session) == ("finished 0", "click")
    deliver(started("begun later"))
    assert link(session, "begun later") == ("finished 0", "click")


def test_everything_one_person_left_open_for_the_job_is_closed(session, deliver):
    for name in ("first", "second"):
        deliver(started(name, tlrSid=name, tlrApplicationId=None))
    deliver(started("other job", tlrSid=None, tlrApplicationId=None, job={"originalJobReference": "DR-1"}))
    deliver(completed(tlrSid="second", tlrApplicationId=None, applicant={"emailAddress": " ADA@EXAMPLE.COM "}))
    assert link(session, "first") == ("finished", "email")
    assert link(session, "second") == ("finished", "click")
    assert link(session, "other job") == (None, None)


def test_another_unfinished_application_takes_nothing_over(session, deliver):
    deliver(started("begun"))
    deliver(started("begun again"))
    assert link(session, "begun") == link(session, "begun again") == (None, None)


def test_a_key_that_comes_later_links_too(session, deliver):
    deliver(started(tlrSid=None, tlrApplicationId=None, applicant={"emailAddress": None}))
    deliver(completed())
    assert link(session) == (None, None)
    deliver(started(tlrApplicationId=None, applicant={"emailAddress": None}))
    assert link(session) == ("finished", "click")


def test_facts_of_several_deliveries_are_recognised_together(session, deliver):
    deliver(started(tlrSid=None, tlrApplicationId=None))
    deliver(completed(tlrSid=None, tlrApplicationId=None, job={"originalJobReference": None, "title": None}))
    assert link(session) == (None, None)
    bare = {"tlrSid": None, "tlrApplicationId": None, "applicant": {"emailAddress": None}}
    deliver(completed(**bare))
    assert link(session) == ("finished", "email")


# --- those who apply and begin again --------------------------------------------------------------------------------

AGAIN = {"tlrSid": "click-3", "tlrApplicationId": "talroo-3"}


@pytest.mark.parametrize(("days", "is_same"), [(1, True), (119, True), (121, False)])
@pytest.mark.parametrize("first", ["begun", "finished"])
def test_who_begins_again_has_applied_as_long_as_talroo_drops_the_repeat(session, deliver, first, days, is_same):
    applied = datetime(2026, 3, 1, tzinfo=UTC)
    later = (applied + timedelta(days=days)).isoformat()
    documents = [started(started_at=later, **AGAIN), completed(applied_at=applied.isoformat())]
    for document in documents if first == "begun" else documents[::-1]:
        deliver(document)
    assert link(session) == (("finished", "email") if is_same else (None, None))


def test_who_begins_again_is_said_to_have_applied_already(session, deliver):
    deliver(completed())
    deliver(started(started_at=(utcnow() + timedelta(hours=1)).isoformat(), **AGAIN))
    words = "Had already applied, recognized by the same email address and job"
    assert follow_up(session).link_words == words


def test_the_same_click_links_however_long_ago(session, deliver):
    deliver(completed(applied_at="2020-01-01T00:00:00Z"))
    deliver(started(tlrApplicationId=None))
    assert link(session) == ("finished", "click")


# --- what follows from it -------------------------------------------------------------------------------------------


def test_it_says_after_which_message_they_came_back(session, deliver):
    deliver(started())
    follow_up(session).messages = 2
    session.commit()
    deliver(sharing("click"))
    found = follow_up(session)
    assert (found.messages_before, found.link_words) == (2, "Finished after email 2, recognized by the same click")
    found.messages = 3
    session.commit()
    deliver(sharing("application", application_id="surer"))
    assert follow_up(session).messages_before == 2


def test_who_finished_by_themselves_is_not_said_to_have_been_recovered(session, deliver):
    deliver(started())
    deliver(completed("begun"))
    assert follow_up(session).link_words == "Finished on their own, recognized by the same application"


@pytest.mark.parametrize("first", ["begun", "finished"])
def test_reminders_that_wait_are_cancelled_and_others_left_alone(session, deliver, first):
    deliver(started(tlrSid=None))
    states = (State.WAITING, State.PARKED, State.UNSENDABLE, State.SENDING, State.SENT)
    rows = [queued_reminder(session, follow_up(session), state) for state in states]
    told = queued_reminder(session, follow_up(session), "other")
    told.channel, told.state = Channel.CONVERSION, State.WAITING
    session.commit()
    finishing = [sharing("click"), started()]
    for document in finishing if first == "finished" else finishing[::-1]:
        deliver(document)
    session.rollback()
    assert [row.state for row in rows] == [State.CANCELLED] * 3 + [State.SENDING, State.SENT]
    assert {row.last_answer for row in rows[:3]} == {"They finished their application first."}
    assert told.state == State.WAITING
    assert link(session)[1] == "click"


def test_reading_a_delivery_again_changes_nothing(app, session, deliver):
    deliver(started(**{CURRENT: answers("a")}))
    follow_up(session).messages = 1
    session.commit()
    deliver(sharing("click"))

    def told():
        found = follow_up(session)
        return {column.name: getattr(found, column.name) for column in FollowUp.__table__.columns}

    before = told()
    follow_up(session).messages = 2
    session.commit()
    for delivery_id in session.scalars(select(Delivery.id).order_by(Delivery.id)).all():
        session.rollback()
        start_writing(session)
        delivery, store = session.get_one(Delivery, delivery_id), app.extensions["file_store"]
        intake.replay(session, intake.understand_again(delivery, store), now=utcnow())
        session.commit()
    assert told() == before | {"messages": 2}


def test_an_old_account_of_a_completed_application_opens_nothing(session, deliver, pull):
    deliver(started(**{CURRENT: answers("a")}))
    deliver(completed("begun", applicant={"phone": "555 0100"}, **{CURRENT: answers("a", "b")}))
    before = follow_up(session)
    closed_at, answered = before.completed_at, before.answered
    pull(started(applicant={"phone": "555 9999"}, **{CURRENT: answers("a")}))
    after = follow_up(session)
    assert (after.completed_at, after.answered, after.completed_key) == (closed_at, answered, "id")
    assert (after.application.completed, after.application.phone) == (True, "555 0100")


def test_the_history_of_both_tells_how_it_was_recognised(session, deliver):
    deliver(started())
    follow_up(session).messages = 1
    session.commit()
    deliver(sharing("click"))
    found = follow_up(session)
    words = "Completed: finished after email 1, recognized by the same click"
    assert words in [entry.text for entry in reading.timeline(session, found.application, EVERYTHING)]
    theirs = [(entry.text, entry.other) for entry in reading.timeline(session, found.completed_by, EVERYTHING)]
    told = "Had started earlier and came back after email 1 (matched by the same click)"
    assert (told, found.application.public_id) in theirs


def test_who_began_again_after_applying_did_not_come_back(session, deliver):
    deliver(completed())
    deliver(started(started_at=(utcnow() + timedelta(hours=1)).isoformat(), **AGAIN))
    found = follow_up(session)
    first = reading.timeline(session, found.completed_by, EVERYTHING)[0]
    assert (first.text, first.at) == (
        "Started again after applying (matched by the same email address and job)",
        found.since,
    )


@pytest.mark.parametrize(("messages", "after"), [(0, ""), (1, ", after email 1")])
def test_the_history_tells_when_they_asked_for_no_more_reminders(session, deliver, messages, after):
    deliver(started())
    found = follow_up(session)
    found.messages, found.opted_out_at = messages, utcnow() + timedelta(minutes=1)
    session.commit()
    newest = reading.timeline(session, found.application, EVERYTHING)[0]
    assert (newest.text, newest.at) == (f"Opted out of messages{after}", found.opted_out_at)
    told = StageChange(application_id=found.application_id, from_stage="new", to_stage="new", note="They called.")
    told.at = found.opted_out_at
    session.add(told)
    session.commit()
    newest = reading.timeline(session, found.application, EVERYTHING)[0]
    assert (newest.text, newest.note) == (told.text, "They called.")


def test_the_history_says_nothing_of_what_everybody_does(session, deliver):
    deliver(started())
    deliver(completed("begun"))
    told = [entry.text for entry in reading.timeline(session, follow_up(session).application, EVERYTHING)]
    assert told == ["Application received", "Started, not yet submitted"]


def test_a_job_known_by_a_title_too_long_for_a_reference_is_known_by_its_beginning(session, deliver):
    nameless = {"originalJobReference": None, "title": "t" * 400}
    for document in (started(job=nameless), completed(tlrSid=None, tlrApplicationId=None, job=nameless)):
        assert deliver(document).json["status"] == "accepted"
    assert link(session) == ("finished", "email")
