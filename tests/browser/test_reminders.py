"""Writing to people who did not finish: seeing it first, sending it, taking it back, and their wish for no more."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.inhabited import PLAIN, PLAIN_SUBJECT, Inhabited
from tests.browser.test_every_page import complaints
from tests.browser.test_hiring import outlined
from tests.smtp import Mail

IN_TIME = 60_000
"""Milliseconds a message that is due may take to be shown as sent, on a machine that has other things to do."""

OpenAs = Callable[..., Page]


def write_to(*people: str) -> str:
    return "/incomplete/message?" + "&".join(f"application={person}" for person in people)


def mails_to(inhabited: Inhabited, address: str) -> list[Mail]:
    return [mail for mail in inhabited.mail.mails if address in mail.to]


def address_on(page: Page) -> str:
    """Whose copy is shown."""
    return page.locator(".letter dd bdi").inner_text()


def use(page: Page, template: str) -> None:
    """Choose a template and wait until its words are there."""
    page.get_by_label("Template").select_option(template)
    expect(page.get_by_label("Template").locator("option:checked")).to_have_text(template)
    expect(page.get_by_label("Subject")).to_have_value(PLAIN_SUBJECT)


def send(page: Page, button: str) -> None:
    page.locator("#send-to").click()
    page.get_by_role("button", name=button).click()


def test_the_preview_follows_what_is_typed_and_leaves_the_keyboard_where_it_is(open_as: OpenAs, inhabited: Inhabited):
    page = open_as(
        "hr_admin", write_to(inhabited.unfinished(job={"title": "Welder", "originalJobReference": "WELD-1"}))
    )
    page.get_by_label("Subject").fill("About {job_title}")
    text = page.get_by_label("Message")
    text.fill("")
    text.press_sequentially("Hello {first_name}, come back!", delay=5)
    expect(page.locator(".letter")).to_contain_text("Hello Una, come back!")
    expect(page.locator(".letter")).to_contain_text("About Welder")
    expect(text).to_be_focused()
    text.press_sequentially(" {firstname}", delay=5)
    expect(page.locator("#preview .problem")).to_contain_text("There is no merge field {firstname}.")
    expect(page.locator("#send-to")).to_have_count(0)
    expect(text).to_have_value("Hello {first_name}, come back! {firstname}")


def test_on_a_telephone_the_button_that_sends_comes_into_sight(open_as: OpenAs, inhabited: Inhabited):
    person = inhabited.unfinished(job={"title": "Roofer", "originalJobReference": "ROOF-1"})
    page = open_as("hr_admin", write_to(person), width=390)
    page.get_by_label("Message").fill("Hello {first_name}, come back!")
    expect(page.locator(".letter")).to_contain_text("come back!")
    summary = page.locator("#send-to")
    # As somebody finds it who has come down to it and no further.
    summary.evaluate("it => scrollBy(0, it.getBoundingClientRect().bottom - innerHeight + 70)")
    summary.click()
    in_sight = """() => {
        const box = document.getElementById("send-now").getBoundingClientRect();
        return box.bottom > 0 && document.elementFromPoint(box.x + box.width / 2, box.bottom - 4)?.id === "send-now";
    }"""
    page.wait_for_function(in_sight)


def test_a_message_is_held_then_sent_once_and_its_reader_can_ask_for_no_more(
    open_as: OpenAs, new_page: Callable[..., Page], inhabited: Inhabited
):
    person = inhabited.unfinished(job={"title": "Crane operator", "originalJobReference": "CRANE-1"})
    page = open_as("hr_admin", write_to(person))
    use(page, PLAIN)
    address = address_on(page)
    send(page, "Send the email")
    page.wait_for_url(f"**/incomplete/{person}#messages")
    expect(page.locator("#messages [data-state]")).to_have_attribute("data-state", "held")
    assert mails_to(inhabited, address) == []
    page.goto("/incomplete/messages")
    inhabited.let_go()
    row = page.locator(f'tr[data-application="{person}"]')
    expect(row).to_have_attribute("data-state", "sent", timeout=IN_TIME)
    (mail,) = mails_to(inhabited, address)
    assert "you started an application for Crane operator" in " ".join(mail.text.split())
    assert mail.message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"

    link = re.findall(r"<([^>]+)>", mail.message["List-Unsubscribe"])[0]
    stranger = new_page()
    stranger.goto(link)
    stranger.get_by_role("button").click()
    expect(stranger.locator("h1")).to_be_visible()
    page.goto(write_to(person))
    expect(page.locator("#preview .problem")).to_contain_text("They opted out of messages.")
    expect(page.locator("#send-to")).to_have_count(0)


def test_what_was_sent_to_many_is_taken_back_by_one_button_and_nobody_gets_it(open_as: OpenAs, inhabited: Inhabited):
    people = [inhabited.unfinished() for _ in range(3)]
    silent = inhabited.unfinished(applicant={"emailAddress": None})
    page = open_as("hr_admin", write_to(*people, silent))
    use(page, PLAIN)
    expect(page.locator(".left-out li")).to_have_count(1)
    addresses = []
    for number in range(3):
        expect(page.locator(".leaf span")).to_have_text(f"{number + 1} of 4")
        addresses.append(address_on(page))
        page.get_by_role("button", name="Next").click()
    expect(page.locator(".leaf span")).to_have_text("4 of 4")
    send(page, "Send 3 emails")
    page.wait_for_url("**/incomplete/messages")
    expect(page.locator("#results .flash")).to_contain_text(
        re.compile(r"3 emails are waiting\. They go out in \d+ seconds?")
    )
    page.get_by_role("button", name="Undo all").click()
    expect(page.locator(".flash-success")).to_contain_text("3 emails were undone and not sent.")
    for person in people:
        expect(page.locator(f'tr[data-application="{person}"]')).to_have_attribute("data-state", "cancelled")
    later = inhabited.unfinished()
    page.goto(write_to(later))
    use(page, PLAIN)
    send(page, "Send the email")
    page.wait_for_url(f"**/incomplete/{later}#messages")
    page.goto("/incomplete/messages")
    inhabited.let_go()
    # Whatever was queued before this one would have left before it.
    expect(page.locator(f'tr[data-application="{later}"]')).to_have_attribute("data-state", "sent", timeout=IN_TIME)
    assert [mails_to(inhabited, address) for address in addresses] == [[], [], []]


def test_a_double_click_sends_one_message(open_as: OpenAs, inhabited: Inhabited):
    person = inhabited.unfinished()
    page = open_as("hr_admin", write_to(person))
    use(page, PLAIN)
    page.locator("#send-to").click()
    page.get_by_role("button", name="Send the email").dblclick(no_wait_after=True)
    page.wait_for_url(f"**/incomplete/{person}#messages")
    expect(page.locator("#messages [data-message]")).to_have_count(1)


@pytest.mark.parametrize("width", [1440, 390])
def test_without_scripts_one_sees_everybodys_copy_sends_and_takes_back(
    width: int, open_as: OpenAs, inhabited: Inhabited
):
    people = [inhabited.unfinished(applicant={"firstName": name}) for name in ("Ann", "Ben")]
    page = open_as("hr_admin", write_to(*people), scripts=False, width=width)
    page.get_by_label("Template").select_option(PLAIN)
    page.get_by_role("button", name="Insert").click()
    page.get_by_label("Message").fill("Dear {first_name}, one page is left.")
    page.locator("#look").click()
    expect(page.locator(".letter")).to_contain_text("Dear Ann, one page is left.")
    page.get_by_role("button", name="Next").click()
    expect(page.locator(".letter")).to_contain_text("Dear Ben, one page is left.")
    send(page, "Send 2 emails")
    expect(page.locator(".flash-success")).to_contain_text("2 emails go out")
    page.get_by_role("button", name="Undo all").click()
    expect(page.locator(".flash-success")).to_contain_text("2 emails were undone and not sent.")


def test_words_that_were_changed_are_not_lost_to_another_template(open_as: OpenAs, inhabited: Inhabited):
    page = open_as("hr_admin", write_to(inhabited.unfinished()))
    use(page, PLAIN)
    page.get_by_label("Message").fill("My own words")
    page.get_by_label("Template").select_option("First reminder (a day later)")
    expect(page.locator(".field .problem")).to_contain_text("You changed the words, so they were kept.")
    expect(page.get_by_label("Message")).to_have_value("My own words")
    page.get_by_role("button", name="Replace them").click()
    expect(page.get_by_label("Message")).to_have_value(re.compile("You can finish it here"))


def test_a_job_without_apply_address_leads_to_its_settings_and_then_the_message_has_the_link(
    open_as: OpenAs, inhabited: Inhabited
):
    person = inhabited.unfinished(job={"title": "Roofer", "originalJobReference": "ROOF-1"})
    page = open_as("hr_admin", write_to(person), allow=("status of 400",))
    page.get_by_label("Message").fill("Finish here: {apply_link}")
    expect(page.locator("#preview .problem")).to_contain_text("Not known: apply link.")
    with page.expect_popup() as opened:
        page.get_by_role("link", name="Add it to the job").click()
    job = opened.value
    address = job.get_by_label("Apply link")
    address.fill("https://www.jobs2careers.com/click.php?id=7")
    job.get_by_role("button", name="Save").click()
    expect(job.locator("#problem-apply_url")).to_contain_text("leads through Talroo")
    expect(address).to_have_value("https://www.jobs2careers.com/click.php?id=7")
    address.fill("https://jobs.example.com/roofer")
    job.get_by_role("button", name="Save").click()
    expect(job.locator(".flash-success")).to_contain_text("Saved.")
    page.locator("#look").click()
    expect(page.locator(".letter")).to_contain_text("Finish here: https://jobs.example.com/roofer")


def test_the_keyboard_alone_writes_and_takes_back(open_as: OpenAs, inhabited: Inhabited):
    person = inhabited.unfinished()
    page = open_as("hr_admin", write_to(person))
    use(page, PLAIN)
    page.get_by_label("Subject").focus()
    with page.expect_navigation():
        page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"/incomplete/message\?application="))
    page.get_by_label("Message").focus()
    _tab_to(page, "send-to")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert outlined(page)
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/incomplete/{person}#messages")
    page.locator("#messages summary").focus()
    page.keyboard.press("Tab")
    assert outlined(page)
    page.keyboard.press("Enter")
    expect(page.locator("#messages [data-message]")).to_have_attribute("data-state", "cancelled")


@pytest.mark.parametrize("width", [1440, 390])
def test_writing_to_many_and_what_is_held_give_no_cause_for_complaint(
    width: int, open_as: OpenAs, inhabited: Inhabited
):
    people = [inhabited.unfinished(), inhabited.unfinished(), inhabited.unfinished(applicant={"emailAddress": None})]
    page = open_as("hr_admin", write_to(*people), width=width)
    use(page, PLAIN)
    page.locator("#send-to").click()
    found = complaints(page)
    page.get_by_label("Message").fill("{nothing}")
    expect(page.locator("#preview .problem")).to_be_visible()
    found += complaints(page)
    page.goto(write_to(*people))
    use(page, PLAIN)
    send(page, "Send 2 emails")
    page.wait_for_url("**/incomplete/messages")
    expect(page.locator("#results .flash")).to_be_visible()
    found += complaints(page)
    page.goto(f"/incomplete/{people[0]}")
    found += complaints(page)
    assert found == []


def test_a_template_is_written_while_one_sees_how_it_reads(open_as: OpenAs):
    page = open_as("hr_admin", "/incomplete/templates")
    page.get_by_role("link", name="New template").click()
    page.get_by_label("Name (only").fill("By keyboard")
    page.get_by_label("Subject").fill("For {first_name}")
    page.get_by_label("Message").press_sequentially("As {job_title}.", delay=5)
    expect(page.locator(".letter")).to_contain_text("As Warehouse associate.")
    expect(page.get_by_label("Message")).to_be_focused()
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".flash-success")).to_contain_text("“By keyboard” is saved.")
    row = page.locator("tr", has_text="By keyboard")
    row.get_by_role("button", name="Archive").click()
    expect(page.locator(".archived summary")).to_have_text("1 archived")


def _tab_to(page: Page, wanted: str) -> None:
    for _ in range(20):
        if page.evaluate("document.activeElement.id") == wanted:
            return
        page.keyboard.press("Tab")
        assert outlined(page)
    pytest.fail(f"the keyboard does not come to {wanted}")
