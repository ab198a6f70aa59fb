"""Pulling applications from the Platform API: what the webhook could not bring, and those nobody finished.

Items enter through the same door as pushed events (`intake`), so whatever is known already is changed by nothing.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import datetime
from typing import Final, Protocol

from config import Config
from dashboard.clock import utcnow
from dashboard.database import is_storage_failure
from dashboard.logs import without_contents
from dashboard.models import SyncKind, SyncRun
from dashboard.services import pull_list, pull_turn, sync
from dashboard.services.files import FileStore
from dashboard.services.pull_keeping import Keeper, Sessions, Stopped
from dashboard.services.pull_list import ListTooLong, ListUnreadable
from dashboard.services.pull_turn import AlreadyRunning, TurnLost
from dashboard.talroo.platform import ListPage, PlatformClient, PlatformError

__all__ = ["AlreadyRunning", "open_client", "run", "run_due"]

log = logging.getLogger(__name__)

STOPPED: Final = "It was stopped before the end. The next one goes on."


class Client(Protocol):
    """What of `PlatformClient` is needed here."""

    def applications(
        self, *, completed: bool, page: int, size: int, stop: threading.Event | None = None
    ) -> ListPage: ...


def open_client(config: Config, *, granted: Callable[[], None] | None = None) -> PlatformClient:
    """The Platform API as the settings say. Without an App Client every call raises `NotConfigured`.

    `granted` hears of each token that Talroo gives.
    """
    return PlatformClient(
        config.talroo_api_url,
        config.talroo_applications_path,
        config.talroo_client_id,
        config.talroo_client_secret,
        granted=granted,
    )


def run_due(
    sessions: Sessions,
    client: Client,
    files: FileStore,
    *,
    interval: int,
    clock: Callable[[], datetime] = utcnow,
    stop: threading.Event | None = None,
) -> None:
    """Pull each kind that somebody asked for or that is due, unless another process does. `interval`: see `sync`."""
    for kind in SyncKind:
        if stop is not None and stop.is_set():
            return
        with sessions() as session:
            stands = sync.status(session, kind, now=clock(), interval=interval)
        if stands.running or not (stands.asked or stands.next_is_due):
            continue
        trigger = "button" if stands.asked else "worker"
        try:
            run(sessions, client, files, kind, trigger=trigger, user_id=stands.asked_by_id, clock=clock, stop=stop)
        except AlreadyRunning:
            log.info("another process pulls %s applications", kind.value)


def _tell_nobody(_run: SyncRun) -> None:
    """Nobody watches."""


def run(
    sessions: Sessions,
    client: Client,
    files: FileStore,
    kind: SyncKind,
    *,
    trigger: str,
    user_id: int | None = None,
    since: datetime | None = None,
    clock: Callable[[], datetime] = utcnow,
    stop: threading.Event | None = None,
    told: Callable[[SyncRun], None] = _tell_nobody,
) -> SyncRun:
    """Pull, and return how it ended: `done`, `failed` with a `problem`, or `interrupted`. `told` hears of every page.

    `since`: read what was started from then on, instead of as far back as is owed. Raises `AlreadyRunning`.
    """
    with sessions() as session:
        begun = pull_turn.take(session, kind, trigger=trigger, user_id=user_id, since=since, now=clock())
        session.commit()
        session.refresh(begun)
        session.expunge(begun)
    keeper = Keeper(sessions, files, begun, clock, stop)

    def asked(page: int, size: int) -> ListPage:
        return client.applications(completed=kind is SyncKind.COMPLETED, page=page, size=size, stop=stop)

    try:
        for sheet in pull_list.sheets(asked, since=begun.since, clock=clock):
            keeper.keep(sheet)
            told(begun)
        keeper.end("done")
    except Exception as problem:
        keeper.end(*_ending(problem, stop), forgive=isinstance(problem, ListTooLong))
    except BaseException:
        # Ctrl-C: somebody does not want it, perhaps because of what they gave as `since`.
        keeper.end("interrupted", STOPPED, forgive=True)
        raise
    return begun


def _ending(problem: Exception, stop: threading.Event | None) -> tuple[str, str]:
    """How a pull ended that met `problem`, and the words for it."""
    if isinstance(problem, TurnLost):
        return "interrupted", pull_turn.AWAY
    if isinstance(problem, Stopped) or (stop is not None and stop.is_set()):
        return "interrupted", STOPPED
    if isinstance(problem, PlatformError | ListUnreadable):
        return "failed", str(problem)
    if is_storage_failure(problem):
        return "failed", f"What was read could not be stored ({type(problem).__name__}). The next one tries again."
    log.error("a pull met an unforeseen error: %s", without_contents(problem))
    return "failed", f"It met an unexpected error ({type(problem).__name__}). The log of its process tells where."
