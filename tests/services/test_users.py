"""Who may sign in: what two people do at once, and the mails that invite."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, func, select, update
from sqlalchemy.orm import Session

from dashboard.audit_actions import Action
from dashboard.database import start_writing
from dashboard.models import AccessLink, AuditEntry, Outbound, Purpose, Role, User
from dashboard.models.outbound import State
from dashboard.services import access_links, accounts, invitations, notices, passwords, users
from dashboard.services.activity import By
from dashboard.services.notices import Notice
from dashboard.worker import Worker
from tests.colleagues import by, do
from tests.outbox_fixtures import NOON, Clock
from tests.reminder_fixtures import MAIL_SETTINGS, SECRET
from tests.smtp import MailServer

NOWHERE = "http://127.0.0.1:9"
HASH = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ$aGFzaA"


def add_user(session: Session, email: str, role: Role = Role.HR_ADMIN) -> User:
    user: User = do(session, accounts.new_user, email, role, HASH, now=NOON)
    return user


def at_once(engine: Engine, *verbs: Callable[[Session], Any]) -> list[Any]:
    """What came of each, begun at the same moment as a writer of its own: its result, or the error it raised."""
    together = threading.Barrier(len(verbs))

    def run(verb: Callable[[Session], Any]) -> Any:
        with Session(engine, expire_on_commit=False) as session:
            together.wait()
            try:
                start_writing(session)
                done = verb(session)
                session.commit()
                return done
            except (accounts.AccountError, access_links.LinkOver) as problem:
                session.rollback()
                return problem

    with ThreadPoolExecutor(len(verbs)) as threads:
        return list(threads.map(run, verbs))


@pytest.mark.parametrize("round_number", range(5))
def test_of_two_administrators_who_end_each_other_at_once_one_stays(
    engine: Engine, session: Session, round_number: int
):
    ann, ben = (add_user(session, f"{name}@example.com").id for name in ("ann", "ben"))
    ends = [
        lambda one: users.set_role(one, ben, Role.RECRUITER, by(ann)),
        lambda one: users.deactivate(one, ann, by(ben)),
    ]
    done = at_once(engine, *ends)
    assert sum(isinstance(one, accounts.AccountError) for one in done) == 1
    session.rollback()
    left = select(func.count()).where(User.active.is_(True), User.role == Role.HR_ADMIN)
    assert session.scalar(left) == 1


def test_of_two_who_end_a_third_and_each_other_somebody_is_left(engine: Engine, session: Session):
    ids = [add_user(session, f"{name}@example.com", Role.IT_ADMIN).id for name in ("ann", "ben", "cy")]
    pairs = list(zip(ids, ids[1:] + ids[:1], strict=True))
    at_once(engine, *[lambda one, pair=pair: users.deactivate(one, pair[1], by(pair[0])) for pair in pairs])
    session.rollback()
    assert session.scalar(select(func.count()).where(User.active.is_(True))) in (1, 2)


@pytest.mark.parametrize("round_number", range(5))
def test_whoever_lost_the_right_to_manage_users_a_moment_ago_resets_nobodys_second_factor(
    engine: Engine, session: Session, round_number: int
):
    ann, ben, ivy = (add_user(session, f"{name}@example.com") for name in ("ann", "ben", "ivy"))
    ids = [user.id for user in (ann, ben, ivy)]
    do(session, lambda one: one.execute(update(User).values(totp_secret="x", totp_since=NOON, totp_step=1)))
    demoted, reset = at_once(
        engine,
        lambda one: users.set_role(one, ids[0], Role.RECRUITER, by(ids[1])),
        lambda one: users.reset_second_factor(one, ids[2], by(ids[0])),
    )
    session.rollback()
    assert isinstance(demoted, User)
    noted = session.scalars(select(AuditEntry.action).order_by(AuditEntry.number)).all()
    changes = [action for action in noted if action in (Action.ROLE_CHANGED, Action.SECOND_FACTOR_OFF)]
    if isinstance(reset, users.NotAllowed):
        assert (str(reset), changes) == ("You can no longer manage users.", [Action.ROLE_CHANGED])
    else:
        assert changes == [Action.SECOND_FACTOR_OFF, Action.ROLE_CHANGED]


def test_whoever_may_not_manage_users_any_more_resets_nobodys_second_factor(session: Session):
    ann, ivy = add_user(session, "ann@example.com"), add_user(session, "ivy@example.com")
    do(session, lambda one: one.execute(update(User).values(totp_secret="x", totp_since=NOON, totp_step=1)))
    do(session, users.set_role, ann.id, Role.RECRUITER, By(None, None, NOON))
    with pytest.raises(users.NotAllowed, match="no longer manage users"):
        do(session, users.reset_second_factor, ivy.id, by(ann))
    with pytest.raises(users.NotAllowed, match="your own"):
        do(session, users.reset_second_factor, ivy.id, by(ivy))
    session.rollback()
    assert session.get_one(User, ivy.id).totp_since == NOON


def test_a_command_ends_the_last_administrator_as_little_as_anybody(session: Session):
    ann = add_user(session, "ann@example.com")
    with pytest.raises(users.NotAllowed, match="last HR administrator"):
        do(session, users.deactivate, ann.id, By(None, None, NOON))
    add_user(session, "ben@example.com")
    assert not do(session, users.deactivate, ann.id, By(None, None, NOON)).active


def test_the_last_who_manages_users_stays_even_if_nobody_is_hr_administrator(session: Session):
    it = add_user(session, "it@example.com", Role.IT_ADMIN)
    with pytest.raises(users.NotAllowed, match="last who can manage users"):
        do(session, users.set_role, it.id, Role.RECRUITER, By(None, None, NOON))


def test_one_address_is_invited_once_however_many_press_at_once(engine: Engine, session: Session):
    ann = add_user(session, "ann@example.com").id
    done = at_once(engine, *[lambda one: users.invite(one, "ivy@example.com", Role.RECRUITER, by(ann))] * 4)
    assert sum(isinstance(one, accounts.AccountError) for one in done) == 3
    session.rollback()
    assert session.scalar(select(func.count()).select_from(User)) == 2


def test_a_link_opens_once_however_many_press_at_once(engine: Engine, session: Session):
    ann = add_user(session, "ann@example.com")
    _, link = do(session, users.invite, "ivy@example.com", Role.RECRUITER, by(ann))
    number = link.id

    def choose(one: Session) -> User:
        return passwords.choose(one, one.get_one(AccessLink, number), HASH, By(None, None, NOON))

    done = at_once(engine, *[choose] * 4)
    assert sum(isinstance(one, User) for one in done) == 1


def test_there_is_one_first_administrator_even_with_two_links(engine: Engine, session: Session):
    numbers = [do(session, access_links.make, Purpose.SETUP, None, By(None, None, NOON)).id for _ in range(2)]

    def begin(one: Session, number: int) -> User:
        link = one.get_one(AccessLink, number)
        return passwords.set_up(one, link, f"first{number}@example.com", HASH, By(None, None, NOON))

    done = at_once(engine, *[lambda one, number=number: begin(one, number) for number in numbers * 2])
    assert sum(isinstance(one, User) for one in done) == 1
    session.rollback()
    assert session.scalar(select(func.count()).select_from(User)) == 1


# --- mails --------------------------------------------------------------------------------------------------------


@pytest.fixture
def server() -> Iterator[MailServer]:
    with MailServer() as running:
        yield running


@pytest.fixture
def worker(make_worker: Callable[..., Worker], server: MailServer) -> Worker:
    return make_worker(NOWHERE, mail_url=server.url, **MAIL_SETTINGS)


def invite(session: Session, admin: User) -> AccessLink:
    def verb(one: Session) -> AccessLink:
        _, link = users.invite(one, "ivy@example.com", Role.RECRUITER, by(admin))
        invitations.queue(one, link, by(admin))
        return link

    made: AccessLink = do(session, verb)
    return made


def test_an_invitation_goes_at_once_with_its_link_and_by_whom(session: Session, server: MailServer, worker: Worker):
    link = invite(session, add_user(session, "ann@example.com"))
    worker.once()
    (mail,) = server.mails
    assert mail.to == ("ivy@example.com",)
    assert mail.message["Subject"] == "Your access to the Talroo dashboard"
    assert mail.message["List-Unsubscribe"] is None
    assert "ann@example.com added you" in mail.text
    assert "at https://jobs.example.com as Recruiter" in mail.text
    assert "until Nov 28, 2026, 12:00 PM UTC" in mail.text
    address = access_links.address(link, "https://jobs.example.com", [SECRET])
    assert f"\n{address}\n" in mail.text.replace("\r\n", "\n")
    session.rollback()
    assert session.scalars(select(Outbound.state)).one() == State.SENT


def test_what_waits_to_be_sent_holds_no_token(session: Session):
    link = invite(session, add_user(session, "ann@example.com"))
    token = access_links.address(link, "", [SECRET]).rpartition("/")[2]
    row = session.scalars(select(Outbound)).one()
    kept = " ".join(str(getattr(row, column.key)) for column in Outbound.__table__.columns)
    assert token not in kept
    assert token.rpartition(".")[2] not in kept


@pytest.mark.parametrize("end", ["deactivate", "too late", "new link"])
def test_a_mail_whose_link_is_over_before_it_went_is_not_sent(
    session: Session, clock: Clock, server: MailServer, worker: Worker, end: str
):
    admin = add_user(session, "ann@example.com")
    link = invite(session, admin)
    if end == "deactivate":
        do(session, users.deactivate, link.user_id, by(admin))
    elif end == "new link":
        do(session, users.new_link, link.user_id, by(admin))
    else:
        clock.now = NOON + timedelta(days=7)
    worker.once()
    assert server.mails == []
    session.rollback()
    row = session.scalars(select(Outbound)).one()
    assert (row.state, row.last_answer) == (State.CANCELLED, access_links.REPLACED_WORDS)


def test_whoever_asked_for_a_new_password_themselves_is_told_that_somebody_did(
    session: Session, server: MailServer, worker: Worker
):
    add_user(session, "ann@example.com")

    def verb(one: Session) -> None:
        link = users.forgotten(one, "Ann@example.com", By(None, "192.0.2.7", NOON))
        assert link is not None
        invitations.queue(one, link, By(None, "192.0.2.7", NOON))

    do(session, verb)
    worker.once()
    (mail,) = server.mails
    assert mail.message["Subject"] == "Reset your password for the Talroo dashboard"
    assert mail.message["Auto-Submitted"] == "auto-generated"
    assert "A password reset was requested for your account" in " ".join(mail.text.split())
    assert "until Nov 22, 2026, 12:00 PM UTC" in mail.text


def test_a_stranger_who_goes_on_asking_sends_three_mails_an_hour_and_five_a_day(session: Session):
    add_user(session, "ann@example.com")
    sent = []
    for seconds in range(0, 2 * 86_400, 301):
        at = NOON + timedelta(seconds=seconds)
        if do(session, users.forgotten, "ann@example.com", By(None, "192.0.2.7", at)) is not None:
            sent.append(seconds)
    assert [sum(0 <= one - start < 3_600 for one in sent) for start in (0, 3_600)] == [3, 2]
    assert [sum(0 <= one - day < 86_400 for one in sent) for day in (0, 86_400)] == [5, 5]
    noted = select(func.count()).select_from(AuditEntry).where(AuditEntry.action == Action.ACCESS_LINK_MADE)
    assert session.scalar(noted) == len(sent)


IVY = "ivy@example.com"
GIVEN: dict[str, Callable[[Session, By, bool], Any]] = {
    "invited": lambda s, it, mails: users.invite(s, IVY, Role.HR_ADMIN, it, mails=mails),
    "invited as recruiter": lambda s, it, mails: users.invite(s, IVY, Role.RECRUITER, it, mails=mails),
    "given a role": lambda s, it, mails: users.set_role(s, _ivy(s, Role.IT_ADMIN), Role.HR_ADMIN, it, mails=mails),
    "reactivated": lambda s, it, mails: users.reactivate(s, _ivy(s, Role.HR_ADMIN, False), it, mails=mails),
}


def _ivy(session: Session, role: Role, active: bool = True) -> int:
    ivy = accounts.new_user(session, "ivy@example.com", role, HASH, now=NOON)
    ivy.active = active
    session.flush()
    return ivy.id


@pytest.mark.parametrize("given", GIVEN)
@pytest.mark.parametrize("mails", [True, False])
def test_whom_somebody_lets_see_applicants_who_sees_none_each_hr_administrator_hears_of(
    session: Session, server: MailServer, worker: Worker, given: str, mails: bool
):
    add_user(session, "ann@example.com")
    add_user(session, "ben@example.com")
    away = add_user(session, "cleo@example.com")
    do(session, users.deactivate, away.id, By(None, None, NOON))
    add_user(session, "rita@example.com", Role.RECRUITER)
    it = by(add_user(session, "it@example.com", Role.IT_ADMIN))
    do(session, GIVEN[given], it, mails)
    worker.once()
    assert {mail.to for mail in server.mails} == ({("ann@example.com",), ("ben@example.com",)} if mails else set())
    for mail in server.mails:
        text = " ".join(mail.text.split())
        assert mail.message["Subject"] == "Somebody was given access to applicants in the Talroo dashboard"
        assert (
            "it@example.com, whose role sees no applicants, gave ivy@example.com a role that does at https://jobs"
            in text
        )
        ivy = session.scalars(select(User.public_id).where(User.email == "ivy@example.com")).one()
        assert text.endswith(f"https://jobs.example.com/admin/users/{ivy}")
    told = [details for details in session.scalars(select(AuditEntry.details)) if '"let_in":1' in details]
    assert len(told) == 1, "where they sign in next"


@pytest.mark.parametrize(("given", "by_hr"), [*((given, True) for given in GIVEN), ("given a role", False)])
def test_whom_hr_or_the_provider_lets_see_applicants_nobody_is_told_of(
    session: Session, server: MailServer, worker: Worker, given: str, by_hr: bool
):
    ann = add_user(session, "ann@example.com")
    add_user(session, "ben@example.com")
    do(session, GIVEN[given], by(ann) if by_hr else By(None, None, NOON), True)
    worker.once()
    assert server.mails == []
    assert not [details for details in session.scalars(select(AuditEntry.details)) if "let_in" in details]


def test_who_is_let_see_no_applicants_is_no_news(session: Session, server: MailServer, worker: Worker):
    ann = add_user(session, "ann@example.com")
    it = by(add_user(session, "it@example.com", Role.IT_ADMIN))
    do(session, users.invite, IVY, Role.IT_ADMIN, it, mails=True)
    ivy = session.scalars(select(User.id).where(User.email == "ivy@example.com")).one()
    do(session, users.set_role, ann.id, Role.HR_ADMIN, it, mails=True)
    do(session, users.reactivate, ivy, it, mails=True)
    worker.once()
    assert server.mails == []


@pytest.mark.parametrize(
    ("notice", "by_whom", "subject", "told"),
    [
        (Notice.PASSWORD, True, "Your password", "with a link that eve@example.com created."),
        (Notice.PASSWORD, False, "Your password", "with a link that was requested on the sign-in page."),
        (
            Notice.SECOND_FACTOR,
            True,
            "Your two-step verification",
            "eve@example.com reset two-step verification for your account",
        ),
        (
            Notice.SECOND_FACTOR,
            False,
            "Your two-step verification",
            "The operator of the dashboard reset two-step verification",
        ),
    ],
)
def test_whoever_was_given_a_password_or_lost_their_factor_is_told_by_whom_and_when(
    session: Session, server: MailServer, worker: Worker, notice: Notice, by_whom: bool, subject: str, told: str
):
    ann, eve = (add_user(session, f"{name}@example.com") for name in ("ann", "eve"))
    do(session, notices.queue, notice, ann, by(eve if by_whom else None))
    do(session, users.deactivate, ann.id, by(eve))
    worker.once()
    (mail,) = server.mails
    assert mail.to == ("ann@example.com",)
    assert mail.message["Subject"].startswith(subject)
    text = " ".join(mail.text.split())
    assert told in text
    assert "https://jobs.example.com on Nov 21, 2026, 12:00 PM UTC" in text
    assert "tell another administrator right away" in text
