"""Going through twenty applicants: by keyboard alone, by touch on a telephone, without scripts; and how quickly."""

from __future__ import annotations

import re
import statistics
import time
from itertools import count

import pytest
from playwright.sync_api import Page, expect

from tests.browser.inhabited import Inhabited
from tests.infrastructure.browser import WITHIN, press_at_once, settled

TWENTY = 20
_lists = count(1)

PRESS_AND_WAIT = """(key) => new Promise((done) => {
    const name = () => document.querySelector("h1").textContent;
    const [before, begun] = [name(), performance.now()];
    document.body.dispatchEvent(new KeyboardEvent("keydown", {key, bubbles: true, cancelable: true}));
    const look = () => requestAnimationFrame(() => name() === before ? look() : done(performance.now() - begun));
    look();
})"""
"""How many milliseconds after a key the next name is on the screen."""


class Queue:
    """New applicants for a job of their own; `path` is the list of those who are still new, newest first."""

    def __init__(self, inhabited: Inhabited, size: int = TWENTY) -> None:
        self.title = f"Rigger {next(_lists)}"
        job = {"title": self.title, "originalJobReference": self.title}
        self.ids = [inhabited.somebody(job=job) for _ in range(size)][::-1]
        self.path = f"/applications?job={self.title.replace(' ', '%20')}&tab=new"

    def at(self, page: Page, number: int) -> None:
        """Wait until the page is that of the applicant with this number, and whoever sees it may decide."""
        expect(page.locator("main")).to_have_attribute("data-application", self.ids[number])
        expect(page.locator("main[data-arriving]")).to_have_count(0)

    def stand(self, page: Page, wanted: dict[str, int]) -> dict[str, int]:
        """How many are where, once it is as `wanted` or they had time enough: a decision may still be on its way."""
        found: dict[str, int] = {}
        deadline = time.monotonic() + WITHIN / 1_000
        while found != wanted and time.monotonic() < deadline:
            for name, query in (("reviewed", "stage=reviewed"), ("rejected", "stage=rejected"), ("held", "held=yes")):
                page.goto(f"/applications?job={self.title}&{query}")
                found[name] = int(page.locator("main").get_attribute("data-total") or -1)
        return found


def prefetched(page: Page) -> None:
    expect(page.locator('[data-step="next"][data-ready]')).to_have_count(1)


def test_twenty_are_gone_through_by_keyboard_alone(open_as, inhabited):
    queue = Queue(inhabited)
    page = open_as("recruiter", queue.path)
    keys = page.keyboard
    keys.press("j")
    keys.press("Enter")
    queue.at(page, 0)
    expect(page.locator("#queue-position")).to_have_text(f"1 of {TWENTY}")
    for number in range(TWENTY):
        queue.at(page, number)
        if number == 1:
            expect(page.locator("h1")).to_be_focused()
        for key in (["a"], ["r", "4"], ["h"])[number % 3]:
            keys.press(key)
        if number == 4:
            expect(page.locator(".decided").last).to_contain_text("Rejected (Applicant withdrew)")
            keys.press("u")
            queue.at(page, 4)
            keys.press("r")
            keys.press("1")
    page.wait_for_url(re.compile(r"/applications\?.*job="))
    expect(page.locator(".decided").last).to_contain_text("Undo")
    wanted = {"reviewed": 7, "rejected": 7, "held": 6}
    assert queue.stand(page, wanted) == wanted


def test_twenty_are_gone_through_by_touch_on_a_telephone(open_as, inhabited):
    queue = Queue(inhabited)
    page = open_as("recruiter", queue.path, width=390, has_touch=True)
    page.locator(".row-link").first.tap()
    for number in range(TWENTY):
        queue.at(page, number)
        box = page.locator(".decide").bounding_box()
        assert box["y"] + box["height"] == 844
        assert box["height"] < 90
        if number % 3 == 1:
            page.locator("#reject").tap()
            page.get_by_role("button", name="Applicant withdrew").tap()
        else:
            page.locator(("#advance", "", "#hold")[number % 3]).tap()
    page.wait_for_url(re.compile(r"/applications\?.*job="))
    wanted = {"reviewed": 7, "rejected": 7, "held": 6}
    assert queue.stand(page, wanted) == wanted


