"""The list: searching while one types, the address, going back, the telephone's navigation, nothing to show yet."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import Page, expect

from tests.infrastructure.browser import press_at_once, settled


def asked(page: Page) -> dict[str, list[str]]:
    """The query of the page's address, once nothing more is on its way."""
    if page.evaluate("'htmx' in window"):
        settled(page)
    return parse_qs(urlsplit(page.url).query)


def test_searching_while_one_types_keeps_the_focus_and_fills_the_address(open_as):
    page = open_as("recruiter")
    search = page.get_by_label("Search")
    search.press_sequentially("paged", delay=30)
    expect(page.locator("main")).to_have_attribute("data-total", "1")
    expect(search).to_be_focused()
    expect(search).to_have_value("paged")
    expect(page).to_have_url(re.compile(r"/applications\?q=paged$"))
    expect(page.get_by_role("link", name="Download CSV")).to_have_attribute("href", re.compile(r"\?q=paged$"))


def test_a_chosen_filter_works_at_once_and_the_back_button_takes_it_back(open_as):
    page = open_as("recruiter")
    everybody = page.locator("main").get_attribute("data-total")
    page.locator("#more-filters summary").click()
    page.get_by_label("Qualified").select_option("no")
    expect(page.locator("main")).not_to_have_attribute("data-total", everybody)
    assert asked(page) == {"qualified": ["no"]}
    page.locator(".row-link").first.click()
    page.wait_for_url("**/applications/*")
    page.go_back()
    expect(page.locator("#filter-qualified")).to_have_value("no")
    page.go_back()
    expect(page.locator("main")).to_have_attribute("data-total", everybody)
    assert asked(page) == {}


def test_without_scripts_the_same_search_is_a_button_away(open_as):
    page = open_as("recruiter", scripts=False)
    expect(page.locator(".search kbd")).to_be_hidden()  # no key without scripts
    page.get_by_label("Search").fill("paged")
    page.get_by_role("button", name="Search").click()
    expect(page.locator("main")).to_have_attribute("data-total", "1")
    assert asked(page)["q"] == ["paged"]


def test_a_search_after_the_session_ended_shows_the_sign_in_page_whole(open_as, inhabited):
    page = open_as("recruiter")
    page.context.clear_cookies(name="dashboard_session")
    page.get_by_label("Search").press_sequentially("paged")
    page.wait_for_url(re.compile(r"/login\?next="))
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")


def test_the_longest_name_leaves_its_row_readable_on_a_telephone(open_as):
    page = open_as("recruiter", "/applications?q=Longestname", width=390)
    row = page.locator("tbody tr")
    expect(row).to_have_count(1)
    assert row.evaluate("row => [...row.querySelectorAll('*')].every(e => e.getBoundingClientRect().right <= 390)")


def test_the_telephone_has_its_navigation_at_the_bottom_and_it_works(open_as):
    page = open_as("hr_admin", width=390)
    navigation = page.get_by_role("navigation", name="Main")
    for label, path in (
        ("Incomplete", "/incomplete"),
        ("Deliveries", "/admin/deliveries"),
        ("Conversions", "/conversions"),
    ):
        box = navigation.bounding_box()
        assert box["y"] + box["height"] == 844
        navigation.get_by_role("link", name=label).click()
        page.wait_for_url(f"**{path}")
        expect(navigation.get_by_role("link", name=label)).to_have_attribute("aria-current", "page")


def test_the_telephone_folds_its_filters_away_until_they_are_wanted(open_as):
    page = open_as("recruiter", width=390)
    stage = page.get_by_label("Stage")
    expect(stage).to_be_hidden()
    page.locator("#more-filters summary").click()
    stage.select_option("hired")
    page.wait_for_url("**stage=hired*")
    expect(stage).to_be_hidden()
    page.reload()
    expect(stage).to_be_hidden()
    expect(page.get_by_role("link", name="Clear filters")).to_be_visible()


def first_answer(page: Page) -> tuple[str, str]:
    """A question that was answered, and the first answer to choose."""
    group = page.locator("#filter-answer optgroup").first
    return group.get_attribute("label"), group.locator("option").first.text_content()


def test_answers_to_questions_are_chosen_one_after_the_other_and_taken_off_as_chips(open_as):
    page = open_as("recruiter")
    everybody = page.locator("main").get_attribute("data-total")
    page.locator("#more-filters summary").click()
    question, answer = first_answer(page)
    page.get_by_label("Answer to a question").select_option(label=answer)
    chip = page.locator(".chips .chip", has_text=f"{question}: {answer}")
    expect(chip).to_be_visible()
    page.get_by_label("City").fill("Austin, TX")
    page.get_by_label("City").press("Tab")
    expect(page.locator(".chips .chip")).to_have_count(2)
    assert asked(page).keys() == {"answer", "city"}
    page.keyboard.press("Escape")
    chip.click()
    expect(page.locator(".chips .chip")).to_have_count(1)
    page.get_by_role("link", name="Clear filters").click()
    expect(page.locator("main")).to_have_attribute("data-total", everybody)


