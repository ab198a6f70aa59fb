"""File contents cut out of a body, such that the exact bytes can be put together again.

A file travels as base64 in a `"data"` member (talroo-contract §1). What is kept of the body has
`sha256:<hex>` in its place, so that a content is kept once and a page need not carry it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Final

import pybase64

REFERENCE_PREFIX: Final = "sha256:"
REFERENCE_LENGTH: Final = len(REFERENCE_PREFIX) + 64

_KEY: Final = b'"data"'
_WHITE_SPACE: Final = b" \t\n\r"


@dataclass(frozen=True, slots=True)
class Cut:
    """`offset`: where in the cut body the reference begins, in bytes; `sha256`: of the decoded content, in hex."""

    offset: int
    sha256: str


@dataclass(frozen=True, slots=True)
class CutBody:
    """A body with references, where they stand (ascending), and the contents they stand for."""

    body: bytes
    cuts: tuple[Cut, ...]
    contents: Mapping[str, bytes]

    def keeping(self, references: Collection[str]) -> CutBody:
        """The same, with every content put back whose SHA-256 is not in `references`."""
        if all(cut.sha256 in references for cut in self.cuts):
            return self
        pieces: list[bytes] = []
        kept: list[Cut] = []
        done = length = 0
        for cut in self.cuts:
            end = cut.offset + REFERENCE_LENGTH
            if cut.sha256 in references:
                piece = self.body[done:end]
                kept.append(Cut(length + len(piece) - REFERENCE_LENGTH, cut.sha256))
            else:
                piece = self.body[done : cut.offset] + pybase64.b64encode(self.contents[cut.sha256])
            pieces.append(piece)
            length += len(piece)
            done = end
        pieces.append(self.body[done:])
        return CutBody(b"".join(pieces), tuple(kept), {c.sha256: self.contents[c.sha256] for c in kept})


def reference(sha256: str) -> str:
    """What stands in a cut body in place of the content."""
    return REFERENCE_PREFIX + sha256


def cut(raw: bytes) -> CutBody:
    """Cut every string that follows `"data":` and is canonical base64. Never raises.

    An unescaped quote after `data` always ends a key, because a JSON text has nothing but strings between
    quotes; what follows the colon is then a whole string value, and base64 needs no escapes. So in a JSON
    document a cut replaces exactly one value, and in anything else it is still undone byte for byte.
    """
    pieces: list[bytes] = []
    cuts: list[Cut] = []
    contents: dict[str, bytes] = {}
    done = length = at = 0
    while (at := raw.find(_KEY, at)) >= 0:
        at += len(_KEY)
        start = _string_start(raw, at)
        if start is None:
            continue
        end = raw.find(b'"', start)
        if end < 0:
            break
        content = _canonical(raw[start:end])
        at = end
        if content is None:
            continue
        sha256 = hashlib.sha256(content).hexdigest()
        contents[sha256] = content
        before = raw[done:start]
        cuts.append(Cut(length + len(before), sha256))
        pieces += (before, reference(sha256).encode())
        length += len(before) + REFERENCE_LENGTH
        done = end
    if not cuts:
        return CutBody(raw, (), {})
    pieces.append(raw[done:])
    return CutBody(b"".join(pieces), tuple(cuts), contents)


def rebuild(body: bytes, cuts: Collection[Cut], content: Callable[[str], bytes]) -> bytes:
    """The exact bytes that were cut; `content` reads one by its SHA-256 and may raise its own errors."""
    pieces: list[bytes] = []
    done = 0
    for cut_ in cuts:
        pieces += (body[done : cut_.offset], pybase64.b64encode(content(cut_.sha256)))
        done = cut_.offset + REFERENCE_LENGTH
    pieces.append(body[done:])
    return b"".join(pieces)


def decode_leniently(text: str) -> bytes | None:
    """The content of base64 that is not canonical (line breaks, URL alphabet, missing padding), or None."""
    joined = "".join(text.split()).replace("-", "+").replace("_", "/").rstrip("=")
    try:
        return pybase64.b64decode(joined + "=" * (-len(joined) % 4), validate=True)
    except ValueError:
        return None


def _string_start(raw: bytes, at: int) -> int | None:
    """The index after the opening quote of the value, where `: "` stands at `at`."""
    at = _skip_white_space(raw, at)
    if raw[at : at + 1] != b":":
        return None
    at = _skip_white_space(raw, at + 1)
    return at + 1 if raw[at : at + 1] == b'"' else None


def _skip_white_space(raw: bytes, at: int) -> int:
    while raw[at : at + 1] and raw[at] in _WHITE_SPACE:
        at += 1
    return at


def _canonical(encoded: bytes) -> bytes | None:
    """The content, if encoding it again gives exactly `encoded`."""
    if not encoded or len(encoded) % 4:
        return None
    try:
        content = pybase64.b64decode(encoded, validate=True)
    except ValueError:
        return None
    # Only the last characters can hide stray bits; encoding the tail again finds them without a second copy.
    return content if pybase64.b64encode(content[-(len(content) % 3 or 3) :]) == encoded[-4:] else None
