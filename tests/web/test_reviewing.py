"""Going through a list: a decision leads to the next application, says what was done, and can be undone."""

from __future__ import annotations

import html
import re
from datetime import timedelta

import pytest
from sqlalchemy import select

from dashboard.extensions import db
from dashboard.models import Activity, Application, Outbound
from dashboard.models.outbound import State
from dashboard.stages import Stage
from dashboard.web import outcome
from tests.factories import event

QUEUE = "q=picker&tab=new"


class Review:
    """A recruiter's browser at an application of a list. `people` are ids, in the list's order."""

    def __init__(self, client, people):
        self.client, self.people = client, people

    def open(self, number, query=QUEUE):
        return self._shown(self.client.get(f"/applications/{self.people[number]}?{query}"))

    def press(self, number, verb, status=200, then="next", queue=QUEUE, **fields):
        """Send a form of an application's page and follow where it leads."""
        address = f"/applications/{self.people[number]}"
        source = self.client.get(f"{address}?{queue}").text
        known = {"csrf_token": field(source, "csrf_token"), "version": field(source, "version")}
        known |= {"then": then, "queue": queue}
        answer = self.client.post(f"{address}/{verb}", data=known | fields, follow_redirects=True)
        assert answer.status_code == status
        return self._shown(answer)

    def undo(self):
        """Send the form of the message that stands on the page."""
        form = r'<form[^>]* method="post" action="([^"]+/undo)" data-decide>(.*?)</form>'
        found = re.search(form, self.source, re.DOTALL)
        fields = dict(re.findall(r'name="([^"]+)" value="([^"]*)"', html.unescape(found[2])))
        return self._shown(self.client.post(found[1], data=fields, follow_redirects=True))

    def _shown(self, answer):
        self.source, self.address = answer.text, answer.request.full_path.rstrip("?")
        self.text = " ".join(html.unescape(re.sub(r"<[^>]+>", " ", self.source)).split())
        return self

    @property
    def at(self):
        """Whose page it is, by their number; None on any other page."""
        found = re.search(r"/applications/([^/?]+)", self.address)
        return self.people.index(found[1]) if found else None


def field(source, name):
    return re.search(rf'name="{name}" value="([^"]*)"', source)[1]


@pytest.fixture
def review(deliver, sign_in):
    """Four new pickers; the newest is number 0. The list has been looked at, so that all of them are indexed."""
    people = [deliver(event(applicant={"firstName": name})).json["application"] for name in ("Dan", "Cy", "Bo", "Ann")]
    client = sign_in("recruiter")
    client.get(f"/applications?{QUEUE}")
    return Review(client, people[::-1])


def test_an_application_knows_its_place_in_the_list_it_was_opened_from(review):
    assert "2 of 4" in review.open(1).text
    assert f'/applications/{review.people[0]}?q=picker&amp;tab=new" data-step="previous"' in review.source
    assert f'/applications/{review.people[2]}?q=picker&amp;tab=new" data-step="next"' in review.source
    assert f'class="back" href="/applications?q=picker&amp;tab=new#row-{review.people[1]}"' in review.source
    assert "1 of 4" in review.open(0, query="").text


@pytest.mark.parametrize(
    ("verb", "fields", "words", "stage"),
    [
        ("stage", {"stage": "reviewed"}, "Reviewed: Bo Quill Undo", "reviewed"),
        ("stage", {"stage": "rejected", "reason": "no_answer"}, "Rejected (Unresponsive): Bo Quill Undo", "rejected"),
        ("hire", {}, "Hired: Bo Quill Undo", "hired"),
        ("hold", {}, "Held: Bo Quill Undo", "new"),
    ],
)
def test_a_decision_opens_the_next_one_with_an_undo_that_opens_the_same_again(review, app, verb, fields, words, stage):
    def stands():
        with app.app_context():
            found = db.session.scalars(select(Application).where(Application.public_id == review.people[1])).one()
            return found.stage, found.held_at is not None

    review.press(1, verb, **fields)
    assert (review.at, stands()) == (2, (stage, verb == "hold"))
    assert words in review.text
    assert review.address.endswith("?q=picker&tab=new")
    review.undo()
    assert (review.at, stands()) == (1, ("new", False))
    assert review.address.endswith("?q=picker&tab=new")


def test_the_last_decision_can_be_taken_back_from_wherever_one_has_gone_until_the_next_one(review):
    """Its name is not in the cookie: it is looked up."""
    review.press(1, "hold")
    for number in (3, 0, 3):
        assert "Held: Bo Quill Undo" in review.open(number).text
    assert "Held: " not in review.press(0, "stage", stage="rejected").open(3).text
    assert "Rejected: Ann Quill Undo" in review.text
    assert "Undo" not in review.open(0).text.partition("Undo rejection")[0]  # which is there anyhow
    review.open(3).undo()
    assert (review.at, "Undone. Ann Quill is back in New." in review.text) == (0, True)
    assert "last-decision-form" not in review.open(3).source


