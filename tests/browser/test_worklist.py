"""The worklist at a desk and on a telephone: filters, choosing, pulling while one looks on; scripts or none."""

from __future__ import annotations

import re
import threading
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Page, expect

from tests.browser.inhabited import PASSWORD
from tests.browser.test_every_page import complaints
from tests.factories import event
from tests.infrastructure.browser import settled
from tests.talroo_api import TalrooApi, items

MINE = "Worklist-Browser"
"""The job of the people these tests are about, so that nobody else's come between."""
LIST = f"/incomplete?job={MINE}"
PEOPLE = ("Ann", "Ben", "Cat")


@pytest.fixture(scope="module")
def people(inhabited) -> dict[str, str]:
    """Three who did not finish, and one who did: first name → id."""
    return {name: str(inhabited.deliver(begun(name))["application"]) for name in PEOPLE} | back(inhabited)


def begun(name: str, **applicant):
    person = {
        "firstName": name,
        "lastName": "Worker",
        "emailAddress": f"{name}@worklist.example",
        "phone": "5125550123",
    }
    job = {"originalJobReference": MINE, "title": MINE}
    return event(kind="started:v1", applicant=person | applicant, job=job, tlrSid=f"worklist-{name}")


def back(inhabited) -> dict[str, str]:
    found = inhabited.deliver(begun("Dee"))["application"]
    inhabited.deliver(
        event(applicant={"firstName": "Dee", "emailAddress": "dee@elsewhere.example"}, tlrSid="worklist-Dee")
    )
    return {"Dee": str(found)}


def box(page: Page, name: str):
    return page.get_by_role("checkbox", name=f"Select {name} Worker")


def asked(page: Page) -> dict[str, list[str]]:
    if page.evaluate("'htmx' in window"):
        settled(page)
    return parse_qs(urlsplit(page.url).query)


def test_a_chosen_filter_works_at_once_and_the_list_is_counted_anew(open_as, people):
    page = open_as("hr_admin", LIST)
    expect(page.locator("main")).to_have_attribute("data-total", "3")
    page.get_by_label("Search").press_sequentially("ben", delay=30)
    expect(page.locator("main")).to_have_attribute("data-total", "1")
    assert asked(page) == {"job": [MINE], "q": ["ben"]}
    page.get_by_label("Show").select_option("recovered")
    expect(page.get_by_role("heading", name="Nothing matches")).to_be_visible()
    page.get_by_label("Search").fill("dee")
    expect(page.locator("#results tr[data-linked]")).to_have_attribute("data-application", people["Dee"])


def test_the_chosen_are_counted_on_the_button_and_handed_over(open_as, people):
    page = open_as("hr_admin", LIST)
    write = page.get_by_role("button", name=re.compile("^Email"))
    expect(write).to_be_hidden()
    box(page, "Ann").check()
    expect(write).to_have_text("Email 1 person")
    page.get_by_role("link", name="Select all on this page").click()
    expect(write).to_have_text("Email 3 people")
    expect(page.locator(".pick-bar [role=status]")).to_have_text("3 selected")
    page.get_by_role("link", name="Clear selection").click()
    expect(write).to_be_hidden()
    box(page, "Ann").check()
    box(page, "Cat").check()
    write.click()
    page.wait_for_url("**/incomplete/message?*")
    assert set(asked(page)["application"]) == {people["Ann"], people["Cat"]}


def test_people_are_chosen_and_opened_by_keyboard_alone(open_as, people):
    page = open_as("hr_admin", LIST)
    page.keyboard.press("j")
    page.keyboard.press("j")
    first = page.locator("#results .row-link").nth(1)
    expect(first).to_be_focused()
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Space")
    expect(page.locator(".pick-bar [role=status]")).to_have_text("1 selected")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/incomplete/[\w-]{20,}$"))
    page.locator("a.back").press("Enter")
    expect(page).to_have_url(re.compile(rf"{re.escape(LIST)}$"))


def test_without_scripts_filters_and_choosing_are_links_and_buttons(open_as, people):
    page = open_as("hr_admin", LIST, scripts=False)
    page.get_by_label("Search").fill("ann")
    page.get_by_role("button", name="Search").click()
    expect(page.locator("main")).to_have_attribute("data-total", "1")
    page.goto(f"{page.url.partition('/incomplete')[0]}{LIST}")
    page.get_by_role("link", name="Select all on this page").click()
    expect(page.locator("#results input:checked")).to_have_count(3)
    box(page, "Ben").uncheck()
    page.get_by_role("button", name="Email selected").click()
    assert set(asked(page)["application"]) == {people["Ann"], people["Cat"]}


