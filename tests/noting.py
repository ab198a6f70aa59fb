"""What the audit log adds to a page's statements: counted apart, because it is the same for every look."""

from __future__ import annotations

from typing import Final

_BEGIN: Final = ("INSERT INTO audit_entry", "UPDATE audit_head", "SELECT audit_head.number, audit_head.digest")


def notes(statement: str) -> bool:
    """Whether a statement is one of those that note a look: the log's end, its new entry, and whose it is."""
    return statement.startswith(_BEGIN) or statement.rstrip().endswith("FOR KEY SHARE")