def test_on_a_phone_the_list_begins_high_and_job_and_order_stand_under_the_filters(open_as):
    page = open_as("recruiter", "/applications", width=390)
    box = page.locator("tbody tr").first.bounding_box()
    assert box
    assert box["y"] < 340
    job, order = page.get_by_label("Job"), page.get_by_role("link", name="Oldest")
    expect(job).to_be_hidden()
    expect(order).to_be_hidden()
    page.locator("#more-filters summary").click()
    expect(job).to_be_visible()
    order.click()
    page.wait_for_url("**sort=oldest*")
    expect(page.get_by_label("Job")).to_be_hidden()


def test_without_scripts_every_filter_is_a_page_away(open_as):
    page = open_as("recruiter", "/applications?qualified=yes", scripts=False)
    page.locator("#more-filters summary").click()
    page.get_by_role("link", name="Company, location, tag").click()
    expect(page.get_by_label("Qualified")).to_have_value("yes")
    question, answer = first_answer(page)
    page.get_by_label("Answer to a question").select_option(label=answer)
    page.get_by_role("button", name="Show applications").click()
    expect(page.locator(".chips .chip")).to_have_count(2)
    page.locator("#more-filters summary").click()
    page.get_by_label("Stage").select_option("new")
    page.get_by_role("button", name="Search").click()
    expect(page.locator(".chips .chip", has_text=f"{question}: {answer}")).to_be_visible()
    expect(page.locator(".chips .chip")).to_have_count(3)


def test_a_tab_is_a_list_of_its_own_and_says_how_many(open_as, inhabited):
    inhabited.somebody()
    page = open_as("recruiter")
    new = page.get_by_role("navigation", name="Applications by state").get_by_role("link", name="New")
    told = new.locator(".tab-count").text_content()
    new.click()
    page.wait_for_url("**tab=new")
    expect(page.locator("main")).to_have_attribute("data-total", told)
    page.get_by_label("Search").press_sequentially("paged")
    page.wait_for_url("**q=paged*")
    assert asked(page)["tab"] == ["new"]


def test_a_list_is_saved_as_a_view_that_counts_and_is_deleted_again(open_as):
    page = open_as("colleague", "/applications?q=paged")
    page.get_by_text("Save view").click()
    page.get_by_label("View name").fill("The paged one")
    page.get_by_role("button", name="Save", exact=True).click()
    view = page.get_by_role("navigation", name="Saved views").get_by_role("link", name="The paged one")
    expect(view).to_have_attribute("aria-current", "page")
    expect(view.locator(".view-count")).to_have_text("1")
    page.goto("/applications")
    expect(view.locator(".view-count")).to_have_text("1")  # the bar has come again, with its counts
    view.click()
    page.wait_for_url("**q=paged")
    page.get_by_role("link", name="Manage views").click()
    page.get_by_text("Delete…").click()
    page.get_by_role("button", name="Delete view").click()
    expect(page.get_by_role("heading", name="No views yet")).to_be_visible()


def test_back_from_somebody_the_list_is_as_it_was_left(open_as):
    page = open_as("recruiter", "/applications?qualified=yes")
    page.get_by_label("Search").press_sequentially("a")
    page.wait_for_url("**q=a*")
    left = asked(page)
    page.locator(".row-link").first.click()
    page.wait_for_url("**/applications/*")
    page.locator("h1").click()
    press_at_once(page, "gi")
    page.wait_for_url("**/applications?*")
    assert asked(page) == left
    page.locator(".row-link").first.click()
    page.wait_for_url("**/applications/*")
    page.reload()
    page.locator("a.back").click()
    page.wait_for_url("**/applications?*")
    assert asked(page) == left
    page.get_by_role("link", name="Clear filters").click()
    expect(page).to_have_url(re.compile(r"/applications$"))
    page.locator(".row-link").first.click()
    page.wait_for_url("**/applications/*")
    page.locator("a.back").click()
    expect(page).to_have_url(re.compile(r"/applications#row-[\w-]+$"))


def test_without_scripts_too_the_way_back_leads_to_the_list_somebody_came_from(open_as):
    page = open_as("recruiter", "/applications?qualified=yes", scripts=False)
    page.locator(".row-link").first.click()
    page.locator("a.back").click()
    expect(page).to_have_url(re.compile(r"/applications\?qualified=yes#row-[\w-]+$"))


