"""What a file is, told from its bytes, and the name it may be downloaded under.

Talroo declares résumés as `application/octet-stream` and names come from applicants (talroo-contract §6), so neither
decides anything here. The table is our own and an allow-list: what it does not know is `UNKNOWN`, which is offered as
a download and nothing else. A larger library of signatures (puremagic) would only turn some unknowns into a guess
that nobody acts on, for megabytes in every web process; so this module imports nothing outside the standard library.
"""

from __future__ import annotations

import codecs
import re
import struct
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal


@dataclass(frozen=True, slots=True)
class FileType:
    """A kind of file.

    `label` is for people; `extension` has no dot; `previewable` says what `dashboard.documents` can make of it.
    `dangerous`: opening it may run what its author wrote, so it is neither shown nor named as what it is.
    `also`: other extensions that open the same way and may stay in a name.
    """

    mime: str
    label: str
    extension: str
    previewable: Literal["text", "picture"] | None = None
    dangerous: bool = False
    also: tuple[str, ...] = ()


_OFFICE: Final = "application/vnd.openxmlformats-officedocument."
_OPEN: Final = "application/vnd.oasis.opendocument."

PDF: Final = FileType("application/pdf", "PDF", "pdf", "picture")
DOCX: Final = FileType(_OFFICE + "wordprocessingml.document", "Word document", "docx", "text")
DOCM: Final = FileType(
    "application/vnd.ms-word.document.macroEnabled.12", "Word document with macros", "docm", "text", dangerous=True
)
XLSX: Final = FileType(_OFFICE + "spreadsheetml.sheet", "Excel workbook", "xlsx")
PPTX: Final = FileType(_OFFICE + "presentationml.presentation", "PowerPoint presentation", "pptx")
PAGES: Final = FileType("application/vnd.apple.pages", "Pages document", "pages")
ODT: Final = FileType(_OPEN + "text", "OpenDocument text", "odt", "text")
ODS: Final = FileType(_OPEN + "spreadsheet", "OpenDocument spreadsheet", "ods")
ODP: Final = FileType(_OPEN + "presentation", "OpenDocument presentation", "odp")
DOC: Final = FileType("application/msword", "Word document (97–2003)", "doc", "text", also=("dot",))
XLS: Final = FileType("application/vnd.ms-excel", "Excel workbook (97–2003)", "xls")
PPT: Final = FileType("application/vnd.ms-powerpoint", "PowerPoint presentation (97–2003)", "ppt")
MSG: Final = FileType("application/vnd.ms-outlook", "Outlook message", "msg")
# An installer (.msi) is such a container too: no extension that opens anything.
OLE: Final = FileType("application/x-ole-storage", "Office file of an unknown kind", "bin", dangerous=True)
RTF: Final = FileType("application/rtf", "Rich text document", "rtf", "text")
PNG: Final = FileType("image/png", "Picture (PNG)", "png", "picture")
JPEG: Final = FileType("image/jpeg", "Picture (JPEG)", "jpg", "picture", also=("jpeg", "jpe", "jfif"))
GIF: Final = FileType("image/gif", "Picture (GIF)", "gif", "picture")
WEBP: Final = FileType("image/webp", "Picture (WebP)", "webp", "picture")
BMP: Final = FileType("image/bmp", "Picture (BMP)", "bmp", "picture", also=("dib",))
TIFF: Final = FileType("image/tiff", "Picture (TIFF)", "tiff", "picture", also=("tif",))
HEIC: Final = FileType("image/heic", "Picture (HEIC)", "heic", also=("heif",))
AVIF: Final = FileType("image/avif", "Picture (AVIF)", "avif")
TEXT: Final = FileType("text/plain", "Plain text", "txt", "text", also=("text", "md", "log"))
HTML: Final = FileType("text/html", "Web page", "html", "text", dangerous=True, also=("htm", "xhtml"))
SVG: Final = FileType("image/svg+xml", "Drawing (SVG)", "svg", dangerous=True)
XML: Final = FileType("application/xml", "XML document", "xml", dangerous=True)
ZIP: Final = FileType("application/zip", "ZIP archive", "zip")
GZIP: Final = FileType("application/gzip", "Archive (gzip)", "gz")
SEVEN_ZIP: Final = FileType("application/x-7z-compressed", "Archive (7z)", "7z")
RAR: Final = FileType("application/vnd.rar", "Archive (RAR)", "rar")
PROGRAM: Final = FileType("application/x-executable", "Program", "bin", dangerous=True)
EMPTY: Final = FileType("application/x-empty", "Empty file", "txt")
UNKNOWN: Final = FileType("application/octet-stream", "File of an unknown kind", "bin")

