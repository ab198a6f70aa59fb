"""How long the tests that can go on for ever go on: `SOAK_ROUNDS` times as long as in `make test`."""

from __future__ import annotations

import os
from typing import Final

ROUNDS: Final = int(os.environ.get("SOAK_ROUNDS") or 1)
"""1 in `make test`, more in `make soak` (`bench/soak.py`)."""
