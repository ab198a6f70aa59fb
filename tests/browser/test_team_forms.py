"""Notes, ratings and tags on an application's page: kept, told about where they are not, and never another's."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.inhabited import EMAILS, PASSWORD
from tests.browser.test_reviewing import Queue

REFUSED = ("ERR_INTERNET_DISCONNECTED", "htmx:", "Failed to (load|fetch)", "status of [45]", "Status Error Code")


def not_saved(page: Page, words: str) -> None:
    expect(page.locator("#team [role=alert]")).to_contain_text(words)
    expect(page.locator("#team [role=alert]")).to_be_in_viewport(ratio=1)
    expect(page.locator("#team-note")).to_have_value("Half a sentence")


def written(page: Page, times: int = 1) -> None:
    expect(page.locator(".part-timeline .note-text", has_text="Half a sentence")).to_have_count(times)


def sign_in(page: Page, who: str = "hr_admin") -> None:
    page.goto("/login")
    page.get_by_label("Email").fill(EMAILS[who])
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("button", name="Sign out", exact=True)).to_be_visible()


@pytest.mark.parametrize("combination", ["Control+Enter", "Meta+Enter"])
def test_a_note_is_sent_from_where_it_is_typed_also_with_single_keys_off(open_as, inhabited, combination):
    page = open_as("recruiter", f"/applications/{inhabited.somebody()}")
    page.evaluate("document.body.dataset.keys = 'off'")
    note = page.locator("#team-note")
    note.fill("Called twice.")
    note.press("Enter")
    note.press_sequentially(combination)
    expect(page.locator(".part-timeline .note-text")).to_have_count(0)
    note.press(combination)
    expect(page.locator(".part-timeline .note-text").first).to_contain_text(f"Called twice. {combination}")
    expect(page.locator("#team-note")).to_have_value("")


def test_a_note_made_larger_by_its_corner_is_no_complaint_about_inline_styles(open_as, inhabited):
    # A swap copies no style from the old page: the policy refuses it, and every resized note would be reported.
    page = open_as("recruiter", f"/applications/{inhabited.somebody()}")
    page.locator("#team-note").evaluate("note => { note.style.height = '200px'; }")
    page.locator("#rating-3").click()
    expect(page.locator("#rating-3")).to_have_attribute("aria-pressed", "true")


def test_what_cannot_be_saved_is_told_and_stays(open_as, inhabited):
    page = open_as("recruiter", f"/applications/{inhabited.somebody()}", allow=REFUSED)
    note = page.locator("#team-note")
    note.fill("Half a sentence")
    page.context.set_offline(True)
    note.press("Control+Enter")
    not_saved(page, "Not saved: the dashboard can’t be reached.")
    page.context.set_offline(False)
    busy = '<div class="message"><p class="code">Error 503</p><h1>Busy</h1><p>Later.</p></div>'
    page.route("**/rating", lambda route: route.fulfill(status=503, body=busy, content_type="text/html"))
    page.locator("#rating-3").click()
    not_saved(page, "Not saved. Busy. Later. Your text stays here.")
    note.press("Control+Enter")
    written(page)
    expect(page.locator("#team [role=alert]")).to_have_count(0)


@pytest.mark.parametrize("how", ["here", "elsewhere"])
def test_what_is_written_outlives_the_session_and_is_sent_after_signing_in_beside_it(open_as, inhabited, how):
    page = open_as("hr_admin", "/login", allow=REFUSED)
    page.context.clear_cookies()
    sign_in(page)
    page.goto(f"/applications/{inhabited.somebody()}")
    page.locator("#team-note").fill("Half a sentence")
    if how == "here":
        other = page.context.new_page()
        other.goto("/me")
        other.get_by_role("button", name="Sign out", exact=True).click()
        expect(other.get_by_text("You are signed out.")).to_be_visible()
    else:
        page.context.clear_cookies()
        page.locator("#team-note").press("Control+Enter")
    not_saved(page, "Not saved: you are no longer signed in as hr@example.com.")
    page.locator("#team-note").press("Control+Enter")
    not_saved(page, "Not saved: you are no longer signed in as hr@example.com.")
    with page.context.expect_page() as opened:
        page.locator("#team [role=alert] a").click()
    sign_in(opened.value)
    not_saved(page, "Not saved")
    page.locator("#team-note").press("Control+Enter")
    written(page)
    assert "Half" not in page.evaluate("JSON.stringify([localStorage, sessionStorage])")


def test_nobodys_words_are_sent_under_another_name(open_as, inhabited):
    page = open_as("nobody", "/login", allow=REFUSED)
    sign_in(page)
    page.goto(f"/applications/{inhabited.somebody()}")
    page.locator("#team-note").fill("Half a sentence")
    page.context.clear_cookies()
    other = page.context.new_page()
    other.goto("/login")
    sign_in(other, "colleague")
    page.locator("#team-note").press("Control+Enter")
    not_saved(page, "Not saved: you are no longer signed in as hr@example.com.")


@pytest.mark.parametrize("width", [1440, 390])
def test_what_is_said_of_a_note_is_seen_and_the_keys_act_again(open_as, inhabited, width):
    queue = Queue(inhabited, 2)
    page = open_as("recruiter", f"/applications/{queue.ids[0]}", width=width)
    page.locator("#team-note").fill("Line\n" * 12)
    page.locator("#team-note").press("Control+Enter")
    said = page.locator("#team .flash")
    expect(said).to_have_text("Note added.")
    expect(said).to_be_in_viewport(ratio=1)
    expect(said).to_be_focused()
    page.keyboard.press("j")
    queue.at(page, 1)
    page.locator("#assign-me").press("Enter")
    expect(page.locator("#assign-me")).to_have_count(0)
    expect(page.locator("#team-title")).to_be_focused()
    page.locator("#rating-3").press("Enter")
    expect(page.locator("#rating-3[aria-pressed=true]")).to_be_focused()
    page.locator("#tag").fill("day shift")
    page.locator("#tag").press("Enter")
    expect(page.locator(".chip-tag")).to_have_count(1)
    expect(page.locator("#tag")).to_be_focused()
