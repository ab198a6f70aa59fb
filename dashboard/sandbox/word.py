"""A résumé as Word (DOCX), rich text (RTF) and plain text: the smallest files that open everywhere."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from typing import Final
from xml.sax.saxutils import escape

from dashboard.sandbox.resumes import Resume

_EARLIEST: Final = (1980, 1, 1, 0, 0, 0)
_OFFICE: Final = "http://schemas.openxmlformats.org"
_PACKAGE: Final = {
    "[Content_Types].xml": (
        f'<Types xmlns="{_OFFICE}/package/2006/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        '<Default Extension="xml" ContentType="application/xml"/>'
        '<Override PartName="/word/document.xml" ContentType='
        '"application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/></Types>'
    ),
    "_rels/.rels": (
        f'<Relationships xmlns="{_OFFICE}/package/2006/relationships"><Relationship Id="rId1" '
        f'Type="{_OFFICE}/officeDocument/2006/relationships/officeDocument" Target="word/document.xml"/>'
        "</Relationships>"
    ),
}


def resume_docx(resume: Resume) -> bytes:
    """`resume` as a Word document. The same résumé gives the same bytes."""
    body = "".join(_word_paragraph(text, weight) for text, weight in _outline(resume))
    document = (
        f'<w:document xmlns:w="{_OFFICE}/wordprocessingml/2006/main"><w:body>{body}'
        '<w:sectPr><w:pgSz w:w="12240" w:h="15840"/></w:sectPr></w:body></w:document>'
    )
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in {**_PACKAGE, "word/document.xml": document}.items():
            # A fixed date: the file's hash must depend on nothing but its content.
            archive.writestr(zipfile.ZipInfo(name, _EARLIEST), f'<?xml version="1.0" encoding="UTF-8"?>{content}')
    return packed.getvalue()


def resume_rtf(resume: Resume) -> bytes:
    """`resume` as rich text, other than ASCII characters written as \\u escapes."""
    sizes = {0: r"\fs21 ", 1: r"\sb180\b\fs24 ", 2: r"\b\fs40 "}
    lines = [rf"\pard\sa60{sizes[weight]}{_rtf(text)}\plain\f0\par" for text, weight in _outline(resume)]
    head = r"{\rtf1\ansi\ansicpg1252\deff0{\fonttbl{\f0\fswiss Arial;}}\uc1\f0"
    return "\n".join([head, *lines, "}"]).encode("ascii")


def resume_text(resume: Resume) -> bytes:
    """`resume` as UTF-8 text with underlined headings."""
    marks = {0: "", 1: "-", 2: "="}
    lines = []
    for text, weight in _outline(resume):
        lines += ["", text, marks[weight] * len(text)] if weight else [text]
    return "\n".join(lines).strip().encode() + b"\n"


def _outline(resume: Resume) -> Iterator[tuple[str, int]]:
    """Every line with its weight: 2 the name, 1 a heading, 0 text."""
    yield resume.name, 2
    yield resume.headline, 0
    yield " | ".join(resume.contact), 0
    yield "Profile", 1
    yield resume.summary, 0
    yield "Experience", 1
    for position in resume.positions:
        yield f"{position.title}, {position.workplace} ({position.years})", 0
        yield from ((f"• {duty}", 0) for duty in position.duties)
    yield "Skills", 1
    yield ", ".join(resume.skills), 0
    yield "Certificates and education", 1
    yield from ((line, 0) for line in (*resume.certificates, resume.school))


def _word_paragraph(text: str, weight: int) -> str:
    bold = ("", "<w:b/>", "<w:b/>")[weight]
    size = (21, 24, 40)[weight]
    gap = (40, 60, 40)[weight]
    look = f'<w:rPr><w:rFonts w:ascii="Calibri" w:hAnsi="Calibri"/>{bold}<w:sz w:val="{size}"/></w:rPr>'
    spacing = f'<w:pPr><w:spacing w:before="{200 * (weight == 1)}" w:after="{gap}"/></w:pPr>'
    return f'<w:p>{spacing}<w:r>{look}<w:t xml:space="preserve">{escape(text)}</w:t></w:r></w:p>'


def _rtf(text: str) -> str:
    return "".join(_rtf_character(character) for character in text)


def _rtf_character(character: str) -> str:
    if character in "\\{}":
        return f"\\{character}"
    if character.isascii():
        return character
    units = character.encode("utf-16-le")
    pairs = (int.from_bytes(units[at : at + 2], "little", signed=True) for at in range(0, len(units), 2))
    return "".join(f"\\u{pair}?" for pair in pairs)
