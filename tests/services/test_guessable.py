"""Passwords that somebody would guess are known, and others are left alone."""

from __future__ import annotations

import pytest

from dashboard.services import guessable, passwords
from dashboard.services.accounts import MIN_PASSWORD


def test_the_list_has_more_than_the_3000_most_frequent_passwords_that_are_long_enough():
    kept = guessable._known()
    known = [kept[start : start + 5] for start in range(0, len(kept), 5)]
    assert len(known) > 40_000
    assert known == sorted(set(known))
    assert len(known[-1]) == 5


@pytest.mark.parametrize(
    "password", ["1234567890", "qwertyuiop", "Password123", "1Q2W3E4R5T", "basketball", "california", "q1w2e3r4t5y6"]
)
def test_a_stolen_password_is_known_however_its_letters_are_cased(password: str):
    assert len(password) >= MIN_PASSWORD
    assert guessable.is_stolen(password)


@pytest.mark.parametrize(
    "password",
    ["recruiter2026!", "Talroo-Dashboard", "dashboard1", "ada.lovelace", "Lovelace99", "harborvale1", "TALROO talroo"],
)
def test_a_password_of_what_the_site_and_the_users_address_say_is_known(password: str):
    assert guessable.is_of_known_words(password, "ada.lovelace@harborvale.example")


@pytest.mark.parametrize(
    "password",
    [
        "correct horse battery",
        "a new long password",
        "Ünïcödé ぱすわーど only",
        " . , ; : ! ? - ",
        "no capital and no digit",
        "recruiter who walks slowly",
        "xk4-ada-q81m",
        "9f2c77d1e0",
    ],
)
def test_any_other_password_may_be_chosen_whatever_it_is_made_of(password: str):
    assert passwords.weakness(password, "ada.lovelace@harborvale.example") is None


def test_what_is_packed_is_found_again():
    packed = guessable.pack(["One of them", "another one", "one of them"])
    assert packed == b"".join(sorted([guessable.digest("ONE OF THEM"), guessable.digest("another one")]))
