"""The signature on what Talroo posts to us (talroo-contract §1, Signature).

X-Talroo-Signature: t=<unix seconds>,v1=<hex HMAC-SHA256 of "<t>.<body>">
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

HEADER: Final = "X-Talroo-Signature"
MAX_HEADER_LENGTH: Final = 2048

_SECONDS: Final = re.compile(r"[0-9]{1,13}", re.ASCII)
_HEX_DIGEST: Final = re.compile(r"[0-9a-fA-F]{64}", re.ASCII)
_ASCII_WHITE_SPACE: Final = b" \t\n\r\x0b\x0c"


class SignatureError(Exception):
    """A delivery that is not to be taken. `str(error)` is safe to answer: it never holds the header."""


class SignatureMissing(SignatureError):
    """No signature header came."""


class SignatureMalformed(SignatureError):
    """The header cannot be read: too long, not ASCII, no usable `t`, or no `v1`."""


class SignatureMismatch(SignatureError):
    """No `v1` value was made with any of our secrets over these bytes."""


class SignatureExpired(SignatureError):
    """The HMAC is right, but its time is further from now than the maximum age.

    Because Talroo did sign it, whoever catches this keeps the body in quarantine.
    """

    def __init__(self, message: str, *, verdict: Verdict) -> None:
        super().__init__(message)
        self.verdict = verdict
        """What it would have been; its timing is `LATE` or `CLOCK`."""


class Timing(StrEnum):
    """How a good signature's time compares with ours."""

    FRESH = "fresh"
    LATE = "late"
    CLOCK = "clock"
    """Signed in our future: one of the two clocks is wrong."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """A good signature. `signed_at`: unix seconds; `secret_number`: 0 is the newest secret."""

    signed_at: int
    timing: Timing
    secret_number: int


@dataclass(frozen=True, slots=True)
class Header:
    """A header that can be right: the literal `t`, and the digests of its `v1` values."""

    seconds: str
    digests: tuple[bytes, ...]


def trimmed(body: bytes) -> bytes:
    """`body` without the white space around it, which a signature need not cover: anybody could add some."""
    return body.strip(_ASCII_WHITE_SPACE)


def read(header: str | None) -> Header:
    """The header, as far as it can be checked without a body: quick, and in bounded time.

    Raises `SignatureMissing`, `SignatureMalformed`.
    """
    if not header:
        raise SignatureMissing(f"The {HEADER} header is missing.")
    if len(header) > MAX_HEADER_LENGTH or not header.isascii():
        raise SignatureMalformed(f"The {HEADER} header is too long or not ASCII.")
    seconds: str | None = None
    digests: list[bytes] = []
    for part in header.split(","):
        scheme, _, value = part.strip().partition("=")
        if scheme == "t":
            if seconds is not None or not _SECONDS.fullmatch(value):
                raise SignatureMalformed("`t` must come once, as 1 to 13 digits.")
            seconds = value
        elif scheme == "v1" and _HEX_DIGEST.fullmatch(value):
            digests.append(bytes.fromhex(value))
    if seconds is None or not digests:
        raise SignatureMalformed(f"The {HEADER} header needs `t=` and a `v1=` of 64 hex digits.")
    return Header(seconds, tuple(digests))


def verify(
    body: bytes, header: Header | str | None, secrets: Sequence[str], *, now: float, tolerance: int, max_age: int
) -> Verdict:
    """Check `body`, byte for byte, against `header`.

    `header`: as it came, or already `read`. `secrets` newest first. `now`, `tolerance` and `max_age` in seconds.
    Raises a `SignatureError`: `SignatureMissing`, `SignatureMalformed`, `SignatureMismatch`, `SignatureExpired`.
    """
    parsed = header if isinstance(header, Header) else read(header)
    number = _matching_secret(body, parsed, secrets)
    if number is None:
        raise SignatureMismatch("The signature does not match the body.")
    signed_at = int(parsed.seconds)
    age = now - signed_at
    timing = Timing.FRESH if abs(age) <= tolerance else Timing.LATE if age > 0 else Timing.CLOCK
    verdict = Verdict(signed_at, timing, number)
    if abs(age) > max_age:
        raise SignatureExpired("The signature is too old, or too far in the future.", verdict=verdict)
    return verdict


def sign(secret: str, body: bytes, *, at: int) -> str:
    """The header value Talroo would send for `body` at unix second `at`."""
    return f"t={at},v1={_digest(secret, str(at), body).hex()}"


def _matching_secret(body: bytes, header: Header, secrets: Iterable[str]) -> int | None:
    # Talroo's Java sample trims the body before signing and its Python sample does not: both count.
    without = trimmed(body)
    candidates = (body,) if len(without) == len(body) else (body, without)
    for number, secret in enumerate(secrets):
        for candidate in candidates:
            expected = _digest(secret, header.seconds, candidate)
            if any(hmac.compare_digest(expected, given) for given in header.digests):
                return number
    return None


def _digest(secret: str, seconds: str, body: bytes) -> bytes:
    mac = hmac.new(secret.encode(), seconds.encode() + b".", hashlib.sha256)
    mac.update(body)
    return mac.digest()
