"""`/incomplete/jobs`: a job's apply address, and the cadence that writes by itself."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, update
from werkzeug.test import TestResponse

from dashboard.clock import utcnow
from dashboard.extensions import db
from dashboard.models import FollowUp, Job, JobFollowUp, ReminderTemplate
from tests.application import signed_in_client
from tests.factories import as_body, event, signed
from tests.following_up import MAIL, begin, token_of, typed, words

LIST = "/incomplete/jobs"
ADDRESS = "https://jobs.example.com/picker"


@pytest.fixture
def app(make_app: Callable[..., Flask], database_url: str) -> Flask:
    return make_app(database_url, **MAIL)


class Desk:
    """An HR administrator at one job's settings, with two templates: one with the apply link, one without."""

    def __init__(self, app: Flask, client: FlaskClient) -> None:
        self.app, self.client = app, client
        with app.app_context():
            job = db.session.scalars(select(Job)).one()
            self.address = f"{LIST}/{job.public_id}"
            self.linked, self.plain = (self._template(name, body) for name, body in _TEMPLATES)
            db.session.commit()

    def _template(self, name: str, body: str) -> str:
        row = ReminderTemplate(name=name, subject=name, body=body, updated_at=utcnow())
        db.session.add(row)
        db.session.flush()
        return row.public_id

    def see(self) -> str:
        answer = self.client.get(self.address)
        assert answer.status_code == 200
        return answer.text

    def save(self, *steps: tuple[str, str], **fields: str) -> TestResponse:
        """`steps` are pairs of days and template."""
        form = {"csrf_token": token_of(self.see()), **fields}
        for number, (days, template) in enumerate(steps, 1):
            form |= {f"days_{number}": days, f"template_{number}": template}
        return self.client.post(self.address, data=form)

    def told(self) -> str:
        return words(self.see())

    def kept(self) -> tuple[str | None, bool, list[Any]] | None:
        with self.app.app_context():
            row = db.session.scalars(select(JobFollowUp)).one_or_none()
            if row is None:
                return None
            names = dict(iter(db.session.execute(select(ReminderTemplate.id, ReminderTemplate.public_id))))
            return row.apply_url, row.active, [(step["days"], names[step["template"]]) for step in row.steps]


_TEMPLATES = (("With a link", "Here: {apply_link}"), ("Without", "Hello"))


@pytest.fixture
def ada(deliver: Callable[..., Any]) -> str:
    return begin(deliver)


@pytest.fixture
def desk(ada: str, app: Flask, sign_in: Callable[..., FlaskClient]) -> Desk:
    return Desk(app, sign_in("hr_admin"))


def planned(app: Flask) -> int:
    with app.app_context():
        return len(list(db.session.scalars(select(FollowUp.id).where(FollowUp.next_message_at.is_not(None)))))


def test_an_address_and_a_cadence_are_kept_and_shown_again(desk: Desk, app: Flask):
    steps = (("1", desk.linked), ("3", desk.plain))
    assert desk.save(*steps, apply_url=f" {ADDRESS} ", active="yes").location == desk.address
    assert desk.kept() == (ADDRESS, True, [(1, desk.linked), (3, desk.plain)])
    assert planned(app) == 1
    page = desk.see()
    assert "Saved. 1 person who already started is emailed when their day comes" in words(page)
    assert "1 of them has a next email planned." in words(page)
    assert "Last changed just now by hr-admin@example.com" in words(page)
    assert (typed(page, "apply_url"), typed(page, "days_1"), typed(page, "days_2")) == (ADDRESS, "1", "3")
    assert f'<option value="{desk.linked}" selected>' in page
    assert " checked" in page


def test_turning_it_off_plans_nobody(desk: Desk, app: Flask):
    desk.save(("1", desk.plain), active="yes")
    assert planned(app) == 1
    desk.save(("1", desk.plain))
    assert planned(app) == 0
    assert "Automatic reminders are off for this job." in desk.told()
    assert desk.kept() == (None, False, [(1, desk.plain)])


def test_where_nothing_is_saved_a_cadence_is_proposed_and_off(desk: Desk):
    page = desk.see()
    assert [typed(page, f"days_{number}") for number in (1, 2, 3)] == ["1", "3", "7"]
    assert " checked" not in page
    assert desk.kept() is None


def test_a_step_in_between_may_be_left_out(desk: Desk):
    desk.save(("2", desk.plain), ("", ""), ("5", desk.plain), active="yes")
    assert desk.kept() == (None, True, [(2, desk.plain), (5, desk.plain)])


@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        ("https://www.jobs2careers.com/click.php?id=1", "leads through Talroo"),
        ("https://apply.talroo.com/x", "leads through Talroo"),
        ("https://jobs.example.com/?tlr_sid=9e21", "carries somebody's Talroo click ID"),
        ("jobs.example.com/picker", "Enter the whole link"),
        ("javascript:alert(1)", "Enter the whole link"),
        ("https://jobs.example.com/" + "a" * 2000, "longer than 2,000 characters"),
    ],
)
def test_an_address_that_cannot_be_used_is_refused_with_the_reason(desk: Desk, address: str, sentence: str):
    answer = desk.save(("1", desk.plain), apply_url=address, active="yes")
    assert answer.status_code == 400
    (found,) = re.findall(r'id="problem-apply_url">(.*?)</p>', answer.text, re.DOTALL)
    assert sentence in words(found)
    assert typed(answer.text, "apply_url") == address
    assert typed(answer.text, "days_1") == "1"
    assert desk.kept() is None