ALL: Final = (
    *(PDF, DOCX, DOCM, XLSX, PPTX, PAGES, ODT, ODS, ODP, DOC, XLS, PPT, MSG, OLE, RTF),
    *(PNG, JPEG, GIF, WEBP, BMP, TIFF, HEIC, AVIF, TEXT, HTML, SVG, XML),
    *(ZIP, GZIP, SEVEN_ZIP, RAR, PROGRAM, EMPTY, UNKNOWN),
)

_OLE_MAGIC: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_SIGNATURES: Final = (
    (b"%PDF", PDF),
    (b"PK\x03\x04", ZIP),
    (b"PK\x05\x06", ZIP),
    (_OLE_MAGIC, OLE),
    (b"{\\rtf", RTF),
    (b"\x89PNG\r\n\x1a\n", PNG),
    (b"\xff\xd8\xff", JPEG),
    (b"GIF87a", GIF),
    (b"GIF89a", GIF),
    (b"II*\x00", TIFF),
    (b"MM\x00*", TIFF),
    (b"\x1f\x8b\x08", GZIP),
    (b"7z\xbc\xaf\x27\x1c", SEVEN_ZIP),
    (b"Rar!\x1a\x07", RAR),
    (b"\x7fELF", PROGRAM),
)
_HEADER: Final = 1024
_SAMPLE: Final = 4096


def detect(content: bytes) -> FileType:
    """What `content` is. Never raises; looks at the first 4 KB, and into the directory of ZIP and OLE containers."""
    if not content:
        return EMPTY
    for magic, found in _SIGNATURES:
        if content.startswith(magic):
            return _CONTAINERS[found](content) if found in _CONTAINERS else found
    head = content[:_HEADER]
    return _by_structure(head) or _markup(head) or _late_pdf(head) or _program(content) or _text(content[:_SAMPLE])


# --- formats with a structure rather than a first word

_ISO_MEDIA_BRANDS: Final = {
    **dict.fromkeys((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"), HEIC),
    **dict.fromkeys((b"avif", b"avis"), AVIF),
}
_BMP_HEADER_SIZES: Final = frozenset((12, 16, 40, 52, 56, 64, 108, 124))


def _by_structure(head: bytes) -> FileType | None:
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return WEBP
    if head[4:8] == b"ftyp":
        return _ISO_MEDIA_BRANDS.get(head[8:12])
    # Two letters alone would make a bitmap of every text that starts with "BM".
    if head[:2] == b"BM" and len(head) >= 26 and int.from_bytes(head[14:18], "little") in _BMP_HEADER_SIZES:
        return BMP
    return None


def _late_pdf(head: bytes) -> FileType | None:
    # Readers allow the marker anywhere in the first KB; mail gateways and copiers do put lines before it.
    return PDF if re.search(rb"%PDF-[0-9]\.[0-9]", head) else None


def _program(content: bytes) -> FileType | None:
    if content[:2] != b"MZ" or len(content) < 64:
        return None
    at = int.from_bytes(content[60:64], "little")
    return PROGRAM if content[at : at + 2] in (b"PE", b"NE", b"LE") else None


# --- markup: before PDF and text, because a browser would take it for a page

_PAGE: Final = re.compile(
    r"<(?:!doctype\s+html|(?:html|head|body|script|style|iframe|title|meta|link|div|table|font|span|form|img|input"
    r"|object|embed|base|center|h[1-6]|[abpiu]|br|ul|ol|pre|main|section)(?=[\s>/]))",
    re.IGNORECASE,
)
_BEFORE_MARKUP: Final = re.compile(r"(?:\s+|<!--.*?(?:-->|\Z)|<\?.*?(?:\?>|\Z))+", re.DOTALL)
_DRAWING: Final = re.compile(r"<(?:svg[\s>]|!doctype\s+svg)", re.IGNORECASE)
_ENCODINGS: Final = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))


