"""To a recruiter who is limited to some jobs or companies, a stranger's application is not there, wherever it is."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from zipfile import ZipFile

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, update
from werkzeug.test import TestResponse

from dashboard import reach
from dashboard.clock import utcnow
from dashboard.extensions import db
from dashboard.models import Application, BulkAction, Job, LoginSession, Note, Outbound, SavedView, User
from dashboard.models.outbound import Channel
from dashboard.services import accounts, morning, notes, people, tagging, teamwork
from dashboard.web.outcome import LAST
from tests.colleagues import by, do
from tests.factories import event, file_object
from tests.limiting import limit
from tests.noting import notes as is_noting
from tests.stocked_site import CANARY, Stocked, token_of
from tests.web.test_every_route import MAY
from tests.web.test_statements import MOST, NO_PAGES, counts_exports, most, statements

OWN: Final = "Oak & Iron"
HERS: Final = "Wanda"
"""Whom the limited recruiter may see."""
SAME_PHONE: Final = "512-555-0199"
"""As the stranger's, so that both look like one person's."""
NO_IDS: Final = {"filename", "token"}
"""What stands in addresses and is no id of anything of an applicant's."""


@dataclass(frozen=True, slots=True)
class Limited:
    """A stocked site, seen by a recruiter who may see one application that is not the stranger's."""

    stocked: Stocked
    client: FlaskClient
    user_id: int
    hers: str
    stranger: str
    note: str
    job: str

    @property
    def app(self) -> Flask:
        return self.stocked.app

    def post(self, address: str, **fields: Any) -> TestResponse:
        fields["csrf_token"] = token_of(self.client.get("/me").text)
        return self.client.post(address, data=fields)


@pytest.fixture
def limited(stocked: Stocked, deliver: Callable[..., Any], sign_in: Callable[..., FlaskClient]) -> Limited:
    """Everything that may lead to the stranger does: the same person, a note, an assignment, a tag, a decision."""
    job = {"originalJobReference": "OI-7", "title": "Welder", "company": OWN, "city": "Waco", "state": "TX"}
    resume = file_object(b"I weld.", "cv.txt")
    applicant = {"firstName": HERS, "phone": SAME_PHONE, "emailAddress": "wanda@example.com", "resume": resume}
    click = "5f0c2c2e-7a4b-4f67-9d37-1d2b6a0e4c55"  # as the stranger's
    hers = deliver(event(job=job, applicant=applicant, tlrSid=click)).json["application"]
    client, stranger = sign_in("recruiter"), stocked.ids["applications"]
    client.get(f"/applications/{stranger}")
    with stocked.app.app_context():
        session = db.session()
        user = session.scalars(select(User).where(User.email == "recruiter@example.com")).one()
        admin = session.scalars(select(User).where(User.role == "hr_admin")).one()
        both = {one.public_id: one.id for one in session.scalars(select(Application).where(Application.completed))}
        session.commit()
        do(session, people.link, both[hers], both[stranger], by(admin))
        do(session, teamwork.assign, both.values(), user.id, by(admin, utcnow()))
        do(session, tagging.tag, [both[stranger]], f"Tag{CANARY}", by(admin))
        do(session, notes.write, [both[stranger]], f"@recruiter, {CANARY}?", by(admin))
        limit(session, user, companies=[OWN])
        # A name of a view is a colleague's, not an applicant's.
        session.execute(update(SavedView).values(owner_id=admin.id, name="Hired", key="hired", query="stage=hired"))
        session.execute(update(BulkAction).values(user_id=user.id))
        note = session.scalars(select(Note.public_id)).one()
        job_id = session.scalars(select(Job.public_id).where(Job.reference == "SRMC-RN-09")).one()
        session.commit()
        return Limited(stocked, client, user.id, hers, stranger, note, job_id)