def test_twenty_are_gone_through_without_scripts(open_as, inhabited):
    queue = Queue(inhabited)
    page = open_as("recruiter", queue.path, scripts=False)
    page.locator(".row-link").first.click()
    for number in range(TWENTY):
        queue.at(page, number)
        if number % 3 == 1:
            page.locator("#reject").click()
            page.get_by_role("button", name="Applicant withdrew").click()
        else:
            page.locator(("#advance", "", "#hold")[number % 3]).click()
        if number == 4:
            page.get_by_role("button", name="Undo").click()
            queue.at(page, 4)
            page.locator("#advance").click()
    page.wait_for_url(re.compile(r"/applications\?.*job="))
    wanted = {"reviewed": 8, "rejected": 6, "held": 6}
    assert queue.stand(page, wanted) == wanted


def test_the_next_one_is_there_at_once(open_as, inhabited):
    queue = Queue(inhabited, 12)
    page = open_as("recruiter", f"/applications/{queue.ids[0]}")
    page.evaluate("window.never_reloaded = true")
    took = []
    for number in range(1, 10):
        prefetched(page)
        took.append(page.evaluate(PRESS_AND_WAIT, "a" if number % 2 else "j"))
        queue.at(page, number)
    assert page.evaluate("window.never_reloaded")
    print(f"\nkey to name: median {statistics.median(took):.0f} ms, longest {max(took):.0f} ms")
    assert statistics.median(took) < 1_000


def test_back_and_forward_lead_through_those_who_were_looked_at(open_as, inhabited):
    queue = Queue(inhabited, 3)
    page = open_as("recruiter", queue.path)
    page.locator(".row-link").first.click()
    prefetched(page)
    page.keyboard.press("j")
    queue.at(page, 1)
    expect(page).to_have_url(re.compile(f"/applications/{queue.ids[1]}"))
    page.go_back()
    queue.at(page, 0)
    page.go_forward()
    queue.at(page, 1)
    press_at_once(page, "gi")
    page.wait_for_url(re.compile(r"/applications\?.*job="))


def test_what_was_decided_elsewhere_meanwhile_is_seen_and_nothing_is_overwritten(open_as, inhabited):
    queue = Queue(inhabited, 3)
    page = open_as("recruiter", f"/applications/{queue.ids[0]}", allow=("409",))
    colleague = open_as("colleague", f"/applications/{queue.ids[0]}")
    colleague.keyboard.press("h")
    queue.at(colleague, 1)
    colleague.keyboard.press("k")
    queue.at(colleague, 0)
    colleague.locator("#move-to").click()
    colleague.get_by_label("Stage").select_option("interview")
    colleague.get_by_role("button", name="Move and stay").click()
    expect(colleague.locator("main")).to_have_attribute("data-stage", "interview")
    prefetched(page)
    page.keyboard.press("a")
    expect(page.get_by_role("alert")).to_contain_text("changed this application first")
    queue.at(page, 0)
    expect(page.locator("main")).to_have_attribute("data-stage", "interview")


