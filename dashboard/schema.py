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
def _named(versions: Path) -> dict[str, frozenset[str]]:
    """The names in all migrations, as `revision` and as `down_revision`."""
    found = [match.groups() for path in versions.glob("*.py") for match in _NAMED.finditer(path.read_text())]
    return {kind: frozenset(name for told, name in found if told == kind) for kind in ("revision", "down_revision")}


def revisions(versions: Path = VERSIONS) -> frozenset[str]:
    """Every state of the tables that this version knows."""
    return _named(versions)["revision"]


def newest_revision(versions: Path = VERSIONS) -> str:
    """The migration that no other one builds on."""
    (newest,) = _named(versions)["revision"] - _named(versions)["down_revision"]
    return newest


def is_current(session: Session) -> bool:
    """Whether every migration has been run, and none that this version does not know."""
    return bool(session.scalar(text("SELECT version_num FROM alembic_version")) == newest_revision())
