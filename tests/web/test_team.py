"""What colleagues say and do on an application's page, and who they are told of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from bs4 import BeautifulSoup
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event, select
from werkzeug.test import TestResponse

from dashboard.extensions import db
from dashboard.models import Application, Note, Seen
from tests.factories import event as delivered_event
from tests.noting import notes


class Desk:
    """A colleague's browser on one application's page."""

    def __init__(self, client: FlaskClient, public_id: str, query: str = "") -> None:
        self.client, self.address, self.query = client, f"/applications/{public_id}", query
        self.look()

    def look(self) -> Desk:
        return self.show(self.client.get(f"{self.address}{self.query}"))

    def show(self, answer: TestResponse) -> Desk:
        self.status, self.page = answer.status_code, BeautifulSoup(answer.text, "html.parser")
        return self

    def fields(self, verb: str) -> dict[str, str]:
        """What a form of the page sends as it stands there."""
        at = f"{self.address}/{verb}"
        form = self.page.select_one(f'form[action="{at}"], form:has([formaction="{at}"])')
        assert form is not None, verb
        sent = {one["name"]: one.get("value", "") for one in form.select("input[type=hidden]")}
        return sent | {one["name"]: one.text.lstrip("\n") for one in form.select("textarea[name]")}

    def send(self, verb: str, headers: dict[str, str] | None = None, **typed: str) -> TestResponse:
        return self.client.post(f"{self.address}/{verb}", data=self.fields(verb) | typed, headers=headers)

    def press(self, verb: str, **typed: str) -> Desk:
        """Send a form and look at where it leads."""
        answer = self.send(verb, **typed)
        assert answer.status_code == 302, answer.text
        assert answer.location == f"{self.address}{self.query}#team"
        return self.look()

    def text(self, where: str) -> str:
        return " ".join(self.page.select_one(where).get_text(" ").split())


@pytest.fixture
def ada(deliver: Callable[..., Any]) -> str:
    return str(deliver(delivered_event()).json["application"])


@pytest.fixture
def rita(sign_in: Callable[..., FlaskClient], ada: str) -> Desk:
    return Desk(sign_in("recruiter"), ada)


@pytest.fixture
def dana(sign_in: Callable[..., FlaskClient], ada: str) -> Desk:
    """Somebody else who may see applications."""
    return Desk(sign_in("hr_admin"), ada)


def stored(app: Flask) -> Application:
    with app.app_context():
        return db.session.scalars(select(Application)).one()


def only_note(app: Flask) -> Note:
    with app.app_context():
        return db.session.scalars(select(Note)).one()


def test_a_rating_is_one_press_and_the_same_press_takes_it_away(app: Flask, rita: Desk):
    rita.press("rating", rating="3")
    assert stored(app).rating == 3
    given = rita.page.select_one('button[name=rating][aria-pressed="true"]')
    assert given["value"] == ""
    rita.press("rating", rating=given["value"])
    assert stored(app).rating is None
    assert "Rating 3 → none" in rita.text("#timeline")


def test_it_is_given_to_a_colleague_to_oneself_and_to_nobody(app: Flask, rita: Desk, dana: Desk):
    rita.press("assign", assigned="me")
    assert rita.page.select_one("#assigned option[selected]").text == "recruiter@example.com (you)"
    colleague = next(one for one in rita.page.select("#assigned option") if one.text == "hr-admin@example.com")
    rita.press("assign", assigned=colleague["value"])
    assert "Assigned to hr-admin@example.com (was recruiter@example.com)" in rita.text("#timeline")
    rita.press("assign", assigned="none")
    assert stored(app).assigned_to_id is None


def test_only_whom_it_can_be_given_is_offered(rita: Desk, sign_in: Callable[..., FlaskClient]):
    sign_in("it_admin")
    rita.look()
    assert [one.text for one in rita.page.select("#assigned option")] == ["Nobody", "recruiter@example.com (you)"]


def test_a_tag_is_put_on_offered_to_others_and_taken_off(rita: Desk):
    rita.press("tags", tag="Night  Shift")
    assert rita.text(".chip-tag bdi") == "Night Shift"
    assert [one["value"] for one in rita.page.select("#tag-names option")] == ["Night Shift"]
    off = rita.page.select_one(".chip-tag button")["value"]
    rita.press("tags/remove", off=off)
    assert rita.page.select_one(".chip-tag") is None
    # A second press, or a colleague's who was slower.
    assert rita.client.post(f"{rita.address}/tags/remove", data=rita.fields("tags") | {"tag": off}).status_code == 302


@pytest.mark.parametrize(
    ("verb", "typed", "told"),
    [
        ("rating", {"rating": "9"}, "A rating is a number from 1 to 4."),
        ("assign", {"assigned": "nobody's id"}, "Choose a colleague from the list"),
        ("tags", {"tag": "x" * 41}, "A tag has at most 40 characters."),
        ("notes", {"body": " "}, "Enter a note first."),
    ],
)
def test_what_cannot_be_is_said_and_what_was_typed_stands_there_still(rita: Desk, verb: str, typed: Any, told: str):
    rita.show(rita.send(verb, **typed))
    assert rita.status == 400
    assert told in rita.text(".flash-error")
    if verb == "tags":
        assert rita.page.select_one("#tag")["value"] == typed["tag"]


def test_a_note_that_is_too_long_is_not_lost(rita: Desk):
    words = "so much to say " * 300
    rita.show(rita.send("notes", body=words))
    assert rita.status == 400
    assert rita.fields("notes")["body"].strip() == words.strip()


def test_a_note_tells_whom_it_names_until_they_open_the_page(app: Flask, rita: Desk, dana: Desk):
    rita.show(rita.client.get(rita.send("notes", body="@hr-admin please call").location))
    assert "Notified: hr-admin@example.com." in rita.text(".flash-success")
    assert "@hr-admin please call" in rita.text("#timeline")
    dana.look()
    assert "1 unread" in dana.text(".who-mentions")
    listed = dana.client.get("/mentions").text
    assert "@hr-admin please call" in listed
    assert "Unread" in listed
    # To look at the page is what a prefetching browser does; to say so is what its reader's does.
    dana.client.post(f"{dana.address}/looking", data={"csrf_token": token(dana)})
    dana.look()
    assert dana.text(".who-mentions") == "Mentions"
    again = dana.client.get("/mentions").text
    assert "@hr-admin please call" in again
    assert "Unread" not in again


def token(desk: Desk) -> str:
    return str(desk.page.select_one("#looking [name=csrf_token]")["value"])


@pytest.mark.parametrize(
    ("verb", "typed"),
    [
        ("rating", {"rating": "2"}),
        ("assign", {"assigned": "me"}),
        ("tags", {"tag": "night"}),
        ("tags/remove", {"off": "?"}),
    ],
)
@pytest.mark.parametrize("headers", [{}, {"HX-Request": "true"}], ids=["plain", "htmx"])
def test_a_note_that_is_being_written_stands_there_whatever_else_is_pressed(rita: Desk, verb, typed, headers):
    if verb == "tags/remove":
        rita.press("tags", tag="day")
    rita.show(rita.send(verb, headers, body="Half a sen", **typed))
    assert (rita.status, rita.fields("notes")["body"]) == (200, "Half a sen")
    assert rita.page.select_one("#team-note[data-unsent]")
    rita.press("notes", body="Half a sentence")
    assert rita.fields("notes")["body"] == ""


def test_who_is_named_and_is_not_there_is_told_to_who_wrote(rita: Desk, dana: Desk):
    rita.press("notes", body="@nobody and @recruiter2, @recruiter says hello")
    headers = {"HX-Request": "true"}
    rita.show(rita.send("notes", headers, body="@hr-admin, @nobody and @recruiter2, @recruiter says hello"))
    told = "Note added. Notified: hr-admin@example.com. No colleague found for @nobody, @recruiter2."
    assert told in " ".join(flash.get_text() for flash in rita.page.select("#team .flash"))


def test_a_note_sent_twice_is_one_note(app: Flask, rita: Desk):
    first, second = (rita.send("notes", body="Called, no answer") for _ in range(2))
    assert (first.status_code, second.status_code) == (302, 302)
    assert only_note(app).body == "Called, no answer"


def test_whoever_wrote_a_note_changes_it_and_takes_it_away(app: Flask, rita: Desk):
    rita.press("notes", body="Called")
    at = f"notes/{only_note(app).public_id}"
    rita.press(at, body="Called twice")
    assert "Note (edited)" in rita.text("#timeline")
    answer = rita.client.post(f"{rita.address}/{at}/remove", data=rita.fields(at))
    assert answer.status_code == 302
    assert "Called twice" not in rita.look().text("#timeline")
    assert "Removed a note" in rita.text("#timeline")


def test_of_two_who_change_a_note_at_once_neither_loses_a_word(app: Flask, rita: Desk):
    rita.press("notes", body="Called")
    at = f"notes/{only_note(app).public_id}"
    elsewhere = Desk(rita.client, rita.address.rpartition("/")[2])
    rita.press(at, body="Called on Monday")
    elsewhere.show(elsewhere.send(at, body="Called, and wants the night shift"))
    assert elsewhere.status == 409
    assert "Not saved: this note was changed meanwhile." in elsewhere.text(".flash-error")
    assert elsewhere.fields(at)["body"] == "Called, and wants the night shift"
    assert "Called on Monday" in elsewhere.text("#timeline")
    elsewhere.press(at, body="Called on Monday, and wants the night shift")
    assert only_note(app).body == "Called on Monday, and wants the night shift"


def test_what_is_written_over_a_note_that_is_gone_stands_in_the_form_for_a_new_one(app: Flask, rita: Desk):
    rita.press("notes", body="Called")
    at = f"notes/{only_note(app).public_id}"
    elsewhere = Desk(rita.client, rita.address.rpartition("/")[2])
    rita.client.post(f"{rita.address}/{at}/remove", data=rita.fields(at))
    elsewhere.show(elsewhere.send(at, body="Called twice"))
    assert elsewhere.status == 409
    assert elsewhere.fields("notes")["body"] == "Called twice"


def test_nobody_changes_somebody_elses_note_and_an_administrator_may_remove_it(app: Flask, rita: Desk, dana: Desk):
    dana.press("notes", body="Salary agreed")
    at = f"notes/{only_note(app).public_id}"
    assert rita.look().page.select_one(".note-tools") is None
    assert rita.client.post(f"{rita.address}/{at}", data=rita.fields("notes") | {"edits": "0"}).status_code == 400
    refused = rita.client.post(f"{rita.address}/{at}/remove", data=rita.fields("notes") | {"edits": "0"})
    assert refused.status_code == 400
    assert only_note(app).body == "Salary agreed"


def test_a_note_of_another_application_is_not_found_here(app: Flask, rita: Desk, deliver: Callable[..., Any]):
    rita.press("notes", body="Called")
    other = Desk(rita.client, deliver(delivered_event()).json["application"])
    answer = other.client.post(f"{other.address}/notes/{only_note(app).public_id}", data=other.fields("notes"))
    assert answer.status_code == 404


def test_the_list_that_came_along_stays(sign_in: Callable[..., FlaskClient], ada: str):
    desk = Desk(sign_in("recruiter"), ada, query="?q=ada&tab=new")
    desk.press("rating", rating="2")
    desk.press("tags", tag="night")


def test_to_htmx_only_that_part_and_the_history_are_sent(rita: Desk):
    answer = rita.send("rating", headers={"HX-Request": "true"}, rating="4")
    part = BeautifulSoup(answer.text, "html.parser")
    assert answer.status_code == 200
    assert part.select_one("html") is None
    assert part.select_one('#team [aria-pressed="true"]')["id"] == "rating-4"
    assert "Rating none → 4" in part.select_one('#timeline[hx-swap-oob="true"]').get_text()
    refused = rita.send("notes", headers={"HX-Request": "true"}, body="")
    assert "Enter a note first." in BeautifulSoup(refused.text, "html.parser").select_one("#team .flash").text


def test_two_who_have_it_open_see_each_other_and_a_prefetched_page_says_nothing(app: Flask, rita: Desk, dana: Desk):
    with app.app_context():
        assert db.session.scalars(select(Seen)).all() == []
    assert rita.text("#looking-words") == ""
    alone = rita.client.post(f"{rita.address}/looking", data={"csrf_token": token(rita)})
    assert alone.text.strip() == ""
    other = dana.client.get(f"{dana.address}/looking.svg")
    assert (other.status_code, other.mimetype) == (200, "image/svg+xml")
    told = rita.client.post(f"{rita.address}/looking", data={"csrf_token": token(rita)})
    assert "hr-admin@example.com" in told.text
    assert "is looking at this" in " ".join(told.text.split())
    assert rita.look().text("#looking-words") == "hr-admin@example.com is looking at this"


def test_nobody_who_was_never_named_has_mentions(rita: Desk):
    assert "No mentions yet" in rita.client.get("/mentions").text


# --- how much a page asks -------------------------------------------------------------------------------------------


def statements(app: Flask, run: Callable[[], Any]) -> list[str]:
    sent: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        sent.append(statement)

    with app.app_context():
        engine = db.engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        run()
    finally:
        event.remove(engine, "before_cursor_execute", note)
    return [one for one in sent if one.startswith(("SELECT", "INSERT", "UPDATE", "WITH")) and not notes(one)]


def test_a_page_with_everything_on_it_takes_four_statements_as_an_empty_one_does(stocked, sign_in, deliver):
    """Who asks, with the navigation's numbers; the application; all that belongs to it; the list it stands in.

    In order of names, the list takes two.
    """
    empty = Desk(sign_in("hr_admin"), deliver(delivered_event()).json["application"])
    full = Desk(sign_in("hr_admin"), stocked.ids["applications"], "?q=xyzzyqua")
    for verb, typed in (
        ("rating", {"rating": "4"}),
        ("assign", {"assigned": "me"}),
        ("tags", {"tag": "night"}),
        ("tags", {"tag": "day"}),
        ("notes", {"body": "@recruiter see"}),
        ("notes", {"body": "and again"}),
    ):
        full.press(verb, **typed)
    other = Desk(sign_in("recruiter"), stocked.ids["applications"])
    other.client.post(f"{other.address}/looking", data={"csrf_token": token(other)})
    for desk in (empty, full):
        desk.look()
        found = statements(stocked.app, desk.look)
        assert desk.status == 200
        assert len(found) == 4, "\n\n".join(found)
    assert full.text("#looking-words") == "recruiter@example.com is looking at this"
    full.query = "?sort=name"
    assert len(statements(stocked.app, full.look)) == 5
