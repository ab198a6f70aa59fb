"""Writing to people who did not finish, and the ledger of what was written."""

from __future__ import annotations

import csv
import dataclasses
import io
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, update
from werkzeug.test import TestResponse

from dashboard.clock import utcnow
from dashboard.extensions import db
from dashboard.models import Application, Attempt, FollowUp, Job, JobFollowUp, Outbound, Reminder, ReminderTemplate
from dashboard.models.outbound import Channel, State
from dashboard.services.opt_outs import opt_out
from dashboard.services.reminder_rules import Rules
from tests.application import signed_in_client
from tests.factories import as_body, event, signed
from tests.following_up import MAIL, begin, ledger_of, token_of, typed, words
from tests.outbox_fixtures import all_at_once

WRITE = "/incomplete/message"
LEDGER = "/incomplete/messages"
WORDS = {"subject": "{first_name}, one step left", "body": "Hello {first_name},\n\nplease finish: {job_title}."}

Begin = Callable[..., str]


@pytest.fixture
def app(make_app: Callable[..., Flask], database_url: str) -> Flask:
    return make_app(database_url, **MAIL)


@pytest.fixture
def somebody(deliver: Callable[..., Any]) -> Begin:
    """`somebody(firstName="Bo")` → the id of somebody who began and did not finish."""
    return lambda **applicant: begin(deliver, applicant=applicant)


class Desk:
    """An HR administrator who writes to people."""

    def __init__(self, client: FlaskClient) -> None:
        self.client = client

    def open(self, *people: str, **query: str) -> str:
        answer = self.client.get(WRITE, query_string={"application": list(people), **query})
        assert answer.status_code == 200
        return answer.text

    def press(self, *people: str, do: str = "", **fields: str) -> TestResponse:
        """Press a button of the form: `send`, `template`, `replace`, or the one that only looks."""
        token = token_of(self.client.get("/incomplete/templates/new").text)
        form = {"csrf_token": token, "application": list(people), **WORDS, **fields} | ({"do": do} if do else {})
        return self.client.post(WRITE, data=form)

    def send(self, *people: str, **fields: str) -> TestResponse:
        return self.press(*people, do="send", **fields)

    def ledger(self, **query: str) -> str:
        return self.client.get(LEDGER, query_string=query).text

    def press_in_ledger(self, path: str, **fields: str) -> str:
        """What the page says on which one comes out."""
        token = token_of(self.client.get("/incomplete/templates/new").text)
        answer = self.client.post(f"{LEDGER}{path}", data={"csrf_token": token, **fields}, follow_redirects=True)
        return words(answer.text)


@pytest.fixture
def desk(sign_in: Callable[..., FlaskClient]) -> Desk:
    return Desk(sign_in("hr_admin"))


def preview(source: str) -> str:
    return words(re.findall(r'id="preview".*?</form>', source, re.DOTALL)[0])


def rows(source: str) -> list[dict[str, str]]:
    tags = re.findall(r"<tr [^>]*data-message=[^>]*>", source)
    return [dict(re.findall(r'data-([a-z]+)="([^"]*)"', tag)) for tag in tags]


def change(app: Flask, model: Any, **values: Any) -> None:
    with app.app_context():
        db.session.execute(update(model).values(**values))
        db.session.commit()


def template(app: Flask, name: str, **fields: Any) -> str:
    """A new template; its public id."""
    with app.app_context():
        row = ReminderTemplate(
            **{"name": name, "subject": f"{name}!", "body": f"Text of {name}", "updated_at": utcnow(), **fields}
        )
        db.session.add(row)
        db.session.commit()
        return row.public_id


# --- writing --------------------------------------------------------------------------------------------------------


def test_the_form_begins_with_a_template_and_shows_the_message_as_its_reader_will_see_it(
    desk: Desk, app: Flask, somebody: Begin
):
    ada = somebody(firstName="Ada", emailAddress="Ada@Example.com")
    chosen = template(app, "Gently", subject="Dear {first_name}", body="As {job_title} at {company}?")
    page = desk.open(ada, template=chosen)
    assert (typed(page, "subject"), typed(page, "body")) == ("Dear {first_name}", "As {job_title} at {company}?")
    said = preview(page)
    for expected in (
        "As Ada Quill will read it email 1 of at most 3",
        "From Harbor & Vale <jobs@example.com> To Ada@Example.com Subject Dear Ada",
        "As Picker at Harbor & Vale?",
        "Harbor & Vale, 1 Pier Road, Austin, TX 78701",
        "/unsubscribe/",
        "1 email goes out in 60 seconds. You can undo until then.",
    ):
        assert expected in said


