"""What is noted when people look, download, decide and set; and the page that shows it."""

from __future__ import annotations

import csv
import io
import json
import re
from datetime import timedelta

import pytest
from bs4 import BeautifulSoup
from sqlalchemy import select, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import joinedload

from config import ROOT
from dashboard import audit_list
from dashboard.audit_actions import Action
from dashboard.clock import utcnow
from dashboard.database import start_writing
from dashboard.extensions import db
from dashboard.models import Attachment, AuditEntry, Delivery, Note, User
from dashboard.services import audit
from dashboard.services.audit import Subject
from dashboard.web.noting import AHEAD
from tests.application import MakeApp, signed_in_client
from tests.factories import event, file_object
from tests.stocked_site import CANARY, token_of


@pytest.fixture
def recruiter(sign_in):
    return sign_in("recruiter")


@pytest.fixture
def arrived(deliver) -> str:
    """The id of an application with a picture of a résumé."""
    resume = file_object(b"\x89PNG\r\n\x1a\n" + b"0" * 50, "cv.png")
    return deliver(event(applicant={"firstName": "Ada", "resume": resume})).json["application"]


@pytest.fixture
def disk_full(monkeypatch) -> None:
    """No look can be noted any more."""

    def refuse(*_: object) -> None:
        raise OperationalError("BEGIN IMMEDIATE", {}, Exception("database or disk is full"))

    monkeypatch.setattr("dashboard.web.noting.writing", refuse)


def noted(app) -> list[tuple[str, str | None, dict[str, object]]]:
    """Action, subject and details of every entry, oldest first."""
    with app.app_context():
        entries = db.session.scalars(select(AuditEntry).order_by(AuditEntry.number)).all()
        return [(one.action, one.subject_id, json.loads(one.details)) for one in entries]


def post(client, path: str, **fields):
    return client.post(path, data={"csrf_token": token_of(client.get("/applications").text), **fields})


def file_of(app) -> str:
    with app.app_context():
        return db.session.scalars(select(Attachment.public_id)).one()


# --- what is noted ------------------------------------------------------------------------------------------------


def test_who_opens_an_application_is_noted_with_from_where_and_in_which_request(app, recruiter, arrived):
    answer = recruiter.get(f"/applications/{arrived}")
    assert answer.status_code == 200
    with app.app_context():
        entry = db.session.scalars(select(AuditEntry).options(joinedload(AuditEntry.actor))).one()
        assert (entry.action, entry.subject_kind, entry.subject_id) == ("application_viewed", "application", arrived)
        assert (entry.actor.email, entry.remote_addr, entry.details) == ("recruiter@example.com", "127.0.0.1", "{}")


def test_every_look_is_noted_and_a_list_is_none(app, recruiter, arrived):
    for path in (f"/applications/{arrived}", "/applications", f"/applications/{arrived}", f"/people/{arrived}"):
        assert recruiter.get(path).status_code == 200
    seen = ("application_viewed", arrived, {})
    assert noted(app) == [seen, seen, ("application_viewed", arrived, {"page": "person"})]


def test_what_was_not_shown_is_not_noted(app, recruiter, arrived, client):
    for path in ("/applications/none", "/incomplete/none", f"/incomplete/{arrived}", "/files/none"):
        recruiter.get(path)
    client.get(f"/applications/{arrived}")
    assert noted(app) == []


def test_a_page_fetched_ahead_is_told_from_one_that_is_shown(app, recruiter, arrived):
    recruiter.get(f"/applications/{arrived}", headers={AHEAD: "1"})
    assert noted(app) == [("application_viewed", arrived, {"ahead": 1})]
    for _ in range(3):
        assert post(recruiter, f"/applications/{arrived}/looking").status_code == 200
    assert noted(app)[1:] == [("application_viewed", arrived, {"from_memory": 1})]


def test_the_page_in_memory_is_fetched_with_the_header_that_says_so():
    assert f'"{AHEAD}"' in (ROOT / "static/js/review.js").read_text()


def test_that_somebody_else_fetched_it_ahead_says_nothing_of_the_reader(app, recruiter, sign_in, arrived):
    recruiter.get(f"/applications/{arrived}")
    sign_in("hr_admin").get(f"/applications/{arrived}", headers={AHEAD: "1"})
    post(recruiter, f"/applications/{arrived}/looking")
    assert [details for *_, details in noted(app)] == [{}, {"ahead": 1}]


