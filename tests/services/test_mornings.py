"""One morning mail a local day, at six where its reader is: planned, queued, sent, or left out with a word why."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from dashboard.database import start_writing
from dashboard.mail_address import NO_ADDRESS_WORDS
from dashboard.models import Outbound, User
from dashboard.models.outbound import Channel, State
from dashboard.services import mornings, queueing
from dashboard.worker import Worker
from tests.colleagues import do
from tests.outbox_fixtures import NOON, Clock, add_applicant, add_recruiter, all_at_once
from tests.reminder_fixtures import MAIL_SETTINGS
from tests.smtp import Mail, MailServer

MakeWorker = Callable[..., Worker]
NOWHERE = "http://127.0.0.1:9"
CHICAGO = "America/Chicago"
SIX = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
"""Six in Chicago, the morning after `NOON`."""


@pytest.fixture
def rita(session: Session) -> User:
    """Wants to be told every morning, in Chicago; somebody applied since yesterday's."""
    user = add_recruiter(session)
    add_applicant(session, arrived_at=SIX - timedelta(hours=5))
    do(session, mornings.want, user.id, zone=CHICAGO, now=NOON)
    return user


@pytest.fixture
def clock() -> Clock:
    return Clock(SIX)


@pytest.fixture
def server() -> Iterator[MailServer]:
    with MailServer() as running:
        yield running


@pytest.fixture
def worker(make_worker: MakeWorker, server: MailServer) -> Worker:
    return make_worker(NOWHERE, mail_url=server.url, **MAIL_SETTINGS)


def rows(session: Session) -> list[Outbound]:
    session.rollback()
    return list(session.scalars(select(Outbound).where(Outbound.channel == Channel.MORNING).order_by(Outbound.id)))


def stands(session: Session) -> list[tuple[str, str | None]]:
    return [(row.state, row.last_answer) for row in rows(session)]


@pytest.mark.usefixtures("rita")
def test_it_goes_at_six_where_the_reader_is_and_says_how_to_get_no_more(
    session: Session, clock: Clock, server: MailServer, worker: Worker
):
    clock.now = SIX - timedelta(seconds=1)
    worker.once()
    assert server.mails == []
    clock.now = SIX
    for _ in range(2):
        worker.once()
    (mail,) = server.mails
    (row,) = rows(session)
    assert (row.state, row.event, row.business_key.partition(":")[0]) == (State.SENT, "2026-11-22", "morning")
    assert mail.to == ("rita@example.com",)
    assert mail.message["Subject"] == "Talroo dashboard: 1 new application"
    assert mail.message["List-Unsubscribe"] == "<https://jobs.example.com/me>"
    assert mail.message["List-Unsubscribe-Post"] is None
    assert mail.message["Auto-Submitted"] == "auto-generated"
    assert "To stop these emails: https://jobs.example.com/me" in mail.text


@pytest.mark.usefixtures("rita")
def test_each_morning_has_its_own_and_one_with_nothing_to_tell_has_none(
    session: Session, clock: Clock, server: MailServer, worker: Worker
):
    for _ in range(3):
        worker.once()
        clock.advance(days=1)
    assert len(server.mails) == 1
    assert [state for state, _ in stands(session)] == [State.SENT, State.CANCELLED, State.CANCELLED]
    assert rows(session)[1].last_answer == mornings.NOTHING_WORDS
    add_applicant(session, arrived_at=clock.now - timedelta(hours=23))
    worker.once()
    assert [mail.message["Subject"] for mail in server.mails] == ["Talroo dashboard: 1 new application"] * 2


@pytest.mark.usefixtures("rita")
@pytest.mark.parametrize(("hours", "sent"), [(5.9, 1), (6, 0), (17, 0), (24 + 5.9, 1)])
def test_a_worker_that_comes_late_still_sends_before_noon_and_not_later(
    session: Session, clock: Clock, server: MailServer, worker: Worker, hours: float, sent: int
):
    clock.advance(hours=hours)
    add_applicant(session, arrived_at=clock.now - timedelta(hours=1))
    worker.once()
    assert len(server.mails) == len(rows(session)) == sent
    clock.now = SIX + timedelta(days=2)
    add_applicant(session, arrived_at=clock.now)
    worker.once()
    assert len(server.mails) == sent + 1


@pytest.mark.usefixtures("rita")
def test_a_server_that_will_not_take_it_is_asked_again_until_noon(
    session: Session, clock: Clock, make_worker: MakeWorker
):
    with MailServer(answer=lambda _: "452 4.3.1 full") as full:
        worker = make_worker(NOWHERE, mail_url=full.url, **MAIL_SETTINGS)
        worker.once()
        ((state, answer),) = stands(session)
        assert (state, answer) == (State.WAITING, "4.3.1 full")
        clock.advance(hours=6)
        worker.once()
    assert stands(session) == [(State.CANCELLED, mornings.OVER_WORDS)]


@pytest.mark.usefixtures("rita")
def test_one_that_is_refused_stops_the_next_day_has_its_own_and_trying_again_puts_it_away(
    session: Session, clock: Clock, make_worker: MakeWorker
):
    said = ["554 5.7.1 no"]
    taken: list[Mail] = []
    with MailServer(answer=lambda mail: said.pop() if said else taken.append(mail)) as server:
        worker = make_worker(NOWHERE, mail_url=server.url, **MAIL_SETTINGS)
        worker.once()
        assert stands(session) == [(State.PARKED, "5.7.1 no")]
        clock.advance(days=1)
        add_applicant(session, arrived_at=clock.now)
        worker.once()
        assert [row.state for row in rows(session)] == [State.PARKED, State.SENT]
        queueing.retry_all(session, now=clock.now, only=Outbound.channel == Channel.MORNING)
        session.commit()
        worker.once()
    assert stands(session)[0] == (State.CANCELLED, mornings.OVER_WORDS)
    assert len(taken) == 1