def test_no_single_key_acts_in_a_field_with_another_key_or_when_switched_off(open_as, inhabited):
    queue = Queue(inhabited, 2)
    page = open_as("recruiter", f"/applications/{queue.ids[0]}")
    page.locator("#move-to").click()
    page.locator("#note").press_sequentially("archa?")
    page.keyboard.press("Escape")
    page.keyboard.press("Control+j")
    page.evaluate("document.body.dataset.keys = 'off'")
    for key in ("a", "j", "h", "?", "ArrowRight"):
        page.keyboard.press(key)
    expect(page.get_by_role("dialog")).to_be_hidden()
    page.get_by_role("button", name="Keyboard shortcuts").click()
    expect(page.get_by_role("dialog")).to_contain_text("Single-key shortcuts are off")
    page.get_by_role("button", name="Close").click()
    queue.at(page, 0)
    expect(page.locator("main")).to_have_attribute("data-stage", "new")
    page.evaluate("document.body.dataset.keys = 'on'")
    page.once("dialog", lambda asked: asked.dismiss())
    page.keyboard.press("j")
    queue.at(page, 0)  # what was written there is not lost in passing
    page.locator("#note").evaluate("note => { note.value = ''; }")
    page.keyboard.press("j")
    queue.at(page, 1)


@pytest.mark.parametrize("width", [1440, 390])
def test_nothing_moves_while_people_come_and_go(width, open_as, inhabited):
    queue = Queue(inhabited, 4)
    page = open_as("recruiter", f"/applications/{queue.ids[0]}", width=width)
    prefetched(page)
    page.evaluate(
        """() => {
            window.shifted = 0;
            const add = (list) => list.getEntries().forEach((one) => { window.shifted += one.value; });
            new PerformanceObserver(add).observe({type: "layout-shift"});
        }"""
    )
    page.keyboard.press("a")
    queue.at(page, 1)
    expect(page.locator(".decided")).to_contain_text("Undo")
    prefetched(page)
    assert page.evaluate("window.shifted") < 0.02


TYPED_ON = """() => {
    const options = {bubbles: true, cancelable: true};
    const press = (key) => document.body.dispatchEvent(new KeyboardEvent("keydown", {key, ...options}));
    const goOn = () => { press("n"); setTimeout(() => ["a", "h", "r"].forEach(press)); };
    document.addEventListener("page:shown", goOn, {once: true});
    const send = window.fetch;
    window.fetch = (address, options) => address.endsWith("/undo")
        ? new Promise((sent) => { window.letGo = () => sent(send(address, options)); }) : send(address, options);
}"""
"""An undo takes its time; somebody types a note while the page is replaced under their fingers, and goes on."""


def test_what_is_typed_while_a_page_is_waited_for_decides_nothing(open_as, inhabited):
    queue = Queue(inhabited, 3)
    page = open_as("recruiter", f"/applications/{queue.ids[0]}")
    prefetched(page)
    posts: list[str] = []
    page.on("request", lambda sent: posts.append(sent.url.rsplit("/", 1)[1]) if sent.method == "POST" else None)
    page.keyboard.press("a")
    queue.at(page, 1)
    expect(page.locator(".decided form")).to_have_count(1)
    page.keyboard.press("k")
    queue.at(page, 0)
    expect(page.locator(".last-decision")).to_contain_text("Reviewed: ")
    page.evaluate(TYPED_ON)
    page.keyboard.press("u")
    expect(page.locator("main[inert]")).to_have_count(1)
    page.keyboard.type("na")
    page.evaluate("window.letGo()")
    expect(page.locator(".flash")).to_contain_text("Undone. ")
    queue.at(page, 0)
    expect(page.locator("main")).to_have_attribute("data-stage", "new")
    assert [one for one in posts if one != "looking"] == ["stage", "undo"]
    expect(page.locator("details.confirm[open]")).to_have_count(0)
    page.locator("#team-note").fill("Half a sen")
    page.locator("#rating-3").click()
    expect(page.locator("#rating-3")).to_have_attribute("aria-pressed", "true")
    expect(page.locator("#team-note")).to_have_value("Half a sen")
    page.locator("#team-note").press("Escape")
    asked: list[str] = []
    page.once("dialog", lambda dialog: (asked.append(dialog.type), dialog.dismiss()))
    page.locator("a.back").click()
    assert asked == ["beforeunload"]
    page.locator("#team-note").fill("")
    page.locator("a.back").click()
    expect(page.locator(f'tr[data-application="{queue.ids[0]}"] .row-link')).to_be_focused()


