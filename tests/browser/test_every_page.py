"""Every page for every role, at a desk and on a telephone, light and dark: nothing for axe, the console or a ruler."""

from __future__ import annotations

import re
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from dashboard.permissions import allows
from dashboard.services import opt_outs
from tests.browser.inhabited import Inhabited
from tests.stocked_site import Stocked

PAGES = {
    "nobody": ("/login", "/login/code", "/unsubscribe/link", "/nowhere", "/forgot", "/access/none", "/setup/none"),
    "recruiter": (
        "/applications",
        "/applications?q=nobody-is-called-so",
        "/applications?stage=hired&from=2026-01-01",
        *("/applications?tab=held", "/applications/filters", "/views"),
        *(f"/applications/{name}" for name in ("paged", "huge", "bare", "odd", "readable", "trap")),
        *("/applications/bulk", "/people/readable"),
        "/mentions",
        "/conversions",
        "/dispositions",
        *("/me", "/me/second-factor"),
        "/incomplete",
    ),
    "hr_admin": (
        *("/applications", "/incomplete", "/incomplete/begun", "/admin/deliveries", "/conversions", "/admin/audit"),
        *("/incomplete?q=nobody-is-called-so", "/incomplete?show=recovered", "/incomplete/stops", "/admin"),
        *("/incomplete/message?application=begun", "/incomplete/messages", "/incomplete/templates"),
        *("/incomplete/templates/new", "/incomplete/jobs", "/admin/users"),
        *("/privacy", "/privacy?q=quill", "/privacy/people/readable"),
    ),
    "it_admin": (
        *("/me", "/admin", "/admin/deliveries", "/admin/deliveries?status=kept", "/admin/audit?action=signed_in"),
        "/admin/deliveries?status=refused",
        "/applications",
    ),
}
"""Who opens what; the last of some is a page they may not see. A specimen's name stands for its id."""

FOLLOWED = (
    "users.show",
    "scope.show",
    "files.preview",
    "bulk.show",
    "deliveries.show",
    "reminder_templates.show",
    "follow_up_jobs.show",
    "privacy.erased",
)
"""Pages whose ids only the site knows: tests below get there by their links."""

EXPECTED = ("status of 40[34]",)
AXE = Axe().axe_script
VIOLATIONS = """options => axe.run({resultTypes: ["violations"], ...options}).then(found => found.violations
    .map(bad => ({id: bad.id, nodes: bad.nodes.slice(0, 3).map(node => node.target)})))"""
"""Asked for nothing else, axe spares itself the words and addresses of all that is right: most of its time."""
CUT_OFF = """() => [...document.querySelectorAll(".tabs a, .tiles a")]
    .some(one => one.getBoundingClientRect().right > innerWidth)"""
STAND_STILL = """() => {
    const looksAgain = (element) => element.getAttribute("hx-trigger")?.includes("every");
    const standStill = (event) => { if (window.standsStill && looksAgain(event.target)) event.preventDefault(); };
    if (window.standsStill === undefined) document.addEventListener("htmx:beforeRequest", standStill);
    window.standsStill = true;
}"""
"""No piece of a page that looks again by itself is exchanged while it is looked at."""
ONLY_COLOURS = {"runOnly": ["color-contrast"]}


def complaints(page: Page) -> list[str]:
    """What is wrong with the page as it stands, in both themes, in words for the person who has to mend it."""
    page.evaluate(STAND_STILL)
    expect(page.locator(".htmx-request, .htmx-swapping, .htmx-settling")).to_have_count(0)
    found = _complaints(page)
    page.evaluate("window.standsStill = false")
    return found


