"""The page of one person: what belongs together, what people say of it, and who is likely the same."""

from __future__ import annotations

import re

import pytest
from bs4 import BeautifulSoup
from sqlalchemy import event as on_event

from dashboard.extensions import db
from dashboard.models import Application, PersonLink
from dashboard.services import indexing, traces
from dashboard.web.edge import storing
from tests.factories import event, file_object
from tests.noting import notes
from tests.outbox_fixtures import NOON
from tests.stocked_site import token_of


@pytest.fixture
def client(sign_in):
    return sign_in("recruiter")


@pytest.fixture
def applied(deliver):
    """`applied("Ada", "Quill", email="…")` → the id of an application; nothing is shared unless it is said."""

    def applied(first, last="Quill", title="Picker", email=None, phone=None, **applicant):
        told = {"firstName": first, "lastName": last, "emailAddress": email, "phone": phone, **applicant}
        return deliver(event(applicant=told, job={"originalJobReference": title, "title": title})).json["application"]

    return applied


def page(client, public_id, **args):
    answer = client.get(f"/people/{public_id}", query_string=args)
    assert answer.status_code == 200, answer.status
    return BeautifulSoup(answer.text, "html.parser")


def says(client, public_id, verb, **form):
    """Send a form of the page, twice as somebody impatient does; the page they get to."""
    form["csrf_token"] = token_of(client.get(f"/people/{public_id}").text)
    first = client.post(f"/people/{public_id}/{verb}", data=form, follow_redirects=True)
    assert first.status_code == 200, first.status
    return BeautifulSoup(first.text, "html.parser")


def presses(client, found, button):
    """Press a button by its words: sends its form as it stands on the page."""
    form = next(one for one in found.select("form") if words(one.select_one("button")).startswith(button))
    fields = {field["name"]: field.get("value", "") for field in form.select("input")}
    answer = client.post(form["action"], data=fields, follow_redirects=True)
    assert answer.status_code == 200, answer.status
    return BeautifulSoup(answer.text, "html.parser")


def words(found):
    return re.sub(r" (?=[.,:)])|(?<=\() ", "", " ".join(found.get_text(" ").split()))


def listed(found):
    return [row["data-application"] for row in found.select(".persons [data-application]")]


def message(found):
    return words(found.select_one(".flash"))


def test_everything_of_one_person_stands_on_one_page_whichever_application_it_is_opened_by(client, applied):
    first = applied("Ada", title="Picker", email="ada@example.com", phone="512 555 0101")
    second = applied("Ada", "Quill-Marsh", title="Driver", email="Ada@Example.com", phone="512 555 0102")
    third = applied("A.", title="Cook", email="other@example.com", phone="(512) 555-0102")
    applied("Stranger", email="stranger@example.com")
    for one in (first, second, third):
        found = page(client, one)
        assert listed(found) == [third, second, first]
        assert words(found.h1) == "A. Quill"
        assert "3 applications also as Ada Quill-Marsh, Ada Quill" in words(found.select_one(".person"))
        contact = found.select_one(".part-contact").text
        for told in ("other@example.com", "ada@example.com", "(512) 555-0101", "(512) 555-0102"):
            assert contact.casefold().count(told) == 1
    assert [link["href"] for link in found.select(".persons .row-link")] == [
        f"/applications/{one}" for one in (third, second, first)
    ]


def test_each_application_tells_its_stage_rating_and_who_decided(client, applied):
    one = applied("Ada", email="ada@example.com")
    told = client.get(f"/applications/{one}").text
    version = re.search(r'name="version" value="(\d+)"', told)[1]
    form = {"csrf_token": token_of(told), "version": version, "stage": "interview"}
    assert client.post(f"/applications/{one}/stage", data=form).status_code == 302
    with client.application.app_context():
        db.session.query(Application).one().rating = 3
        db.session.commit()
    row = page(client, one).select_one(f'[data-application="{one}"]')
    assert "Interview" in words(row)
    assert "recruiter@example.com" in words(row)
    assert row.select_one('[role="img"]')["aria-label"] == "Rated 3 of 4"


def test_who_is_alone_can_be_parted_from_nobody(client, applied):
    found = page(client, applied("Ada", email="ada@example.com"))
    assert "1 application" in words(found.select_one(".person"))
    assert "Not this person" not in words(found)