REFUSED = {
    "a stage that there is not": ("applications/{}/stage", 400, {"stage": "x"}),
    "a stage chosen on an old page": ("applications/{}/stage", 409, {"stage": "offer", "version": "7"}),
    "a rating that there is not": ("applications/{}/rating", 400, {"rating": "9"}),
    "a note of nothing": ("applications/{}/notes", 400, {"body": " "}),
    "a note changed on an old page": ("applications/{}/notes/{note}", 409, {"body": "b", "edits": "7"}),
    "erasing without a reason": ("privacy/people/{}/erase", 400, {"sure": "1"}),
    "erasing who is held": ("privacy/people/{}/erase", 409, {"sure": "1", "reason": "asked"}),
    "holding without a reason": ("privacy/people/{}/keep", 400, {"do": "hold"}),
}


@pytest.fixture
def refused(app, sign_in, arrived, request):
    """Sends one of the forms in `REFUSED`; returns its answer, with which status that should come, and what is noted
    of the look besides."""
    address, status, fields = REFUSED[request.param]
    is_privacy = address.startswith("privacy")
    client = sign_in("hr_admin" if is_privacy else "recruiter")
    note = _note_of(app, client, arrived) if "{note}" in address else ""
    if fields.get("reason"):
        post(client, f"/privacy/people/{arrived}/keep", application=arrived, do="hold", words="a claim")
    answer = post(client, "/" + address.format(arrived, note=note), application=arrived, **fields)
    return answer, status, {"page": "privacy"} if is_privacy else {}


def _note_of(app, client, arrived: str) -> str:
    post(client, f"/applications/{arrived}/notes", body="a", token="t" * 20)
    with app.app_context():
        return db.session.scalars(select(Note.public_id)).one()


def looks(app) -> list[tuple[str | None, dict[str, object]]]:
    return [(subject, details) for action, subject, details in noted(app) if action == "application_viewed"]


@pytest.mark.parametrize("refused", REFUSED, indirect=True)
def test_a_refused_form_shows_the_page_and_so_is_a_look(app, refused, arrived):
    answer, status, details = refused
    assert answer.status_code == status
    assert "Ada" in answer.text
    assert looks(app) == [(arrived, details)]


@pytest.mark.parametrize("refused", REFUSED, indirect=True)
def test_a_refused_form_whose_page_cannot_be_noted_shows_nobody(disk_full, refused):
    answer, *_ = refused
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "60")
    assert "Ada" not in answer.text


HTMX = {"HX-Request": "true"}


def rate(client, arrived: str, rating: str = "3"):
    token = token_of(client.get("/applications").text)
    fields = {"csrf_token": token, "rating": rating}
    return client.post(f"/applications/{arrived}/rating", data=fields, headers=HTMX)


@pytest.mark.parametrize("rating", ["3", "9"])
def test_a_part_of_a_page_that_nobody_opened_is_a_look_of_its_own(app, recruiter, sign_in, arrived, rating):
    sign_in("hr_admin").get(f"/applications/{arrived}")
    for _ in range(3):
        assert rate(recruiter, arrived, rating).status_code == 200
    assert looks(app) == [(arrived, {}), (arrived, {"page": "team"})]


def test_rating_tagging_and_noting_belong_to_the_look_at_the_page_for_an_hour(app, recruiter, arrived, monkeypatch):
    recruiter.get(f"/applications/{arrived}")
    for rating in "123":
        rate(recruiter, arrived, rating)
    assert looks(app) == [(arrived, {})]
    later = utcnow() + timedelta(minutes=61)
    monkeypatch.setattr("dashboard.web.noting.utcnow", lambda: later)
    rate(recruiter, arrived)
    assert looks(app) == [(arrived, {}), (arrived, {"page": "team"})]


def test_a_part_that_cannot_be_noted_is_not_shown(recruiter, arrived, disk_full):
    answer = rate(recruiter, arrived)
    assert answer.status_code == 503
    assert "team-title" not in answer.text


def test_a_file_that_is_not_there_any_more_was_not_seen(app, recruiter, arrived):
    file = file_of(app)
    with app.app_context():
        app.extensions["file_store"].delete(db.session.scalars(select(Attachment.sha256)).one())
    for path in ("", "/picture", "/preview", "/preview-part"):
        assert recruiter.get(f"/files/{file}{path}").status_code == 404, path
    assert noted(app) == []


