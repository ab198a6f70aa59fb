"""What a file is, from its bytes, and what it may be called."""

import io
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

from dashboard import filetypes
from dashboard.filetypes import detect, safe_download_name

ROOT = Path(__file__).resolve().parents[1]


def zipped(*names: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in names:
            archive.writestr(name, "x")
    return buffer.getvalue()


def open_document(mime: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("mimetype", mime)
        archive.writestr("content.xml", "<x/>")
    return buffer.getvalue()


def ole(stream: str) -> bytes:
    return b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600) + stream.encode("utf-16-le") + bytes(600)


KNOWN = [
    (b"", "Empty file"),
    (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", "PDF"),
    (b"\r\n\r\n%PDF-1.4\n", "PDF"),
    (b"X-Gateway: passed\r\n\r\n%PDF-1.4\n", "PDF"),
    (zipped("[Content_Types].xml", "word/document.xml"), "Word document"),
    (zipped("word\\document.xml"), "Word document"),
    (zipped("word/document.xml", "word/vbaProject.bin"), "Word document with macros"),
    (zipped("xl/workbook.xml"), "Excel workbook"),
    (zipped("ppt/presentation.xml"), "PowerPoint presentation"),
    (zipped("Index/Document.iwa"), "Pages document"),
    (zipped("notes-about-word/document.xml.txt"), "ZIP archive"),
    (zipped(), "ZIP archive"),
    (b"PK\x03\x04 and then nothing that makes sense", "ZIP archive"),
    (zipped("word/document.xml")[:-10], "ZIP archive"),
    (open_document("application/vnd.oasis.opendocument.text"), "OpenDocument text"),
    (open_document("application/vnd.oasis.opendocument.spreadsheet"), "OpenDocument spreadsheet"),
    (open_document("application/epub+zip"), "ZIP archive"),
    (ole("WordDocument"), "Word document (97–2003)"),
    (ole("Workbook"), "Excel workbook (97–2003)"),
    (ole("__substg1.0_0037001F"), "Outlook message"),
    (ole("Binary.Installer"), "Office file of an unknown kind"),
    (rb"{\rtf1\ansi Hello}", "Rich text document"),
    (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "Picture (PNG)"),
    (b"\xff\xd8\xff\xe0\x00\x10JFIF", "Picture (JPEG)"),
    (b"GIF89a\x01\x00", "Picture (GIF)"),
    (b"RIFF\x24\x00\x00\x00WEBPVP8 ", "Picture (WebP)"),
    (b"RIFF\x24\x00\x00\x00WAVEfmt ", "File of an unknown kind"),
    (b"BM" + bytes(12) + b"\x28\x00\x00\x00" + bytes(40), "Picture (BMP)"),
    (b"BMW mechanic for eleven years, all models", "Plain text"),
    (b"II*\x00\x08\x00\x00\x00", "Picture (TIFF)"),
    (b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00", "Picture (HEIC)"),
    (b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00", "File of an unknown kind"),
    (b"MZ" + bytes(58) + b"\x40\x00\x00\x00PE\x00\x00", "Program"),
    (b"MZ is what my friends call me. " * 5, "Plain text"),
    (b"\x7fELF\x02\x01\x01", "Program"),
    (b"Ada Lovelace\nLondon\n", "Plain text"),
    ("Zoë, élève à Besançon".encode("latin-1"), "Plain text"),
    ("Резюме: водитель погрузчика, стаж десять лет, Москва и Московская область".encode("cp1251"), "Plain text"),
    ("履歴書 山田太郎".encode(), "Plain text"),
    ("履歴書 山田太郎".encode("utf-16"), "Plain text"),
    (("x" + "é" * 3000).encode(), "Plain text"),
    (b"\xef\xbb\xbfHello", "Plain text"),
    (b"words\x00and a NUL", "File of an unknown kind"),
    (bytes(range(128, 160)), "File of an unknown kind"),
    (b"<!DOCTYPE html><p>Hi", "Web page"),
    (b"\n  <!-- made by hand --> <HTML><body>", "Web page"),
    (b"<!-- unfinished", "Web page"),
    (b'<?xml version="1.0"?><html xmlns="x">', "Web page"),
    ("<script>alert(1)</script>".encode("utf-16"), "Web page"),
    (b"<script>1</script>%PDF-1.4", "Web page"),
    (b'<svg xmlns="http://www.w3.org/2000/svg">', "Drawing (SVG)"),
    (b'<?xml version="1.0"?><!DOCTYPE svg><svg>', "Drawing (SVG)"),
    (b'<?xml version="1.0"?><w:wordDocument>', "XML document"),
    (b"<ada@example.com> wrote: I can start on Monday", "Plain text"),
]


@pytest.mark.parametrize(("content", "label"), KNOWN, ids=[f"{n}-{label}" for n, (_, label) in enumerate(KNOWN)])
def test_the_bytes_say_what_a_file_is(content, label):
    assert detect(content).label == label


def test_every_prefix_of_every_known_file_is_something():
    for content, _ in KNOWN:
        for length in range(min(len(content), 200)):
            assert detect(content[:length]) in filetypes.ALL
            assert detect(content[length:]) in filetypes.ALL


def test_a_type_is_found_again_by_what_was_written_down():
    assert all(filetypes.by_mime(found.mime) is found for found in filetypes.ALL)
    assert filetypes.by_mime(None) is filetypes.UNKNOWN
    assert filetypes.by_mime("application/x-from-the-future") is filetypes.UNKNOWN


def test_what_may_run_is_never_previewed_as_a_picture():
    assert all(found.previewable != "picture" for found in filetypes.ALL if found.dangerous)


def test_a_zip_that_lies_about_its_directory_is_a_zip():
    content = bytearray(zipped("word/document.xml"))
    end = content.rfind(b"PK\x05\x06")
    content[end + 8 : end + 12] = b"\xff\xff\xff\xff"
    content[end + 12 : end + 16] = b"\xff\xff\xff\x7f"
    assert detect(bytes(content)) is filetypes.ZIP


def with_a_large_member(small: bytes) -> bytes:
    buffer = io.BytesIO(small)
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.writestr("word/media/large.png", bytes(20_000_000))
    return buffer.getvalue()


PDF_HEAD = b"%PDF-1.7\n"
WORD = zipped(*(f"word/media/image{n}.png" for n in range(20)), "word/document.xml")


@pytest.mark.parametrize(
    ("small", "large"),
    [(PDF_HEAD, lambda: PDF_HEAD + bytes(20_000_000)), (WORD, lambda: with_a_large_member(WORD))],
    ids=["pdf", "docx"],
)
def test_a_large_file_is_recognised_without_reading_all_of_it(small, large):
    content = large()
    # Compared within the run: how quick the machine is does not matter.
    assert min(_timed(content) for _ in range(5)) < 10 * min(_timed(small) for _ in range(5))


def _timed(content: bytes) -> float:
    started = time.perf_counter()
    for _ in range(200):
        detect(content)
    return (time.perf_counter() - started) / 200


def test_knowing_files_costs_a_web_process_no_library():
    # The file alone: what the package around it loads is not this test's concern.
    heavy = {"PIL", "puremagic", "pypdfium2", "mimetypes"}
    code = f"import sys; sys.path.insert(0, 'dashboard'); import filetypes; print(sorted({heavy} & set(sys.modules)))"
    said = subprocess.run([sys.executable, "-B", "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert said.stdout.strip() == "[]"


NAMES = [
    ("resume.pdf", filetypes.PDF, "resume.pdf"),
    ("Resume.PDF", filetypes.PDF, "Resume.pdf"),
    ("photo.JPEG", filetypes.JPEG, "photo.jpeg"),
    ("履歴書 (山田).docx", filetypes.DOCX, "履歴書 (山田).docx"),
    ("सुनीता रिज़्यूमे.pdf", filetypes.PDF, "सुनीता रिज़्यूमे.pdf"),
    ("resume", filetypes.PDF, "resume.pdf"),
    ("J. Smith", filetypes.PDF, "J. Smith.pdf"),
    ("resume.doc", filetypes.RTF, "resume.rtf"),
    ("resume.pdf", filetypes.PNG, "resume.png"),
    ("resume.pdf", filetypes.HTML, "resume.html.txt"),
    ("resume.html", filetypes.HTML, "resume.html.txt"),
    ("logo.svg", filetypes.SVG, "logo.svg.txt"),
    ("resume.docx", filetypes.DOCM, "resume.docm.bin"),
    ("resume.pdf", filetypes.UNKNOWN, "resume.pdf.bin"),
    ("resume.wpd", filetypes.UNKNOWN, "resume.wpd.bin"),
    ("resume.pdf.exe", filetypes.PROGRAM, "resume.bin"),
    ("resume.exe", filetypes.PDF, "resume.pdf"),
    ("resume.pdf.", filetypes.PDF, "resume.pdf"),
    ("resume.exe .pdf", filetypes.PDF, "resume.pdf"),
    ("../../etc/passwd", filetypes.TEXT, "passwd.txt"),
    ("C:\\Users\\ada\\cv.txt", filetypes.TEXT, "cv.txt"),
    ("...", filetypes.PDF, "application-7.pdf"),
    (".htaccess", filetypes.TEXT, "htaccess.txt"),
    ("a\r\nSet-Cookie: x=1.pdf", filetypes.PDF, "a Set-Cookie_ x=1.pdf"),
    ("cv\u202efdp.exe", filetypes.PDF, "cvfdp.pdf"),
    ("cv\x00\x1f\u200b\ufeff.pdf", filetypes.PDF, "cv.pdf"),
    ("cv\ud800.pdf", filetypes.PDF, "cv.pdf"),
    ('a"b<c>|?*.pdf', filetypes.PDF, "a_b_c____.pdf"),
    ("con.pdf", filetypes.PDF, "_con.pdf"),
    ("LPT1", filetypes.PDF, "_LPT1.pdf"),
    ("COM1.backup.pdf", filetypes.PDF, "_COM1.backup.pdf"),
    ("Connie.pdf", filetypes.PDF, "Connie.pdf"),
    (None, filetypes.DOCX, "application-7.docx"),
    ("", filetypes.EMPTY, "application-7.txt"),
    ("pdf", filetypes.PDF, "pdf.pdf"),
    (".pdf", filetypes.PDF, "pdf.pdf"),
]


@pytest.mark.parametrize(("declared", "detected", "name"), NAMES)
def test_a_download_is_named_for_what_it_is(declared, detected, name):
    assert safe_download_name(declared, detected, "application-7") == name


@pytest.mark.parametrize("stem", ["x" * 500, "न" * 500, "😀" * 500, ("a." * 300), "x" * 115 + " .  ."])
@pytest.mark.parametrize("detected", [filetypes.PDF, filetypes.HTML, filetypes.UNKNOWN])
def test_a_long_name_is_cut_but_keeps_its_extension(stem, detected):
    name = safe_download_name(stem + ".pdf", detected, "cv")
    assert len(name) <= filetypes.MAX_NAME
    assert len(name.encode()) <= 255
    assert name.endswith({"html": ".html.txt"}.get(detected.extension, f".{detected.extension}"))


def test_a_useless_fallback_still_gives_a_name():
    assert safe_download_name(None, filetypes.PDF, "../") == "file.pdf"
