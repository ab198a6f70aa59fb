from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.infrastructure.browser import ARGUMENTS, OFF, Visits

pytestmark = pytest.mark.browser

LATE = "<button>Press</button><select><option>1<option>2</select>"
LISTENING = (
    """for (const one of ["keydown", "click", "change"]) addEventListener(one, () => { document.title = "Heard"; });"""
)
PAGES = {
    "/calm": (200, "<!doctype html><link rel=icon href=data:,><title>Calm</title><p>Nothing to see"),
    "/broken": (200, "<!doctype html><link rel=icon href=data:,><script>nothing.at_all()</script>"),
    "/inline": (200, "<!doctype html><link rel=icon href=data:,><p style='color:red'>Red</p>"),
    "/script": (200, "<!doctype html><link rel=icon href=data:,><noscript>No scripts here</noscript>"),
    "/gone": (404, "<!doctype html><link rel=icon href=data:,>Gone"),
    "/late": (200, "<!doctype html><link rel=icon href=data:,><script src=/late.js defer></script>" + LATE),
    "/late.js": (200, LISTENING),
}


class Pages(BaseHTTPRequestHandler):
    def do_GET(self):
        status, text = PAGES[self.path]
        if self.path == "/late.js":
            time.sleep(0.5)
        self.send_response(status)
        self.send_header("Content-Type", "text/javascript" if self.path.endswith(".js") else "text/html")
        if self.path == "/inline":
            self.send_header("Content-Security-Policy", "style-src 'self'")
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_):
        pass


@pytest.fixture
def address() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Pages) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def complaints_about(browser, url, **how) -> str:
    visits = Visits(browser)
    visits.open(**how).goto(url)
    return "\n".join(visits.close())


def test_a_calm_page_has_nothing_to_complain_about(browser, address):
    assert complaints_about(browser, f"{address}/calm") == ""


def test_a_script_that_fails_is_a_complaint(browser, address):
    assert "nothing is not defined" in complaints_about(browser, f"{address}/broken")


@pytest.mark.parametrize("scripts", [True, False])
def test_a_violated_security_policy_is_a_complaint(browser, address, scripts):
    assert "Content Security Policy" in complaints_about(browser, f"{address}/inline", scripts=scripts)


def test_an_expected_complaint_is_none(browser, address):
    assert "404" in complaints_about(browser, f"{address}/gone")
    assert complaints_about(browser, f"{address}/gone", allow=("status of 404",)) == ""


def test_a_page_comes_in_the_size_and_colours_asked_for(new_page, address):
    page = new_page(width=390, theme="dark")
    page.goto(f"{address}/calm")
    assert page.evaluate("[innerWidth, matchMedia('(prefers-color-scheme: dark)').matches]") == [390, True]


def test_nothing_is_measured_while_it_moves(page, address):
    """A colour that goes from one to the other as the theme changes is neither, and fails contrast halfway."""
    page.goto(f"{address}/calm")
    assert page.evaluate("matchMedia('(prefers-reduced-motion: reduce)').matches")


def test_what_playwright_turns_off_in_chromium_stays_off(browser):
    """Of two lists, Chromium takes the last, which is ours."""
    theirs = next(lists[0] for lists in turned_off() if len(lists) == 2 and lists[1] in ARGUMENTS)
    assert {name for name in theirs.partition("=")[2].split(",") if not name.startswith("ms")} <= set(OFF)


def turned_off() -> Iterator[list[str]]:
    """What each process that runs was told to turn off."""
    for command in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # ended while we looked
            words = command.read_bytes().decode(errors="replace").split("\0")
            yield [word for word in words if word.startswith("--disable-features=")]


def test_scripts_can_be_off(new_page, address):
    page = new_page(scripts=False)
    page.goto(f"{address}/script")
    assert page.get_by_text("No scripts here").is_visible()


@pytest.mark.parametrize(
    "act",
    [
        lambda page: page.keyboard.press("a"),
        lambda page: page.get_by_role("button").click(),
        lambda page: page.get_by_role("combobox").select_option("2"),
        lambda page: page.evaluate("document.body.click()"),
    ],
)
def test_whatever_is_done_to_a_page_is_heard_by_scripts_that_come_after_it(
    new_page, address, act: Callable[[Page], object]
):
    page = new_page()
    page.goto(f"{address}/late", wait_until="commit")
    act(page)
    expect(page).to_have_title("Heard")
