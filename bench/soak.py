"""`make soak`: what `make test` tries for a minute, for as long as you like.

New odd bodies instead of the same ones, and many more kills of the server and of the worker, all under load:

    make soak                          ten times as long as in make test
    make soak ARGS="--rounds 100"      a night
    make soak ARGS="-k kill"           further arguments are handed to pytest
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
SUBJECTS: Final = ("tests/fuzz", "tests/crash")


def main() -> int:
    """Run every test that knows `SOAK_ROUNDS`. Returns pytest's exit status."""
    parser = argparse.ArgumentParser(prog="make soak", description="A long run under load, odd bodies and kills.")
    rounds = os.environ.get("SOAK_ROUNDS") or "10"
    parser.add_argument("--rounds", type=int, default=int(rounds), help="times as long as in make test (default: 10)")
    chosen, others = parser.parse_known_args()
    # No time-outs of pytest's own: each test bounds what it waits for.
    command = (sys.executable, "-m", "pytest", "--timeout=0", "-v", *_subjects(), *others)
    return subprocess.run(
        command, cwd=ROOT, env={**os.environ, "SOAK_ROUNDS": str(chosen.rounds)}, check=False
    ).returncode


def _subjects() -> list[str]:
    """The folders above, and every other test that goes on for `tests.soak.ROUNDS`."""
    others = sorted(
        str(path.relative_to(ROOT))
        for path in (ROOT / "tests").rglob("test_*.py")
        if "SOAK_ROUNDS" in (text := path.read_text(encoding="utf-8")) or "tests.soak" in text
    )
    return [*SUBJECTS, *(path for path in others if not path.startswith(SUBJECTS))]


if __name__ == "__main__":
    sys.exit(main())
