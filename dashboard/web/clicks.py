"""`/click`: for apply flows outside Talroo Apply, the way in from Talroo and the word that somebody converted."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from typing import Final

from flask import Blueprint, abort, jsonify, redirect, request
from itsdangerous import BadSignature, URLSafeTimedSerializer
from werkzeug.wrappers import Response

from dashboard.clock import utcnow
from dashboard.extensions import csrf, db
from dashboard.permissions import PUBLIC, needs
from dashboard.services import clicks, secret_uses
from dashboard.services.clicks import BadClick, Landing
from dashboard.web.edge import notebook, settings, writing

bp = Blueprint("clicks", __name__, url_prefix="/click")

COOKIE: Final = "talroo_click"
"""Over https with `__Host-` in front: browsers then take it from this host alone."""
COOKIE_LIFE: Final = 30 * 24 * 3600


@bp.get("")
@needs(PUBLIC)
def land() -> Response:
    """Store the click, tie it to the visitor, and send them on. Never anywhere that is not configured."""
    config = settings()
    if not config.click_destinations:
        abort(404)
    tlr_sid = request.args.get("tlr_sid", "")
    try:
        # Before the database is asked to write: strangers' nonsense must not take the deliveries' turn.
        landing = Landing.read(tlr_sid, request.args.get("to", ""), config.click_destinations)
    except BadClick as problem:
        return _refused(str(problem))
    clicks.land(writing(), landing, now=utcnow())
    db.session.commit()
    response = redirect(landing.target, 302)
    response.set_cookie(
        _cookie(), _signer().dumps(tlr_sid), max_age=COOKIE_LIFE, httponly=True, samesite="Lax", secure=config.is_https
    )
    return response


@bp.post("/convert")
@csrf.exempt
@needs(PUBLIC)
def convert() -> Response:
    """Queue one conversion: `tlr_sid` (or the visitor's), `event` 1 to 3, as a form or as JSON."""
    token = settings().click_api_token
    if not token or not hmac.compare_digest(f"Bearer {token}".encode(), _authorization()):
        response = jsonify(error="A bearer token is needed: Authorization: Bearer <CLICK_API_TOKEN>.")
        response.status_code = 401
        response.headers["WWW-Authenticate"] = "Bearer"
        return response
    notebook().proved(secret_uses.CLICKS, token, utcnow())
    given = _given()
    try:
        asked = clicks.read_conversion(str(given.get("tlr_sid") or _visitors_click()), str(given.get("event") or ""))
    except BadClick as problem:
        return _refused(str(problem))
    conversion, queued = clicks.convert(writing(), *asked, now=utcnow())
    db.session.commit()
    response = jsonify(status="queued" if queued else "duplicate", conversion=conversion)
    response.status_code = 202 if queued else 200
    return response


def _given() -> Mapping[str, object]:
    """What was sent, as a form, as JSON, or in the address."""
    sent = request.get_json(silent=True) if request.is_json else request.form
    return {**request.args, **(sent if isinstance(sent, Mapping) else {})}


def _authorization() -> bytes:
    return request.headers.get("Authorization", "").encode("utf-8", "surrogateescape")


def _visitors_click() -> str:
    try:
        return str(_signer().loads(request.cookies.get(_cookie(), ""), max_age=COOKIE_LIFE))
    except BadSignature:
        return ""


def _cookie() -> str:
    return f"__Host-{COOKIE}" if settings().is_https else COOKIE


def _signer() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(settings().secret_key, salt="talroo click")


def _refused(reason: str) -> Response:
    response = jsonify(error=reason)
    response.status_code = 400
    return response
