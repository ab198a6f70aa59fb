"""Many at once in the list: selected by key, by range, as a page and as all that match; scripts or none."""

from __future__ import annotations

import re
from zipfile import ZipFile

import pytest
from playwright.sync_api import Page, expect

from tests.browser.test_every_page import complaints
from tests.factories import event

FEW, MANY = "Bulk-Few", "Bulk-Many"
"""Jobs of the people these tests are about, so that nobody else's are changed."""
MORE_THAN_A_PAGE = 52


@pytest.fixture(scope="module")
def people(inhabited) -> None:
    """Four of one job, and more than a page of another."""
    for job, number in ((FEW, 4), (MANY, MORE_THAN_A_PAGE)):
        for at in range(number):
            person = {"firstName": f"Person{at}", "lastName": job, "emailAddress": f"{at}@{job.lower()}.example"}
            inhabited.deliver(event(applicant=person, job={"originalJobReference": job, "title": job}))


def boxes(page: Page):
    return page.locator(".pickable [name=application]")


def selected(page: Page):
    return page.locator(".bulk [role=status]")


def confirmed(page: Page) -> str:
    """Confirm, and what the result says."""
    page.get_by_role("button", name=re.compile(r"\d+ applications?")).click()
    page.wait_for_url(re.compile("/applications/bulk/[^/]+$"))
    return page.get_by_role("status").inner_text()


@pytest.mark.usefixtures("people")
def test_two_are_selected_rejected_and_taken_back_by_keys(open_as):
    page = open_as("recruiter", f"/applications?job={FEW}")
    bar = page.locator("#bulk")
    expect(bar).to_be_hidden()
    for key in ("j", "x", "j", "j", "x"):
        page.keyboard.press(key)
    expect(selected(page)).to_have_text("2 selected")
    page.keyboard.press("b")
    choice = page.get_by_label("Action", exact=True)
    expect(choice).to_be_focused()
    page.keyboard.type("Applicant")
    expect(choice.locator("option:checked")).to_have_text("Applicant withdrew")
    page.keyboard.press("Tab")
    assert complaints(page) == []
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Reject: Applicant withdrew?")
    expect(page.get_by_text("2 applications will change.")).to_be_visible()
    assert complaints(page) == []
    assert "2 done" in confirmed(page)
    assert complaints(page) == []
    page.keyboard.press("u")
    expect(page.get_by_text("2 restored")).to_be_visible()
    page.get_by_role("link", name="Continue with the list").click()
    page.wait_for_url(f"**/applications?job={FEW}")
    expect(page.locator(".stage-rejected")).to_have_count(0)


@pytest.mark.usefixtures("people")
def test_a_range_the_page_and_all_that_match_are_selected_on_a_desk(open_as, tmp_path):
    page = open_as("recruiter", f"/applications?job={MANY}")
    boxes(page).nth(1).click()
    boxes(page).nth(5).click(modifiers=["Shift"])
    expect(selected(page)).to_have_text("5 selected")
    every = page.get_by_label(f"All {MORE_THAN_A_PAGE} that match")
    expect(every).to_be_hidden()
    page.get_by_label("Select page").check()
    expect(selected(page)).to_have_text("50 selected")
    every.check()
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Files").click()
    waiting.value.save_as(tmp_path / "all.zip")
    assert ZipFile(tmp_path / "all.zip").namelist()[0] == "answers.csv"
    boxes(page).first.uncheck()
    expect(every).not_to_be_checked()
    page.locator("#bulk").get_by_role("link", name="Clear").click()
    expect(page.locator("#bulk")).to_be_hidden()


@pytest.mark.usefixtures("people")
def test_all_that_match_are_tagged_on_a_telephone(open_as):
    page = open_as("recruiter", f"/applications?job={MANY}", width=390, has_touch=True)
    boxes(page).first.tap()
    page.locator("#bulk").get_by_role("link", name="Select page").tap()
    page.get_by_label(f"All {MORE_THAN_A_PAGE} that match").check()
    assert complaints(page) == []
    page.get_by_label("Action", exact=True).select_option("tag")
    page.get_by_role("button", name="Continue").tap()
    page.wait_for_url("**/applications/bulk")
    page.get_by_label("Tag").fill("Browser night")
    assert complaints(page) == []
    assert f"{MORE_THAN_A_PAGE} done" in confirmed(page)


@pytest.mark.usefixtures("people")
def test_without_scripts_boxes_a_choice_and_two_buttons_do_the_same(open_as):
    page = open_as("recruiter", f"/applications?job={FEW}", scripts=False)
    boxes(page).nth(0).check()
    page.locator("#bulk").get_by_role("link", name="Select page").click()
    expect(page.locator(".pickable [name=application]:checked")).to_have_count(4)
    boxes(page).nth(0).uncheck()
    page.get_by_label("Action", exact=True).select_option("hold")
    page.get_by_role("button", name="Continue").click()
    assert "3 done" in confirmed(page)
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("3 restored")).to_be_visible()


@pytest.mark.usefixtures("people")
def test_back_from_what_was_done_leads_to_the_list(open_as):
    page = open_as("recruiter", f"/applications?job={FEW}")
    boxes(page).nth(0).check()
    page.get_by_label("Action", exact=True).select_option("hold")
    page.get_by_role("button", name="Continue").click()
    assert "1 done" in confirmed(page)
    page.go_back()
    expect(page.get_by_role("heading", level=1)).to_have_text("Applications")
    expect(page).to_have_url(re.compile(rf"/applications\?job={FEW}$"))
    expect(boxes(page)).to_have_count(4)
