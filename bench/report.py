"""Figures, and how they are told."""

from __future__ import annotations

import json
import os
import platform
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).resolve().parent / "results"


@dataclass(frozen=True, slots=True)
class Figure:
    """One thing that was measured. `goal`: in words; `met`: None where nothing was promised."""

    part: str
    name: str
    value: float
    unit: str
    goal: str = ""
    met: bool | None = None

    @property
    def as_text(self) -> str:
        digits = 0 if abs(self.value) >= 100 else 2
        return f"{self.value:,.{digits}f} {self.unit}".strip()


def at_most(part: str, name: str, value: float, unit: str, most: float) -> Figure:
    return Figure(part, name, value, unit, f"≤ {most:g} {unit}".strip(), value <= most)


def at_least(part: str, name: str, value: float, unit: str, least: float) -> Figure:
    return Figure(part, name, value, unit, f"≥ {least:g} {unit}".strip(), value >= least)


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` of all `values` do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * round(share * 100) // 100) - 1)]


def table(figures: Iterable[Figure]) -> str:
    """A Markdown table, aligned so that a terminal shows it as well."""
    marks = {True: "yes", False: "NO", None: ""}
    rows = [("part", "measured", "value", "goal", "met")]
    rows += [(one.part, one.name, one.as_text, one.goal, marks[one.met]) for one in figures]
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in rows
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)


def write(figures: Sequence[Figure], words: str, seconds: float) -> Path:
    """Both files of a run, named by its date and by `words`, what was asked for. Returns the readable one."""
    now = datetime.now(UTC)
    machine = f"{os.cpu_count()} cores, Linux {platform.release()}, Python {platform.python_version()}"
    stem = FOLDER / "-".join((f"{now:%Y-%m-%d}", *words.split()))
    FOLDER.mkdir(exist_ok=True)
    heading = f"# {f'python -m bench {words}'.strip()}\n\n{now:%Y-%m-%d %H:%M} UTC, {machine}, {seconds:.0f} s.\n\n"
    stem.with_suffix(".md").write_text(heading + table(figures) + "\n")
    told = {"at": now.isoformat(), "machine": machine, "figures": [asdict(one) for one in figures]}
    stem.with_suffix(".json").write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n")
    return stem.with_suffix(".md")


def median(values: Sequence[float]) -> float:
    return statistics.median(values)
