"""A résumé as a photograph of paper: grey pixels, a small alphabet, and writers for PNG and JPEG."""

from __future__ import annotations

import math
import random
import unicodedata
import zlib
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from dashboard.sandbox.pdf import Photo
from dashboard.sandbox.resumes import Resume

# Seven rows of five dots a character, each row one digit of base 32.
_ALPHABET: Final = """\
A:4AHHVHH B:UHHUHHU C:EHGGGHE D:UHHHHHU E:VGGUGGV F:VGGUGGG G:EHGNHHF H:HHHVHHH I:E44444E J:71111HE K:HIKOKIH
L:GGGGGGV M:HRLLHHH N:HPLLJHH O:EHHHHHE P:UHHUGGG Q:EHHHLID R:UHHUKIH S:FGGE11U T:V444444 U:HHHHHHE V:HHHHHA4
W:HHHLLLA X:HHA4AHH Y:HHA4444 Z:V1248GV 0:EHJLPHE 1:4C4444E 2:EH1248V 3:V2421HE 4:26AIV22 5:VGU11HE 6:68GUHHE
7:V124888 8:EHHEHHE 9:EHHF12C .:00000CC ,:0000C48 -:000V000 @:EH1DLLE (:2488842 ):8422248 /:0124880 ':4480000"""
_GLYPHS: Final = {glyph[0]: glyph[2:] for glyph in _ALPHABET.split()}


@dataclass(slots=True)
class _Paper:
    """A sheet of grey bytes that can be written on."""

    width: int
    height: int
    pixels: bytearray

    def bar(self, x: int, y: int, width: int, height: int, grey: int) -> None:
        """Fill a rectangle, cut off at the edges."""
        width = max(0, min(width, self.width - x))
        for row in range(y, min(y + height, self.height)):
            start = row * self.width + x
            self.pixels[start : start + width] = bytes([grey]) * width

    def write(self, x: int, y: int, text: str, scale: int) -> None:
        """Capitals, `scale` pixels a dot; characters outside the alphabet become spaces."""
        plain = unicodedata.normalize("NFD", text.replace("’", "'").replace("–", "-")).upper()
        for number, character in enumerate(c for c in plain if not unicodedata.combining(c)):
            self._glyph(x + number * 6 * scale, y, _GLYPHS.get(character, "0000000"), scale)

    def _glyph(self, x: int, y: int, rows: str, scale: int) -> None:
        for down, row in enumerate(rows):
            for across in range(5):
                if int(row, 32) >> (4 - across) & 1:
                    self.bar(x + across * scale, y + down * scale, scale, scale, 40)


def photographed(resume: Resume) -> Photo:
    """`resume` as grey pixels: on paper, on a darker table, edges showing."""
    paper = _Paper(560, 720, bytearray(b"\x78" * (560 * 720)))
    paper.bar(24, 24, 512, 672, 240)
    paper.write(56, 60, resume.name[:24], 3)
    for line, text in enumerate((resume.headline, *resume.contact)):
        paper.write(56, 100 + 24 * line, text[:36], 2)
    y = 220
    for position in resume.positions[:3]:
        paper.write(56, y, f"{position.title}, {position.years}"[:36], 2)
        for duty in position.duties:
            y += 18
            paper.bar(72, y + 6, 150 + len(duty) * 3 % 270, 6, 150)
        y += 34
    return Photo(paper.width, paper.height, bytes(paper.pixels))


def portrait(rng: random.Random, width: int = 240, height: int = 280) -> Photo:
    """A grainy head-and-shoulders shape nobody could recognise; grain makes the file as large as real ones."""
    pixels = bytearray(rng.getrandbits(5) + 200 for _ in range(width * height))
    paper = _Paper(width, height, pixels)
    middle = width // 2
    for y in range(height):
        head = _half(y - 0.38 * height, 0.24 * height, 0.2 * width)
        body = _half(y - 1.02 * height, 0.38 * height, 0.42 * width)
        half = max(head, body)
        if half:
            paper.bar(middle - half, y, 2 * half, 1, 110 + rng.getrandbits(4))
    return Photo(width, height, bytes(pixels))


def _half(offset: float, radius: float, reach: float) -> int:
    inside = 1 - (offset / radius) ** 2
    return int(reach * math.sqrt(inside)) if inside > 0 else 0