def _markup(head: bytes) -> FileType | None:
    text = _plainly(head).lstrip()
    if not text.startswith("<"):
        return None
    skipped = _BEFORE_MARKUP.match(text)
    start = text[skipped.end() :] if skipped else text
    if _DRAWING.match(start):
        return SVG
    if _PAGE.match(start):
        return HTML
    if text.startswith("<?xml"):
        return XML
    return HTML if skipped and text.startswith("<!--") else None


def _plainly(head: bytes) -> str:
    for mark, encoding in _ENCODINGS:
        if head.startswith(mark):
            return head[len(mark) :].decode(encoding, "replace")
    return head.decode("latin-1")


# --- plain text

_CONTROLS: Final = bytes(set(range(32)) - set(b"\t\n\r\x0b\x0c\x1a\x1b")) + b"\x7f"
_LETTERS_AND_SPACE: Final = re.compile(rb"[A-Za-z\s]")
_SHORT: Final = 64


def _text(sample: bytes) -> FileType:
    if sample.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return TEXT if _decodes(sample, "utf-16") else UNKNOWN
    if len(sample.translate(None, _CONTROLS)) != len(sample):
        return UNKNOWN
    if _decodes(sample, "utf-8"):
        return TEXT
    # Any single-byte alphabet: chance bytes of some length hold control characters, texts do not. Short ones
    # must look like words to count.
    wordy = len(sample) >= _SHORT or 2 * len(_LETTERS_AND_SPACE.findall(sample)) > len(sample)
    return TEXT if wordy else UNKNOWN


def _decodes(sample: bytes, encoding: str) -> bool:
    try:
        decoded = codecs.getincrementaldecoder(encoding)().decode(sample)  # the sample may end inside a character
    except UnicodeDecodeError:
        return False
    return "\x00" not in decoded


# --- containers

_ZIP_END: Final = struct.Struct("<4s4H2LH")
_ZIP_ENTRY: Final = struct.Struct("<4s6H3L5H2L")
_MOST_ENTRIES: Final = 2_000
_ZIP_PARTS: Final = (
    ("word/vbaproject.bin", DOCM),
    ("word/document.xml", DOCX),
    ("word/document2.xml", DOCX),  # what Word on the web saves
    ("xl/workbook.xml", XLSX),
    ("ppt/presentation.xml", PPTX),
    ("index/document.iwa", PAGES),
)
_OPEN_DOCUMENTS: Final = tuple((found.mime.encode(), found) for found in (ODT, ODS, ODP))
_OLE_STREAMS: Final = tuple(
    (name.encode("utf-16-le"), found)
    for name, found in (
        ("WordDocument", DOC),
        ("__substg1.0_", MSG),
        ("PowerPoint Document", PPT),
        ("Workbook", XLS),
    )
)


def _in_zip(content: bytes) -> FileType:
    if content[30:38] == b"mimetype":
        declared = content[38:100]
        return next((found for mime, found in _OPEN_DOCUMENTS if declared.startswith(mime + b"PK")), ZIP)
    names = frozenset(_zip_names(content))
    return next((found for name, found in _ZIP_PARTS if name in names), ZIP)


def _zip_names(content: bytes) -> Iterator[str]:
    """The members' names in lower case, from the central directory; fewer where it is damaged."""
    end = content.rfind(b"PK\x05\x06", max(0, len(content) - 65_557))
    if end < 0 or end + _ZIP_END.size > len(content):
        return
    fields = _ZIP_END.unpack_from(content, end)
    at, count = end - fields[5], min(fields[4], _MOST_ENTRIES)
    for _ in range(count):
        if at < 0 or at + _ZIP_ENTRY.size > end or content[at : at + 4] != b"PK\x01\x02":
            return
        entry = _ZIP_ENTRY.unpack_from(content, at)
        at += _ZIP_ENTRY.size
        yield content[at : at + entry[10]].decode("utf-8", "replace").replace("\\", "/").lower()
        at += entry[10] + entry[11] + entry[12]


