"""Trying the connections out: a test application through the real postUrl, the App Client, a conversion.

Each is one bounded call; none is made while the database waits. What came of it is said in words for whoever asked.
"""

from __future__ import annotations

import base64
import hashlib
import json
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Protocol

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from config import Config
from dashboard.calls import CallFailed, Proof
from dashboard.models import Application, Delivery
from dashboard.models.delivery import COMPLETED
from dashboard.services import erasing, own_tests
from dashboard.talroo import signature
from dashboard.talroo.conversions import PATHS, ConversionClient
from dashboard.talroo.exchange import Request
from dashboard.talroo.http import Endpoint
from dashboard.talroo.platform import PlatformClient, PlatformError

DEADLINE: Final = 20.0
"""Seconds one of these calls may take: somebody waits for the page."""
REMOVED_AT_ONCE: Final = 500

_RESUME: Final = b"This is no resume. The dashboard sent it to itself, to see whether files arrive.\n"
_HINTS: Final = (
    ("host name not found", "Check PUBLIC_URL: no such host is known to this machine."),
    ("connection refused", "Nothing listens there. Check PUBLIC_URL and the proxy."),
    ("certificate not trusted", "Talroo would not trust the certificate either: renew it, with the whole chain."),
    ("TLS failed", "Check the proxy's TLS: Talroo could not connect either."),
    ("redirects are not followed", "Talroo follows none: put the address it leads to into PUBLIC_URL."),
    ("answered 401", "Another dashboard may answer there, with other secrets; or the clocks of two machines differ."),
    ("answered 403", "Something in front of the dashboard, such as a firewall, refuses deliveries."),
    ("answered 404", "Something answers there, but it is not this dashboard. Check PUBLIC_URL and the proxy."),
    ("answered 413", "Something in front of the dashboard takes only smaller bodies."),
    ("answered 5", "The dashboard, or the proxy before it, could not take it. Look at its log."),
    ("no answer within", "It took the connection and did not answer. Is the web server busy, or a proxy in between?"),
    ("no connection within", "Nothing answered. A firewall may be in between."),
)


class Poster(Protocol):
    """Sends one request to the postUrl, as `Endpoint.call`."""

    def __call__(self, request: Request) -> Proof: ...


@dataclass(frozen=True, slots=True)
class Told:
    """What came of a try, in words. `event_id`: of the test application, by which its delivery is found."""

    ok: bool
    words: str
    event_id: str | None = None


def send_application(config: Config, *, now: datetime, post: Poster | None = None) -> Told:
    """Sign an application that is nobody's and deliver it as Talroo would. `post`: in place of real HTTP."""
    event_id = own_tests.new_event_id(config.secret_key)
    body = json.dumps(_event(event_id, now)).encode()
    header = signature.sign(config.talroo_webhook_secrets[0], body, at=int(time.time()))
    request = Request("POST", body=body, headers={signature.HEADER: header})
    try:
        call = post or Endpoint(config.postback_url, deadline=DEADLINE).call
        proof = call(request)
    except (CallFailed, ValueError) as problem:
        return Told(False, f"The test application did not arrive: {_why(str(problem))}", event_id)
    answer = _answer(proof.answer)
    took = f"{proof.duration_ms / 1000:.2f} s"
    if answer.get("status") != "accepted":
        said = f" ({str(answer.get('status'))[:40]})" if answer else ""
        return Told(
            False,
            f"{config.postback_url} answered {proof.status} after {took}, but not as this dashboard does{said}. "
            "Something else may answer there. Check PUBLIC_URL and the proxy.",
            event_id,
        )
    return Told(True, f"The test application went to {config.postback_url} and was accepted after {took}.", event_id)


def try_app_client(config: Config, *, client: PlatformClient | None = None) -> Told:
    """Ask for a token and a list of one. What goes wrong says what to do."""
    asked = client or PlatformClient(
        config.talroo_api_url,
        config.talroo_applications_path,
        config.talroo_client_id,
        config.talroo_client_secret,
        total=DEADLINE,
    )
    began = time.monotonic()
    try:
        page = asked.applications(completed=True, page=0, size=1)
    except PlatformError as problem:
        return Told(False, str(problem))
    took = f"{time.monotonic() - began:.2f} s"
    many = "an unknown number of" if page.total is None else f"{page.total:,}"
    return Told(True, f"Talroo knows the App Client and lists {many} completed applications. It took {took}.")


def conversion_address(config: Config, event: int, tlr_sid: str) -> str:
    """What `send_conversion` would ask for."""
    return f"{config.talroo_conversion_url}{PATHS[event]}?tlr_sid={tlr_sid}&Link=true"


def send_conversion(config: Config, event: int, tlr_sid: str) -> Told:
    """Report one conversion, which Talroo counts like any other. Raises ValueError for what can be none."""
    client = ConversionClient(config.talroo_conversion_url, deadline=min(DEADLINE, config.talroo_call_deadline))
    try:
        proof = client.send(tlr_sid, event)
    except CallFailed as problem:
        maybe = " Talroo may still have counted it." if problem.proof.unknown else ""
        return Told(False, f"Talroo did not accept the conversion: {problem}.{maybe}")
    said = f": {proof.answer[:200]}" if proof.answer.strip() else ", without a word"
    return Told(True, f"Talroo answered {proof.status} after {proof.duration_ms / 1000:.2f} s{said}")


def _why(words: str) -> str:
    hint = next((advice for part, advice in _HINTS if part in words), "")
    return f"{words}. {hint}".strip()


def _answer(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _event(event_id: str, now: datetime) -> dict[str, Any]:
    at = now.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    question = {"id": "test", "type": "text", "question": "Who sent this?", "required": False}
    resume = {
        "fileName": "test.txt",
        "contentType": "text/plain",
        "contentSha256": hashlib.sha256(_RESUME).hexdigest(),
        "data": base64.b64encode(_RESUME).decode(),
    }
    return {
        "id": event_id,
        "type": COMPLETED,
        "createdAt": at,
        "initiator": "talroo-dashboard: a test, no applicant",
        "data": {
            "id": event_id,
            "applicant": {"firstName": "Test", "lastName": "application", "resume": resume},
            "completed": True,
            "createdAt": at,
            "applicationTime": at,
            "questionsAndAnswers": [
                {"question": question, "answer": "This dashboard, to see whether deliveries arrive."}
            ],
        },
    }


# --- removing them again --------------------------------------------------------------------------------------------


def remove_all(session: Session, *, user_id: int, remote_addr: str, now: datetime) -> int:
    """Erase test applications, as a person is erased. Returns how many. The caller has begun to write, and commits.

    Raises `erasing.CannotErase` where something is being done with one of them at this moment.
    """
    tests = select(Application.public_id).where(Application.is_test.is_(True)).order_by(Application.id)
    found = session.scalars(tests.limit(REMOVED_AT_ONCE)).all()
    if found:
        warrant = erasing.Warrant(erasing.Cause.TEST, "test", now, user_id, remote_addr)
        erasing.erase(session, found, warrant)
        session.execute(delete(Delivery).where(Delivery.source == own_tests.SOURCE))
    return len(found)