def _complaints(page: Page) -> list[str]:
    found = []
    beyond = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    if beyond > 0:
        found.append(f"scrolls sideways by {beyond} px")
    if page.evaluate(CUT_OFF):
        found.append("a tab or a tile is cut off")
    if (headings := page.locator("h1").count()) != 1:
        found.append(f"{headings} h1")
    # Rows repeat, and axe takes its time for each.
    page.evaluate("document.querySelectorAll('tbody tr:nth-child(n+9)').forEach(row => row.remove())")
    found += axe(page, {})
    page.emulate_media(color_scheme="dark")
    found += [f"dark: {problem}" for problem in axe(page, ONLY_COLOURS)]
    page.emulate_media(color_scheme="light")
    return [f"{page.url}: {problem}" for problem in found]


def axe(page: Page, options: dict[str, Any]) -> list[str]:
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE)
    return [f"axe: {bad['id']} {bad['nodes']}" for bad in page.evaluate(VIOLATIONS, options)]


def real(path: str, inhabited: Inhabited) -> str:
    """`path` with ids in place of names."""
    path = re.sub(r"(?<=[/=])begun$", inhabited.begun[0], path)
    if path == "/unsubscribe/link":
        return f"/unsubscribe/{opt_outs.token('ada@example.com', 'none', inhabited.site.environment['SECRET_KEY'])}"
    names = inhabited.applications
    return re.sub(
        r"^(/applications/|/people/|/privacy/people/)(\w+)$",
        lambda found: found[1] + names.get(found[2], found[2]),
        path,
    )


def test_every_page_there_is_is_opened_by_somebody_who_may(make_app, sqlite_url):
    app = make_app(sqlite_url)
    adapter = app.url_map.bind("localhost")
    pages = {endpoint for endpoint, _ in Stocked(app, {"deliveries": "one", "kept delivery": "another"}).pages()}
    opened = set(FOLLOWED)
    for who, paths in PAGES.items():
        known = [path.partition("?")[0] for path in paths if path != "/nowhere"]
        ends = {adapter.match(path)[0] for path in known}
        opened |= {end for end in ends if allows(None if who == "nobody" else who, app.view_functions[end].needs)}
    assert sorted(pages - opened) == [], "add an address of each to PAGES, for a role that may open it"


@pytest.mark.parametrize("width", [1440, 390])
@pytest.mark.parametrize("who", PAGES)
def test_no_page_gives_cause_for_complaint(who, width, open_as, inhabited):
    page = open_as(who, "/login", width=width, allow=EXPECTED)
    found = []
    for path in PAGES[who]:
        page.goto(real(path, inhabited))
        found += complaints(page)
    assert found == []


@pytest.mark.parametrize("width", [1440, 390])
def test_what_opens_on_an_application_gives_no_cause_for_complaint(width, open_as, inhabited):
    page = open_as("recruiter", f"/applications/{inhabited.applications['readable']}", width=width)
    found = []
    for name in ("Reject…", "Mark hired", "Move to…"):
        page.locator("summary", has_text=name).click()
        found += complaints(page)
    page.keyboard.press("Escape")
    page.goto(f"/files/{page.locator('[data-file]').first.get_attribute('data-file')}/preview")
    found += complaints(page)
    page.keyboard.press("?")
    found += complaints(page)
    assert found == []


@pytest.mark.parametrize("who", ["hr_admin", "it_admin"])
def test_a_delivery_gives_no_cause_for_complaint(who, open_as):
    page = open_as(who, "/admin/deliveries")
    page.locator(".row-link").first.click()
    page.wait_for_url("**/admin/deliveries/*")
    assert complaints(page) == []


@pytest.mark.parametrize("width", [1440, 390])
@pytest.mark.parametrize("path", ["/incomplete/templates", "/incomplete/jobs"])
def test_what_is_written_and_set_for_reminders_gives_no_cause_for_complaint(path, width, open_as):
    page = open_as("hr_admin", path, width=width)
    page.locator(".row-link").first.click()
    page.wait_for_url(f"**{path}/*")
    assert complaints(page) == []


def test_the_last_page_of_a_list_gives_no_cause_for_complaint(open_as):
    page = open_as("recruiter", "/applications", width=390)
    page.get_by_role("link", name="Older applications").click()
    page.wait_for_url("**after=*")
    assert complaints(page) == []