def test_an_unfinished_application_is_noted_when_it_is_opened(app, sign_in, deliver):
    begun = deliver(event(kind="started:v1")).json["application"]
    assert sign_in("hr_admin").get(f"/incomplete/{begun}").status_code == 200
    assert noted(app) == [("application_viewed", begun, {"page": "incomplete"})]


def test_a_file_is_noted_once_a_look_and_at_each_download(app, recruiter, arrived):
    file = file_of(app)
    for path in ("/preview", "/picture", "/picture?page=1", "", "/preview-part"):
        assert recruiter.get(f"/files/{file}{path}").status_code == 200, path
    about = {"application": arrived}
    assert noted(app) == [("file_viewed", file, about), ("file_downloaded", file, about), ("file_viewed", file, about)]


def test_a_picture_of_a_file_nobody_opened_is_a_look_of_its_own(app, recruiter, sign_in, arrived):
    file = file_of(app)
    sign_in("hr_admin").get(f"/files/{file}/preview")
    recruiter.get(f"/files/{file}/picture")
    recruiter.get(f"/files/{file}/picture")
    assert [action for action, *_ in noted(app)] == ["file_viewed", "file_viewed"]


def test_pictures_on_somebodys_page_belong_to_that_look_for_an_hour(app, recruiter, arrived, monkeypatch):
    file = file_of(app)
    recruiter.get(f"/applications/{arrived}")
    recruiter.get(f"/files/{file}/picture")
    assert len(noted(app)) == 1
    later = utcnow() + timedelta(minutes=61)
    monkeypatch.setattr("dashboard.web.noting.utcnow", lambda: later)
    recruiter.get(f"/files/{file}/picture")
    assert [action for action, *_ in noted(app)] == ["application_viewed", "file_viewed"]


def test_a_table_is_noted_before_and_after_it_is_sent(app, recruiter, deliver):
    for _ in range(3):
        deliver(event())
    assert recruiter.get("/applications.csv").status_code == 200
    assert noted(app) == [
        ("exported", None, {"what": "applications.csv"}),
        ("export_ended", None, {"what": "applications.csv", "whole": 1, "sent": 3}),
    ]


def test_of_a_download_that_was_broken_off_it_is_noted_how_far_it_came(app, recruiter, deliver):
    for _ in range(401):
        deliver(event())
    answer = recruiter.get("/applications.csv", buffered=False)
    next(answer.iter_encoded())
    answer.close()
    assert noted(app)[-1] == ("export_ended", None, {"what": "applications.csv", "whole": 0, "sent": 200})


def test_an_archive_is_noted_with_how_many_are_in_it(app, recruiter, arrived):
    chosen = {"application": f"{arrived}:0", "do": "files"}
    assert post(recruiter, "/applications/bulk", **chosen).data.startswith(b"PK")
    assert noted(app)[0] == ("exported", None, {"what": "applications.zip", "applications": 1})
    assert noted(app)[1] == ("export_ended", None, {"what": "applications.zip", "whole": 1})


@pytest.mark.parametrize("what", ["conversions", "dispositions", "incomplete/messages", "admin/audit"])
def test_the_other_tables_are_noted_too(app, sign_in, what):
    assert sign_in("hr_admin").get(f"/{what}.csv").status_code == 200
    assert [action for action, *_ in noted(app)] == ["exported", "export_ended"]


def test_contents_of_a_delivery_are_noted_for_those_who_see_them(app, sign_in, arrived):
    with app.app_context():
        delivery = db.session.scalars(select(Delivery.public_id)).one()
    sign_in("it_admin").get(f"/admin/deliveries/{delivery}")
    assert noted(app) == []
    sign_in("hr_admin").get(f"/admin/deliveries/{delivery}")
    assert noted(app) == [("delivery_viewed", delivery, {})]


def test_reading_a_delivery_again_is_noted(app, sign_in, arrived):
    with app.app_context():
        delivery = db.session.scalars(select(Delivery.public_id)).one()
    client = sign_in("hr_admin")
    post(client, f"/admin/deliveries/{delivery}/replay")
    assert ("delivery_replayed", delivery, {"status": "accepted"}) in noted(app)


