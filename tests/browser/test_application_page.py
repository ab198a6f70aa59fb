"""One application: what a recruiter in a hurry reaches first, and what strains the page."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.inhabited import LANDING
from tests.browser.specimens import FLAGGED, LEVELS, RESUME, TRAP

PARTS = ("contact", "files", "answers", "job")


def tops(page: Page) -> dict[str, float]:
    return {part: page.locator(f".part-{part}").bounding_box()["y"] for part in PARTS}


@pytest.fixture
def show(open_as, inhabited):
    """`show("paged", …)` → that specimen's page, as a recruiter sees it."""
    return lambda name, **options: open_as("recruiter", f"/applications/{inhabited.applications[name]}", **options)


def test_at_a_desk_the_list_the_resume_and_the_answers_stand_side_by_side_and_scroll_by_themselves(show):
    page = show("readable")
    boxes = [page.locator(name).bounding_box() for name in (".queue", ".review-files", ".review-main")]
    for left, right in pairwise(boxes):
        assert left["x"] + left["width"] < right["x"]
    assert all(box["y"] < 400 and box["y"] + box["height"] <= 900 for box in boxes)
    assert page.evaluate("document.documentElement.scrollHeight <= innerHeight")
    at = tops(page)
    assert at["contact"] < at["answers"]


def test_on_a_telephone_the_resume_comes_before_the_answers(show):
    at = tops(show("readable", width=390))
    assert sorted(PARTS, key=at.__getitem__) == ["contact", "files", "answers", "job"]


def test_the_keyboard_reaches_contact_and_resume_before_the_answers(show):
    order = show("readable").evaluate("[...document.querySelectorAll('.review .card')].map(card => card.className)")
    assert [name.split("part-")[1].split()[0] for name in order][:2] == ["contact", "files"]


def test_the_resume_is_read_without_downloading_it(show):
    expect(show("readable").get_by_role("region", name="Text of the file")).to_contain_text(RESUME.decode().strip())


def test_a_resume_lands_as_a_file_with_its_name_and_its_bytes(show):
    page = show("readable")
    with page.expect_download() as started:
        page.get_by_role("link", name="my résumé.txt", exact=True).click()
    assert started.value.suggested_filename == "my résumé.txt"
    assert Path(started.value.path()).read_bytes() == RESUME


def test_a_page_disguised_as_a_pdf_is_saved_under_a_safe_name_and_never_opened(show, inhabited):
    page = show("trap")
    link = page.locator("[data-file]")
    expect(page.locator(".part-files")).to_contain_text("Web page")
    # Typed into the address bar, where no attribute of a link can help.
    with page.expect_download() as started:
        page.evaluate("location.assign(document.querySelector('[data-file]').href)")
    name = started.value.suggested_filename
    assert not set(name) & set('/\\:"')
    assert not name.startswith(".")
    assert not name.endswith(".pdf")
    assert Path(started.value.path()).read_bytes() == TRAP
    assert page.title() != "It ran"
    answer = page.request.get(link.get_attribute("href"))
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in answer.headers["content-security-policy"]
    assert answer.headers["content-disposition"].startswith("attachment;")


def test_each_sub_question_lies_inside_its_parent_for_three_hundred_levels(show):
    page = show("bottomless")
    nested = page.evaluate(
        """(levels) => Array.from({length: levels - 1}, (_, above) => {
            const of = (level) => document.querySelector(`[data-question="level-${level}"]`);
            return of(above).contains(of(above + 1));
        }).filter(Boolean).length""",
        LEVELS,
    )
    assert nested == LEVELS - 1
    deepest = page.locator(f'[data-question="level-{LEVELS - 1}"]')
    expect(deepest).to_contain_text("Yes")
    assert deepest.bounding_box()["width"] > 300


def test_a_page_break_without_words_is_a_rule(show):
    page = show("paged")
    expect(page.locator(".part-answers")).not_to_contain_text("page_2")
    assert page.locator(".question-break hr").count() == 1


def test_many_odd_fields_do_not_push_the_answers_off_the_screen(show):
    page = show("odd")
    assert page.locator(".part-answers").bounding_box()["y"] < 520
    page.get_by_text("more", exact=False).first.click()
    expect(page.get_by_text("The segment id came in a form that cannot be read.")).to_be_visible()
    assert page.locator(".question").count() == FLAGGED


def test_a_right_to_left_name_stays_within_its_own_piece_of_the_line(show):
    page = show("odd")
    name = page.locator("h1 bdi")
    assert name.evaluate("e => getComputedStyle(e).unicodeBidi") == "isolate"
    expect(page.locator(".person-facts")).to_contain_text("Picker · Harbor & Vale")


def test_an_application_of_nothing_says_what_is_missing(show):
    page = show("bare")
    expect(page.get_by_role("heading", level=1)).to_have_text("Name not given")
    for words in (
        "No contact details.",
        "No résumé came",
        "Talroo did not say which job.",
        "No questions and answers came",
    ):
        expect(page.get_by_text(words)).to_be_visible()


def test_somebodys_other_applications_are_a_click_away(open_as, inhabited):
    for _ in range(2):
        inhabited.somebody(applicant={"lastName": "Twice", "emailAddress": "quentin.twice@example.com"})
    page = open_as("recruiter")
    row = page.locator("tbody tr", has=page.locator(".others")).first
    first = row.get_attribute("data-application")
    row.locator(".row-link").click()
    others = page.locator(".part-others")
    expect(others.get_by_role("heading")).to_have_text("Other applications by the same person")
    before = page.url
    others.locator(".row-link").first.click()
    page.wait_for_url(lambda address: address != before)
    expect(page.locator(f'.part-others [data-application="{first}"]')).to_have_count(1)


def test_the_click_somebody_came_by_stands_among_the_times(open_as, inhabited):
    click = "9e21aaaa-0000-4000-8000-000000000001"
    page = open_as("recruiter", f"/applications/{inhabited.somebody()}")
    expect(page.locator(".part-times")).not_to_contain_text("click")
    landed = page.request.get(f"/click?tlr_sid={click}&to={LANDING}/job", max_redirects=0)
    assert landed.status == 302
    page.goto(f"/applications/{inhabited.somebody(tlrSid=click)}")
    expect(page.locator(".facts > div", has_text="Clicked the job ad").locator("time")).to_contain_text(
        re.compile("today|yesterday")  # where midnight came between
    )


def test_on_paper_there_are_the_facts_and_the_answers_and_nothing_to_press(show):
    page = show("readable")
    page.emulate_media(media="print")
    for hidden in (".top", ".sandbox", ".outcome", ".back", ".button >> nth=0"):
        expect(page.locator(hidden)).to_be_hidden()
    for shown in (".part-contact", ".part-answers", ".part-timeline"):
        expect(page.locator(shown)).to_be_visible()


@pytest.mark.parametrize("width", [1440, 390])
def test_the_header_names_job_and_company_in_full(open_as, inhabited, width):
    job = {"title": "Registered Nurse, night shift", "company": "Saint Elizabeth Regional Medical Center of Cincinnati"}
    page = open_as("recruiter", f"/applications/{inhabited.somebody(job=job)}", width=width)
    told = page.locator(".person-facts .clamp")
    expect(told).to_have_text(f"{job['title']} · {job['company']}")
    assert told.evaluate("one => one.scrollHeight <= one.clientHeight + 1"), "cut"
