"""The page on which an administrator limits a recruiter to jobs and companies."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from bs4 import BeautifulSoup
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from dashboard.extensions import db
from dashboard.models import User
from dashboard.reach import EVERYTHING, of
from tests.factories import event
from tests.stocked_site import token_of


@pytest.fixture
def recruiter(app: Flask, sign_in: Callable[..., FlaskClient], deliver: Callable[..., Any]) -> str:
    """Their public id; two companies have applicants."""
    for reference, title, company in (("WH-1", "Picker", "Harbor & Vale"), ("OI-1", "Welder", "Oak & Iron")):
        deliver(event(job={"originalJobReference": reference, "title": title, "company": company}))
    sign_in("recruiter")
    with app.app_context():
        return str(db.session.scalar(select(User.public_id).where(User.role == "recruiter")))


def choices(page: TestResponse) -> dict[str, tuple[str, str, bool]]:
    """What can be ticked: words → field, value, whether it is ticked."""
    found = BeautifulSoup(page.text, "html.parser").select("ul.ticks input")
    return {box.parent.get_text(strip=True): (box["name"], box["value"], box.has_attr("checked")) for box in found}


def send(client: FlaskClient, public_id: str, **fields: Any) -> TestResponse:
    page = client.get(f"/admin/users/{public_id}/scope")
    data = {"csrf_token": token_of(page.text), **fields}
    return client.post(f"/admin/users/{public_id}/scope", data=data, follow_redirects=True)


@pytest.mark.parametrize("role", ["hr_admin", "it_admin"])
def test_an_administrator_chooses_and_the_recruiter_sees_only_that(app, sign_in, recruiter, role):
    client = sign_in(role)
    offered = choices(client.get(f"/admin/users/{recruiter}/scope"))
    assert set(offered) == {
        *("Harbor & Vale, all jobs", "Oak & Iron, all jobs"),
        *("Picker · Harbor & Vale", "Welder · Oak & Iron"),
    }
    assert not any(ticked for _, _, ticked in offered.values())
    saved = send(client, recruiter, do="save", limited="yes", company=offered["Oak & Iron, all jobs"][1])
    assert "can now see only the jobs and companies chosen here" in saved.text
    assert "Oak &amp; Iron</bdi>, all jobs" in saved.text
    inbox = sign_in("recruiter").get("/applications").text
    assert "Welder" in inbox
    assert "Picker" not in inbox
    again = choices(client.get(f"/admin/users/{recruiter}/scope"))
    assert [words for words, (_, _, ticked) in again.items() if ticked] == ["Oak & Iron, all jobs"]
    assert "can now see all applications" in send(client, recruiter, do="save").text
    assert "Picker" in sign_in("recruiter").get("/applications").text


def test_searching_keeps_what_is_ticked_and_saves_nothing(app, sign_in, recruiter):
    client = sign_in("hr_admin")
    offered = choices(client.get(f"/admin/users/{recruiter}/scope"))
    picker = offered["Picker · Harbor & Vale"][1]
    found = send(client, recruiter, do="find", q="weld", limited="yes", job=picker)
    assert [(words, ticked) for words, (_, _, ticked) in choices(found).items()] == [
        ("Picker · Harbor & Vale", True),
        ("Welder · Oak & Iron", False),
    ]
    assert re.search(r'name="limited" value="yes"[^>]* checked', found.text)
    assert 'value="weld"' in found.text
    with app.app_context():
        user = db.session.scalars(select(User).where(User.public_id == recruiter)).one()
        assert of(db.session(), user) == EVERYTHING


def test_what_is_ticked_for_somebody_who_sees_all_is_asked_about(sign_in, recruiter):
    client = sign_in("hr_admin")
    welder = choices(client.get(f"/admin/users/{recruiter}/scope"))["Welder · Oak & Iron"][1]
    refused = send(client, recruiter, do="save", limited="no", job=welder)
    assert refused.status_code == 400
    assert "You checked jobs or companies" in refused.text
    assert choices(refused)["Welder · Oak & Iron"][2], "what was ticked is still"


def test_whoever_is_limited_to_nothing_is_said_to_see_nothing(sign_in, recruiter):
    client = sign_in("hr_admin")
    told = send(client, recruiter, do="save", limited="yes", job="none", company="none")
    assert "can’t see any applications until you choose a job or a company" in told.text


def test_only_recruiters_are_limited(app, sign_in, recruiter):
    client = sign_in("hr_admin")
    with app.app_context():
        own = db.session.scalar(select(User.public_id).where(User.role == "hr_admin"))
    assert "Only recruiters can be limited" in client.get(f"/admin/users/{own}/scope").text
    token = token_of(client.get("/me").text)
    refused = client.post(f"/admin/users/{own}/scope", data={"csrf_token": token, "do": "save", "limited": "yes"})
    assert refused.status_code == 400
    assert client.get("/admin/users/none/scope").status_code == 404


def test_a_name_is_shown_as_it_is_written(sign_in, recruiter, deliver):
    deliver(event(job={"originalJobReference": "X", "title": "<b>Bold</b>", "company": "<script>"}))
    page = sign_in("hr_admin").get(f"/admin/users/{recruiter}/scope").text
    assert "<b>Bold" not in page
    assert "&lt;script&gt;" in page