def test_one_that_is_not_theirs_is_parted_and_comes_back_with_undo(client, applied):
    ada, mother = applied("Ada", phone="5125550101"), applied("Mother", title="Cook", phone="5125550101")
    found = presses(client, page(client, ada), "Not this person: Cook")
    assert message(found) == "Mother Quill (Cook): not this person. Undo"
    assert listed(found) == [ada]
    assert listed(page(client, mother)) == [mother]
    assert "recruiter@example.com" in words(found.select_one(".sayings"))
    found = presses(client, found, "Undo")
    assert message(found) == "Taken back. Who has which application is worked out anew."
    assert set(listed(found)) == {ada, mother}


def test_the_application_somebody_came_by_can_be_the_one_that_is_not_theirs(client, applied):
    others = {applied(name, phone="5125550101") for name in ("Ada", "Bea")}
    one = applied("Mother", title="Cook", phone="5125550101")
    found = presses(client, page(client, one), "Not this person: Cook")
    assert listed(found) == [one]
    assert message(found).endswith("none of them is this person. Undo")
    assert "Ada Quill" in message(found)
    assert set(listed(page(client, others.copy().pop()))) == others
    assert set(listed(presses(client, found, "Take back"))) == {one, *others}


def test_who_is_likely_the_same_stands_beside_and_is_linked_with_all_they_have(app, client, applied):
    jon = applied("Jon", "Smith", email="jon@one.example", city="Austin")
    john = applied("John", "Smyth", email="jon@two.example", phone="5125550101", city="Austin")
    also = applied("John", "Smyth", title="Cook", phone="5125550101", city="Austin")
    with app.app_context():
        indexing.catch_up(storing)
    found = page(client, jon)
    (suggestion,) = found.select(".suggestion")
    assert words(suggestion.h3).startswith("A similar name, also from Austin")
    columns = [words(cell) for cell in suggestion.select("tbody td")]
    assert columns[:4] == ["Jon Smith", "John Smyth similar", "Austin", "Austin the same"]
    found = presses(client, found, "Same person")
    assert message(found).endswith("the same person. Undo")
    assert set(listed(found)) == {jon, john, also}
    assert not found.select(".suggestion")
    found = presses(client, found, "Take back")
    assert listed(found) == [jon]
    assert len(found.select(".suggestion")) == 1


def test_who_is_not_the_same_is_suggested_no_more_until_that_is_taken_back(app, client, applied):
    jon = applied("Jon", "Smith", city="Austin")
    for title in ("Cook", "Driver"):
        applied("John", "Smyth", title=title, phone="5125550101", city="Austin")
    with app.app_context():
        indexing.catch_up(storing)
    found = presses(client, page(client, jon), "Not the same")
    assert message(found).endswith(": not this person. Undo")
    assert not found.select(".suggestion"), "nor is the other one of theirs"
    assert len(presses(client, found, "Undo").select(".suggestion")) == 1


def test_the_same_resume_tells_whatever_the_name(client, applied):
    resume = file_object(b"I am a picker.", "resume.txt")
    ada = applied("Ada", email="ada@example.com", resume=resume)
    applied("Zoe", "Vale", email="zoe@example.com", resume=resume)
    (suggestion,) = page(client, ada).select(".suggestion")
    assert words(suggestion.h3) == "The same résumé"
    assert len({code.text for code in suggestion.select("code")}) == 1


def test_any_two_are_linked_by_the_address_of_the_other(client, applied):
    ada, bea = applied("Ada", email="ada@example.com"), applied("Bea", email="bea@example.com")
    pasted = f" https://jobs.example.com/applications/{bea}?q=bea#answers "
    assert set(listed(says(client, ada, "same", other=pasted))) == {ada, bea}
    assert message(says(client, ada, "same", other=bea)) == "That is known already. Nothing was changed."


@pytest.mark.parametrize("verb", ["same", "different"])
@pytest.mark.parametrize("other", ["", "nonsense", "https://example.com/", "é" * 600])
def test_what_names_no_application_is_told_and_changes_nothing(client, applied, verb, other):
    found = says(client, applied("Ada"), verb, other=other)
    assert message(found) == "No application is found by that. Open the application and copy its address."


