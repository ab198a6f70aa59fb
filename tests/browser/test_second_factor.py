"""The second factor and the provider in a real browser, from the first page to the last."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pyotp
import pytest
from flask import Flask
from playwright.sync_api import Page, expect
from werkzeug.serving import make_server

from dashboard.clock import utcnow
from dashboard.extensions import db
from dashboard.services import accounts, second_factor
from tests.application import PASSWORD
from tests.browser.test_every_page import complaints
from tests.identity_provider import PASSWORD as PROVIDERS_PASSWORD
from tests.identity_provider import IdentityProvider
from tests.infrastructure.browser import PageFactory
from tests.infrastructure.ports import free_port

REFUSED = ("status of 40[0139]",)
TO_TYPE = 12
"""Seconds between reading a code and its being tried, on a machine that has other things to do."""


@dataclass(frozen=True, slots=True)
class Place:
    """A dashboard of its own: roles that must have a second factor, and a provider."""

    url: str
    provider: IdentityProvider
    open: Callable[..., Page]


@pytest.fixture
def place(make_app: Callable[..., Flask], sqlite_url: str, new_page: PageFactory) -> Iterator[Place]:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with IdentityProvider(redirect_uri=f"{url}/login/oidc/callback") as provider:
        wanted = {"totp_required_roles": ("it_admin",), "oidc_roles": {"recruiters": "recruiter"}}
        scopes = {"oidc_scopes": "openid email groups"}
        app = make_app(sqlite_url, public_url=url, **provider.settings, **wanted, **scopes)
        with app.app_context():
            for role in ("recruiter", "it_admin"):
                accounts.add_user(db.session(), f"{role}@example.com", PASSWORD, role, now=utcnow())
            db.session.commit()
        server = make_server("127.0.0.1", port, app, threaded=True)
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        opened: list[Page] = []

        def open_page(**options: object) -> Page:
            opened.append(new_page(base_url=url, **options))
            return opened[-1]

        yield Place(url, provider, open_page)
        for page in opened:  # before the server goes: what a page still loads would be refused
            page.context.close()
        server.shutdown()
        thread.join()
        server.server_close()


def sign_in(page: Page, email: str = "recruiter@example.com") -> None:
    page.goto("/login")
    page.get_by_label("Email").fill(email)
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")


def code_of(key: str, steps: int = 0) -> str:
    """What the app says, with time enough to type it: a code counts for one step more than its own."""
    left = second_factor.STEP.total_seconds() - time.time() % second_factor.STEP.total_seconds()
    if left < TO_TYPE:
        time.sleep(left)
    return pyotp.TOTP(key).at(utcnow() + steps * second_factor.STEP)


def set_up(page: Page, found: list[str]) -> tuple[str, list[str]]:
    """From the page that offers it: the key and the recovery codes. What each page on the way has to complain goes into
    `found`."""
    found += complaints(page)
    page.get_by_label("Your password").fill(PASSWORD)
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_role("img", name="QR code")).to_be_visible()
    key = page.locator("#secret").inner_text().replace(" ", "")
    found += complaints(page)
    page.get_by_label("Code from your app").fill(code_of(key, -1))
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Two-step verification is on")
    found += complaints(page)
    return key, page.locator("#codes").inner_text().split()


@pytest.mark.parametrize("width", [1440, 390])
def test_it_is_set_up_and_signs_in_by_the_app_and_by_a_recovery_code(place: Place, width: int):
    page, found = place.open(width=width, allow=REFUSED), []
    sign_in(page)
    page.wait_for_url("**/applications")
    page.goto("/me")
    page.get_by_role("link", name="Set it up").click()
    key, codes = set_up(page, found)
    page.get_by_role("link", name="I’ve saved them").click()
    page.wait_for_url("**/applications")

    page.goto("/me")
    page.get_by_role("button", name=re.compile("^Sign out$")).first.click()
    sign_in(page)
    expect(page.get_by_role("heading", level=1)).to_have_text("Two-step verification")
    expect(page.get_by_label("Code from your app")).to_be_focused()
    found += complaints(page)
    page.keyboard.type("000 000")
    page.keyboard.press("Enter")
    expect(page.get_by_text("That code is wrong or expired")).to_be_visible()
    found += complaints(page)
    page.get_by_label("Code from your app").fill(code_of(key))
    page.keyboard.press("Enter")
    page.wait_for_url("**/applications")

    page.goto("/me")
    page.get_by_role("button", name=re.compile("^Sign out$")).first.click()
    sign_in(page)
    page.get_by_role("link", name="Use a recovery code").click()
    found += complaints(page)
    page.get_by_label("Recovery code").fill(codes[4].lower())
    page.keyboard.press("Enter")
    expect(page.get_by_text("You used a recovery code; 9 are left.")).to_be_visible()
    page.goto("/me/second-factor")
    found += complaints(page)
    assert found == []


def test_the_code_to_scan_is_large_and_black_on_white_in_the_dark_too(place: Place):
    """Whether a camera reads it is the library's to prove; here, that it is large, and black on white anywhere."""
    page = place.open(theme="dark")
    sign_in(page)
    page.wait_for_url("**/applications")
    page.goto("/me/second-factor")
    page.get_by_label("Your password").fill(PASSWORD)
    page.keyboard.press("Enter")
    drawn = page.get_by_role("img", name="QR code")
    expect(drawn).to_be_visible()
    box = drawn.locator("svg").bounding_box()
    assert box["width"] >= 150
    assert drawn.locator("path").first.get_attribute("fill") == "#fff"
    assert drawn.locator("path").last.get_attribute("stroke") == "#000"


def test_whoever_must_have_one_sets_it_up_before_anything_else(place: Place):
    page, found = place.open(width=390), []
    sign_in(page, "it_admin@example.com")
    page.wait_for_url("**/me/second-factor")
    expect(page.get_by_text("IT administrators must have one")).to_be_visible()
    expect(page.get_by_role("navigation")).to_have_count(0)
    page.goto("/admin/deliveries")
    page.wait_for_url("**/me/second-factor")
    set_up(page, found)
    page.get_by_role("link", name="I’ve saved them").click()
    page.wait_for_url("**/admin/deliveries")
    assert found == []


def test_the_button_leads_to_the_provider_and_back_to_the_page_that_was_asked_for(place: Place):
    place.provider.add("ada", email="ada@example.com", email_verified=True, groups=["recruiters"])
    page = place.open(allow=("favicon", "status of 404"))
    page.goto("/applications?q=ada")
    page.get_by_role("link", name="Sign in with your company account").click()
    page.get_by_label("Name").fill("ada")
    page.get_by_label("Password").fill(PROVIDERS_PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url(f"{place.url}/applications?q=ada")
    expect(page.locator(".who-name bdi")).to_have_text("ada@example.com")


def test_what_the_provider_refuses_is_said_on_the_page_to_sign_in(place: Place):
    place.provider.add("eve", email="eve@example.com", email_verified=True, groups=["cafeteria"])
    page = place.open(width=390, allow=("favicon", "status of 40[34]"))
    page.goto("/login")
    page.get_by_role("link", name="Sign in with your company account").click()
    page.get_by_label("Name").fill("eve")
    page.get_by_label("Password").fill(PROVIDERS_PASSWORD)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("alert")).to_contain_text("None of your groups has access to this dashboard")
    assert complaints(page) == []
