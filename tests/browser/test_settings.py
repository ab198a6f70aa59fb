"""What somebody sets for themselves, in the browser: single keys that are off do nothing anywhere."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenAs


def set_keys(open_as: OpenAs, *, on: bool) -> None:
    """By the form alone, as it stands without scripts."""
    page = open_as("colleague", "/me", scripts=False, width=390)
    page.get_by_label("Single-key shortcuts").set_checked(on)
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Settings saved.")).to_be_visible()
    expect(page.get_by_label("Single-key shortcuts")).to_be_checked(checked=on)
    page.context.close()


def acts(page: Page, key: str) -> bool:
    """Whether pressing `key` moves the focus or opens something."""
    state = "() => document.activeElement.outerHTML.slice(0, 200) + (document.querySelector('dialog[open]')?.id ?? '')"
    before = page.evaluate(state)
    page.keyboard.press(key)
    return bool(page.evaluate(state) != before)


def test_single_keys_that_somebody_turned_off_do_nothing_and_come_back(open_as: OpenAs):
    set_keys(open_as, on=False)
    try:
        page = open_as("colleague")
        assert [key for key in ("j", "k", "/", "x", "?") if acts(page, key)] == []
        page.get_by_role("button", name="Keyboard shortcuts").click()
        expect(page.get_by_role("dialog")).to_contain_text("switched off in your settings")
    finally:
        set_keys(open_as, on=True)
    page = open_as("colleague")
    assert acts(page, "j")
    assert acts(page, "?")


def test_the_settings_are_a_step_from_every_page_on_a_telephone(open_as: OpenAs):
    page = open_as("recruiter", width=390)
    page.get_by_role("link", name="Your settings").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Your settings")
    expect(page.get_by_text("Sent at 6:00 AM in ")).to_be_visible()
