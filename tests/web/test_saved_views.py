"""`/views`: a list kept under a name, for oneself or for everybody."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from bs4 import BeautifulSoup
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.factories import event
from tests.stocked_site import token_of


class Viewer:
    """Somebody's browser on the inbox."""

    def __init__(self, client: FlaskClient) -> None:
        self.client = client

    def look(self, address: str = "/applications") -> BeautifulSoup:
        answer = self.client.get(address)
        assert answer.status_code == 200, answer.status
        return BeautifulSoup(answer.text, "html.parser")

    def post(self, address: str, **fields: str) -> TestResponse:
        token = token_of(self.client.get("/applications").text)
        return self.client.post(address, data={"csrf_token": token, **fields})

    def save(self, name: str, query: str, **more: str) -> str:
        """Save a view; its public id."""
        answer = self.post("/views", name=name, query=query, **more)
        assert (answer.status_code, answer.location) == (302, f"/applications?{query}")
        form = self.look("/views").find("a", string=name).find_parent("section").select_one(".view-form")
        return str(form["action"]).rpartition("/")[2]

    def bar(self, address: str = "/applications") -> dict[str, str]:
        """Name → where it leads, of the views over the list."""
        return {link.bdi.text: link["href"] for link in self.look(address).select("#views .view:has(bdi)")}


@pytest.fixture
def rita(sign_in: Callable[..., FlaskClient], deliver: Callable[..., Any]) -> Viewer:
    for name, qualified in (("Ann", True), ("Bob", False), ("Cy", True)):
        deliver(event(applicant={"firstName": name, "emailAddress": f"{name}@example.com"}, qualified=qualified))
    return Viewer(sign_in("recruiter"))


@pytest.fixture
def dana(sign_in: Callable[..., FlaskClient]) -> Viewer:
    return Viewer(sign_in("hr_admin"))


def test_a_list_is_saved_under_a_name_and_counted_live(rita, deliver):
    assert rita.bar() == {}
    view = rita.save("Fit", "qualified=yes&tab=new")
    assert rita.bar() == {"Fit": "/applications?qualified=yes&tab=new"}
    here = rita.look("/applications?tab=new&qualified=yes").select_one("#views [aria-current]")
    assert here.bdi.text == "Fit"
    assert rita.look("/views/bar").select_one(".view-count").text == "2"
    deliver(event(applicant={"firstName": "Di", "emailAddress": "di@example.com"}, qualified=True))
    assert rita.look("/views/bar").select_one(".view-count").text == "3"
    answer = rita.client.get(f"/applications?view={view}")
    assert (answer.status_code, answer.location) == (302, "/applications?qualified=yes&tab=new")


def test_what_is_shared_colleagues_see_and_only_its_owner_changes(rita, dana):
    own, shared = rita.save("Mine", "q=ann"), rita.save("Ours", "q=bob", shared="yes")
    assert dana.bar() == {"Ours": "/applications?q=bob"}
    assert "rita" not in dana.look("/views").text
    assert dana.client.get(f"/applications?view={shared}").location == "/applications?q=bob"
    assert dana.client.get(f"/applications?view={own}").location == "/applications"
    for address in (f"/views/{shared}", f"/views/{shared}/delete", f"/views/{own}"):
        assert dana.post(address, name="Theirs").status_code == 404
    assert rita.post(f"/views/{shared}", name="Ours, renamed").location == "/views"
    assert dana.bar() == {}, "no longer shared, since the box was not ticked"
    assert rita.post(f"/views/{shared}/delete").location == "/views"
    assert list(rita.bar()) == ["Mine"]


def test_a_refused_name_is_told_and_nothing_typed_is_lost(rita):
    rita.save("Fit", "qualified=yes")
    answer = rita.post("/views", name="fit ", query="q=bob&stage=new", shared="yes")
    assert answer.status_code == 400
    page = BeautifulSoup(answer.text, "html.parser")
    form = page.select_one('form[action="/views"]')
    assert form.select_one("[name=name]")["value"] == "fit "
    assert form.select_one("[name=query]")["value"] == "q=bob&stage=new"
    assert form.select_one("[name=shared]").has_attr("checked")
    assert "You already have a view with that name" in form.text
    assert [chip.text for chip in page.select(".view-asks")[0].select(".chip")] == ["“bob”", "Stage: New"]
    other = rita.save("Other", "q=cy")
    again = BeautifulSoup(rita.post(f"/views/{other}", name="").text, "html.parser")
    assert "Enter a name for the view." in again.select_one(f'form[action="/views/{other}"]').text


def test_a_view_that_is_gone_leads_to_the_whole_inbox_and_says_so(rita):
    answer = rita.client.get("/applications?view=nothing", follow_redirects=True)
    assert answer.request.path == "/applications"
    assert "That view was deleted" in answer.text


def offers(page: BeautifulSoup) -> bool:
    return page.select_one("#save-view") is not None


def test_what_is_a_view_already_is_not_offered_to_be_saved(rita):
    rita.save("Fit", "qualified=yes&tab=new")
    assert not offers(rita.look("/applications?tab=new&qualified=yes"))
    assert offers(rita.look("/applications?tab=new&qualified=no"))
    assert not offers(rita.look("/applications"))


def test_ones_own_view_is_given_another_list_and_keeps_its_name_and_its_readers(rita, dana):
    view = rita.save("Ours", "q=bob", shared="yes")
    form = rita.look("/applications?q=cy").select_one("#save-view form")
    assert [(one["value"], one.text) for one in form.select("[name=of] option")] == [(view, "Ours")]
    answer = rita.post("/views", do="replace", of=view, name="", query=form.select_one("[name=query]")["value"])
    assert (answer.status_code, answer.location) == (302, "/applications?q=cy")
    assert "“Ours” now shows this list, for colleagues too." in rita.look("/applications?q=cy").text
    assert dana.bar() == {"Ours": "/applications?q=cy"}
    assert not dana.look("/applications?q=ann").select("#save-view [name=of]"), "a colleague's is not changed"
    assert dana.post("/views", do="replace", of=view, query="q=ann").status_code == 404
    assert rita.post("/views", do="replace", of=view, query="").status_code == 400
    assert rita.bar() == {"Ours": "/applications?q=cy"}


def test_deleting_asks_first_and_says_who_loses_it_too(rita):
    own, shared = rita.save("Mine", "q=ann"), rita.save("Ours", "q=bob", shared="yes")
    page = rita.look("/views")
    for view, tells in ((own, False), (shared, True)):
        asked = page.select_one(f'details.confirm > form[action="/views/{view}/delete"]')
        assert ("your colleagues’ lists" in asked.p.text) is tells
