"""How everything stands is read in one statement, judged once, and said in words."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event
from sqlalchemy.orm import Session

from config import Config
from dashboard.audit_actions import Action
from dashboard.models import Alert, Delivery, Outbound, SyncKind, SyncRun, SyncState
from dashboard.models.outbound import Channel, State
from dashboard.services import accounts, audit, problems, refusals, secret_uses, standing, sync, violations
from dashboard.services.audit import Subject
from dashboard.services.files import LocalFiles
from dashboard.services.heartbeat import beat
from dashboard.services.problems import KINDS
from dashboard.services.refusals import Tally
from dashboard.services.standing import Disk, Machine, Standing
from dashboard.tls import Certificate
from tests.certificates import issue
from tests.colleagues import do
from tests.outbox_fixtures import NOON

KEY = "for the tests only, nothing is secret"
SOUND = Machine("SQLite", True, "", ())


def config(**settings: object) -> Config:
    return Config(**{"secret_key": KEY, "talroo_webhook_secrets": ("one",), **settings})  # type: ignore[arg-type]


def delivery(number: int, **changes: object) -> Delivery:
    told = {"key": f"event:{number}", "source": "pushed", "received_at": NOON, "timing": "fresh", "status": "accepted"}
    return Delivery(**{**told, "body": b"{}", "size": 2, **changes})


def found(stands: Standing, *, machine: Machine = SOUND, now=NOON, **settings: object) -> list[str]:
    return [one.kind for one in problems.find(stands, {}, machine, config(**settings), now).problems]


WELL = Standing(migrated=True, beat_at=NOON, last_pushed_at=NOON)


def test_an_empty_database_has_nothing_to_tell_but_that_no_worker_runs(session: Session):
    stands = standing.read(session, NOON)
    assert (stands.last_arrival, stands.last_pushed_at, stands.clock, stands.beat_at) == (None, None, None, None)
    assert stands.migrated
    assert found(stands) == ["worker"]


def test_everything_is_read_in_one_statement(session: Session, engine: Engine):
    hours = timedelta(hours=1)
    signed = f"t={int(NOON.timestamp()) - 4},v1=00"
    session.add_all([delivery(number, signature=signed, remote_addr="192.0.2.1") for number in range(3)])
    session.add(delivery(3, source="pulled", received_at=NOON + hours))
    session.add(delivery(4, source="test", received_at=NOON + 2 * hours))
    session.add(delivery(5, status="kept", timing="late", again_at=NOON, signature="t=1,v1=00"))
    session.add(
        delivery(6, status="quarantined", timing="expired", signature="t=1,v1=00", received_at=NOON - 30 * hours)
    )
    told = {"event": "2", "event_time": NOON, "created_at": NOON, "due_at": NOON}
    states = {"a": (State.WAITING, 0), "b": (State.WAITING, 2), "c": (State.SENDING, 0), "d": (State.PARKED, 9)}
    for key, (state, failures) in states.items():
        session.add(Outbound(channel=Channel.REMINDER, business_key=key, state=state, failures=failures, **told))
    session.add(Outbound(channel=Channel.ALERT, business_key="e", state=State.SENT, sent_at=NOON, **told))
    session.add(Alert(kind="kept", began_at=NOON))
    session.add(Alert(kind="disk", began_at=NOON, ended_at=NOON))
    refusals.add(session, [Tally.once("missing", "192.0.2.1", NOON), Tally.once("missing", "192.0.2.2", NOON)])
    refusals.add(session, [Tally.once("expired", "192.0.2.1", NOON - 3 * hours)])
    refusals.add(session, [Tally.once("clock", "192.0.2.1", NOON - 30 * hours)])
    for directive, page, hours_ago in (("img-src", "/login", 0), ("img-src", "/login", 1), ("style-src", "/", 30)):
        refusals.add(session, [violations.tally(directive, page, NOON - hours_ago * hours)])
    refusals.add(session, [violations.tally("font-src", "/me", NOON)])
    secret_uses.note(session, {("METRICS_TOKEN", "12345678"): NOON})
    session.commit()
    beat(lambda: session, "worker", now=NOON)
    sent = []
    event.listen(engine, "before_cursor_execute", lambda *told: sent.append(told[2]))
    stands = standing.read(session, NOON)
    assert len([one for one in sent if not one.startswith("BEGIN")]) == 1
    assert stands.last_arrival == ("pulled", NOON + hours)
    assert stands.last_pushed_at == NOON
    assert stands.arrived == {"accepted": 5, "kept": 1}
    assert stands.by_source == {"pushed": 4, "pulled": 1}
    assert stands.by_timing == {"late": 1}
    assert stands.waiting == {"kept": 1, "quarantined": 1}
    assert (stands.again, stands.tests, stands.clock) == (1, 1, 4)
    assert stands.refused == {"missing": (2, NOON), "expired": (1, NOON - 3 * hours)}
    assert stands.refused_lately == {"missing": 2}
    assert stands.refused_known == {"missing": 1}
    assert stands.violations == [("img-src", "/login", 2, NOON), ("font-src", "/me", 1, NOON)]
    assert stands.uses == {("METRICS_TOKEN", "12345678"): NOON}
    assert stands.backlog(Channel.REMINDER) == (3, 1)
    assert stands.outbox["reminder", "retrying"] == 1
    assert stands.last_sent == {"alert": NOON}
    assert stands.alerts == {"kept": NOON}
    assert stands.beat_at == NOON


def test_where_all_is_well_nothing_is_wrong():
    assert found(WELL) == []
    assert problems.find(WELL, {}, SOUND, config(), NOON).words == "Everything works."


@pytest.mark.parametrize(
    ("settings", "kinds"),
    [
        ({"talroo_webhook_secrets": ()}, ["no_secret"]),
        ({"public_url": "http://jobs.example.com"}, ["not_https"]),
        ({"public_url": "https://jobs.example.com"}, []),
        ({"public_url": "http://localhost:8000"}, []),
        ({"public_url": "http://[::1]:8000"}, []),
    ],
)
def test_settings_that_cannot_work_are_named(settings: dict[str, object], kinds: list[str]):
    assert found(WELL, **settings) == kinds


def test_silence_is_told_once_something_ever_came_and_not_when_it_is_turned_off():
    later = NOON + timedelta(hours=25)
    awake = Standing(migrated=True, beat_at=later, last_pushed_at=NOON)
    assert found(awake, now=later) == ["stopped"]
    assert found(awake, now=later, alert_silence_hours=0) == []
    assert found(awake, now=later, alert_silence_hours=26) == []
    assert found(Standing(migrated=True, beat_at=later), now=later) == []


def test_who_never_sent_anything_right_is_told_of_on_the_page_alone_and_only_for_a_try():
    lately = {"mismatch": 4, "too_large": 1, "missing": 90, "malformed": 90, "host": 90}
    stands = replace(WELL, refused_lately=lately)
    (problem,) = problems.find(stands, {}, SOUND, config(), NOON).problems
    assert (problem.kind, problem.of.mails, problem.of.serious) == ("strangers", False, False)
    assert (
        "from unknown addresses were refused within the last hour: wrong signature (4), too large (1)." in problem.words
    )
    both = replace(WELL, refused_lately={"mismatch": 9, "host": 9}, refused_known={"mismatch": 4, "host": 4})
    assert found(both) == ["refused", "strangers"]
    assert found(replace(WELL, refused_lately={"host": 90})) == []


def test_whoever_takes_a_lot_is_told_of(session: Session):
    ann, ben = (
        do(session, accounts.new_user, f"{name}@example.com", "recruiter", "!", now=NOON).id for name in ("ann", "ben")
    )

    def note(action: Action, user_id: int, number: int, hours_ago: int = 0) -> None:
        at, subject = NOON - timedelta(hours=hours_ago), Subject("application", f"{user_id}-{number}")
        do(session, audit.note, action, at=at, user_id=user_id, subject=subject)

    for number in range(4):
        note(Action.APPLICATION_VIEWED, ann, number, hours_ago=2)
    note(Action.EXPORTS_STOPPED, ann, 1, hours_ago=2)
    for number in (1, 2, 2, 3):
        note(Action.APPLICATION_VIEWED, ann, number)
    note(Action.APPLICATION_VIEWED, ben, 9)
    stands = standing.read(session, NOON)
    assert (stands.looks, stands.exports_stopped) == (3, 0)
    note(Action.EXPORTS_STOPPED, ben, 1)
    assert standing.read(session, NOON).exports_stopped == 1
    assert found(replace(WELL, exports_stopped=1, looks=problems.LOOKS_AT_MOST)) == ["exports"]
    (problem,) = problems.find(replace(WELL, looks=1_501), {}, SOUND, config(), NOON).problems
    assert problem.words == "One user opened 1,501 applications within the last hour."
    assert problem.of.mails


def test_serious_things_stand_first_and_the_sentence_counts_them():
    stands = Standing(migrated=True, beat_at=NOON, waiting={"kept": 3}, clock=-90.0)
    machine = Machine("SQLite", True, "PermissionError", (Disk("Database", 1_000, 10_000),))
    verdict = problems.find(stands, {}, machine, config(), NOON)
    assert [one.kind for one in verdict.problems] == ["files", "disk", "clock", "kept"]
    assert verdict.words == "4 problems need attention."
    assert verdict.problems[2].words == "Signatures are 90 s ahead of this clock when they arrive."
    assert all(one.kind in KINDS for one in verdict.problems)


TLS = {"public_url": "https://jobs.example.com", "tls_cert": "/tls/cert.pem", "tls_key": "/tls/key.pem"}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, []),
        ({"ends": NOON + timedelta(days=14, hours=-1)}, ["The certificate in TLS_CERT ends in 13 days."]),
        ({"ends": NOON + timedelta(hours=30)}, ["The certificate in TLS_CERT ends in 1 day."]),
        ({"ends": NOON + timedelta(hours=3)}, ["The certificate in TLS_CERT ends in less than a day."]),
        ({"ends": NOON - timedelta(days=2, hours=1)}, ["The certificate in TLS_CERT ended 2 days ago."]),
        ({"names": ("a.example.com",)}, ["The certificate in TLS_CERT is not for the name in PUBLIC_URL."]),
        ({"open_key": True}, ["Everybody on this machine can read the key in TLS_KEY."]),
    ],
)
def test_what_is_wrong_with_a_certificate_is_said(changes: dict[str, Any], words: list[str]):
    right = Certificate(NOON - timedelta(days=9), NOON + timedelta(days=60), ("jobs.example.com",))
    machine = replace(SOUND, certificate=replace(right, **changes))
    told = problems.find(WELL, {}, machine, config(**TLS), NOON).problems
    assert [one.words for one in told] == words


def test_a_certificate_that_is_gone_is_told_before_the_next_start_fails(session: Session, tmp_path: Path):
    files = LocalFiles(tmp_path / "files")
    gone = standing.machine(session, config(**TLS), files)
    (problem,) = problems.find(WELL, {}, gone, config(**TLS), NOON).problems
    why = "TLS_CERT: /tls/cert.pem cannot be read (No such file or directory)"
    assert problem.words == f"The certificate in TLS_CERT can’t be used ({why})."
    assert problem.of.mails
    issued = issue(tmp_path, "jobs.example.com")
    there = TLS | dict(zip(("tls_cert", "tls_key"), issued.tls, strict=True))
    machine = standing.machine(session, config(**there), files)
    assert isinstance(machine.certificate, Certificate)
    assert found(WELL, machine=machine, **there) == []
    assert standing.machine(session, config(), files).certificate is None


def test_the_disks_of_database_and_files_are_told_once_where_they_are_one(session: Session, tmp_path: Path):
    url = f"sqlite:///{tmp_path}/dashboard.db"
    files = LocalFiles(tmp_path / "files")
    told = standing.machine(session, config(database_url=url, files_url=f"file://{tmp_path}/files"), files)
    (disk,) = told.disks
    assert disk.what == "Database and files"
    assert 0 < disk.free <= disk.total
    assert told.files_problem == ""
    assert told.database.startswith(("SQLite 3.", "PostgreSQL 1"))
    assert (
        standing.machine(session, config(database_url="postgresql+psycopg://a/b", files_url="s3://b/c"), files).disks
        == ()
    )


def test_all_pulls_are_read_in_one_statement_as_one_by_one(session: Session, engine: Engine):
    told = {"trigger": "worker", "since": NOON}
    ended = SyncRun(kind="completed", started_at=NOON, finished_at=NOON, state="done", **told)
    runs = [
        SyncRun(kind="incomplete", started_at=NOON - timedelta(hours=3), finished_at=NOON, state="failed", **told),
        SyncRun(kind="incomplete", started_at=NOON, state="running", **told),
        ended,
    ]
    session.add_all(runs)
    session.flush()
    session.add(SyncState(kind="incomplete", run_id=runs[1].id, lease_until=NOON + timedelta(minutes=1), asked_at=NOON))
    session.commit()
    each = {kind: sync.status(session, kind, now=NOON, interval=900) for kind in SyncKind}
    session.expire_all()
    sent = []
    event.listen(engine, "before_cursor_execute", lambda *told: sent.append(told[2]))
    assert sync.statuses(session, now=NOON, interval=900) == each
    assert len(sent) == 1
    assert each[SyncKind.INCOMPLETE].running is runs[1]
    assert each[SyncKind.COMPLETED].last is ended


def test_what_nobody_ever_pulled_can_have_been_asked_for(session: Session):
    session.add(SyncState(kind="incomplete", asked_at=NOON))
    session.commit()
    told = sync.statuses(session, now=NOON, interval=900)
    assert (told[SyncKind.INCOMPLETE].asked, told[SyncKind.COMPLETED].asked) == (True, False)


# --- secrets --------------------------------------------------------------------------------------------------------


def told_of(uses: dict[str, timedelta], *secrets: str) -> list[tuple[str, bool]]:
    used = {
        (secret_uses.WEBHOOK, secret_uses.fingerprint(KEY, secret_uses.WEBHOOK, name)): NOON - ago
        for name, ago in uses.items()
    }
    known = secret_uses.known(config(talroo_webhook_secrets=secrets), used, NOON)
    return [(one.advice, one.can_go) for one in known]


def test_rotating_a_secret_is_overlap_observe_retire():
    minute, week = timedelta(minutes=1), timedelta(days=8)
    (only,) = told_of({}, "one")
    assert only == ("Talroo has not signed with it yet.", False)
    new, old = told_of({"one": minute}, "two", "one")
    assert new == ("Talroo does not use it yet. Keep the older one until then.", False)
    assert old == ("Keep it. Talroo may still sign with it.", False)
    new, old = told_of({"two": minute, "one": timedelta(hours=20)}, "two", "one")
    assert (new[1], old) == (False, ("Keep it. Talroo may still sign with it.", False))
    new, old = told_of({"two": minute, "one": week}, "two", "one")
    assert (new[1], old[1]) == (False, True)


def test_every_secret_that_is_set_is_named_and_none_is_told():
    secrets = {
        "talroo_webhook_secrets": ("a webhook secret",),
        "talroo_client_id": "id",
        "talroo_client_secret": "a client secret",
        "click_api_token": "a click token",
        "metrics_token": "a metrics token",
        "mail_url": "smtp://user:a-password@mail.example.com",
    }
    known = secret_uses.known(config(**secrets), {}, NOON)
    assert [one.setting for one in known] == [
        *("TALROO_WEBHOOK_SECRETS", "TALROO_CLIENT_SECRET", "MAIL_URL", "CLICK_API_TOKEN", "METRICS_TOKEN")
    ]
    assert not any(secret in repr(known) for secret in ("a webhook", "a client", "a click", "a metrics", "a-password"))
    assert secret_uses.mail_log_in(config(mail_url="smtp://mail.example.com")) is None
