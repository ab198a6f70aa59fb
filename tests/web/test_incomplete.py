"""The worklist, one person of it, and pulling, as an HR administrator sees them."""

from __future__ import annotations

import re
from datetime import timedelta
from urllib.parse import unquote

import pytest
from bs4 import BeautifulSoup
from sqlalchemy import select, update

from dashboard.clock import utcnow
from dashboard.extensions import db
from dashboard.models import Application, FollowUp, SyncKind, SyncRun, SyncState
from dashboard.services import opt_outs, sync
from dashboard.services.heartbeat import beat
from tests.application import signed_in_client
from tests.factories import event
from tests.stocked_site import token_of

FORM = [
    {"question": {"id": f"q{n}", "type": "text", "question": f"Question {n}?", "required": True}, "answer": "yes"}
    for n in (1, 2, 3)
]


@pytest.fixture
def app(make_app, database_url):
    """With an App Client, so that pulling may be asked for; nothing calls it here."""
    return make_app(database_url, talroo_client_id="client", talroo_client_secret="secret")


@pytest.fixture
def begin(deliver):
    """`begin("Ada", phone="…")` → the id of an unfinished application."""

    def begin(name="Ada", *, answers=0, click="click-1", email="{name}@example.com", **applicant):
        person = {"firstName": name, "emailAddress": email.format(name=name) if email else None, **applicant}
        sent = event(kind="started:v1", tlrSid=click, applicant=person, questionsAndAnswers=FORM[:answers])
        return deliver(sent).json["application"]

    return begin


@pytest.fixture
def client(sign_in):
    return sign_in("hr_admin")


def page(client, path="/incomplete"):
    answer = client.get(path)
    assert answer.status_code == 200, answer.status
    return BeautifulSoup(answer.text, "html.parser")


def words(found):
    """What somebody reads, with every element a word of its own."""
    return re.sub(r" (?=[.,:])", "", " ".join(found.get_text(" ").split()))


def rows(client, path="/incomplete"):
    return page(client, path).select("#results tr[data-application]")


def change(app, public_id, **columns):
    with app.app_context():
        own = select(Application.id).where(Application.public_id == public_id).scalar_subquery()
        db.session.execute(update(FollowUp).where(FollowUp.application_id == own).values(**columns))
        db.session.commit()


# --- the list -------------------------------------------------------------------------------------------------------


def test_a_row_tells_who_how_far_and_by_what_they_are_reached(client, deliver, begin):
    deliver(event(applicant={"emailAddress": "other@example.com"}, questionsAndAnswers=FORM))
    begun = begin(answers=1, phone="5125550123")
    (row,) = rows(client)
    assert row["data-application"] == begun
    assert "data-linked" not in row.attrs
    told = words(row)
    for part in (
        "Ada Quill",
        "Ada@example.com",
        "(512) 555-0123",
        "Picker",
        "Harbor & Vale",
        "1 of 3 questions",
        "Not contacted yet",
    ):
        assert part in told
    assert "without address, résumé" in told
    assert row.select_one(".row-link")["href"] == f"/incomplete/{begun}"


@pytest.mark.parametrize(
    ("answers", "columns", "told"),
    [
        (0, {}, "Contact page only"),
        (2, {}, "2 questions"),
        (1, {}, "1 question"),
        (1, {"answered": 3, "asked": 3}, "All 3 questions, not submitted"),
    ],
)
def test_how_far_somebody_came_is_said_in_words(app, client, begin, answers, columns, told):
    begun = begin(answers=answers)
    if columns:
        change(app, begun, **columns)
    (row,) = rows(client)
    assert words(row.select_one(".cell-far")).startswith(told)


def test_a_row_counts_messages_and_tells_the_last_and_the_next(app, client, begin):
    now = utcnow()
    following = now + timedelta(days=2, hours=1)
    change(app, begin(), messages=2, last_message_at=now - timedelta(hours=3), next_message_at=following)
    (row,) = rows(client)
    assert words(row.select_one(".cell-sent")) == "2 of 3 sent last 3 h ago next in 2 days"


