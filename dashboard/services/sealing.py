"""Keeping something short so that only whoever has `SECRET_KEY` can read it: AES-256 in GCM, a key for each purpose.

`secrets` are the keys' roots, the newest first: sealed is under the first, opened under any.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import os
from collections.abc import Sequence
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_MARK: Final = "2."
"""In front of what is sealed so; before that it was Fernet (AES-128 in CBC), which is still opened."""
_NONCE: Final = 12


class NotOurs(Exception):
    """Nothing that was sealed for this purpose under any of the keys."""


def seal(words: str, purpose: bytes, secrets: Sequence[str]) -> str:
    nonce = os.urandom(_NONCE)
    sealed = AESGCM(_key(secrets[0], purpose)).encrypt(nonce, words.encode(), purpose)
    return _MARK + base64.urlsafe_b64encode(nonce + sealed).decode()


def open_sealed(sealed: str, purpose: bytes, secrets: Sequence[str]) -> str:
    """The words in it. Raises `NotOurs`."""
    if not sealed.startswith(_MARK):
        return _opened_as_before(sealed, purpose, secrets)
    try:
        content = base64.urlsafe_b64decode(sealed.removeprefix(_MARK))
    except (binascii.Error, ValueError):
        raise NotOurs from None
    for secret in secrets:
        try:
            return AESGCM(_key(secret, purpose)).decrypt(content[:_NONCE], content[_NONCE:], purpose).decode()
        except (InvalidTag, ValueError):
            continue
    raise NotOurs


def _opened_as_before(sealed: str, purpose: bytes, secrets: Sequence[str]) -> str:
    keys = [Fernet(base64.urlsafe_b64encode(_key(secret, purpose))) for secret in secrets]
    try:
        return MultiFernet(keys).decrypt(sealed.encode()).decode()
    except (InvalidToken, UnicodeError):
        raise NotOurs from None


def _key(secret: str, purpose: bytes) -> bytes:
    return hmac.digest(secret.encode(), purpose, "sha256")
