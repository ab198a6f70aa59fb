"""Incomplete applicants, as an HR administrator sees them."""

from __future__ import annotations

import pytest
from bs4 import BeautifulSoup

from tests.factories import event


@pytest.fixture
def begun(deliver):
    return deliver(event(kind="started:v1", tlrSid="click-1")).json["application"]


def rows(client):
    return BeautifulSoup(client.get("/incomplete").text, "html.parser").select("tr[data-application]")


def test_who_has_not_finished_is_linked_to_nothing(sign_in, begun):
    client = sign_in("hr_admin")
    (row,) = rows(client)
    assert row["data-application"] == begun
    assert "data-linked" not in row.attrs
    assert "Not finished" in row.text
    assert "data-linked" not in client.get(f"/incomplete/{begun}").text


def test_who_finished_under_another_id_is_linked_to_what_they_finished(sign_in, deliver, begun):
    finished = deliver(event(tlrSid="click-1")).json["application"]
    client = sign_in("hr_admin")
    (row,) = rows(client)
    assert row["data-linked"] == finished
    assert row.find("a", class_="above")["href"] == f"/applications/{finished}"
    page = BeautifulSoup(client.get(f"/incomplete/{begun}").text, "html.parser")
    assert page.main["data-linked"] == finished
    assert page.main.find("a", href=f"/applications/{finished}")


def test_an_empty_list_promises_no_button_and_no_asking(sign_in):
    words = sign_in("hr_admin").get("/incomplete").text
    assert "Nobody is incomplete" in words
    for promise in ("button", "asked for", "regularly"):
        assert promise not in BeautifulSoup(words, "html.parser").main.text


def test_the_select_shows_which_job_was_asked_for_in_either_spelling(sign_in, deliver):
    deliver(event(job={"originalJobReference": "WH-1", "title": "Picker"}))
    client = sign_in("recruiter")
    for screen in ("/applications", "/conversions", "/dispositions"):
        options = BeautifulSoup(client.get(screen).text, "html.parser").select("#filter-job option")
        for spelling in (options[1]["value"], "WH-1", "Picker"):
            page = BeautifulSoup(client.get(screen, query_string={"job": spelling}).text, "html.parser")
            (chosen,) = page.select("#filter-job option[selected]")
            assert (chosen["value"], chosen.text) == (spelling, "Picker · Harbor & Vale")


@pytest.mark.parametrize("address", ["/conversions", "/conversions.csv", "/dispositions.csv", "/applications.csv"])
def test_a_job_with_a_nul_in_it_is_read_without_it(sign_in, address):
    assert sign_in("recruiter").get(f"{address}?job=a%00b", buffered=True).status_code == 200