def test_stages_hires_and_their_undoing_are_noted(app, recruiter, arrived):
    for path, fields in (("stage", {"stage": "interview"}), ("hire", {}), ("hire", {}), ("unhire", {})):
        post(recruiter, f"/applications/{arrived}/{path}", **fields)
    moves = [(action, details) for action, _, details in noted(app) if action != "application_viewed"]
    assert moves == [
        ("stage_changed", {"before": "new", "after": "interview"}),
        ("hired", {"before": "interview", "after": "hired"}),
        ("hire_taken_back", {"before": "hired", "after": "interview"}),
    ]


def test_of_many_moved_at_once_each_is_noted(app, recruiter, deliver):
    ids = [deliver(event()).json["application"] for _ in range(3)]
    fields = {"csrf_token": token_of(recruiter.get("/applications").text), "token": "t" * 27, "do": "stage:reviewed"}
    done = recruiter.post("/applications/bulk/do", data={**fields, "application": [f"{one}:0" for one in ids]})
    assert done.status_code == 302
    assert {(action, one) for action, one, _ in noted(app)} == {("stage_changed", one) for one in ids}


def test_settings_are_noted_when_they_are_saved(app, sign_in, arrived):
    client = sign_in("hr_admin")
    post(client, "/me", single_keys="1")
    words = {"name": "First", "subject": "Hello", "body": "Go on, {first_name}", "do": "save"}
    assert post(client, "/incomplete/templates/new", **words).status_code == 302
    with app.app_context():
        kinds = list(db.session.scalars(select(AuditEntry.subject_kind).order_by(AuditEntry.number)))
    assert kinds == ["user", "template"]
    assert {action for action, *_ in noted(app)} == {"settings_changed"}


def test_nothing_of_an_applicant_is_ever_noted(stocked, sign_in):
    for role in ("recruiter", "hr_admin", "it_admin"):
        client = sign_in(role)
        for _, address in stocked.addresses():
            client.get(f"{address}?q={CANARY}")
    with stocked.app.app_context():
        assert db.session.query(AuditEntry).count() > 20
        rows = db.session.execute(text("SELECT * FROM audit_entry")).all()
        assert not [row for row in rows if CANARY.lower() in str(row).lower()]
        assert audit.verify(db.session(), (stocked.app.config["SECRET_KEY"],)).broken is None


# --- what cannot be noted -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/applications/{}", "/applications.csv", "/people/{}"])
@pytest.mark.usefixtures("disk_full")
def test_what_cannot_be_noted_is_not_shown(app, recruiter, arrived, monkeypatch, path):
    answer = recruiter.get(path.format(arrived))
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "60")
    assert "Ada" not in answer.text
    assert "Content-Security-Policy" in answer.headers
    monkeypatch.undo()
    assert recruiter.get(path.format(arrived)).status_code == 200


def test_a_page_waits_for_its_turn_to_note_and_then_is_shown(make_app: MakeApp, sqlite_url, deliver):
    app = make_app(sqlite_url)
    client = signed_in_client(app, "recruiter")
    with app.app_context():
        writer = db.session()
        start_writing(writer)
        assert client.get("/me").status_code == 200  # what notes nothing waits for nobody
        writer.rollback()
    assert client.get("/applications").status_code == 200


# --- the page -----------------------------------------------------------------------------------------------------


def entries(page) -> list[int]:
    return [int(one["data-entry"]) for one in BeautifulSoup(page.text, "html.parser").select("tr[data-entry]")]


@pytest.fixture
def happened(app, sign_in, deliver) -> dict[str, str]:
    """Two people look at two applications, and one is hired. Returns the applications' ids, and the recruiter's."""
    one, two = (deliver(event()).json["application"] for _ in range(2))
    sign_in("recruiter").get(f"/applications/{one}")
    sign_in("hr_admin").get(f"/applications/{two}")
    post(sign_in("recruiter"), f"/applications/{one}/hire")
    with app.app_context():
        who = db.session.scalar(select(AuditEntry).where(AuditEntry.number == 1)).actor.public_id
    return {"one": one, "two": two, "recruiter": who}


def test_the_newest_entry_comes_first_in_words(sign_in, happened):
    page = sign_in("hr_admin").get("/admin/audit")
    assert entries(page) == [3, 2, 1]
    first = BeautifulSoup(page.text, "html.parser").select_one("tr[data-entry]").get_text(" ", strip=True)
    assert "Hired" in first
    assert "recruiter@example.com" in first
    assert "New → Hired" in first