def test_somebody_is_not_linked_to_themselves(client, applied):
    ada = applied("Ada")
    assert message(says(client, ada, "same", other=ada)) == "Choose two different applications."


def test_pressing_twice_says_it_once(app, client, applied):
    ada, bea = applied("Ada", email="ada@example.com"), applied("Bea", email="bea@example.com")
    for verb in ("different", "same"):
        says(client, ada, verb, other=bea)
        assert "Nothing was changed" in message(says(client, ada, verb, other=bea))
        with app.app_context():
            assert db.session.query(PersonLink).count() == 1
    says(client, ada, "take-back", one=ada, other=bea, same="yes")
    again = says(client, ada, "take-back", one=bea, other=ada, same="yes")
    assert message(again) == "That was taken back before. Nothing was changed."


def test_an_address_with_what_was_never_said_offers_nothing_to_undo(client, applied):
    ada = applied("Ada")
    assert not page(client, ada, said=ada).select(".flash")
    assert not page(client, ada, said="nonsense").select(".flash")


def test_a_telephone_that_hundreds_share_shows_the_newest_and_says_so(app, client):
    row = {"applied_at": NOON, "arrived_at": NOON, "flags": [], "phone": "512 555 0101", "phone_key": "5125550101"}
    with app.app_context():
        db.session.add_all(Application(talroo_id=f"many-{n}", inbox_no=n, unindexed=1, **row) for n in range(1, 301))
        db.session.commit()
        one = db.session.query(Application.public_id).filter_by(inbox_no=300).scalar()
    found = page(client, one)
    assert len(listed(found)) == 50
    assert f"{traces.MOST}+ applications" in words(found.select_one(".person"))
    notice = found.select_one(".notices")
    assert "hardly one person’s" in words(notice)
    assert notice.a["href"] == "/applications?q=5125550101"


def test_the_page_takes_five_statements_however_far_the_traces_lead_and_whatever_was_said(app, client, applied):
    def statements():
        with app.app_context():
            engine = db.engine
        sent = []

        def note(*told):
            sent.append(told[2])

        on_event.listen(engine, "before_cursor_execute", note)
        found = page(client, chain[0])
        on_event.remove(engine, "before_cursor_execute", note)
        return found, len([one for one in sent if not one.startswith("BEGIN") and not notes(one)])

    told = [{"email": f"{n // 2}@x.example", "phone": f"512555{(n + 1) // 2:04}"} for n in range(12)]
    chain = [applied("Ada", city="Austin", **one) for one in told]
    applied("Ada", "Quil", city="Austin", resume=file_object(b"I pick.", "resume.txt"))
    linked, parted = applied("Adah", phone="7375550101", city="Austin"), applied("Bea", phone="7375550101")
    says(client, chain[5], "same", other=linked)
    says(client, chain[0], "different", other=parted)
    says(client, chain[0], "different", other=applied("Zoe"))
    with app.app_context():
        indexing.catch_up(storing)
    found, few = statements()
    assert "13 applications" in words(found.select_one(".person"))
    assert len(found.select(".sayings li")) == 3
    assert len(found.select(".suggestion")) == 1
    assert few <= 5
    for _ in range(20):
        applied("Ada", phone="5125550000", city="Austin")
    found, many = statements()
    assert "33 applications" in words(found.select_one(".person"))
    assert many <= 5


def test_who_does_not_exist_or_has_not_finished_has_no_page(client, deliver):
    begun = deliver(event(kind="started:v1")).json["application"]
    assert client.get(f"/people/{begun}").status_code == 404
    assert client.get("/people/none").status_code == 404


def test_who_only_shares_a_telephone_is_doubted_beside_the_application_until_somebody_says_who_it_is(client, applied):
    ada = applied("Ada", email="ada@example.com", phone="5125550101")
    again = applied("Ada", title="Cook", email="ada@example.com", phone="5125550101")
    mother = applied("Mother", email="mother@example.com", phone="5125550101")

    def doubted(public_id):
        others = BeautifulSoup(client.get(f"/applications/{public_id}").text, "html.parser").select(".part-others li")
        return [row["data-application"] for row in others if "Maybe another person." in row.text]

    assert doubted(ada) == [mother]
    assert set(doubted(mother)) == {ada, again}
    says(client, ada, "same", other=mother)
    assert doubted(ada) == []
