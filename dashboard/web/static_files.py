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
from markupsafe import Markup
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
    """The files' address, their version in every `url_for('static', …)`, and `icon` for templates."""
    app.add_url_rule(f"{PREFIX}<path:filename>", ENDPOINT, send)
    app.url_defaults(_add_version)
    app.jinja_env.globals["icon"] = icon


@cache  # a page shows dozens
def icon(name: str) -> Markup:
    """A drawing of `static/icons.svg`, which says nothing: words beside it do."""
    address = f"{PREFIX}icons.svg?v={static_file('icons.svg').version}"
    return Markup('<svg class="icon" aria-hidden="true"><use href="%s#%s"/></svg>') % (address, name)


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
        hashlib.blake2b(content, digest_size=4).hexdigest(),
    )


@cache
def _files() -> dict[str, Path]:
    # Listed once: an address cannot lead out of the folder, and its many spellings fill no memory.
    return {path.relative_to(FOLDER).as_posix(): path for path in FOLDER.rglob("*") if path.is_file()}


def _add_version(endpoint: str, values: dict[str, Any]) -> None:
    if endpoint == ENDPOINT and "v" not in values and values.get("filename") in _files():
        values["v"] = static_file(values["filename"]).version