def routes_with_an_id(limited: Limited, method: str) -> Iterator[tuple[str, str]]:
    """Endpoints and addresses that name something of the stranger's."""
    adapter = limited.app.url_map.bind("localhost")
    for rule in limited.app.url_map.iter_rules():
        if method in (rule.methods or ()) and rule.arguments - NO_IDS:
            blueprint = rule.endpoint.partition(".")[0]
            values = {name: limited.stocked.ids.get(blueprint, "none") for name in rule.arguments}
            values |= {"note_id": limited.note} if "note_id" in rule.arguments else {}
            yield rule.endpoint, adapter.build(rule.endpoint, values)


OF_ONESELF: Final = {"bulk.show", "bulk.undo", "me.end_session"}
"""What one did to many stays one's own: it tells how many, and names nobody. So do one's own sessions."""

OF_NOBODY: Final = {"privacy.erased"}
"""An erasure has an id of its own, and nothing of whom it was about."""


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_whatever_is_a_strangers_is_not_there(limited: Limited, method: str):
    token, asked = token_of(limited.client.get("/me").text), 0
    for endpoint, address in routes_with_an_id(limited, method):
        if endpoint in OF_ONESELF:
            continue
        data = {"csrf_token": token} if method == "POST" else None
        answer = limited.client.open(address, method=method, data=data)
        may = "recruiter" in (MAY.get(endpoint) or MAY[endpoint.partition(".")[0]])
        assert answer.status_code == (404 if may else 403), address
        asked += may
    assert asked >= (8 if method == "GET" else 20)


def test_the_same_addresses_are_there_for_whoever_is_not_limited(limited: Limited, sign_in: Callable[..., Any]):
    """Or the test before would find everything missing."""
    client = sign_in("hr_admin")
    for endpoint, address in routes_with_an_id(limited, "GET"):
        if endpoint not in OF_ONESELF | OF_NOBODY:
            assert client.get(address).status_code == 200, address


QUERIES: Final = (
    "sort=oldest",
    "sort=name",
    "job=SRMC-RN-09",
    "job=Registered+Nurse+–+Medical/Surgical",
    "company=Summit+Ridge+Medical+Center",
    "tab=hired",
    "tab=mine",
    "stage=hired",
    "assigned=me",
    "q=nurse",
    "q=picker",
    "q=5550199",
    "q=5550199&sort=name",
    "state=TX",
    "qualified=yes",
    "resume=yes",
    "from=2020-01-01",
)


def test_nothing_of_a_stranger_stands_on_any_page_or_table(limited: Limited):
    hers = f"/applications/{limited.hers}"
    addresses = {address for _, address in [*limited.stocked.addresses(), *limited.stocked.pages()]}
    addresses |= {
        hers,
        f"{hers}/outcome",
        f"/people/{limited.hers}",
        "/applications/filters?state=TX",
        "/views/bar?q=x",
    }
    queries = (*QUERIES, f"job={limited.job}")
    lists = {f"{one}?{query}" for one in ("/applications", "/applications.csv") for query in queries}
    lists |= {f"{hers}?{query}" for query in queries[::3]}
    lists |= {f"/{one}?{query}" for one in ("conversions", "dispositions") for query in ("job=SRMC-RN-09", queries[-1])}
    opened = 0
    for address in sorted(addresses | lists):
        for accept in ("text/html", "text/csv") if address in addresses else ("text/html",):
            answer = limited.client.get(address, headers={"Accept": accept})
            opened += answer.status_code == 200
            assert_no_stranger(answer, limited, address)
    assert opened > 60


def assert_no_stranger(answer: TestResponse, limited: Limited, address: str) -> None:
    text = answer.text.lower()
    assert CANARY.lower() not in text, address
    asked = address.partition("?")[2]
    for known in ("Summit Ridge", "Registered Nurse", "SRMC-RN-09", limited.stranger, limited.job):
        # What the address asks for, a page may say back.
        if known.replace(" ", "+") not in asked and limited.stranger not in address:
            assert known.lower() not in text, f"{known} at {address}"


