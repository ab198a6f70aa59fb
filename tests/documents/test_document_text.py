"""The words of files."""

import pytest

from dashboard import filetypes
from dashboard.documents import Extraction, Limits, extract_text
from dashboard.filetypes import detect
from tests.documents.made_documents import assembled, doc, docx, odt, paragraph, pdf, picture, zipped


def read(content: bytes, **limits) -> Extraction:
    return extract_text(content, detect(content), limits=Limits(**limits))


def test_a_pdf_is_read_page_by_page():
    found = read(pdf("Ada Lovelace", "Welding"))
    letters = ((612, 792),) * 2
    assert found == Extraction(found.text, 2, sheets=letters)
    assert found.text.replace("\n", "") == "Ada Lovelace\fWelding"


def test_only_the_first_ten_pages_are_measured_each_for_itself():
    assert read(pdf("Ada", box="0 0 842 595")).sheets == ((842, 595),)
    assert len(read(pdf(*["Ada"] * 12)).sheets) == 10
    assert read(pdf("Ada", box="0 0 1e30 -4")).sheets == ((612, 792),)


def test_only_the_first_pages_of_a_long_pdf_are_read():
    found = read(pdf(*(f"page {n}" for n in range(1, 31))))
    assert found.pages == 30
    assert found.shortened
    assert "page 20" in found.text
    assert "page 21" not in found.text


def test_a_pdf_of_ten_thousand_pages_is_read_in_time():
    kids = b"3 0 R " * 10_000
    content = assembled(
        [
            b"<</Type/Catalog/Pages 2 0 R>>",
            b"<</Type/Pages/Kids[%s]/Count 10000>>" % kids,
            b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]>>",
        ]
    )
    found = read(content)
    assert found == Extraction("", 10_000, sheets=((9, 9),) * 10)