def test_a_next_message_that_did_not_leave_is_due_or_says_what_it_waits_for(app, client, begin):
    whom, why = begin(), "Not known: first name."
    change(app, whom, next_message_at=utcnow() - timedelta(hours=7))
    assert words(rows(client)[0].select_one(".cell-sent")).endswith("next is due now")
    assert "The next email is blocked" not in words(page(client, f"/incomplete/{whom}").main)
    change(app, whom, next_message_at=utcnow() + timedelta(hours=7), next_blocked=why)
    assert words(rows(client)[0].select_one(".cell-sent")).endswith(f"next email is blocked: {why}")
    assert f"The next email is blocked: {why}" in words(page(client, f"/incomplete/{whom}").main)
    change(app, whom, next_message_at=None)
    assert why not in words(page(client, f"/incomplete/{whom}").main)


@pytest.mark.parametrize(
    ("person", "columns", "reason"),
    [
        ({"email": None}, {}, "No email, no phone"),
        ({"email": None, "phone": "5125550123"}, {}, "No email"),
        ({}, {"opted_out_at": utcnow()}, "Opted out"),
        ({}, {"messages": 3}, "3 of 3"),
    ],
)
def test_who_cannot_be_written_to_has_no_box_and_the_row_says_why(app, client, begin, person, columns, reason):
    begun = begin(**person)
    if columns:
        change(app, begun, **columns)
    (row,) = rows(client)
    assert row.select("input") == []
    assert reason in words(row)


def test_the_chosen_are_handed_to_the_page_that_writes(client, begin):
    begun = {begin("Ada"), begin("Bea")}
    form = page(client).select_one("form.picking")
    assert (form["method"], form["action"]) == ("get", "/incomplete/message")
    boxes = form.select("input[name=application]")
    assert {box["value"] for box in boxes} == begun
    assert not any(box.has_attr("checked") for box in boxes)
    assert form.select_one("button[type=submit]")


def test_everybody_on_a_page_is_chosen_by_an_address_that_keeps_the_filters(client, begin):
    begin("Ada")
    begin("Bea")
    link = page(client, "/incomplete?contacted=no").select_one("[data-select=page]")
    chosen = page(client, link["href"])
    assert len(chosen.select("input[name=application][checked]")) == 2
    assert chosen.select_one("#filter-contacted option[selected]")["value"] == "no"
    assert "select" not in chosen.select_one("[data-select=none]")["href"]


def test_filters_narrow_the_list_and_stay_in_the_form(client, begin):
    begin("Ada", answers=1)
    begin("Bea")
    assert [words(row.select_one(".row-link")) for row in rows(client, "/incomplete?progress=contact")] == ["Bea Quill"]
    found = page(client, "/incomplete?progress=contact&q=bea&age=day&contacted=no")
    assert found.main["data-total"] == "1"
    chosen = {one.find_parent("select")["name"]: one["value"] for one in found.select("option[selected]")}
    assert chosen == {"progress": "contact", "age": "day", "contacted": "no"}
    assert "Nothing matches" in words(page(client, "/incomplete?q=nobody").main)


def test_a_filter_that_means_nothing_is_left_out_and_said(client, begin):
    begin()
    found = page(client, "/incomplete?age=year&show=all")
    assert found.main["data-total"] == "1"
    assert words(found.select_one(".flash")).startswith("The filter “age” has an unknown value")


def test_every_tile_leads_to_exactly_those_it_counts(app, client, deliver, begin):
    """One finished since and one of 50 days ago, of whom the second counts in none."""
    change(app, begin("Ada"), messages=1)
    begin("Bea")
    change(app, begin("Cleo", click="cleo"), messages=1, opted_out_at=utcnow())
    deliver(event(tlrSid="cleo", applicant={"emailAddress": "cleo@elsewhere.example"}))
    long_ago = utcnow() - timedelta(days=50)
    change(app, begin("Old"), since=long_ago, messages=1, opted_out_at=long_ago)
    tiles = page(client).select(".tiles a")
    assert [words(tile) for tile in tiles] == [
        "3 Started in 30 days",
        "2 67% Contacted",
        "1 33%, 1 after an email Finished later",
        "1 33% Opted out",
    ]
    shown = [sorted(words(row.select_one(".row-link")) for row in rows(client, tile["href"])) for tile in tiles]
    everybody = ["Ada Quill", "Bea Quill", "Cleo Quill"]
    assert shown == [everybody, ["Ada Quill", "Cleo Quill"], ["Cleo Quill"], ["Cleo Quill"]]
    for tile in tiles:
        (current,) = page(client, tile["href"]).select(".tiles a[aria-current]")
        assert words(current) == words(tile)


