"""Every page with the whole corpus on it, as those see it who may: nothing happens, and it can be read as text."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any, Final
from urllib.parse import quote, urlencode, urlsplit

import pytest
from playwright.sync_api import Error, Page

from dashboard.permissions import allows
from tests import hostile
from tests.browser.harm import Watch
from tests.browser.hostile_site import ALLOWED, VISITORS, HostileSite
from tests.browser.test_every_page import EXPECTED, PAGES
from tests.hostile import CORPUS, TURNS, WORDS, plain
from tests.infrastructure.browser import settled

Begin = Callable[..., "Visit"]

ELSEWHERE: Final = {
    "access.set_up": "there is no such link once there are users; it looks like any link that is over",
    "privacy.erased": "it takes an erasure's id, under which it is opened below",
}
"""Pages for which `HostileSite.ids` has no id."""
OWN: Final = {"bulk.show": "recruiter"}
"""Pages that show what one has done oneself, and who did."""
PARAMETERS: Final = (
    *("q", "tab", "stage", "job", "company", "campaign", "state", "city", "qualified", "resume", "assigned", "tag"),
    *("answer", "from", "to", "sort", "after", "select", "status", "source", "event", "verdict", "action"),
    *("who", "subject", "age", "progress", "contacted", "show", "next", "page", "file", "template", "application"),
)
"""What addresses take (`docs/interface.md`), and whoever sends somebody a link can write into one."""
MARKED: Final = f"?q={quote('script img onerror ran form canary hostile HYPERLINK javascript cmd svg')}"
"""A search for parts of the corpus, so that these are marked."""

SEPARATELY: Final[dict[str, tuple[tuple[str, ...], ...]]] = {
    "h1": (("applicant", "firstName"), ("applicant", "lastName")),
    ".part-contact": tuple(("applicant", key) for key in ("emailAddress", "phone", "address", "zipcode")),
    ".part-job": tuple(("job", key) for key in ("title", "company", "zipcode", "originalJobReference", "jobReference")),
    ".part-sent": (
        *((key,) for key in ("tlrApplicationId", "tlrSid", "campaignId", "segmentId", "redirectUrl")),
        ("analytics", "userAgent"),
    ),
    ".review-files, .part-files": (("applicant", "resume", "fileName"),),
}
"""Part of an application's page → what must be readable there."""
TEXT_OF: Final = (
    "(selectors) => selectors.map((one) => [...document.querySelectorAll(one)].map((e) => e.textContent).join(' '))"
)


class Visit:
    """Somebody's browser on the hostile site, and what they found there."""

    def __init__(self, page: Page, watch: Watch) -> None:
        self.page, self._watch = page, watch
        self.found: list[str] = []
        self.text = ""

    def open(self, path: str) -> int:
        """Open a page and look. Returns its status; 0 where another page came in its place."""
        try:
            answer = self.page.goto(path, wait_until="domcontentloaded")
        except Error as problem:  # a page that was open leads away by itself
            self.found.append(f"{path}: {problem}")
            return 0
        self.look()
        return answer.status if answer else 0

    def look(self) -> None:
        wrong, shown = self._watch.look(self.page)
        self.found += [f"{self.page.url}: {one}" for one in wrong]
        self.text = plain(shown)

    def says(self, *selectors: str) -> list[str]:
        return [plain(text) for text in self.page.evaluate(TEXT_OF, list(selectors))]


@pytest.fixture
def visit(new_page: Callable[..., Page], hostile_site: HostileSite) -> Begin:
    """`visit("recruiter", ahead=True)`: somebody's browser; `ahead` lets pages be fetched ahead."""

    def begin(who: str, *, ahead: bool = False) -> Visit:
        page = new_page(width=390, base_url=hostile_site.url, allow=(*EXPECTED, "status of 401"))
        if who in hostile_site.clients:
            known = [(one.name, str(one.value)) for one in hostile_site.clients[who].cookies]
            page.context.add_cookies([{"name": name, "value": value, "url": hostile_site.url} for name, value in known])
        return Visit(page, Watch(page.context, (*ALLOWED, hostile_site.talroo.url), ahead, hostile_site.url))

    return begin


