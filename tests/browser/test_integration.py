"""A test application travels by real HTTP through the real postUrl, and is unmistakable wherever it arrives."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

PASSWORD = "correct horse battery"


@pytest.mark.process
def test_a_test_application_goes_all_the_way_and_can_be_removed(site, new_page):
    site.add_user("hana@example.com", "hr_admin", PASSWORD)
    page = new_page()
    page.set_default_timeout(120_000)
    page.goto(f"{site.url}/login?next=/admin")
    page.get_by_label("Email").fill("hana@example.com")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("button", name="Send a signed test application").click()
    told = page.locator(".flash-success")
    assert f"went to {site.url}/talroo/applications and was accepted after" in told.inner_text()
    expect(page.locator("#test-application")).to_be_focused()
    told.get_by_role("link").click()
    assert page.locator("main[data-status=accepted]").count() == 1
    assert "Test from this dashboard" in page.locator("main").inner_text()
    page.get_by_role("link", name="View application").click()
    assert page.locator("h1").inner_text() == "Test application"
    assert page.locator(".person-facts .chip", has_text="Test").count() == 1
    page.goto(f"{site.url}/admin")
    assert "just now" in page.locator("[data-secret=TALROO_WEBHOOK_SECRETS]").inner_text()
    page.get_by_role("button", name="Remove test applications (1)").click()
    assert page.locator(".flash-success").inner_text() == "1 test application removed."
    assert page.locator("[data-problem]").count() == 0
    page.goto(f"{site.url}/applications")
    assert page.locator("[data-application]").count() == 0
