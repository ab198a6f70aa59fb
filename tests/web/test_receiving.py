"""The postUrl's answers (interface.md, `POST /talroo/applications`): who is heard, and what is answered when."""

from __future__ import annotations

import gzip
import json
import tracemalloc
import zlib

import pytest
from sqlalchemy import select

from dashboard.extensions import db
from dashboard.models import Application, Delivery, Refusal, SecretUse
from dashboard.services import intake, secret_uses
from dashboard.talroo import signature
from dashboard.web import receiving
from tests.factories import SECRET, as_body, event, payload, signed

URL = "/talroo/applications"


def deliveries(app) -> list[Delivery]:
    with app.app_context():
        return list(db.session.scalars(select(Delivery).order_by(Delivery.id)))


@pytest.fixture
def sqlite_app(make_app, sqlite_url):
    """For what has nothing to do with the database."""
    return make_app(sqlite_url)


@pytest.fixture
def post(sqlite_app):
    def post(body=b"{}", headers=None, **how):
        return sqlite_app.test_client().post(URL, data=body, headers=headers or {}, **how)

    return post


def test_an_application_is_accepted_and_the_answer_names_it(app, deliver):
    answer = deliver(payload("complete"))
    assert answer.status_code == 200
    assert answer.json["status"] == "accepted"
    with app.app_context():
        application = db.session.scalars(select(Application)).one()
        assert answer.json["application"] == application.public_id
        assert application.talroo_id == "4417301"


@pytest.mark.parametrize("name", ["complete", "complete-plain", "minimal", "odd", "started", "unqualified"])
def test_every_example_is_accepted_and_its_page_opens(make_app, sqlite_url, name):
    from tests.application import signed_in_client

    app = make_app(sqlite_url)
    body = as_body(payload(name))
    answer = app.test_client().post(URL, data=body, headers=signed(body))
    assert (answer.status_code, answer.json["status"]) == (200, "accepted")
    page = signed_in_client(app, "hr_admin").get(
        f"/{'incomplete' if name == 'started' else 'applications'}/{answer.json['application']}"
    )
    assert page.status_code == 200


def test_the_query_string_and_where_it_came_from_are_kept(app, deliver):
    deliver(event(), query="?jobid=unique123456&x=%00%ff")
    (delivery,) = deliveries(app)
    assert delivery.query == "jobid=unique123456&x=%00%ff"
    assert delivery.remote_addr == "127.0.0.1"
    assert delivery.content_type == "application/json"
    assert delivery.signature.startswith("t=")


def test_the_content_type_does_not_matter(sqlite_app, post):
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""):
        body = as_body(event())
        assert post(body, {**signed(body), "Content-Type": kind}).json["status"] == "accepted"


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "garbage",
        "t=１２,v1=" + "0" * 64,
        "x" * 10_000,
        "t=" + "1" * 10_000,
        "t=1718049653,v1=ü" + "0" * 63,
    ],
)
def test_a_delivery_that_cannot_be_signed_is_refused_before_it_is_read_and_leaves_nothing(
    sqlite_app, post, header, monkeypatch
):
    monkeypatch.setattr(receiving, "_read", lambda _limit: pytest.fail("the body was read"))
    answer = post(as_body(event()), {signature.HEADER: header.encode().decode("latin-1")} if header else {})
    assert answer.status_code == 401
    assert answer.json["status"] == "refused"
    assert deliveries(sqlite_app) == []


def test_a_delivery_with_another_signature_is_refused_and_leaves_nothing(sqlite_app, post):
    answer = post(as_body(event()), {signature.HEADER: f"t=1,v1={'0' * 64}"})
    assert (answer.status_code, answer.json["status"]) == (401, "refused")
    assert deliveries(sqlite_app) == []


def test_a_body_that_was_changed_on_the_way_is_refused(post):
    body = as_body(event())
    assert post(body + b" x", signed(body)).status_code == 401


def test_a_body_is_not_read_as_json_before_its_signature_is_right(post, monkeypatch):
    def too_early(*_):
        raise AssertionError("parsed")

    monkeypatch.setattr(intake.wire, "parse", too_early)
    monkeypatch.setattr(intake.cutting, "cut", too_early)
    assert post(b'{"id": 1}', {signature.HEADER: "t=1,v1=" + "0" * 64}).status_code == 401


def test_a_body_with_white_space_around_it_verifies_either_way(post, sqlite_app):
    body = b"\n " + as_body(event()) + b"\r\n"
    assert post(body, signed(body.strip())).status_code == 200
    other = b"\n " + as_body(event()) + b"\r\n"
    assert post(other, signed(other)).status_code == 200
    assert [delivery.size for delivery in deliveries(sqlite_app)] == [len(body), len(other)]