def _in_ole(content: bytes) -> FileType:
    return next((found for name, found in _OLE_STREAMS if name in content), OLE)


_CONTAINERS: Final = {ZIP: _in_zip, OLE: _in_ole}


# --- the name of a download

MAX_NAME: Final = 120
"""Characters of a download's name, extension included."""
_MAX_NAME_BYTES: Final = 240  # file systems count bytes: 255 of them
_FORBIDDEN: Final = re.compile(r'[<>:"|?*%;]')
_RESERVED: Final = re.compile(r"(?:con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])(?=$|[. ])", re.IGNORECASE)
_RISKY_CLAIMS: Final = (
    *("exe", "scr", "bat", "cmd", "msi", "js", "jse", "vbs", "vbe", "wsf", "hta", "lnk", "pif", "ps1", "jar", "reg"),
    *("url", "dotm", "xlsm", "pptm", "mht", "mhtml"),
)
_CLAIMS: Final = frozenset(
    (*_RISKY_CLAIMS, *(extension for found in ALL for extension in (found.extension, *found.also)))
)


def safe_download_name(declared: str | None, detected: FileType, fallback: str) -> str:
    """A name for Content-Disposition, made of `declared` (else of `fallback`, which has no extension).

    At most 120 characters, letters of every script kept; no path, control, invisible or direction-changing characters,
    no leading dot, no name Windows keeps for devices. It ends as the bytes say, whatever was declared: a `cv.pdf` that
    is a PNG becomes `cv.png`. What could run on opening gets a harmless end behind the true one (`cv.html.txt`), and
    what is not known keeps its claim out of effect (`cv.pdf.bin`).
    """
    stem = _cleaned(declared or "") or _cleaned(fallback) or "file"
    ending = _ending(stem, detected)
    if detected is not UNKNOWN:
        stem = _without_claims(stem)
    if _RESERVED.match(stem):
        stem = f"_{stem}"
    return _shortened(stem, MAX_NAME - len(ending), _MAX_NAME_BYTES - len(ending)) + ending


def _cleaned(name: str) -> str:
    last = re.split(r"[/\\]", name[:2000])[-1]
    # Categories C*: controls, bidi overrides and zero-width characters, lone surrogates, private use; Zl and Zp: lines.
    kept = "".join(
        " " if char.isspace() else char
        for char in unicodedata.normalize("NFC", last)
        if char.isspace() or unicodedata.category(char)[0] != "C"
    )
    return re.sub(" +", " ", _FORBIDDEN.sub("_", kept)).lstrip(". ").rstrip(". ")


def _ending(stem: str, detected: FileType) -> str:
    if detected.dangerous and detected.extension != "bin":
        return f".{detected.extension}.{'txt' if detected in (HTML, SVG, XML) else 'bin'}"
    claimed = stem.rpartition(".")[2].lower()
    return f".{claimed if claimed in detected.also else detected.extension}"


def _without_claims(stem: str) -> str:
    while True:
        rest, dot, claim = stem.rpartition(".")
        if not dot or claim.strip().lower() not in _CLAIMS or not rest.strip(". "):
            return stem
        stem = rest.rstrip(". ")


def _shortened(stem: str, characters: int, octets: int) -> str:
    cut = stem[:characters].encode()[:octets].decode("utf-8", "ignore")
    return cut.rstrip(". ") or "file"


_BY_MIME: Final = {file_type.mime: file_type for file_type in ALL}


def by_mime(mime: str | None) -> FileType:
    """The kind that `detect` named by this MIME type; `UNKNOWN` for anything else."""
    return _BY_MIME.get(mime or "", UNKNOWN)
