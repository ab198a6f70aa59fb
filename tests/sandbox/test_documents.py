"""The documents the sandbox makes are real: other people's readers open them and find the applicant's name."""

from __future__ import annotations

import io
import random

import docx2txt
import pypdfium2
import pytest
from PIL import Image
from striprtf.striprtf import rtf_to_text

from dashboard.sandbox.attachments import KINDS, document
from dashboard.sandbox.pdf import printable, resume_pdf
from dashboard.sandbox.people import CAST, somebody
from dashboard.sandbox.pictures import jpeg, photographed, png, portrait
from dashboard.sandbox.resumes import Resume, compose
from dashboard.sandbox.trades import TRADES
from dashboard.sandbox.word import resume_docx, resume_rtf, resume_text


def resume(name: str = "accents", trade: str = "nursing", positions: int = 3) -> Resume:
    rng = random.Random(name)
    first, last = CAST[name]
    return compose(somebody(rng, first=first, last=last), trade, rng, this_year=2026, positions=positions)


def pdf_text(content: bytes) -> str:
    with pypdfium2.PdfDocument(content) as opened:
        pages = [page.get_textpage().get_text_range() for page in opened]
    return "\n".join(pages)


def rtf_text(content: bytes) -> str:
    """RTF has 16-bit characters only, and its reader leaves surrogate pairs as two."""
    read: str = rtf_to_text(content.decode("ascii"))  # type: ignore[no-untyped-call]
    return read.encode("utf-16-le", "surrogatepass").decode("utf-16-le")


NAMES_HELVETICA_HAS = sorted(name for name, parts in CAST.items() if printable(" ".join(filter(None, parts))))


@pytest.mark.parametrize("name", NAMES_HELVETICA_HAS)
def test_a_pdf_opens_and_says_the_name(name: str) -> None:
    written = resume(name)
    assert written.name in " ".join(pdf_text(resume_pdf(written)).split())


@pytest.mark.parametrize("trade", sorted(TRADES))
def test_a_pdf_says_every_duty_of_the_trade(trade: str) -> None:
    written = resume(trade=trade, positions=6)
    said = " ".join(pdf_text(resume_pdf(written)).split())
    for position in written.positions:
        assert position.workplace in said
        for duty in position.duties:
            assert " ".join(duty.split()) in said


def test_a_long_career_takes_a_second_page() -> None:
    with pypdfium2.PdfDocument(resume_pdf(resume(positions=9))) as opened:
        assert len(opened) == 2


def test_nothing_on_a_pdf_runs_over_the_margins() -> None:
    with pypdfium2.PdfDocument(resume_pdf(resume("apostrophe", positions=9))) as opened:
        for page in opened:
            text = page.get_textpage()
            boxes = [text.get_rect(number) for number in range(text.count_rects())]
            assert all(left > 55 and right < 557 and bottom > 40 for left, bottom, right, _ in boxes)


def test_a_photo_on_a_pdf_is_drawn() -> None:
    with pypdfium2.PdfDocument(resume_pdf(resume(), photo=portrait(random.Random(1)))) as opened:
        drawn = opened[0].render(scale=1).to_pil().convert("L")
    assert drawn.tobytes()[130 * drawn.width + 510] < 160


@pytest.mark.parametrize("name", sorted(CAST))
def test_word_rich_text_and_plain_text_say_any_name(name: str) -> None:
    written = resume(name)
    assert docx2txt.process(io.BytesIO(resume_docx(written))).startswith(written.name)
    assert rtf_text(resume_rtf(written)).startswith(written.name)
    assert resume_text(written).decode().startswith(written.name)


@pytest.mark.parametrize("write", [png, jpeg])
def test_a_photographed_page_opens_and_is_ink_on_paper(write: object) -> None:
    assert callable(write)
    photo = photographed(resume())
    with Image.open(io.BytesIO(write(photo))) as opened:
        opened.load()
        assert opened.size == (photo.width, photo.height)
        shades = opened.convert("L")
    assert abs(shades.tobytes()[690 * photo.width + 300] - 240) < 12
    assert min(shades.crop((56, 60, 120, 81)).tobytes()) < 80


def test_a_picture_as_png_keeps_every_pixel_and_as_jpeg_nearly() -> None:
    photo = photographed(resume())
    with Image.open(io.BytesIO(png(photo))) as opened:
        assert opened.tobytes() == photo.pixels
    with Image.open(io.BytesIO(jpeg(photo))) as opened:
        far = [abs(seen - meant) for seen, meant in zip(opened.tobytes(), photo.pixels, strict=True)]
    assert sum(far) / len(far) < 4


def test_a_name_that_helvetica_lacks_comes_as_word_instead_of_pdf() -> None:
    found = document("pdf", resume("chinese"), random.Random(1))
    assert found
    assert found["fileName"].endswith(".docx")


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_the_same_chance_makes_the_same_file(kind: str) -> None:
    written = resume()
    assert document(kind, written, random.Random(8)) == document(kind, written, random.Random(8))