def test_on_a_telephone_the_button_stands_over_the_navigation_and_everything_is_large_enough(open_as, people):
    page = open_as("hr_admin", LIST, width=390)
    box(page, "Ann").check()
    bar = page.locator(".pick-bar")
    expect(bar).to_be_in_viewport(ratio=1)
    navigation = page.get_by_role("navigation", name="Main").bounding_box()
    found = bar.bounding_box()
    assert found["y"] + found["height"] <= navigation["y"]
    for target in (page.locator(".pick").first, bar.get_by_role("button"), bar.get_by_role("link")):
        size = target.bounding_box()
        assert min(size["width"], size["height"]) >= 44, size
    current = page.get_by_role("navigation", name="Incomplete applications")
    page.goto("/incomplete/stops")
    expect(current.get_by_role("link", name="Drop-off")).to_be_in_viewport(ratio=0.95)


@pytest.mark.parametrize("width", [1440, 390])
def test_what_is_chosen_and_who_came_back_gives_no_cause_for_complaint(width, open_as, people):
    page = open_as("hr_admin", f"{LIST}&select=page", width=width)
    found = complaints(page)
    for path in ("/incomplete?show=recovered", f"/incomplete/{people['Dee']}", f"/incomplete/stops?job={MINE}"):
        page.goto(path)
        found += complaints(page)
    assert found == []


# --- pulling --------------------------------------------------------------------------------------------------------


@pytest.fixture
def api():
    """A Platform API that lists 120 people and holds back the last page until told."""
    with TalrooApi(items(120)) as found:
        found.go_on = threading.Event()
        found.before[2] = lambda: found.go_on.wait(300)
        yield found
        found.go_on.set()


@pytest.fixture
def pulled_by(start_site, api, new_page):
    """`pulled_by(worker=True, **options of new_page)` → the worklist of a site that asks `api`, and the site."""

    def start(*, worker=True, **options):
        site = start_site(settings={name.upper(): value for name, value in api.settings.items()}, worker=worker)
        site.add_user("hr@example.com", "hr_admin")
        page = new_page(base_url=site.url, **options)
        page.goto("/login?next=/incomplete")
        page.get_by_label("Email").fill("hr@example.com")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        return page

    return start


@pytest.mark.process
@pytest.mark.parametrize("width", [1440, 390])
def test_a_pull_is_watched_from_the_button_to_the_new_people(pulled_by, api, width):
    page = pulled_by(width=width)
    pulling = page.locator("#pulling")
    page.get_by_role("button", name="Get latest from Talroo").click()
    expect(pulling).to_have_attribute("data-sync", "running", timeout=60_000)
    expect(pulling).to_contain_text("100 of about 120 checked", timeout=60_000)
    expect(page.get_by_role("progressbar")).to_have_attribute("value", "100")
    assert complaints(page) == []
    api.go_on.set()
    expect(pulling).to_have_attribute("data-sync", "idle", timeout=60_000)
    expect(pulling).to_contain_text("120 new")
    expect(page.locator("#pulling-said")).to_contain_text("120 new")
    page.get_by_role("link", name="Show them").click()
    expect(page.locator("main")).to_have_attribute("data-total", "120")
    expect(page.get_by_role("link", name="Show them")).to_have_count(0)


@pytest.mark.process
def test_without_scripts_a_pull_is_looked_at_again_by_a_link(pulled_by, api):
    page = pulled_by(scripts=False)
    link = page.get_by_role("button", name="Get latest from Talroo")
    api.go_on.set()
    while link.count():  # the test's own time limit ends a pull that never does
        with page.expect_navigation():
            link.click()
        link = page.get_by_role("link", name="Refresh")
    expect(page.locator("main")).to_have_attribute("data-total", "120")


@pytest.mark.process
def test_a_pull_that_nobody_does_says_what_it_waits_for(pulled_by, api):
    page = pulled_by(worker=False)
    page.get_by_role("button", name="Get latest from Talroo").click()
    expect(page.locator("#pulling")).to_contain_text("Waiting for the worker, which is not running (never seen)")
    assert complaints(page) == []
