"""Click tracking for apply flows outside Talroo Apply (talroo-contract §3)."""

from __future__ import annotations

from datetime import datetime
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from dashboard.database import insert_or_ignore, public_id
from dashboard.models import Application, Click, Outbound
from dashboard.services.reporting import queue_conversion
from dashboard.talroo.click_id import valid_click_id


class BadClick(ValueError):
    """A click or conversion that cannot be taken; the message says why."""


def land(session: Session, tlr_sid: str, to: str, destinations: tuple[str, ...], *, now: datetime) -> str:
    """Store the click and return where to send the visitor: `to`, with the click id kept.

    Raises `BadClick` for an unusable click id and for a `to` outside `destinations` (origins).
    """
    if not valid_click_id(tlr_sid):
        raise BadClick("tlr_sid must be 1 to 64 letters, digits and hyphens.")
    target = _destination(to, destinations)
    row = {"public_id": public_id(), "tlr_sid": tlr_sid, "destination": target[:4_000], "landed_at": now, "landings": 0}
    session.execute(insert_or_ignore(session, Click, "tlr_sid"), row)
    session.execute(update(Click).where(Click.tlr_sid == tlr_sid).values(landings=Click.landings + 1))
    parts = urlsplit(target)
    query = [(name, value) for name, value in parse_qsl(parts.query, keep_blank_values=True) if name != "tlr_sid"]
    return urlunsplit(parts._replace(query=urlencode([*query, ("tlr_sid", tlr_sid)])))


def convert(session: Session, tlr_sid: str, event: str, *, now: datetime) -> tuple[str, bool]:
    """Queue one conversion for a click: its public id, and whether it is new. Raises `BadClick`."""
    if not valid_click_id(tlr_sid):
        raise BadClick("tlr_sid is missing, or not 1 to 64 letters, digits and hyphens.")
    if event not in ("1", "2", "3"):
        raise BadClick("event must be 1, 2 or 3.")
    application_id = session.scalar(select(Application.id).where(Application.tlr_sid == tlr_sid).limit(1))
    queued = queue_conversion(session, tlr_sid, int(event), at=now, due=now, application_id=application_id)
    key = f"conversion:{tlr_sid}:{event}"
    return session.scalars(select(Outbound.public_id).where(Outbound.business_key == key)).one(), queued


def _destination(to: str, destinations: tuple[str, ...]) -> str:
    """`to`, if a browser would take it to one of `destinations` and nowhere else."""
    # Browsers drop tabs and line breaks and read a backslash as a slash, so such an address is not what it looks like.
    if not to.isascii() or not to.isprintable() or "\\" in to or " " in to:
        raise BadClick("to is not an address this site sends people to.")
    try:
        wanted = _origin(to)
        if wanted and any(wanted == _origin(allowed) and _below(to, allowed) for allowed in destinations):
            return to
    except ValueError:
        pass
    raise BadClick("to is not an address this site sends people to.")


def _origin(address: str) -> tuple[str, str, int] | None:
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
        return None
    return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}[parts.scheme]


def _below(address: str, allowed: str) -> bool:
    path, root = urlsplit(address).path or "/", urlsplit(allowed).path.rstrip("/")
    return not root or path == root or path.startswith(f"{root}/")