def test_the_key_that_moves_somebody_begins_at_the_stage(open_as, inhabited):
    queue = Queue(inhabited, 1)
    page = open_as("recruiter", f"/applications/{queue.ids[0]}")
    page.keyboard.press("m")
    expect(page.get_by_label("Stage")).to_be_focused()
    page.keyboard.type("I")  # letters of a word would have to come within a second of each other
    page.get_by_role("button", name="Move and stay").press("Enter")
    expect(page.locator("main")).to_have_attribute("data-stage", "interview")


def test_a_reason_that_stands_in_the_note_asks_for_it_first(open_as, inhabited):
    queue = Queue(inhabited, 2)
    page = open_as("recruiter", f"/applications/{queue.ids[0]}{queue.path.removeprefix('/applications')}")
    for key in ("r", "6"):
        page.keyboard.press(key)
    expect(page.locator("#reject-note")).to_be_focused()
    page.keyboard.press("Control+Enter")  # nothing is written yet
    page.keyboard.type("Moved away, 6 hours from here.")
    queue.at(page, 0)
    page.keyboard.press("Control+Enter")
    queue.at(page, 1)
    page.goto(f"/applications/{queue.ids[0]}")
    expect(page.locator("main")).to_have_attribute("data-stage", "rejected")
    expect(page.locator("#timeline")).to_contain_text("Other (see note)")
    expect(page.locator("#timeline")).to_contain_text("Moved away, 6 hours from here.")


def test_the_search_leads_into_its_list_and_keeps_its_words(open_as, inhabited):
    queue = Queue(inhabited, 2)
    page = open_as("recruiter", "/applications")
    page.keyboard.press("/")
    page.keyboard.type(queue.title)
    page.keyboard.press("Enter")
    first = page.locator(f'tr[data-application="{queue.ids[0]}"] .row-link')
    expect(first).to_be_focused()
    settled(page)
    expect(first).to_be_focused()
    page.keyboard.press("/")
    page.keyboard.press("Escape")
    expect(page.locator("#q")).to_have_value(queue.title)
    page.keyboard.press("/")
    page.keyboard.press("ArrowDown")
    expect(first).to_be_focused()
    page.keyboard.press("u")
    expect(page.get_by_text("Nothing to undo here.")).to_be_visible()


def test_nothing_lies_over_an_opened_sheet_and_next_stays_under_the_pointer(open_as, inhabited):
    queue = Queue(inhabited, 2)
    page = open_as("recruiter", f"/applications/{queue.ids[0]}", width=390, has_touch=True)
    page.locator("#hold").tap()
    expect(page.locator(".decided form")).to_have_count(1)
    page.locator("#reject").tap()
    page.locator("#reject-note").tap()
    expect(page.locator("#reject-note")).to_be_focused()
    queue.at(page, 1)
    desk = open_as("recruiter", "/applications")
    places = set()
    for public_id in inhabited.applications.values():
        desk.goto(f"/applications/{public_id}")
        box = desk.locator(".queue-head .button").last.bounding_box()
        places.add(round(box["y"]))
        assert box["height"] >= 32
    assert len(places) == 1


SEEN = """() => {
    const carriers = [...document.querySelectorAll("[data-key]")];
    return carriers.filter((one) => one.checkVisibility({visibilityProperty: true})).map((one) => one.dataset.key);
}"""
"""The keys of all that is visible."""


