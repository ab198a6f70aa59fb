"""Those who run the dashboard are told by mail: when something begins, daily while it lasts, and when it is over."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from sqlalchemy import Engine, select, update
from sqlalchemy.orm import Session

from dashboard.models import Alert, Delivery, Outbound, SyncRun, User
from dashboard.models.outbound import Channel, State
from dashboard.models.watch import SIGNED, Reason
from dashboard.services import accounts, alerts, problems, refusals
from dashboard.services.alerts import CALM
from dashboard.services.heartbeat import beat
from dashboard.services.problems import KINDS, Problem
from dashboard.services.refusals import Tally
from dashboard.worker import Worker
from tests.outbox_fixtures import NOON, Clock
from tests.smtp import MailServer

MakeWorker = Callable[..., Worker]
NOWHERE = "http://127.0.0.1:9"
TALROO = "198.51.100.7"
PASSWORD = "correct horse battery"


@pytest.fixture
def server() -> Iterator[MailServer]:
    with MailServer() as running:
        yield running


@pytest.fixture
def worker(make_worker: MakeWorker, server: MailServer) -> Worker:
    return make_worker(
        NOWHERE,
        mail_url=server.url,
        mail_from="dashboard@example.com",
        alert_disk_free=0,
        public_url="http://127.0.0.1:1",
    )


@pytest.fixture
def receiving(make_worker: MakeWorker, server: MailServer) -> Worker:
    """One of a dashboard that Talroo sends to."""
    settings = {"mail_url": server.url, "mail_from": "dashboard@example.com", "alert_disk_free": 0}
    return make_worker(NOWHERE, **settings, talroo_webhook_secrets=("one",))


@pytest.fixture
def rita(session: Session) -> User:
    """Runs the dashboard."""
    return add(session, "rita@example.com", "it_admin")


def add(session: Session, email: str, role: str, **changes: object) -> User:
    user = accounts.add_user(session, email, PASSWORD, role, now=NOON)
    for name, value in changes.items():
        setattr(user, name, value)
    session.commit()
    return user


def arrive(session: Session, number: int, **changes: object) -> Delivery:
    told = {
        "key": f"event:{number}",
        "source": "pushed",
        "received_at": NOON,
        "timing": "fresh",
        "body": b"{}",
        "size": 2,
    }
    delivery = Delivery(**{**told, "status": "accepted", **changes})
    session.add(delivery)
    session.commit()
    return delivery


def subjects(server: MailServer) -> list[str]:
    return [str(mail.message["Subject"]) for mail in server.mails]


def run(worker: Worker) -> None:
    """What is noticed in one round is sent in it, or in the next."""
    for _ in range(2):
        worker.once()


@pytest.mark.usefixtures("rita")
def test_one_mail_when_it_begins_one_a_day_while_it_lasts_and_one_when_it_is_over(
    session: Session, clock: Clock, server: MailServer, worker: Worker
):
    arrive(session, 1)
    run(worker)
    assert subjects(server) == []
    clock.advance(hours=25)
    run(worker)
    run(worker)
    assert subjects(server) == ["Talroo dashboard: Nothing has come from Talroo for 25 hours."]
    told = server.mails[0].message.get_content()
    assert "Send a test application" in told
    assert "http://127.0.0.1:1/me" in told
    assert server.mails[0].to == ("rita@example.com",)
    clock.advance(hours=23)
    run(worker)
    assert len(server.mails) == 1
    clock.advance(hours=2)
    run(worker)
    assert subjects(server)[1:] == ["Talroo dashboard: Still: Nothing has come from Talroo for 50 hours."]
    arrive(session, 2, received_at=clock.now)
    run(worker)
    clock.advance(minutes=14)
    run(worker)
    assert len(server.mails) == 2
    clock.advance(minutes=2)
    run(worker)
    run(worker)
    assert subjects(server)[2:] == ["Talroo dashboard: Over: Nothing has come from Talroo for 50 hours."]
    (alert,) = session.scalars(select(Alert)).all()
    assert alert.ended_at == NOON + timedelta(hours=50)


@pytest.mark.usefixtures("rita")
def test_what_comes_and_goes_is_one_trouble_and_one_mail(
    session: Session, clock: Clock, server: MailServer, worker: Worker
):
    kept = arrive(session, 1, status="kept")
    run(worker)
    for _ in range(3):
        for status in ("accepted", "kept"):
            kept.status = status
            session.commit()
            clock.advance(minutes=5)
            run(worker)
    assert subjects(server) == ["Talroo dashboard: 1 delivery could not be read and needs review."]
    assert len(session.scalars(select(Alert)).all()) == 1


def test_only_those_are_told_who_run_the_dashboard_and_want_it(session: Session, server: MailServer, worker: Worker):
    add(session, "rita@example.com", "it_admin")
    add(session, "hana@example.com", "hr_admin")
    add(session, "rob@example.com", "recruiter")
    add(session, "quiet@example.com", "it_admin", alert_mail=False)
    add(session, "left@example.com", "it_admin", active=False)
    arrive(session, 1, status="kept")
    run(worker)
    assert sorted(mail.to for mail in server.mails) == [("hana@example.com",), ("rita@example.com",)]


def test_what_is_over_or_unwanted_by_then_is_not_told(session: Session, clock: Clock, rita: User):
    wrong = [Problem("kept", {"number": 1})]
    alerts.keep(session, wrong, NOON, can_mail=True)
    session.commit()
    row = session.scalars(select(Outbound).where(Outbound.channel == Channel.ALERT)).one()
    assert isinstance(alerts.mail(session, row, NOWHERE), alerts.Mail)
    rita.alert_mail = False
    assert alerts.mail(session, row, NOWHERE) == alerts.UNWANTED_WORDS
    rita.alert_mail = True
    session.scalars(select(Alert)).one().ended_at = clock.now
    assert alerts.mail(session, row, NOWHERE) == alerts.OVER_WORDS


@pytest.mark.usefixtures("rita")
def test_a_mail_of_which_an_upgrade_knows_no_words_is_parked_and_holds_nobody_up(
    session: Session, clock: Clock, server: MailServer, worker: Worker
):
    alerts.keep(session, [Problem("kept", {"number": 1})], NOON, can_mail=True)
    session.execute(update(Alert).values(kind="what an older version called it"))
    session.commit()
    arrive(session, 1, status="kept")
    clock.advance(minutes=1)
    run(worker)
    told = ("1 delivery could not be read and needs review.", "Failed: 1 alert email.")
    assert subjects(server) == [f"Talroo dashboard: {subject}" for subject in told]
    session.rollback()
    rows = session.scalars(select(Outbound).where(Outbound.channel == Channel.ALERT).order_by(Outbound.id)).all()
    assert [(row.state, row.attempts) for row in rows] == [(State.PARKED, 0), (State.SENT, 1), (State.SENT, 1)]
    assert rows[0].last_answer == "could not be put into a request (KeyError)"


@pytest.mark.usefixtures("rita")
def test_without_a_mail_server_it_is_noted_and_told_once_there_is_one(
    session: Session, make_worker: MakeWorker, server: MailServer, worker: Worker
):
    arrive(session, 1, status="quarantined")
    make_worker(NOWHERE, alert_disk_free=0).once()
    assert [alert.told_at for alert in session.scalars(select(Alert))] == [None]
    run(worker)
    assert subjects(server) == ["Talroo dashboard: 1 delivery is in quarantine: signed by Talroo, but too long ago."]


@pytest.mark.usefixtures("rita")
def test_two_workers_who_look_at_once_open_one_alert(engine: Engine, session: Session):
    wrong = [Problem("kept", {"number": 1})]
    with Session(engine) as one:
        alerts.keep(one, wrong, NOON, can_mail=True)
        one.commit()
    alerts.keep(session, wrong, NOON, can_mail=True)
    session.commit()
    assert len(session.scalars(select(Alert)).all()) == 1
    assert len(session.scalars(select(Outbound)).all()) == 1


def test_nothing_is_written_while_nothing_changes(session: Session):
    wrong = [Problem("kept", {"number": 1}), Problem("worker")]
    assert alerts.changes(session, wrong, NOON, can_mail=True)
    alerts.keep(session, wrong, NOON, can_mail=True)
    session.commit()
    assert not alerts.changes(session, wrong, NOON + timedelta(hours=1), can_mail=True)
    assert alerts.changes(session, wrong, NOON + timedelta(hours=25), can_mail=True)
    assert alerts.changes(session, [], NOON, can_mail=True)
    alerts.keep(session, [], NOON, can_mail=True)
    session.commit()
    assert not alerts.changes(session, [], NOON + CALM / 2, can_mail=True)
    assert alerts.changes(session, [], NOON + CALM, can_mail=True)


@pytest.mark.usefixtures("rita")
def test_refusals_are_told_of_from_the_fifth_within_an_hour(session: Session, server: MailServer, receiving: Worker):
    arrive(session, 1, remote_addr=TALROO)
    refusals.add(session, [Tally.once("mismatch", TALROO, NOON) for _ in range(3)])
    refusals.add(session, [Tally.once("mismatch", TALROO, NOON - timedelta(hours=3))])
    refusals.add(session, [Tally.once("host", TALROO, NOON)])
    session.commit()
    run(receiving)
    assert subjects(server) == []
    refusals.add(session, [Tally.once("expired", "192.0.2.9", NOON)])
    session.commit()
    run(receiving)
    (told,) = subjects(server)
    assert told.startswith(
        "Talroo dashboard: 5 deliveries were refused within the last hour: wrong signature (3), signature"
    )
    assert told.endswith(", signature too old (1), another host name than PUBLIC_URL’s (1).")
    assert "http://127.0.0.1:8000/admin/deliveries?status=refused" in server.mails[0].message.get_content()


BY_ANYBODY = [reason for reason in Reason if reason not in (*SIGNED, Reason.NO_SECRET)]


@pytest.mark.usefixtures("rita")
@pytest.mark.parametrize("addresses", [["203.0.113.9"], [f"203.0.113.{number}" for number in range(90)]])
def test_no_stranger_can_have_anybody_written_to(
    session: Session, server: MailServer, receiving: Worker, addresses: list[str]
):
    arrive(session, 1, remote_addr=TALROO)
    arrive(session, 2, remote_addr=None)
    arrive(session, 3, remote_addr="203.0.113.9", source="test")
    tallies = [Tally.once(reason, address, NOON) for reason in BY_ANYBODY for address in addresses * 9]
    refusals.add(session, tallies)
    session.commit()
    run(receiving)
    assert subjects(server) == []
    assert session.scalars(select(Alert)).all() == []


@pytest.mark.usefixtures("rita")
def test_what_others_can_cause_is_told_of_once_a_day_however_often_it_comes(session: Session):
    refused = [Problem("refused", {"number": 5, "reasons": "wrong signature (5)"})]
    for hour in range(0, 48, 2):
        alerts.keep(session, refused, NOON + timedelta(hours=hour), can_mail=True)
        alerts.keep(session, [], NOON + timedelta(hours=hour, minutes=10), can_mail=True)
        alerts.keep(session, [], NOON + timedelta(hours=hour, minutes=30), can_mail=True)
    occasions = session.scalars(select(Outbound.event).where(Outbound.channel == Channel.ALERT).order_by(Outbound.id))
    assert [event.partition(":")[0] for event in occasions] == ["begun", "over", "begun", "over"]


@pytest.mark.usefixtures("rita")
def test_a_failed_pull_and_what_stopped_are_told_of(session: Session, server: MailServer, make_worker: MakeWorker):
    told = {"event": "2", "event_time": NOON, "created_at": NOON, "due_at": NOON}
    session.add(Outbound(channel=Channel.CONVERSION, business_key="a", state=State.PARKED, **told))
    run_of = {"kind": "incomplete", "trigger": "worker", "started_at": NOON, "since": NOON}
    session.add(SyncRun(state="failed", problem="Talroo refuses the App Client {x}.", finished_at=NOON, **run_of))
    session.commit()
    worker = make_worker(
        NOWHERE,
        mail_url=server.url,
        mail_from="dashboard@example.com",
        alert_disk_free=0,
        talroo_client_id="a",
        talroo_client_secret="b",
        talroo_api_url=NOWHERE,
        talroo_sync_interval=0,
    )
    run(worker)
    assert sorted(subjects(server)) == [
        "Talroo dashboard: Failed: 1 report.",
        "Talroo dashboard: The last import of incomplete applications from Talroo failed.",
    ]


@pytest.mark.usefixtures("rita")
def test_a_disk_that_is_nearly_full_is_told_of(server: MailServer, make_worker: MakeWorker):
    worker = make_worker(NOWHERE, mail_url=server.url, mail_from="dashboard@example.com", alert_disk_free=10**12)
    run(worker)
    assert len(server.mails) <= 1
    assert all(subject.startswith("Talroo dashboard: The disk is nearly full:") for subject in subjects(server))


def test_every_kind_has_words_for_its_figures():
    figures = {
        "problem": "OSError", "free": 12, "what": "Database", "hours": 25, "number": 5,
        "reasons": "wrong signature (5)", "seconds": 90, "direction": "old",
    }  # fmt: skip
    for kind in KINDS:
        problem = Problem(kind, figures)
        assert "{" not in problem.words + problem.advice
        assert problem.words.endswith(".")


def test_a_worker_is_wrong_on_the_page_alone():
    assert [kind for kind, told in KINDS.items() if not told.mails] == [
        "no_secret", "not_https", "other_name", "open_key", "migration", "worker", "strangers", "retrying", "clock",
    ]  # fmt: skip
    assert beat is not None
    assert problems.Verdict(()).words == "Everything works."
