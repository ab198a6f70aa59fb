"""The second factor: codes that work once, within their time, and for nobody else."""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pyotp
import pytest
from flask import Flask
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from dashboard.database import start_writing
from dashboard.extensions import db
from dashboard.models import AuditEntry, RecoveryCode, User
from dashboard.services import accounts, half_signed_in, second_factor
from dashboard.services.activity import By
from dashboard.services.second_factor import STEP, How, WrongCode
from tests.application import PASSWORD

SECRETS = ("the key of today, which is long enough", "the key of yesterday, also long enough")
NOW = datetime(2026, 11, 27, 21, 0, 10, tzinfo=UTC)


@pytest.fixture
def session(app: Flask) -> Iterator[Session]:
    with app.app_context():
        start_writing(db.session())
        yield db.session()


@pytest.fixture
def user(session: Session) -> User:
    return accounts.add_user(session, "ada@example.com", PASSWORD, "recruiter", now=NOW)


def by(user: User, at: datetime = NOW) -> By:
    return By(user.id, "198.51.100.7", at)


class Phone:
    """The app: the codes of the secret it has been shown."""

    def __init__(self, secret: str) -> None:
        self.secret = secret

    def code(self, at: datetime = NOW) -> str:
        return pyotp.TOTP(self.secret).at(at)


@pytest.fixture
def phone(session: Session, user: User) -> Phone:
    """A user whose second factor was turned on five minutes ago."""
    return turned_on(session, user)[0]


def turned_on(session: Session, user: User, secrets: tuple[str, ...] = SECRETS) -> tuple[Phone, list[str]]:
    then = NOW - timedelta(minutes=5)
    secret = second_factor.proposed(user, second_factor.propose(user, secrets, now=then), secrets, now=then)
    assert secret is not None
    phone = Phone(secret)
    return phone, second_factor.turn_on(session, user, secret, phone.code(then), secrets, by(user, then))


def passes(session: Session, user: User, code: str, at: datetime = NOW, secrets: tuple[str, ...] = SECRETS) -> bool:
    try:
        second_factor.check(session, user, code, secrets, now=at)
    except WrongCode:
        return False
    return True


# --- codes of the app -----------------------------------------------------------------------------------------------


def test_the_codes_are_those_of_the_standard(session: Session, user: User):
    # RFC 6238, appendix B, cut to six digits.
    seconds = {59: "287082", 1111111109: "081804", 20000000000: "353130"}
    secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
    for at, code in seconds.items():
        assert second_factor._step_of(secret, code, datetime.fromtimestamp(at, UTC)) == at // 30


def test_a_code_works_once(session: Session, user: User, phone: Phone):
    assert passes(session, user, phone.code())
    assert not passes(session, user, phone.code())
    assert passes(session, user, phone.code(NOW + STEP), NOW + STEP)


def test_the_code_that_turned_it_on_does_not_work_again(session: Session, user: User, phone: Phone):
    then = NOW - timedelta(minutes=5)
    assert not passes(session, user, phone.code(then), then)


