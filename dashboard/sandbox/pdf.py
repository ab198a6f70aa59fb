"""A résumé as a PDF, written by hand: Helvetica, US Letter, text left uncompressed, as many pages as it takes."""

from __future__ import annotations

import unicodedata
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from dashboard.sandbox.resumes import Position, Resume

_WIDTH, _HEIGHT = 612, 792
_LEFT, _RIGHT, _TOP, _BOTTOM = 60.0, 552.0, 738.0, 56.0

# Widths of Helvetica's characters 32 to 126, in thousandths of the size: needed to break lines and align right.
_WIDTHS: Final = (
    278, 278, 355, 556, 556, 889, 667, 191, 333, 333, 389, 584, 278, 333, 278, 278, 556, 556, 556, 556, 556, 556, 556,
    556, 556, 556, 278, 278, 584, 584, 584, 556, 1015, 667, 667, 722, 722, 667, 611, 778, 722, 278, 500, 667, 556, 833,
    722, 778, 667, 778, 722, 667, 611, 722, 667, 944, 667, 667, 611, 278, 278, 278, 469, 556, 333, 556, 556, 500, 556,
    556, 278, 556, 556, 222, 222, 500, 222, 833, 556, 556, 556, 556, 333, 500, 278, 556, 500, 722, 500, 500, 500, 334,
    260, 334, 584,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Style:
    """`font` is F1 (regular) or F2 (bold); `size` and `leading` in points; `grey` from 0, black."""

    font: str
    size: float
    leading: float
    grey: float = 0.15


_NAME: Final = _Style("F2", 23, 28, 0.05)
_HEADLINE: Final = _Style("F1", 11.5, 16, 0.35)
_CONTACT: Final = _Style("F1", 9.5, 14, 0.3)
_HEADING: Final = _Style("F2", 10.5, 16, 0.1)
_TITLE: Final = _Style("F2", 10.5, 14)
_PLACE: Final = _Style("F1", 10, 14, 0.4)
_BODY: Final = _Style("F1", 10, 14)


@dataclass(frozen=True, slots=True)
class Photo:
    """Grey pixels, one byte each, row by row."""

    width: int
    height: int
    pixels: bytes


def printable(text: str) -> bool:
    """Whether Helvetica with WinAnsi encoding has every character of `text`."""
    try:
        text.encode("cp1252")
    except UnicodeEncodeError:
        return False
    return True


def resume_pdf(
    resume: Resume, *, accent: tuple[float, float, float] = (0.1, 0.3, 0.45), photo: Photo | None = None
) -> bytes:
    """`resume` as a PDF file. `accent`: red, green, blue from 0 to 1; `photo` goes to the upper right corner."""
    sheet = _Sheet(accent)
    if photo:
        sheet.picture()
    sheet.write(resume.name, _NAME)
    sheet.write(resume.headline, _HEADLINE)
    for line in resume.contact:
        sheet.write(line, _CONTACT)
    sheet.section("Profile")
    sheet.paragraph(resume.summary)
    sheet.section("Experience")
    for position in resume.positions:
        _position(sheet, position)
    sheet.section("Skills")
    sheet.paragraph(" · ".join(resume.skills))
    sheet.section("Certificates and education")
    for line in (*resume.certificates, resume.school):
        sheet.bullet(line)
    return _file([b"\n".join(page) for page in sheet.pages], resume.name, photo)


def _position(sheet: _Sheet, position: Position) -> None:
    sheet.room_for(4 * _BODY.leading)
    sheet.right(position.years, _PLACE)
    sheet.write(position.title, _TITLE)
    sheet.write(position.workplace, _PLACE)
    for duty in position.duties:
        sheet.bullet(duty)
    sheet.space(5)


@dataclass(slots=True)
class _Sheet:
    """Pages of drawing operators and a pen that moves down them."""

    accent: tuple[float, float, float]
    pages: list[list[bytes]] = field(default_factory=lambda: [[]])
    y: float = _TOP

    def write(self, text: str, style: _Style, x: float = _LEFT) -> None:
        """One line at the pen, which then moves down."""
        self.room_for(style.leading)
        self.y -= style.leading
        self._show(text, style, x, self.y)

    def right(self, text: str, style: _Style) -> None:
        """One line ending at the right margin, beside the line written next."""
        self._show(text, style, _RIGHT - _measure(text, style), self.y - style.leading)

    def section(self, title: str) -> None:
        """A heading in the accent colour over a thin rule; never alone at the foot of a page."""
        self.room_for(64)
        self.space(9)
        self.y -= _HEADING.leading
        colour = " ".join(f"{part:g}" for part in self.accent)
        self._draw(f"{colour} rg BT /F2 10.5 Tf {_LEFT:g} {self.y:.1f} Td ({{}}) Tj ET", title.upper())
        self._draw(f"{colour} RG 0.7 w {_LEFT:g} {self.y - 5:.1f} m {_RIGHT:g} {self.y - 5:.1f} l S")
        self.space(8)

    def paragraph(self, text: str, indent: float = 0) -> None:
        """Text broken into lines between the margins."""
        for line in _lines(text, _BODY, _RIGHT - _LEFT - indent):
            self.write(line, _BODY, _LEFT + indent)

    def bullet(self, text: str) -> None:
        """A paragraph behind a bullet."""
        self.room_for(2 * _BODY.leading)
        self._show("•", _BODY, _LEFT + 2, self.y - _BODY.leading)
        self.paragraph(text, indent=14)

    def picture(self) -> None:
        """The photo, in the upper right corner of the first page."""
        self._draw(f"q 84 0 0 98 {_RIGHT - 84:g} {_TOP - 98:g} cm /Photo Do Q")

    def space(self, points: float) -> None:
        """Move the pen down."""
        self.y -= points

    def room_for(self, points: float) -> None:
        """Begin a new page unless `points` are left on this one."""
        if self.y - points < _BOTTOM:
            self.pages.append([])
            self.y = _TOP

    def _show(self, text: str, style: _Style, x: float, y: float) -> None:
        self._draw(f"{style.grey:g} g BT /{style.font} {style.size:g} Tf {x:.1f} {y:.1f} Td ({{}}) Tj ET", text)

    def _draw(self, operators: str, text: str = "") -> None:
        before, _, after = operators.partition("{}")
        self.pages[-1].append(before.encode() + _escaped(text) + after.encode())


def _escaped(text: str) -> bytes:
    raw = text.encode("cp1252", "replace")
    return raw.replace(b"\\", b"\\\\").replace(b"(", b"\\(").replace(b")", b"\\)")


def _measure(text: str, style: _Style) -> float:
    bold = 1.07 if style.font == "F2" else 1.0
    return sum(map(_advance, text)) * style.size / 1000 * bold


def _advance(character: str) -> int:
    plain = unicodedata.normalize("NFD", character)[0]
    return _WIDTHS[ord(plain) - 32] if " " <= plain <= "~" else 556


def _lines(text: str, style: _Style, width: float) -> Iterable[str]:
    line = ""
    for word in text.split():
        longer = f"{line} {word}".strip()
        if line and _measure(longer, style) > width:
            yield line
            longer = word
        line = longer
    yield line


def _file(pages: Sequence[bytes], title: str, photo: Photo | None) -> bytes:
    """Objects 1 to 5 are catalogue, page tree, the two fonts and the title; then the photo, then two for each page."""
    first = 7 if photo else 6
    kids = " ".join(f"{first + 2 * number} 0 R" for number in range(len(pages)))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>".encode(),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica-Bold /Encoding /WinAnsiEncoding >>",
        b"<< /Title (" + _escaped(title) + b") >>",
    ]
    if photo:
        objects.append(_image(photo))
    for number, content in enumerate(pages):
        objects += [_page(first + 2 * number + 1, photo), _stream(b"", content)]
    return _assembled(objects)


