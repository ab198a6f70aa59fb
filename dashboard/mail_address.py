"""What can stand in a mail's headers. Apart from `mail.py`: web processes ask it and send nothing themselves."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

LONGEST: Final = 254
NO_ADDRESS_WORDS: Final = "No email can be sent to their address."
"""Why somebody whose address is none (`is_address`) gets no mail."""

_BREAKS_A_LINE: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_LABEL: Final = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_HOST: Final = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
# Without % and !, by which some servers pass a mail on to somebody else.
_LOCAL: Final = re.compile(r"[A-Za-z0-9.#$&'*+/=?^_`{|}~-]{1,64}")


def is_one_line(text: str) -> bool:
    """Whether `text` can be a subject: in one line, without control characters. Joined emoji can."""
    return _BREAKS_A_LINE.search(text) is None


def is_address(text: str | None) -> bool:
    """Whether `text` is one email address that can be written to, and nothing besides."""
    if text is None or len(text) > LONGEST or not text.isprintable():
        return False
    local, _, domain = text.rpartition("@")
    host = ascii_host(domain)
    if host is None or "." not in host or host.rpartition(".")[2].isdigit():
        return False
    return _is_usual(domain, host) and "=?" not in local and _is_local(local)


def ascii_host(host: str) -> str | None:
    """`host` as DNS knows it, in lower case, however it is written; None where it is no host's name."""
    try:
        known = unicodedata.normalize("NFKC", host).encode("idna").decode("ascii").lower()
    except UnicodeError:
        return None
    return known if _HOST.fullmatch(known) and len(known) <= LONGEST else None


def _is_usual(domain: str, host: str) -> bool:
    """Whether `domain` is the one spelling of `host`: who opted out under one must not get mails under another."""
    try:
        return domain.isascii() or host.encode().decode("idna") == unicodedata.normalize("NFC", domain).lower()
    except UnicodeError:
        return False


def _is_local(text: str) -> bool:
    """Whether `text` can stand before the @: of other scripts, only what words are made of."""
    plain = "".join("x" if not one.isascii() and unicodedata.category(one)[0] in "LMN" else one for one in text)
    return _LOCAL.fullmatch(plain) is not None
