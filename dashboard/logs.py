"""What may stand in a log: what went wrong and where, never what anybody sent us."""

from __future__ import annotations

import traceback


def without_contents(problem: BaseException) -> str:
    """The type and the traceback of `problem`. Its message stays out: a database's quotes the applicant's own words."""
    return f"{type(problem).__name__}\n{''.join(traceback.format_tb(problem.__traceback__))}"
