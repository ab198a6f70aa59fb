"""What Talroo sent, and reading it again."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import func, select

from dashboard.extensions import db
from dashboard.models import Application, Attachment, Delivery
from dashboard.talroo import payload as reader
from tests.factories import event, file_object
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
    assert "Read again: its application is filed." in replay(it_admin, kept).text
    assert delivery_of(app, "accepted") == kept
    assert (counted(app, Application), counted(app, Attachment)) == (1, 1)
    assert deliver(body).json["status"] == "duplicate"


def test_reading_again_twice_changes_nothing_twice(app, deliver, it_admin):
    deliver(event(applicant={"resume": file_object(b"once", "a.txt")}))
    accepted = delivery_of(app, "accepted")
    for _ in range(2):
        assert "its application is filed" in replay(it_admin, accepted).text
    assert (counted(app, Application), counted(app, Attachment), counted(app, Delivery)) == (1, 1, 1)


def test_what_is_still_not_understood_says_so_and_stays(app, deliver, it_admin):
    deliver(KEPT)
    page = replay(it_admin, delivery_of(app, "kept")).text
    assert "still not understood" in page
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
