"""All background work: one process, a few threads, each calling a service when it is due. Several may run."""

from __future__ import annotations

import logging
import os
import random
import secrets
import signal
import socket
import threading
import time
from collections.abc import Callable, Collection, Iterable
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from flask import Flask
from sqlalchemy.engine import Engine
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from config import Config
from dashboard import request_id
from dashboard.clock import utcnow
from dashboard.database import start_writing
from dashboard.extensions import db
from dashboard.models.outbound import Channel
from dashboard.services import (
    alerts,
    audit,
    cadence,
    cleaning,
    heartbeat,
    indexing,
    measuring,
    mornings,
    outbox,
    problems,
    pull,
    reminders,
    retiring,
    secret_uses,
    settings_watch,
    sorting_out,
    standing,
    sync,
    tombstones,
)
from dashboard.services.channels import Way, ways
from dashboard.services.filereading import FileReader
from dashboard.services.files import FileStore
from dashboard.services.reminder_rules import Rules
from dashboard.traffic import Traffic

log = logging.getLogger(__name__)

POLL: Final = 0.5
"""Seconds between looks when there was nothing to do."""
AFTER_TROUBLE: Final = 5.0
HOUSEKEEPING: Final = 5.0
REMINDING: Final = 30.0
MORNINGS: Final = 30.0
MEASURING: Final = 10.0
AUDITING: Final = 86_400.0
"""Between two lines of the log that tell the audit log's end, so that one rewritten later is found out."""
WATCHING: Final = 30.0
RETIRING: Final = 60.0
CLEANING: Final = 2.0
PULL_POLL: Final = 1.0
"""Somebody who pressed the button looks at the page meanwhile."""
MAILS: Final = (Channel.REMINDER, Channel.MORNING, Channel.ACCESS, Channel.ALERT)
SPARED: Final = ((Channel.CONVERSION,), (Channel.DISPOSITION,), MAILS, ())
"""What each sending thread leaves to the others, so that one slow address cannot hold them all: mail has one server."""
FINISH_WITHIN: Final = 7.0
"""Seconds a call may still take once the worker is told to stop; it must be gone within 10."""
GONE_WITHIN: Final = 9.0
"""Seconds after which a worker that was told to stop leaves, whatever still holds it: a row can wait, a restart not."""

Step = Callable[[], bool]
"""Does one piece of work if one is due, and says whether it did."""