def test_times_are_in_the_viewers_zone_from_the_first_page_on(open_as, inhabited):
    path = f"/applications/{inhabited.applications['paged']}"
    page = open_as("recruiter", path, timezone_id="Asia/Tokyo")
    arrived = page.locator(".part-times time").last
    expect(arrived).to_contain_text("GMT+9")
    page.reload()
    expect(arrived).to_contain_text("JST")
    unscripted = open_as("recruiter", path, timezone_id="Asia/Tokyo", scripts=False)
    expect(unscripted.locator(".part-times time").last).to_contain_text("UTC")


WHAT_IT_SAYS = """() => {
    const label = document.querySelector("[data-copy] span");
    window.said = [];
    new MutationObserver(() => window.said.push(label.textContent)).observe(label, {childList: true});
}"""
"""It says so for two seconds, in which a busy machine may not look."""


def test_an_empty_inbox_says_what_to_do_next(start_site, new_page):
    site = start_site(worker=False)
    site.add_user("first@example.com", "recruiter")
    page = new_page(base_url=site.url)
    page.goto("/")
    page.get_by_label("Email").fill("first@example.com")
    page.get_by_label("Password").fill("correct horse battery")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", level=2, name="No applications yet")).to_be_visible()
    expect(page.locator("#posturl")).to_have_text(f"<postUrl><![CDATA[{site.url}/talroo/applications]]></postUrl>")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.evaluate(WHAT_IT_SAYS)
    page.get_by_role("button", name="Copy").click()
    page.wait_for_function("window.said.includes('Copied')")
    assert page.evaluate("navigator.clipboard.readText()").startswith("<postUrl>")
    page.context.close()
    site.stop()


def test_whoever_leaves_the_list_open_is_told_of_who_came_and_asks_no_more_unseen_or_signed_out(open_as, inhabited):
    page = open_as("colleague", "/login")
    page.clock.install()
    page.goto("/applications")
    status = page.locator(".count [role=status]")
    before = status.inner_text()
    asked = []
    newer = f"{inhabited.url}/applications/newer?"
    page.on("request", lambda request: asked.append(request) if request.url.startswith(newer) else None)
    inhabited.somebody(applicant={"firstName": "Newly", "lastName": "Come", "emailAddress": "newly@example.com"})
    page.clock.run_for(61_000)
    expect(status).to_have_text(re.compile(re.escape(before) + r" · 1 new since you opened this list\. Show them"))
    assert {request.headers.get("x-by-itself") for request in asked} == {"yes"}
    status.get_by_role("link", name="Show them").click()
    expect(page.locator(".row-link").first).to_have_text(re.compile("Newly Come"))
    expect(status).not_to_contain_text("new since")
    page.evaluate("Object.defineProperty(document, 'hidden', { get: () => true, configurable: true })")
    asked.clear()
    page.clock.run_for(200_000)
    page.evaluate("Object.defineProperty(document, 'hidden', { get: () => false })")
    assert asked == [], "nobody looks at it"
    page.context.clear_cookies()
    page.clock.run_for(61_000)
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")


def test_what_holds_no_word_is_said_as_it_is_typed_and_everybody_stays(open_as):
    page = open_as("recruiter")
    everybody = page.locator("#main").get_attribute("data-total")
    page.get_by_label("Search").press_sequentially("%")
    expect(page.locator("#results .flash")).to_have_text(re.compile("Nothing to search for in “%”"))
    expect(page.get_by_label("Search")).to_be_focused()
    expect(page.locator("#results")).to_have_attribute("data-total", everybody)
    page.reload()
    expect(page.get_by_label("Search")).to_have_value("%")


def test_a_view_whose_filters_were_changed_is_the_one_that_is_offered_to_be_changed(open_as):
    page = open_as("hr_admin")
    for name, stage in (("Early", "new"), ("Late", "offer")):
        page.goto(f"/applications?stage={stage}")
        page.get_by_text("Save view").click()
        page.get_by_label("View name").fill(name)
        page.get_by_role("button", name="Save", exact=True).click()
        expect(page.get_by_role("status").first).to_contain_text(f"“{name}” is saved")
    expect(page.get_by_text("Save view")).to_have_count(0)
    page.get_by_label("Search").press_sequentially("ada")
    page.get_by_text("Save view").click()
    expect(page.locator("#view-of option:checked")).to_have_text("Late")
    page.get_by_role("button", name="Update view").click()
    expect(page.get_by_role("status").first).to_contain_text("“Late” now shows this list.")
    expect(page.locator("#views [aria-current] bdi")).to_have_text("Late")
