"""Under which names this site answers: `PUBLIC_URL`'s, and those by which a machine calls itself.

Whatever else a request calls us (DNS rebinding, a proxy's cache to be poisoned, a link to be mailed) is refused
before anything is read. Not Flask's `TRUSTED_HOSTS`: it takes no IPv6 address, minds capitals, and its refusal comes
where no page can be made any more.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

from flask import Flask, current_app, jsonify, request
from werkzeug.wrappers import Response

from dashboard.clock import utcnow
from dashboard.models.watch import Reason
from dashboard.web.edge import notebook, remote_address, settings

LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "[::1]"})
"""Health checks and scrapers of the same machine ask there, on whatever port."""
REFUSED: Final = "This dashboard does not answer under that name. The one it has is set by PUBLIC_URL."
_DELIVERIES: Final = "receiving.receive"


def init_app(app: Flask) -> None:
    """Before all that reads anything of a request, so after the tracing alone."""
    app.extensions["hosts"] = LOOPBACK | {name_in(settings(app).public_url)}
    app.before_request(_refuse_others)


def name_in(address: str) -> str:
    """The host of an address as browsers send it: small letters, without a port, IPv6 in brackets."""
    name = urlsplit(address).hostname or ""
    return f"[{name}]" if ":" in name else _in_ascii(name)


def _in_ascii(name: str) -> str:
    try:
        return name.encode("idna").decode("ascii")
    except UnicodeError:
        return name


def _refuse_others() -> Response | None:
    # Werkzeug leaves it empty where it has characters that no host has.
    if re.sub(r":[0-9]*$", "", request.host.lower()) in current_app.extensions["hosts"]:
        return None
    if request.endpoint == _DELIVERIES:
        notebook().refused(Reason.HOST.value, remote_address(), utcnow())
        return _answer(jsonify(status="refused", reason=REFUSED))
    return _answer(Response(f"{REFUSED}\n", mimetype="text/plain"))


def _answer(response: Response) -> Response:
    response.status_code = 400
    response.headers["Cache-Control"] = "no-store"
    return response