class Worker:
    """`config` and `store` as the site's; `clock`, `rng` and `lease` arrive from outside so that a test owns them."""

    def __init__(
        self,
        config: Config,
        engine: Engine,
        store: FileStore,
        *,
        clock: Callable[[], datetime] = utcnow,
        rng: random.Random | None = None,
        lease: timedelta | None = None,
    ) -> None:
        self.name = f"{socket.gethostname()[:30]}-{os.getpid()}-{secrets.token_hex(4)}"
        audit.keep_chain(engine, config.secrets)
        tombstones.keep_keys(engine, config.secrets)
        self._traffic = Traffic(config.metrics_dir)
        self._engine = engine
        self._clock = clock
        self._rng = rng or random.SystemRandom()
        self._stop = threading.Event()
        self._files = FileReader(self._session, store, clock=clock, rng=self._rng)
        self._config = config
        self._ways = ways(config, abort_after=FINISH_WITHIN)
        self._lease = lease or _lease(self._ways.values(), config.talroo_lease)
        self._reminder_rules = Rules.of(config)
        self._store = store
        self._platform = pull.open_client(config, granted=self._note_app_client)
        self._retention = config.retention_months
        self._retired = ""
        self._pull_interval = config.talroo_sync_interval if config.talroo_client_id else 0

    @classmethod
    def of(cls, app: Flask) -> Worker:
        with app.app_context():
            return cls(app.config["SETTINGS"], db.engine, app.extensions["file_store"])

    def once(self) -> None:
        """Do everything that is due now, then return."""
        files = (self._read_again, self._files.read_next, self._index)
        writing = (self._remind, self._wish_good_morning)
        erasing = (self._retire, self._clean)
        for step in (
            self._watch_the_audit_log,
            self._housekeep,
            self._pull,
            self._measure,
            self._watch,
            *writing,
            self._send,
            *files,
            *erasing,
        ):
            while not self._stop.is_set() and request_id.begin() and step():
                pass

    def run(self) -> None:
        """Work until told to stop, then finish the calls under way: within 10 seconds."""
        jobs: list[tuple[str, Step, float]] = [("send", partial(self._send, spared), POLL) for spared in SPARED]
        jobs += [("read files", self._files.read_next, POLL), ("keep house", self._housekeep, HOUSEKEEPING)]
        jobs += [("index", self._index, POLL), ("watch the audit log", self._watch_the_audit_log, AUDITING)]
        jobs += [("write reminders", self._remind, REMINDING), ("measure", self._measure, MEASURING)]
        jobs += [("pull", self._pull, PULL_POLL), ("wish good morning", self._wish_good_morning, MORNINGS)]
        jobs += [("watch", self._watch, WATCHING), ("read deliveries again", self._read_again, POLL)]
        jobs += [("erase what is old", self._retire, RETIRING), ("clean up", self._clean, CLEANING)]
        # Daemons, because nothing may keep the process: not a locked database, not a file that is slow to read.
        threads = [
            threading.Thread(target=self._keep_doing, args=job, name=f"worker: {job[0]}", daemon=True) for job in jobs
        ]
        for thread in threads:
            thread.start()
        log.info("worker %s started", self.name)
        if warning := retiring.warning(self._retention):
            log.warning(warning)
        self._wait_for_the_end(threads)
        log.info("worker %s stopped", self.name)

    def stop(self) -> None:
        """Begin nothing new."""
        self._stop.set()

    def _keep_doing(self, what: str, step: Step, idle: float) -> None:
        while not self._stop.is_set():
            request_id.begin()
            try:
                pause = 0.0 if step() else idle
            except Exception:
                # A locked database or a full disk passes; what was to be done is still in its row.
                log.exception("the worker could not %s and tries again", what)
                pause = AFTER_TROUBLE
            self._stop.wait(pause)

    def _send(self, spared: Collection[Channel] = ()) -> bool:
        """Send what is due next, of any channel but those `spared`."""
        return outbox.send_next(
            self._session,
            self._ways,
            worker=self.name,
            clock=self._clock,
            lease=self._lease,
            rng=self._rng,
            spared=spared,
            stop=self._stop,
            told=self._count_call,
        )

    def _count_call(self, channel: Channel, outcome: str, milliseconds: int | None) -> None:
        self._traffic.observe("send", (channel.value, outcome), (milliseconds or 0) / 1000)

    def _watch_the_audit_log(self) -> bool:
        """Note settings that were changed since a worker last started, and tell where the log ends."""
        with self._session() as session:
            settings_watch.note_changes(session, self._config, now=self._clock())
            end = audit.head(session)
        if end is not None:
            log.info("the audit log ends with %s", end)
        return False

    def _index(self) -> bool:
        return indexing.index_waiting(self._session) > 0

    def _pull(self) -> bool:
        """Pull what is asked for or due. Never at once again: what is due in a second can wait for one."""
        pull.run_due(
            self._session,
            self._platform,
            self._store,
            interval=self._pull_interval,
            clock=self._clock,
            stop=self._stop,
        )
        return False

    def _remind(self) -> bool:
        """Queue what the jobs' cadences have to write."""
        with self._session() as session:
            # Asked first, because writing takes a turn that deliveries are waiting for too.
            if self._reminder_rules.unready or not cadence.is_due(session, self._clock()):
                return False
            session.rollback()
            start_writing(session)
            looked_at = reminders.queue_due(session, self._clock(), self._reminder_rules)
            session.commit()
        return looked_at > 0

    def _wish_good_morning(self) -> bool:
        """Queue the morning mails of those whose morning it is."""
        with self._session() as session:
            # Nothing is queued that no server takes: once there is one, the next morning is told of.
            if Channel.MORNING not in self._ways or not mornings.is_due(session, self._clock()):
                return False
            session.rollback()
            start_writing(session)
            looked_at = mornings.queue_due(session, self._clock())
            session.commit()
        return looked_at > 0

    def _watch(self) -> bool:
        """Have those who run the dashboard told of what is wrong."""
        now, can_mail = self._clock(), Channel.ALERT in self._ways
        with self._session() as session:
            stands = standing.read(session, now)
            pulls = sync.statuses(session, now=now, interval=self._pull_interval)
            machine = standing.machine(session, self._config, self._store)
            verdict = problems.find(stands, pulls, machine, self._config, now)
            # Asked first, because writing takes a turn that deliveries are waiting for too.
            if not alerts.changes(session, verdict.problems, now, can_mail=can_mail):
                return False
            session.rollback()
            start_writing(session)
            alerts.keep(session, verdict.problems, now, can_mail=can_mail)
            session.commit()
        return False

    def _read_again(self) -> bool:
        """Read kept deliveries again that somebody asked for."""
        done = sorting_out.read_waiting(self._session, self._store, clock=self._clock, most=1)
        return done.filed + done.kept > 0

    def _note_app_client(self) -> None:
        """Talroo gave a token for the App Client."""
        secret = self._config.talroo_client_secret or ""
        name = secret_uses.fingerprint(self._config.secret_key, secret_uses.APP_CLIENT, secret)
        with self._session() as session:
            start_writing(session)
            secret_uses.note(session, {(secret_uses.APP_CLIENT, name): self._clock()})
            session.commit()

    def _retire(self) -> bool:
        """Erase some of what is old enough, until nothing is left to do that night."""
        now = self._clock()
        if self._retired == retiring.day(now):
            return False
        if retiring.retire_some(self._session, self._retention, now):
            return True
        self._retired = retiring.day(now)
        return False

    def _clean(self) -> bool:
        """Clean up after whoever was erased."""
        with self._session() as session:
            if not cleaning.is_due(session):
                return False
        cleaning.finish(self._engine, self._store, clock=self._clock)
        return False

    def _measure(self) -> bool:
        return measuring.measure_next(self._session, self._clock())

    def _wait_for_the_end(self, threads: list[threading.Thread]) -> None:
        # Not by waiting for the event itself: the signal's handler sets it, in this very thread.
        while not self._stop.is_set() and any(thread.is_alive() for thread in threads):
            threads[0].join(POLL)
        last = time.monotonic() + GONE_WITHIN
        forgetting = threading.Thread(target=self._forget, name="worker: forget", daemon=True)
        for thread in (*threads, forgetting):
            if thread is forgetting:
                thread.start()
            thread.join(max(0.0, last - time.monotonic()))

    def _housekeep(self) -> bool:
        """Say that this worker is alive, and keep SQLite's log short so that no delivery has to."""
        heartbeat.beat(self._session, self.name, now=self._clock())
        if self._engine.dialect.name == "sqlite":
            # A checkpoint cannot run inside a transaction, and SQLAlchemy would begin one.
            connection = self._engine.raw_connection()
            try:
                connection.cursor().execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
            finally:
                connection.close()
        return False

    def _forget(self) -> None:
        try:
            heartbeat.leave(self._session, self.name)
        except SQLAlchemyError as problem:
            log.warning("worker %s could not say goodbye: %s", self.name, type(problem).__name__)

    def _session(self) -> Session:
        return Session(self._engine, expire_on_commit=False)


def _lease(known: Iterable[Way], seconds: int | None) -> timedelta:
    """For a call of any channel: `seconds` if they are set and outlive the longest one."""
    deadline = timedelta(seconds=max(way.deadline for way in known))
    if seconds is None:
        return deadline + outbox.LEASE_BEYOND_DEADLINE
    return max(timedelta(seconds=seconds), deadline + outbox.LEAST_BEYOND_DEADLINE)


def run_until_signalled(worker: Worker) -> None:
    """`worker.run()`, ended by SIGTERM or Ctrl-C."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: worker.stop())
    worker.run()
