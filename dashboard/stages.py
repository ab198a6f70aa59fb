"""Where an application stands. Everything that lists or checks stages reads this table.

Written out a second time are only their names in `config.STAGES`, because settings are read before anything here is
loaded, and their colours in `static/css/app.css`; `tests/test_stages.py` holds all three together.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Stage(StrEnum):
    """In the order most people pass them, which is the order of lists. Any stage may follow any other."""

    NEW = "new"
    REVIEWED = "reviewed"
    CONTACTED = "contacted"
    INTERVIEW = "interview"
    OFFER = "offer"
    HIRED = "hired"
    REJECTED = "rejected"

    @property
    def label(self) -> str:
        """What people read: `background_check` is "Background check"."""
        return self.value.replace("_", " ").capitalize()

    @property
    def next(self) -> Stage | None:
        """Where most people go from here; None after a decision."""
        return None if self in DECISIVE else list(Stage)[_ORDER[self] + 1]


DECISIVE: Final = frozenset({Stage.HIRED, Stage.REJECTED})
"""Leaving one of these takes a decision back."""

_ORDER: Final = {stage: position for position, stage in enumerate(Stage)}

REJECTION_REASONS: Final = {
    "not_qualified": "Doesn’t meet requirements",
    "no_show": "No-show for interview",
    "no_answer": "Unresponsive",
    "withdrew": "Applicant withdrew",
    "filled": "Position filled",
    "other": "Other (see note)",
}
NEEDS_NOTE: Final = "other"
"""The reason that says nothing without a note."""


def still_true(reached: Stage, now_at: Stage) -> bool:
    """Whether what `reached` meant is still true of somebody who stands at `now_at`.

    Progress stays true, of somebody rejected later too. A decision that was left, and a step somebody was moved back
    from, were taken back.
    """
    return now_at == reached or (reached not in DECISIVE and _ORDER[now_at] > _ORDER[reached])
