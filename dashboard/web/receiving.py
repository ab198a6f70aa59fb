"""The postUrl: where Talroo delivers applications (interface.md, `POST /talroo/applications`).

200 is answered only for what is committed. Never 5xx for a content, never 3xx, never 429.
"""

from __future__ import annotations

import logging
import time
import zlib
from typing import IO, Final

from flask import Blueprint, request
from werkzeug.exceptions import ClientDisconnected

from config import Config
from dashboard.clock import utcnow
from dashboard.database import is_storage_failure
from dashboard.extensions import csrf
from dashboard.logs import without_contents
from dashboard.permissions import PUBLIC, needs
from dashboard.services import intake
from dashboard.services.intake import Arrival
from dashboard.talroo import signature
from dashboard.talroo.wire import clean
from dashboard.web.edge import deliveries, file_store, remote_address, settings, storing

bp = Blueprint("receiving", __name__)
log = logging.getLogger(__name__)

RETRY_AFTER: Final = "60"
_CHUNK: Final = 1 << 20

Answer = tuple[dict[str, str], int] | tuple[dict[str, str], int, dict[str, str]]


class TooLarge(Exception):
    """The body, or what it inflates to, is over the limit."""


@bp.post("/talroo/applications")
@csrf.exempt
@needs(PUBLIC)
def receive() -> Answer:
    """Verify the exact bytes, keep them durably, then say so (talroo-contract §1)."""
    config = settings()
    if not config.talroo_webhook_secrets:
        return _not_now("No webhook secret is set here: TALROO_WEBHOOK_SECRETS.")
    try:
        # A header that cannot be right is answered before the body is read, let alone inflated.
        header = signature.read(request.headers.get(signature.HEADER))
        bodies = _bodies(config.max_application_bytes)
    except TooLarge:
        return {"status": "refused", "reason": f"The body is over {config.max_application_bytes} bytes."}, 413
    except signature.SignatureError as problem:
        return _refused(problem)
    return _judge(bodies, header, config)


def _judge(bodies: tuple[bytes, ...], header: signature.Header, config: Config) -> Answer:
    """Keep the body, if the signature is right for any of the forms it came in."""
    refusal: signature.SignatureError = signature.SignatureMismatch("There is no body.")
    for raw in bodies:
        try:
            verdict = signature.verify(
                raw,
                header,
                config.talroo_webhook_secrets,
                now=time.time(),
                tolerance=config.talroo_signature_tolerance,
                max_age=config.talroo_signature_max_age,
            )
        except signature.SignatureExpired as problem:
            return _quarantined(_arrival(bodies[0], "expired"), problem)
        except signature.SignatureError as problem:
            refusal = problem
        else:
            return _keep(_arrival(bodies[0], verdict.timing.value))
    return _refused(refusal)


def _refused(problem: signature.SignatureError) -> Answer:
    return {"status": "refused", "reason": str(problem)}, 401


def _keep(arrival: Arrival) -> Answer:
    try:
        outcome = deliveries().receive(arrival, file_store())
    except Exception as problem:
        return _could_not_store(problem)
    return outcome.as_json(), 200


def _quarantined(arrival: Arrival, problem: signature.SignatureExpired) -> Answer:
    try:
        with storing() as session:
            intake.quarantine(session, arrival)
            session.commit()
    except Exception as failure:
        return _could_not_store(failure)
    return _refused(problem)


def _could_not_store(problem: Exception) -> Answer:
    """Talroo tries again for about 16 hours, so saying "not now" loses nothing."""
    if is_storage_failure(problem):
        log.error("a delivery could not be stored: %s", type(problem).__name__)
    else:
        log.error("a delivery met an unforeseen error: %s", without_contents(problem))
    return _not_now("It could not be stored. Please deliver it again.")


def _not_now(reason: str) -> Answer:
    return {"status": "unavailable", "reason": reason}, 503, {"Retry-After": RETRY_AFTER}


def _arrival(raw: bytes, timing: str) -> Arrival:
    # Not every server refuses NUL in what it hands on, and PostgreSQL could not keep it.
    return Arrival(
        raw=raw,
        source="pushed",
        received_at=utcnow(),
        timing=timing,
        signature=clean(request.headers.get(signature.HEADER, "")),
        query=clean(request.query_string.decode("ascii", "backslashreplace"))[:10_000] or None,
        content_type=clean(request.headers.get("Content-Type", ""))[:255] or None,
        remote_addr=remote_address(),
    )


# --- the body -----------------------------------------------------------------------------------------------------


def _bodies(limit: int) -> tuple[bytes, ...]:
    """The body in the forms that may have been signed: inflated, if it can be, then as it came.

    Nobody documents whether a compressed body is signed before or after; a right HMAC is proof either way.
    Raises `TooLarge`, `ClientDisconnected`.
    """
    if (request.content_length or 0) > limit:
        raise TooLarge
    raw = _bounded(request.stream, limit)
    if request.content_length is not None and len(raw) < request.content_length:
        raise ClientDisconnected
    if (request.headers.get("Content-Encoding") or "").strip().lower() not in ("gzip", "x-gzip"):
        return (raw,)
    plain = _inflated(raw, limit)
    return (raw,) if plain is None else (plain, raw)


def _bounded(stream: IO[bytes], limit: int) -> bytes:
    """All of `stream`. Counts for itself: a chunked body names no length, and some servers cut one silently."""
    pieces: list[bytes] = []
    length = 0
    while piece := stream.read(min(_CHUNK, limit + 1 - length)):
        pieces.append(piece)
        length += len(piece)
        if length > limit:
            raise TooLarge
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def _inflated(raw: bytes, limit: int) -> bytes | None:
    """`raw` ungzipped, or None where it is no complete gzip. Inflates at most `limit` bytes: raises `TooLarge`."""
    inflater = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    try:
        plain = inflater.decompress(raw, limit + 1)
    except zlib.error:
        return None
    if len(plain) > limit:
        raise TooLarge
    return plain if inflater.eof and not inflater.unused_data else None
