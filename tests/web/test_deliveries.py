"""What Talroo sent, and reading it again."""

from __future__ import annotations

import hashlib
import json
import re
import sqlite3
from contextlib import closing
from datetime import timedelta
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from bs4 import BeautifulSoup
from sqlalchemy import func, select

from dashboard.clock import utcnow
from dashboard.extensions import db
from dashboard.models import Application, Attachment, AuditEntry, Delivery
from dashboard.services import sorting_out
from dashboard.talroo import payload as reader
from dashboard.worker import Worker
from tests.application import signed_in_client
from tests.factories import event, file_object, signed
from tests.stocked_site import token_of

KEPT = {"id": "kept-1", "type": "platform:JobApplications:closed:v1", "data": {"id": "1"}}


@pytest.fixture
def it_admin(sign_in):
    return sign_in("it_admin")


def delivery_of(app, status: str) -> str:
    with app.app_context():
        return db.session.scalars(select(Delivery.public_id).where(Delivery.status == status)).one()


def replay(client, public_id: str):
    token = token_of(client.get(f"/admin/deliveries/{public_id}").text)
    return client.post(f"/admin/deliveries/{public_id}/replay", data={"csrf_token": token}, follow_redirects=True)


def counted(app, model) -> int:
    with app.app_context():
        return db.session.scalar(select(func.count()).select_from(model))


def test_each_status_can_be_listed_and_what_needs_a_look_is_counted(app, deliver, it_admin):
    deliver(event())
    deliver(KEPT)
    deliver(event(), age=80 * 3600)
    for status in ("accepted", "kept", "quarantined"):
        page = it_admin.get(f"/admin/deliveries?status={status}").text
        assert delivery_of(app, status) in page
        assert len(set(re.findall(r"/admin/deliveries/([\w-]{22})", page))) == 1
    everything = it_admin.get("/admin/deliveries?status=nonsense").text
    assert len(set(re.findall(r"/admin/deliveries/([\w-]{22})", everything))) == 3


def test_the_list_has_pages(app, deliver, it_admin):
    for _ in range(53):
        deliver(event())
    seen, address = [], "/admin/deliveries"
    while address:
        page = it_admin.get(address).text
        seen += dict.fromkeys(re.findall(r'href="/admin/deliveries/([\w-]{22})"', page))
        address = (re.search(r'rel="next" href="([^"]+)', page) or [None, None])[1]
    assert len(seen) == len(set(seen)) == 53


def test_the_exact_body_is_shown_to_hr_and_escaped(app, deliver, sign_in, it_admin):
    deliver(b'{"x": "<script>alert(1)</script>')
    page = sign_in("hr_admin").get(f"/admin/deliveries/{delivery_of(app, 'kept')}").text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "alert(1)" not in it_admin.get(f"/admin/deliveries/{delivery_of(app, 'kept')}").text


def test_what_a_later_version_understands_is_accepted_when_it_is_read_again(app, deliver, it_admin, monkeypatch):
    body = event(applicant={"resume": file_object(b"hello again", "a.txt")})
    with monkeypatch.context() as older:
        older.setattr(reader, "APPLICATION_TYPE", re.compile("nothing"))
        assert deliver(body).json["status"] == "kept"
    kept = delivery_of(app, "kept")
    assert counted(app, Application) == 0
    assert "Reprocessed. The application is filed." in replay(it_admin, kept).text
    assert delivery_of(app, "accepted") == kept
    assert (counted(app, Application), counted(app, Attachment)) == (1, 1)
    assert deliver(body).json["status"] == "duplicate"


def test_reading_again_twice_changes_nothing_twice(app, deliver, it_admin):
    deliver(event(applicant={"resume": file_object(b"once", "a.txt")}))
    accepted = delivery_of(app, "accepted")
    for _ in range(2):
        assert "The application is filed" in replay(it_admin, accepted).text
    assert (counted(app, Application), counted(app, Attachment), counted(app, Delivery)) == (1, 1, 1)


def test_what_is_still_not_understood_says_so_and_stays(app, deliver, it_admin):
    deliver(KEPT)
    page = replay(it_admin, delivery_of(app, "kept")).text
    assert "still could not be read" in page
    assert "type is not a job application" in page
    assert counted(app, Application) == 0


