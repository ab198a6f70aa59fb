"""Résumés and file answers: to download, never opened as what their sender says they are; and what is shown of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self
from urllib.parse import quote, urlencode

from flask import Blueprint, abort, render_template, request, url_for
from flask_login import current_user
from werkzeug.wrappers import Response

from dashboard import filetypes, queries
from dashboard.asking import words
from dashboard.audit_actions import Action
from dashboard.database import let_go
from dashboard.documents import Extraction, Limits
from dashboard.highlight import Marks
from dashboard.models import Attachment
from dashboard.permissions import Permission, allows, needs
from dashboard.services.drawing import WIDTH
from dashboard.services.files import FileMissing
from dashboard.web import noting
from dashboard.web.edge import drawings, file_store, reading

bp = Blueprint("files", __name__)

SANDBOXED: Final = "default-src 'none'; frame-ancestors 'none'; sandbox"
MOST_PAGES: Final = 10
"""Pages shown one under the other; a longer document is downloaded to be read."""

_NEARLY_ALL: Final = Limits().text_bytes * 99 // 100
"""A stored text this long was cut: what cannot be stored was left out after cutting."""
_LETTER: Final = (612, 792)
_TALLEST: Final = 4
"""Times its width: as `documents` draws."""


@bp.get("/files/<public_id>")
@needs(Permission.APPLICATIONS)
def download(public_id: str) -> Response:
    """The content as an attachment. A file that is not what it says can do nothing in the browser."""
    attachment = _find(public_id)
    response = Response(_content(attachment), mimetype="application/octet-stream")
    noting.file_shown(attachment, Action.FILE_DOWNLOADED)
    response.headers["Content-Disposition"] = _disposition(attachment)
    response.headers["Content-Security-Policy"] = SANDBOXED
    return response


@bp.get("/files/<public_id>/preview")
@needs(Permission.APPLICATIONS)
def preview(public_id: str) -> str:
    """What stands in the file, made safe: its text, and for some kinds pictures of its pages."""
    return _shown("files/preview.html", public_id)


@bp.get("/files/<public_id>/preview-part")
@needs(Permission.APPLICATIONS)
def preview_part(public_id: str) -> str:
    """The same as a piece of a page, for one that was opened before the worker had read the file."""
    return _shown("files/preview_part.html", public_id)


@bp.get("/files/<public_id>/picture")
@needs(Permission.APPLICATIONS)
def picture(public_id: str) -> Response:
    """A picture of one page (`page`, counted from 1), drawn by a bounded process from the bytes; where that fails, one
    that says why."""
    attachment, page = _find(public_id), _page()
    known = attachment.content and attachment.content.pages
    if not attachment.has_preview or (known and page > known) or attachment.sha256 is None:
        abort(404)
    noting.picture_shown(attachment)
    let_go(reading())  # whoever waits for a picture, and its drawing, needs no database
    drawn = drawings().draw(attachment.sha256, page, attachment.file_type, lambda: _content(attachment))
    if drawn.pages and page > drawn.pages:
        abort(404)
    if drawn.png is None:
        # The page with the <img> is there already: an error would only be a broken picture.
        response = Response(render_template("files/no_picture.svg", problem=drawn.problem), mimetype="image/svg+xml")
    else:
        response = Response(drawn.png, mimetype="image/png")
    response.headers["Content-Security-Policy"] = SANDBOXED
    return response


# --- what the viewer shows ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Sheet:
    """A page's picture, in the pixels it is laid out with."""

    number: int
    width: int
    height: int

    @classmethod
    def of(cls, number: int, size: Sequence[int], most: int) -> Self:
        """`size`: width and height, of which only the proportion counts; `most`: the width at most."""
        across, down = size
        width = min(most, WIDTH)
        return cls(number, width, max(1, min(round(width * down / across), width * _TALLEST)))


@dataclass(frozen=True, slots=True)
class Shown:
    """What can be seen of a file: pictures of its pages, its text, or why neither (the end of a sentence)."""

    text: str = ""
    sheets: Sequence[Sheet] = ()
    pages: int = 0
    is_cut: bool = False
    why_not: str = ""