def test_an_undone_hold_says_so_both_ways(review):
    assert "Undone. Ann Quill is no longer held." in review.press(0, "hold").undo().text
    review.press(0, "hold", then="stay").press(0, "unhold", then="stay")
    assert "Undone. Ann Quill is held again." in review.undo().text


def test_an_undone_hire_is_not_reported(review, app):
    review.press(0, "hire").undo()
    with app.app_context():
        assert set(db.session.scalars(select(Outbound.state))) <= {State.CANCELLED, State.UNSENDABLE}
    assert "Undone. Ann Quill is back in New." in review.text


def test_an_undo_after_somebody_else_moved_them_on_changes_nothing(review, sign_in):
    review.press(0, "stage", stage="reviewed")
    Review(sign_in("hr_admin"), review.people).press(0, "stage", then="stay", stage="interview")
    review.undo()
    assert "changed this application first" in review.text
    assert 'data-stage="interview"' in review.source


def test_after_the_last_one_the_list_shows_whoever_is_left(review):
    review.press(3, "stage", stage="reviewed")
    assert review.address == "/applications?q=picker&tab=new"
    assert "That was the last one in this list." in review.text
    assert "Reviewed: Dan Quill Undo" in review.text
    assert review.source.count("<tr data-application=") == 3


def test_where_somebody_was_faster_the_list_still_comes_along(review):
    review.press(1, "stage", status=409, stage="offer", version="7")
    assert f'name="queue" value="{html.escape(QUEUE)}"' in review.source
    assert "2 of 4" in review.text


def test_without_a_wish_for_the_next_one_stays(review):
    review.press(1, "stage", then="", stage="reviewed")
    assert review.at == 1
    assert review.address.endswith("?q=picker&tab=new")
    assert 'class="flash flash-success decided"' not in review.source


def test_who_is_held_can_be_taken_up_again_once(review, app):
    review.press(0, "hold", then="stay")
    assert "Take off hold" in review.text
    review.press(0, "hold")
    assert "Already held. Nothing was changed." in review.text
    review.press(0, "unhold", then="stay")
    assert "Take off hold" not in review.text
    with app.app_context():
        assert len(db.session.scalars(select(Activity)).all()) == 2


@pytest.mark.parametrize("queue", ["tab=lost&q=%00%ff", "&".join(["answer=x"] * 30), "q=" + "%f0%9f%8d%9e" * 900])
def test_a_list_that_cannot_be_read_is_no_obstacle(review, queue):
    review.press(0, "stage", queue=queue, stage="reviewed")
    assert "Reviewed: Ann Quill" in review.text


def test_a_decision_can_be_taken_back_on_others_pages_for_five_minutes(review, monkeypatch):
    """Also where the message of it was never read, and in a page that is kept open: it says for how long."""
    now = outcome.utcnow()
    monkeypatch.setattr(outcome, "utcnow", lambda: now)
    review.press(0, "hold")
    monkeypatch.setattr(outcome, "utcnow", lambda: now + timedelta(seconds=299))
    assert "Held: Ann Quill Undo" in review.open(2).text
    assert "1" in re.findall(r'data-ends="([0-9]+)"', review.source)
    monkeypatch.setattr(outcome, "utcnow", lambda: now + timedelta(seconds=301))
    assert "Held: " not in review.open(2).text
    address = f"/applications/{review.people[0]}"
    token = field(review.source, "csrf_token")
    review.client.post(f"{address}/unhold", data={"csrf_token": token, "then": "next", "queue": QUEUE})
    monkeypatch.setattr(outcome, "utcnow", lambda: now + timedelta(seconds=700))
    assert "Taken off hold: Ann Quill" in review.open(1).text
    assert "/undo" not in review.source


@pytest.mark.parametrize("stage", [stage.value for stage in Stage])
def test_the_key_that_takes_back_is_theirs_whose_page_it_is_and_nobody_elses(review, stage):
    if stage != "new":
        review.press(1, "stage", then="stay", stage=stage)
    told = "Held: Ann Quill Undo"
    assert told in review.press(0, "hold", queue="q=picker").text
    once = review.source.count('data-key="u"')
    assert told in review.open(1, "q=picker").text
    keys = re.findall(r'data-key="([^"]+)"', review.source)
    assert sorted(keys) == sorted(set(keys))
    theirs = stage in ("hired", "rejected")
    assert ('id="undo" type="submit" data-key="u"' in review.source) == theirs
    assert once == (1 if theirs else 2)  # of which the message's is seen alone
