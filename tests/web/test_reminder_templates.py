"""`/incomplete/templates`: writing the words reminders begin with."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import delete, select
from werkzeug.test import TestResponse

from dashboard.extensions import db
from dashboard.models import ReminderTemplate
from dashboard.services.reminder_words import FIELDS
from tests.application import signed_in_client
from tests.following_up import token_of, typed, words

LIST = "/incomplete/templates"
GOOD = {
    "name": "After a day",
    "subject": "{first_name}, one step left",
    "body": "Dear {first_name},\n\nAs {job_title}.",
}


class Desk:
    """An HR administrator at the templates."""

    def __init__(self, client: FlaskClient) -> None:
        self.client = client

    def see(self, path: str = LIST) -> str:
        answer = self.client.get(path)
        assert answer.status_code == 200
        return answer.text

    def press(self, path: str, **fields: str) -> TestResponse:
        token = token_of(self.see(f"{LIST}/new"))
        return self.client.post(path, data={"csrf_token": token, **fields})

    def save(self, path: str = f"{LIST}/new", **fields: str) -> TestResponse:
        return self.press(path, **{**GOOD, "do": "save", **fields})

    def address_of(self, name: str) -> str:
        return re.findall(rf'href="({LIST}/[^"]+)"><bdi>{name}<', self.see())[0]


@pytest.fixture
def desk(app: Flask, sign_in: Callable[..., FlaskClient]) -> Desk:
    """Without the templates that are there from the start."""
    with app.app_context():
        db.session.execute(delete(ReminderTemplate))
        db.session.commit()
    return Desk(sign_in("hr_admin"))


def saved(app: Flask) -> list[tuple[str, str, str]]:
    with app.app_context():
        columns = (ReminderTemplate.name, ReminderTemplate.subject, ReminderTemplate.body)
        return [tuple(row) for row in db.session.execute(select(*columns).order_by(ReminderTemplate.id))]


def test_a_new_site_has_templates_to_start_from_that_can_be_used_as_they_are(sign_in: Callable[..., FlaskClient]):
    client = sign_in("hr_admin")
    addresses = re.findall(rf'<a class="row-link" href="({LIST}/[^"]+)"', client.get(LIST).text)
    assert len(addresses) == 3
    for address in addresses:
        page = client.get(address).text
        fields = {name: typed(page, name) for name in ("csrf_token", "version", "name", "subject", "body")}
        assert fields["body"].startswith("Hi {first_name|there},\n\n")
        assert "{apply_link}" in fields["body"]
        assert client.post(address, data={**fields, "do": "save"}).status_code == 302


def test_a_template_is_written_listed_and_opened_again(desk: Desk, app: Flask):
    assert "No templates" in desk.see()
    assert desk.save(body="Dear {first_name},\r\n\r\n  see {apply_link}\r\n").location == LIST
    assert saved(app) == [(GOOD["name"], GOOD["subject"], "Dear {first_name},\n\n  see {apply_link}")]
    said = words(desk.see())
    for expected in ("“After a day” is saved.", "{first_name}, one step left", "Not used yet", "hr-admin@example.com"):
        assert expected in said
    page = desk.see(desk.address_of("After a day"))
    assert typed(page, "body") == "Dear {first_name},\n\n  see {apply_link}"


def test_a_text_that_begins_with_empty_lines_keeps_them(desk: Desk):
    desk.save(body="\n\nHello")
    assert typed(desk.see(desk.address_of("After a day")), "body") == "\n\nHello"


@pytest.mark.parametrize(
    ("fields", "at", "sentence"),
    [
        ({"name": " "}, "name", "Enter a name."),
        ({"name": "n" * 101}, "name", "Use at most 100 characters"),
        ({"name": "two\nlines"}, "name", "Use one line"),
        ({"subject": ""}, "subject", "Enter a subject."),
        ({"subject": "Hello\r\nBcc: everybody@example.com"}, "subject", "Use one line"),
        ({"subject": "Hello\u2028there"}, "subject", "Use one line"),
        ({"subject": "s" * 301}, "subject", "Use at most 300 characters. This has 301."),
        ({"subject": "{firstname}"}, "subject", "There is no merge field {firstname}. The fields are {first_name}"),
        ({"body": " \n "}, "body", "Enter a message."),
        ({"body": "b" * 5_001}, "body", "Use at most 5,000 characters. This has 5,001."),
        ({"body": "Dear {first_name"}, "body", "There is a single { in the text."),
        ({"body": "Dear {0.__class__}"}, "body", "There is no merge field {0.__class__}."),
        ({"body": "nul\0"}, "body", "Remove the invisible characters"),
    ],
)
def test_what_cannot_be_a_template_is_said_at_its_field_and_nothing_typed_is_lost(
    desk: Desk, app: Flask, fields: dict[str, str], at: str, sentence: str
):
    answer = desk.save(**fields)
    assert answer.status_code == 400
    assert saved(app) == []
    (found,) = re.findall(rf'id="problem-{at}">(.*?)</p>', answer.text, re.DOTALL)
    assert sentence in words(found)
    assert re.search(rf'name="{at}"[^>]* aria-invalid="true" aria-describedby="problem-{at}', answer.text)
    kept = next(name for name in GOOD if name not in fields)
    assert typed(answer.text, kept) == GOOD[kept]


def test_emoji_and_right_to_left_marks_are_words_like_others(desk: Desk, app: Flask):
    desk.save(subject="👩‍🏭 \u200fשלום", body="👩‍🏭")
    assert saved(app)[0][1] == "👩‍🏭 \u200fשלום"


def test_a_template_is_changed_and_says_so(desk: Desk, app: Flask):
    desk.save()
    address = desk.address_of("After a day")
    version = typed(desk.see(address), "version")
    assert desk.save(address, subject="Still there?", version=version).status_code == 302
    assert saved(app) == [("After a day", "Still there?", GOOD["body"])]


def test_of_two_who_change_a_template_the_second_is_told_and_keeps_the_words(desk: Desk, app: Flask):
    desk.save()
    address = desk.address_of("After a day")
    version = typed(desk.see(address), "version")
    desk.save(address, subject="The first", version=version)
    answer = desk.save(address, subject="The second", version=version)
    assert answer.status_code == 409
    assert "hr-admin@example.com changed this template meanwhile" in words(answer.text)
    assert typed(answer.text, "subject") == "The second"
    assert saved(app)[0][1] == "The first"
    again = desk.save(address, subject="The second", version=typed(answer.text, "version"))
    assert again.status_code == 302
    assert saved(app)[0][1] == "The second"


def test_a_new_template_that_is_sent_twice_is_one(desk: Desk, app: Flask):
    assert desk.save().status_code == desk.save().status_code == 302
    assert len(saved(app)) == 1


def test_two_templates_cannot_have_one_name(desk: Desk, app: Flask):
    desk.save()
    answer = desk.save(name="after a DAY", subject="Another")
    assert answer.status_code == 400
    assert "Another template has this name." in words(answer.text)
    assert len(saved(app)) == 1


def test_a_preview_shows_an_example_person_and_saves_nothing(desk: Desk, app: Flask):
    answer = desk.press(f"{LIST}/new", name="", subject="For {first_name}", body="{{as}} {job_title}: {apply_link}")
    assert answer.status_code == 200
    preview = words(re.findall(r'id="preview".*?</section>', answer.text, re.DOTALL)[0])
    for expected in ("For Ada", "{as} Warehouse associate: https://jobs.example.com", "/unsubscribe/"):
        assert expected in preview
    assert "Enter a name." not in answer.text
    assert saved(app) == []


def test_the_preview_of_half_a_merge_field_says_what_is_wrong_with_it(desk: Desk):
    answer = desk.press(f"{LIST}/new", body="Dear {first_")
    assert answer.status_code == 200
    assert "There is a single {" in words(re.findall(r'id="preview".*?</section>', answer.text, re.DOTALL)[0])


def test_every_merge_field_is_listed_beside_the_form(desk: Desk):
    said = words(desk.see(f"{LIST}/new"))
    for name, label in FIELDS.items():
        assert f"{{{name}}} {label}" in said


def test_markup_in_a_template_is_words(desk: Desk):
    desk.save(name="<b>bold</b>", subject="<i>", body="</textarea><script>x</script>")
    for page in (desk.see(), desk.see(re.findall(rf'row-link" href="({LIST}/[^"]+)"', desk.see())[0])):
        assert "<b>bold" not in page
        assert "<script>x" not in page


def test_an_archived_template_is_put_away_and_offered_again(desk: Desk):
    desk.save()
    address = desk.address_of("After a day")
    assert desk.press(f"{address}/archive").location == LIST
    said = words(desk.see())
    assert "“After a day” is archived." in said
    assert "1 archived" in said
    assert desk.save(subject="A new one of that name").status_code == 302
    assert desk.press(f"{address}/restore").location == LIST
    assert "1 archived" not in words(desk.see())


@pytest.mark.parametrize("verb", ["", "/archive", "/restore"])
def test_what_is_no_template_is_404(desk: Desk, verb: str):
    assert desk.press(f"{LIST}/none{verb}").status_code == 404


@pytest.mark.parametrize("role", ["recruiter", "it_admin"])
def test_only_hr_administrators_come_here(sign_in: Callable[..., Any], role: str):
    for path in (LIST, f"{LIST}/new", f"{LIST}/none"):
        assert sign_in(role).get(path).status_code == 403


def test_a_usual_apply_address_with_a_place_for_the_reference_breaks_no_page(
    make_app: Callable[..., Flask], database_url: str
):
    client = signed_in_client(make_app(database_url, apply_url="https://jobs.example.com/{job_reference}"), "hr_admin")
    addresses = re.findall(rf'<a class="row-link" href="({LIST}/[^"]+)"', client.get(LIST).text)
    assert addresses
    for address in (f"{LIST}/new", *addresses):
        assert client.get(address).status_code == 200


def test_the_preview_shows_the_value_and_not_the_fallback_and_the_form_tells_of_it(desk: Desk):
    answer = desk.press(f"{LIST}/new", name="", subject="x", body="Hi {first_name|there}")
    assert "Hi Ada" in words(re.findall(r'id="preview".*?</section>', answer.text, re.DOTALL)[0])
    assert "Hi {first_name|there} becomes “Hi there”." in words(answer.text)
