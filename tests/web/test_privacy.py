"""What HR administrators erase, hold, restrict and hand out."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from bs4 import BeautifulSoup
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from dashboard.clock import utcnow
from dashboard.documents import Rendering
from dashboard.extensions import db
from dashboard.models import Application, AuditEntry, Erasure, PersonLink, SavedView, User
from dashboard.services import views
from tests.application import signed_in_client
from tests.factories import as_body, event, file_object, payload, signed
from tests.stocked_site import token_of


@pytest.fixture
def client(sign_in: Callable[..., FlaskClient]) -> FlaskClient:
    return sign_in("hr_admin")


@pytest.fixture
def ada(deliver: Callable[..., Any]) -> tuple[str, str]:
    """Her application with a résumé, and one she did not finish."""
    cv = {"resume": file_object(b"I am Ada", "ada.txt")}
    done = deliver(event(applicant=cv)).json["application"]
    return done, deliver(event(kind="started:v1")).json["application"]


def page(client: FlaskClient, address: str) -> BeautifulSoup:
    answer = client.get(address)
    assert answer.status_code == 200, answer.status
    return BeautifulSoup(answer.text, "html.parser")


def post(client: FlaskClient, address: str, of: str, **fields: Any) -> Any:
    said = {"csrf_token": token_of(client.get(of).text), **fields}
    return client.post(address, data=said, follow_redirects=True)


def erase(client: FlaskClient, public_id: str, *chosen: str, **fields: Any) -> Any:
    said = {"application": list(chosen or [public_id]), "reason": "asked", "sure": "yes"} | fields
    return post(client, f"/privacy/people/{public_id}/erase", "/privacy", **said)


def keep(client: FlaskClient, public_id: str, do: str, **fields: Any) -> Any:
    said = {"application": public_id, "do": do, "reason": "A charge"} | fields
    return post(client, f"/privacy/people/{public_id}/keep", f"/privacy/people/{public_id}", **said)


def actions(app: Flask) -> list[str]:
    with app.app_context():
        return list(db.session.scalars(select(AuditEntry.action).order_by(AuditEntry.number)))


def test_the_page_shows_all_of_the_person_and_what_goes_with_what_is_chosen(client, ada):
    for public_id in ada:
        shown = page(client, f"/privacy/people/{public_id}")
        assert {one["data-application"] for one in shown.select("form [data-application]")} == set(ada)
        words = shown.select_one("#erase-title").find_parent("section").get_text(" ", strip=True)
        assert "2 applications" in words
        assert "2 deliveries: what Talroo sent" in words
        assert "1 file" in words
    only = page(client, f"/privacy/people/{ada[0]}?application={ada[1]}")
    assert "1 file" not in only.select_one("#erase-title").find_parent("section").get_text()


def test_erased_is_what_was_chosen_and_the_page_says_so(app, client, ada):
    told = erase(client, ada[0], *ada)
    assert told.status_code == 200
    shown = BeautifulSoup(told.text, "html.parser")
    assert shown.main["data-erasure"]
    assert "2 applications" in shown.main.get_text()
    assert "Quill" not in told.text
    for address in (f"/applications/{ada[0]}", f"/incomplete/{ada[1]}", f"/privacy/people/{ada[0]}"):
        assert client.get(address).status_code == 404
    assert "erased" in actions(app)
    assert shown.main["data-erasure"] in client.get("/privacy").text


def test_on_sqlite_it_is_done_before_the_page_says_so(make_app, sqlite_url):
    app = make_app(sqlite_url)
    body = as_body(event())
    public_id = app.test_client().post("/talroo/applications", data=body, headers=signed(body)).json["application"]
    told = erase(signed_in_client(app, "hr_admin"), public_id)
    assert BeautifulSoup(told.text, "html.parser").main["data-finished"] == "yes"


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"reason": ""}, "Choose a reason"),
        ({"sure": ""}, "Check the box to confirm"),
        ({"application": []}, "at least one"),
    ],
)
def test_nothing_is_erased_by_half_a_form(app, client, ada, fields, words):
    told = erase(client, ada[0], **fields)
    assert (told.status_code, words in told.text) == (400, True)
    with app.app_context():
        assert db.session.scalars(select(Erasure)).all() == []


def test_nobody_else_is_erased_through_somebodys_page(app, client, deliver, ada):
    other = deliver(event(applicant={"firstName": "Bo", "emailAddress": "bo@example.com"})).json["application"]
    assert erase(client, ada[0], other).status_code == 409
    assert client.get(f"/applications/{other}").status_code == 200


def test_what_is_held_says_so_and_stays_until_that_is_ended(app, client, ada):
    assert "1 application is under legal hold" in keep(client, ada[0], "hold").text
    told = erase(client, ada[0], *ada)
    assert (told.status_code, "A charge" in told.text) == (409, True)
    held = page(client, "/privacy").select_one("[data-hold]")["data-hold"]
    assert "can be erased again" in post(client, f"/privacy/holds/{held}/end", "/privacy").text
    assert "already ended" in post(client, f"/privacy/holds/{held}/end", "/privacy").text
    assert erase(client, ada[0], *ada).status_code == 200
    assert [one for one in actions(app) if one in ("held", "hold_ended", "erased")] == ["held", "hold_ended", "erased"]


def test_what_is_done_to_several_is_told_of_several(client, ada, deliver):
    assert len(ada) > 1
    told = keep(client, ada[0], "hold", application=list(ada)).text
    assert f"{len(ada)} applications are under legal hold. They can’t be erased until the hold ends." in told


def test_a_refused_erasure_is_no_dead_end_the_hold_is_ended_where_it_is_seen(app, client, ada):
    keep(client, ada[0], "hold")
    refused = BeautifulSoup(erase(client, ada[0], *ada).text, "html.parser")
    assert "Under legal hold since" in refused.select_one(".flash-error").text
    (button,) = refused.select("button[formaction]:-soup-contains('End the legal hold')")
    ended = post(client, button["formaction"], f"/privacy/people/{ada[0]}", **{button["name"]: button["value"]})
    assert ended.request.path == f"/privacy/people/{ada[0]}"
    assert "Legal hold ended" in ended.text
    assert "End the legal hold" not in ended.text


def erase_box(shown: BeautifulSoup) -> Any:
    return shown.select_one("#erase-title").find_parent("section")


def test_what_is_kept_says_so_in_place_of_the_form_that_would_be_refused(client, ada):
    address = f"/privacy/people/{ada[0]}"
    assert erase_box(page(client, address)).select("button")
    keep(client, ada[0], "hold")
    box = erase_box(page(client, address))
    assert not box.select("button, select, input")
    told = " ".join(box.get_text(" ").split())
    assert "1 of these 2 can’t be erased now. Legal hold on" in told
    assert (
        ": A charge To erase them, first choose “End the legal hold” under “Which applications”. To erase only" in told
    )
    free = erase_box(page(client, f"{address}?application={ada[1]}"))
    assert free.select("button:-soup-contains('Erase this application')")
    keep(client, ada[0], "hold", application=list(ada))
    told = " ".join(erase_box(page(client, address)).get_text(" ").split())
    assert ("None of these 2 can be erased now" in told, "To erase only the others" in told) == (True, False)
    keep(client, ada[0], "restrict")
    told = " ".join(erase_box(page(client, f"{address}?application={ada[0]}")).get_text(" ").split())
    assert "“Lift the restriction” and “End the legal hold”" in told or "“End the legal hold” and “Lift the" in told


def test_the_legal_holds_of_a_person_are_ended_at_one_press_and_each_is_noted(app, client, ada):
    address = f"/privacy/people/{ada[0]}"
    keep(client, ada[0], "hold")
    assert "End the legal hold on all" not in client.get(address).text
    keep(client, ada[0], "hold", application=list(ada))
    shown = page(client, address)
    (button,) = shown.select("button:-soup-contains('End the legal hold on all 2')")
    named = [str(one["value"]) for one in shown.select("form input[name=hold]")]
    told = post(client, button["formaction"], address, hold=named)
    assert told.request.path == address
    assert "2 legal holds ended. The applications can be erased again." in told.text
    assert actions(app).count("hold_ended") == 2
    assert "already ended" in post(client, button["formaction"], address, hold=named).text
    assert actions(app).count("hold_ended") == 2
    assert erase(client, ada[0], *ada).status_code == 200


def test_only_legal_holds_of_the_person_end_and_none_that_was_not_seen(app, client, deliver, ada):
    other = deliver(event(applicant={"firstName": "Bo", "emailAddress": "bo@example.com"})).json["application"]
    for one in (*ada, other):
        keep(client, one, "hold")
    keep(client, ada[1], "restrict")
    holds = {one["data-hold"] for one in page(client, "/privacy").select("[data-hold]")}
    post(client, f"/privacy/people/{ada[0]}/end", f"/privacy/people/{ada[0]}")
    assert "hold_ended" not in actions(app)
    post(client, f"/privacy/people/{ada[0]}/end", f"/privacy/people/{ada[0]}", hold=list(holds))
    assert actions(app).count("hold_ended") == 2
    left = page(client, "/privacy").select("[data-hold]")
    assert [row.find_parent("section")["aria-labelledby"] for row in left] == ["restricted-title", "held-title"]


def test_a_hold_on_what_may_be_somebody_elses_is_not_ended_with_all_others(client, deliver):
    begun, done, victim = eve_and_others(deliver)
    for one in (begun, done, victim):
        keep(client, one, "hold")
    shown = page(client, f"/privacy/people/{begun}")
    assert shown.select_one(f"form [data-application='{victim}'] button[formaction]")
    assert shown.select("button:-soup-contains('End the legal hold on all 2 that are surely theirs')")
    assert len(shown.select("form input[name=hold]")) == 2


def back_of(shown: BeautifulSoup) -> tuple[str, str]:
    link = shown.select_one("a.back")
    return link.get_text(strip=True), str(link["href"])


def test_the_way_back_leads_to_where_somebody_came_from_also_after_what_they_did(client, ada):
    to_application = ("Application", f"/applications/{ada[0]}")
    assert back_of(page(client, f"/privacy/people/{ada[0]}")) == to_application
    from_application = page(client, f"/applications/{ada[0]}").select_one("a:-soup-contains('Privacy')[href*=people]")
    assert back_of(page(client, str(from_application["href"]))) == to_application
    from_person = page(client, f"/people/{ada[0]}").select_one("main a[href^='/privacy/people']")
    assert back_of(page(client, str(from_person["href"]))) == ("Person", f"/people/{ada[0]}")
    (address,) = found(client, "Quill").values()
    shown = page(client, address)
    assert back_of(shown) == ("Privacy", "/privacy?q=Quill")
    along = {str(one["name"]): str(one["value"]) for one in shown.select("form input[name=from], form input[name=q]")}
    refused = erase(client, ada[0], reason="", **along)
    assert back_of(BeautifulSoup(refused.text, "html.parser")) == ("Privacy", "/privacy?q=Quill")
    kept = BeautifulSoup(keep(client, ada[0], "hold", **along).text, "html.parser")
    assert back_of(kept) == ("Privacy", "/privacy?q=Quill")
    assert back_of(page(client, f"/privacy/people/{ada[0]}?from=//evil.example")) == to_application


def test_whoever_decides_about_it_sees_on_every_page_that_somebody_is_under_legal_hold(client, sign_in, ada):
    pages = (f"/applications/{ada[0]}", f"/people/{ada[0]}", f"/incomplete/{ada[1]}")
    assert not any(page(client, address).select("main .chip:-soup-contains('Legal hold')") for address in pages)
    for one in ada:
        keep(client, one, "hold")
    for address in pages:
        (chip,) = page(client, address).select("main .chip:-soup-contains('Legal hold')")
        assert "Can’t be erased" in chip["title"], address
    assert "Legal hold" not in sign_in("recruiter").get(pages[0]).text


def test_what_is_held_for_later_and_what_is_under_legal_hold_have_words_of_their_own(client, ada):
    keep(client, ada[0], "hold")
    legal = page(client, "/privacy")
    assert "Under legal hold 1" in " ".join(legal.get_text(" ").split())
    assert "“Held” in the inbox is something else" in legal.get_text()
    assert [
        one.get_text() for one in page(client, f"/applications/{ada[0]}").select(".chip:-soup-contains('Held')")
    ] == []


def test_on_a_telephone_each_value_of_the_tables_has_its_label(client, deliver, ada):
    other = deliver(event(applicant={"firstName": "Bo", "emailAddress": "bo@example.com"})).json["application"]
    erase(client, other)
    keep(client, ada[0], "hold", until="2099-01-31")
    cells = page(client, "/privacy").select("table.rows tbody td:not(.cell-action)")
    cells += client_cells(client, "/privacy?q=quill")
    assert len(cells) > 8
    assert [str(one) for one in cells if not one.select(".card-word, .chip, bdi:first-child")] == []


def client_cells(client: FlaskClient, address: str) -> list[Any]:
    return list(page(client, address).select("table.rows tbody td"))


def found(client: FlaskClient, typed: str) -> dict[str, str]:
    """Name → where the row leads."""
    rows = page(client, f"/privacy?{urlencode({'q': typed})}").select("tr[data-application] .row-link")
    return {one.get_text(): str(one["href"]) for one in rows}


@pytest.mark.parametrize("typed", ["quil", "Ada QUILL", "ada.quill@example.com", "(512) 555-0143", "5125550143"])
def test_a_person_is_found_by_name_address_or_number(client, deliver, typed):
    applicant = {
        "firstName": "Ada",
        "lastName": "Quill",
        "emailAddress": "Ada.Quill@example.com",
        "phone": "512-555-0143",
    }
    ada = deliver(event(applicant=applicant)).json["application"]
    deliver(event(kind="started:v1", applicant=applicant))
    deliver(event(applicant={"firstName": "Bo", "lastName": "Bok", "emailAddress": "bo@example.com", "phone": "1"}))
    ((name, address),) = found(client, typed).items()
    assert name == "Ada Quill"
    assert ada in client.get(address).text
    assert "2 application" in " ".join(page(client, f"/privacy?q={quote(typed)}").get_text(" ").split())


@pytest.mark.parametrize(
    ("typed", "names"),
    [
        ("Ada @home", {"Ada Quill", "Ada Restrict"}),
        ("@HOME ada", {"Ada Quill", "Ada Restrict"}),
        ("quill @home.example", {"Ada Quill"}),
        ("q.ada@ho", {"Ada Quill"}),
        ("Ada Quill q.ada@home.example", {"Ada Quill"}),
        ("@home.ex", {"Ada Quill", "Ada Restrict", "Bo Bok"}),
        ("Ada @h_me", set()),
        ("Ada @care", set()),
    ],
)
def test_a_person_is_found_by_name_and_a_part_of_their_address(client, deliver, typed, names):
    def arrives(first: str, last: str, address: str) -> str:
        cv = {"resume": file_object(b"I did home care at home", "cv.txt")}
        person = {"firstName": first, "lastName": last, "emailAddress": address, "phone": None}
        return str(deliver(event(applicant=person | cv)).json["application"])

    arrives("Ada", "Quill", "q.ada@home.example")
    arrives("Ada", "Work", "ada@work.example")
    arrives("Bo", "Bok", "bo@home.example")
    keep(client, arrives("Ada", "Restrict", "ada.r@home.example"), "restrict")
    assert set(found(client, typed)) == names


def test_whoever_never_finished_or_is_restricted_is_found_too(client, deliver):
    people = {"Una": "started:v1", "Rex": "completed:v2"}
    ids = {
        name: deliver(
            event(kind=kind, applicant={"firstName": name, "lastName": "Farago", "emailAddress": None, "phone": None})
        ).json["application"]
        for name, kind in people.items()
    }
    keep(client, ids["Rex"], "restrict")
    assert set(found(client, "Farago")) == {"Una Farago", "Rex Farago"}
    assert client.get(found(client, "rex fara")["Rex Farago"]).status_code == 200
    assert "Restricted" in client.get("/privacy?q=rex").text


@pytest.mark.parametrize("typed", ["a", "nobody-is-called-so", "nobody@example.com", "999 999 9999", "%", "'", "\x00"])
def test_nobody_is_found_by_what_is_nobodys(client, ada, typed):
    assert found(client, typed) == {}


def test_only_hr_administrators_look_for_people(sign_in, ada):
    assert sign_in("it_admin").get("/privacy?q=quill").status_code == 403
    assert sign_in("recruiter").get("/privacy?q=quill").status_code == 403


def test_what_is_restricted_is_on_the_page_of_privacy_alone(client, sign_in, ada):
    assert "1 application is restricted" in keep(client, ada[0], "restrict", until="2099-01-31").text
    for address in (f"/applications/{ada[0]}", f"/people/{ada[0]}"):
        assert client.get(address).status_code == 404, address
    for address in ("/applications", "/applications?q=quill", "/applications.csv"):
        assert ada[0] not in client.get(address).text, address
    shown = page(client, "/privacy")
    assert "Quill" in shown.select_one("[data-hold]").get_text()
    assert "Jan 31, 2099" in shown.get_text() or "Feb 1, 2099" in shown.get_text()
    held = shown.select_one("[data-hold]")["data-hold"]
    assert "back in the lists" in post(client, f"/privacy/holds/{held}/end", "/privacy").text
    assert client.get(f"/applications/{ada[0]}").status_code == 200


def test_a_restriction_with_a_date_is_asked_about_before_it_erases_and_says_so_after(app, client, ada):
    typed = {"restrict_words": "A charge", "restrict_until": "2099-01-31"}
    shown = BeautifulSoup(keep(client, ada[0], "restrict", **typed).text, "html.parser")
    (button,) = shown.select("button[value=restrict]")
    last = button.text.removeprefix("Restrict, then erase after ")
    assert f"after {last}, this application will be permanently erased." in shown.select_one("[role=alert]").text
    assert (last.endswith("2099"), "held" in actions(app)) == (True, False)
    sure = {one["name"]: one["value"] for one in shown.select("input[name=erase_after], input[name^=restrict]")}
    assert sure == {**typed, "erase_after": "2099-01-31"}
    moved = {**sure, "restrict_until": "2099-02-28"}
    assert "Check the date" in keep(client, ada[0], "restrict", **moved).text, "another date is asked about, too"
    told = keep(client, ada[0], "restrict", **sure).text
    assert f"restricted until {last}. It will be permanently erased after that date unless you lift" in told
    assert actions(app).count("held") == 1


def test_a_legal_hold_never_takes_the_date_or_the_reason_of_a_restriction(client, ada):
    typed = {"words": "", "restrict_words": "Only here", "restrict_until": "2099-01-31"}
    assert keep(client, ada[0], "hold", **typed).status_code == 400
    told = keep(client, ada[0], "hold", **{**typed, "words": "A charge"}).text
    assert "1 application is under legal hold. It can’t be erased until the hold ends." in told
    assert keep(client, ada[1], "restrict", **{**typed, "restrict_words": " "}).status_code == 400


@pytest.mark.parametrize(("months", "erases"), [(24, True), (0, False)])
@pytest.mark.parametrize("address", ["/privacy", "/privacy/people/{}"])
def test_ending_a_hold_says_first_that_retention_may_erase_tonight(make_app, sqlite_url, address, months, erases):
    app = make_app(sqlite_url, retention_months=months)
    client, body = signed_in_client(app, "hr_admin"), as_body(event())
    one = app.test_client().post("/talroo/applications", data=body, headers=signed(body)).json["application"]
    keep(client, one, "hold")
    (box,) = page(client, address.format(one)).select("details.confirm .confirm-box")
    told = " ".join(box.get_text(" ").split())
    assert told.startswith("End this legal hold? The application can be erased again.")
    assert ("for 24 months, it is erased tonight." in told) == erases


@pytest.mark.parametrize("fields", [{"reason": " "}, {"until": "yesterday"}, {"until": "2001-01-01"}])
def test_a_hold_nobody_would_understand_is_refused_and_what_was_typed_stays(client, ada, fields):
    told = keep(client, ada[0], "hold", **fields)
    assert told.status_code == 400
    if "until" in fields:
        assert 'value="A charge"' in told.text


def test_the_export_holds_everything_in_words_and_the_files(app, client, deliver):
    deliver(event(kind="started:v1", applicant={"emailAddress": "maria.munoz@example.com"}))
    told = payload("complete")
    told["data"]["applicant"]["resume"] = file_object(b"I pick", "cv.txt")
    public_id = deliver(told).json["application"]
    archive = zipfile.ZipFile(io.BytesIO(client.get(f"/privacy/export/{public_id}").data))
    person = json.loads(archive.read("person.json"))
    assert archive.testzip() is None
    first = next(one for one in person["applications"] if one["facts"]["public_id"] == public_id)
    assert first["facts"]["talroo_id"] == str(told["data"]["id"])
    assert [one["event"] for one in first["deliveries"]] == [told["type"]]
    assert first["answers"]
    assert first["history"]
    assert archive.read("files/cv.txt") == b"I pick"
    assert actions(app)[-2:] == ["exported", "export_ended"]
    with app.app_context():
        ended = db.session.scalars(select(AuditEntry).order_by(AuditEntry.number.desc()).limit(2)).all()
        assert {entry.subject_id for entry in ended} == {public_id}


def exported(client: FlaskClient, address: str) -> set[str]:
    archive = zipfile.ZipFile(io.BytesIO(client.get(address).data))
    return {one["facts"]["public_id"] for one in json.loads(archive.read("person.json"))["applications"]}


def eve_and_others(deliver: Callable[..., Any]) -> tuple[str, str, str]:
    """What Eve began with a telephone number that she typed, what she finished, and whose number it is."""
    number = {"phone": "(555) 201-3344"}
    victim = deliver(event(applicant={"emailAddress": "vic@example.com", **number})).json["application"]
    begun = deliver(event(kind="started:v1", applicant={"emailAddress": "eve@example.com", **number}))
    done = deliver(event(applicant={"emailAddress": "EVE@example.com"}))
    return begun.json["application"], done.json["application"], victim


def test_whoever_shares_a_telephone_number_alone_is_listed_and_not_chosen(client, deliver):
    begun, done, victim = eve_and_others(deliver)
    address = f"/privacy/people/{begun}"
    shown = page(client, address)
    assert {one["value"] for one in shown.select("[type=checkbox][checked][name=application]")} == {begun, done}
    assert {one["value"] for one in shown.select("[name=previewed]")} == {begun, done}
    other = shown.select_one(f"form [data-application='{victim}']").get_text(" ", strip=True)
    assert "Same phone number, different email address. Maybe another person." in other
    assert shown.get_text().count("Maybe another person.") == 1
    assert exported(client, f"/privacy/export/{begun}") == {begun, done}
    link = page(client, f"{address}?application={begun}&application={victim}").select_one("a[download]")["href"]
    assert exported(client, link) == {begun, victim}
    assert exported(client, page(client, address).select_one("a[download]")["href"]) == {begun, done}


def saved(app: Flask) -> set[str]:
    with app.app_context():
        return set(db.session.scalars(select(SavedView.name)))


def test_views_with_the_words_of_a_name_stay_unless_they_are_chosen(app, client, deliver):
    name = {"firstName": "Forklift", "lastName": "Driver", "phone": "5552013344"}
    address = f"/privacy/people/{deliver(event(applicant=name)).json['application']}"
    with app.app_context():
        user = db.session.scalars(select(User.id)).first()
        queries = {
            "Night": "forklift+driver+night",
            "Him": "driver+forklift",
            "A": "ADA%40example.com",
            "B": "5552013344",
        }
        for called, query in queries.items():
            views.save(db.session(), user, called, f"q={query}", shared=False, now=utcnow())
        db.session.commit()
    shown = page(client, address)
    offered = {one.parent.get_text(): one["value"] for one in shown.select("[name=view]:not([checked])")}
    assert [words.split(" (")[0] for words in offered] == ["Night", "Him"]
    assert "2 saved views that search for them" in shown.get_text(" ", strip=True)
    told = erase(client, address.rpartition("/")[2], view=[one for words, one in offered.items() if "Him" in words])
    assert (told.status_code, saved(app)) == (200, {"Night"})


def test_nobody_elses_is_exported_through_somebodys_page(client, deliver, ada):
    other = deliver(event(applicant={"emailAddress": "bo@example.com"})).json["application"]
    assert client.get(f"/privacy/export/{ada[0]}?application={other}").status_code == 404


def test_whom_somebody_linked_is_chosen_and_whom_they_parted_is_not(app, client, deliver):
    one, linked, parted = (
        deliver(event(applicant={"emailAddress": address, "phone": "5552013344"})).json["application"]
        for address in ("a@example.com", "b@example.com", "a@example.com")
    )
    with app.app_context():
        session = db.session()
        ids = {one.public_id: one.id for one in session.scalars(select(Application))}
        pairs = [(ids[one], ids[linked], True), (ids[one], ids[parted], False), (ids[linked], ids[parted], False)]
        session.add_all(PersonLink(low_id=low, high_id=high, same=same, at=utcnow()) for low, high, same in pairs)
        session.commit()
    assert exported(client, f"/privacy/export/{one}") == {one, linked}
    keep(client, parted, "restrict")
    assert exported(client, f"/privacy/export/{one}") == {one, linked}, "not even where it is restricted"


def test_less_than_a_year_is_said_on_the_page(make_app, sqlite_url):
    app = make_app(sqlite_url, retention_months=6)
    assert "29 CFR 1602.14" in signed_in_client(app, "hr_admin").get("/privacy").text


@pytest.mark.parametrize(
    "path", ["people/none", "people/none/erase", "people/none/keep", "holds/none/end", "export/none"]
)
def test_what_is_nobodys_is_404(client, ada, path):
    address = f"/privacy/{path}"
    if path.endswith(("erase", "keep", "end")):
        assert (
            post(client, address, "/privacy/people/" + ada[0], application="x", reason="asked", sure="y").status_code
            == 404
        )
    else:
        assert client.get(address).status_code == 404


def test_the_link_stands_on_every_page_of_the_person(client, sign_in, ada):
    done, begun = ada
    for address, public_id in (
        (f"/applications/{done}", done),
        (f"/people/{done}", done),
        (f"/incomplete/{begun}", begun),
    ):
        assert f"/privacy/people/{public_id}" in client.get(address).text
    assert "/privacy/people" not in sign_in("recruiter").get(f"/applications/{done}").text


def test_nothing_is_left_in_the_pictures_of_this_process(app, client, ada):
    with app.app_context():
        sha256 = (
            db.session.scalars(select(Application).where(Application.public_id == ada[0])).one().attachments[0].sha256
        )
    kept = app.extensions["drawings"]

    kept._keep((sha256, 1), Rendering(png=b"a picture"))
    erase(client, ada[0], *ada)
    assert kept._look_up((sha256, 1)) is None
