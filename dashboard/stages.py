"""Where an application stands. One table; everything that lists or checks stages reads it."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Stage(StrEnum):
    """The stages in the order a person passes them; any stage may follow any other."""

    NEW = "new"
    REVIEWED = "reviewed"
    CONTACTED = "contacted"
    INTERVIEW = "interview"
    OFFER = "offer"
    HIRED = "hired"
    REJECTED = "rejected"

    @property
    def label(self) -> str:
        return self.value.capitalize()


REJECTION_REASONS: Final = {
    "not_qualified": "Does not meet the requirements",
    "no_show": "Did not come to the interview",
    "no_answer": "Could not be reached",
    "withdrew": "Withdrew",
    "filled": "Position filled",
    "other": "Other (see note)",
}
