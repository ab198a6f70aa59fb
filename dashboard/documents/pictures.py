"""Pictures made again, pixel by pixel, so that nothing of the file but its looks is passed on (child process)."""

from __future__ import annotations

import io
import warnings
from typing import Final

from PIL import Image, ImageFile, ImageOps, UnidentifiedImageError

from dashboard.documents.child import Answer, Limits
from dashboard.documents.problems import DAMAGED, TOO_LARGE, WORDLESS, Unreadable

# Only these decoders are tried: Pillow knows forty, some of which start other programs.
_FORMATS: Final = ("PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF")
_ORIENTATION: Final = 0x0112
_TURNED: Final = frozenset((5, 6, 7, 8))
# Without shades in between, Pillow shrinks by leaving pixels out: a scan's letters would fall apart.
_SMOOTHED: Final = {"1": "L", "P": "RGBA", "PA": "RGBA"}
_TALLEST: Final = 4
_SHRINK: Final = 0.7


def wordless(content: bytes, limits: Limits) -> Answer:
    """Raises `Unreadable`, as a picture has no words, with its size: all that is known without looking at it whole."""
    Image.MAX_IMAGE_PIXELS = limits.pixels
    warnings.simplefilter("error", Image.DecompressionBombWarning)
    try:
        image = Image.open(io.BytesIO(content), formats=_FORMATS)
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as bomb:
        raise Unreadable(TOO_LARGE) from bomb
    except UnidentifiedImageError as damage:
        raise Unreadable(DAMAGED) from damage
    across, down = image.size
    # Of a TIFF, Pillow gives the size as it will be turned.
    turned = image.format != "TIFF" and image.getexif().get(_ORIENTATION, 1) in _TURNED
    raise Unreadable(WORDLESS, 1, ((down, across) if turned else (across, down),))


def picture(content: bytes, limits: Limits, width: int, page: int = 1) -> Answer:
    """The first frame of a picture as a PNG at most `width` wide, turned as its camera was held."""
    Image.MAX_IMAGE_PIXELS = limits.pixels
    warnings.simplefilter("error", Image.DecompressionBombWarning)
    ImageFile.LOAD_TRUNCATED_IMAGES = True  # half a scan is better than none
    try:
        image = Image.open(io.BytesIO(content), formats=_FORMATS)
        return Answer(as_png(_upright(image, width), limits.png_bytes))
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as bomb:
        raise Unreadable(TOO_LARGE) from bomb
    except UnidentifiedImageError as damage:
        raise Unreadable(DAMAGED) from damage


def _upright(image: Image.Image, width: int) -> Image.Image:
    # Shrunk before it is turned: a camera's picture is large, and turning makes a second one.
    box = (width, width * _TALLEST)
    if image.format != "JPEG":  # which can be read small at once; and Pillow turns a TIFF by itself as it is read
        image.load()
    orientation = image.getexif().get(_ORIENTATION, 1)
    if image.mode in _SMOOTHED:
        image = image.convert(_SMOOTHED[image.mode])
    image.thumbnail(box[::-1] if orientation in _TURNED else box)
    image.getexif()[_ORIENTATION] = orientation
    return ImageOps.exif_transpose(image)


def as_png(image: Image.Image, most: int) -> bytes:
    """`image` as a PNG of at most `most` bytes: smaller, where it must be."""
    plain = _plain(image)
    while True:
        buffer = io.BytesIO()
        plain.save(buffer, "PNG")
        if buffer.tell() <= most:
            return buffer.getvalue()
        if min(plain.size) < 2:
            raise Unreadable(TOO_LARGE)
        plain = plain.resize((max(1, int(plain.width * _SHRINK)), max(1, int(plain.height * _SHRINK))))


def _plain(image: Image.Image) -> Image.Image:
    """The pixels alone, on white: no comments, profiles, positions or transparency."""
    if image.mode.startswith("I;16"):
        image = image.point(lambda value: value / 256).convert("L")
    if image.mode in ("1", "L", "RGB"):
        flat = image
    else:
        seen = image.convert("RGBA")
        flat = Image.new("RGB", seen.size, "white")
        flat.paste(seen, mask=seen.getchannel("A"))
    bare = Image.new(flat.mode, flat.size)
    bare.paste(flat)
    return bare