@pytest.mark.parametrize("stage", ["new", "reviewed", "interview", "offer", "hired", "rejected"])
def test_the_key_that_takes_back_acts_on_whom_the_page_shows(open_as, inhabited, stage):
    queue = Queue(inhabited, 2)
    path = f"/applications?job={queue.title.replace(' ', '%20')}"
    page = open_as("recruiter", f"/applications/{queue.ids[1]}?{path.partition('?')[2]}")
    if stage != "new":
        page.locator("#move-to").click()
        page.get_by_label("Stage").select_option(stage)
        page.get_by_role("button", name="Move and stay").click()
        expect(page.locator("main")).to_have_attribute("data-stage", stage)
    page.goto(f"/applications/{queue.ids[0]}?{path.partition('?')[2]}")
    prefetched(page)
    page.keyboard.press("a")
    queue.at(page, 1)
    seen = page.evaluate(SEEN)  # the decision is told, and its answer may not be there yet
    assert sorted(seen) == sorted(set(seen))
    expect(page.locator(".decided form")).to_have_count(1)
    seen = page.evaluate(SEEN)
    assert sorted(seen) == sorted(set(seen))
    page.keyboard.press("u")
    if stage in ("hired", "rejected"):
        expect(page.locator("main")).to_have_attribute("data-stage", "new")
        queue.at(page, 1)
        page.goto(f"/applications/{queue.ids[0]}")
        expect(page.locator("main")).to_have_attribute("data-stage", "reviewed")
    else:
        queue.at(page, 0)
        expect(page.locator("main")).to_have_attribute("data-stage", "new")


def test_taking_the_last_decision_back_is_offered_for_some_minutes_also_on_pages_that_stay_open(open_as, inhabited):
    queue = Queue(inhabited, 4)
    page = open_as("recruiter", f"/applications/{queue.ids[0]}")
    page.clock.install()
    page.reload()
    prefetched(page)
    page.keyboard.press("a")
    expect(page.locator(".decided form")).to_have_count(1)
    page.clock.run_for(3_000)  # the page looks every two seconds for what ends
    queue.at(page, 1)
    page.clock.fast_forward("04:30")
    page.keyboard.press("j")
    queue.at(page, 2)
    expect(page.locator(".last-decision")).to_contain_text("Reviewed: ")
    page.clock.fast_forward("01:00")
    expect(page.locator(".last-decision form")).to_have_count(0)
    page.keyboard.press("u")
    expect(page.get_by_text("Nothing to undo here.")).to_be_visible()
    page.keyboard.press("k")
    queue.at(page, 1)
    expect(page.locator(".last-decision form")).to_have_count(0)


AT_ONCE = """async ([keys, apart]) => {
    for (const key of keys) {
        document.body.dispatchEvent(new KeyboardEvent("keydown", {key, bubbles: true, cancelable: true}));
        if (apart) await new Promise((done) => setTimeout(done, apart));
    }
}"""
"""Press keys so many milliseconds apart."""


@pytest.mark.parametrize("keys", ["aa", "hh", "ar4", "aH"])
def test_a_key_pressed_twice_by_accident_decides_about_one(open_as, inhabited, keys):
    queue = Queue(inhabited, 4)
    page = open_as("recruiter", f"/applications/{queue.ids[0]}")
    prefetched(page)
    posts: list[str] = []
    page.on("request", lambda sent: posts.append(sent.url.rsplit("/", 1)[1]) if sent.method == "POST" else None)
    page.evaluate(AT_ONCE, [keys, 60])
    expect(page.locator("details.confirm[open]")).to_have_count(0)
    queue.at(page, 1)
    assert [one for one in posts if one != "looking"] == ["hold" if keys == "hh" else "stage"]
    expect(page.locator(".decided form")).to_have_count(1)
    page.keyboard.press("a")
    queue.at(page, 2)


def test_two_clicks_in_one_place_decide_about_one_and_moving_is_never_waited_for(open_as, inhabited):
    queue = Queue(inhabited, 4)
    page = open_as("recruiter", f"/applications/{queue.ids[0]}")
    prefetched(page)
    page.locator("#advance").dblclick()
    queue.at(page, 1)
    expect(page.locator("main")).to_have_attribute("data-stage", "new")
    prefetched(page)
    page.evaluate(AT_ONCE, ["ak", 0])
    queue.at(page, 1)
    expect(page.locator("main")).to_have_attribute("data-stage", "reviewed")
