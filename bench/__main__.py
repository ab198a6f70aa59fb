"""Run the measurements and write down what they came to."""

from __future__ import annotations

import argparse
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from bench import flushes, lists, memory, pages, report, scale, slow, webhook
from bench.report import Figure

PARTS: dict[str, Callable[..., Iterator[Figure]]] = {
    part.NAME: part.measure for part in (webhook, flushes, memory, slow, pages, scale, lists)
}
ONLY_WHEN_ASKED = frozenset({scale.NAME, lists.NAME})


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="part", help=f"any of {', '.join(PARTS)}; without: the quick ones")
    parser.add_argument("--quick", action="store_true", help="a few seconds each, to see that it works")
    parser.add_argument("--sizes", type=_sizes, metavar="FEW,MANY", help="how many applications `lists` has")
    parser.add_argument(
        "--kept", type=_folder, metavar="FOLDER", help="where `lists` keeps its databases, to be used again"
    )
    asked = parser.parse_args()
    if unknown := [part for part in asked.parts if part not in PARTS]:
        parser.error(f"there is no part {unknown[0]!r}")
    # Asked to stop, it still stops its servers: their workers would outlive it, on a disk it no longer cleans.
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
    begun = time.monotonic()
    figures: list[Figure] = []
    for name in asked.parts or (part for part in PARTS if part not in ONLY_WHEN_ASKED):
        print(f"{name} …", file=sys.stderr, flush=True)
        own = {"sizes": asked.sizes, "kept": asked.kept} if name == lists.NAME else {}
        for figure in PARTS[name](quick=asked.quick, **own):
            print(f"  {figure.name}: {figure.value:.4g} {figure.unit}", file=sys.stderr, flush=True)
            figures.append(figure)
    print(report.table(figures))
    if not asked.quick:
        written = report.write(figures, " ".join(asked.parts), time.monotonic() - begun)
        print(f"\nWritten to {written}", file=sys.stderr)
    return 0


def _sizes(value: str) -> tuple[int, int]:
    few, many = (int(one.replace("_", "")) for one in value.split(","))
    return few, many


def _folder(value: str) -> Path:
    return Path(value).resolve()


if __name__ == "__main__":
    sys.exit(main())
