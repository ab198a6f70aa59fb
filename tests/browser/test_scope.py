"""Limiting a recruiter, with a mouse, by keyboard and without scripts."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.test_every_page import complaints


@pytest.mark.parametrize(("width", "scripts"), [(1440, True), (390, False)])
def test_a_recruiter_is_limited_to_a_company_that_was_searched(width, scripts, open_as):
    page = open_as("hr_admin", "/admin/users", width=width, scripts=scripts)
    page.get_by_role("link", name="colleague@example.com").click()
    page.get_by_role("link", name="Change job access").click()
    if scripts:
        assert complaints(page) == []
    page.get_by_label("Only applications for the companies and jobs checked below").check()
    page.get_by_label("Search companies and jobs").fill("medical")
    with page.expect_navigation():
        page.keyboard.press("Enter")
    assert page.get_by_label("Only applications for").is_checked(), "Enter searches, and saves nothing"
    page.locator("input[name=company]").first.check()
    page.get_by_role("button", name="Save").click()
    page.wait_for_url("**/admin/users/*#scope")
    assert "all jobs" in page.locator("#scope").inner_text()
    if scripts:
        assert complaints(page) == []
    page.get_by_role("link", name="Change job access").click()
    page.get_by_label("All applications").check()
    page.get_by_role("button", name="Save").click()
    page.wait_for_url("**/admin/users/*#scope")
    assert "All applications" in page.locator("#scope").inner_text()


def test_back_from_what_was_saved_shows_the_search_again(open_as):
    page = open_as("hr_admin", "/admin/users")
    page.get_by_role("link", name="colleague@example.com").click()
    page.get_by_role("link", name="Change job access").click()
    page.get_by_label("Search companies and jobs").fill("medical")
    page.keyboard.press("Enter")
    page.wait_for_url("**/scope?q=medical")
    page.get_by_role("button", name="Save").click()
    page.wait_for_url("**/admin/users/*#scope")
    page.go_back()
    expect(page.get_by_label("Search companies and jobs")).to_have_value("medical")
