"""Whether the database has the tables this version wants, told without Alembic, which a web process need not carry."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Final

from sqlalchemy import text
from sqlalchemy.orm import Session

VERSIONS: Final = Path(__file__).resolve().parent.parent / "migrations" / "versions"

_NAMED: Final = re.compile(r"^(revision|down_revision)(?:\s*:[^=]+)?\s*=\s*['\"]([^'\"]+)['\"]", re.MULTILINE)


@cache
def newest_revision(versions: Path = VERSIONS) -> str:
    """The migration that no other one builds on."""
    found = [match.groups() for path in versions.glob("*.py") for match in _NAMED.finditer(path.read_text())]
    built_on = {name for kind, name in found if kind == "down_revision"}
    (newest,) = {name for kind, name in found if kind == "revision"} - built_on
    return newest


def is_current(session: Session) -> bool:
    """Whether every migration has been run, and none that this version does not know."""
    return bool(session.scalar(text("SELECT version_num FROM alembic_version")) == newest_revision())
