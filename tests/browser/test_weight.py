"""What a page costs whoever opens it for the first time: bytes on the line, scripts, and nothing that jumps."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.browser.inhabited import Inhabited
from tests.browser.test_every_page import EXPECTED, PAGES, real

MOST_BYTES = 100_000
MOST_OF_SCRIPTS = 40_000
OF_A_RESUME = "/files/"
MOST_SHIFT = 0.05
"""Of the layout, as browsers measure it, who call 0.1 good. What a font's rounding moves is nothing that anybody sees;
and a busy machine paints a page while it still reads it, its row of buttons as they come (0.01)."""
WATCH = """
window.shifted = 0;
new PerformanceObserver((list) => {
  for (const one of list.getEntries()) if (!one.hadRecentInput) window.shifted += one.value;
}).observe({ type: "layout-shift", buffered: true });
"""


class Line:
    """What goes over the line for one page, with nothing kept from before: bytes by address."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self._addresses: dict[str, str] = {}
        self.taken: dict[str, int] = {}
        session = page.context.new_cdp_session(page)
        session.send("Network.enable")
        session.send("Network.setCacheDisabled", {"cacheDisabled": True})
        session.on("Network.responseReceived", self._begun)
        session.on("Network.loadingFinished", self._ended)

    def open(self, path: str) -> dict[str, int]:
        self._addresses.clear()
        self.taken.clear()
        self._page.goto(path, wait_until="networkidle")
        return dict(self.taken)

    def _begun(self, event: dict[str, Any]) -> None:
        self._addresses[event["requestId"]] = event["response"]["url"]

    def _ended(self, event: dict[str, Any]) -> None:
        address = self._addresses.get(event["requestId"], "")
        if address.startswith("http") and OF_A_RESUME not in address:
            address = address.split("/", 3)[3].partition("?")[0]
            self.taken[address] = self.taken.get(address, 0) + event["encodedDataLength"]


def is_a_neighbour(one: str, address: str) -> bool:
    return re.fullmatch(r"applications/[\w-]{22}", one) is not None and not address.startswith(f"/{one}")


@pytest.mark.parametrize("who", ["recruiter", "hr_admin"])
def test_every_page_is_light_and_stands_still(who, open_as, inhabited: Inhabited):
    page = open_as(who, "/login", allow=EXPECTED)
    page.add_init_script(WATCH)
    line = Line(page)
    found = []
    for path in PAGES[who]:
        address = real(path, inhabited)
        # Neighbours of the list are fetched once the page is there: they are pages of their own.
        taken = {one: size for one, size in line.open(address).items() if not is_a_neighbour(one, address)}
        scripts = sum(size for address, size in taken.items() if ".js" in address)
        if sum(taken.values()) >= MOST_BYTES:
            found.append(f"{path} takes {sum(taken.values()):,} bytes: {taken}")
        if scripts >= MOST_OF_SCRIPTS:
            found.append(f"{path} has {scripts:,} bytes of scripts")
        shifted = page.evaluate("window.shifted")
        if shifted > MOST_SHIFT:
            found.append(f"{path} moves by {shifted}")
        assert len(taken) >= 3, f"{path}: nothing was measured"
    assert found == []
