"""Signed deliveries made beforehand, so that a client only has to send them.

Every one has an event, an application, a person and a résumé of its own, and the answers of a plausible applicant.
"""

from __future__ import annotations

import hashlib
import json
import random
import secrets
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final

import pybase64

from dashboard.sandbox.applications import next_application
from dashboard.talroo import signature

RESUME_BYTES: Final = 100_000
_TEMPLATES: Final = 24
_MARKS: Final = ("@event@", "@application@", "@email@", "@hash@", "@resume@")


def requests(count: int, secret: str, host: str) -> Iterator[bytes]:
    """`count` whole HTTP requests, header and body."""
    templates = _templates()
    run = secrets.token_hex(4)
    now = int(time.time())
    for number in range(count):
        yield _request(_body(templates[number % len(templates)], f"{run}{number:06d}"), secret, host, now)


def _request(body: bytes, secret: str, host: str, now: int) -> bytes:
    head = (
        f"POST /talroo/applications?jobid=unique123456 HTTP/1.1\r\nHost: {host}\r\nUser-Agent: bench\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        f"{signature.HEADER}: {signature.sign(secret, body, at=now)}\r\n\r\n"
    )
    return head.encode() + body


def _body(template: list[bytes], name: str) -> bytes:
    resume = b"%PDF-1.7\n" + random.randbytes(RESUME_BYTES - 15) + b"%%EOF\n"
    values = {
        "@event@": name.upper(),
        "@application@": name,
        "@email@": f"{name}@example.com",
        "@hash@": hashlib.sha256(resume).hexdigest(),
    }
    known = {mark: value.encode() for mark, value in values.items()} | {"@resume@": pybase64.b64encode(resume)}
    return b"".join(known.get(piece.decode(), piece) if piece[:1] == b"@" else piece for piece in template)


def _templates() -> list[list[bytes]]:
    """Bodies in pieces, with marks where one differs from the next."""
    rng = random.Random(1)
    found: list[list[bytes]] = []
    while len(found) < _TEMPLATES:
        event = next_application(rng, datetime.now(UTC))
        event["data"]["applicant"].pop("resume", None)
        # A file among the answers would be a second file, with flushes of its own.
        if '"contentSha256"' not in json.dumps(event):
            found.append(_in_pieces(event))
    return found


def _in_pieces(event: dict[str, Any]) -> list[bytes]:
    event["id"], event["data"]["id"], event["data"]["applicant"]["emailAddress"] = _MARKS[:3]
    event["data"]["applicant"]["resume"] = {
        "fileName": "Resume.pdf",
        "contentType": "application/octet-stream",
        "contentSha256": "@hash@",
        "data": "@resume@",
    }
    pieces = [json.dumps(event, ensure_ascii=False, separators=(",", ":"))]
    for mark in _MARKS:
        pieces = [part for piece in pieces for part in _split(piece, mark)]
    return [piece.encode() for piece in pieces]


def _split(piece: str, mark: str) -> list[str]:
    before, found, after = piece.partition(mark)
    return [before, mark, after] if found else [piece]
