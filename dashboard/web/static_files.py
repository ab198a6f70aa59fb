"""What pages need besides their HTML: read once, kept compressed, and named by what it holds.

An address with its version is kept by browsers for a year, because what it leads to never changes. Pages themselves are
not compressed: they answer with what was searched for beside a secret (BREACH).
"""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from flask import Flask, abort, request
from flask import Response as FlaskResponse
from flask.sessions import SecureCookieSessionInterface, SessionMixin
from itsdangerous import URLSafeTimedSerializer
from werkzeug.wrappers import Response

from config import ROOT
from dashboard.permissions import PUBLIC, needs

FOLDER: Final = ROOT / "static"
PREFIX: Final = "/static/"
ENDPOINT: Final = "static"
_FOREVER: Final = "public, max-age=31536000, immutable"
_AN_HOUR: Final = "public, max-age=3600"


@dataclass(frozen=True, slots=True)
class StaticFile:
    """A file as it is sent. `compressed`: None where that saves nothing. `version`: of its content."""

    content: bytes
    compressed: bytes | None
    mime: str
    version: str


def init_app(app: Flask) -> None:
    """The files' address, their version in every `url_for('static', …)`, and `icons_url` for templates."""
    app.add_url_rule(f"{PREFIX}<path:filename>", ENDPOINT, send)
    app.url_defaults(_add_version)
    app.session_interface = _SessionsOfPages()
    # A page shows dozens of icons: their address is made once.
    app.jinja_env.globals["icons_url"] = f"{PREFIX}icons.svg?v={static_file('icons.svg').version}"


class _SessionsOfPages(SecureCookieSessionInterface):
    """Files belong to no session. If they varied by cookie, browsers would ask anew with each.

    Signed with SHA-256: Flask's own is SHA-1.
    """

    digest_method = staticmethod(hashlib.sha256)

    def __init__(self) -> None:
        self._serializer: URLSafeTimedSerializer | None = None

    # Flask makes one for each cookie that it reads or writes.
    def get_signing_serializer(self, app: Flask) -> URLSafeTimedSerializer | None:
        self._serializer = self._serializer or super().get_signing_serializer(app)
        return self._serializer

    def save_session(self, app: Flask, session: SessionMixin, response: FlaskResponse) -> None:
        if request.endpoint != ENDPOINT:
            super().save_session(app, session, response)


@needs(PUBLIC)
def send(filename: str) -> Response:
    found = static_file(filename) if filename in _files() else abort(404)
    zipped = found.compressed if request.accept_encodings["gzip"] > 0 else None
    response = Response(zipped or found.content, mimetype=found.mime)
    response.headers["Cache-Control"] = _FOREVER if request.args.get("v") == found.version else _AN_HOUR
    if found.compressed:
        response.headers["Vary"] = "Accept-Encoding"
    if zipped:
        response.headers["Content-Encoding"] = "gzip"
    response.set_etag(f"{found.version}-gzip" if zipped else found.version)
    return response.make_conditional(request)


@cache
def static_file(name: str) -> StaticFile:
    """One of the files there are, by its path in `FOLDER`."""
    content = _files()[name].read_bytes()
    compressed = gzip.compress(content, 9, mtime=0)
    return StaticFile(
        content,
        compressed if len(compressed) < len(content) else None,
        mimetypes.guess_type(name)[0] or "application/octet-stream",
        hashlib.blake2b(content, digest_size=6).hexdigest(),
    )


@cache
def _files() -> dict[str, Path]:
    # Listed once: an address cannot lead out of the folder, and its many spellings fill no memory.
    return {path.relative_to(FOLDER).as_posix(): path for path in FOLDER.rglob("*") if path.is_file()}


def _add_version(endpoint: str, values: dict[str, Any]) -> None:
    if endpoint == ENDPOINT and "v" not in values and values.get("filename") in _files():
        values["v"] = static_file(values["filename"]).version