def test_without_its_file_a_delivery_is_not_read_again_and_the_page_says_why(app, deliver, it_admin, tmp_path):
    deliver(event(applicant={"resume": file_object(b"soon gone", "a.txt")}))
    for path in (tmp_path / "files").rglob("*"):
        if path.is_file():
            path.unlink()
    accepted = delivery_of(app, "accepted")
    assert "missing from the file store" in replay(it_admin, accepted).text
    assert delivery_of(app, "accepted") == accepted


def page(client, address):
    answer = client.get(address)
    assert answer.status_code == 200, address
    return BeautifulSoup(answer.text, "html.parser")


def listed(client, query) -> set[str]:
    return {row["data-delivery"] for row in page(client, f"/admin/deliveries?{query}").select("[data-delivery]")}


def press(client, public_id, verb):
    token = token_of(client.get(f"/admin/deliveries/{public_id}").text)
    return client.post(f"/admin/deliveries/{public_id}/{verb}", data={"csrf_token": token}, follow_redirects=True).text


def status_of(app, public_id) -> str:
    with app.app_context():
        return db.session.scalars(select(Delivery.status).where(Delivery.public_id == public_id)).one()


def entries(app) -> list[str]:
    with app.app_context():
        return list(db.session.scalars(select(AuditEntry.action).order_by(AuditEntry.number)))


def test_each_filter_shows_what_it_says(app, deliver, it_admin):
    deliver(event(event_id="in-time", application_id="app-1"))
    deliver(event(event_id="late"), age=3600)
    deliver(event(event_id="begun", kind="started:v1"))
    deliver(KEPT)
    deliver(event(event_id="old"), age=80 * 3600)
    with app.app_context():
        rows = db.session.execute(select(Delivery.public_id, Delivery.event_id)).all()
    ids = {event_id: public_id for public_id, event_id in rows}
    quarantined = delivery_of(app, "quarantined")
    everything = {public_id for public_id, _ in rows}
    asked = {
        "": everything,
        "status=accepted": {ids["in-time"], ids["late"], ids["begun"]},
        "verdict=late": {ids["late"]},
        "verdict=expired": {quarantined},
        "event=started": {ids["begun"]},
        "event=completed": {ids["in-time"], ids["late"], quarantined},
        "event=other": {ids["kept-1"]},
        "source=pushed": everything,
        "source=pulled": set(),
        "q=in-time": {ids["in-time"]},
        "q=app-1": {ids["in-time"]},
        "q=kept-1": {ids["kept-1"]},
        f"q={ids['late']}": {ids["late"]},
        "q=%00": everything,
        "from=2026-01-01": everything,
        "to=2026-01-01": set(),
        "from=soon&status=kept": {ids["kept-1"]},
    }
    for query, wanted in asked.items():
        assert listed(it_admin, query) == wanted, query
    assert "a valid date" in it_admin.get("/admin/deliveries?from=soon").text


def test_the_next_page_keeps_the_filter(deliver, it_admin):
    for _ in range(51):
        deliver(event())
    deliver(KEPT)
    following = page(it_admin, "/admin/deliveries?status=accepted").select_one("a[rel=next]")["href"]
    assert "status=accepted" in following
    assert len(page(it_admin, following).select("[data-delivery]")) == 1


def test_what_was_repeated_is_told(deliver, it_admin):
    body = event()
    for _ in range(3):
        deliver(body)
    assert "3 times" in page(it_admin, "/admin/deliveries").select_one(".cell-count").text


def test_what_was_refused_is_listed_with_the_check_that_failed(app, it_admin):
    for number in range(3):
        app.test_client().post("/talroo/applications", data=b"{}", headers=signed(b"{}", secret=f"wrong {number}"))
    app.test_client().post("/talroo/applications", data=b"{}")
    rows = page(it_admin, "/admin/deliveries?status=refused").select("[data-refusal]")
    told = {row["data-refusal"]: " ".join(row.get_text(" ").split()) for row in rows}
    assert "Wrong signature Answered 401 From 127.0.0.1 3 times since" in told["mismatch"]
    assert told["missing"].endswith("No signature Answered 401 From 127.0.0.1 Once")


def filters_of(found) -> dict[str, str]:
    """What the form over the list would send: the filters as they stand there."""
    sent = {one["name"]: one.get("value", "") for one in found.select("form.filters input[name]")}
    chosen = {one["name"]: one.select_one("option[selected]") for one in found.select("form.filters select")}
    sent |= {name: one["value"] if one else "" for name, one in chosen.items()}
    return {name: value for name, value in sent.items() if value}


