"""What watches the site: alive, ready with details, and figures for those who may have them."""

from __future__ import annotations

import re
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from dashboard import schema
from dashboard.audit_actions import Action
from dashboard.clock import utcnow
from dashboard.database import public_id
from dashboard.extensions import db
from dashboard.models import Alert, Outbound, Refusal, SyncRun
from dashboard.services import audit, heartbeat
from dashboard.web import health
from tests.factories import event, file_object

AWAY = {"REMOTE_ADDR": "203.0.113.9"}


def test_a_living_process_says_so(client):
    answer = client.get("/healthz")
    assert (answer.status_code, answer.json) == (200, {"status": "ok"})


def test_ready_names_the_database_its_migrations_and_no_worker_yet(app, client):
    answer = client.get("/readyz").json
    assert answer["status"] == "ok"
    with app.app_context():
        kind = db.engine.dialect.name
    assert answer["details"] == {"database": kind, "migrated": True, "worker_seen_seconds_ago": None}


def test_ready_says_how_long_ago_a_worker_was_seen(app, client):
    with app.app_context():
        heartbeat.beat(lambda: db.session(), "one", now=utcnow() - timedelta(seconds=40))
    assert 39 < client.get("/readyz").json["details"]["worker_seen_seconds_ago"] < 100


def test_a_database_of_another_version_is_told(app, client):
    with app.app_context():
        db.session.execute(db.text("UPDATE alembic_version SET version_num = '0000'"))
        db.session.commit()
    assert client.get("/readyz").json["details"]["migrated"] is False


def test_a_database_without_tables_is_not_ready_and_the_reason_tells_no_secret(make_app, tmp_path):
    answer = make_app(f"sqlite:///{tmp_path}/empty.db").test_client().get("/readyz")
    assert answer.status_code == 503
    assert answer.json == {"status": "not ready", "problems": {"database": "OperationalError"}, "details": {}}


def test_a_file_store_that_cannot_be_written_is_not_ready(app, client, monkeypatch):
    def refuse() -> None:
        raise PermissionError("/secret/path")

    monkeypatch.setattr(app.extensions["file_store"], "check", refuse)
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json["problems"]) == (503, {"files": "PermissionError"})
    assert "secret" not in answer.text


@pytest.mark.parametrize("is_well", [True, False])
def test_whoever_asks_often_makes_few_calls_to_the_file_store(app, client, monkeypatch, is_well):
    moments, calls = [100.0], []

    def check() -> None:
        calls.append(moments[0])
        if not is_well:
            raise TimeoutError

    monkeypatch.setattr(health, "monotonic", lambda: moments[0])
    monkeypatch.setattr(app.extensions["file_store"], "check", check)
    for moment in (100.0, 101.0, 104.9, 105.0, 109.9):
        moments[0] = moment
        assert client.get("/readyz").status_code == (200 if is_well else 503)
    assert calls == [100.0, 105.0]


def test_while_the_file_store_is_tried_others_are_told_of_the_last_time(monkeypatch):
    monkeypatch.setattr(health, "LOOKS_EVERY", 0.0)
    look, tried, goes_on = health._LastLook(), threading.Event(), threading.Event()

    def hang() -> None:
        tried.set()
        assert goes_on.wait(30)
        raise TimeoutError

    assert look.at(lambda: None) is None
    with ThreadPoolExecutor(1) as threads:
        slow = threads.submit(look.at, hang)
        assert tried.wait(30)
        assert look.at(lambda: pytest.fail("tried twice at once")) is None
        goes_on.set()
        assert slow.result() == "TimeoutError"


def test_the_newest_migration_is_found_without_alembic(tmp_path):
    for name, before in (("0001", None), ("0002", "0001"), ("0003", "0002")):
        (tmp_path / f"{name}.py").write_text(f"revision: str = {name!r}\ndown_revision = {before!r}\n")
    assert schema.newest_revision(tmp_path) == "0003"


# --- /metrics -----------------------------------------------------------------------------------------------------


def values(text: str) -> dict[str, float]:
    return {name: float(value) for name, value in re.findall(r"^([a-z_]+(?:\{.*\})?) (\S+)$", text, re.MULTILINE)}


def test_the_figures_count_what_there_is(app, client, deliver):
    deliver(event(applicant={"resume": file_object(b"hello world", "a.txt")}))
    deliver(event(kind="started:v1"))
    deliver({"id": "odd", "type": "platform:Job:closed:v1", "data": {}})
    with app.app_context():
        now = utcnow()
        for state in ("sent", "sent", "parked"):
            db.session.add(
                Outbound(
                    channel="conversion",
                    business_key=public_id(),
                    event="2",
                    event_time=now,
                    created_at=now,
                    state=state,
                    due_at=now,
                )
            )
        db.session.commit()
        heartbeat.beat(lambda: db.session(), "one", now=now - timedelta(seconds=40))
    answer = client.get("/metrics")
    assert answer.content_type.startswith("text/plain")
    found = {name: value for name, value in values(answer.text).items() if "_duration_" not in name}
    assert 39 < found.pop("dashboard_worker_beat_age_seconds") < 50
    assert found == {
        'dashboard_deliveries{status="accepted"}': 2,
        'dashboard_deliveries{status="kept"}': 1,
        "dashboard_applications": 2,
        'dashboard_outbox{channel="conversion",state="parked"}': 1,
        'dashboard_outbox{channel="conversion",state="sent"}': 2,
        "dashboard_files_unread": 1,
        "dashboard_applications_unindexed": 2,
        "dashboard_audit_entries_total": 0,
        'dashboard_http_requests_total{endpoint="receiving.receive",method="POST",status="200"}': 3,
    }