def test_what_was_turned_off_after_it_was_queued_is_not_sent(
    session: Session, rita: User, server: MailServer, worker: Worker
):
    do(session, mornings.queue_due, SIX)
    do(session, mornings.want_none, rita.id)
    worker.once()
    assert (stands(session), server.mails) == ([(State.CANCELLED, mornings.TURNED_OFF_WORDS)], [])


@pytest.mark.parametrize("change", [{"role": "it_admin"}, {"active": False}])
def test_whoever_may_not_see_applications_any_more_gets_none(
    session: Session, rita: User, worker: Worker, change: dict[str, object]
):
    for name, value in change.items():
        setattr(rita, name, value)
    session.commit()
    worker.once()
    assert rows(session) == []


def test_a_user_whose_address_is_none_is_told_so_and_nothing_is_refused(session: Session, rita: User, worker: Worker):
    rita.email = "rita@localhost@"
    session.commit()
    worker.once()
    assert stands(session) == [(State.CANCELLED, NO_ADDRESS_WORDS)]


@pytest.mark.usefixtures("rita")
def test_without_a_mail_server_nothing_is_queued_and_it_begins_once_there_is_one(
    session: Session, clock: Clock, make_worker: MakeWorker, server: MailServer
):
    make_worker(NOWHERE).once()
    assert rows(session) == []
    clock.advance(days=3)
    add_applicant(session, arrived_at=clock.now)
    make_worker(NOWHERE, mail_url=server.url, **MAIL_SETTINGS).once()
    assert [row.event for row in rows(session)] == ["2026-11-25"]
    assert len(server.mails) == 1


def test_a_postal_address_is_not_needed_to_write_to_colleagues(
    session: Session, rita: User, make_worker: MakeWorker, server: MailServer
):
    settings = {**MAIL_SETTINGS, "mail_postal_address": None}
    make_worker(NOWHERE, mail_url=server.url, **settings).once()
    assert [mail.to for mail in server.mails] == [(rita.email,)]


def test_two_workers_at_once_queue_one(session: Session, rita: User, engine: Engine):
    def take_turn() -> None:
        with Session(engine) as own:
            start_writing(own)
            mornings.queue_due(own, SIX)
            own.commit()

    all_at_once(take_turn, take_turn, take_turn)
    assert [row.created_by_id for row in rows(session)] == [rita.id]


def test_whoever_travels_west_is_not_told_twice_of_one_day(
    session: Session, rita: User, clock: Clock, server: MailServer, worker: Worker
):
    worker.once()
    do(session, mornings.want, rita.id, zone="Pacific/Honolulu", now=clock.now)
    add_applicant(session, arrived_at=SIX + timedelta(minutes=1))
    clock.now = datetime(2026, 11, 22, 16, 0, tzinfo=UTC)
    worker.once()
    assert (len(server.mails), len(rows(session))) == (1, 1)


def test_saving_the_settings_again_keeps_a_mail_that_is_due(session: Session, rita: User):
    do(session, mornings.want, rita.id, zone=CHICAGO, now=SIX + timedelta(seconds=5))
    session.refresh(rita)
    assert rita.morning_at == SIX
    do(session, mornings.want_none, rita.id)
    assert not mornings.is_due(session, SIX)


ZONES = st.sampled_from(sorted(available_timezones() - {"localtime"}))
MOMENTS = st.integers(0, 12 * 365 * 86_400).map(
    lambda second: datetime(2024, 1, 1, tzinfo=UTC) + timedelta(seconds=second)
)


@given(ZONES, MOMENTS)
def test_every_local_day_has_one_morning_whatever_the_clocks_do(name: str, moment: datetime):
    zone = ZoneInfo(name)
    found = [mornings.next_morning(moment, zone)]
    assert timedelta() < found[0] - moment <= timedelta(hours=26)
    for _ in range(4):
        found.append(mornings.next_morning(found[-1], zone))
    there = [one.astimezone(zone) for one in found]
    assert {one.time() for one in there} == {time(6)}
    days = [one.date() for one in there]
    assert days == [days[0] + timedelta(days=number) for number in range(5)]
    assert mornings.morning_before(days[1].isoformat(), zone) == found[0]


@pytest.mark.parametrize("day", ["2026-03-08", "2026-11-01"])
def test_a_day_of_23_or_25_hours_has_its_mail_at_six(day: str):
    zone = ZoneInfo("America/New_York")
    before = mornings.morning_before(day, zone)
    assert mornings.next_morning(before, zone).astimezone(zone).isoformat()[:16] == f"{day}T06:00"
    assert mornings.next_morning(before, zone) - before != timedelta(hours=24)


def test_a_day_that_never_was_has_none_and_the_next_has_one():
    apia = ZoneInfo("Pacific/Apia")  # went from the 29th to the 31st of December 2011
    first = mornings.next_morning(datetime(2011, 12, 29, 6, tzinfo=apia), apia)
    second = mornings.next_morning(first, apia)
    assert [one.astimezone(apia).date().day for one in (first, second)] == [31, 1]
