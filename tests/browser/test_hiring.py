"""Marking a hire, and watching Talroo hear of it."""

from __future__ import annotations

import re
import time

from playwright.sync_api import Page, expect

from tests.browser.inhabited import HOLD, Inhabited
from tests.infrastructure.browser import WITHIN, settled

IN_TIME = 60_000
"""Milliseconds a conversion that is due may take to be shown as sent, on a machine that has other things to do."""


def hire(page: Page) -> None:
    page.locator("summary", has_text="Mark hired").click()
    page.get_by_role("button", name="and stay here").click()


def report(page: Page, state: str, within: float = WITHIN) -> None:
    expect(page.locator("#outcome")).to_have_attribute("data-report", state, timeout=within)


def seconds_left(page: Page) -> int:
    """As the report says while it is held."""
    return int(page.locator(".report b").inner_text().split()[0])


def conversions(inhabited: Inhabited, page: Page) -> int:
    """How many Talroo has heard of for the person on this page."""
    click = page.locator(".part-sent dd", has_text="00000000-0000").first.text_content()
    return sum(heard["tlr_sid"] == click for heard in inhabited.talroo.conversions)


def test_the_confirmation_says_what_will_be_sent_before_it_is_confirmed(open_as, inhabited):
    page = open_as("recruiter", f"/applications/{inhabited.somebody()}")
    expect(page.get_by_role("button", name="Confirm the hire")).to_be_hidden()
    page.locator("summary", has_text="Mark hired").click()
    expect(page.locator(".confirm-box:visible")).to_contain_text(
        "What will be sent to Talroo: conversion event 2 for click 0000…; disposition: none configured."
    )


def test_a_hire_is_held_with_its_seconds_and_an_undo_cancels_it(open_as, inhabited):
    page = open_as("recruiter", f"/applications/{inhabited.somebody()}")
    hire(page)
    report(page, "held")
    expect(page.locator(".report")).to_contain_text(re.compile(r"is sent to Talroo in \d+ seconds?"))
    assert 0 < seconds_left(page) <= HOLD
    page.get_by_role("button", name="Undo").click()
    report(page, "cancelled")
    expect(page.locator("main")).to_have_attribute("data-stage", "new")
    expect(page.locator(".report")).to_contain_text("Its conversion was canceled and not sent")
    expect(page.get_by_role("button", name="Undo")).to_have_count(0)


def test_a_held_hire_counts_down_and_becomes_sent_without_a_reload_and_is_announced_once(open_as, inhabited):
    page = open_as("recruiter", f"/applications/{inhabited.somebody()}")
    hire(page)
    report(page, "held")
    page.evaluate(
        """() => {
            window.never_reloaded = true;
            window.said = [];
            const note = (list) => window.said.push(list[0].target.textContent);
            new MutationObserver(note).observe(document.getElementById('outcome-said'), {childList: true});
        }"""
    )
    page.locator("#undo").focus()
    first = seconds_left(page)
    expect(page.locator(".report b")).not_to_have_text(re.compile(rf"^{first} second"))
    assert seconds_left(page) < first
    assert page.evaluate("document.activeElement.id") == "undo"
    inhabited.let_go()
    report(page, "sent", within=IN_TIME)
    expect(page.locator(".report")).to_contain_text(re.compile(r"Sent to Talroo .+ \(200\)"))
    assert page.evaluate("document.activeElement.id") == "undo"
    assert page.evaluate("window.never_reloaded")
    said = page.evaluate("window.said")
    assert said[-1].startswith("Sent to Talroo")
    assert len(said) == len(set(said))
    assert not any("second" in words for words in said)
    assert conversions(inhabited, page) == 1


def test_without_scripts_a_hire_can_be_undone_and_done_again_and_a_reload_shows_that_it_was_sent_once(
    open_as, inhabited
):
    page = open_as("recruiter", f"/applications/{inhabited.somebody()}", scripts=False)
    page.locator("summary", has_text="Mark hired").click()
    page.get_by_label("First day of work").fill("2027-01-04")
    page.get_by_role("button", name="and stay here").click()
    report(page, "held")
    expect(page.locator(".person-facts")).to_contain_text("starts Jan 4, 2027")
    page.get_by_role("button", name="Undo").click()
    report(page, "cancelled")
    hire(page)
    report(page, "held")
    inhabited.let_go()
    deadline = time.monotonic() + IN_TIME / 1_000
    while page.locator("#outcome").get_attribute("data-report") != "sent" and time.monotonic() < deadline:
        page.wait_for_timeout(500)
        page.reload()
    report(page, "sent")
    assert conversions(inhabited, page) == 1


def test_the_second_of_two_recruiters_is_told_what_the_first_one_did(open_as, inhabited):
    path = f"/applications/{inhabited.somebody()}"
    first, second = open_as("recruiter", path), open_as("colleague", path, allow=("409",))
    first.locator("summary", has_text="Move to…").click()
    first.get_by_label("Stage").select_option("interview")
    first.get_by_role("button", name="Move", exact=True).click()
    expect(first.locator("main")).to_have_attribute("data-stage", "interview")

    second.locator("summary", has_text="Move to…").click()
    second.get_by_label("Stage").select_option("rejected")
    second.get_by_role("button", name="Move", exact=True).click()
    expect(second.get_by_role("alert")).to_contain_text("Somebody was faster")
    expect(second.get_by_role("alert")).to_contain_text("recruiter@example.com")
    expect(second.locator("main")).to_have_attribute("data-stage", "interview")


