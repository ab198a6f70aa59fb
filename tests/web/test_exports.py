"""How many tables and archives somebody may take within an hour."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from dashboard.audit_actions import Action
from dashboard.clock import utcnow
from dashboard.date_words import clock
from dashboard.extensions import db
from dashboard.models import Application, AuditEntry, LoginThrottle
from dashboard.services import throttle
from dashboard.web.bulk import _ARCHIVES
from tests.application import signed_in_client
from tests.factories import as_body, event, signed
from tests.following_up import token_of

MakeApp = Callable[..., Flask]
MOST = 3


@pytest.fixture
def site(make_app: MakeApp, database_url: str) -> Flask:
    return make_app(database_url, exports_per_hour=MOST)


@pytest.fixture
def rita(site: Flask) -> FlaskClient:
    """Has made one export."""
    client = signed_in_client(site, "hr_admin")
    client.get("/applications.csv").get_data()
    return client


def applied(site: Flask) -> str:
    body = as_body(event())
    assert site.test_client().post("/talroo/applications", data=body, headers=signed(body)).status_code == 200
    with site.app_context():
        return db.session.scalars(select(Application.public_id)).one()


def noted(site: Flask) -> list[str]:
    wanted = (Action.EXPORTED, Action.EXPORTS_STOPPED)
    with site.app_context():
        entries = select(AuditEntry.action).where(AuditEntry.action.in_(wanted)).order_by(AuditEntry.number)
        return [*db.session.scalars(entries)]


def test_beyond_the_limit_every_export_waits_and_says_until_when(site: Flask, rita: FlaskClient):
    one = applied(site)
    chosen = {"csrf_token": token_of(rita.get("/me").text), "application": one}
    asked: tuple[Callable[[], Any], ...] = (
        lambda: rita.get("/applications.csv"),
        lambda: rita.get("/applications", headers={"Accept": "text/csv"}),
        lambda: rita.post("/applications/bulk/csv", data=chosen),
        lambda: rita.post("/applications/bulk/files", data=chosen),
        lambda: rita.get("/incomplete/messages.csv"),
        lambda: rita.get("/conversions.csv"),
        lambda: rita.get("/dispositions.csv"),
        lambda: rita.get("/admin/audit.csv"),
        lambda: rita.get(f"/privacy/export/{one}"),
    )
    for ask in asked:
        with site.app_context():
            db.session.execute(update(LoginThrottle).values(failures=MOST - 1))
            db.session.commit()
        first, second = ask(), ask()
        assert first.status_code == 200
        assert (second.status_code, second.mimetype) == (429, "text/html")
        first.get_data()
        assert 3_500 < int(second.headers["Retry-After"]) <= 3_600
        assert f"You can make {MOST} exports an hour." in second.text
        again = utcnow() + timedelta(seconds=int(second.headers["Retry-After"]))
        # It was some moments ago that this was said, in whole seconds: the minute may have been the one before.
        times = {f"{clock(again + timedelta(seconds=off))} UTC" for off in (-10, -1, 1)}
        assert any(f"in 60 minutes, at {one}" in second.text for one in times)
        with site.app_context():
            assert db.session.scalars(select(LoginThrottle.failures)).all() == [MOST + 1]


GIVEN = (
    "/applications.csv",
    "/conversions.csv",
    "/dispositions.csv",
    "/incomplete/messages.csv",
    "/admin/audit.csv",
    "/privacy/export/{}",
)


@pytest.mark.parametrize("most", [0, MOST])
@pytest.mark.parametrize("address", GIVEN)
def test_what_another_site_asks_for_is_neither_given_nor_counted(
    make_app: MakeApp, database_url: str, address: str, most: int
):
    site = make_app(database_url, exports_per_hour=most)
    address = address.format(applied(site))
    client = signed_in_client(site, "hr_admin")
    for other in ("cross-site", "same-site"):
        answer = client.get(address, headers={"Sec-Fetch-Site": other})
        assert (answer.status_code, answer.mimetype) == (403, "text/html")
        assert "Another site’s page asked for this download" in answer.text
        assert "Content-Disposition" not in answer.headers
    with site.app_context():
        assert db.session.scalars(select(LoginThrottle.failures)).all() == []
    assert noted(site) == []
    for own in ({}, {"Sec-Fetch-Site": "none"}, {"Sec-Fetch-Site": "same-origin"}):
        assert client.get(address, headers=own).headers["Content-Disposition"].startswith("attachment")


def test_every_table_and_archive_there_is_refuses_another_site(stocked, sign_in):
    """Whatever is given as a file to download and noted as an export, by any address that takes GET."""
    client = sign_in("hr_admin")
    given = {name for name, address in stocked.addresses() if _is_export(client.get(address))}
    assert len(given) == len(GIVEN)
    for name, address in stocked.addresses():
        if name in given:
            assert client.get(address, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403, address


def _is_export(answer: Any) -> bool:
    return answer.mimetype in ("text/csv", "application/zip")


def test_an_archive_that_has_to_wait_for_others_is_not_counted_and_one_that_is_refused_keeps_nobody_waiting(
    site: Flask, rita: FlaskClient
):
    chosen = {"csrf_token": token_of(rita.get("/me").text), "application": applied(site)}

    def counted() -> int:
        with site.app_context():
            return db.session.scalars(select(LoginThrottle.failures)).one()

    while _ARCHIVES.acquire(blocking=False):
        pass
    assert rita.post("/applications/bulk/files", data=chosen).status_code == 302
    assert counted() == 1
    _ARCHIVES.release()
    for status in (200, 200, 429, 429):
        answer = rita.post("/applications/bulk/files", data=chosen)
        assert answer.status_code == status
        answer.get_data()
        answer.close()
    assert counted() == MOST + 1
    assert _ARCHIVES.acquire(blocking=False)
    for _ in range(2):
        _ARCHIVES.release()


def test_whoever_goes_on_asking_is_noted_once_and_may_again_after_the_hour(site: Flask, rita: FlaskClient):
    for _ in range(MOST + 3):
        rita.get("/applications.csv").get_data()
    assert noted(site) == [Action.EXPORTED] * MOST + [Action.EXPORTS_STOPPED]
    with site.app_context():
        db.session.execute(update(LoginThrottle).values(window_ends_at=utcnow() - timedelta(seconds=1)))
        db.session.commit()
    assert rita.get("/applications.csv").status_code == 200


def test_what_one_took_counts_against_nobody_else_and_reading_goes_on(site: Flask, rita: FlaskClient):
    for _ in range(MOST + 1):
        last = rita.get("/applications.csv")
    assert last.status_code == 429
    assert signed_in_client(site, "recruiter").get("/applications.csv").status_code == 200
    assert rita.get(f"/applications/{applied(site)}").status_code == 200


def test_of_a_count_that_breaks_off_nothing_is_kept(site: Flask, rita: FlaskClient, monkeypatch: pytest.MonkeyPatch):
    def break_off(session: Session, *_: Any, **__: Any) -> None:
        session.execute(update(LoginThrottle).values(failures=MOST + 7))
        raise OperationalError("UPDATE", {}, Exception("database or disk is full"))

    monkeypatch.setattr(throttle, "begin_export", break_off)
    assert rita.get("/applications.csv").status_code == 503
    with site.app_context():
        assert db.session.scalars(select(LoginThrottle.failures)).all() == [1]


def test_those_who_run_it_read_that_somebody_reached_it_and_who(site: Flask, rita: FlaskClient):
    for _ in range(MOST + 1):
        rita.get("/applications.csv").get_data()
    page = rita.get("/admin").text
    assert "A user reached the export limit within the last hour." in page
    assert "/admin/audit?action=exports_stopped" in page
    assert "hr-admin@example.com" in rita.get("/admin/audit?action=exports_stopped").text


def test_nothing_is_counted_where_there_is_no_limit(make_app: MakeApp, sqlite_url: str):
    site = make_app(sqlite_url, exports_per_hour=0)
    client = signed_in_client(site, "recruiter")
    assert [client.get("/applications.csv").status_code for _ in range(70)] == [200] * 70
    with site.app_context():
        assert db.session.scalars(select(LoginThrottle)).all() == []


def test_an_export_is_counted_apart_from_signing_in(site: Flask, rita: FlaskClient):
    with site.app_context():
        keys = set(db.session.scalars(select(LoginThrottle.key)))
        assert keys == {throttle._hash("exports of user 1")}
