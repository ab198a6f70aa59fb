"""The dashboard in a real browser: one inhabited site for all of these tests, and pages of people who are signed in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, StorageState

from tests.browser.hostile_site import HostileSite, close, started_site
from tests.browser.inhabited import EMAILS, PASSWORD, Inhabited, inhabited_site
from tests.infrastructure.browser import PageFactory
from tests.infrastructure.processes import Site
from tests.smtp import MailServer

OpenAs = Callable[..., Page]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All that looks at one site to one worker, so that each is started and filled once."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)
            group = "hostile" if item.path.name.startswith("test_hostile_") else "browser"
            item.add_marker(pytest.mark.xdist_group(group))


@pytest.fixture(scope="session")
def inhabited(tmp_path_factory: pytest.TempPathFactory, migrated_file: Path) -> Iterator[Inhabited]:
    """A site full of people. Tests add what they change: nobody changes what was there."""

    def start(site: Site) -> None:
        site.tables = migrated_file
        site.start()

    with MailServer() as mail:
        site, talroo = inhabited_site(tmp_path_factory.mktemp("inhabited"), start, mail)
        place = Inhabited(site, talroo, mail)
        try:
            place.settle()
            yield place
        finally:
            site.kill()
            talroo.stop()


@pytest.fixture(scope="session")
def hostile_site(tmp_path_factory: pytest.TempPathFactory, migrated_file: Path) -> Iterator[HostileSite]:
    """A site where everything anybody can say is meant to do harm. Tests only look."""
    with MailServer() as mail:
        place = started_site(tmp_path_factory.mktemp("hostile"), migrated_file, mail)
        try:
            place.settle()
            yield place
        finally:
            close(place)


@pytest.fixture(scope="session")
def sessions(browser: Browser, inhabited: Inhabited) -> dict[str, StorageState]:
    """Name → the cookie of somebody who has signed in by the form."""
    return {name: _signed_in(browser, inhabited.url, email) for name, email in EMAILS.items()}


@pytest.fixture
def open_as(new_page: PageFactory, inhabited: Inhabited, sessions: dict[str, StorageState]) -> Iterator[OpenAs]:
    """`open_as("recruiter", "/applications", width=390, …)` → the page; further arguments go to `new_page`.

    Nothing stays held after the test, to stand on the pages of the next one.
    """

    def open_page(name: str, path: str = "/applications", **options: Any) -> Page:
        known = {"storage_state": sessions[name]} if name in sessions else {}
        page = new_page(base_url=inhabited.url, **known, **options)
        page.goto(path)
        return page

    yield open_page
    inhabited.let_go()


def _signed_in(browser: Browser, url: str, email: str) -> StorageState:
    context = browser.new_context(base_url=url, java_script_enabled=False)
    page = context.new_page()
    page.goto("/login")
    page.get_by_label("Email").fill(email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    state = context.storage_state()
    context.close()
    return state