def test_who_finished_is_among_everybody_and_cannot_be_chosen(client, deliver, begin):
    begun = begin("Ada")
    finished = deliver(event(tlrSid="click-1")).json["application"]
    (row,) = rows(client, "/incomplete?show=all")
    assert (row["data-application"], row["data-linked"]) == (begun, finished)
    assert "Finished" in words(row.select_one(".cell-far"))
    assert row.select("input") == []


def test_every_filter_has_a_field_in_the_form(client, begin):
    begin()
    fields = {one["name"] for one in page(client).select("form.filters [name]")}
    assert fields == {"q", "job", "age", "progress", "contacted", "show"}


def test_an_empty_list_says_so_and_promises_nothing(client):
    found = page(client)
    assert "No incomplete applications" in words(found.main)
    assert found.select("form.filters, .tiles") == []


# --- who came back --------------------------------------------------------------------------------------------------


def test_who_finished_under_another_id_leaves_the_list_and_is_shown_below_it(client, deliver, begin):
    begun = begin()
    finished = deliver(event(tlrSid="click-1")).json["application"]
    found = page(client)
    assert found.main["data-total"] == "0"
    assert "There is nobody left to follow up with" in words(found.select_one("#results"))
    (row,) = found.select(".part-lately tr[data-application]")
    assert (row["data-application"], row["data-linked"]) == (begun, finished)
    assert "Finished on their own, recognized by the same click" in words(row)
    assert row.select_one(".row-link")["href"] == f"/applications/{finished}"
    assert row.find("a", class_="above")["href"] == f"/incomplete/{begun}"


def test_who_finished_under_their_own_id_is_linked_to_themselves(client, deliver, begin):
    begun = begin("Bea")
    talroo_id = "own-id"
    own = deliver(event(kind="started:v1", application_id=talroo_id)).json["application"]
    deliver(event(application_id=talroo_id))
    linked = {row["data-application"]: row.get("data-linked") for row in page(client).select("tr[data-application]")}
    assert linked == {begun: None, own: own}


def test_after_how_many_messages_somebody_came_back_is_said(app, client, deliver, begin):
    change(app, begin(), messages=2)
    deliver(event(tlrSid="click-1"))
    (row,) = rows(client, "/incomplete?show=recovered")
    assert "Finished after email 2" in words(row)
    tile = next(tile for tile in page(client).select(".tiles a") if "Finished later" in tile.text)
    assert words(tile) == "1 100%, 1 after an email Finished later"


# --- one person -----------------------------------------------------------------------------------------------------


def test_the_page_of_somebody_tells_what_is_known_what_is_missing_and_where_they_stopped(client, deliver, begin):
    deliver(event(applicant={"emailAddress": "other@example.com"}, questionsAndAnswers=FORM))
    begun = begin(answers=2)
    found = page(client, f"/incomplete/{begun}")
    far = words(found.select_one("[aria-labelledby=far-title]"))
    assert "2 of 3 questions" in far
    assert "Stopped before Question 3?" in far
    assert "Missing phone number, address, résumé" in far
    assert [one["data-state"] for one in found.select("[data-question]")] == ["answered", "answered"]
    assert "Started, not yet submitted" in words(found.select_one(".part-timeline"))
    assert found.find("a", href=f"/incomplete/message?application={begun}")


def test_who_answered_everything_stopped_before_sending_it(app, client, begin):
    begun = begin(answers=1)
    change(app, begun, answered=3, asked=3, stopped_at=None, stopped_at_id=None)
    assert "Stopped before submitting it" in words(page(client, f"/incomplete/{begun}").main)


def test_a_phone_number_gives_links_to_call_and_to_text_with_the_words_filled_in(client, begin):
    begun = begin("Zoë & co", phone="(512) 555-0123")
    found = page(client, f"/incomplete/{begun}")
    assert found.select_one("a.button[href^='tel:']")["href"] == "tel:+15125550123"
    sms = found.select_one("a[href^='sms:']")["href"]
    number, _, body = sms.partition("?body=")
    assert number == "sms:+15125550123"
    assert unquote(body) == found.select_one("#short-text").text
    assert "Hi Zoë & co, you started an application for Picker at Harbor & Vale" in unquote(body)
    assert not set(" &?#ë") & set(body)
    assert "http" not in unquote(body)


