"""A real Chromium for the tests. Whatever a page complains about in its console fails the test."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect, sync_playwright

Theme = Literal["light", "dark"]
PageFactory = Callable[..., Page]

WITHIN: Final = 30_000
"""Milliseconds for what is to come about on a page, also where the machine is slow."""
HEIGHTS: Final = {1440: 900, 390: 844}
"""A desk and a telephone, in CSS pixels; other widths get the desk's height."""

OFF: Final = (
    # Nobody types into an address field here; its list is a page in a process of its own, for each context and at
    # every page that is opened: a third of Chromium's work.
    *("WebUIOmniboxPopup", "WebUIOmniboxAimPopup"),
    # What Playwright turns off by itself: of two such lists, Chromium takes the last.
    *("AimEnabled", "AvoidCorsURLLoaderRestartOnRedirect", "AvoidUnnecessaryBeforeUnloadCheckSync"),
    *("DestroyProfileOnBrowserClose", "HttpsFirstBalancedModeAutoEnable", "HttpsUpgrades", "LensOverlay"),
    *("MediaRouter", "NetworkTimeServiceQuerying", "OptimizationHints", "PaintHolding", "PreconnectToSearch"),
    *("TcpPortRandomizationWin", "ThirdPartyStoragePartitioning"),
)
"""Features of Chromium."""
ARGUMENTS: Final = (
    f"--disable-features={','.join(OFF)}",
    "--no-sandbox",  # in a container as root there is no other way
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One Chromium a test process: Debian's, without a window."""
    expect.set_options(timeout=WITHIN)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=_executable(), args=list(ARGUMENTS))
        yield chromium
        chromium.close()


@pytest.fixture
def new_page(browser: Browser) -> Iterator[PageFactory]:
    """`new_page(width=1440, theme="light", scripts=True, allow=(), **context)` → a `Page` with cookies of its own.

    `allow` holds regular expressions for complaints that belong to the test, such as `"status of 404"`.
    Further arguments go to Playwright's `new_context`, for instance `base_url`.
    """
    visits = Visits(browser)
    yield visits.open
    complaints = visits.close()
    if complaints:
        pytest.fail("The browser complained:\n" + "\n".join(complaints), pytrace=False)


@pytest.fixture
def page(new_page: PageFactory) -> Page:
    """A page on a desk: 1440 wide, light, with scripts."""
    return new_page()


@dataclass(slots=True)
class Visits:
    """The contexts one test opened, and what their pages complained about."""

    browser: Browser
    contexts: list[BrowserContext] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def open(
        self,
        width: int = 1440,
        theme: Theme = "light",
        scripts: bool = True,
        allow: tuple[str, ...] = (),
        **options: Any,
    ) -> Page:
        """See the fixture `new_page`."""
        context = self.browser.new_context(
            viewport={"width": width, "height": HEIGHTS.get(width, 900)},
            color_scheme=theme,
            java_script_enabled=scripts,
            **options,
        )
        context.set_default_timeout(WITHIN)
        self.contexts.append(context)
        self._listen(context, allow)
        return context.new_page()

    def close(self) -> list[str]:
        """Close every context and return the complaints, oldest first."""
        for context in self.contexts:
            context.close()
        return self.complaints

    def _listen(self, context: BrowserContext, allow: tuple[str, ...]) -> None:
        def note(text: str, address: str) -> None:
            if not any(re.search(pattern, text) for pattern in allow):
                self.complaints.append(f"{address}: {text}")

        def on_console(message: ConsoleMessage) -> None:
            # Violations of the content security policy are errors here too; Chromium words them differently by
            # directive, so that warnings are searched for them as well.
            if message.type == "error" or "Content Security Policy" in message.text:
                note(message.text, message.location.get("url", ""))

        context.on("console", on_console)
        context.on("weberror", lambda problem: note(str(problem.error), problem.page.url if problem.page else ""))


def _executable() -> str:
    """The system's Chromium; `TEST_CHROMIUM` names another."""
    names = (os.environ.get("TEST_CHROMIUM"), "chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    for name in names:
        if found := shutil.which(name or ""):
            return found
    pytest.fail("Chromium is missing. Install it with: scripts/test-requisites", pytrace=False)