def test_either_of_two_active_secrets_is_right(make_app, sqlite_url):
    app = make_app(sqlite_url, talroo_webhook_secrets=("newer", "older"))
    for secret, status in (("newer", 200), ("older", 200), ("oldest", 401)):
        body = as_body(event())
        assert app.test_client().post(URL, data=body, headers=signed(body, secret=secret)).status_code == status


def test_one_right_v1_among_several_is_enough(post):
    body = as_body(event())
    headers = signed(body)
    headers[signature.HEADER] += f",v1={'0' * 64},v0=old"
    assert post(body, headers).status_code == 200


@pytest.mark.parametrize(
    ("age", "timing", "is_late"),
    [(0, "fresh", False), (299, "fresh", False), (400, "late", True), (259_000, "late", True), (-400, "clock", False)],
)
def test_a_late_delivery_is_taken_and_marked(app, deliver, age, timing, is_late):
    assert deliver(event(), age=age).json["status"] == "accepted"
    (delivery,) = deliveries(app)
    assert delivery.timing == timing
    with app.app_context():
        assert db.session.scalars(select(Application.is_late)).one() is is_late


@pytest.mark.parametrize("age", [259_300, -259_300])
def test_a_delivery_that_is_too_old_is_refused_and_quarantined_because_it_was_signed(app, deliver, age):
    document = payload("complete")
    answer = deliver(document, age=age)
    assert answer.status_code == 401
    (delivery,) = deliveries(app)
    assert (delivery.status, delivery.timing) == ("quarantined", "expired")
    assert delivery.size == len(as_body(document))
    with app.app_context():
        assert db.session.get_one(Delivery, delivery.id).body == as_body(document)
        assert db.session.scalars(select(Application)).all() == []


def test_a_quarantined_delivery_is_kept_once_and_does_not_stand_in_the_way_of_the_fresh_one(app, deliver):
    document = event()
    for _ in range(2):
        assert deliver(document, age=300_000).status_code == 401
    assert deliver(document).json["status"] == "accepted"
    assert [delivery.status for delivery in deliveries(app)] == ["quarantined", "accepted"]


def test_what_is_quarantined_can_be_filed_by_hand(app, deliver, sign_in):
    deliver(event(), age=300_000)
    (delivery,) = deliveries(app)
    app.config["WTF_CSRF_ENABLED"] = False
    assert sign_in("it_admin").post(f"/admin/deliveries/{delivery.public_id}/replay").status_code == 302
    assert deliveries(app)[0].status == "accepted"


def test_strict_mode_takes_nothing_that_is_late(make_app, sqlite_url):
    app = make_app(sqlite_url, talroo_signature_tolerance=300, talroo_signature_max_age=300)
    body = as_body(event())
    assert app.test_client().post(URL, data=body, headers=signed(body, age=310)).status_code == 401
    assert [delivery.status for delivery in deliveries(app)] == ["quarantined"]


def test_without_a_secret_nothing_can_be_taken_and_talroo_is_told_to_come_back(make_app, sqlite_url):
    app = make_app(sqlite_url, talroo_webhook_secrets=())
    body = as_body(event())
    answer = app.test_client().post(URL, data=body, headers=signed(body))
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
def test_nothing_but_post_is_taken(sqlite_app, method):
    assert sqlite_app.test_client().open(URL, method=method).status_code == 405


def test_a_delivery_is_never_redirected(sqlite_app):
    body = as_body(event())
    assert sqlite_app.test_client().post(f"{URL}/", data=body, headers=signed(body)).status_code == 404


# --- bodies that are large or compressed --------------------------------------------------------------------------


@pytest.fixture
def small(make_app, sqlite_url):
    """A site that takes at most 10,000 bytes."""
    return make_app(sqlite_url, max_application_bytes=10_000)


def padded(size: int) -> bytes:
    body = as_body(event())
    return body + b" " * (size - len(body))


def gzipped(body: bytes) -> dict[str, str]:
    return {**signed(body), "Content-Encoding": "gzip"}


@pytest.mark.parametrize(("size", "status"), [(9_999, 200), (10_000, 200), (10_001, 413), (1_000_000, 413)])
def test_a_body_over_the_limit_is_too_large(small, size, status):
    body = padded(size)
    answer = small.test_client().post(URL, data=body, headers=signed(body))
    assert answer.status_code == status
    assert len(deliveries(small)) == (status == 200)


