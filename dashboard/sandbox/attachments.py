"""Files as Talroo sends them: name, type, SHA-256 and base64; good ones of every kind, and broken ones."""

from __future__ import annotations

import base64
import hashlib
import random
from collections.abc import Callable
from typing import Any, Final

from dashboard.sandbox.pdf import printable, resume_pdf
from dashboard.sandbox.pictures import jpeg, photographed, png, portrait
from dashboard.sandbox.resumes import Resume
from dashboard.sandbox.word import resume_docx, resume_rtf, resume_text

Attachment = dict[str, Any]
_Maker = Callable[[Resume, random.Random], Attachment | None]

_ACCENTS: Final = ((0.1, 0.3, 0.45), (0.35, 0.12, 0.2), (0.1, 0.35, 0.25), (0.25, 0.25, 0.28), (0.45, 0.27, 0.05))


def attachment(name: str, content: bytes, content_type: str = "application/octet-stream") -> Attachment:
    """`content` in the shape of `resume` and of file answers (talroo-contract §1), with its true SHA-256."""
    return {
        "fileName": name,
        "contentType": content_type,
        "contentSha256": hashlib.sha256(content).hexdigest(),
        "data": base64.b64encode(content).decode(),
    }


def document(kind: str, resume: Resume, rng: random.Random) -> Attachment | None:
    """`resume` as a file of one of `KINDS`; None for the kind `none`.

    A name that Helvetica cannot write comes as DOCX where a PDF was asked for, as it would in life.
    """
    if kind in _PDF_KINDS and not printable(resume.name):
        kind = "docx"
    return KINDS[kind](resume, rng)


def _none(resume: Resume, rng: random.Random) -> None:
    return None


def _pdf(resume: Resume, rng: random.Random) -> Attachment:
    # Talroo's own example declares a PDF as a stream of octets, so most of ours do.
    declared = rng.choice(("application/octet-stream", "application/octet-stream", "application/pdf"))
    return attachment(_name(resume, rng, "pdf"), resume_pdf(resume, accent=rng.choice(_ACCENTS)), declared)


def _pdf_with_photo(resume: Resume, rng: random.Random) -> Attachment:
    content = resume_pdf(resume, accent=rng.choice(_ACCENTS), photo=portrait(rng, 360, 420))
    return attachment(_name(resume, rng, "pdf"), content)


def _docx(resume: Resume, rng: random.Random) -> Attachment:
    return attachment(_name(resume, rng, "docx"), resume_docx(resume))


def _rtf(resume: Resume, rng: random.Random) -> Attachment:
    return attachment(_name(resume, rng, "rtf"), resume_rtf(resume), "application/rtf")


def _txt(resume: Resume, rng: random.Random) -> Attachment:
    return attachment(_name(resume, rng, "txt"), resume_text(resume), "text/plain")


def _png(resume: Resume, rng: random.Random) -> Attachment:
    return attachment(f"IMG_{rng.randrange(1000, 9999)}.PNG", png(photographed(resume)), "image/png")


def _jpeg(resume: Resume, rng: random.Random) -> Attachment:
    return attachment(f"IMG_{rng.randrange(1000, 9999)}.jpeg", jpeg(photographed(resume)))


def _truncated(resume: Resume, rng: random.Random) -> Attachment:
    whole = resume_pdf(resume)
    return attachment(_name(resume, rng, "pdf"), whole[: len(whole) // 3])


def _wrong_hash(resume: Resume, rng: random.Random) -> Attachment:
    return {**_pdf(resume, rng), "contentSha256": hashlib.sha256(b"another file").hexdigest()}


def _broken_base64(resume: Resume, rng: random.Random) -> Attachment:
    good = _pdf(resume, rng)
    return {**good, "data": good["data"][:901] + "%%" + good["data"][905:-3]}


def _html(resume: Resume, rng: random.Random) -> Attachment:
    page = (
        "<!DOCTYPE html><html><body><script>alert('résumé')</script><h1>Please sign in to your drive</h1></body></html>"
    )
    return attachment(_name(resume, rng, "pdf"), page.encode(), "application/pdf")


def _empty(resume: Resume, rng: random.Random) -> Attachment:
    return attachment("resume.pdf", b"")


def _no_data(resume: Resume, rng: random.Random) -> Attachment:
    return {**_pdf(resume, rng), "data": None}


def _odd_name(resume: Resume, rng: random.Random) -> Attachment:
    return {**_pdf(resume, rng), "fileName": '..\\..\\my "résumé"; final\u202e(2)\r\n.pdf'}


KINDS: Final[dict[str, _Maker]] = {
    "none": _none,
    "pdf": _pdf,
    "pdf-photo": _pdf_with_photo,
    "docx": _docx,
    "rtf": _rtf,
    "txt": _txt,
    "png": _png,
    "jpeg": _jpeg,
    "odd-name": _odd_name,
    "truncated": _truncated,
    "wrong-hash": _wrong_hash,
    "broken-base64": _broken_base64,
    "html": _html,
    "empty": _empty,
    "no-data": _no_data,
}
"""What an applicant may attach, by the name scenes use."""

_PDF_KINDS: Final = frozenset({"pdf", "pdf-photo", "odd-name", "truncated", "wrong-hash", "broken-base64", "no-data"})


def _name(resume: Resume, rng: random.Random, ending: str) -> str:
    words = resume.name.replace("/", " ").split()
    stem = rng.choice(("_".join(["Resume", *words]), f"{words[-1]} resume {rng.randrange(2, 9)}", "resume", "CV final"))
    return f"{stem}.{ending}"