@pytest.mark.parametrize(("off", "right"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
def test_the_steps_beside_the_present_one_count(session: Session, user: User, phone: Phone, off: int, right: bool):
    assert passes(session, user, phone.code(NOW + off * STEP)) is right


def test_an_older_code_does_not_work_after_a_newer_one(session: Session, user: User, phone: Phone):
    assert passes(session, user, phone.code(NOW + STEP))
    assert not passes(session, user, phone.code())


@pytest.mark.parametrize("spaced", ["{0} {1}", " {0}{1}\n", "{0}-{1}"])
def test_a_code_may_be_typed_as_the_app_shows_it(session: Session, user: User, phone: Phone, spaced: str):
    code = phone.code()
    assert passes(session, user, spaced.format(code[:3], code[3:]))


@pytest.mark.parametrize("code", ["", "0", "12345", "1234567", "١٢٣٤٥٦", "\0\0\0\0\0\0", "x" * 10_000, "é" * 6])
def test_what_is_no_code_is_wrong(session: Session, user: User, phone: Phone, code: str):
    assert not passes(session, user, code)


def test_a_code_of_somebody_elses_app_is_wrong(session: Session, user: User, phone: Phone):
    other = accounts.add_user(session, "eve@example.com", PASSWORD, "recruiter", now=NOW)
    evil, codes = turned_on(session, other)
    assert not passes(session, user, evil.code())
    assert not passes(session, user, codes[0])
    assert passes(session, other, codes[0])


def test_without_a_second_factor_no_code_is_right(session: Session, user: User):
    assert not passes(session, user, "000000")
    assert not passes(session, user, "AAAA-AAAA-AAAA")


def test_of_two_who_bring_one_code_at_once_one_passes(app: Flask, session: Session, user: User):
    phone, codes = turned_on(session, user)
    session.commit()
    engine, user_id = db.engine, user.id

    def bring(code: str) -> bool:
        with Session(engine) as own:
            start_writing(own)
            right = passes(own, own.get_one(User, user_id), code)
            own.commit()
            return right

    with ThreadPoolExecutor(4) as threads:
        assert sum(threads.map(bring, [phone.code()] * 8)) == 1
        assert sum(threads.map(bring, [codes[0]] * 8)) == 1


# --- what is kept ---------------------------------------------------------------------------------------------------


def test_nothing_is_kept_in_the_clear(session: Session, user: User):
    phone, codes = turned_on(session, user)
    kept = f"{user.totp_secret} {session.scalars(select(RecoveryCode.code_hash)).all()}"
    assert phone.secret not in kept
    assert not any(code in kept or code.replace("-", "") in kept for code in codes)


def test_what_was_kept_under_a_retired_key_still_counts(session: Session, user: User):
    phone, codes = turned_on(session, user, SECRETS[1:])
    assert not passes(session, user, phone.code(), secrets=SECRETS[:1])
    assert not passes(session, user, codes[0], secrets=SECRETS[:1])
    assert passes(session, user, phone.code())
    assert passes(session, user, codes[0])


def test_what_cannot_be_read_is_told_to_whoever_reads_the_log(
    session: Session, user: User, phone: Phone, caplog: pytest.LogCaptureFixture
):
    assert not passes(session, user, phone.code(), secrets=("another key altogether, long enough",))
    assert f"the second factor of user {user.id} cannot be read" in caplog.text
    assert "ada@" not in caplog.text


# --- recovery codes -------------------------------------------------------------------------------------------------


def test_ten_recovery_codes_of_120_bits_are_shown_and_each_works_once(session: Session, user: User):
    _, codes = turned_on(session, user)
    assert len(set(codes)) == 10
    assert all(re.fullmatch(r"([0-9A-HJKMNP-TV-Z]{4}-){5}[0-9A-HJKMNP-TV-Z]{4}", code) for code in codes)
    assert second_factor.check(session, user, codes[3], SECRETS, now=NOW) is How.RECOVERY
    assert second_factor.codes_left(session, user.id) == 9
    assert not passes(session, user, codes[3])
    assert all(passes(session, user, code) for code in codes if code != codes[3])
    assert second_factor.codes_left(session, user.id) == 0


def test_a_recovery_code_may_be_misread_and_typed_anyhow(session: Session, user: User):
    _, codes = turned_on(session, user)
    for code in codes[:5]:
        assert passes(session, user, code.lower().replace("-", " ").replace("0", "o").replace("1", "l"))


def test_new_recovery_codes_end_the_old_ones(session: Session, user: User):
    _, old = turned_on(session, user)
    new = second_factor.renew_codes(session, user, SECRETS, by(user))
    assert second_factor.codes_left(session, user.id) == 10
    assert not any(passes(session, user, code) for code in old)
    assert passes(session, user, new[0])


# --- setting up, and ending it --------------------------------------------------------------------------------------


def test_a_proposed_secret_is_one_persons_and_waits_half_an_hour(session: Session, user: User):
    other = accounts.add_user(session, "eve@example.com", PASSWORD, "recruiter", now=NOW)
    sealed = second_factor.propose(user, SECRETS, now=NOW)
    assert second_factor.proposed(user, sealed, SECRETS, now=NOW + timedelta(minutes=29))
    assert second_factor.proposed(other, sealed, SECRETS, now=NOW) is None
    assert second_factor.proposed(user, sealed, SECRETS, now=NOW + timedelta(minutes=31)) is None
    for broken in ("", "x", sealed[:-4] + "AAA=", "é"):
        assert second_factor.proposed(user, broken, SECRETS, now=NOW) is None


def test_the_app_is_told_what_the_account_is_called(user: User):
    assert second_factor.app_address(user, "GEZDGNBVGY3TQOJQ" * 2) == (
        "otpauth://totp/Talroo%20dashboard:ada%40example.com?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Talroo%20dashboard"
    )


def test_it_is_on_only_when_the_app_has_proved_itself(session: Session, user: User):
    with pytest.raises(WrongCode):
        second_factor.turn_on(session, user, pyotp.random_base32(), "000000", SECRETS, by(user))
    assert user.totp_since is None
    assert second_factor.codes_left(session, user.id) == 0


def test_a_second_window_cannot_replace_what_the_first_set_up(session: Session, user: User, phone: Phone):
    other = Phone(pyotp.random_base32())
    with pytest.raises(second_factor.AlreadyOn):
        second_factor.turn_on(session, user, other.secret, other.code(), SECRETS, by(user))
    assert passes(session, user, phone.code())


def test_reset_nothing_is_left_and_it_can_be_set_up_anew(session: Session, user: User):
    phone, codes = turned_on(session, user)
    admin = accounts.add_user(session, "root@example.com", PASSWORD, "it_admin", now=NOW)
    assert second_factor.reset(session, user, by(admin))
    assert not second_factor.reset(session, user, by(admin))
    assert (user.totp_secret, user.totp_since, user.totp_step) == (None, None, None)
    assert not passes(session, user, phone.code())
    assert not passes(session, user, codes[0])
    fresh, _ = turned_on(session, user)
    assert passes(session, user, fresh.code())


def test_each_change_is_written_down_with_ids_alone(session: Session, user: User):
    turned_on(session, user)
    second_factor.renew_codes(session, user, SECRETS, by(user))
    second_factor.reset(session, user, by(user))
    session.commit()
    entries = session.scalars(select(AuditEntry).order_by(AuditEntry.number)).all()
    assert [entry.action for entry in entries] == ["second_factor_on", "recovery_codes_made", "second_factor_off"]
    assert {(entry.subject_id, entry.actor_id, entry.details) for entry in entries} == {(user.public_id, user.id, "{}")}


# --- half signed in -------------------------------------------------------------------------------------------------


def test_half_signed_in_lasts_ten_minutes(session: Session, user: User, phone: Phone):
    half = half_signed_in.begin(user, "password", now=NOW)
    assert half_signed_in.whose(session, half, now=NOW + timedelta(minutes=9)) == user
    assert half_signed_in.whose(session, half, now=NOW + timedelta(minutes=11)) is None
    assert half_signed_in.whose(session, half, now=NOW - timedelta(minutes=1)) is None
    assert half_signed_in.whose(session, None, now=NOW) is None


@pytest.mark.parametrize(
    "change", [{"active": False}, {"password_hash": "another"}, {"totp_since": None}, {"totp_secret": "another"}]
)
def test_half_signed_in_ends_when_the_account_changes(
    session: Session, user: User, phone: Phone, change: dict[str, object]
):
    half = half_signed_in.begin(user, "password", now=NOW)
    assert half_signed_in.whose(session, half, now=NOW) == user
    session.execute(update(User).values(**change))
    session.expire_all()
    assert half_signed_in.whose(session, half, now=NOW) is None


def test_what_a_browser_keeps_of_it_tells_nothing(user: User, session: Session, phone: Phone):
    kept = str(half_signed_in.begin(user, "password", now=NOW))
    assert user.password_hash not in kept
    assert "ada@" not in kept