def test_somebody_who_watches_a_report_sees_at_once_that_a_colleague_took_the_hire_back(open_as, inhabited):
    path = f"/applications/{inhabited.somebody()}"
    page = open_as("recruiter", path)
    hire(page)
    report(page, "held")
    colleague = open_as("colleague", path)
    colleague.locator("#undo").click()
    report(colleague, "cancelled")
    expect(page.locator("main")).to_have_attribute("data-stage", "new")
    expect(page.locator(".person-facts .stage")).to_have_text("New")


def test_an_open_box_is_not_closed_by_the_countdown_which_goes_on(open_as, inhabited):
    page = open_as("recruiter", f"/applications/{inhabited.somebody()}")
    hire(page)
    report(page, "held")
    page.locator("summary", has_text="Move to…").click()
    page.locator("#note").fill("half a sen")
    inhabited.let_go()
    expect(page.locator(".report")).to_contain_text("Sent to Talroo", timeout=IN_TIME)
    expect(page.locator("#note")).to_have_value("half a sen")
    expect(page.locator("#note")).to_be_focused()
    page.locator("h1").click()
    report(page, "sent")


def test_what_was_typed_when_somebody_was_faster_is_still_there_to_be_sent(open_as, inhabited):
    path = f"/applications/{inhabited.somebody()}"
    first, second = open_as("recruiter", path), open_as("colleague", path, allow=("409",))
    for page, stage, note in ((first, "interview", "On Monday."), (second, "offer", "She is\ngood.")):
        page.locator("#move-to").click()
        page.get_by_label("Stage").select_option(stage)
        page.locator("#note").fill(note)
        page.get_by_role("button", name="Move", exact=True).click()
        expect(page.locator("main")).to_have_attribute("data-stage", "interview")
    expect(second.get_by_role("alert")).to_contain_text("Somebody was faster")
    expect(second).to_have_url(re.compile(f"{path}$"))
    expect(second.locator("#note")).to_have_value("She is\ngood.")
    second.get_by_role("button", name="Move", exact=True).click()
    expect(second.locator("main")).to_have_attribute("data-stage", "offer")
    expect(second.locator(".timeline")).to_contain_text("good.")


def test_without_scripts_too_one_reads_what_talroo_will_be_told_beside_the_choice(open_as, inhabited):
    page = open_as("recruiter", f"/applications/{inhabited.somebody()}", scripts=False)
    page.locator("#move-to").click()
    expect(page.locator(".confirm-box:visible")).to_contain_text("moving to Hired: conversion event 2 for click 0000…")


def test_escape_and_a_click_elsewhere_close_a_box_and_only_one_is_open(open_as, inhabited):
    page = open_as("recruiter", f"/applications/{inhabited.somebody()}")
    hired, moved = page.locator("#mark-hired"), page.locator("#move-to")
    boxes = page.locator(".confirm-box:visible")
    hired.click()
    page.get_by_label("First day of work").focus()
    page.keyboard.press("Escape")
    expect(boxes).to_have_count(0)
    expect(hired).to_be_focused()
    hired.click()
    page.keyboard.press("Tab")
    moved.focus()
    page.keyboard.press("Enter")
    expect(boxes).to_have_count(1)
    page.locator("h1").click()
    expect(boxes).to_have_count(0)


def test_the_keyboard_alone_signs_in_finds_somebody_and_hires_them(new_page, inhabited):
    inhabited.somebody(job={"title": "Keyboard tuner", "originalJobReference": "KT-1"})
    page = new_page(base_url=inhabited.url)
    keys = page.keyboard
    page.goto("/login?next=/applications")
    page.get_by_label("Email").focus()
    keys.type("recruiter@example.com")
    keys.press("Tab")
    keys.type("correct horse battery")
    keys.press("Enter")
    page.wait_for_url(f"{inhabited.url}/applications")
    keys.press("j")
    keys.press("j")
    expect(page.locator(".row-link").nth(1)).to_be_focused()
    keys.press("k")
    expect(page.locator(".row-link").nth(0)).to_be_focused()
    keys.press("/")
    keys.type("Keyboard tuner")
    settled(page)
    expect(page.locator("main")).to_have_attribute("data-total", "1")
    keys.press("Escape")
    keys.press("j")
    keys.press("Enter")
    page.wait_for_url("**/applications/*")
    while page.evaluate("document.activeElement.id") != "mark-hired":
        keys.press("Tab")
        assert outlined(page)
    keys.press("Enter")
    while page.evaluate("document.activeElement.textContent") != "and stay here":
        keys.press("Tab")
        assert outlined(page)
    keys.press("Enter")
    expect(page.locator("main")).to_have_attribute("data-stage", "hired")
    report(page, "held")


def outlined(page: Page) -> bool:
    """Whether one can see where the focus is."""
    return page.evaluate(
        """() => {
            const here = document.activeElement;
            return [getComputedStyle(here), getComputedStyle(here, '::after')].some(
                (style) => style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0
            );
        }"""
    )