@pytest.mark.parametrize("status", ["", "kept", "refused"])
def test_whatever_status_is_chosen_the_other_filters_stay(it_admin, status):
    kept = {
        "q": "one",
        "source": "pushed",
        "event": "other",
        "verdict": "late",
        "from": "2026-01-01",
        "to": "2026-02-03",
    }
    asked = {**kept, "status": status} if status else kept
    found = page(it_admin, f"/admin/deliveries?{urlencode(asked)}")
    assert filters_of(found) == asked
    links = [dict(parse_qsl(urlsplit(one["href"]).query)) for one in found.select(".summary-cards a")]
    assert {one.pop("status", "") for one in links} >= {"", "refused"}
    assert links == [kept] * len(links)


def test_refusals_are_narrowed_to_days(app, it_admin):
    app.test_client().post("/talroo/applications", data=b"{}")
    today = utcnow().date()
    for query, number in ((f"from={today - timedelta(days=1)}", 1), (f"to={today - timedelta(days=2)}", 0)):
        found = page(it_admin, f"/admin/deliveries?status=refused&{query}")
        assert len(found.select("[data-refusal]")) == number, query
    assert "Not in these days." in found.text


def test_a_quarantined_delivery_is_accepted_by_a_click_and_marked_late(app, deliver, it_admin):
    deliver(event(), age=80 * 3600)
    old = delivery_of(app, "quarantined")
    assert "Accepted. The application is filed." in press(it_admin, old, "accept")
    with app.app_context():
        (application,) = db.session.scalars(select(Application)).all()
        assert (application.is_late, application.completed) == (True, True)
    assert status_of(app, old) == "accepted"
    assert "already handled this delivery" in press(it_admin, old, "accept")
    assert entries(app) == ["delivery_accepted"]
    assert "Signature too old" in it_admin.get(f"/admin/deliveries/{old}").text


def test_an_accepted_one_that_came_again_in_time_is_one_application(app, deliver, it_admin):
    body = event()
    deliver(body, age=80 * 3600)
    deliver(body)
    press(it_admin, delivery_of(app, "quarantined"), "accept")
    assert (counted(app, Application), counted(app, Delivery)) == (1, 2)


@pytest.mark.parametrize("status", ["kept", "quarantined"])
def test_what_waits_is_dismissed_stays_listed_and_can_be_taken_back(app, deliver, it_admin, status):
    deliver(KEPT, age=80 * 3600 if status == "quarantined" else 0)
    one = delivery_of(app, status)
    assert "Dismissed. It stays in the list." in press(it_admin, one, "dismiss")
    assert listed(it_admin, "status=dismissed") == {one}
    assert listed(it_admin, f"status={status}") == set()
    assert "already handled this delivery" in press(it_admin, one, "dismiss")
    assert "Dismissal undone. The delivery needs review again." in press(it_admin, one, "take-back")
    assert status_of(app, one) == status
    assert entries(app) == ["delivery_dismissed", "delivery_taken_back"]


def test_what_is_filed_cannot_be_dismissed(app, deliver, it_admin):
    deliver(event())
    one = delivery_of(app, "accepted")
    assert "already handled this delivery" in press(it_admin, one, "dismiss")
    assert status_of(app, one) == "accepted"


def test_all_kept_ones_are_read_again_some_now_and_the_rest_by_the_worker(app, deliver, it_admin, monkeypatch):
    with monkeypatch.context() as older:
        older.setattr(reader, "APPLICATION_TYPE", re.compile("nothing"))
        for _ in range(3):
            assert deliver(event()).json["status"] == "kept"
    deliver(KEPT)
    monkeypatch.setattr(
        sorting_out.read_waiting, "__kwdefaults__", {**sorting_out.read_waiting.__kwdefaults__, "most": 2}
    )
    token = token_of(it_admin.get("/admin/deliveries?status=kept").text)
    told = it_admin.post("/admin/deliveries/replay", data={"csrf_token": token}, follow_redirects=True).text
    assert "Reprocessed: 2 filed, 0 still could not be read. The worker reprocesses 2 more." in told
    assert "2 are waiting for the worker to reprocess them." in " ".join(told.split())
    worker = Worker.of(app)
    while worker._read_again():
        pass
    assert (counted(app, Application), len(listed(it_admin, "status=kept"))) == (3, 1)
    assert "waiting" not in page(it_admin, "/admin/deliveries?status=kept").select_one(".count").text


