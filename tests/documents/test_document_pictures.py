"""The pictures of files."""

import io
import struct
import zlib

import pytest
from PIL import Image

from dashboard import filetypes
from dashboard.documents import Limits, Rendering, extract_text, render_picture
from dashboard.filetypes import detect
from tests.documents.made_documents import pdf, picture


def drawn(content: bytes, width: int = 900, *, page: int = 1, **limits) -> Rendering:
    return render_picture(content, detect(content), width, page=page, limits=Limits(**limits))


def opened(made: Rendering) -> Image.Image:
    assert made.png is not None, made.problem
    return Image.open(io.BytesIO(made.png), formats=["PNG"])


def test_the_first_page_of_a_pdf_is_drawn_at_the_width_asked_for():
    made = drawn(pdf("Ada", "Two"), 300)
    assert opened(made).size == (300, 388)
    assert made.pages == 2
    assert len(set(opened(made).convert("L").tobytes())) > 1


def test_another_page_of_a_pdf_is_another_picture():
    content = pdf("Ada", "Two")
    assert drawn(content, 300, page=2).png != drawn(content, 300).png


@pytest.mark.parametrize("page", [0, -1, 3])
def test_a_page_that_is_not_there_is_said_to_be_missing(page):
    assert drawn(pdf("Ada", "Two"), page=page).problem == "This PDF has no such page."


@pytest.mark.parametrize("box", ["0 0 14400 1", "0 0 1 14400", "0 0 0.001 0.001", "0 0 1e30 1e30", "0 0 -5 0"])
def test_a_page_of_an_odd_shape_neither_fills_the_memory_nor_fails(box):
    made = drawn(pdf("Ada", box=box), 300)
    assert made.problem or max(opened(made).size) <= 1200


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF"])
def test_a_picture_of_every_kind_becomes_a_png(kind):
    made = opened(drawn(picture(kind, (1800, 600))))
    assert made.size == (900, 300)
    red, green, blue = made.convert("RGB").getpixel((450, 150))
    assert (red > 240, green < 15, blue < 15) == (True, True, True)


def test_a_small_picture_is_not_blown_up():
    assert opened(drawn(picture("PNG", (30, 20)))).size == (30, 20)


@pytest.mark.parametrize(("kind", "orientation"), [("JPEG", 6), ("TIFF", 8), ("PNG", 1), ("WEBP", 5)])
def test_the_shape_of_a_picture_is_known_before_it_is_drawn(kind, orientation):
    turning = Image.Exif()
    turning[0x0112] = orientation
    content = picture(kind, (60, 20), exif=turning)
    ((across, down),) = extract_text(content, detect(content)).sheets
    assert opened(drawn(content)).size == (across, down)


def test_a_damaged_picture_says_so_before_it_is_drawn():
    damaged = b"\x89PNG\r\n\x1a\n" + b"?" * 100
    assert extract_text(damaged, detect(damaged)).problem == "This picture is damaged and cannot be opened."


def test_a_camera_picture_is_turned_upright_and_loses_where_it_was_taken():
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010E] = "taken at home"
    made = opened(drawn(picture("JPEG", (1600, 800), exif=exif), 400))
    assert made.size == (400, 800)
    assert not made.getexif()
    assert not made.info


def test_what_is_written_in_a_picture_is_not_passed_on():
    buffer = io.BytesIO()
    Image.new("RGB", (9, 9)).save(buffer, "JPEG", comment=b"SECRETWORD")
    made = drawn(buffer.getvalue())
    assert made.png is not None
    assert b"SECRETWORD" not in made.png


def test_a_transparent_picture_stands_on_white():
    buffer = io.BytesIO()
    Image.new("RGBA", (9, 9), (0, 0, 0, 0)).save(buffer, "PNG")
    assert opened(drawn(buffer.getvalue())).convert("RGB").getpixel((4, 4)) == (255, 255, 255)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "I;16", "CMYK"])
def test_pictures_of_every_depth_are_drawn(mode):
    buffer = io.BytesIO()
    Image.new(mode, (20, 10)).save(buffer, "TIFF" if mode == "CMYK" else "PNG")
    assert opened(drawn(buffer.getvalue())).size == (20, 10)


@pytest.mark.parametrize(("kind", "mode"), [("PNG", "1"), ("PNG", "P"), ("TIFF", "1")])
def test_a_scan_in_black_and_white_stays_legible_when_it_is_shrunk(kind, mode):
    lines = Image.new("L", (1800, 1800), 255)
    for row in range(0, 1800, 2):
        lines.paste(0, (0, row, 1800, row + 1))
    buffer = io.BytesIO()
    lines.convert(mode).save(buffer, kind, **({"compression": "group4"} if kind == "TIFF" else {}))
    grey = opened(drawn(buffer.getvalue())).convert("L").getpixel((450, 450))
    assert 60 < grey < 200


@pytest.mark.parametrize("mode", ["1", "RGB"])
def test_a_fax_lying_on_its_side_is_turned_upright_once(mode):
    buffer = io.BytesIO()
    Image.new(mode, (400, 200), 1).save(buffer, "TIFF", tiffinfo={274: 6})
    assert opened(drawn(buffer.getvalue())).size == (200, 400)


def claiming(width: int, height: int) -> bytes:
    """A PNG of a few bytes that says it is `width` by `height`, and inflates to zeros."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = zlib.compress(bytes(50_000_000), 9)
    chunks = ((b"IHDR", header), (b"IDAT", pixels), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks
    )


@pytest.mark.parametrize("size", [(60_000, 60_000), (2_000_000_000, 1), (9_000, 9_000)])
def test_a_picture_that_claims_to_be_huge_is_not_unpacked(size):
    assert drawn(claiming(*size)).problem == "This picture is too large to be shown here."


def test_a_large_but_honest_picture_is_drawn_within_the_memory():
    assert opened(drawn(picture("PNG", (8_000, 6_000)))).size == (900, 675)


def test_a_picture_that_would_be_too_many_bytes_is_made_smaller():
    noise = Image.effect_noise((900, 900), 90)
    buffer = io.BytesIO()
    noise.save(buffer, "PNG")
    made = drawn(buffer.getvalue(), png_bytes=100_000)
    assert made.png is not None
    assert len(made.png) <= 100_000


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF"])
def test_a_picture_cut_short_is_shown_in_part_or_said_to_be_damaged(kind):
    content = picture(kind, (300, 300))
    for length in (30, len(content) // 2):
        made = drawn(content[:length])
        assert made.png or made.problem == "This picture is damaged and cannot be opened."


def test_a_picture_is_only_opened_as_a_picture_we_show():
    postscript = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n"
    assert render_picture(postscript, filetypes.PNG).problem == "This picture is damaged and cannot be opened."


@pytest.mark.parametrize("kind", [filetypes.DOCX, filetypes.HEIC, filetypes.HTML, filetypes.UNKNOWN])
def test_what_is_no_picture_says_so(kind):
    assert "cannot be shown here" in (render_picture(b"anything", kind).problem or "")


def test_the_width_has_a_limit():
    assert opened(drawn(pdf("Ada"), 10**9)).width == 2_000