def test_the_same_pages_show_the_stranger_to_whoever_is_not_limited(limited: Limited, sign_in: Callable[..., Any]):
    client = sign_in("hr_admin")
    shown = ("/applications", "/applications.csv", "/applications/filters", f"/people/{limited.hers}", "/conversions")
    for address in (*shown, f"/applications/{limited.hers}", "/conversions.csv"):
        assert CANARY in client.get(address).text, address
    assert "SRMC" in client.get("/applications?job=SRMC-RN-09").text


def test_lists_tabs_and_totals_count_what_is_seen(limited: Limited):
    page = limited.client.get("/applications").text
    assert page.count("data-application=") == 1
    assert f'data-application="{limited.hers}"' in page
    assert 'data-total="1"' in page
    tabs = dict(re.findall(r'>([\w ]+) <span class="tab-count">([\d,+]+)</span>', page))
    assert tabs == {"All": "1", "New": "1", "Mine": "1", "In progress": "0", "Hired": "0", "Rejected": "0", "Held": "0"}
    bar = limited.client.get("/views/bar").text
    assert re.search(r'>Hired</bdi><span class="view-count">0</span>', bar), bar
    beside = limited.client.get(f"/applications/{limited.hers}").text
    assert "<b>1</b> of 1" in beside, "the list beside it"


def test_what_is_done_to_all_that_match_is_done_to_those_seen(limited: Limited):
    for fields in ({"all": "1", "queue": ""}, {"application": [limited.stranger, limited.hers]}):
        page = limited.post("/applications/bulk", do="rate:4", **fields)
        assert page.status_code == 200
        assert_no_stranger(page, limited, "/applications/bulk")
        assert "1 application will be changed" in page.text
    limited.post("/applications/bulk/do", do="rate:4", application=[limited.stranger, limited.hers], token="t")
    with limited.app.app_context():
        rated = dict(db.session.execute(select(Application.public_id, Application.rating)).all())
        assert (rated[limited.hers], rated[limited.stranger]) == (4, 3)
    nobody = limited.post("/applications/bulk", do="rate:4", application=limited.stranger)
    assert "1 application cannot be found any more" in nobody.text


def test_downloads_hold_only_those_seen(limited: Limited):
    for fields in ({"all": "1", "queue": ""}, {"application": [limited.stranger, limited.hers]}):
        archive = ZipFile(io.BytesIO(limited.post("/applications/bulk/files", **fields).data))
        assert [name for name in archive.namelist() if "Wanda" in name]
        for name in archive.namelist():
            assert CANARY.lower().encode() not in (name.encode() + archive.read(name)).lower(), name
    table = limited.post("/applications/bulk/csv", application=[limited.stranger, limited.hers])
    assert HERS in table.text
    assert_no_stranger(table, limited, "/applications/bulk/csv")
    only = limited.post("/applications/bulk/csv", application=limited.stranger)
    assert only.status_code == 302, "nobody is selected"


def test_what_one_did_to_a_stranger_before_names_and_changes_them_no_more(limited: Limited):
    mine = limited.stocked.ids["bulk"]
    assert_no_stranger(limited.client.get(f"/applications/bulk/{mine}"), limited, "bulk.show")
    limited.post(f"/applications/bulk/{mine}/undo")
    told = limited.client.get(f"/applications/bulk/{mine}")
    assert "You may not see it any more" in told.text
    assert_no_stranger(told, limited, "bulk.show")
    with limited.app.app_context():
        rating = db.session.scalar(select(Application.rating).where(Application.public_id == limited.stranger))
        assert rating == 3, "as it was"


def test_a_last_decision_about_a_stranger_is_not_told(limited: Limited, sign_in: Callable[..., FlaskClient]):
    with limited.client.session_transaction() as session:
        session[LAST] = [limited.stranger, 1, "stage", "Moved to Hired", int(utcnow().timestamp())]
    assert_no_stranger(limited.client.get(f"/applications/{limited.hers}"), limited, "last decision")


