"""The postUrl: where Talroo delivers applications (interface.md, `POST /talroo/applications`).

200 is answered only for what is committed. Never 5xx for a content, never 3xx, never 429.
"""

from __future__ import annotations

import functools
import logging
import threading
import time
import zlib
from collections.abc import Callable
from contextlib import nullcontext
from typing import IO, Final

from flask import Blueprint, request
from werkzeug.exceptions import ClientDisconnected

from config import Config
from dashboard.clock import utcnow
from dashboard.database import is_storage_failure
from dashboard.extensions import csrf
from dashboard.logs import without_contents
from dashboard.models.watch import Reason
from dashboard.permissions import PUBLIC, needs
from dashboard.services import intake, secret_uses
from dashboard.services.intake import Arrival
from dashboard.talroo import signature
from dashboard.talroo.wire import clean
from dashboard.web.edge import deliveries, file_store, notebook, remote_address, settings, storing
from dashboard.web.tracing import traffic

bp = Blueprint("receiving", __name__)
log = logging.getLogger(__name__)

RETRY_AFTER: Final = "60"
_CHUNK: Final = 1 << 20
_inflating: Final = threading.BoundedSemaphore(2)
"""Anybody can send 50 KB that inflate to the limit: so much memory is spent on strangers at once, and no more."""

_REASONS: Final = {
    signature.SignatureMissing: Reason.MISSING,
    signature.SignatureMalformed: Reason.MALFORMED,
    signature.SignatureMismatch: Reason.MISMATCH,
}

Answer = tuple[dict[str, str], int] | tuple[dict[str, str], int, dict[str, str]]


class TooLarge(Exception):
    """The body, or what it inflates to, is over the limit."""


def _counted(view: Callable[[], Answer]) -> Callable[[], Answer]:
    """Count deliveries by what was said of them, and how long that took."""

    @functools.wraps(view)
    def counted() -> Answer:
        began = time.perf_counter()
        answer = view()
        traffic().observe("delivery", (answer[0]["status"],), time.perf_counter() - began)
        return answer

    return counted


@bp.post("/talroo/applications")
@csrf.exempt
@needs(PUBLIC)
@_counted
def receive() -> Answer:
    """Verify the exact bytes, keep them durably, then say so (talroo-contract §1)."""
    config = settings()
    if not config.talroo_webhook_secrets:
        return _not_now(Reason.NO_SECRET, "No webhook secret is set here: TALROO_WEBHOOK_SECRETS.")
    try:
        # A header that cannot be right is answered before the body is read, let alone inflated.
        header = signature.read(request.headers.get(signature.HEADER))
        raw = _read(config.max_application_bytes)
        with _inflating if _is_compressed() else nullcontext():
            body, verdict, problem = _verified(_forms(raw, config.max_application_bytes), header, config)
    except TooLarge:
        _note(Reason.TOO_LARGE)
        return {"status": "refused", "reason": f"The body is over {config.max_application_bytes} bytes."}, 413
    except signature.SignatureError as unsigned:
        return _refused(_REASONS[type(unsigned)], unsigned)
    notebook().proved(secret_uses.WEBHOOK, config.talroo_webhook_secrets[verdict.secret_number], utcnow())
    arrival = _arrival(body, "expired" if problem else verdict.timing.value, config)
    return _quarantined(arrival, problem) if problem else _keep(arrival)


def _verified(
    bodies: tuple[bytes, ...], header: signature.Header, config: Config
) -> tuple[bytes, signature.Verdict, signature.SignatureExpired | None]:
    """The body to keep, if the signature is right for any of the forms it came in; and whether it is out of date.

    Raises any other `SignatureError`.
    """
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
            return bodies[0], problem.verdict, problem
        except signature.SignatureError as problem:
            refusal = problem
        else:
            return bodies[0], verdict, None
    raise refusal


def _refused(reason: Reason, problem: signature.SignatureError) -> Answer:
    _note(reason)
    return {"status": "refused", "reason": str(problem)}, 401


def _note(reason: Reason) -> None:
    """Count the refusal; what anybody can bring about must not write by itself."""
    notebook().refused(reason.value, remote_address(), utcnow())


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
    ahead = problem.verdict.timing is signature.Timing.CLOCK
    return _refused(Reason.CLOCK if ahead else Reason.EXPIRED, problem)


def _could_not_store(problem: Exception) -> Answer:
    """Talroo tries again for about 16 hours, so saying "not now" loses nothing."""
    if is_storage_failure(problem):
        log.error("a delivery could not be stored: %s", type(problem).__name__)
    else:
        log.error("a delivery met an unforeseen error: %s", without_contents(problem))
    return _not_now(Reason.NOT_STORED, "It could not be stored. Please deliver it again.")


def _not_now(reason: Reason, words: str) -> Answer:
    _note(reason)
    return {"status": "unavailable", "reason": words}, 503, {"Retry-After": RETRY_AFTER}


def _arrival(raw: bytes, timing: str, config: Config) -> Arrival:
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
        own_keys=config.secrets,
    )


# --- the body -----------------------------------------------------------------------------------------------------


def _read(limit: int) -> bytes:
    """The body as it came. Raises `TooLarge`, `ClientDisconnected`."""
    if (request.content_length or 0) > limit:
        raise TooLarge
    request.max_content_length = limit + 1  # the site's own limit is for forms; here we count for ourselves
    raw = _bounded(request.stream, limit)
    if request.content_length is not None and len(raw) < request.content_length:
        raise ClientDisconnected
    return raw


def _forms(raw: bytes, limit: int) -> tuple[bytes, ...]:
    """The body in the forms that may have been signed: inflated, if it can be, then as it came. Raises `TooLarge`.

    Nobody documents whether a compressed body is signed before or after; a right HMAC is proof either way.
    """
    plain = _inflated(raw, limit) if _is_compressed() else None
    return (raw,) if plain is None else (plain, raw)


def _is_compressed() -> bool:
    return (request.headers.get("Content-Encoding") or "").strip().lower() in ("gzip", "x-gzip")


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