def test_what_is_due_and_waits_and_what_is_wrong_is_told(app, client):
    with app.app_context():
        now = utcnow()
        for channel, minutes in (("conversion", -5), ("conversion", -9), ("reminder", 5)):
            due = now + timedelta(minutes=minutes)
            told = {"event": "2", "event_time": now, "created_at": now, "state": "waiting", "due_at": due}
            db.session.add(Outbound(channel=channel, business_key=public_id(), **told))
        for hours, count in ((1, 3), (2, 4), (30, 9)):
            at = now - timedelta(hours=hours)
            told = {"hour": at, "remote_addr": "192.0.2.7", "first_at": at, "last_at": at}
            db.session.add(Refusal(reason="mismatch", count=count, **told))
        db.session.add_all([Alert(kind="silent", began_at=now), Alert(kind="parked", began_at=now, ended_at=now)])
        audit.note(db.session(), Action.SIGNED_IN, at=now)
        db.session.commit()
    found = values(client.get("/metrics").text)
    assert 9 * 60 <= found.pop('dashboard_outbox_oldest_due_seconds{channel="conversion"}') < 9 * 60 + 60
    assert not [name for name in found if name.startswith("dashboard_outbox_oldest")]
    assert found['dashboard_refusals_last_day{reason="mismatch"}'] == 7
    assert {name: value for name, value in found.items() if "alerts" in name} == {
        'dashboard_alerts_open{kind="silent"}': 1
    }
    assert found["dashboard_audit_entries_total"] == 1


def test_requests_and_deliveries_are_counted_and_timed(client, deliver):
    deliver(event())
    deliver({"id": "odd", "type": "platform:Job:closed:v1", "data": {}})
    for path in ("/login", "/login", "/nowhere", "/applications/somebody"):
        client.get(path)
    found = values(client.get("/metrics").text)
    counted = {name: value for name, value in found.items() if name.startswith("dashboard_http_requests_total")}
    assert counted == {
        'dashboard_http_requests_total{endpoint="receiving.receive",method="POST",status="200"}': 2,
        'dashboard_http_requests_total{endpoint="session.login",method="GET",status="200"}': 2,
        'dashboard_http_requests_total{endpoint="none",method="GET",status="404"}': 1,
        'dashboard_http_requests_total{endpoint="applications.show",method="GET",status="302"}': 1,
    }
    assert found['dashboard_http_request_duration_seconds_count{endpoint="session.login"}'] == 2
    assert found['dashboard_http_request_duration_seconds_bucket{endpoint="session.login",le="+Inf"}'] == 2
    assert found['dashboard_delivery_duration_seconds_count{status="accepted"}'] == 1
    assert found['dashboard_delivery_duration_seconds_count{status="kept"}'] == 1
    assert 0 < found['dashboard_delivery_duration_seconds_sum{status="accepted"}'] < 60


def test_without_any_worker_its_age_is_absent_rather_than_nought(client):
    assert "dashboard_worker_beat_age_seconds" not in values(client.get("/metrics").text)


def test_pulls_tell_when_one_last_succeeded_and_what_the_last_one_found(app, client):
    with app.app_context():
        now = utcnow()
        for hours, kind, state, new in ((9, "incomplete", "done", 7), (2, "incomplete", "failed", 3)):
            at = now - timedelta(hours=hours)
            db.session.add(
                SyncRun(kind=kind, trigger="worker", state=state, new=new, since=at, started_at=at, finished_at=at)
            )
        db.session.add(SyncRun(kind="completed", trigger="worker", state="running", since=now, started_at=now))
        db.session.commit()
    found = {name: value for name, value in values(client.get("/metrics").text).items() if "_pull_" in name}
    assert 9 * 3600 <= found.pop('dashboard_pull_age_seconds{kind="incomplete"}') < 9 * 3600 + 60
    assert found == {
        'dashboard_pull_items{effect="new",kind="incomplete"}': 3,
        'dashboard_pull_items{effect="updated",kind="incomplete"}': 0,
        'dashboard_pull_items{effect="unchanged",kind="incomplete"}': 0,
        'dashboard_pull_items{effect="failed",kind="incomplete"}': 0,
    }


@pytest.mark.parametrize("address", ["127.0.0.1", "127.9.9.9", "::1"])
def test_this_machine_may_have_the_figures(client, address):
    assert client.get("/metrics", environ_base={"REMOTE_ADDR": address}).status_code == 200


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "X-Real-IP"])
def test_a_proxy_on_this_machine_asks_for_somebody_else(client, header):
    assert client.get("/metrics", headers={header: "127.0.0.1"}).status_code == 403


@pytest.mark.parametrize("address", ["203.0.113.9", "10.0.0.1", "::ffff:10.0.0.1", "", "unknown"])
def test_nobody_else_may(client, address):
    assert client.get("/metrics", environ_base={"REMOTE_ADDR": address}).status_code == 403


@pytest.mark.parametrize(
    ("header", "status"),
    [
        ("Bearer the-token", 200),
        ("Bearer the-toke", 403),
        ("Bearer ", 403),
        ("bearer the-token", 403),
        ("the-token", 403),
        ("Bearer t\u00ebst", 403),
        (None, 403),
    ],
)
def test_who_has_the_token_may_from_anywhere(make_app, sqlite_url, header, status):
    client = make_app(sqlite_url, metrics_token="the-token").test_client()
    headers = {"Authorization": header} if header else {}
    assert client.get("/metrics", headers=headers, environ_base=AWAY).status_code == status


def test_no_token_set_means_no_token_is_right(client):
    for header in ("Bearer None", "Bearer ", "Bearer"):
        assert client.get("/metrics", headers={"Authorization": header}, environ_base=AWAY).status_code == 403
