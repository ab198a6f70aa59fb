"""The inbox and one application, as a recruiter reads them."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from bs4 import BeautifulSoup
from sqlalchemy import event as sqlalchemy_event
from sqlalchemy import select, update

from dashboard import search
from dashboard.clock import utcnow
from dashboard.extensions import db
from dashboard.models import Application
from tests.application import signed_in_client
from tests.factories import event, file_object, payload


@pytest.fixture
def recruiter(sign_in):
    return sign_in("recruiter")


@pytest.fixture
def arrive(app, deliver):
    """`arrive(first name, minutes ago, **event)` → the application's public id."""

    def make(first_name="Ada", minutes=0, **fields):
        applicant = {"firstName": first_name, **fields.pop("applicant", {})}
        made = deliver(event(applicant=applicant, **fields)).json["application"]
        with app.app_context():
            at = utcnow() - timedelta(minutes=minutes)
            db.session.execute(update(Application).where(Application.public_id == made).values(arrived_at=at))
            db.session.commit()
        return made

    return make


def change(app, public_id, **values):
    with app.app_context():
        changed = update(Application).where(Application.public_id == public_id)
        db.session.execute(changed.values(unindexed=search.mark(), **values))
        db.session.commit()


def ids(html: str) -> list[str]:
    return [row["data-application"] for row in BeautifulSoup(html, "html.parser").select("tr[data-application]")]


def listed(client, query: str = "") -> list[str]:
    answer = client.get(f"/applications{query}")
    assert answer.status_code == 200
    return ids(answer.text)


def main_of(html: str):
    return BeautifulSoup(html, "html.parser").main


def next_of(html: str) -> str | None:
    found = BeautifulSoup(html, "html.parser").select_one('a[rel~="next"]')
    return str(found["href"]) if found else None


# --- the list -----------------------------------------------------------------------------------------------------


def test_the_newest_arrival_comes_first_and_the_total_is_told(recruiter, arrive):
    made = [arrive("Old", 30), arrive("Middle", 10), arrive("New", 1)]
    page = recruiter.get("/applications").text
    assert ids(page) == made[::-1]
    assert main_of(page)["data-total"] == "3"


def test_who_finishes_stands_on_top_of_those_who_came_meanwhile(recruiter, deliver):
    deliver(event(kind="started:v1", application_id="slow"))
    quick = deliver(event()).json["application"]
    assert listed(recruiter) == [quick]
    slow = deliver(event(application_id="slow", created_at="2026-11-19T00:00:00Z")).json["application"]
    assert listed(recruiter) == [slow, quick]
    deliver(event(application_id="slow", created_at="2026-11-20T00:00:00Z"))
    newest = deliver(event()).json["application"]
    assert listed(recruiter) == [newest, slow, quick]


def test_a_row_says_who_which_job_where_and_why_not_qualified(recruiter, deliver):
    deliver(payload("unqualified"))
    row = BeautifulSoup(recruiter.get("/applications").text, "html.parser").select_one("tr[data-application]")
    with_words = " ".join(row.get_text(" ").split())
    assert "Not qualified" in with_words
    assert "New" in with_words
    assert row.find("bdi")