def test_what_an_entry_tells_besides_is_told_in_words(app, sign_in):
    with app.app_context():
        for details in ({"ahead": 1}, {"what": "a.csv", "whole": 0, "sent": 7}, {"settings": ["A", "B"], "key": "k"}):
            audit.note(db.session(), Action.EXPORTED, at=utcnow(), **details)
        db.session.commit()
    page = BeautifulSoup(sign_in("it_admin").get("/admin/audit").text, "html.parser")
    told = [row.select_one("td small").get_text(" ", strip=True) for row in page.select("tr[data-entry]")]
    assert told == [
        "settings: A, B",
        "interrupted, rows: 7 , a.csv",
        "preloaded by the browser (may not have been seen)",
    ]


TOLD = [
    (Action.SIGNED_IN, {"how": "totp"}, "by password and code"),
    (Action.ROLE_CHANGED, {"before": "recruiter", "after": "hr_admin"}, "Recruiter → HR administrator"),
    (Action.USER_ADDED, {"role": "it_admin"}, "IT administrator"),
    (
        Action.ACCESS_LINK_MADE,
        {"purpose": "reset", "way": "asked for"},
        "requested on the sign-in page, for a new password",
    ),
    (
        Action.SCOPE_CHANGED,
        {"limited": True, "jobs": ["x"], "companies": []},
        "only some jobs and companies, 1 job, 0 companies",
    ),
    (Action.HELD, {"kind": "legal", "hold": "x"}, "legal hold"),
    (
        Action.ERASED,
        {"cause": "retention", "reason": "asked", "applications": ["a", "b"]},
        "by age, “They asked to be erased”, 2 applications",
    ),
    (Action.APPLICATION_VIEWED, {"page": "privacy"}, "on the privacy page"),
    (Action.TEST_SENT, {"what": "conversion", "ok": False, "event": 2}, "failed, conversion, event: 2"),
    (Action.SESSION_REVOKED, {"sessions": 1}, "1 session"),
]


@pytest.mark.parametrize(("action", "details", "words"), TOLD)
def test_details_are_told_in_the_words_of_the_field(app, sign_in, action, details, words):
    with app.app_context():
        audit.note(db.session(), action, at=utcnow(), **details)
        db.session.commit()
    page = BeautifulSoup(sign_in("it_admin").get("/admin/audit").text, "html.parser")
    assert sorted(" ".join(page.select_one("tr[data-entry] td small").text.split()).split(", ")) == sorted(
        words.split(", ")
    )


def test_a_user_is_shown_by_their_address_which_the_log_itself_does_not_hold(app, sign_in):
    sign_in("recruiter")
    with app.app_context():
        user = db.session.scalars(select(User)).one()
        audit.note(db.session(), Action.ROLE_CHANGED, at=utcnow(), subject=Subject("user", user.public_id))
        audit.note(db.session(), Action.SIGNED_IN, at=utcnow())
        db.session.commit()
        assert "recruiter@example.com" not in str(db.session.execute(text("SELECT * FROM audit_entry")).all())
        theirs = f"/admin/users/{user.public_id}"
    client = sign_in("it_admin")
    page = BeautifulSoup(client.get("/admin/audit?subject=Recruiter@Example.com").text, "html.parser")
    assert [one["data-entry"] for one in page.select("tr[data-entry]")] == ["1"]
    assert page.select_one(f'tr[data-entry] a[href="{theirs}"]').text == "recruiter@example.com"


def test_one_look_at_the_privacy_of_somebody_is_one_entry(app, sign_in, arrived):
    assert sign_in("hr_admin").get(f"/privacy/people/{arrived}").status_code == 200
    assert noted(app) == [("application_viewed", arrived, {"page": "privacy"})]


def test_filters_narrow_alone_and_together(sign_in, happened):
    client, today = sign_in("hr_admin"), utcnow().date()
    tomorrow, yesterday = today + timedelta(days=2), today - timedelta(days=2)
    for query, wanted in {
        "action=hired": [3],
        f"who={happened['recruiter']}": [3, 1],
        f"subject={happened['two']}": [2],
        f"who={happened['recruiter']}&action=application_viewed": [1],
        f"from={yesterday}&to={tomorrow}": [3, 2, 1],
        f"from={tomorrow}": [],
        f"to={yesterday}": [],
        "who=nobody": [],
        "subject=none": [],
    }.items():
        assert entries(client.get(f"/admin/audit?{query}")) == wanted, query