def test_a_message_is_held_and_stands_on_the_persons_page_with_undo(desk: Desk, app: Flask, somebody: Begin):
    ada = somebody()
    answer = desk.send(ada)
    assert (answer.status_code, answer.location) == (302, f"/incomplete/{ada}#messages")
    assert ledger_of(app) == [("waiting", "1", "Ada, one step left", "Hello Ada,\n\nplease finish: Picker.")]
    page = desk.client.get(f"/incomplete/{ada}").text
    assert "1 email goes out in 60 seconds. You can undo until then." in words(page)
    (address,) = re.findall(rf'action="({LEDGER}/[^"]+/undo)"', page)
    said = desk.press_in_ledger(address.removeprefix(LEDGER), back="person")
    assert "Email undone. It was not sent." in said
    assert "Answers so far" in said, "one comes back to the person"
    assert ledger_of(app)[0][0] == "cancelled"


def test_a_hold_of_more_than_a_day_is_told_whole(desk: Desk, app: Flask, somebody: Begin):
    ada = somebody()
    app.config["SETTINGS"] = dataclasses.replace(app.config["SETTINGS"], mail_hold=90_000)
    assert "1 email goes out in 90000 seconds. You can undo until then." in preview(desk.press(ada).text)
    assert "1 email goes out in 90000 seconds" in words(desk.client.get(desk.send(ada).location).text)


def test_somebody_who_is_gone_meanwhile_is_in_nobodys_way(desk: Desk, app: Flask, somebody: Begin):
    ada = somebody()
    assert desk.send("gone", ada).location == f"/incomplete/{ada}#messages"
    assert len(ledger_of(app)) == 1


