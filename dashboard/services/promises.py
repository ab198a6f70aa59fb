"""What an engine is told before anybody uses it: the database's promises, and the keys of what is kept as digests."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Engine

from dashboard.database import keep_promises
from dashboard.services import audit, tombstones


def prepare(engine: Engine, secrets: Sequence[str]) -> None:
    """Make `engine` fit for our sessions. `secrets`: `SECRET_KEY` first, then the retired ones."""
    keep_promises(engine)
    audit.keep_chain(engine, secrets)
    tombstones.keep_keys(engine, secrets)
