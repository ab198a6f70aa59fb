"""What an entry of the audit log tells beside who did what to what, in words for people. The log itself keeps ids."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from dashboard.arrivals import STATUSES
from dashboard.models.user import WAYS_IN, Role
from dashboard.services.erasing import REASONS
from dashboard.stages import Stage

Pairs = list[tuple[str, str]]
"""A label, or nothing, and what it is about, or nothing."""

_FLAGS: Final = (
    ("ahead", 1, "preloaded by the browser (may not have been seen)"),
    ("from_memory", 1, "had been preloaded"),
    ("first", 1, "the settings at the start"),
    ("whole", 1, "complete"),
    ("whole", 0, "interrupted"),
    ("limited", True, "only some jobs and companies"),
    ("limited", False, "all applications"),
    ("exact", True, "the exact bytes, downloaded"),
    ("ok", True, "succeeded"),
    ("ok", False, "failed"),
    ("way", "asked for", "requested on the sign-in page"),
    ("let_in", 1, "sees applicants, unlike whoever did it"),
)
_NOT_TOLD: Final = frozenset({*(name for name, *_ in _FLAGS), "before", "after", "digests", "key", "hold"})
_PAGES: Final = {
    "privacy": "on the privacy page",
    "person": "on the person’s page",
    "incomplete": "while incomplete",
    "team": "the Team section and the history",
}
_PURPOSES: Final = {
    "invitation": "for a first password",
    "reset": "for a new password",
    "setup": "to set up the dashboard",
}
_KINDS: Final = {"legal": "legal hold", "restriction": "restriction"}
_CAUSES: Final = {
    "request": "by a user",
    "retention": "by age",
    "restriction": "its restriction ended",
    "restore": "again after a backup was restored",
    "arrival": "it was sent again",
    "test": "a test",
}
_SAID: Final[Mapping[str, Mapping[str, str]]] = {
    "how": WAYS_IN,
    "page": _PAGES,
    "purpose": _PURPOSES,
    "kind": _KINDS,
    "cause": _CAUSES,
    "reason": {name: f"“{words}”" for name, words in REASONS.items()},
    "what": {"person": "a person’s archive"},
    "status": STATUSES,
    "role": {role.value: role.label for role in Role},
}
"""Values that say by themselves what they are about. What is not in here is shown as it was noted."""
_COUNTED: Final = {
    "sessions": ("session", "sessions"),
    "applications": ("application", "applications"),
    "jobs": ("job", "jobs"),
    "companies": ("company", "companies"),
}
_LABELS: Final[Mapping[str, str]] = {
    "sent": "rows",
    "application": "of application",
    "by": "by",
}


def told(details: Mapping[str, Any]) -> Pairs:
    """What an entry tells besides."""
    flags = [(words, "") for name, value, words in _FLAGS if _is(details.get(name), value)]
    return [*flags, *_change(details), *(_one(name, value) for name, value in details.items() if name not in _NOT_TOLD)]


def _is(value: Any, wanted: Any) -> bool:
    return type(value) is type(wanted) and value == wanted


def _change(details: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if "before" in details and "after" in details:
        yield f"{_named(details['before'])} → {_named(details['after'])}", ""


def _named(value: Any) -> str:
    """A stage or a role as people call it."""
    if value in set(Stage):
        return Stage(value).label
    return Role(value).label if value in set(Role) else str(value)


def _one(name: str, value: Any) -> tuple[str, str]:
    if name in _COUNTED:
        number = len(value) if isinstance(value, list) else value
        return f"{number} {_COUNTED[name][number != 1]}", ""
    if name in _SAID:
        return _SAID[name].get(str(value), str(value)), ""
    label = _LABELS.get(name, name.replace("_", " "))
    return f"{label}:", ", ".join(map(str, value)) if isinstance(value, list) else str(value)