@pytest.mark.parametrize("phone", [None, "ask my mother", "12"])
def test_what_is_no_number_gives_no_links(client, begin, phone):
    begun = begin(phone=phone)
    assert page(client, f"/incomplete/{begun}").select("a[href^='sms:'], a.button[href^='tel:']") == []


@pytest.mark.parametrize(
    ("columns", "why"), [({"opted_out_at": utcnow()}, "They opted out"), ({"messages": 0}, "no email address")]
)
def test_who_may_not_be_written_to_has_no_button_and_the_page_says_why(app, client, begin, columns, why):
    begun = begin(email=None if "messages" in columns else "{name}@example.com")
    change(app, begun, **columns)
    found = page(client, f"/incomplete/{begun}")
    assert found.select("a[href^='/incomplete/message?application=']") == []
    assert why in words(found.select_one(".outcome"))


def test_who_wants_no_messages_and_told_a_person_is_noted_and_a_mistake_taken_back(client, begin):
    address = f"/incomplete/{begin()}"
    token = {"csrf_token": token_of(client.get(address).text)}
    form = page(client, address).select_one("details.confirm form")
    assert (form["method"], form["action"]) == ("post", f"{address}/opt-out")
    client.post(form["action"], data=token)
    noted = page(client, address)
    assert "Opted out" in words(noted.select_one(".person-facts"))
    assert "They opted out of messages." in words(noted.select_one(".outcome"))
    assert "The applicant opted out of messages." in words(noted.select_one(".part-timeline"))
    assert "hr-admin@example.com" in words(noted.select_one(".part-timeline"))
    back = noted.select_one("details.confirm form")
    assert back["action"] == f"{address}/opt-out/undo"
    client.post(back["action"], data=token)
    free = page(client, address)
    assert "Opted out" not in words(free.select_one(".person-facts"))
    assert free.select_one("a[href^='/incomplete/message?application=']")
    client.post(back["action"], data=token)
    assert "Nothing was changed" in words(page(client, address).select_one(".flash"))


@pytest.mark.parametrize("person", [{"email": None}, {"opted out": True}])
def test_where_nothing_can_be_noted_or_taken_back_nothing_is_offered(app, client, begin, person):
    """Without an address, or where the applicant asked for it themselves."""
    begun = begin(email=person.get("email", "{name}@example.com"))
    if "opted out" in person:
        secrets = (app.config["SECRET_KEY"],)
        with app.app_context():
            opt_outs.opt_out(db.session(), "Ada@example.com", "link", utcnow(), secrets)
            db.session.commit()
    assert page(client, f"/incomplete/{begun}").select("details.confirm") == []


def test_who_wants_no_messages_can_be_called_and_is_not_texted(app, client, begin):
    begun = begin(phone="5125550123")
    change(app, begun, opted_out_at=utcnow())
    found = page(client, f"/incomplete/{begun}")
    assert found.select_one("a.button[href^='tel:']")
    assert found.select("a[href^='sms:'], #short-text") == []


def test_where_nobody_knows_how_long_the_form_is_the_page_says_when_it_will_show(app, client, begin):
    begun = begin(answers=2)
    assert "once somebody has finished this job’s form" in words(page(client, f"/incomplete/{begun}").main)
    change(app, begun, asked=3)
    assert "once somebody has finished" not in words(page(client, f"/incomplete/{begun}").main)


def test_the_page_of_who_finished_leads_to_what_they_finished_and_offers_no_message(client, deliver, begin):
    begun = begin(phone="5125550123")
    finished = deliver(event(tlrSid="click-1")).json["application"]
    found = page(client, f"/incomplete/{begun}")
    assert found.main["data-linked"] == finished
    assert "Finished on their own, recognized by the same click" in words(found.select_one(".flash-success"))
    assert found.main.find("a", href=f"/applications/{finished}")
    assert found.select("a[href*='/incomplete/message'], a[href^='sms:']") == []


def test_nobody_who_never_was_incomplete_has_a_page_here(client, deliver):
    finished = deliver(event()).json["application"]
    assert client.get(f"/incomplete/{finished}").status_code == 404


# --- pulling --------------------------------------------------------------------------------------------------------