def pages(place: HostileSite, who: str, turn: int = 0) -> Iterator[tuple[str, str]]:
    """Every page that this role may open, with the ids of one turn."""
    role = None if who == "nobody" else who
    for endpoint, address in place.stocked(turn).pages():
        if allows(role, place.app.view_functions[endpoint].needs):
            yield endpoint, address


def each(place: HostileSite, turn: int) -> Iterator[tuple[str, str]]:
    """Every page about this turn's application, job, delivery, file, …: who opens it this time, and its address."""
    rules = {rule.endpoint: rule.arguments for rule in place.app.url_map.iter_rules()}
    for endpoint, address in place.stocked(turn).pages():
        known = place.ids.get(endpoint.partition(".")[0], [])
        if rules[endpoint] and turn < len(known) and len(known) > 1 and endpoint not in ELSEWHERE:
            may = [who for who in VISITORS if allows(who, place.app.view_functions[endpoint].needs)]
            # Every other one with parts of the words marked.
            yield may[turn % len(may)], address + (MARKED if turn // len(may) % 2 else "")
    yield "hr_admin", f"/incomplete/stops?job={place.ids['follow_up_jobs'][turn]}"
    if turn % 4 == 0:
        yield "recruiter", f"/applications?{urlencode({'q': WORDS[turn]}, errors='replace')}"


@pytest.mark.parametrize("who", ["nobody", *VISITORS])
def test_nothing_happens_on_any_page(who: str, visit: Begin, hostile_site: HostileSite):
    somebody = visit(who)
    missed = {endpoint for endpoint, address in pages(hostile_site, who) if somebody.open(address) >= 400}
    queries = [path for path in PAGES[who] if urlsplit(path).query and "=begun" not in path]
    for address in [*queries, f"/{quote(CORPUS[0].text)}", f"/applications/{quote(CORPUS[1].text)}"]:
        somebody.open(address)
    assert somebody.found == []
    theirs = {endpoint for endpoint, owner in OWN.items() if owner != who}
    assert missed - theirs <= {*ELSEWHERE}, "give them an id in HostileSite._ids"


def test_nothing_happens_on_the_pages_about_anybody(visit: Begin, hostile_site: HostileSite):
    visits = {who: visit(who) for who in VISITORS}
    opened = [(who, address) for turn in TURNS for who, address in each(hostile_site, turn)]
    missed = [address for who, address in opened if visits[who].open(address) >= 400]
    assert [one for who in VISITORS for one in visits[who].found] == []
    assert missed == []
    assert len(opened) > 6 * len(TURNS)


def test_what_was_sent_can_be_read_where_it_belongs(visit: Begin, hostile_site: HostileSite):
    somebody = visit("hr_admin")
    missing = []
    for kind, ids, room in (
        ("completed:v2", hostile_site.completed, "applications"),
        ("pulled", hostile_site.pulled, "incomplete"),
    ):
        for turn, public_id in islice(enumerate(ids), 0, None, 4):
            made = hostile.application(turn, kind)  # type: ignore[arg-type]
            somebody.open(f"/{room}/{public_id}")
            data = made if kind == "pulled" else made["data"]
            for selector, said in zip(SEPARATELY, somebody.says(*SEPARATELY), strict=True):
                missing += [(kind, turn, path) for path in SEPARATELY[selector] if plain(_at(data, path)) not in said]
            (answers,) = somebody.says(".answer-sheet")
            missing += [(kind, turn, text) for text in _questions(data) if plain(text) not in answers]
    assert somebody.found == []
    assert missing == []


def test_files_show_what_stands_in_them_as_text(visit: Begin, hostile_site: HostileSite):
    somebody = visit("recruiter")
    shown = 0
    for public_id in hostile_site.ids["files"]:
        assert somebody.open(f"/files/{public_id}/preview-part{MARKED}") == 200
        shown += all(plain(one.text) in somebody.text for one in CORPUS[:3])
    assert somebody.found == []
    # DOCX, RTF, ODT and two texts; of a web page only its words are left, and a drawing is only ever downloaded.
    assert shown >= 2 * 5 - 1


@pytest.mark.parametrize("shift", [0, 11])
def test_nothing_happens_whatever_a_link_asks_for(shift: int, visit: Begin, hostile_site: HostileSite):
    somebody = visit("hr_admin")
    rules = {rule.endpoint: rule.arguments for rule in hostile_site.app.url_map.iter_rules()}
    lists = [address for endpoint, address in pages(hostile_site, "hr_admin") if not rules[endpoint]]
    for number, address in enumerate(lists):
        words = {name: WORDS[(at + number + shift) % len(WORDS)] for at, name in enumerate(PARAMETERS)}
        somebody.open(f"{address.partition('?')[0]}?{urlencode(words, errors='replace')}")
    assert somebody.found == []


def test_nothing_happens_to_whoever_comes_to_sign_in(visit: Begin, hostile_site: HostileSite):
    somebody = visit("nobody")
    for words in (WORDS[0], "//canary.invalid/28", "javascript:ran(23)"):
        somebody.open(f"/login?{urlencode({'next': words})}")
        somebody.page.evaluate("document.querySelector('main form').noValidate = true")
        somebody.page.get_by_label("Email").fill(f"{plain(words)}@example.com")
        somebody.page.get_by_label("Password").fill("not the password")
        somebody.page.get_by_role("button", name="Sign in").click()
        somebody.page.wait_for_load_state()
        somebody.look()
        assert somebody.page.url.startswith(hostile_site.url)
    assert somebody.found == []


def test_nothing_happens_where_something_is_done_to_many(visit: Begin):
    somebody = visit("recruiter")
    for do in ("tag", "untag", "stage:rejected:withdrew", "hold"):
        somebody.open("/applications?select=page")
        somebody.page.locator("#bulk select[name=do]").select_option(do)
        somebody.page.locator("#bulk").get_by_role("button", name="Continue").click()
        somebody.page.locator(".bulk-confirm").wait_for()
        somebody.look()
        assert plain(WORDS[3]) in somebody.text or "tag" in do
    assert somebody.found == []


def test_nothing_happens_to_whoever_goes_from_one_to_the_next_or_prints(visit: Begin, hostile_site: HostileSite):
    somebody = visit("recruiter", ahead=True)
    somebody.open(f"/applications/{hostile_site.completed[-1]}{MARKED}")
    seen = set()
    for _ in range(8):
        seen.add(somebody.page.locator("h1").inner_text())
        somebody.page.locator("[data-step=next][data-ready]").wait_for(state="attached")
        before = somebody.page.url
        somebody.page.keyboard.press("j")
        somebody.page.wait_for_url(lambda url, before=before: url != before)
        somebody.look()
    somebody.page.emulate_media(media="print")
    somebody.look()
    assert somebody.found == []
    assert len(seen) == 8


def test_nothing_happens_while_somebody_writes(visit: Begin, hostile_site: HostileSite):
    somebody = visit("hr_admin")
    chosen = urlencode([("application", one) for one in hostile_site.started])
    for template in hostile_site.ids["reminder_templates"][::4]:
        somebody.open(f"/incomplete/message?{chosen}&template={template}")
    for one in (*CORPUS[:3], CORPUS[40]):
        somebody.page.get_by_label("Subject").fill(plain(one.text))
        with somebody.page.expect_response("**/incomplete/message"):
            somebody.page.get_by_label("Message", exact=True).press_sequentially(one.text[:1])
        settled(somebody.page)
        somebody.look()
    assert somebody.found == []


def _at(data: Any, path: tuple[str, ...]) -> str:
    for key in path:
        data = data[key]
    return str(data)


def _questions(data: Any) -> Iterator[str]:
    """Every question's words, every typed answer, and every choice's label."""
    for one in data["questionsAndAnswers"]["questionsAndAnswers"]:
        if isinstance(one, dict) and isinstance(one["question"], dict):
            yield one["question"]["question"]
            yield from (entry["question"] for entry in one["question"].get("hierarchicalOptions", ()))
            if one["question"]["type"] in ("text", "textarea", "date") and isinstance(one["answer"], str):
                yield one["answer"]
