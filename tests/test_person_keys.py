"""One person's applications are known by what was typed, however it was typed."""

from __future__ import annotations

import pytest

from dashboard import person_keys


@pytest.mark.parametrize(
    ("email", "key"),
    [("  Ada@Example.COM ", "ada@example.com"), ("nothing", None), ("", None), (None, None), ("@", "@")],
)
def test_e_mail_addresses_are_compared_without_case_and_space(email, key):
    assert person_keys.email_key(email) == key


@pytest.mark.parametrize(
    ("phone", "key"),
    [
        ("+1 (512) 555-0142", "5125550142"),
        ("512.555.0142", "5125550142"),
        ("٥١٢٥٥٥٠١٤٢", "5125550142"),
        ("12345", None),
        (None, None),
        ("call me", None),
        ("9" * 100, "9" * 10),
    ],
)
def test_phone_numbers_are_compared_by_their_last_ten_digits(phone, key):
    assert person_keys.phone_key(phone) == key
