"""Each payload of the corpus does its harm on a page that escapes nothing: what finds none on ours can find it."""

from __future__ import annotations

import html
import time
import unicodedata
from collections.abc import Callable, Iterator
from typing import Final
from urllib.parse import unquote

import jinja2
import pytest
from playwright.sync_api import Browser, Error, Route

from dashboard.talroo import wire
from tests.browser.harm import Watch, is_a_question, is_a_run
from tests.hostile import CORPUS, HERE, LINE, LITERAL, ROUND_TRIP, STRING, TEXT, WORDS, Payload, plain

BARE: Final = "http://bare.test/"
CARELESS: Final[dict[str, Callable[[str], str]]] = {
    "": lambda text: text,
    "unescaping": html.unescape,
    "unquoting": unquote,
    "normalizing": lambda text: unicodedata.normalize("NFKC", text),
    "rendering": lambda text: jinja2.Template(text).render(),
}
CASES: Final = tuple(
    (one, where) for one in CORPUS for where in one.where or ((TEXT,) if one.hurts != "nothing" else ())
)
SCRIPTS: Final = {STRING, LITERAL, LINE}
"""One payload may spoil the script in which another one would run. Our pages have none in them at all."""
DOES: Final[dict[str, Callable[[str], bool]]] = {"runs": is_a_run, "asks": is_a_question, "stands": lambda _: True}


class BarePage:
    """Shows any HTML, as a site without policy would, and what became of it."""

    def __init__(self, browser: Browser) -> None:
        context = browser.new_context()
        context.route("**", self._answer)
        self.watch, self.page, self._html = Watch(context, own=BARE), context.new_page(), ""

    def show(self, text: str, wanted: Callable[[str], bool] = lambda _: True, within: float = 20) -> list[str]:
        """What was found; waits so many seconds for what is `wanted`."""
        self._html = f"<!doctype html><html><head></head><body>{text}</body></html>"
        try:
            self.page.goto(BARE)
            if pressed := self.page.query_selector("#press"):
                pressed.dispatch_event("click")
            self.page.wait_for_load_state()
        except Error:  # it led elsewhere, where nobody answers
            self.page.wait_for_timeout(20)
        found: list[str] = []
        deadline = time.monotonic() + within
        while not any(map(wanted, found)) and time.monotonic() < deadline:
            found += self.watch.look(self.page)[0]
            self.page.wait_for_timeout(5)
        return found

    def _answer(self, route: Route) -> None:
        if route.request.url == BARE:
            route.fulfill(body=self._html.encode("utf-8", "replace"), content_type="text/html; charset=utf-8")
        else:
            route.abort()


@pytest.fixture(scope="module")
def bare(browser: Browser) -> Iterator[BarePage]:
    shown = BarePage(browser)
    yield shown
    shown.page.context.close()


@pytest.mark.parametrize(("payload", "where"), CASES, ids=[f"{one.text[:30]!a} {where[:20]!a}" for one, where in CASES])
def test_each_payload_does_its_harm_where_nothing_is_escaped(bare: BarePage, payload: Payload, where: str):
    text = CARELESS[payload.after](payload.text)
    found = bare.show(where.replace(HERE, html.escape(text) if where == ROUND_TRIP else text), DOES[payload.hurts])
    assert any(map(DOES[payload.hurts], found)), found


@pytest.mark.parametrize("words", WORDS, ids=range(len(WORDS)))
def test_what_is_made_of_several_is_noticed_wherever_one_of_them_hurts(bare: BarePage, words: str):
    within = [one for one in CORPUS if one.text in words and not one.after]
    places = {where for one in within for where in one.where[:1]} - SCRIPTS - {ROUND_TRIP}
    assert [where for where in places if not bare.show(where.replace(HERE, words))] == []


def test_the_same_payloads_do_nothing_once_they_are_escaped(bare: BarePage):
    escaped = [html.escape(wire.clean(one.text)) for one in CORPUS]
    texts = "".join(f'<p title="{text}">{text}</p>' for text in escaped)
    assert bare.show(texts, within=1) == []
    shown = plain(bare.page.text_content("body") or "")
    assert [one.text for one in CORPUS if plain(one.text) not in shown] == []
