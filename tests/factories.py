"""Payloads and signatures as Talroo makes them; values here are plain, so that a test names only what it is about."""

from __future__ import annotations

import base64
import hashlib
import json
import time
from collections.abc import Mapping
from itertools import count
from pathlib import Path
from typing import Any, Final

from dashboard.talroo import signature

SECRET: Final = "the webhook secret of the tests"
PAYLOADS: Final = Path(__file__).parent / "payloads"

_numbers: Final = count(1)


def payload(name: str) -> dict[str, Any]:
    """A new copy of `tests/payloads/<name>.json`."""
    loaded: dict[str, Any] = json.loads((PAYLOADS / f"{name}.json").read_bytes())
    return loaded


def event(
    *,
    event_id: str | None = None,
    application_id: str | None = None,
    kind: str = "completed:v2",
    created_at: str = "2026-11-18T15:00:03Z",
    applicant: Mapping[str, Any] | None = None,
    job: Mapping[str, Any] | None = None,
    **data: Any,
) -> dict[str, Any]:
    """An event about one applicant, new unless ids are given. `applicant` and `job` are added to the usual ones."""
    number = next(_numbers)
    return {
        "id": event_id or f"event-{number}",
        "type": f"platform:JobApplication:{kind}",
        "createdAt": created_at,
        "data": {
            "id": application_id or f"application-{number}",
            "job": {"originalJobReference": "WH-1", "title": "Picker", "company": "Harbor & Vale", **(job or {})},
            "applicant": {"firstName": "Ada", "lastName": "Quill", "emailAddress": "ada@example.com"}
            | dict(applicant or {}),
            "completed": kind.startswith("completed"),
            **data,
        },
    }


def file_object(content: bytes, name: str = "resume.pdf", **changes: Any) -> dict[str, Any]:
    """A file as Talroo sends it; `changes` replace or add keys."""
    return {
        "fileName": name,
        "contentType": "application/octet-stream",
        "contentSha256": hashlib.sha256(content).hexdigest(),
        "data": base64.b64encode(content).decode(),
        **changes,
    }


def file_question(question_id: str, answer: Any) -> dict[str, Any]:
    """An item of `questionsAndAnswers` whose answer is a file."""
    return {"question": {"id": question_id, "type": "file", "question": f"Your {question_id}"}, "answer": answer}


def as_body(content: Any) -> bytes:
    """What is POSTed: bytes as they are, anything else as JSON."""
    return content if isinstance(content, bytes) else json.dumps(content, ensure_ascii=False).encode()


def signed(body: bytes, *, secret: str = SECRET, age: float = 0) -> dict[str, str]:
    """Headers of a delivery that was signed `age` seconds ago."""
    return {
        signature.HEADER: signature.sign(secret, body, at=int(time.time() - age)),
        "Content-Type": "application/json",
    }