def test_a_pdf_that_lies_about_its_page_count_is_no_trouble():
    content = assembled([b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Kids[]/Count 2000000000>>"])
    assert read(content).problem


def test_a_pdf_whose_pages_go_round_in_circles_comes_to_an_end():
    content = assembled([b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Kids[2 0 R 2 0 R]/Count 2/Parent 2 0 R>>"])
    assert read(content).problem


def test_a_pdf_with_a_password_says_so():
    lock = b"/ID[<00><00>]/Encrypt<</Filter/Standard/V 1/R 2/P -4/O<%s>/U<%s>>>" % (b"11" * 32, b"22" * 32)
    content = assembled([b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Kids[]/Count 0>>"], lock)
    assert read(content).problem == "This PDF is protected with a password."


@pytest.mark.parametrize("cut", [10, 60, 200])
def test_a_damaged_pdf_says_so(cut):
    assert read(pdf("Ada")[:cut]).problem == "This PDF is damaged and cannot be opened."


def test_a_word_document_is_read_in_order_with_its_header_first():
    body = paragraph("Ada") + "<w:p><w:r><w:t>Welder</w:t><w:tab/><w:t>2019</w:t><w:br/><w:t>Austin</w:t></w:r></w:p>"
    table = f"<w:tbl><w:tr><w:tc>{paragraph('left')}</w:tc><w:tc>{paragraph('right')}</w:tc></w:tr></w:tbl>"
    found = read(docx(body + table, header1=paragraph("555 0100"), footer1=paragraph("references on request")))
    assert found.text.split() == [
        *("555", "0100", "Ada", "Welder", "2019", "Austin"),
        *("left", "right", "references", "on", "request"),
    ]
    assert "Welder\t2019\nAustin" in found.text


def test_a_text_box_is_said_once_and_deleted_words_not_at_all():
    both = (f"<mc:{name}>{paragraph('boxed')}</mc:{name}>" for name in ("Choice", "Fallback"))
    box = f"<mc:AlternateContent>{''.join(both)}</mc:AlternateContent>"
    gone = "<w:p><w:del><w:r><w:delText>fired</w:delText></w:r></w:del></w:p>"
    assert read(docx(box + gone)).text == "boxed"


def test_a_word_document_with_macros_is_only_read():
    content = zipped({"word/document.xml": _document("Ada"), "word/vbaProject.bin": b"evil"})
    assert detect(content) is filetypes.DOCM
    assert read(content).text == "Ada"


def _document(words: str) -> bytes:
    names = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
    return f'<w:document xmlns:w="{names}"><w:body>{paragraph(words)}</w:body></w:document>'.encode()


def test_entities_in_a_word_document_are_refused_unexpanded():
    bomb = b'<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]>' + _document("&b;")
    assert read(zipped({"word/document.xml": bomb})).problem == "This Word document is damaged and cannot be opened."


def test_a_file_from_the_disk_is_not_drawn_into_a_word_document():
    thief = b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>' + _document("&a;")
    assert "root" not in read(zipped({"word/document.xml": thief})).text


def test_a_zip_bomb_is_left_unopened():
    content = zipped({"word/document.xml": _document("x") + b" " * 60_000_000})
    assert len(content) < 100_000
    assert read(content).problem == "This Word document is too large to be shown here."


def test_a_word_document_nested_without_end_is_damaged():
    content = zipped({"word/document.xml": b"<a>" * 1_000_000})
    assert read(content).problem == "This Word document is damaged and cannot be opened."


def test_a_word_document_with_a_spoiled_part_is_damaged():
    content = bytearray(docx("".join(paragraph(f"line {n * 7919}") for n in range(200))))
    content[60:160] = bytes(100)
    assert read(bytes(content)).problem == "This Word document is damaged and cannot be opened."


def test_a_locked_word_document_says_so():
    content = bytearray(docx(paragraph("Ada")))
    for mark, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(mark) + place] |= 1
    assert read(bytes(content)).problem == "This Word document is protected with a password."


def test_an_opendocument_text_is_read():
    found = read(
        odt("<text:h>Ada</text:h><text:p>Welder<text:tab/>2019<text:s/>on <text:span>site</text:span></text:p>")
    )
    assert found.text == "Ada\nWelder\t2019 on site"


def test_an_old_word_document_is_read_piece_by_piece():
    assert read(doc("Ada Lovelace\rWelder\x07", "Zoë 山田\r")).text == "Ada Lovelace\nWelder\tZoë 山田"


def test_the_inner_workings_of_a_field_are_left_out_of_an_old_word_document():
    found = read(doc("Mail: \x13HYPERLINK mailto:x\x14ada@example.com\x15 now"))
    assert found.text == "Mail: ada@example.com now"


def test_an_old_word_document_with_a_password_says_so():
    found = read(doc("Ada", flags=0x0100))
    assert found.problem == "This Word document is protected with a password."


@pytest.mark.parametrize("place", [44, 48, 76, 512, 516, 1024 + 116, 1536, 1536 + 0x1A2])
def test_an_old_word_document_with_spoiled_tables_is_no_trouble(place):
    for value in (0, 1, 0x7FFFFFFF, 0xFFFFFFFF):
        content = bytearray(doc("Ada"))
        content[place : place + 4] = value.to_bytes(4, "little")
        found = extract_text(bytes(content), filetypes.DOC)
        assert found.text or found.problem


def test_rich_text_is_read_without_its_pictures():
    content = (
        rb"{\rtf1\ansi{\fonttbl\f0 Arial;}\f0 Ada {\b Lovelace}\par Caf\'e9"
        rb"{\pict{\*\blipuid 0d}\pngblip " + b"89504e47" * 900 + b"}}"
    )
    assert read(content).text == "Ada Lovelace\nCafé"


def test_rich_text_full_of_braces_comes_to_an_end():
    found = read(rb"{\rtf1 " + b"{" * 2_000_000)
    assert found.problem


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1"])
def test_plain_text_is_read_in_the_encoding_it_has(encoding):
    assert read("Zoë Müller\r\nWelder".encode(encoding)).text == "Zoë Müller\nWelder"


def test_a_web_page_is_read_as_its_words_without_its_scripts():
    head = b"<html><head><title>no</title><script>steal()</script></head>"
    page = head + b"<body><p>Ada &amp; Co</p><div>Austin<style>x{}</style></div>"
    assert read(page).text == "Ada & Co\n\nAustin"


def test_the_text_has_nothing_no_database_keeps():
    found = extract_text(b"Ada\x00\x01\x7f Love\xed\xa0\x80lace", filetypes.TEXT)
    assert found.problem is None
    assert not set(found.text) & set("\x00\x01\x7f\ud800")


def test_a_long_text_is_cut_at_its_limit_in_bytes():
    found = read("é".encode() * 500_000)
    assert found.shortened
    assert len(found.text.encode()) == 200_000


def test_a_scan_has_no_words_and_no_problem():
    assert read(pdf("")) == Extraction("", 1, sheets=((612, 792),))


def test_a_picture_has_no_words_and_no_problem():
    assert read(picture("PNG")) == Extraction(pages=1, sheets=((300, 200),))


def test_a_word_document_of_pictures_says_why_it_seems_empty():
    assert read(docx("<w:p/>")).problem == "This Word document holds no text; its words may be in a picture."


def test_a_file_of_white_space_holds_no_text():
    assert read(b" \n \n ").problem == "This plain text holds no text; its words may be in a picture."


@pytest.mark.parametrize("kind", [filetypes.XLS, filetypes.ZIP, filetypes.UNKNOWN, filetypes.EMPTY, filetypes.HEIC])
def test_what_has_no_reader_says_so_without_a_guess(kind):
    found = extract_text(b"anything", kind)
    assert found.text == ""
    assert found.problem is not None
    assert "cannot be shown here" in found.problem


@pytest.mark.parametrize("kind", [k for k in filetypes.ALL if k.previewable])
def test_no_noise_makes_the_reading_fail(kind):
    found = extract_text(bytes(range(256)) * 40, kind)
    assert isinstance(found, Extraction)
