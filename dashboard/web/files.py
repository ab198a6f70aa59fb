"""Résumés and file answers: to download, never opened as what their sender says they are."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

from flask import Blueprint, abort, render_template, url_for
from flask_login import current_user
from werkzeug.wrappers import Response

from dashboard import queries
from dashboard.documents import Extraction, Limits, extract_text, render_picture
from dashboard.models import Attachment
from dashboard.permissions import Permission, allows, needs
from dashboard.services.files import FileMissing
from dashboard.web.edge import file_store, reading

bp = Blueprint("files", __name__)

SANDBOXED: Final = "default-src 'none'; sandbox"

_NEARLY_ALL: Final = Limits().text_bytes * 99 // 100
"""A stored text this long was cut: what cannot be stored was left out after cutting."""


@bp.get("/files/<public_id>")
@needs(Permission.APPLICATIONS)
def download(public_id: str) -> Response:
    """The content as an attachment. A file that is not what it says can do nothing in the browser."""
    attachment = _find(public_id)
    response = Response(_content(attachment), mimetype="application/octet-stream")
    response.headers["Content-Disposition"] = _disposition(attachment)
    response.headers["Content-Security-Policy"] = SANDBOXED
    return response


@bp.get("/files/<public_id>/preview")
@needs(Permission.APPLICATIONS)
def preview(public_id: str) -> str:
    """What stands in the file, made safe: its text, and for some kinds a picture of the first page."""
    attachment = _find(public_id)
    if not attachment.has_preview:
        return render_template("files/preview.html", attachment=attachment)
    found = _extraction(attachment)
    drawable = attachment.file_type.previewable == "picture" and not found.problem
    return render_template(
        "files/preview.html",
        attachment=attachment,
        text=found.text,
        problem=found.problem,
        page_count=found.pages,
        text_cut=found.shortened,
        picture_url=url_for("files.picture", public_id=public_id) if drawable else None,
    )


@bp.get("/files/<public_id>/picture")
@needs(Permission.APPLICATIONS)
def picture(public_id: str) -> Response:
    """A picture of the first page, drawn by a bounded process from the bytes; where that fails, one that says why."""
    attachment = _find(public_id)
    if not attachment.has_preview:
        abort(404)
    drawn = render_picture(_content(attachment), attachment.file_type)
    if drawn.png is None:
        # The page with the <img> is there already: an error would only be a broken picture.
        response = Response(render_template("files/no_picture.svg", problem=drawn.problem), mimetype="image/svg+xml")
    else:
        response = Response(drawn.png, mimetype="image/png")
    response.headers["Content-Security-Policy"] = SANDBOXED
    return response


def _find(public_id: str) -> Attachment:
    attachment: Attachment = queries.attachment(reading(), public_id) or abort(404)
    # A file belongs to its application: who may not see the one may not see the other.
    if not attachment.application.completed and not allows(current_user.role, Permission.INCOMPLETE):
        abort(404)
    return attachment


def _content(attachment: Attachment) -> bytes:
    if attachment.sha256 is None:
        abort(404)
    try:
        return file_store().get(attachment.sha256)
    except FileMissing:
        abort(404)


def _extraction(attachment: Attachment) -> Extraction:
    """The text as the worker read it, else read now."""
    stored = attachment.content
    if stored is None or stored.read_at is None:
        return extract_text(_content(attachment), attachment.file_type)
    words = stored.text or ""
    return Extraction(words, problem=stored.problem, shortened=len(words.encode()) > _NEARLY_ALL)


def _disposition(attachment: Attachment) -> str:
    name = attachment.download_name
    plain = "".join(c if c.isascii() and (c.isalnum() or c in "._- ") else "_" for c in name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