def test_a_mention_on_a_strangers_application_is_neither_shown_nor_counted(limited: Limited):
    with limited.app.app_context():
        session = db.session()
        colleague = accounts.add_user(session, "colleague@example.com", "long enough for it", "recruiter", now=utcnow())
        session.commit()
        limit(session, colleague, companies=["Summit Ridge Medical Center"])  # who sees what the user does not
    page = limited.client.get("/mentions").text
    assert CANARY not in page
    assert "note names you" not in page
    with limited.app.app_context():
        session = db.session()
        admin = session.scalars(select(User).where(User.role == "hr_admin")).one()
        own = session.scalars(select(Application.id).where(Application.public_id == limited.hers)).one()
        do(session, notes.write, [own], "@recruiter, look", by(admin))
    assert "1 note names you" in limited.client.get("/mentions").text


def test_whoever_may_not_see_an_application_is_not_told_of_it_nor_given_it(
    limited: Limited, sign_in: Callable[..., FlaskClient]
):
    client = sign_in("hr_admin")
    page = client.get(f"/applications/{limited.stranger}").text
    token = token_of(page)
    with limited.app.app_context():
        user = db.session.get_one(User, limited.user_id)
        public_id, email = user.public_id, user.email
        db.session.execute(update(Application).values(assigned_to_id=None))
        db.session.commit()
    offered = re.findall(r'<option value="([\w-]+)"', client.get(f"/applications/{limited.stranger}").text)
    assert public_id not in offered
    assert public_id in client.get(f"/applications/{limited.hers}").text
    noted = {"csrf_token": token, "body": "@recruiter, what do you think?", "token": "a-note"}
    told = client.post(f"/applications/{limited.stranger}/notes", data=noted, follow_redirects=True)
    assert f"Not told, because they may not see this application: {email}" in told.text
    given = client.post(f"/applications/{limited.stranger}/assign", data={"csrf_token": token, "assigned": public_id})
    assert given.status_code == 400
    assert f"{email} may see only other jobs or companies" in given.text
    both = {"csrf_token": token, "do": f"assign:{public_id}", "token": "x"}
    both["application"] = [limited.stranger, limited.hers]  # type: ignore[assignment]
    done = client.post("/applications/bulk/do", data=both, follow_redirects=True)
    assert f"{email} may not see it" in done.text
    with limited.app.app_context():
        found = dict(db.session.execute(select(Application.public_id, Application.assigned_to_id)).all())
        assert (found[limited.stranger], found[limited.hers]) == (None, limited.user_id)


def test_the_ledger_its_sums_its_badge_and_its_retries_are_of_those_seen(limited: Limited):
    with limited.app.app_context():
        db.session.execute(update(Outbound).where(Outbound.channel == Channel.CONVERSION).values(state="parked"))
        db.session.commit()
    page = limited.client.get("/conversions")
    assert "data-conversion" not in page.text
    assert "need attention" not in page.text
    assert "0 hires = 0 sent" in page.text
    assert limited.client.get("/conversions.csv").text.count("\n") == 1
    limited.post("/conversions/retry")
    with limited.app.app_context():
        conversion = select(Outbound.state).where(Outbound.channel == Channel.CONVERSION)
        assert set(db.session.scalars(conversion)) == {"parked"}


def test_who_belongs_together_is_worked_out_among_those_seen(limited: Limited):
    page = limited.client.get(f"/people/{limited.hers}")
    assert page.status_code == 200
    for other in (limited.stranger, f"http://localhost/applications/{limited.stranger}"):
        for verb in ("same", "different"):
            answer = limited.post(f"/people/{limited.hers}/{verb}", other=other)
            assert answer.status_code == 302
            assert "No application is found by that" in limited.client.get(f"/people/{limited.hers}").text
    limited.post(f"/people/{limited.hers}/take-back", one=limited.hers, other=limited.stranger)
    with limited.app.app_context():
        stranger = db.session.scalars(select(Application).where(Application.public_id == limited.stranger)).one()
        assert len(people.person(db.session(), stranger, reach.EVERYTHING).said) == 1, "still said"


