"""Applications that we send ourselves, to see whether deliveries arrive: known by an event id nobody else can make."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Iterable
from typing import Final

SOURCE: Final = "test"
"""`Delivery.source` of what came from here."""

_PREFIX: Final = "dashboard-test-"


def new_event_id(secret_key: str) -> str:
    """An event id, of this one application alone, that `is_ours` knows."""
    nonce = secrets.token_hex(12)
    return f"{_PREFIX}{nonce}-{_proof(secret_key, nonce)}"


def is_ours(event_id: str | None, secret_keys: Iterable[str]) -> bool:
    """Whether somebody with one of these keys made this event id. Talroo has none, nor has anybody who sends to us."""
    if not event_id or not event_id.startswith(_PREFIX) or not event_id.isascii():
        return False
    nonce, _, proof = event_id.removeprefix(_PREFIX).partition("-")
    return any(hmac.compare_digest(proof, _proof(key, nonce)) for key in secret_keys)


def _proof(secret_key: str, nonce: str) -> str:
    key = hmac.digest(secret_key.encode(), b"a test application of our own", "sha256")
    return hmac.digest(key, nonce.encode(), "sha256").hex()[:32]