def test_the_exact_bytes_are_handed_to_hr_alone(app, deliver, sign_in, it_admin):
    body = json.dumps(event(applicant={"resume": file_object(b"exactly this", "a.txt")}), indent=3).encode() + b"\n"
    assert deliver(body).json["status"] == "accepted"
    one = delivery_of(app, "accepted")
    answer = sign_in("hr_admin").get(f"/admin/deliveries/{one}/body")
    assert answer.data == body
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert entries(app) == ["delivery_viewed"]
    assert it_admin.get(f"/admin/deliveries/{one}/body").status_code == 403


class WatchedStore:
    """A file store that looks, whenever it is asked for something, whether a delivery could be stored meanwhile."""

    def __init__(self, store, database: str) -> None:
        self._store, self._database, self.asked = store, database, 0

    def __getattr__(self, name: str):
        self.asked += 1
        with closing(sqlite3.connect(self._database, timeout=0, isolation_level=None)) as beside:
            beside.execute("BEGIN IMMEDIATE")  # fails at once where somebody holds the writers' turn
        return getattr(self._store, name)


@pytest.mark.parametrize("verb", ["body", "replay", "accept", "read waiting"])
def test_deliveries_wait_for_no_file_store(make_app, sqlite_url, monkeypatch, verb):
    app = make_app(sqlite_url)
    body = json.dumps(event(applicant={"resume": file_object(b"slow to come", "a.txt")})).encode()
    with monkeypatch.context() as older:
        older.setattr(reader, "APPLICATION_TYPE", re.compile("nothing"))
        age = 80 * 3600 if verb == "accept" else 0
        app.test_client().post("/talroo/applications", data=body, headers=signed(body, age=age))
    with app.app_context():
        one = db.session.scalars(select(Delivery.public_id)).one()
        database = db.engine.url.database
    admin = signed_in_client(app, "it_admin")
    if verb == "body":
        replay(admin, one)  # only what is filed has files to ask for
    watched = app.extensions["file_store"] = WatchedStore(app.extensions["file_store"], database)
    if verb == "body":
        answer = signed_in_client(app, "hr_admin").get(f"/admin/deliveries/{one}/body")
        assert answer.data == body
    elif verb == "read waiting":
        token = token_of(admin.get("/admin/deliveries?status=kept").text)
        admin.post("/admin/deliveries/replay", data={"csrf_token": token})
    else:
        press(admin, one, verb)
    assert watched.asked > 0
    assert status_of(app, one) == "accepted"


def test_a_body_is_indented_to_be_read_and_every_value_stays_as_it_was_sent(app, deliver, sign_in):
    body = json.dumps(event(applicant={"firstName": 'Zo\u00eb "Q", {['}))[:-1] + ', "n": 1.50E+2, "empty": []}'
    assert deliver(body.encode()).json["status"] == "accepted"
    told = page(sign_in("hr_admin"), f"/admin/deliveries/{delivery_of(app, 'accepted')}").select_one("pre.text-preview")
    assert "\n  " in told.text
    assert told.text.endswith('\n  "n": 1.50E+2,\n  "empty": []\n}')
    assert '"Zo\\u00eb \\"Q\\", {["' in told.text
    assert json.loads(told.text) == json.loads(body)


@pytest.mark.parametrize("body", [b"no JSON, {at all", b"[" * 60 + b"]" * 60])
def test_what_cannot_be_indented_is_shown_as_it_was_sent(app, deliver, sign_in, body):
    assert deliver(body).json["status"] == "kept"
    shown = page(sign_in("hr_admin"), f"/admin/deliveries/{delivery_of(app, 'kept')}")
    assert shown.select_one("pre.text-preview").text == body.decode()


def test_in_place_of_a_files_content_stands_a_link_to_it(app, deliver, sign_in):
    content = b"behind a link"
    deliver(event(applicant={"resume": file_object(content, "a.txt")}))
    client = sign_in("hr_admin")
    found = page(client, f"/admin/deliveries/{delivery_of(app, 'accepted')}")
    link = found.select_one("pre.text-preview a")
    assert link.text == f"sha256:{hashlib.sha256(content).hexdigest()}"
    assert client.get(link["href"]).data == content


def test_without_its_file_the_exact_bytes_cannot_be_told_and_the_page_says_so(app, deliver, sign_in, tmp_path):
    deliver(event(applicant={"resume": file_object(b"soon gone", "a.txt")}))
    for path in (tmp_path / "files").rglob("*"):
        if path.is_file():
            path.unlink()
    told = sign_in("hr_admin").get(f"/admin/deliveries/{delivery_of(app, 'accepted')}/body", follow_redirects=True)
    assert "missing from the file store" in told.text
