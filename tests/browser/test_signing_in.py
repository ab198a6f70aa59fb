"""The first page everybody sees."""

from __future__ import annotations

from playwright.sync_api import expect


def test_a_wrong_password_is_said_and_the_address_stays_filled_in(open_as):
    page = open_as("nobody", "/login", allow=("status of 401",))
    page.get_by_label("Email").fill("recruiter@example.com")
    page.get_by_label("Password").fill("guessed")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_have_text("Wrong email address or password.")
    expect(page.get_by_label("Email")).to_have_value("recruiter@example.com")
    expect(page.get_by_label("Password")).to_have_value("")


def test_signing_in_leads_on_to_the_page_that_was_asked_for(open_as, inhabited):
    wanted = f"/applications/{inhabited.applications['paged']}"
    page = open_as("nobody", wanted)
    page.get_by_label("Email").fill("recruiter@example.com")
    page.get_by_label("Password").fill("correct horse battery")
    page.keyboard.press("Enter")
    page.wait_for_url(f"{inhabited.url}{wanted}")


def test_after_signing_out_the_back_button_shows_no_applicant(new_page, inhabited):
    page = new_page(base_url=inhabited.url)
    page.goto("/login")
    page.get_by_label("Email").fill("colleague@example.com")
    page.get_by_label("Password").fill("correct horse battery")
    page.keyboard.press("Enter")
    page.wait_for_url(f"{inhabited.url}/applications")
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_text("You are signed out.")).to_be_visible()
    page.go_back()
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")


def test_signing_out_in_one_window_leaves_nobody_to_be_seen_in_another(new_page, inhabited):
    page = new_page(base_url=inhabited.url)
    page.goto("/login")
    page.get_by_label("Email").fill("colleague@example.com")
    page.get_by_label("Password").fill("correct horse battery")
    page.keyboard.press("Enter")
    page.wait_for_url(f"{inhabited.url}/applications")
    page.goto(f"/applications/{inhabited.applications['paged']}")
    other = page.context.new_page()
    other.goto("/applications")
    other.get_by_role("button", name="Sign out").click()
    expect(other.get_by_text("You are signed out.")).to_be_visible()
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")


def test_only_what_somebody_does_keeps_them_signed_in(open_as, inhabited):
    """What a page asks by itself says so, and what is typed or pressed does not."""
    asked = []
    page = open_as("recruiter", "/applications")
    page.on("request", lambda request: asked.append((request.url, request.headers.get("x-by-itself"))))
    with page.expect_response(lambda answer: answer.url.endswith("/looking")):
        page.goto(f"/applications/{inhabited.applications['paged']}")
    page.goto("/applications")
    with page.expect_response(lambda answer: "q=ada" in answer.url):
        page.get_by_role("searchbox").first.press_sequentially("ada")
    assert {by_itself for url, by_itself in asked if url.endswith("/looking")} == {"yes"}
    assert {by_itself for url, by_itself in asked if "q=ada" in url} == {None}