def pull(client):
    return client.post("/incomplete/sync", data={"csrf_token": token_of(client.get("/incomplete").text)})


def bar(client, path="/incomplete"):
    return page(client, path).select_one("#pulling")


def note_run(app, state="done", **columns):
    with app.app_context():
        now = utcnow()
        told = {"fetched": 9, "new": 2, "updated": 1, "unchanged": 6, "finished_at": now, **columns}
        run = SyncRun(kind=SyncKind.INCOMPLETE, trigger="worker", started_at=now, since=now, state=state, **told)
        db.session.add(run)
        db.session.commit()
        return run.public_id


def alive(app):
    with app.app_context():
        beat(lambda: db.session(), "a worker", now=utcnow())


def test_the_button_asks_once_and_the_bar_waits_for_the_worker(app, client):
    alive(app)
    answer = pull(client)
    assert (answer.status_code, answer.location) == (302, "/incomplete")
    with app.app_context():
        assert db.session.get(SyncState, SyncKind.INCOMPLETE).asked_at
    waiting = bar(client)
    assert waiting["data-sync"] == "asked"
    assert waiting["hx-get"] == "/incomplete/sync?seen=none"
    assert "Starting…" in words(waiting)
    assert waiting.select("button") == []
    pull_again = client.post("/incomplete/sync", data={"csrf_token": token_of(client.get("/incomplete").text)})
    assert pull_again.status_code == 302
    assert "Already getting the latest" in words(page(client).select_one(".flash"))


def test_without_a_living_worker_the_bar_says_what_it_waits_for(client):
    pull(client)
    assert "is not running (never seen)" in words(bar(client))


def test_a_running_pull_shows_its_counts_and_is_looked_at_again(app, client):
    with app.app_context():
        now = utcnow()
        run = SyncRun(
            kind=SyncKind.INCOMPLETE,
            trigger="button",
            started_at=now,
            since=now,
            state="running",
            expected=5_000,
            fetched=250,
            new=12,
        )
        db.session.add(run)
        db.session.flush()
        db.session.merge(SyncState(kind=SyncKind.INCOMPLETE, run_id=run.id, lease_until=now + timedelta(minutes=5)))
        db.session.commit()
    found = bar(client)
    assert found["data-sync"] == "running"
    assert found["hx-trigger"] == "every 2s"
    assert "250 of about 5,000 checked, 12 new" in words(found)
    progress = found.find("progress")
    assert (progress["value"], progress["max"]) == ("250", "5000")
    assert found.find("noscript").find("a")["href"] == "/incomplete"


def test_the_last_pull_and_the_next_are_told_in_words(app, client):
    alive(app)
    assert "Nothing imported from Talroo yet." in words(bar(client))
    note_run(app, failed=2)
    told = words(bar(client))
    assert "Updated just now: 2 new, 1 changed." in told
    assert "2 could not be read; they are kept in deliveries" in told
    assert "Next update in 14 min" in told or "Next update in 15 min" in told


@pytest.mark.parametrize(
    ("state", "told"),
    [
        ("failed", "failed: Talroo refused the App Client."),
        ("interrupted", "interrupted. The next one goes on where it stopped"),
    ],
)
def test_a_pull_that_did_not_end_well_says_so(app, client, state, told):
    note_run(app, state, problem="Talroo refused the App Client.")
    assert told in words(bar(client))


def test_whoever_waited_is_offered_what_came_and_who_opens_the_page_is_not(app, client):
    before = note_run(app)
    after = note_run(app, new=5)
    assert "Show them" not in words(bar(client))
    assert "5 new, 1 changed. Show them" in words(bar(client, f"/incomplete/sync?seen={before}"))
    assert "Show them" not in words(bar(client, f"/incomplete/sync?seen={after}"))


def test_a_pull_that_brought_nothing_is_told_once(app, client):
    note_run(app, new=0, updated=0)
    told = words(bar(client, "/incomplete/sync?seen=none"))
    assert "Updated just now: nothing new." in told
    assert (told.count("new"), told.count("changed")) == (1, 0)
    assert "Show them" not in told


def test_the_part_that_looks_again_is_only_that_part(client):
    answer = client.get("/incomplete/sync?seen=" + "x" * 5_000)
    assert answer.status_code == 200
    assert "<html" not in answer.text


