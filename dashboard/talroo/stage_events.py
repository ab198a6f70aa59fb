"""Settings of the kind `hired=2,offer=1`: which of our stages is reported to Talroo as what."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TypeVar

Event = TypeVar("Event")


def parse(text: str, read: Callable[[str], Event], *, stages: Collection[str] | None = None) -> dict[str, Event]:
    """`text` as stage → event, in the order written; nothing but white space is an empty mapping.

    `read` makes the event of its text or raises ValueError saying what is expected. `stages`: the only ones allowed,
    where given. Raises ValueError naming the part that is wrong.
    """
    found: dict[str, Event] = {}
    for part in text.split(",") if text.strip() else ():
        stage, event = _pair(part.strip(), read)
        if stages is not None and stage not in stages:
            raise ValueError(f"{part.strip()!r}: there is no stage {stage!r}, only {', '.join(stages)}")
        if stage in found:
            raise ValueError(f"{part.strip()!r}: the stage {stage!r} comes twice")
        found[stage] = event
    return found


def _pair(part: str, read: Callable[[str], Event]) -> tuple[str, Event]:
    stage, equals, event = (piece.strip() for piece in part.partition("="))
    if not (stage and equals and event):
        raise ValueError(f"{part!r} is not stage=event")
    try:
        return stage, read(event)
    except ValueError as problem:
        raise ValueError(f"{part!r}: {problem}") from None
