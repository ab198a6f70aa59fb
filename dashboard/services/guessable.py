"""Passwords that somebody would guess: those that were stolen elsewhere, and those made of what everybody here knows.

`known_passwords.bin` has 46,000 of the most frequent passwords of ten characters or more from breaches, as the first
five bytes of the SHA-256 of each in lower case, sorted (where they are from: `known_passwords.txt`).
"""

from __future__ import annotations

import hashlib
import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Final

WORDS: Final = ("talroo", "dashboard", "recruiter", "recruiting", "applicant", "application")
"""What is named on every page, and so in the first guesses. With the parts of the user's own address."""
LEFT: Final = 6
"""Characters that a password must have besides such words."""

_LIST: Final = Path(__file__).with_name("known_passwords.bin")
_WIDTH: Final = 5
_SHORTEST_PART: Final = 4
"""Letters of a part of an address: shorter ones are in every other password by chance."""


def is_stolen(password: str) -> bool:
    """Whether it is among the passwords that are tried first anywhere."""
    wanted = digest(password)
    at = bisect_left(range(len(_known()) // _WIDTH), wanted, key=_entry)
    return _entry(at) == wanted


def is_of_known_words(password: str, email: str) -> bool:
    """Whether less than `LEFT` characters are left of it without what the site and this user's address say."""
    left = password.lower()
    for word in sorted({*WORDS, *_parts(email)}, key=len, reverse=True):
        left = left.replace(word, "")
    return len(left) < LEFT


def digest(password: str) -> bytes:
    """As what it stands in the list."""
    return hashlib.sha256(password.lower().encode()).digest()[:_WIDTH]


def pack(passwords: Iterable[str]) -> bytes:
    """The list as it is kept."""
    return b"".join(sorted({digest(password) for password in passwords}))


def _entry(number: int) -> bytes:
    return _known()[number * _WIDTH : (number + 1) * _WIDTH]


@cache
def _known() -> bytes:
    """Whole, and not taken apart: as a list of words it would be megabytes in every process."""
    return _LIST.read_bytes()


def _parts(email: str) -> Iterator[str]:
    if email:
        yield email.lower()
    for part in re.split(r"[^0-9a-z]+", email.lower()):
        if len(part) >= _SHORTEST_PART:
            yield part