def test_without_an_app_client_the_button_is_off_and_says_why(make_app, sqlite_url):
    client = signed_in_client(make_app(sqlite_url), "hr_admin")
    found = bar(client)
    button = found.find("button")
    assert button.has_attr("disabled")
    assert "TALROO_CLIENT_ID" in words(found.find(id=button["aria-describedby"]))
    pull(client)
    assert "no App Client" in words(page(client).select_one(".flash-error"))
    with client.application.app_context():
        assert not sync.status(db.session(), SyncKind.INCOMPLETE, now=utcnow(), interval=0).asked


def test_where_nothing_is_pulled_by_itself_the_bar_says_so(make_app, sqlite_url):
    app = make_app(sqlite_url, talroo_client_id="a", talroo_client_secret="b", talroo_sync_interval=0)
    assert "Automatic updates are off" in words(bar(signed_in_client(app, "hr_admin")))


# --- where people stop ----------------------------------------------------------------------------------------------


def test_where_people_stop_leads_from_the_worst_job_to_its_questions(client, deliver, begin):
    deliver(event(applicant={"emailAddress": "other@example.com"}, questionsAndAnswers=FORM))
    for name in ("Ada", "Bea", "Cyd"):
        begin(name, answers=1)
    first = page(client, "/incomplete/stops").select_one("tbody tr")
    assert words(first) == "Picker Harbor & Vale most stop before “Question 2?” 4 3 75%"
    table = page(client, first.select_one(".row-link")["href"]).select_one("table.stops")
    assert [words(row) for row in table.select("tbody tr")] == [
        "Contact page 4 0 0%",
        "Question 1? 4 0 0%",
        "Question 2? 4 3 75%",
        "Question 3? 1 0 0%",
        "Review and submit 1 0 0%",
    ]
    assert all(bar["aria-hidden"] == "true" for bar in table.select("svg"))


def test_where_people_stop_without_anybody_and_with_a_job_that_is_not_there(client):
    assert "Nobody dropped off" in words(page(client, "/incomplete/stops").main)
    assert "There is no such job" in words(page(client, "/incomplete/stops?job=nothing").main)


# --- the inbox's selects, asked here since its beginnings -------------------------------------------------------------


def test_the_select_shows_which_job_was_asked_for_in_either_spelling(sign_in, deliver):
    deliver(event(job={"originalJobReference": "WH-1", "title": "Picker"}))
    client = sign_in("recruiter")
    for screen in ("/applications", "/conversions", "/dispositions"):
        options = BeautifulSoup(client.get(screen).text, "html.parser").select("#filter-job option")
        for spelling in (options[1]["value"], "WH-1", "Picker"):
            found = BeautifulSoup(client.get(screen, query_string={"job": spelling}).text, "html.parser")
            (chosen,) = found.select("#filter-job option[selected]")
            assert (chosen["value"], chosen.text) == (spelling, "Picker · Harbor & Vale")


@pytest.mark.parametrize("address", ["/conversions", "/conversions.csv", "/dispositions.csv", "/applications.csv"])
def test_a_job_with_a_nul_in_it_is_read_without_it(sign_in, address):
    assert sign_in("recruiter").get(f"{address}?job=a%00b").status_code == 200


def test_how_many_of_a_page_cannot_be_chosen_and_why_is_told_over_the_list(app, client, begin):
    begin("Ada")
    assert "can’t be emailed" not in words(page(client).select_one(".count"))
    begin("Bea", email=None)
    begin("Cy", email=None, phone="5125550123")
    change(app, begin("Di"), opted_out_at=utcnow())
    change(app, begin("Eve"), messages=3)
    told = page(client, "/incomplete?select=page")
    assert len(told.select("[name=application][checked]")) == 1
    before, _, why = words(told.select_one(".count")).partition(" on this page can’t be emailed: ")
    assert before.endswith(" 4")
    assert set(why.split(", ")) == {"no email address (2)", "got 3 emails (1)", "opted out (1)"}


def test_a_search_without_a_word_is_said_and_searches_nothing(client, begin):
    begin("Ada")
    found = page(client, "/incomplete?q=%2D%2D")
    assert found.main["data-total"] == "1"
    assert words(found.select_one("#results .flash")).startswith("Nothing to search for in “--”")
    assert found.select_one("#q")["value"] == "--"
