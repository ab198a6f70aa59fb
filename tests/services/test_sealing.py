"""What is sealed can be read by whoever has the key, for the purpose it was sealed for, and by nobody else."""

from __future__ import annotations

import base64
import hmac

import pytest
from cryptography.fernet import Fernet

from dashboard.services.sealing import NotOurs, open_sealed, seal

SECRETS = ("the newest key, which is long enough", "the one before it, long enough as well")


def test_what_is_sealed_is_opened_under_any_of_the_keys():
    for secrets in (SECRETS, SECRETS[1:]):
        assert open_sealed(seal("words, ünïcödé", b"a purpose", secrets), b"a purpose", SECRETS) == "words, ünïcödé"


def test_the_same_words_are_sealed_otherwise_each_time_and_not_to_be_read():
    sealed = {seal("words", b"a purpose", SECRETS) for _ in range(100)}
    assert len(sealed) == 100
    assert not any("words" in one or base64.b64encode(b"words").decode()[:6] in one for one in sealed)


def test_another_key_another_purpose_and_any_change_open_nothing():
    sealed = seal("words", b"a purpose", SECRETS[:1])
    content = base64.urlsafe_b64decode(sealed[2:])
    for position in range(len(content)):
        changed = bytearray(content)
        changed[position] ^= 1
        with pytest.raises(NotOurs):
            open_sealed("2." + base64.urlsafe_b64encode(changed).decode(), b"a purpose", SECRETS)
    for purpose, secrets in ((b"another", SECRETS), (b"a purpose", SECRETS[1:])):
        with pytest.raises(NotOurs):
            open_sealed(sealed, purpose, secrets)


@pytest.mark.parametrize("broken", ["", "2.", "2.x", "2.AAAA", "é", "2.é", "gAAAAA", "2." + "A" * 400])
def test_what_was_never_sealed_opens_nothing(broken: str):
    with pytest.raises(NotOurs):
        open_sealed(broken, b"a purpose", SECRETS)


def test_what_was_sealed_by_the_version_before_is_still_opened():
    key = base64.urlsafe_b64encode(hmac.digest(SECRETS[1].encode(), b"a purpose", "sha256"))
    assert open_sealed(Fernet(key).encrypt(b"words").decode(), b"a purpose", SECRETS) == "words"
