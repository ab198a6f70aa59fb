"""A résumé in a real browser: its pages seen beside the answers, nothing jumps, and all of it goes on paper."""

from __future__ import annotations

import time

import pypdfium2
import pytest
from playwright.sync_api import Page, expect
from pypdfium2 import raw

from tests.browser.specimens import asked
from tests.browser.test_weight import MOST_SHIFT
from tests.documents import made_documents as made
from tests.factories import file_object

READ_WITHIN = 120_000
"""Milliseconds for the worker, which starts a process for each file."""
PAGES = 6
RESUME = made.pdf(*(f"Page {number}: drives a forklift" for number in range(1, PAGES + 1)))
LICENCE = made.picture("PNG", (600, 400))
SHIFTS = """
window.shifted = 0;
new PerformanceObserver((list) => list.getEntries().forEach((entry) => { window.shifted += entry.value; }))
  .observe({type: "layout-shift", buffered: true});
"""


@pytest.fixture
def papers(inhabited) -> str:
    """The address of somebody with a résumé of several pages and a picture sent as an answer."""
    licence = asked("licence", "file", "Your licence?", file_object(LICENCE, "licence.png"))
    why = asked("why", "text", "Why this job?", "Forklifts, and Muñoz said so")
    applicant = {"firstName": "Paula", "lastName": "Papers", "resume": file_object(RESUME, "cv.pdf")}
    return f"/applications/{inhabited.somebody(applicant=applicant, questionsAndAnswers=[licence, why])}"


def wait_until_read(page: Page, address: str) -> None:
    deadline = time.monotonic() + READ_WITHIN / 1_000
    while 'id="viewer"' not in (text := page.request.get(address).text()) or "viewer-waits" in text:
        assert time.monotonic() < deadline, "the worker has not read the file"
        page.wait_for_timeout(100)


def seen(page: Page) -> list[bool]:
    """Of each picture in the viewer, whether it is there."""
    return page.eval_on_selector_all(".viewer img", "all => all.map(one => one.complete && one.naturalWidth > 0)")


def go_through(page: Page) -> None:
    for picture in page.locator(".viewer img").all():
        picture.scroll_into_view_if_needed()
        expect(picture).to_have_js_property("complete", True)


@pytest.mark.parametrize("width", [1440, 390])
def test_all_pages_of_a_resume_are_seen_and_nothing_jumps(open_as, papers, width):
    page = open_as("recruiter", width=width)
    wait_until_read(page, papers)
    page.add_init_script(SHIFTS)
    page.goto(papers)
    assert page.locator(".viewer img").count() == PAGES
    go_through(page)
    assert seen(page) == [True] * PAGES
    assert page.evaluate("window.shifted") < MOST_SHIFT
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_file_that_nobody_has_read_yet_comes_into_the_page_by_itself(open_as, inhabited):
    page = open_as("recruiter")
    fresh = made.pdf("Written a second ago")
    page.goto(f"/applications/{inhabited.somebody(applicant={'resume': file_object(fresh, 'cv.pdf')})}")
    expect(page.locator(".viewer img")).to_have_count(1, timeout=READ_WITHIN)
    go_through(page)
    assert seen(page) == [True]


def test_another_file_is_shown_at_a_press_with_and_without_scripts(open_as, papers):
    for scripts in (True, False):
        page = open_as("recruiter", papers, scripts=scripts)
        page.get_by_role("link", name="Show licence.png").click()
        expect(page.locator(".viewer img")).to_have_attribute("width", "600")
        expect(page.locator(".viewer-chosen")).to_contain_text("licence.png")


def test_what_was_searched_for_is_marked_in_the_answers_and_the_words_of_the_resume(open_as, papers):
    page = open_as("recruiter")
    wait_until_read(page, papers)
    page.goto(f"{papers}?q=fork+munoz")
    expect(page.locator(".answer mark")).to_have_text(["Fork", "Muñoz"])
    page.get_by_text(f"{PAGES} marked").click()
    words = page.get_by_role("region", name="Text of the file")
    expect(words).to_be_visible()
    expect(words.locator("mark")).to_have_text(["fork"] * PAGES)


def test_the_whole_application_goes_on_paper_and_nothing_that_is_pressed(open_as, papers):
    page = open_as("recruiter")
    wait_until_read(page, papers)
    page.goto(papers)
    page.get_by_role("button", name="3 of 4").click()
    expect(page.get_by_role("button", name="3 of 4")).to_have_attribute("aria-pressed", "true")
    page.goto(papers)
    paper = pypdfium2.PdfDocument(page.pdf(format="Letter", print_background=False))
    words = " ".join(sheet.get_textpage().get_text_range() for sheet in paper)
    for said in (
        "Paula Papers",
        "Why this job?",
        "Forklifts, and Muñoz said so",
        "Rated 3 of 4",
        "Application received",
        "cv.pdf",
    ):
        assert said in words
    for pressed in ("Sign out", "Advance", "Reject", "Next", "Keyboard", "Show", "Sandbox"):
        assert pressed not in words
    pictures = [sum(1 for _ in sheet.get_objects(filter=[raw.FPDF_PAGEOBJ_IMAGE], max_depth=5)) for sheet in paper]
    # First who it is and what was answered, then each page of the résumé on a sheet of its own.
    assert pictures == [0] * (len(paper) - PAGES) + [1] * PAGES
