"""What administrators do to others is asked first, also on a telephone and without JavaScript."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.inhabited import PASSWORD
from tests.browser.test_every_page import complaints

UNDER_THE_BAR = """field => {
    const bar = document.querySelector(".nav").getBoundingClientRect();
    return field.getBoundingClientRect().bottom > bar.top;
}"""


@pytest.mark.parametrize(("width", "scripts"), [(1440, True), (390, False)])
def test_deactivating_somebody_takes_two_presses_and_says_what_happens(open_as, width, scripts):
    page = open_as("hr_admin", "/admin/users", width=width, scripts=scripts)
    email = f"leaving-{width}@example.com"
    page.get_by_label("Invite by email").fill(email)
    page.get_by_role("button", name="Invite").click()
    main = page.locator("main")
    expect(main).to_have_attribute("data-state", "invited")
    button = page.get_by_role("button", name=f"Deactivate {email}")
    expect(button).to_be_hidden()
    page.locator("summary", has_text="Deactivate").click()
    expect(page.get_by_text("can no longer sign in")).to_be_visible()
    if scripts:
        assert complaints(page) == []
    expect(main).to_have_attribute("data-state", "invited")
    button.click()
    expect(main).to_have_attribute("data-state", "deactivated")


@pytest.mark.parametrize("width", [1440, 390])
def test_choices_of_one_are_as_large_as_ticks(open_as, width):
    page = open_as("hr_admin", "/admin/users", width=width)
    page.locator("[data-user]", has_text="colleague@").get_by_role("link").click()
    page.get_by_role("link", name="Change job access").click()
    box = page.get_by_label("All applications").bounding_box()
    assert box["width"] < 30
    assert box["height"] < 30
    words = page.get_by_text("All applications").bounding_box()
    assert abs(words["y"] + words["height"] / 2 - box["y"] - box["height"] / 2) < 4, "beside each other"


def test_on_a_telephone_the_field_for_the_first_code_is_not_under_the_bar(open_as):
    page = open_as("colleague", "/me/second-factor", width=390)
    page.get_by_label("Your password").fill(PASSWORD)
    page.get_by_role("button", name="Continue").click()
    field = page.get_by_label("Code from your app")
    expect(field).to_be_focused()
    expect(field).to_be_in_viewport()
    assert not field.evaluate(UNDER_THE_BAR)


@pytest.mark.parametrize(
    ("path", "is_set", "row"),
    [
        ("/admin/audit", "action=signed_in", ".rows tbody tr"),
        ("/admin/deliveries", "source=pushed", ".rows tbody tr"),
        ("/admin/deliveries?status=refused", "from=2026-01-01", ".empty"),
        ("/conversions", "state=sent", ".empty, .rows tbody tr"),
    ],
)
@pytest.mark.parametrize("scripts", [True, False])
def test_on_a_telephone_filters_are_folded_and_the_list_is_on_the_first_screen(open_as, path, is_set, row, scripts):
    page = open_as("hr_admin", path, width=390, scripts=scripts)
    toggle = page.locator(".filters-toggle-label")
    expect(toggle).to_have_text("Filters")
    for address in (path, f"{path}{'&' if '?' in path else '?'}{is_set}"):
        page.goto(address)
        expect(page.locator(row).first).to_be_in_viewport()
        expect(page.locator("#filter-from")).to_be_hidden()
    expect(toggle).to_have_text("Filters: 1 set")
    toggle.click()
    expect(page.locator("#filter-from")).to_be_visible()
    wide = open_as("hr_admin", path, width=1440, scripts=scripts)
    expect(wide.locator(".filters-toggle-label")).to_be_hidden()
    expect(wide.locator("#filter-from")).to_be_visible()