def test_the_morning_mail_tells_of_those_seen(limited: Limited):
    with limited.app.app_context():
        session = db.session()
        user = session.get_one(User, limited.user_id)
        # Assigned before they were limited.
        session.execute(update(Application).values(assigned_to_id=user.id, stage="new"))
        session.commit()
        since = utcnow() - timedelta(days=1)
        told = morning.mail(session, user, since=since, public_url="https://jobs.example.com")
        assert told is not None
        assert told.subject == "Talroo dashboard: 1 new application, 1 assigned to you"
        for known in (CANARY, limited.stranger, "Nurse", "Summit"):
            assert known not in told.text
        user.is_limited = False
        whole = morning.mail(session, user, since=since, public_url="https://jobs.example.com")
        assert whole is not None
        assert limited.stranger in whole.text


def test_whoever_is_limited_to_nothing_yet_sees_nobody_and_is_told_why(limited: Limited):
    set_scope(limited, companies=[])
    page = limited.client.get("/applications")
    assert "data-application" not in page.text
    assert "Nothing is shared with you yet" in page.text
    assert limited.client.get(f"/applications/{limited.hers}").status_code == 404
    assert HERS not in limited.client.get("/applications.csv").text
    assert "postUrl" not in page.text


def test_a_change_holds_from_the_next_request_on(limited: Limited):
    for companies in ([OWN, "Summit Ridge Medical Center"], [OWN], ["Summit Ridge Medical Center"]):
        set_scope(limited, companies=companies)
        expected = 200 if "Summit Ridge Medical Center" in companies else 404
        assert limited.client.get(f"/applications/{limited.stranger}").status_code == expected
        shown = {"Summit Ridge Medical Center": CANARY, OWN: HERS}
        page = limited.client.get("/applications").text
        assert [company for company, name in shown.items() if name in page] == [
            company for company in shown if company in companies
        ]


def test_whoever_becomes_an_administrator_is_limited_no_more(limited: Limited):
    with limited.app.app_context():
        db.session.execute(update(User).where(User.id == limited.user_id).values(role="hr_admin"))
        db.session.commit()
    assert limited.client.get(f"/applications/{limited.stranger}").status_code == 200


MORE_FOR_THEM: Final = {
    "conversions.index": MOST
    + 1,  # of others, what the navigation counts comes with who asks; of them, once that is known
}


def test_no_page_of_a_limited_recruiter_takes_more_statements_than_it_may(limited: Limited):
    wrong = []
    own = [("applications.show", f"/applications/{limited.hers}"), ("people.show", f"/people/{limited.hers}")]
    for endpoint, address in [*limited.stocked.addresses(), *limited.stocked.pages(), *own]:
        if endpoint in NO_PAGES:
            continue
        limited.client.get(address)
        with statements(limited.app) as sent:
            limited.client.get(address)
        sent = [one for one in sent if not is_noting(one) and not counts_exports(one)]
        if len(sent) > MORE_FOR_THEM.get(endpoint, most(endpoint)):
            wrong.append(f"{address}: {len(sent)}\n  " + "\n  ".join(" ".join(one.split()) for one in sent))
    assert not wrong, "\n".join(wrong)


def set_scope(limited: Limited, *, companies: list[str]) -> None:
    with limited.app.app_context():
        limit(db.session(), db.session.get_one(User, limited.user_id), companies=companies)


def test_a_user_of_no_session_sees_nobody(limited: Limited):
    """What is known of a user before they are asked for again sees nobody, rather than everybody."""
    from dashboard.web.security import SignedIn

    with limited.app.app_context():
        user = db.session.get_one(User, limited.user_id)
        assert SignedIn(user, "token").reach == reach.NOBODY
        token = accounts.sign_in(db.session(), user, address="", user_agent="", now=utcnow())
        found = accounts.signed_in(db.session(), token, now=utcnow())
        assert found is not None
        assert found[0].reach == reach.of(db.session(), user)
        assert db.session.query(LoginSession).count() > 0
