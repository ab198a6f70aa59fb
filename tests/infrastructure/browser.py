"""A real Chromium for the tests. Whatever a page complains about in its console fails the test.

Nobody is quicker here than people are: a page is acted upon and measured once it is whole. Playwright waits for an
element to be there, and goes on as soon as the HTML around it has come; the page's scripts, which are deferred, run
later, and a key that is pressed or a choice that is made before is lost, wherever a machine is slow enough.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import wraps
from typing import Any, Final, Literal

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Locator, Page, expect, sync_playwright

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


ON_AN_ELEMENT: Final = (
    *("click", "dblclick", "tap", "hover", "press", "press_sequentially", "focus", "fill", "clear"),
    *("check", "uncheck", "set_checked", "select_option", "set_input_files", "evaluate", "bounding_box"),
    *("get_attribute", "inner_text", "text_content", "input_value", "is_checked", "scroll_into_view_if_needed"),
)
"""Methods of a locator that wait for its one element to be there."""
ON_WHAT_THERE_IS: Final = ("all", "all_inner_texts", "count", "evaluate_all", "is_hidden", "is_visible")
"""Methods of a locator that take what is there at the moment."""
ON_A_PAGE: Final = ("emulate_media", "eval_on_selector_all", "evaluate", "go_back", "go_forward", "pdf", "title")
ON_A_KEYBOARD: Final = ("down", "insert_text", "press", "type")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One Chromium a test process: Debian's, without a window."""
    expect.set_options(timeout=WITHIN)
    _wait_before_elements()
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


def settled(page: Page) -> None:
    """Wait until what was typed has been asked for, which htmx puts off for at most 400 ms, and was answered."""
    page.evaluate("new Promise((done) => setTimeout(done, 450))")
    expect(page.locator(".htmx-request, .htmx-swapping, .htmx-settling")).to_have_count(0)


def press_at_once(page: Page, keys: str) -> None:
    """Press keys one right after the other, however busy the machine is: a pair like "g i" has a second."""
    page.evaluate(
        """(keys) => {
            const press = (key) => new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true });
            for (const key of keys) document.activeElement.dispatchEvent(press(key));
        }""",
        keys,
    )


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
            reduced_motion="reduce",  # a colour on its way from one to the other is neither
            java_script_enabled=scripts,
            **options,
        )
        context.set_default_timeout(WITHIN)
        self.contexts.append(context)
        self._listen(context, allow)
        context.on("page", _wait_before)
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


def _wait_before(page: Page) -> None:
    """Have everything that is done to this page wait until it is whole."""
    for owner, names in ((page, ON_A_PAGE), (page.keyboard, ON_A_KEYBOARD)):
        for name in names:
            setattr(owner, name, _once_whole(getattr(owner, name), page))


def _once_whole(act: Callable[..., Any], page: Page) -> Callable[..., Any]:
    @wraps(act)
    def acted(*words: Any, **options: Any) -> Any:
        page.wait_for_load_state()
        return act(*words, **options)

    return acted


def _wait_before_elements() -> None:
    """The same for elements: Playwright makes a new locator each time one is asked for."""
    for names, waits in ((ON_AN_ELEMENT, True), (ON_WHAT_THERE_IS, False)):
        for name in names:
            setattr(Locator, name, _where_whole(getattr(Locator, name), waits=waits))


def _where_whole(act: Callable[..., Any], *, waits: bool) -> Callable[..., Any]:
    @wraps(act)
    def acted(locator: Locator, *words: Any, **options: Any) -> Any:
        if waits:  # it may be on a page that is still to come; before that has its styles, there may seem to be several
            locator.first.wait_for(state="attached")
        locator.page.wait_for_load_state()
        return act(locator, *words, **options)

    return acted


def _executable() -> str:
    """The system's Chromium; `TEST_CHROMIUM` names another."""
    names = (os.environ.get("TEST_CHROMIUM"), "chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    for name in names:
        if found := shutil.which(name or ""):
            return found
    pytest.fail("Chromium is missing. Install it with: scripts/test-requisites", pytrace=False)