@pytest.mark.parametrize(("size", "status"), [(10_000, 200), (10_001, 413)])
def test_what_a_body_inflates_to_counts(small, size, status):
    body = padded(size)
    assert small.test_client().post(URL, data=gzip.compress(body), headers=gzipped(body)).status_code == status


def test_a_bomb_is_not_inflated_beyond_the_limit(small):
    body = b"\0" * 100_000_000
    bomb = zlib.compress(body, wbits=zlib.MAX_WBITS | 16)[:9_999]
    client = small.test_client()
    assert client.post(URL, data=bomb, headers=gzipped(b"x")).status_code == 413
    tracemalloc.start()
    try:
        assert client.post(URL, data=bomb, headers=gzipped(b"x")).status_code == 413
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    # All of it would be ten million bytes.
    assert most < 2_000_000


@pytest.mark.parametrize("encoding", ["gzip", "GZIP", " x-gzip "])
def test_a_compressed_body_is_inflated_and_kept_as_it_was_signed(post, sqlite_app, encoding):
    body = as_body(payload("complete"))
    answer = post(gzip.compress(body), {**signed(body), "Content-Encoding": encoding})
    assert answer.json["status"] == "accepted"
    assert deliveries(sqlite_app)[0].size == len(body)


def test_a_body_that_only_says_it_is_compressed_is_taken_as_it_came(post):
    body = as_body(event())
    assert post(body, gzipped(body)).json["status"] == "accepted"


def test_a_compressed_body_that_was_signed_compressed_is_taken_too(post, sqlite_app):
    body = as_body(event())
    compressed = gzip.compress(body)
    assert post(compressed, gzipped(compressed)).json["status"] == "accepted"
    assert deliveries(sqlite_app)[0].size == len(body)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda packed: packed[:-9],
        lambda packed: packed + b"trailing",
        lambda packed: packed[:20] + b"xxxx" + packed[24:],
        lambda _: b"",
        lambda _: b"\x1f\x8b",
    ],
)
def test_a_compressed_body_that_is_damaged_is_refused(post, sqlite_app, spoil):
    body = as_body(payload("complete"))
    assert post(spoil(gzip.compress(body)), gzipped(body)).status_code == 401
    assert deliveries(sqlite_app) == []


def test_the_answer_is_json_and_is_not_cached(deliver):
    answer = deliver(event())
    assert answer.mimetype == "application/json"
    assert answer.headers["Cache-Control"] == "no-store"
    assert set(json.loads(answer.data)) == {"status", "application"}


def refused(app) -> dict[tuple[str, str], int]:
    with app.app_context():
        app.extensions["notebook"].flush()
        return {(row.reason, row.remote_addr): row.count for row in db.session.scalars(select(Refusal))}


def test_what_is_refused_is_counted_by_its_reason(app):
    body, client = as_body(event()), app.test_client()
    client.post(URL, data=body)
    for _ in range(2):
        client.post(URL, data=body, headers=signed(body, secret="another one"))
    client.post(URL, data=body, headers={signature.HEADER: "t=now"})
    client.post(URL, data=body, headers=signed(body, age=80 * 3600))
    client.post(URL, data=body, headers=signed(body, age=-80 * 3600))
    client.post(URL, data=b" ", headers=signed(body) | {"Content-Length": "99999999"})
    client.post(URL, data=body, headers=signed(body))
    here = "127.0.0.1"
    assert refused(app) == {
        ("missing", here): 1,
        ("mismatch", here): 2,
        ("malformed", here): 1,
        ("expired", here): 1,
        ("clock", here): 1,
        ("too_large", here): 1,
    }


def test_without_a_secret_that_is_what_is_counted(make_app, sqlite_url):
    app = make_app(sqlite_url, talroo_webhook_secrets=())
    assert app.test_client().post(URL, data=b"{}").status_code == 503
    assert refused(app) == {("no_secret", "127.0.0.1"): 1}


def test_it_is_noted_which_secret_was_right(make_app, sqlite_url):
    app = make_app(sqlite_url, talroo_webhook_secrets=("the newest", SECRET))
    body = as_body(event())
    assert app.test_client().post(URL, data=body, headers=signed(body)).status_code == 200
    with app.app_context():
        app.extensions["notebook"].flush()
        (use,) = db.session.scalars(select(SecretUse)).all()
    key = app.config["SECRET_KEY"]
    assert use.fingerprint == secret_uses.fingerprint(key, secret_uses.WEBHOOK, SECRET)
