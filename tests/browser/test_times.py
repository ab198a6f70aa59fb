"""Times as the browser writes them, in the zone it is in: on the first page of a new zone, before the server knows."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.inhabited import Inhabited
from tests.infrastructure.browser import PageFactory

SPRING = "2026-03-09T04:30:00Z"
"""Half past midnight in New York, after a day of 23 hours."""
AUTUMN = "2026-11-02T04:30:00Z"
"""Half past eleven at night there, in a day of 25 hours."""


@pytest.mark.parametrize(
    ("now", "moment", "words"),
    [
        (SPRING, "2026-03-09T04:05:31Z", "today 12:05 AM EDT"),
        (SPRING, "2026-03-08T23:30:00Z", "yesterday 7:30 PM EDT"),
        (SPRING, "2026-03-07T17:00:00Z", "Sat, Mar 7, 2026, 12:00 PM EST"),
        (AUTUMN, "2026-11-01T04:30:00Z", "today 12:30 AM EDT"),
        (AUTUMN, "2026-10-31T17:00:00Z", "yesterday 1:00 PM EDT"),
    ],
)
def test_a_time_is_told_by_the_calendar_of_where_the_browser_is(
    new_page: PageFactory, inhabited: Inhabited, now: str, moment: str, words: str
):
    page = new_page(base_url=inhabited.url, timezone_id="America/New_York")
    page.clock.set_fixed_time(now)
    told = f'<!doctype html><title>Times</title><time data-when datetime="{moment}"></time>'
    script = '<script src="/static/js/app.js"></script>'
    page.route("**/times", lambda route: route.fulfill(content_type="text/html", body=told + script))
    page.goto("/times")
    expect(page.locator("time")).to_have_text(words)
