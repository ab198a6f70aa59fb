"""What can be written to. Apart from `mail.py`, because web processes ask it and send nothing themselves."""

from __future__ import annotations

import re
from typing import Final

LONGEST: Final = 254

_PART: Final = r"[^\s@<>()\[\],;:\\\"\x00-\x20\x7f]"
_ADDRESS: Final = re.compile(rf"{_PART}{{1,64}}@{_PART}+\.{_PART}+")


def is_address(text: str | None) -> bool:
    """Whether `text` is one e-mail address that can be written to, and nothing besides."""
    return text is not None and len(text) <= LONGEST and _ADDRESS.fullmatch(text) is not None