@bp.app_template_global("file_shown")
def shown(attachment: Attachment) -> Shown | None:
    """What can be seen of a file by what is stored of it; None where nobody has read it yet."""
    if not attachment.has_preview:
        return Shown(why_not=_why_not(attachment))
    stored = attachment.content
    if stored is None or stored.read_at is None:
        return None
    text = stored.text or ""
    sizes = tuple((across, down) for across, down in stored.sheets or ())
    is_cut = len(text.encode()) > _NEARLY_ALL
    return _of(attachment, Extraction(text, stored.pages, stored.problem, is_cut, sheets=sizes))


@bp.app_template_global("file_chosen")
def chosen(attachments: Sequence[Attachment]) -> Attachment | None:
    """The file that the address names by `file`; else the newest résumé, else the newest file."""
    named = (file for file in attachments if file.public_id == request.args.get("file"))
    resumes = (file for file in attachments if file.question_id is None)
    return next((file for found in (named, resumes, attachments) for file in found), None)


@bp.app_template_global("file_address")
def address(attachment: Attachment) -> str:
    """The application's page with this file shown, and its list as it was."""
    screen = "applications.show" if attachment.application.completed else "incomplete.show"
    page = url_for(screen, public_id=attachment.application.public_id)
    return f"{page}?{urlencode([*_along(), ('file', attachment.public_id)])}#viewer"


@bp.app_template_global("preview_address")
def preview_address(attachment: Attachment) -> str:
    """The file on a page of its own, whose way back still knows the list."""
    page = url_for("files.preview", public_id=attachment.public_id)
    return f"{page}?{urlencode(_along())}" if _along() else page


def _along() -> list[tuple[str, str]]:
    """What the address says of the list."""
    return [(name, value) for name, value in request.args.items(multi=True) if name != "file"]


def _of(attachment: Attachment, found: Extraction) -> Shown:
    if found.problem:
        return Shown(why_not=f"{found.problem[:1].lower()}{found.problem[1:]}")
    if attachment.file_type.previewable != "picture":
        return Shown(found.text, is_cut=found.shortened, why_not="" if found.text else "nothing readable is in it.")
    pages = found.pages or 1
    sizes = [*found.sheets[:MOST_PAGES], *[_LETTER] * MOST_PAGES][: min(pages, MOST_PAGES)]
    # Paper is as wide as the screen lets it; a photograph is not blown up.
    is_paper = attachment.file_type is filetypes.PDF
    sheets = [Sheet.of(number, size, WIDTH if is_paper else size[0]) for number, size in enumerate(sizes, 1)]
    return Shown(found.text, sheets, pages, found.shortened)


def _why_not(attachment: Attachment) -> str:
    if attachment.sha256 is None:
        return "no content was sent with it."
    if attachment.verdict == "unreadable":
        return "it can’t be read. Download it to see what was sent."
    if attachment.file_type is filetypes.UNKNOWN:
        return "its type is unknown. You can download it."
    return f"files of this type ({attachment.type_label}) can only be downloaded."


def _shown(template: str, public_id: str) -> str:
    """A page about one file. What nobody has read yet is read now."""
    attachment = _find(public_id)
    noting.file_shown(attachment)
    found = shown(attachment)
    if found is None:
        let_go(reading())
        found = _of(attachment, drawings().read(attachment.file_type, lambda: _content(attachment)))
    return render_template(template, attachment=attachment, shown=found, marks=Marks.of(words(request.args, "q", 200)))


def _page() -> int:
    """The page asked for. No such number: 404."""
    asked = request.args.get("page", "1")
    return int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 6 and int(asked) else abort(404)


def _find(public_id: str) -> Attachment:
    attachment: Attachment = queries.attachment(reading(), public_id, current_user.reach) or abort(404)
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


def _disposition(attachment: Attachment) -> str:
    name = attachment.download_name
    plain = "".join(c if c.isascii() and (c.isalnum() or c in "._- ") else "_" for c in name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