def _page(content: int, photo: Photo | None) -> bytes:
    pictures = " /XObject << /Photo 6 0 R >>" if photo else ""
    resources = f"<< /Font << /F1 3 0 R /F2 4 0 R >>{pictures} >>"
    box = f"[0 0 {_WIDTH} {_HEIGHT}]"
    return f"<< /Type /Page /Parent 2 0 R /MediaBox {box} /Resources {resources} /Contents {content} 0 R >>".encode()


def _image(photo: Photo) -> bytes:
    kind = f"/Type /XObject /Subtype /Image /Width {photo.width} /Height {photo.height}"
    looks = "/ColorSpace /DeviceGray /BitsPerComponent 8 /Filter /FlateDecode"
    return _stream(f"{kind} {looks} ".encode(), zlib.compress(photo.pixels, 6))


def _stream(entries: bytes, content: bytes) -> bytes:
    return b"<< %b/Length %d >>\nstream\n%b\nendstream" % (entries, len(content), content)


def _assembled(objects: Sequence[bytes]) -> bytes:
    body = bytearray(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n")
    places = []
    for number, content in enumerate(objects, start=1):
        places.append(len(body))
        body += b"%d 0 obj\n%b\nendobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    size = len(objects) + 1
    start = len(body)
    body += b"xref\n0 %d\n0000000000 65535 f \n%b" % (size, table)
    body += b"trailer\n<< /Size %d /Root 1 0 R /Info 5 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (size, start)
    return bytes(body)
