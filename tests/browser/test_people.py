"""One person's page in a browser: side by side at a desk and on a telephone, and without JavaScript."""

from __future__ import annotations

from itertools import count

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenAs
from tests.browser.inhabited import Inhabited
from tests.browser.test_every_page import complaints
from tests.factories import event, file_object

_numbers = count(1)


def applied(inhabited: Inhabited, name: str, **applicant: object) -> str:
    """Somebody new with an email address of their own; the application's id."""
    told = {"firstName": name, "lastName": "Twin", "emailAddress": f"{name}{next(_numbers)}@twins.example"} | applicant
    return str(inhabited.deliver(event(applicant=told))["application"])


@pytest.fixture
def twins(inhabited: Inhabited) -> tuple[str, str]:
    """Two applications with one résumé, and nothing else in common."""
    resume = file_object(f"I am number {next(_numbers)}.".encode(), "resume.txt")
    return applied(inhabited, "Ada", resume=resume), applied(inhabited, "Zoe", resume=resume)


def applications(page: Page) -> list[str]:
    return [str(row.get_attribute("data-application")) for row in page.locator(".persons [data-application]").all()]


@pytest.mark.parametrize("width", [1440, 390])
def test_two_who_are_likely_the_same_stand_side_by_side_and_are_linked_with_one_press(
    width: int, open_as: OpenAs, twins: tuple[str, str]
):
    page = open_as("recruiter", f"/applications/{twins[0]}", width=width)
    page.get_by_role("link", name="Possible duplicates").click()
    page.wait_for_url("**/people/*")
    left, right = (page.locator(".compared tbody tr").first.locator("td").nth(n).bounding_box() for n in (0, 1))
    assert left
    assert right
    assert left["x"] + left["width"] <= right["x"] + 1
    assert left["y"] == right["y"]
    assert complaints(page) == []
    same = page.get_by_role("button", name="Same person")
    box = same.bounding_box()
    assert box
    assert width > 640 or box["height"] >= 44
    same.click()
    expect(page.locator(".flash")).to_contain_text("Ada Twin (Picker) and Zoe Twin (Picker): the same person")
    assert set(applications(page)) == set(twins)
    assert complaints(page) == []
    page.locator(".persons .row-link").first.click()
    page.wait_for_url("**/applications/*")
    expect(page.locator(".part-others [data-application]")).to_have_count(1)


def test_without_scripts_two_are_told_apart_and_that_is_undone(open_as: OpenAs, twins: tuple[str, str]):
    page = open_as("recruiter", f"/people/{twins[0]}", scripts=False)
    page.get_by_role("button", name="Different person").click()
    expect(page.locator(".flash")).to_contain_text("Zoe Twin (Picker): a different person")
    expect(page.locator(".suggestion")).to_have_count(0)
    page.locator(".flash").get_by_role("button", name="Undo").click()
    expect(page.locator(".flash")).to_contain_text("Undone")
    expect(page.locator(".suggestion")).to_have_count(1)
    page.get_by_label("Another application by this person").fill(page.url.replace(twins[0], twins[1]))
    page.get_by_role("button", name="Add match").click()
    expect(page.locator(".persons [data-application]")).to_have_count(2)
