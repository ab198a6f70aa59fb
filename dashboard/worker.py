"""All background work: one process, a few threads, each calling a service when it is due. Several may run."""

from __future__ import annotations

import logging
import os
import random
import secrets
import signal
import socket
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from flask import Flask
from sqlalchemy import delete, select, update
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session

from config import Config
from dashboard.clock import utcnow
from dashboard.database import insert_or_ignore, start_writing
from dashboard.extensions import db
from dashboard.models import WorkerBeat
from dashboard.services import filereading, outbox
from dashboard.services.files import FileStore

log = logging.getLogger(__name__)

POLL: Final = 0.5
"""Seconds between looks when there was nothing to do."""
AFTER_TROUBLE: Final = 5.0
HOUSEKEEPING: Final = 5.0
SENDING_THREADS: Final = 4
FINISH_WITHIN: Final = 7.0
"""Seconds a call may still take once the worker is told to stop; it must be gone within 10."""
FORGET_AFTER: Final = timedelta(days=1)

Step = Callable[[], bool]
"""Does one piece of work if one is due, and says whether it did."""


class Worker:
    """`config` and `store` as the site's; `clock` and `rng` arrive from outside so that a test owns them."""

    def __init__(
        self,
        config: Config,
        engine: Engine,
        store: FileStore,
        *,
        clock: Callable[[], datetime] = utcnow,
        rng: random.Random | None = None,
    ) -> None:
        self.name = f"{socket.gethostname()[:30]}-{os.getpid()}-{secrets.token_hex(4)}"
        self._engine = engine
        self._store = store
        self._clock = clock
        self._rng = rng or random.SystemRandom()
        self._stop = threading.Event()
        self._lease = timedelta(seconds=config.talroo_call_deadline) + outbox.LEASE_BEYOND_DEADLINE
        if config.talroo_lease is not None:
            self._lease = timedelta(seconds=config.talroo_lease)
        self._senders = outbox.senders(
            config.talroo_conversion_url,
            config.talroo_disposition_url,
            deadline=config.talroo_call_deadline,
            abort_after=FINISH_WITHIN,
        )

    @classmethod
    def of(cls, app: Flask) -> Worker:
        with app.app_context():
            return cls(app.config["SETTINGS"], db.engine, app.extensions["file_store"])

    def once(self) -> None:
        """Do everything that is due now, then return."""
        for step in (self._housekeep, self._send, self._read_file):
            while step():
                pass

    def run(self) -> None:
        """Work until told to stop, then finish the calls under way: within 10 seconds."""
        jobs: list[tuple[str, Step, float]] = [("send", self._send, POLL)] * SENDING_THREADS
        jobs += [("read files", self._read_file, POLL), ("keep house", self._housekeep, HOUSEKEEPING)]
        threads = [threading.Thread(target=self._keep_doing, args=job, name=f"worker: {job[0]}") for job in jobs]
        for thread in threads:
            thread.start()
        log.info("worker %s started", self.name)
        for thread in threads:
            thread.join()
        self._forget()
        log.info("worker %s stopped", self.name)

    def stop(self) -> None:
        """Begin nothing new."""
        self._stop.set()

    def _keep_doing(self, what: str, step: Step, idle: float) -> None:
        while not self._stop.is_set():
            try:
                pause = 0.0 if step() else idle
            except Exception:
                # A locked database or a full disk passes; what was to be done is still in its row.
                log.exception("the worker could not %s and tries again", what)
                pause = AFTER_TROUBLE
            self._stop.wait(pause)

    def _send(self) -> bool:
        return outbox.send_next(
            self._session,
            self._senders,
            worker=self.name,
            clock=self._clock,
            lease=self._lease,
            rng=self._rng,
            stop=self._stop,
        )

    def _read_file(self) -> bool:
        return filereading.read_next(self._session, self._store, clock=self._clock)

    def _housekeep(self) -> bool:
        """Say that this worker is alive, and keep SQLite's log short so that no delivery has to."""
        beat(self._session, self.name, now=self._clock())
        if self._engine.dialect.name == "sqlite":
            # A checkpoint cannot run inside a transaction, and SQLAlchemy would begin one.
            connection = self._engine.raw_connection()
            try:
                connection.cursor().execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
            finally:
                connection.close()
        return False

    def _forget(self) -> None:
        with self._session() as session:
            start_writing(session)
            session.execute(delete(WorkerBeat).where(WorkerBeat.name == self.name))
            session.commit()

    def _session(self) -> Session:
        return Session(self._engine, expire_on_commit=False)


def beat(sessions: Callable[[], Session], name: str, *, now: datetime) -> None:
    """Note that the worker `name` is alive."""
    with sessions() as session:
        start_writing(session)
        session.execute(
            insert_or_ignore(session, WorkerBeat, "name"), {"name": name, "started_at": now, "beat_at": now}
        )
        session.execute(update(WorkerBeat).where(WorkerBeat.name == name).values(beat_at=now))
        session.execute(delete(WorkerBeat).where(WorkerBeat.beat_at < now - FORGET_AFTER))
        session.commit()


def last_beat(session: Session) -> datetime | None:
    """When any worker was last known to be alive."""
    return session.scalar(select(WorkerBeat.beat_at).order_by(WorkerBeat.beat_at.desc()).limit(1))


def run_until_signalled(worker: Worker) -> None:
    """`worker.run()`, ended by SIGTERM or Ctrl-C."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: worker.stop())
    worker.run()