@pytest.mark.parametrize(
    ("steps", "at", "sentence"),
    [
        ([], "days_1", "Enter after how many days the first email goes out"),
        ([("", "plain")], "days_1", "Enter a number of days: at most 13."),
        ([("1", "")], "template_1", "Choose a template."),
        ([("1", "none")], "template_1", "Choose a template."),
        ([("0", "plain")], "days_1", "Enter a number of days"),
        ([("-1", "plain")], "days_1", "Enter a number of days"),
        ([("14", "plain")], "days_1", "Enter a number of days: at most 13."),
        ([("1.5", "plain")], "days_1", "Enter a number of days"),
        ([("٣", "plain")], "days_1", "Enter a number of days"),
        ([("3", "plain"), ("3", "plain")], "days_2", "more than for email 1, at most 13."),
        ([("1", "linked")], "template_1", "Enter the apply link above"),
    ],
)
def test_a_cadence_that_cannot_be_kept_says_why_at_its_field(
    desk: Desk, steps: list[tuple[str, str]], at: str, sentence: str
):
    meant = {"plain": desk.plain, "linked": desk.linked}
    answer = desk.save(*((days, meant.get(name, name)) for days, name in steps), active="yes")
    assert answer.status_code == 400
    (found,) = re.findall(rf'id="problem-{at}">(.*?)</p>', answer.text, re.DOTALL)
    assert sentence in words(found)
    assert re.search(rf'name="{at}"[^>]*aria-invalid="true"', answer.text)
    assert desk.kept() is None


def test_a_cadence_that_is_off_may_wait_for_its_address(desk: Desk):
    assert desk.save(("1", desk.linked)).status_code == 302


def test_an_archived_template_stays_where_it_is_used_until_another_is_chosen(desk: Desk, app: Flask):
    desk.save(("1", desk.plain), active="yes")
    with app.app_context():
        db.session.execute(update(ReminderTemplate).values(archived_at=utcnow()))
        db.session.commit()
    page = desk.see()
    assert f'<option value="{desk.plain}" selected>Without (archived: not sent)' in page
    assert f'value="{desk.linked}"' not in page


def test_it_says_how_many_it_would_write_to(desk: Desk, deliver: Callable[..., Any]):
    begin(deliver, days=10)
    begin(deliver, days=30)
    for nowhere in (None, "ada at home"):
        begin(deliver, applicant={"emailAddress": nowhere})
    done = begin(deliver, id="finished")
    deliver(event(application_id="finished"))
    assert done
    said = desk.told()
    assert "2 people started in the last 14 days and can still be emailed." in said
    assert "Earlier applicants are not contacted." in said
    assert "Drop-off" in said
    desk.save(("1", desk.plain), active="yes")
    said = desk.told()
    assert "Saved. 2 people who already started are emailed" in said
    assert "2 people started in the last 14 days and can still be emailed. 2 of them have a next email" in said


def test_the_list_has_the_jobs_with_open_applications_first_and_is_searched(
    desk: Desk, deliver: Callable[..., Any], app: Flask
):
    for _ in range(2):
        begin(deliver, job={"title": "Night driver", "originalJobReference": "DR-1", "city": "Reno"})
    deliver(event(job={"title": "Nobody is open here", "originalJobReference": "NO-1"}))
    desk.save(apply_url=ADDRESS)
    page = desk.client.get(LIST).text
    found = [words(row) for row in re.findall(r"<tr data-job.*?</tr>", page, re.DOTALL)]
    assert [row.split(" Harbor")[0] for row in found] == ["Night driver", "Picker"]
    assert "2 incomplete Automatic reminders: Off Apply link: None" in found[0]
    assert f"1 incomplete Automatic reminders: Off Apply link: Set {ADDRESS}" in found[1]
    only = desk.client.get(f"{LIST}?q=RENO").text
    assert "Night driver" in only
    assert "Picker" not in words(only)
    assert "Nothing matches" in desk.client.get(f"{LIST}?q=%25").text
    with app.app_context():
        db.session.execute(update(FollowUp).values(completed_at=utcnow() - timedelta(hours=1)))
        db.session.commit()
    left = words(desk.client.get(LIST).text)
    assert "Night driver" not in left, "nobody is open"
    assert "Picker" in left, "it has settings"


def test_where_reminders_cannot_be_sent_that_is_said(make_app: Callable[..., Flask], sqlite_url: str):
    app = make_app(sqlite_url)
    body = as_body(event(kind="started:v1"))
    app.test_client().post("/talroo/applications", data=body, headers=signed(body))
    assert (
        "MAIL_URL, MAIL_FROM and MAIL_POSTAL_ADDRESS are not set" in Desk(app, signed_in_client(app, "hr_admin")).told()
    )


def test_what_is_no_job_is_404(desk: Desk):
    token = token_of(desk.see())
    assert desk.client.get(f"{LIST}/none").status_code == 404
    assert desk.client.post(f"{LIST}/none", data={"csrf_token": token}).status_code == 404


@pytest.mark.parametrize("role", ["recruiter", "it_admin"])
def test_only_hr_administrators_come_here(sign_in: Callable[..., FlaskClient], role: str):
    for path in (LIST, f"{LIST}/none"):
        assert sign_in(role).get(path).status_code == 403