def png(photo: Photo) -> bytes:
    """`photo` as a PNG file."""
    rows = b"".join(
        b"\0" + photo.pixels[start : start + photo.width] for start in range(0, len(photo.pixels), photo.width)
    )
    head = photo.width.to_bytes(4, "big") + photo.height.to_bytes(4, "big") + b"\x08\0\0\0\0"
    chunks = ((b"IHDR", head), (b"IDAT", zlib.compress(rows, 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, content) for kind, content in chunks)


def _chunk(kind: bytes, content: bytes) -> bytes:
    check = zlib.crc32(kind + content).to_bytes(4, "big")
    return len(content).to_bytes(4, "big") + kind + content + check


_QUANTUM: Final = 20
_ZIGZAG: Final = sorted(
    ((row, column) for row in range(8) for column in range(8)),
    key=lambda at: (sum(at), at[0] if sum(at) % 2 else at[1]),
)
_COSINES: Final = [
    [math.cos((2 * x + 1) * u * math.pi / 16) * (math.sqrt(0.5) if u == 0 else 1) / 2 for x in range(8)]
    for u in range(8)
]
# Symbols of run and size, every code eight bits long: a wasteful Huffman table, but one that needs no constants.
_SYMBOLS: Final = [0x00, 0xF0, *(run << 4 | size for run in range(16) for size in range(1, 11))]
_CODES: Final = {symbol: f"{code:08b}" for code, symbol in enumerate(_SYMBOLS)}


def jpeg(photo: Photo) -> bytes:
    """`photo` as a baseline grey JPEG file; width and height must be multiples of eight."""
    previous = 0
    bits = []
    for y in range(0, photo.height, 8):
        for x in range(0, photo.width, 8):
            rows = [photo.pixels[(y + down) * photo.width + x :][:8] for down in range(8)]
            level, rest = _block(b"".join(rows))
            bits.append(_first(level - previous) + rest)
            previous = level
    return _jpeg_head(photo) + _scan("".join(bits)) + b"\xff\xd9"


@lru_cache(maxsize=4096)
def _block(pixels: bytes) -> tuple[int, str]:
    """A block's mean level and the bits of its other coefficients. Cached: most of a page is blank."""
    rows = [[pixels[8 * y + x] - 128 for x in range(8)] for y in range(8)]
    half = [[sum(row[x] * wave[x] for x in range(8)) for wave in _COSINES] for row in rows]
    levels = [round(sum(half[y][u] * _COSINES[v][y] for y in range(8)) / _QUANTUM) for v, u in _ZIGZAG]
    return levels[0], _others(levels[1:])


def _others(levels: list[int]) -> str:
    bits, run = "", 0
    for level in levels:
        if level == 0:
            run += 1
            continue
        bits += _CODES[0xF0] * (run // 16) + _CODES[run % 16 << 4 | _size(level)] + _amount(level)
        run = 0
    return bits + (_CODES[0x00] if run else "")


def _first(difference: int) -> str:
    return f"{_size(difference):04b}{_amount(difference)}"


def _size(level: int) -> int:
    return abs(level).bit_length()


def _amount(level: int) -> str:
    size = _size(level)
    return f"{level if level > 0 else level + (1 << size) - 1:0{size}b}" if size else ""


def _jpeg_head(photo: Photo) -> bytes:
    frame = b"\x08" + photo.height.to_bytes(2, "big") + photo.width.to_bytes(2, "big") + b"\x01\x01\x11\0"
    first = b"\0" + bytes([0, 0, 0, 12, *[0] * 12]) + bytes(range(12))
    others = b"\x10" + bytes([*[0] * 7, len(_SYMBOLS), *[0] * 8]) + bytes(_SYMBOLS)
    segments = (
        (0xE0, b"JFIF\0\x01\x01\0\0\x01\0\x01\0\0"),
        (0xDB, b"\0" + bytes([_QUANTUM]) * 64),
        (0xC0, frame),
        (0xC4, first),
        (0xC4, others),
        (0xDA, b"\x01\x01\0\0\x3f\0"),
    )
    return b"\xff\xd8" + b"".join(
        bytes([0xFF, marker]) + (len(content) + 2).to_bytes(2, "big") + content for marker, content in segments
    )


def _scan(bits: str) -> bytes:
    bits += "1" * (-len(bits) % 8)
    raw = int(bits, 2).to_bytes(len(bits) // 8, "big")
    return raw.replace(b"\xff", b"\xff\0")
