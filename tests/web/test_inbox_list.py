"""The inbox around its rows: tabs, chips, filters, orders, and what a row says of the work on somebody."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from bs4 import BeautifulSoup, Tag
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event as sqlalchemy_event
from sqlalchemy import select

from dashboard.clock import utcnow
from dashboard.extensions import db
from dashboard.models import Application, User
from dashboard.paging import Place
from dashboard.services import tagging, teamwork, viewing
from dashboard.services.activity import By
from tests.factories import event, file_object, file_question
from tests.stocked_site import token_of


def soup(client: FlaskClient, address: str) -> BeautifulSoup:
    answer = client.get(address)
    assert answer.status_code == 200, address
    return BeautifulSoup(answer.text, "html.parser")


def words(tag: Tag | None) -> str:
    assert tag is not None
    return " ".join(tag.get_text(" ").split())


def names(page: BeautifulSoup) -> list[str]:
    return [words(link.bdi) for link in page.select("tr[data-application] .row-link")]


@pytest.fixture
def recruiter(sign_in: Callable[..., FlaskClient]) -> FlaskClient:
    return sign_in("recruiter")


def answered(text: str, answer: str) -> dict[str, Any]:
    options = [{"value": value, "label": value} for value in ("Yes", "No")]
    return {
        "question": {"id": f"q{len(text)}", "type": "select", "question": text, "options": options},
        "answer": answer,
    }


LICENCE, NIGHTS = "RN license", "Can you work nights?"


@pytest.fixture
def people(deliver: Callable[..., Any], recruiter: FlaskClient) -> dict[str, str]:
    """Public ids by first name: Ann and Bob have a licence, Ann and Cy work nights; Bob is not qualified."""
    found = {}
    for name, licence, nights in (("Ann", "Yes", "Yes"), ("Bob", "Yes", "No"), ("Cy", "No", "Yes")):
        questions = {"questionsAndAnswers": [answered(LICENCE, licence), answered(NIGHTS, nights)]}
        applicant = {"firstName": name, "lastName": "Reed", "emailAddress": f"{name}@example.com".lower()}
        told = event(applicant=applicant, qualified=name != "Bob", questionsAndAnswers=questions)
        found[name] = deliver(told).json["application"]
    return found


def change(app: Flask, verb: Callable[..., Any], public_id: str, *args: Any) -> None:
    """Have the recruiter do something to one application."""
    with app.app_context():
        session = db.session()
        reader = session.scalars(select(User).where(User.role == "recruiter")).one()
        number = session.scalars(select(Application.id).where(Application.public_id == public_id)).one()
        verb(session, [number], *(reader if one is User else one for one in args), By(reader.id, "192.0.2.7", utcnow()))
        session.commit()


def test_tabs_say_how_many_and_keep_what_else_is_asked_for(app, recruiter, people):
    change(app, lambda session, ids, by: teamwork.hold(session, ids, by), people["Cy"])
    page = soup(recruiter, "/applications?tab=held")
    told = [words(link) for link in page.select("#tabs a")]
    assert told == ["All 3", "New 2", "Mine 0", "In progress 0", "Hired 0", "Rejected 0", "Held 1"]
    assert words(page.select_one("#tabs [aria-current]")) == "Held 1"
    assert names(page) == ["Cy Reed"]
    narrowed = soup(recruiter, "/applications?qualified=yes")
    assert [words(link) for link in narrowed.select("#tabs a")][:2] == ["All", "New"]
    assert names(soup(recruiter, narrowed.select("#tabs a")[1]["href"])) == ["Ann Reed"]


def test_every_filter_is_a_chip_that_takes_it_off(recruiter, people):
    page = soup(recruiter, "/applications?q=reed&qualified=yes&stage=new&tab=new")
    chips = page.select(".chips .chip")
    assert [words(chip) for chip in chips] == ["Remove: “reed”", "Remove: Stage: New", "Remove: Qualified"]
    assert names(page) == ["Cy Reed", "Ann Reed"]
    assert names(soup(recruiter, chips[2]["href"])) == ["Cy Reed", "Bob Reed", "Ann Reed"]
    assert page.select(".chips a")[-1]["href"] == "/applications?tab=new"


def test_answers_are_chosen_from_what_really_occurs_and_combine(recruiter, people):
    form = soup(recruiter, "/applications/filters")
    licence = form.select_one(f'#filter-answer optgroup[label="{LICENCE}"]')
    nights = form.select_one(f'#filter-answer optgroup[label="{NIGHTS}"]')
    assert [words(option) for option in licence.select("option")] == ["No", "Yes"]
    yes = [group.select("option")[1]["value"] for group in (licence, nights)]
    assert names(soup(recruiter, f"/applications?answer={yes[0]}")) == ["Bob Reed", "Ann Reed"]
    both = f"answer={yes[0]}&answer={yes[1]}"
    page = soup(recruiter, f"/applications?{both}")
    assert names(page) == ["Ann Reed"]
    assert words(page.select_one(".chips .chip")) == f"Remove: {LICENCE}: Yes"
    # They stay while the form holds no field for them, and are boxes where it does.
    assert [field["value"] for field in page.select("#more-choices input[name=answer]")] == yes
    boxes = soup(recruiter, f"/applications/filters?{both}").select("#more-choices input[type=checkbox]")
    assert [(box["value"], box.has_attr("checked")) for box in boxes] == [(value, True) for value in yes]


def test_a_filter_whose_choices_are_not_on_the_page_is_sent_along(recruiter, people):
    page = soup(recruiter, "/applications?city=Austin&tag=night&assigned=me&q=ann")
    kept = {field["name"]: field["value"] for field in page.select(".inbox-filters input[type=hidden]")}
    assert kept == {"tab": "", "sort": "", "city": "Austin", "tag": "night", "assigned": "me"}
    assert words(page.select_one("#more-filters summary")) == "Filters 3 set"
    form = soup(recruiter, "/applications/filters?city=Nowhere&tag=night")
    assert form.select_one("#filter-city")["value"] == "Nowhere"
    assert words(form.select_one("#filter-tag [selected]")) == "night"


def test_a_row_says_who_is_unread_rated_tagged_held_and_whose(app, recruiter, people):
    change(app, teamwork.rate, people["Ann"], 3)
    change(app, tagging.tag, people["Ann"], "Night shift")
    change(app, teamwork.give, people["Ann"], User)
    change(app, lambda session, ids, by: teamwork.hold(session, ids, by), people["Ann"])
    change(app, lambda session, ids, by: viewing.see(session, by.user_id, ids[0], by.at), people["Ann"])
    rows = {words(row.select_one("bdi")): row for row in soup(recruiter, "/applications").select("tbody tr")}
    ann, bob = rows["Ann Reed"], rows["Bob Reed"]
    assert ann.select_one(".rating")["aria-label"] == "Rated 3 of 4"
    assert [words(tag) for tag in ann.select(".worn-tags bdi")] == ["Night shift"]
    assert "Held" in words(ann)
    assert "Assigned to recruiter@example.com" in words(ann)
    assert ", unread" not in words(ann)
    assert ", unread" in words(bob)
    assert not bob.select(".rating, .worn-tags, .held, .assignee")


def test_the_list_goes_along_with_every_row_and_what_was_searched_for_is_marked(recruiter, people):
    page = soup(recruiter, "/applications?q=an&qualified=yes")
    link = page.select_one(".row-link")
    assert link["href"] == f"/applications/{people['Ann']}?q=an&qualified=yes"
    assert str(link.bdi) == "<bdi><mark>An</mark>n Reed</bdi>"
    shown = soup(recruiter, link["href"].replace("q=an", "q=an+picker"))
    assert str(shown.h1.bdi) == "<bdi><mark>An</mark>n Reed</bdi>"
    assert shown.select_one(".part-contact mark").text.casefold() == "an"
    assert shown.select_one(".part-job mark")
    assert soup(recruiter, "/applications").select(".row-link")[2]["href"] == f"/applications/{people['Ann']}"
    assert page.select_one("#csv-link")["href"] == "/applications.csv?q=an&qualified=yes"


def test_the_orders_are_links_and_the_usual_one_stays_out_of_the_address(recruiter, people):
    page = soup(recruiter, "/applications?sort=oldest")
    ways = {words(link): link["href"] for link in page.select(".sorts a")}
    assert list(ways) == ["Newest", "Oldest", "Name"]
    assert names(page) == ["Ann Reed", "Bob Reed", "Cy Reed"]
    assert ways["Newest"] == "/applications"
    assert names(soup(recruiter, ways["Name"])) == ["Ann Reed", "Bob Reed", "Cy Reed"]
    assert "Best match" in [words(link) for link in soup(recruiter, "/applications?q=reed").select(".sorts a")]


def test_a_box_in_each_row_names_the_application_as_it_was_seen(recruiter, people):
    page = soup(recruiter, "/applications?select=page")
    boxes = page.select("tbody input[name=application]")
    assert [box["value"] for box in boxes] == [f"{people[name]}:0" for name in ("Cy", "Bob", "Ann")]
    assert all(box.find_parent("form").has_attr("data-selecting") and box.has_attr("checked") for box in boxes)
    assert boxes[0]["aria-label"] == "Select Cy Reed"
    assert not soup(recruiter, "/applications").select("tbody input[checked]")


def test_whatever_belongs_to_the_inbox_stands_under_it_in_the_navigation(recruiter, people):
    for address in ("/views", "/applications/bulk", "/applications/filters", f"/applications/{people['Ann']}"):
        assert words(soup(recruiter, address).select_one(".nav [aria-current]")) == "Applications", address


def test_an_empty_tab_says_what_belongs_there(recruiter, people):
    assert "Nobody held" in words(soup(recruiter, "/applications?tab=held").select_one("#results"))
    assert "Nothing matches" in words(soup(recruiter, "/applications?tab=held&q=ann").select_one("#results"))


def test_fifty_rows_stay_light_and_few_statements_with_views_over_them(app, recruiter, deliver):
    for number in range(51):
        applicant = {
            "firstName": "Bartholomew",
            "lastName": f"Featherstone-{number}",
            "emailAddress": f"b{number}@x.org",
        }
        deliver(event(applicant=applicant | {"resume": file_object(b"I pick.", "cv.txt")}))
    token = token_of(recruiter.get("/applications?q=b").text)
    for name in ("One", "Two"):
        recruiter.post("/views", data={"csrf_token": token, "name": name, "query": "q=bart&stage=new"})
    recruiter.get("/applications?q=bart")
    asked: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if not statement.startswith("BEGIN"):
            asked.append(statement)

    with app.app_context():
        engine = db.engine
    sqlalchemy_event.listen(engine, "before_cursor_execute", note)
    page = recruiter.get("/applications?q=bart").text
    sqlalchemy_event.remove(engine, "before_cursor_execute", note)
    assert len(asked) == 3, asked
    assert page.count("data-application=") == 50
    assert page.count('class="view"') == 2
    assert len(page.encode()) < 60_000


def test_where_several_answers_find_nobody_it_is_said_that_all_must_hold(sign_in, deliver):
    deliver(event())
    recruiter = sign_in("recruiter")
    one, two = "0123456789abcdef", "fedcba9876543210"
    assert "must match all the answers" in recruiter.get(f"/applications?answer={one}&answer={two}").text
    assert "must match all the answers" not in recruiter.get(f"/applications?answer={one}").text


def test_of_a_long_answer_to_choose_from_the_beginning_is_shown(app, sign_in):
    from dashboard.extensions import db
    from dashboard.models import Facet

    with app.app_context():
        db.session.add(Facet(key="k", kind="answer", value="0" * 16, label="x" * 200, question="Why?", uses=1))
        db.session.commit()
    page = sign_in("recruiter").get("/applications/filters").text
    assert "x" * 80 in page
    assert "x" * 81 not in page


def test_a_row_names_the_resume_and_says_nothing_where_one_may_have_come_as_an_answer(recruiter, deliver):
    cv = file_object(b"%PDF-1.4 cv", "cv.pdf")
    asked = {"questionsAndAnswers": [file_question("cv", cv)]}
    sent = {
        "Ann": event(applicant={"firstName": "Ann", "lastName": None, "resume": cv}),
        "Bob": event(applicant={"firstName": "Bob", "lastName": None, "resume": None}, questionsAndAnswers=asked),
    }
    ids = {name: deliver(body).json["application"] for name, body in sent.items()}
    assert "Sent as an answer" in recruiter.get(f"/applications/{ids['Bob']}").text
    page = soup(recruiter, "/applications")
    column = [words(head) for head in page.select("thead th")].index("Résumé") + 2  # the boxes' column, and from 1
    cells = {name: page.select_one(f"tr[data-application='{one}'] > :nth-child({column})") for name, one in ids.items()}
    assert {name: words(cell) for name, cell in cells.items()} == {"Ann": "PDF", "Bob": ""}
    assert not cells["Bob"].contents


def newer(client: FlaskClient, address: str) -> Callable[[], str | None]:
    """What the page at `address`, opened now, is told later of who has come; None where it does not ask."""
    found = soup(client, address).select_one("#newer")
    asked = found["hx-get"] if found else None

    def tell() -> str | None:
        answer = client.get(str(asked))
        assert answer.status_code == (200 if answer.text else 204)
        return words(BeautifulSoup(answer.text, "html.parser")) if answer.text else None

    return tell if asked else lambda: "never asked"


def test_a_list_is_told_of_those_alone_who_came_since_and_belong_there(recruiter, people, deliver):
    lists = (
        "/applications",
        "/applications?qualified=no",
        "/applications?q=zed&sort=newest",
        "/applications?stage=hired",
    )
    told = {address: newer(recruiter, address) for address in lists}
    assert [tell() for tell in told.values()] == [None] * 4
    deliver(event(kind="started:v1", applicant={"firstName": "Una", "emailAddress": "una@example.com"}))
    for name, qualified in (("Dee", True), ("Eve", False)):
        deliver(event(applicant={"firstName": name, "emailAddress": f"{name}@example.com"}, qualified=qualified))
    soup(recruiter, "/applications?q=dee")  # the worker's part: they are indexed
    assert [tell() for tell in told.values()] == [
        "· 2 new since you opened this list. Show them",
        "· 1 new since you opened this list. Show them",
        None,
        None,
    ]


def test_only_where_new_ones_appear_it_is_asked_and_what_is_made_up_tells_nothing(recruiter, people):
    for address in ("/applications?sort=oldest", "/applications?sort=name", "/applications?q=reed&sort=best"):
        assert newer(recruiter, address)() == "never asked", address
    for cursor in ("", "x", "é", "AAAA", Place(0, 2**31 - 1).cursor()):
        assert recruiter.get("/applications/newer", query_string={"since": cursor}).status_code == 204
    begun = recruiter.get("/applications/newer", query_string={"since": Place(0, -(2**31)).cursor(), "sort": "newest"})
    assert "3 new since" in begun.text


def test_many_who_came_are_counted_only_so_far(recruiter, people, deliver, monkeypatch):
    monkeypatch.setattr("dashboard.web.applications.NEWER_TOLD", 1)
    since = Place(0, 0).cursor()
    soup(recruiter, "/applications?q=reed")  # they are indexed
    for asked in ("", "&q=reed"):
        assert "1+ new since" in recruiter.get(f"/applications/newer?since={since}{asked}").text


def test_recruiters_call_so_a_row_has_the_phone_before_the_email(recruiter: FlaskClient, deliver: Callable[..., Any]):
    deliver(event(applicant={"firstName": "Ann", "emailAddress": "ann@example.com", "phone": "5125550142"}))
    reach = soup(recruiter, "/applications").select("tbody th small bdi")
    assert [words(one) for one in reach] == ["(512) 555-0142", "ann@example.com"]