def test_a_filter_that_cannot_be_read_is_named(sign_in, happened):
    page = sign_in("hr_admin").get("/admin/audit?action=baked&from=soon")
    assert "The filter “action” has an unknown value" in page.text
    assert "“soon” isn’t a valid date" in page.text
    assert len(entries(page)) == 3


def test_pages_hold_fifty_and_follow_each_other(app, sign_in):
    with app.app_context():
        for _ in range(120):
            audit.note(db.session(), Action.SIGNED_IN, at=utcnow())
        db.session.commit()
    client, path, found = sign_in("it_admin"), "/admin/audit?action=signed_in", []
    while path:
        page = client.get(path)
        found.append(entries(page))
        following = re.search(r'rel="next" href="([^"]+)"', page.text)
        path = following[1].replace("&amp;", "&") if following else None
    assert [len(one) for one in found] == [50, 50, 20]
    assert [number for one in found for number in one] == list(range(120, 0, -1))


def test_an_it_administrator_sees_ids_but_no_way_to_applications(sign_in, happened):
    page = sign_in("it_admin").get("/admin/audit")
    assert happened["one"] in page.text
    assert "/applications/" not in page.text
    assert f'href="/applications/{happened["one"]}"' in sign_in("hr_admin").get("/admin/audit").text


def test_the_table_holds_the_same_selection_with_the_digests(app, sign_in, happened):
    answer = sign_in("hr_admin").get(f"/admin/audit.csv?who={happened['recruiter']}")
    rows = list(csv.DictReader(io.StringIO(answer.text.removeprefix("\ufeff"))))
    assert [row["number"] for row in rows] == ["3", "1"]
    with app.app_context():
        assert rows[0]["digest"] == db.session.get_one(AuditEntry, 3).digest
    assert noted(app)[-1][2]["sent"] == 2


def test_an_action_of_a_later_version_is_shown_by_its_name(app, sign_in):
    with app.app_context():
        audit.note(db.session(), Action.SIGNED_IN, at=utcnow())
        db.session.info[audit._NOTED][0][1]["action"] = "beamed_up"
        db.session.commit()
    assert "beamed_up" in sign_in("hr_admin").get("/admin/audit").text


# --- plans --------------------------------------------------------------------------------------------------------


ASKED = {
    "everything": "",
    "an action": "action=hired",
    "somebody": "who=0",
    "a subject": "subject=a7",
    "days": "from=2026-01-10&to=2026-01-11",
    "an action on days": "action=hired&from=2026-01-10&to=2026-01-11",
}


@pytest.mark.parametrize("asked", ASKED.values(), ids=ASKED)
def test_every_filter_of_the_log_is_answered_by_an_index(app, asked):
    with app.app_context():
        session = db.session()
        begin = utcnow().replace(year=2026, month=1, day=1)
        for number in range(3_000):
            at, action = begin + timedelta(minutes=10 * number), (Action.HIRED, *Action)[number % 30]
            audit.note(session, action, at=at, subject=audit.Subject("application", f"a{number % 50}"))
        session.commit()
        session.execute(text("ANALYZE"))
        wanted = audit_list.AuditList.read(dict(re.findall(r"(\w+)=([^&]+)", asked)))
        statement = wanted.statement().order_by(AuditEntry.number.desc()).limit(51)
        sqlite = session.get_bind().dialect.name == "sqlite"
        if not sqlite:
            session.execute(text("SET enable_seqscan = off"))
            session.execute(text("SET enable_sort = off"))
        words = str(statement.compile(session.get_bind(), compile_kwargs={"literal_binds": True}))
        told = session.execute(text(f"EXPLAIN {'QUERY PLAN' if sqlite else ''} {words}")).all()
        plan = "\n".join(str(row) for row in told)
        # Everything is walked through from its end, in the order of its key.
        whole = r"SCAN audit_entry(?! USING)|" if asked else ""
        assert not re.search(rf"{whole}TEMP B-TREE|Seq Scan on audit_entry|Sort", plan), plan
