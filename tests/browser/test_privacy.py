"""Erasing, holding and restricting in a browser, with and without JavaScript."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenAs
from tests.browser.inhabited import Inhabited
from tests.browser.test_every_page import complaints
from tests.browser.test_people import applied

GONE = ("status of 404",)


def erase(page: Page) -> None:
    page.get_by_label("Reason for erasing").select_option("They asked to be erased")
    page.get_by_label("I understand this can’t be undone").check()
    page.get_by_role("button", name="Erase").click()
    page.wait_for_url("**/privacy/erasures/*")


@pytest.mark.parametrize(("width", "scripts"), [(1440, True), (390, True), (390, False)])
def test_a_person_is_looked_at_and_erased(width: int, scripts: bool, open_as: OpenAs, inhabited: Inhabited):
    same = f"erase-me-{width}-{scripts}@example.com"
    one = applied(inhabited, "Eve", emailAddress=same)
    applied(inhabited, "Eve", emailAddress=same)
    page = open_as("hr_admin", f"/applications/{one}", width=width, scripts=scripts, allow=GONE)
    page.get_by_role("link", name="Privacy").last.click()
    expect(page.get_by_role("heading", name="Privacy: Eve Twin")).to_be_visible()
    expect(page.get_by_text("2 deliveries: what Talroo sent")).to_be_visible()
    if scripts:
        assert complaints(page) == []
        page.reload()
    erase(page)
    expect(page.get_by_text("2 applications")).to_be_visible()
    if scripts:
        assert complaints(page) == []
    assert page.goto(f"/applications/{one}").status == 404  # type: ignore[union-attr]


@pytest.mark.parametrize("scripts", [True, False])
def test_what_is_not_ticked_any_more_is_not_erased(scripts: bool, open_as: OpenAs, inhabited: Inhabited):
    same = f"not-all-of-me-{scripts}@example.com"
    one, other = applied(inhabited, "Una", emailAddress=same), applied(inhabited, "Una", emailAddress=same)
    page = open_as("hr_admin", f"/privacy/people/{one}", scripts=scripts, allow=("status of 4",))
    page.locator(f"input[name=application][value='{other}']").uncheck()
    page.get_by_label("Reason for erasing").select_option("They asked to be erased")
    page.get_by_label("I understand this can’t be undone").check()
    page.get_by_role("button", name="Erase these").click()
    expect(page.get_by_role("alert")).to_contain_text("You changed the selection")
    erase(page)
    assert page.goto(f"/applications/{one}").status == 404  # type: ignore[union-attr]
    assert page.goto(f"/applications/{other}").status == 200  # type: ignore[union-attr]


def test_somebody_who_is_restricted_comes_back_when_it_is_lifted(open_as: OpenAs, inhabited: Inhabited):
    one = applied(inhabited, "Rex")
    page = open_as("hr_admin", f"/privacy/people/{one}", allow=GONE)
    page.get_by_label("Reason for the restriction").fill("A legal minimum runs")
    page.get_by_role("button", name="Restrict").click()
    page.wait_for_url("**/privacy")
    row = page.locator("[data-hold]", has_text="Rex Twin")
    expect(row).to_contain_text("A legal minimum runs")
    assert complaints(page) == []
    page.reload()
    assert page.goto(f"/applications/{one}").status == 404  # type: ignore[union-attr]
    page.goto("/privacy")
    row.locator("summary", has_text="Lift").click()
    expect(row.get_by_text("goes back to the lists")).to_be_visible()
    row.get_by_role("button", name="Lift").click()
    expect(page.get_by_role("status")).to_contain_text("back in the lists")
    assert page.goto(f"/applications/{one}").status == 200  # type: ignore[union-attr]


@pytest.mark.parametrize(("width", "scripts"), [(1440, True), (390, True), (390, False)])
def test_a_date_on_a_restriction_is_asked_about_in_sight(width, scripts, open_as: OpenAs, inhabited: Inhabited):
    one = applied(inhabited, f"Dot{width}{scripts}")
    page = open_as("hr_admin", f"/privacy/people/{one}", width=width, scripts=scripts)
    page.get_by_label("Reason for the restriction").fill("Until the case is closed")
    page.get_by_label("Erase after the end of").fill("2099-01-31")
    page.get_by_role("button", name="Restrict").click()
    sure = page.get_by_role("button", name="Restrict, then erase after")
    expect(sure).to_be_focused()
    expect(sure).to_be_in_viewport()
    if scripts:
        assert complaints(page) == []
    sure.click()
    page.wait_for_url("**/privacy")
    expect(page.get_by_role("status")).to_contain_text("permanently erased after that date unless you lift")


@pytest.mark.parametrize(("width", "scripts"), [(1440, True), (390, False)])
def test_a_legal_hold_is_ended_where_it_is_seen_after_a_question(width, scripts, open_as: OpenAs, inhabited: Inhabited):
    one = applied(inhabited, f"Hal{width}")
    page = open_as("hr_admin", f"/privacy/people/{one}", width=width, scripts=scripts)
    page.get_by_label("Reason for the hold").fill("A charge")
    page.get_by_role("button", name="Place a legal hold").click()
    expect(page.get_by_role("status")).to_contain_text("under legal hold")
    expect(page.get_by_role("button", name="End the legal hold")).to_be_hidden()
    page.locator("summary", has_text="End the legal hold").click()
    expect(page.get_by_text("End this legal hold?")).to_be_visible()
    if scripts:
        assert complaints(page) == []
    page.get_by_role("button", name="End the legal hold").click()
    expect(page.get_by_role("status")).to_contain_text("Legal hold ended.")
