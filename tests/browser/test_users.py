"""People are invited, come in, and are let go, in the browser."""

from __future__ import annotations

import re
import time
from itertools import count

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenAs
from tests.browser.inhabited import Inhabited
from tests.browser.test_every_page import complaints
from tests.infrastructure.browser import PageFactory

NEW = "a new long password"
SENT = re.compile("Sent (today|yesterday)")
"""Yesterday, where midnight came between."""
_numbers = count(1)


def invited(open_as: OpenAs, **options: object) -> tuple[Page, str, str]:
    """An administrator's page of somebody they have just invited, their address, and the link that it shows."""
    email = f"ivy{next(_numbers)}@example.com"
    page = open_as("hr_admin", "/admin/users", **options)
    page.get_by_label("Invite by email").fill(email)
    page.get_by_label("Role").select_option("recruiter")
    page.get_by_role("button", name="Invite").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(email)
    return page, email, page.locator("#link").inner_text()


def choose(page: Page, link: str) -> None:
    page.goto(re.sub(r"^https?://[^/]+", "", link))
    page.get_by_label("Password", exact=True).fill(NEW)
    page.get_by_label("Confirm password").fill(NEW)
    page.get_by_role("button", name="Save password").click()


@pytest.mark.parametrize("options", [{"width": 1440}, {"width": 390, "scripts": False}])
def test_whoever_is_invited_comes_in_by_the_link_and_is_out_once_they_are_deactivated(
    open_as: OpenAs, new_page: PageFactory, inhabited: Inhabited, options: dict[str, object]
):
    admin, _, link = invited(open_as, **options)
    theirs = new_page(base_url=inhabited.url)
    choose(theirs, link)
    theirs.wait_for_url(f"{inhabited.url}/applications")
    admin.reload()
    expect(admin.locator("main")).to_have_attribute("data-state", "active")
    admin.locator("summary", has_text="Deactivate").click()
    admin.get_by_role("button", name="Deactivate").click()
    expect(admin.get_by_role("status")).to_contain_text("is deactivated and signed out everywhere")
    theirs.goto("/applications")
    expect(theirs.get_by_role("heading", level=1)).to_have_text("Sign in")


def test_the_invitation_comes_by_mail_too(open_as: OpenAs, inhabited: Inhabited):
    page, email, link = invited(open_as)
    deadline = time.monotonic() + 120
    while page.get_by_text(SENT).count() == 0 and time.monotonic() < deadline:
        page.wait_for_timeout(250)
        page.reload()
    page.reload()
    (mail,) = [mail for mail in inhabited.mail.mails if mail.to == (email,)]
    assert link in mail.text
    expect(page.get_by_text(SENT)).to_be_visible()
    expect(page.locator("#link")).to_have_count(0)


@pytest.mark.parametrize("width", [1440, 390])
def test_the_pages_about_users_give_no_cause_for_complaint(
    open_as: OpenAs, new_page: PageFactory, inhabited: Inhabited, width: int
):
    page, _, link = invited(open_as, width=width)
    found = complaints(page)
    theirs = new_page(base_url=inhabited.url, width=width)
    theirs.goto(re.sub(r"^https?://[^/]+", "", link))
    found += complaints(theirs)
    page.goto("/admin/users")
    found += complaints(page)
    page.reload()  # complaints leave a table few rows
    page.get_by_role("link", name="recruiter@example.com").click()
    expect(page.get_by_role("heading", name="Signed in")).to_be_visible()
    found += complaints(page)
    assert found == []


def test_somebody_changes_their_password_and_sees_where_they_are_signed_in(
    open_as: OpenAs, new_page: PageFactory, inhabited: Inhabited
):
    _, email, link = invited(open_as)
    here, there = (new_page(base_url=inhabited.url) for _ in range(2))
    choose(here, link)
    here.wait_for_url("**/applications")
    there.goto("/login")
    there.get_by_label("Email").fill(email)
    there.get_by_label("Password").fill(NEW)
    there.keyboard.press("Enter")
    there.wait_for_url("**/applications")
    here.goto("/me")
    expect(here.locator("[data-session]")).to_have_count(2)
    expect(here.locator("[data-here]")).to_contain_text("Chrome on Linux")
    here.get_by_label("Current password").fill(NEW)
    here.get_by_label("New password", exact=True).fill("yet another password")
    here.get_by_label("Confirm new password").fill("yet another password")
    here.get_by_role("button", name="Change password").click()
    expect(here.get_by_role("status")).to_contain_text("signed out of 1 other browser")
    expect(here.locator("[data-session]")).to_have_count(1)
    there.goto("/applications")
    expect(there.get_by_role("heading", level=1)).to_have_text("Sign in")


def test_what_a_recruiter_sees_is_asked_for_recruiters_alone(open_as: OpenAs):
    page = open_as("hr_admin", "/admin/users")
    role, sees = page.get_by_label("Role", exact=True), page.get_by_label("Job access")
    expect(sees).to_be_enabled()
    sees.select_option("some")
    role.select_option("it_admin")
    expect(sees).to_be_disabled()
    page.get_by_label("Invite by email").fill("operator2@example.com")
    page.get_by_role("button", name="Invite").click()
    page.wait_for_url("**/admin/users/*")
    page.go_back()
    role.select_option("recruiter")
    expect(sees).to_be_enabled()
