"""Click tracking for apply flows outside Talroo Apply (talroo-contract §3)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from urllib.parse import SplitResult, quote, unquote_plus, urlsplit

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from dashboard.database import insert_or_ignore, public_id
from dashboard.models import Application, Click, Outbound
from dashboard.services.reporting import conversion_key, queue_conversion
from dashboard.talroo.click_id import valid_click_id

MAX_ADDRESS: Final = 4_000
_AUTHORITY: Final = re.compile(r"[0-9A-Za-z.-]+(?::[0-9]{1,5})?", re.ASCII)
_PORTS: Final = {"http": 80, "https": 443}
_CLIMB: Final = re.compile(r"(?:\.|%2e){1,2}(?:;.*)?|.*%(?:2f|5c).*", re.IGNORECASE)
"""A path segment that some server may read as a step up: dots, also encoded or with parameters; encoded slashes."""
_AS_WRITTEN: Final = "!$%&'()*+,-./:;=?@[]_~"
"""What `quote` leaves alone in a path or query that is percent-encoded already."""


class BadClick(ValueError):
    """A click or conversion that cannot be taken; the message says why."""


@dataclass(frozen=True, slots=True)
class Landing:
    """A click that may be stored, and where its visitor is sent: the address asked for, with the click id in it."""

    tlr_sid: str
    target: str

    @classmethod
    def read(cls, tlr_sid: str, to: str, destinations: tuple[str, ...]) -> Landing:
        """Raises `BadClick` for an unusable click id and for a `to` outside `destinations` (origins)."""
        if not valid_click_id(tlr_sid):
            raise BadClick("tlr_sid must be 1 to 64 letters, digits and hyphens.")
        parts = _destination(to, destinations)
        kept = [pair for pair in parts.query.split("&") if pair and unquote_plus(pair.partition("=")[0]) != "tlr_sid"]
        query = "&".join([*kept, f"tlr_sid={tlr_sid}"])
        path = quote(parts.path, safe=_AS_WRITTEN) or "/"
        fragment = f"#{quote(parts.fragment, safe=_AS_WRITTEN)}" if parts.fragment else ""
        return cls(tlr_sid, f"{parts.scheme}://{parts.netloc}{path}?{quote(query, safe=_AS_WRITTEN)}{fragment}")


def land(session: Session, landing: Landing, *, now: datetime) -> None:
    """Store the click, or count it once more. The caller commits."""
    row = {
        "public_id": public_id(),
        "tlr_sid": landing.tlr_sid,
        "destination": landing.target[:MAX_ADDRESS],
        "landed_at": now,
        "landings": 0,
    }
    session.execute(insert_or_ignore(session, Click, "tlr_sid"), row)
    session.execute(update(Click).where(Click.tlr_sid == landing.tlr_sid).values(landings=Click.landings + 1))


def read_conversion(tlr_sid: str, event: str) -> tuple[str, int]:
    """A click id and a conversion event from outside. Raises `BadClick`."""
    if not valid_click_id(tlr_sid):
        raise BadClick("tlr_sid is missing, or not 1 to 64 letters, digits and hyphens.")
    if event not in ("1", "2", "3"):
        raise BadClick("event must be 1, 2 or 3.")
    return tlr_sid, int(event)


def convert(session: Session, tlr_sid: str, event: int, *, now: datetime) -> tuple[str, bool]:
    """Queue one conversion for a click: its public id, and whether it is new. The caller commits."""
    # Only a finished application: who did not finish is not for everybody who reads the ledger.
    theirs = select(Application.id).where(Application.tlr_sid == tlr_sid, Application.is_finished())
    application_id = session.scalar(theirs.limit(1))
    queued = queue_conversion(session, tlr_sid, event, at=now, due=now, application_id=application_id)
    key = conversion_key(tlr_sid, event, application_id)
    return session.scalars(select(Outbound.public_id).where(Outbound.business_key == key)).one(), queued


def _destination(to: str, destinations: tuple[str, ...]) -> SplitResult:
    """`to`, if a browser would take it to one of `destinations` and nowhere else."""
    # Browsers drop tabs and line breaks and read a backslash as a slash, so such an address is not what it looks like.
    if to.isprintable() and "\\" not in to and len(to) <= MAX_ADDRESS:
        try:
            parts = urlsplit(to)
            wanted = _origin(parts)
            allowed = [urlsplit(destination) for destination in destinations]
            if wanted and any(wanted == _origin(one) and _below(parts, one) for one in allowed):
                return parts
        except ValueError:
            pass
    raise BadClick("to is not an address this site sends people to.")


def _origin(parts: SplitResult) -> tuple[str, str, int] | None:
    """Scheme, host and port; None for anything but a plain web address: no user, nothing encoded."""
    if parts.scheme not in _PORTS or not _AUTHORITY.fullmatch(parts.netloc):
        return None
    return parts.scheme, parts.hostname or "", _PORTS[parts.scheme] if parts.port is None else parts.port


def _below(parts: SplitResult, allowed: SplitResult) -> bool:
    """Whether the address lies under the path of a destination that has one."""
    root, segments = allowed.path.rstrip("/"), parts.path.split("/")
    if not root:
        return True
    climbs = any(_CLIMB.fullmatch(segment) for segment in segments)
    return not climbs and (parts.path == root or parts.path.startswith(f"{root}/"))
