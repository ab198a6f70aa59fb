"""Many at once on the site: looked at, confirmed, done once, told, taken back; and what they sent, to keep."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib import import_module
from threading import BoundedSemaphore
from zipfile import ZipFile

import pytest
from bs4 import BeautifulSoup
from flask.testing import FlaskClient
from sqlalchemy import func, insert, select, update
from werkzeug.test import TestResponse

from dashboard.extensions import db
from dashboard.models import Application, ApplicationTag, BulkAction, Outbound, StageChange
from dashboard.one_at_a_time import alone
from dashboard.services import bulk, bundle
from tests.factories import event, file_object

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
PEOPLE = ("Ada", "Bea", "Cleo")


@pytest.fixture
def people(deliver) -> dict[str, str]:
    """First name → id."""
    return {name: deliver(arrival(name)).json["application"] for name in PEOPLE}


def arrival(name: str, **data):
    resume = file_object(f"%PDF-1.4 {name}".encode(), "cv.pdf")
    applicant = {"firstName": name, "lastName": "Many", "emailAddress": f"{name}@many.example", "resume": resume}
    asked = [{"question": {"id": "n", "type": "text", "question": "Nights?"}, "answer": f"Yes, {name}"}]
    sheet = {"questionsAndAnswers": asked}
    click = f"00000000-0000-4000-8000-0000000000{PEOPLE.index(name):02}" if name in PEOPLE else None
    return event(applicant=applicant, questionsAndAnswers=sheet, tlrSid=click, **data)


def post(client: FlaskClient, path: str, fields: dict[str, object], **more) -> TestResponse:
    token = re.search(r'csrf_token" value="([^"]+)', client.get("/applications").text)[1]
    return client.post(f"/applications/bulk{path}", data={"csrf_token": token, **fields}, **more)


def chosen(client: FlaskClient, ids: Sequence[str], do: str, **fields) -> TestResponse:
    return post(client, "", {"application": [f"{one}:0" for one in ids], "do": do, **fields})


def confirm(client: FlaskClient, page: TestResponse, **fields) -> TestResponse:
    """Press the button of a confirmation."""
    form = BeautifulSoup(page.text, "html.parser").select_one("form.bulk-confirm")
    sent: dict[str, list[str]] = {}
    for one in form.select("input[name]"):
        sent.setdefault(one["name"], []).append(one.get("value", ""))
    return client.post(form["action"], data=sent | fields)


def words(page: TestResponse) -> list[str]:
    return [one.get_text() for one in BeautifulSoup(page.text, "html.parser").select(".bulk-words li")]


def text(page: TestResponse) -> str:
    return " ".join(BeautifulSoup(page.text, "html.parser").main.get_text(" ").split())


def stages(app) -> dict[str, str]:
    with app.app_context():
        return dict(db.session.execute(select(Application.first_name, Application.stage)).all())


def test_many_are_moved_after_a_look_and_taken_back_as_a_whole(app, people, sign_in):
    client = sign_in()
    asked = chosen(client, list(people.values())[:2], "stage:hired")
    assert words(asked) == [
        "2 applications will change.",
        "2 conversions (event 2) will be sent.",
        "Applicants are not notified.",
    ]
    assert "Ada Many" in text(asked)
    assert "Cleo" not in text(asked)
    assert set(stages(app).values()) == {"new"}, "looking changes nothing"
    done = confirm(client, asked)
    assert done.status_code == 302
    page = client.get(done.location)
    assert "Move to Hired 2 done" in text(page)
    assert stages(app) == {"Ada": "hired", "Bea": "hired", "Cleo": "new"}
    back = post(client, done.location.removeprefix("/applications/bulk").partition("?")[0] + "/undo", {})
    assert "2 restored" in text(client.get(back.location))
    assert set(stages(app).values()) == {"new"}
    with app.app_context():
        assert set(db.session.scalars(select(Outbound.state))) == {"cancelled"}


def test_a_double_click_and_a_reload_are_one_action_and_undone_twice_is_undone_once(app, people, sign_in):
    client = sign_in()
    asked = chosen(client, people.values(), "stage:rejected:withdrew")
    first, second = confirm(client, asked), confirm(client, asked)
    assert first.location == second.location
    with app.app_context():
        assert db.session.scalar(select(func.count()).select_from(BulkAction)) == 1
        assert db.session.scalar(select(func.count()).select_from(StageChange)) == 3
    path = first.location.removeprefix("/applications/bulk")
    post(client, f"{path}/undo", {})
    again = post(client, f"{path}/undo", {}, follow_redirects=True)
    assert "already undone" in text(again)
    assert set(stages(app).values()) == {"new"}


def test_who_was_moved_meanwhile_is_skipped_and_named_with_why(app, people, sign_in):
    client = sign_in()
    asked = chosen(client, people.values(), "stage:rejected:filled", queue="q=many&tab=new")
    post_to = f"/applications/{people['Bea']}/stage"
    token = re.search(r'csrf_token" value="([^"]+)', asked.text)[1]
    client.post(post_to, data={"csrf_token": token, "stage": "offer"})
    page = client.get(confirm(client, asked).location)
    assert "2 done, 1 skipped" in text(page)
    assert "Someone changed it first; it is now in Offer 1 Bea Many" in text(page)
    assert 'href="/applications?q=many&amp;tab=new"' in page.text
    assert stages(app) == {"Ada": "rejected", "Bea": "offer", "Cleo": "rejected"}


def test_what_somebody_changed_since_stays_when_the_rest_is_taken_back(app, people, sign_in):
    client = sign_in()
    done = confirm(client, chosen(client, people.values(), "stage:interview"))
    with app.app_context():
        changed = update(Application).where(Application.first_name == "Bea")
        db.session.execute(changed.values(stage="offer", stage_version=Application.stage_version + 1))
        db.session.commit()
    page = post(client, done.location.removeprefix("/applications/bulk") + "/undo", {}, follow_redirects=True)
    assert "2 restored, 1 not restored" in text(page)
    assert "Not undone Someone changed it since; it is now in Offer 1 Bea Many" in text(page)
    assert stages(app) == {"Ada": "new", "Bea": "offer", "Cleo": "new"}


def test_all_that_match_are_exactly_those_who_were_looked_at(app, deliver, people, sign_in):
    client = sign_in()
    asked = post(client, "", {"all": "1", "queue": "q=many", "do": "hold"})
    assert "Everyone in this list: “many”" in text(asked)
    assert words(asked)[0] == "3 applications will change."
    deliver(arrival("Later"))
    page = client.get(confirm(client, asked).location)
    assert "3 done" in text(page)
    with app.app_context():
        held = select(Application.first_name).where(Application.held_at.is_not(None))
        assert set(db.session.scalars(held)) == set(PEOPLE)


def test_more_than_an_action_takes_are_named_and_told_what_to_do(people, sign_in, monkeypatch):
    monkeypatch.setattr(bulk, "MOST", 2)
    client = sign_in()
    asked = post(client, "", {"all": "1", "queue": "", "do": "hold"})
    assert words(asked)[:2] == [
        "2 applications will change.",
        "These are the newest 2, the most one action can take. Do the rest next.",
    ]
    refused = post(client, "/files", {"all": "1"}, follow_redirects=True)
    assert "too much for one download" in text(refused)


def test_what_a_tag_and_a_colleague_lack_is_asked_on_the_same_page(app, people, sign_in):
    client = sign_in()
    asked = chosen(client, people.values(), "tag")
    assert words(asked) == ["3 applications selected."]
    refused = confirm(client, asked, tag=" ")
    assert refused.status_code == 400
    assert "Enter a tag" in text(refused)
    long = confirm(client, refused, tag="x" * 41)
    assert long.status_code == 400
    assert f'value="{"x" * 41}"' in long.text, "what was typed is still there"
    assert "3 done" in text(client.get(confirm(client, long, tag="Night shift").location))
    with app.app_context():
        assert db.session.scalar(select(func.count()).select_from(ApplicationTag)) == 3
    asked = chosen(client, people.values(), "assign")
    assert "recruiter@example.com" in asked.text
    nobody = confirm(client, asked, user="")
    assert nobody.status_code == 400
    assert "Choose a colleague." in text(nobody)
    assert "nobody-has-this" not in confirm(client, asked, user="nobody-has-this").text


@pytest.mark.parametrize(
    ("do", "told"),
    [
        ("assign:me", "Assign to recruiter@example.com"),
        ("assign:", "Assign to nobody"),
        ("rate:4", "Rate 4"),
        ("rate:", "Remove rating"),
        ("hold", "Hold for later"),
        ("unhold", "Take off hold"),
        ("stage:rejected:no_show", "Reject: No-show for interview"),
    ],
)
def test_every_choice_of_the_list_says_what_it_will_do(sqlite_app, do, told):
    client, ids = sqlite_app
    page = chosen(client, ids, do)
    assert BeautifulSoup(page.text, "html.parser").h1.get_text() == f"{told}?"


@pytest.fixture
def sqlite_app(make_app, sqlite_url):
    from tests.application import signed_in_client

    app = make_app(sqlite_url)
    with app.app_context():
        db.session.add(Application(talroo_id="one", first_name="Ada", applied_at=NOW, arrived_at=NOW, inbox_no=1))
        db.session.commit()
        ids = list(db.session.scalars(select(Application.public_id)))
    return signed_in_client(app, "recruiter"), ids


def test_a_form_holds_as_many_as_an_action_takes(sqlite_app):
    client, ids = sqlite_app
    with client.application.app_context():
        one = {"applied_at": NOW, "arrived_at": NOW, "flags": []}
        rows = [
            one | {"talroo_id": f"t{number}", "public_id": f"id-of-usual-length-{number:03}", "inbox_no": number + 2}
            for number in range(bulk.MOST - len(ids))
        ]
        db.session.execute(insert(Application), rows)
        db.session.commit()
    page = client.get(confirm(client, post(client, "", {"all": "1", "do": "hold"})).location)
    assert f"{bulk.MOST:,} done" in text(page)


@pytest.mark.parametrize(
    "do", ["", "erase", "stage:nowhere", "stage", "rate:5", "stage:rejected:because", "assign:none"]
)
def test_what_cannot_be_done_is_asked_again_with_the_selection_kept(sqlite_app, do):
    client, ids = sqlite_app
    page = chosen(client, ids, do)
    assert page.status_code == (400 if do else 200)
    assert f'name="application" value="{ids[0]}:0"' in page.text
    assert BeautifulSoup(page.text, "html.parser").select_one("select[name=do] optgroup")


def test_nobody_selected_leads_back_to_the_list_and_says_what_to_do(sqlite_app):
    client, _ = sqlite_app
    for path in ("", "/do", "/csv", "/files"):
        answer = post(client, path, {"do": "hold", "queue": "stage=new", "application": "!"})
        assert answer.location == "/applications?stage=new"
    assert "Check the boxes" in client.get("/applications").text


@pytest.mark.parametrize("queue", ["&".join(["tag=x"] * 101), "q=" + "x" * 8_000, "stage=lost"])
def test_all_that_match_a_list_that_cannot_be_read_are_nobody(sqlite_app, queue):
    client, _ = sqlite_app
    for path in ("", "/csv", "/files"):
        answer = post(client, path, {"all": "1", "do": "hold", "queue": queue})
        assert answer.location == "/applications", path
    assert "This list’s filters can’t be read, so nothing was selected." in client.get("/applications").text


def test_those_who_are_gone_are_counted_and_nothing_else_is_done(sqlite_app):
    client, ids = sqlite_app
    page = chosen(client, [*ids, "gone"], "hold")
    assert "1 application can no longer be found." in words(page)
    assert "No applications to change." in text(chosen(client, ["gone"], "hold"))


def test_an_action_is_its_authors_own(people, sign_in):
    client = sign_in()
    done = confirm(client, chosen(client, people.values(), "hold"))
    path = done.location.removeprefix("/applications/bulk")
    other = sign_in("hr_admin")
    assert other.get(done.location).status_code == 404
    assert post(other, f"{path}/undo", {}).status_code == 404
    assert post(other, "/none/undo", {}).status_code == 404


def test_what_was_done_is_listed_and_can_be_looked_at_again(people, sign_in):
    client = sign_in()
    assert "No bulk actions yet" in client.get("/applications/bulk").text
    done = confirm(client, chosen(client, people.values(), "hold"))
    assert f'href="{done.location}"' in client.get("/applications/bulk").text


def test_those_selected_are_a_table_like_the_inboxs(people, sign_in):
    client = sign_in()
    some = post(client, "/csv", {"application": [people["Ada"], people["Cleo"]]})
    rows = list(csv.DictReader(io.StringIO(some.text.removeprefix("\ufeff"))))
    assert {row["first name"] for row in rows} == {"Ada", "Cleo"}
    everybody = client.get("/applications.csv").text.splitlines()
    assert set(some.text.splitlines()) <= set(everybody)
    assert post(client, "/csv", {"all": "1", "queue": "q=many"}).location == "/applications.csv?q=many"


def test_files_and_answers_of_all_that_match_come_as_one_archive(people, sign_in):
    client = sign_in()
    assert chosen(client, people.values(), "files").mimetype == "application/zip", "a choice like the others"
    answer = post(client, "/files", {"all": "1", "queue": "q=many"})
    assert answer.mimetype == "application/zip"
    assert re.fullmatch(
        r'attachment; filename="applications-\d{4}-\d\d-\d\d.zip"', answer.headers["Content-Disposition"]
    )
    archive = ZipFile(io.BytesIO(answer.data))
    names = archive.namelist()
    assert names[0] == "answers.csv"
    assert [re.sub("_[^_]+/", "_ID/", name, count=1)[:9] for name in names[1:]] == [
        "Many_Cleo",
        "Many_Bea_",
        "Many_Ada_",
    ]
    assert archive.read(names[1]) == b"%PDF-1.4 Cleo"
    assert "Yes, Bea" in archive.read("answers.csv").decode()


def test_an_archive_that_would_be_too_large_is_refused_before_it_begins(people, sign_in, monkeypatch):
    monkeypatch.setattr(bundle, "MOST_BYTES", 10)
    answer = post(sign_in(), "/files", {"application": list(people.values())}, follow_redirects=True)
    assert answer.mimetype == "text/html"
    assert "Select fewer" in text(answer)


def test_whoever_arrived_a_moment_ago_is_among_all_that_match(deliver, people, sign_in):
    client = sign_in()
    assert words(post(client, "", {"all": "1", "queue": "q=many", "do": "hold"}))[0].startswith("3 ")
    deliver(arrival("Fresh"))
    assert words(post(client, "", {"all": "1", "queue": "q=many", "do": "hold"}))[0].startswith("4 ")


def test_while_something_is_done_to_many_the_next_one_is_told_and_can_do_it_after(sqlite_app, monkeypatch):
    client, ids = sqlite_app
    monkeypatch.setattr(import_module("dashboard.web.bulk"), "PATIENCE", 0.0)
    asked = chosen(client, ids, "hold")
    with client.application.app_context():
        engine = db.engine
    with alone(engine, "many", 0) as may:
        assert may
        refused = confirm(client, asked)
    assert refused.status_code == 400
    assert "still running, so nothing was changed" in text(refused)
    assert "1 done" in text(client.get(confirm(client, refused).location))


def test_as_many_archives_as_there_can_be_at_once_and_another_is_told_so(sqlite_app, monkeypatch):
    client, ids = sqlite_app
    room = BoundedSemaphore(1)
    monkeypatch.setattr(import_module("dashboard.web.bulk"), "_ARCHIVES", room)
    with room:
        refused = chosen(client, ids, "files")
    assert "Two downloads are already running." in text(client.get(refused.location))
    for _ in range(2):  # what was sent makes room for the next
        with chosen(client, ids, "files") as sent:
            assert sent.mimetype == "application/zip"
            assert sent.data


@pytest.mark.parametrize("do", ["csv", "files"])
def test_a_download_of_nobody_is_told_in_words(sqlite_app, do):
    client, _ = sqlite_app
    answer = client.get(chosen(client, ["gone"], do).location)
    assert "there is nothing to download" in text(answer)