@pytest.fixture
def crowd(app):
    """`crowd(n)` puts `n` applications into the database at once; some arrived in the same moment."""

    def make(count, first=0):
        with app.app_context():
            now = utcnow()
            for number in range(first, first + count):
                at = now - timedelta(minutes=500) + timedelta(minutes=number // 3)
                db.session.add(
                    Application(
                        talroo_id=f"crowd-{number}",
                        applied_at=at,
                        arrived_at=at,
                        last_name=f"{number}",
                        inbox_no=number + 1,
                        unindexed=1,
                    )
                )
            db.session.commit()

    return make


def test_pages_hold_fifty_and_follow_each_other_without_gap_or_repeat(app, recruiter, crowd):
    crowd(123)
    seen, address = [], "/applications"
    sizes = []
    while address:
        page = recruiter.get(address).text
        sizes.append(len(ids(page)))
        seen += ids(page)
        address = next_of(page)
        crowd(7, first=1_000 * len(sizes))  # new ones come in meanwhile
        assert len(sizes) < 10
    with app.app_context():
        expected = db.session.scalars(
            select(Application.public_id)
            .where(Application.talroo_id.in_([f"crowd-{n}" for n in range(123)]))
            .order_by(Application.arrived_at.desc(), Application.id.desc())
        ).all()
    assert seen == list(expected)
    assert sizes == [50, 50, 23]


def test_a_cursor_that_is_none_shows_the_first_page(recruiter, arrive):
    made = arrive()
    for cursor in ("x", "%00", "A" * 22, "-" * 22, "%F0%9F%98%80", "AAAAAAAAAAAAAAAAAAAAAA==", "7" * 5_000):
        assert listed(recruiter, f"?after={cursor}") in ([made], []), cursor


def test_a_large_total_is_not_counted_to_the_end(recruiter, crowd):
    crowd(1_001)
    page = recruiter.get("/applications").text
    assert "data-total" not in main_of(page).attrs
    assert "1,000+ applications" in page


def test_the_number_of_questions_to_the_database_does_not_grow_with_the_rows(app, recruiter, deliver):
    asked = []

    def count_for(address):
        asked.clear()
        with app.app_context():
            sqlalchemy_event.listen(db.engine, "before_cursor_execute", note)
        recruiter.get(address)
        with app.app_context():
            sqlalchemy_event.remove(db.engine, "before_cursor_execute", note)
        return len(asked)

    def note(_connection, _cursor, statement, *_):
        if not statement.startswith("BEGIN"):
            asked.append(statement)

    def add(count):
        for _ in range(count):
            deliver(event(applicant={"resume": file_object(b"hello", "a.txt")}, job={"title": f"Job {len(asked)}"}))

    add(3)
    # What there is to choose from is looked up where something was added; otherwise it is known.
    few, known, few_csv = count_for("/applications"), count_for("/applications"), count_for("/applications.csv")
    assert (few, known) == (4, 3)
    add(20)
    assert count_for("/applications?stage=new&q=ada&qualified=") == 14  # twenty wait for the index
    for query in ("", "?stage=new&q=ada", "?sort=oldest&resume=yes"):
        assert count_for(f"/applications{query}") == known, query
    assert count_for("/applications?sort=name") == known + 1
    assert count_for("/applications.csv") == few_csv


# --- filters ------------------------------------------------------------------------------------------------------


@pytest.fixture
def various(app, arrive):
    """Four applications, named by what sets each apart."""
    made = {
        "plain": arrive("Plain", 4, applicationTime="2026-03-10T12:00:00Z", qualified=True),
        "hired": arrive("Hired", 3, applicationTime="2026-03-11T12:00:00Z", qualified=True),
        "other job": arrive(
            "Other",
            2,
            job={"originalJobReference": "DR/2 x", "title": "Driver"},
            qualified=True,
            applicationTime="2026-03-12T12:00:00Z",
        ),
        "unfit": arrive("Unfit", 1, qualified=False, applicationTime="2026-03-13T12:00:00Z"),
    }
    change(app, made["hired"], stage="hired")
    return made


FILTERED = (
    ("stage=hired", ["hired"]),
    ("stage=new", ["unfit", "other job", "plain"]),
    ("job=DR/2+x", ["other job"]),
    ("job=Driver", ["other job"]),
    ("job=nothing", []),
    ("qualified=yes", ["other job", "hired", "plain"]),
    ("qualified=no", ["unfit"]),
    ("from=2026-03-11", ["unfit", "other job", "hired"]),
    ("to=2026-03-11", ["hired", "plain"]),
    ("from=2026-03-11&to=2026-03-12", ["other job", "hired"]),
    ("from=2026-03-13&to=2026-03-10", []),
    ("q=unfit", ["unfit"]),
    ("q=quill&stage=new&qualified=yes&job=WH-1&from=2026-03-10&to=2026-03-10", ["plain"]),
    ("stage=&job=&qualified=&from=&to=&q=", ["unfit", "other job", "hired", "plain"]),
    ("stage=fired", ["unfit", "other job", "hired", "plain"]),
    ("qualified=maybe&from=yesterday&to=2026-13-40", ["unfit", "other job", "hired", "plain"]),
    ("job=%00&q=%00", ["unfit", "other job", "hired", "plain"]),
)


def test_filters_narrow_alone_and_together_and_the_table_holds_the_same(recruiter, various):
    # One test for all: each would make its own database.
    for query, expected in FILTERED:
        page = recruiter.get(f"/applications?{query}").text
        wanted = [various[name] for name in expected]
        assert ids(page) == wanted, query
        assert main_of(page)["data-total"] == str(len(expected)), query
        csv = recruiter.get(f"/applications.csv?{query}").text
        assert re.findall(r"/applications/([\w-]{22})", csv) == wanted, query
        assert recruiter.get(f"/applications?{query}", headers={"Accept": "text/csv"}).text == csv, query


def test_a_filter_that_cannot_be_read_is_named(recruiter, various):
    page = recruiter.get("/applications?stage=fired&from=31.1.2026").text
    assert "The filter “stage” has an unknown value" in page
    assert "“31.1.2026” isn’t a valid date" in page
    assert "fired" not in page, "what was typed by mistake need not be shown again"
    recruiter.get("/applications.csv?stage=fired")
    assert "unknown value" not in recruiter.get("/applications").text, "a table has no place for messages"


def test_days_are_the_viewers_days(recruiter, arrive):
    made = arrive(applicationTime="2026-03-11T03:00:00Z")  # the evening before, in Chicago
    recruiter.set_cookie("tz", "America/Chicago")
    assert listed(recruiter, "?from=2026-03-10&to=2026-03-10") == [made]
    recruiter.set_cookie("tz", "UTC")
    assert listed(recruiter, "?from=2026-03-10&to=2026-03-10") == []


def test_the_link_to_the_next_page_keeps_the_filters(recruiter, crowd):
    crowd(60)
    page = recruiter.get("/applications?stage=new&from=2020-01-01").text
    following = next_of(page)
    assert "stage=new" in following
    assert "from=2020-01-01" in following
    assert len(listed(recruiter, following.removeprefix("/applications"))) == 10


# --- nothing yet --------------------------------------------------------------------------------------------------


def test_an_empty_inbox_says_which_address_goes_into_the_feed(make_app, sqlite_url):
    client = signed_in_client(make_app(sqlite_url, public_url="http://jobs.example.com"), "recruiter")
    page = client.get("/applications").text
    expected = "&lt;postUrl&gt;&lt;![CDATA[http://jobs.example.com/talroo/applications]]&gt;&lt;/postUrl&gt;"
    assert expected in page
    assert main_of(page)["data-total"] == "0"
    assert "sandbox" not in page.lower()


def test_an_empty_inbox_of_the_sandbox_says_where_to_look(make_app, sqlite_url):
    client = signed_in_client(make_app(sqlite_url, dashboard_sandbox_url="http://127.0.0.1:8001"), "recruiter")
    page = client.get("/applications").text
    assert "http://127.0.0.1:8001" in page
    assert "You are in the sandbox" in page


def test_filters_that_match_nothing_are_told_apart_from_an_empty_inbox(recruiter, arrive):
    arrive()
    page = recruiter.get("/applications?q=nobody").text
    assert "Nothing matches" in page
    assert "postUrl" not in page


# --- the incomplete -----------------------------------------------------------------------------------------------


def test_the_incomplete_show_nowhere_among_the_applications(recruiter, deliver, sign_in):
    same = {"firstName": "Ada", "emailAddress": "same@example.com", "resume": file_object(b"hidden", "hidden.txt")}
    begun = deliver(event(kind="started:v1", applicant=same)).json["application"]
    done = deliver(event(applicant={**same, "resume": None})).json["application"]
    assert listed(recruiter) == [done]
    assert listed(recruiter, "?q=same") == [done]
    assert begun not in recruiter.get("/applications.csv").text
    assert begun not in recruiter.get(f"/applications/{done}").text
    assert recruiter.get(f"/applications/{begun}").status_code == 404
    assert "other application" not in recruiter.get("/applications").text
    assert ids(sign_in("hr_admin").get("/incomplete").text) == [begun]


# --- one application ----------------------------------------------------------------------------------------------


def test_the_page_carries_the_marks_scripts_rely_on(recruiter, deliver):
    found = deliver(payload("complete")).json["application"]
    page = BeautifulSoup(recruiter.get(f"/applications/{found}").text, "html.parser")
    assert page.main["data-stage"] == "new"
    states = {str(tag["data-state"]) for tag in page.select("[data-question]")}
    assert states == {"answered", "empty", "not-shown"}
    assert page.select("a[data-file]")
    for file in page.select("a[data-file]"):
        assert file["data-verdict"] == "ok"
        assert file["href"] == f"/files/{file['data-file']}"
    nested = page.select("[data-question] [data-question]")
    assert nested


@pytest.mark.parametrize(
    ("change_file", "verdict"),
    [
        ({}, "ok"),
        ({"contentSha256": "0" * 64}, "mismatch"),
        ({"data": "%%% no base64"}, "unreadable"),
        ({"data": None}, "unreadable"),
    ],
)
def test_each_file_carries_its_verdict(recruiter, deliver, change_file, verdict):
    resume = file_object(b"I picked and packed.", "r.txt", **change_file)
    found = deliver(event(applicant={"resume": resume})).json["application"]
    page = BeautifulSoup(recruiter.get(f"/applications/{found}").text, "html.parser")
    assert [tag["data-verdict"] for tag in page.select("[data-file]")] == [verdict]


def test_the_same_persons_other_applications_are_listed(recruiter, deliver):
    first, second, _ = (
        deliver(event(applicant={"emailAddress": email})).json["application"]
        for email in ("a@example.com", "A@Example.com ", "b@example.com")
    )
    others = main_of(recruiter.get(f"/applications/{first}").text).select(".part-others [data-application]")
    assert [one["data-application"] for one in others] == [second]
    assert "+1 other application" in recruiter.get("/applications").text


@pytest.mark.parametrize(("role", "leads"), [("recruiter", False), ("hr_admin", True)])
def test_the_history_leads_those_who_follow_up_to_the_earlier_attempt(sign_in, deliver, role, leads):
    begun = deliver(event(kind="started:v1")).json["application"]
    finished = deliver(event()).json["application"]
    history = main_of(sign_in(role).get(f"/applications/{finished}").text).select_one(".part-timeline")
    assert "Had started earlier and came back (matched by the same" in history.text
    assert [link["href"] for link in history.select("a")] == ([f"/incomplete/{begun}"] if leads else [])


def test_contact_is_one_click_away_and_everything_is_escaped(recruiter, deliver):
    evil = "<script>alert(1)</script>"
    applicant = {"firstName": evil, "lastName": '"&', "phone": "512 555 0142", "address": evil, "city": evil}
    found = deliver(event(applicant=applicant, job={"title": evil}, redirectUrl="javascript:alert(1)")).json
    for address in ("/applications", f"/applications/{found['application']}"):
        page = recruiter.get(address).text
        assert evil not in page
        assert 'href="javascript:' not in page
    assert 'href="tel:+15125550142"' in page
    assert 'href="mailto:ada@example.com"' in page
