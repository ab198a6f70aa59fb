"""Small real documents, made here byte by byte."""

import io
import struct
import zipfile

from PIL import Image

WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
COMPATIBLE = "http://schemas.openxmlformats.org/markup-compatibility/2006"


def pdf(*pages: str, box: str = "0 0 612 792") -> bytes:
    """A PDF with one line of Helvetica on each page."""
    kids = " ".join(f"{4 + 2 * number} 0 R" for number in range(len(pages)))
    objects = [
        "<</Type/Catalog/Pages 2 0 R>>",
        f"<</Type/Pages/Kids[{kids}]/Count {len(pages)}>>",
        "<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    ]
    for number, words in enumerate(pages):
        stream = f"BT /F1 24 Tf 72 700 Td ({words}) Tj ET"
        objects.append(
            f"<</Type/Page/Parent 2 0 R/MediaBox[{box}]/Contents {5 + 2 * number} 0 R/Resources<</Font<</F1 3 0 R>>>>>>"
        )
        objects.append(f"<</Length {len(stream)}>>stream\n{stream}\nendstream")
    return assembled([each.encode() for each in objects])


def assembled(objects: list[bytes], trailer: bytes = b"") -> bytes:
    """A PDF file of `objects`, the first of them its catalog."""
    out, places = bytearray(b"%PDF-1.4\n"), []
    for number, each in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj%s endobj\n" % (number, each)
    table = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % place for place in places)
    out += b"trailer<</Size %d/Root 1 0 R%s>>\nstartxref\n%d\n%%%%EOF" % (len(objects) + 1, trailer, table)
    return bytes(out)


def zipped(parts: dict[str, bytes]) -> bytes:
    """A ZIP of `parts`, in their order, deflated."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            # An OpenDocument's first member says what it is, and is not compressed.
            archive.writestr(name, content, zipfile.ZIP_STORED if name == "mimetype" else None)
    return buffer.getvalue()


def docx(body: str, **parts: str) -> bytes:
    """A Word document with `body` as the XML inside w:body, and further parts as name=XML of paragraphs."""
    made = {"word/document.xml": f"<w:document {_names()}><w:body>{body}</w:body></w:document>".encode()}
    made |= {f"word/{name}.xml": f"<w:hdr {_names()}>{words}</w:hdr>".encode() for name, words in parts.items()}
    return zipped(made)


def _names() -> str:
    return f'xmlns:w="{WORD}" xmlns:mc="{COMPATIBLE}"'


def paragraph(words: str) -> str:
    """One paragraph of WordprocessingML."""
    return f"<w:p><w:r><w:t>{words}</w:t></w:r></w:p>"


def odt(body: str) -> bytes:
    """An OpenDocument text with `body` as the XML inside office:text."""
    names = " ".join(f'xmlns:{n}="urn:oasis:names:tc:opendocument:xmlns:{n}:1.0"' for n in ("office", "text", "table"))
    inside = f"<office:body><office:text>{body}</office:text></office:body>"
    content = f"<office:document-content {names}>{inside}</office:document-content>"
    return zipped({"mimetype": b"application/vnd.oasis.opendocument.text", "content.xml": content.encode()})


def doc(*pieces: str, flags: int = 0) -> bytes:
    """A Word 97 document of `pieces`: sector 0 the table of sectors, 1 the directory, then two streams of 4 KB."""
    document, plan = bytearray(4096), []
    struct.pack_into("<2H", document, 0, 0xA5EC, 0x00C1)
    struct.pack_into("<H", document, 10, flags)
    at, starts = 1024, [0]
    for piece in pieces:
        encoded = piece.encode("cp1252" if piece.isascii() else "utf-16-le")
        document[at : at + len(encoded)] = encoded
        plan.append(struct.pack("<HIH", 0, at * 2 | 0x40000000 if piece.isascii() else at, 0))
        starts.append(starts[-1] + len(piece))
        at += len(encoded) + len(encoded) % 2
    places = struct.pack(f"<{len(starts)}I", *starts) + b"".join(plan)
    formatting = b"\x01\x02\x00??"
    table = formatting + b"\x02" + struct.pack("<I", len(places)) + places
    struct.pack_into("<2I", document, 0x1A2, 0, len(table))
    return _compound({"WordDocument": bytes(document), "0Table": table.ljust(4096, b"\0")})


def _compound(streams: dict[str, bytes]) -> bytes:
    """A compound file of streams of 4 KB each."""
    end, free = 0xFFFFFFFE, 0xFFFFFFFF
    table, entries, data = [0xFFFFFFFD, end], [_entry("Root Entry", 5, end, 0)], b""
    for name, content in streams.items():
        entries.append(_entry(name, 2, len(table), len(content)))
        table += [*range(len(table) + 1, len(table) + len(content) // 512), end]
        data += content
    header = bytearray(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1".ljust(512, b"\0"))
    struct.pack_into("<5H", header, 24, 0x3E, 3, 0xFFFE, 9, 6)
    struct.pack_into("<8I", header, 44, 1, 1, 0, 4096, end, 0, end, 0)
    struct.pack_into("<109I", header, 76, 0, *([free] * 108))
    table += [free] * (128 - len(table))
    return bytes(header) + struct.pack("<128I", *table) + b"".join(entries).ljust(512, b"\0") + data


def _entry(name: str, kind: int, start: int, size: int) -> bytes:
    written = name.encode("utf-16-le").ljust(64, b"\0")
    return written + struct.pack("<HB49xIQ", 2 * len(name) + 2, kind, start, size)


def picture(kind: str, size: tuple[int, int] = (300, 200), colour: str = "red", **options: object) -> bytes:
    """A picture of one colour."""
    buffer = io.BytesIO()
    Image.new("RGB", size, colour).save(buffer, kind, **options)
    return buffer.getvalue()