def test_more_people_than_go_into_one_transaction_are_one_batch_all_the_same(
    desk: Desk, app: Flask, somebody: Begin, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("dashboard.web.compose.TOGETHER", 2)
    monkeypatch.setattr("dashboard.web.messages.TOGETHER", 2)
    desk.send(*(somebody() for _ in range(5)))
    page = desk.ledger()
    assert "5 emails go out" in words(page)
    said = desk.press_in_ledger("/undo", sent_at=typed(page, "sent_at"))
    assert "5 emails were undone and not sent." in said


def test_many_are_written_to_at_once_and_all_of_it_is_undone_by_one_button(desk: Desk, app: Flask, somebody: Begin):
    people = [somebody(firstName=name) for name in ("Ada", "Bo", "Cy")]
    assert desk.send(*people).location == LEDGER
    assert [row[:3] for row in ledger_of(app)] == [
        ("waiting", "1", f"{name}, one step left") for name in ("Ada", "Bo", "Cy")
    ]
    page = desk.ledger()
    assert "3 emails are waiting. They go out in" in words(page)
    seconds = re.findall(r"(?:sends|They go out) in (\d+) seconds", words(page))
    assert len(seconds) == 4, "above the table, and in each row"
    assert len(set(seconds)) == 1
    assert {row["state"] for row in rows(page)} == {"held"}
    said = desk.press_in_ledger("/undo", sent_at=typed(page, "sent_at"))
    assert "3 emails were undone and not sent." in said
    assert {row["state"] for row in rows(desk.ledger())} == {"cancelled"}
    assert "They go out in" not in said


def test_undoing_many_says_for_how_many_it_was_too_late(desk: Desk, app: Flask, somebody: Begin):
    desk.send(somebody(), somebody())
    sent_at = typed(desk.ledger(), "sent_at")
    with app.app_context():
        first = select(Outbound.id).order_by(Outbound.id).limit(1).scalar_subquery()
        db.session.execute(update(Outbound).where(Outbound.id == first).values(state=State.SENT, sent_at=utcnow()))
        db.session.commit()
    said = desk.press_in_ledger("/undo", sent_at=sent_at)
    assert "1 email was undone and not sent. For 1 it was too late." in said
    assert "0 emails were undone and not sent." in desk.press_in_ledger("/undo", sent_at=sent_at)


@pytest.mark.parametrize("many", [False, True])
def test_taking_back_what_may_have_arrived_does_not_say_that_it_was_not_sent(
    desk: Desk, app: Flask, somebody: Begin, many: bool
):
    desk.send(somebody(), *[somebody()] * many)
    (row, *_), sent_at = rows(desk.ledger()), typed(desk.ledger(), "sent_at")
    change(app, Outbound, state=State.PARKED, uncertain=2)
    if many:
        said = desk.press_in_ledger("/undo", sent_at=sent_at)
        assert "0 emails were undone and not sent. 2 may have arrived, and are not tried again." in said
    else:
        said = desk.press_in_ledger(f"/{row['message']}/undo")
        assert "Email undone. It may have arrived. It is not tried again." in said


def test_nobody_undoes_what_a_colleague_sent_by_that_button(desk: Desk, app: Flask, somebody: Begin):
    desk.send(somebody(), somebody())
    sent_at = typed(desk.ledger(), "sent_at")
    change(app, Outbound, created_by_id=None)
    assert "They go out in" not in words(desk.ledger())
    desk.press_in_ledger("/undo", sent_at=sent_at)
    assert {row[0] for row in ledger_of(app)} == {"waiting"}


@pytest.mark.parametrize(
    "sent_at",
    ["", "yesterday", "2026-11-21T12:00:00", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-11:00"],
)
def test_a_time_that_is_none_undoes_nothing(desk: Desk, sent_at: str):
    token = token_of(desk.client.get("/incomplete/templates/new").text)
    answer = desk.client.post(f"{LEDGER}/undo", data={"csrf_token": token, "sent_at": sent_at})
    assert answer.status_code == 404


def test_a_form_that_is_sent_twice_leads_to_one_message(desk: Desk, app: Flask, somebody: Begin):
    ada = somebody()
    desk.send(ada)
    again = desk.send(ada)
    assert again.status_code == 409
    said = words(again.text)
    assert "No email was sent. 1 person was left out: Ada Quill: An email to them is waiting to be sent." in said
    assert len(ledger_of(app)) == 1


def test_two_who_send_to_the_same_people_at_once_lead_to_one_message_each(app: Flask, somebody: Begin):
    people = [somebody() for _ in range(3)]
    desks = [Desk(signed_in_client(app, "hr_admin")) for _ in range(2)]
    forms = [{"csrf_token": token_of(one.open(*people)), "application": people, "do": "send", **WORDS} for one in desks]
    answers: list[int] = []

    def press(one: Desk, form: dict[str, Any]) -> None:
        answers.append(one.client.post(WRITE, data=form).status_code)

    all_at_once(*(lambda one=one, form=form: press(one, form) for one, form in zip(desks, forms, strict=True)))
    assert sorted(answers) == [302, 409]
    assert [row[:2] for row in ledger_of(app)] == [("waiting", "1")] * 3


def test_who_cannot_be_written_to_is_named_with_the_reason_and_left_out(
    desk: Desk, app: Flask, somebody: Begin, deliver: Callable[..., Any]
):
    fine, silent = somebody(firstName="Ada"), somebody(firstName="Bo", emailAddress=None)
    done = begin(deliver, id="finished", applicant={"firstName": "Cy"})
    deliver(event(application_id="finished", applicant={"firstName": "Cy"}))
    gone = somebody(firstName="Di", emailAddress="di@example.com")
    with app.app_context():
        secrets = Rules.of(app.config["SETTINGS"]).secrets
        opt_out(db.session(), "di@example.com", "person", utcnow(), secrets)
        db.session.commit()
    people = (fine, silent, done, gone)
    page = desk.press(*people).text
    said = preview(page)
    assert "3 can’t be emailed" in said
    for reason in ("Bo Quill They gave no email address", "Cy Quill They have completed", "Di Quill They opted out"):
        assert reason in said
    assert "Send to 1 person" in said
    desk.send(*people)
    assert [row[2] for row in ledger_of(app)] == ["Ada, one step left"]
    told = words(desk.ledger())
    assert "1 email goes out in 60 seconds. You can undo until then. 3 people were left out: Bo Quill:" in told


def test_what_is_told_of_those_left_out_fits_into_a_cookie(desk: Desk, somebody: Begin):
    people = [somebody(firstName="N" * 55, emailAddress=None) for _ in range(30)]
    answer = desk.send(somebody(), *people)
    assert answer.status_code == 302
    assert "30 people were left out" in words(desk.ledger())
    assert (
        "and 25 more." in words(desk.client.get(LEDGER).text)
        or max(map(len, answer.headers.getlist("Set-Cookie"))) < 4000
    )


def test_a_job_without_apply_address_is_named_with_the_way_to_add_it(desk: Desk, app: Flask, somebody: Begin):
    ada = somebody()
    body = "Here: {apply_link}"
    page = desk.press(ada, body=body).text
    with app.app_context():
        job = db.session.scalars(select(Job)).one()
        address = f"/incomplete/jobs/{job.public_id}"
    assert "Not known: apply link." in preview(page)
    assert f'href="{address}"' in page
    assert 'value="send"' not in page
    assert desk.send(ada, body=body).status_code == 409
    assert ledger_of(app) == []
    with app.app_context():
        url = "https://jobs.example.com/picker?a=1&b=2"
        db.session.add(JobFollowUp(job_id=job.id, apply_url=url, steps=[], updated_at=utcnow()))
        db.session.commit()
    desk.send(ada, body=body)
    assert ledger_of(app)[0][3] == f"Here: {url}"


def test_another_persons_copy_is_a_button_away_and_keeps_the_words(desk: Desk, somebody: Begin):
    people = [somebody(firstName=name) for name in ("Ada", "Bo", "Cy")]
    page = desk.press(*people, body="For {first_name}.").text
    assert "As Ada Quill will read it" in preview(page)
    (following,) = re.findall(r'id="after"[^>]*value="([^"]+)"', page)
    assert following == people[1]
    pressed = {"application": people, "person": [people[0], following], **WORDS, "body": "For {first_name}."}
    token = token_of(page)
    page = desk.client.post(WRITE, data={"csrf_token": token, **pressed}).text
    assert "As Bo Quill will read it" in preview(page)
    assert "For Bo." in preview(page)
    assert "2 of 3" in preview(page)
    assert typed(page, "body") == "For {first_name}."


def test_the_first_copy_shown_is_one_that_can_be_sent(desk: Desk, somebody: Begin):
    page = desk.press(somebody(firstName="Ada", emailAddress=None), somebody(firstName="Bo")).text
    assert "As Bo Quill will read it" in preview(page)


@pytest.mark.parametrize(
    ("fields", "at", "sentence"),
    [
        ({"subject": ""}, "subject", "Enter a subject."),
        ({"subject": "a\r\nBcc: b@example.com"}, "subject", "Use one line"),
        ({"body": ""}, "body", "Enter a message."),
        ({"body": "{firstname}"}, "body", "There is no merge field {firstname}."),
        ({"body": "b" * 5001}, "body", "Use at most 5,000 characters"),
    ],
)
def test_a_refused_message_says_why_at_its_field_and_keeps_everything(
    desk: Desk, app: Flask, somebody: Begin, fields: dict[str, str], at: str, sentence: str
):
    people = [somebody(), somebody()]
    answer = desk.send(*people, **fields)
    assert answer.status_code == 400
    (found,) = re.findall(rf'id="problem-{at}">(.*?)</p>', answer.text, re.DOTALL)
    assert sentence in words(found)
    assert ledger_of(app) == []
    kept = "body" if at == "subject" else "subject"
    assert typed(answer.text, kept) == WORDS[kept]
    assert re.findall(r'name="application" value="([^"]+)"', answer.text) == people


def test_a_template_can_be_chosen_until_somebody_wrote_and_then_asks_before_it_replaces(
    desk: Desk, app: Flask, somebody: Begin
):
    ada, first, second = somebody(), template(app, "First"), template(app, "Second")
    untouched = {"begun_with": first, "template": second, "subject": "First!", "body": "Text of First"}
    page = desk.press(ada, do="template", **untouched).text
    assert (typed(page, "body"), typed(page, "begun_with")) == ("Text of Second", second)
    mine = {**untouched, "body": "My own words"}
    page = desk.press(ada, do="template", **mine).text
    assert typed(page, "body") == "My own words"
    assert "You changed the words, so they were kept." in words(page)
    page = desk.press(ada, do="replace", **mine).text
    assert typed(page, "body") == "Text of Second"
    desk.send(ada, begun_with=second)
    with app.app_context():
        used = db.session.scalar(
            select(ReminderTemplate.name).join(Reminder, Reminder.template_id == ReminderTemplate.id)
        )
    assert used == "Second"


def test_an_archived_template_is_not_offered(desk: Desk, app: Flask, somebody: Begin):
    template(app, "Put away", archived_at=utcnow())
    assert "Put away" not in desk.open(somebody())


@pytest.mark.parametrize("missing", MAIL)
def test_what_is_not_set_up_is_named_in_place_of_the_button(
    make_app: Callable[..., Flask], sqlite_url: str, missing: str
):
    app = make_app(sqlite_url, **{**MAIL, missing: None})
    body = as_body(event(kind="started:v1"))
    ada = app.test_client().post("/talroo/applications", data=body, headers=signed(body)).json["application"]
    desk = Desk(signed_in_client(app, "hr_admin"))
    page = desk.press(ada).text
    assert f"Reminders can be written but not sent: {missing.upper()} is not set." in preview(page)
    assert "Hello Ada" in preview(page)
    assert 'value="send"' not in page
    refused = desk.send(ada)
    assert refused.status_code == 400
    assert typed(refused.text, "body") == WORDS["body"]
    assert ledger_of(app) == []
    assert missing.upper() in words(desk.ledger())


def test_at_night_the_page_says_what_the_clock_shows_where_they_live(
    desk: Desk, app: Flask, somebody: Begin, monkeypatch: pytest.MonkeyPatch
):
    ada, bo = somebody(state="NY"), somebody(state="HI")
    late = utcnow().replace(hour=3, minute=40)  # 22:40 or 23:40 in New York, 17:40 on Hawaii
    monkeypatch.setattr("dashboard.web.compose.utcnow", lambda: late)
    assert re.search(r"It’s 1[01]:40 PM for them\. Your email still goes out now\.", preview(desk.press(ada).text))
    assert "for them" not in preview(desk.press(bo).text)
    assert "It’s night for 1 of them." in preview(desk.press(ada, bo).text)


def test_nobody_chosen_is_said_and_nobody_can_be_made_up(desk: Desk, app: Flask, somebody: Begin):
    for page in (desk.open(), desk.open("none"), desk.press("none", "nobody").text):
        assert "Nobody is selected" in words(page)
    assert desk.send("none").status_code == 409
    assert ledger_of(app) == []


def test_more_than_two_hundred_are_cut_and_that_is_said(desk: Desk, somebody: Begin):
    page = desk.press(somebody(), *(f"made-up-{number}" for number in range(220))).text
    assert "You can email at most 200 people at once." in words(page)


def test_a_name_with_markup_is_a_name(desk: Desk, somebody: Begin):
    ada = somebody(firstName="<b>Ada</b>", lastName="O'Quill")
    desk.send(ada, subject="Hello", body="<i>x</i>")
    for page in (desk.open(ada), desk.ledger(), desk.client.get(f"/incomplete/{ada}").text):
        assert "<b>Ada" not in page
        assert "<i>x" not in page


# --- the ledger -----------------------------------------------------------------------------------------------------

STATES = {
    "held": {"state": State.WAITING},
    "pending": {"state": State.WAITING, "due_at": utcnow() - timedelta(hours=1)},
    "sending": {"state": State.SENDING},
    "sent": {"state": State.SENT, "last_status": 250, "last_answer": "OK", "attempts": 1, "sent_at": utcnow()},
    "retrying": {"state": State.WAITING, "failures": 2, "attempts": 2, "last_status": 451, "last_answer": "later"},
    "parked": {"state": State.PARKED, "attempts": 1, "last_status": 550, "last_answer": "<i>no such user</i>"},
    "cancelled": {"state": State.CANCELLED, "last_answer": "They have completed their application."},
}


@pytest.mark.parametrize("state", STATES)
def test_each_state_is_told_with_what_can_be_done_about_it(desk: Desk, app: Flask, somebody: Begin, state: str):
    ada = somebody()
    desk.send(ada)
    change(app, Outbound, **STATES[state])
    page = desk.ledger(state=state)
    (row,) = rows(page)
    assert (row["application"], row["state"], row["number"]) == (ada, state, "1")
    assert ("/undo" in re.sub(r"<div class=\"flash.*?</div>", "", page, flags=re.DOTALL)) is (state == "held")
    assert ("Try now" in page) is (state in ("retrying", "parked"))
    for expected in ("Ada Quill", "Picker", "Ada, one step left", "message 1", "hr-admin@example.com"):
        assert expected in words(page)
    assert str(STATES[state].get("last_answer", "")) in words(page)
    assert f'data-state="{state}"' in desk.client.get(f"/incomplete/{ada}").text


def test_attempts_are_told_with_the_mail_servers_words(desk: Desk, app: Flask, somebody: Begin):
    ada = somebody()
    desk.send(ada)
    with app.app_context():
        number = db.session.scalars(select(Outbound.id)).one()
        tried = {"outbound_id": number, "worker": "w", "started_at": utcnow()}
        db.session.add(Attempt(number=1, outcome="sent", status=250, answer="queued as 42", duration_ms=7, **tried))
        db.session.commit()
    for page in (desk.ledger(), desk.client.get(f"/incomplete/{ada}").text):
        assert "accepted by the mail server, status 250, 7 ms queued as 42" in words(page)


def test_what_stopped_is_counted_named_and_tried_again(desk: Desk, app: Flask, somebody: Begin):
    desk.send(somebody(), somebody())
    change(app, Outbound, **STATES["parked"])
    page = desk.ledger()
    assert "2 messages failed: the mail server did not accept them." in words(page)
    assert re.search(r'Incomplete</span><span class="badge">2<', page)
    assert not re.search(r'Conversions</span><span class="badge">', page)
    assert "Trying again now." in desk.press_in_ledger(f"/{rows(page)[0]['message']}/retry")
    assert "Trying 1 failed message again now." in desk.press_in_ledger("/retry")
    assert {row["state"] for row in rows(desk.ledger())} == {"pending"}


def test_a_message_that_was_sent_cannot_be_taken_back(desk: Desk, app: Flask, somebody: Begin):
    desk.send(somebody())
    change(app, Outbound, **STATES["sent"])
    (row,) = rows(desk.ledger())
    assert "It is too late to undo this email." in desk.press_in_ledger(f"/{row['message']}/undo")
    assert ledger_of(app)[0][0] == "sent"


def test_the_buttons_of_this_ledger_touch_no_conversion(
    desk: Desk, app: Flask, deliver: Callable[..., Any], sign_in: Callable[..., Any]
):
    public_id = deliver(event(tlrSid="click-1")).json["application"]
    token = token_of(desk.client.get("/incomplete/templates/new").text)
    desk.client.post(f"/applications/{public_id}/hire", data={"csrf_token": token})
    with app.app_context():
        row = db.session.scalars(select(Outbound)).one()
        assert row.channel == Channel.CONVERSION
        number = row.public_id
    assert rows(desk.ledger()) == []
    for verb in ("undo", "retry"):
        assert desk.client.post(f"{LEDGER}/{number}/{verb}", data={"csrf_token": token}).status_code == 404
    change(app, Outbound, state=State.PARKED)
    desk.press_in_ledger("/retry")
    with app.app_context():
        assert db.session.scalars(select(Outbound.state)).one() == State.PARKED


def test_the_ledger_as_a_table_has_every_message_once(desk: Desk, app: Flask, somebody: Begin):
    people = somebody(firstName="=Ada"), somebody(firstName="Bo")
    desk.send(*people, subject="Only one step left", body="Come back")
    change(app, Outbound, **STATES["sent"])
    answer = desk.client.get(f"{LEDGER}.csv")
    found = list(csv.DictReader(io.StringIO(answer.text.removeprefix("\ufeff"))))
    assert {row["person"] for row in found} == {"'=Ada Quill", "Bo Quill"}
    assert {(row["message"], row["state"], row["written by"]) for row in found} == {
        ("1", "sent", "hr-admin@example.com")
    }
    assert found[0]["subject"].endswith("one step left")
    assert "/incomplete/" in found[0]["application"]


def test_the_cadences_own_messages_say_so(desk: Desk, app: Flask, somebody: Begin):
    ada = somebody()
    desk.send(ada)
    change(app, Outbound, created_by_id=None)
    change(app, Reminder, automatic=True)
    assert "automatically" in words(desk.ledger())
    assert "automatically" in words(desk.client.get(f"/incomplete/{ada}").text)


@pytest.mark.parametrize("role", ["recruiter", "it_admin"])
def test_only_hr_administrators_write_and_read(sign_in: Callable[..., FlaskClient], role: str):
    for path in (WRITE, LEDGER, f"{LEDGER}.csv"):
        assert sign_in(role).get(path).status_code == 403


def test_somebody_who_had_three_messages_gets_no_fourth(desk: Desk, app: Flask, somebody: Begin):
    ada = somebody()
    for _ in range(3):
        desk.send(ada)
        long_ago = utcnow() - timedelta(days=2)
        change(app, Outbound, state=State.SENT, sent_at=long_ago)
        change(app, FollowUp, messages=FollowUp.messages + 1, last_message_at=long_ago)
    assert [row[1] for row in ledger_of(app)] == ["1", "2", "3"]
    assert "They got 3 of 3 emails." in preview(desk.press(ada).text)
    assert desk.send(ada).status_code == 409
    with app.app_context():
        assert db.session.scalars(select(Application.public_id)).one() == ada
