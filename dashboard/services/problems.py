"""What is wrong with how things stand, and what to do about it: for the integration page, and for alert mails.

One table of words. A problem holds its kind and numbers alone, so that a mail written later says the same.
"""

from __future__ import annotations

import ipaddress
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import urlsplit

from config import Config
from dashboard.models import SyncKind
from dashboard.models.outbound import Channel
from dashboard.models.watch import SIGNED, Reason
from dashboard.outbound_words import WORDS
from dashboard.services.heartbeat import WorkerSeen
from dashboard.services.standing import Machine, Standing
from dashboard.services.sync import SyncStatus
from dashboard.tls import Certificate

REFUSED_OFTEN: Final = 5
"""So many refusals within an hour are no accident."""
LOOKS_AT_MOST: Final = 500
"""Applications that one person reads within an hour: that is one every seven seconds."""
CLOCK_OFF: Final = 60
"""Seconds by which the median signature may be old, or ahead, before somebody should look at the clocks."""
ENDS_SOON: Final = timedelta(days=14)
"""A certificate that is renewed by itself never comes so near to its end."""


@dataclass(frozen=True, slots=True)
class Kind:
    """`words` and `advice`: `{names}` stand for a problem's figures. `one`: the words where its `{number}` is 1.
    `page`: where to look, beside the address of this dashboard. `serious`: things are lost or stand still. `mails`:
    those who run the dashboard are emailed.
    """

    words: str
    advice: str
    one: str = ""
    page: str = "/admin"
    serious: bool = True
    mails: bool = True


KINDS: Final[Mapping[str, Kind]] = {
    "no_secret": Kind(
        "No webhook secret is set, so deliveries are turned away (503).",
        "Put the secret agreed with Talroo into TALROO_WEBHOOK_SECRETS and restart the dashboard.",
        mails=False,
    ),
    "not_https": Kind(
        "PUBLIC_URL is not https, and Talroo delivers only to https.",
        "Put a TLS proxy in front, or set TLS_CERT and TLS_KEY. Then write PUBLIC_URL with https://.",
        mails=False,
    ),
    "certificate": Kind(
        "The certificate in TLS_CERT {what}.",
        "Renew it and restart the dashboard. Once it has ended, nobody can sign in and Talroo can’t deliver.",
    ),
    "other_name": Kind(
        "The certificate in TLS_CERT is not for the name in PUBLIC_URL.",
        "Browsers show a warning, and Talroo does not deliver. Get one for that name, or correct PUBLIC_URL.",
        mails=False,
    ),
    "open_key": Kind(
        "Everybody on this machine can read the key in TLS_KEY.",
        "Remove that permission (chmod o-r). If anybody else had access, get a new certificate.",
        mails=False,
    ),
    "migration": Kind("The database needs an update.", "Run: flask --app wsgi db upgrade", mails=False),
    "worker": Kind(
        "No worker is running, so nothing is sent, imported or read.",
        "Start one: flask --app wsgi worker (make run starts it too).",
        mails=False,
    ),
    "files": Kind(
        "The file store is not responding ({problem}), so nothing can be stored.",
        "Check FILES_URL, the disk and its permissions. Talroo repeats deliveries for about 16 hours.",
    ),
    "disk": Kind(
        "The disk is nearly full: {free} MB are free ({what}).",
        "Free up space. When none is left, deliveries are turned away (503).",
    ),
    "stopped": Kind(
        "Nothing has come from Talroo for {hours} hours.",
        "Send a test application. If it arrives, ask Talroo, and check that the feed has the postUrl.",
    ),
    "refused": Kind(
        "{number} deliveries were refused within the last hour: {reasons}.",
        "Signed with your secret, or sent from where Talroo sends. Check the secret, the clock and PUBLIC_URL.",
        page="/admin/deliveries?status=refused",
    ),
    "strangers": Kind(
        "{number} deliveries from unknown addresses were refused within the last hour: {reasons}.",
        "If Talroo has just started to send, or sends from a new address, check the secret. If not, nothing is lost.",
        page="/admin/deliveries?status=refused",
        serious=False,
        mails=False,
    ),
    "exports": Kind(
        "A user reached the export limit within the last hour.",
        "Check who it was. If it was not them, or not part of their work, deactivate them: that signs them out.",
        page="/admin/audit?action=exports_stopped",
        serious=False,
    ),
    "looks": Kind(
        "One user opened {number} applications within the last hour.",
        "Check who it was. If it was not them, or not part of their work, deactivate them: that signs them out.",
        page="/admin/audit?action=application_viewed",
        serious=False,
    ),
    "quarantined": Kind(
        "{number} deliveries are in quarantine: signed by Talroo, but too long ago.",
        "Accept or dismiss each. If there are more every day, check the clock.",
        one="1 delivery is in quarantine: signed by Talroo, but too long ago.",
        page="/admin/deliveries?status=quarantined",
        serious=False,
    ),
    "kept": Kind(
        "{number} deliveries could not be read and need review.",
        "Reprocess after an upgrade, or dismiss what is not an application.",
        one="1 delivery could not be read and needs review.",
        page="/admin/deliveries?status=kept",
        serious=False,
    ),
    "pull_failed": Kind("The last import of {what} applications from Talroo failed.", "{problem}"),
    "parked": Kind(
        "Failed: {what}.",
        "The ledger shows each answer. Fix the cause, then choose “Try all again” there.",
    ),
    "retrying": Kind(
        "Not accepted yet, retrying automatically: {what}.",
        "Nothing to do unless it stays. Then check the answers in the ledger.",
        serious=False,
        mails=False,
    ),
    "clock": Kind(
        "Signatures are {seconds} s {direction} when they arrive.",
        "Check that this machine's clock is set by the network (NTP).",
        serious=False,
        mails=False,
    ),
}


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that is wrong. `figures`: what its words need; nobody's data."""

    kind: str
    figures: Mapping[str, Any] = field(default_factory=dict)

    @property
    def of(self) -> Kind:
        return KINDS[self.kind]

    @property
    def words(self) -> str:
        words = self.of.one if self.of.one and self.figures.get("number") == 1 else self.of.words
        return words.format_map(self.figures)

    @property
    def advice(self) -> str:
        return self.of.advice.format_map(self.figures)


@dataclass(frozen=True, slots=True)
class Verdict:
    """One look."""

    problems: tuple[Problem, ...]

    @property
    def words(self) -> str:
        number = len(self.problems)
        if not number:
            return "Everything works."
        return "1 problem needs attention." if number == 1 else f"{number} problems need attention."

    @property
    def is_serious(self) -> bool:
        return any(problem.of.serious for problem in self.problems)


def find(
    standing: Standing, pulls: Mapping[SyncKind, SyncStatus], machine: Machine, config: Config, now: datetime
) -> Verdict:
    """Everything that is wrong, the serious things first."""
    found = [
        *_settings(config),
        *at_the_door(config, machine.certificate, now),
        *_machine(standing, machine, config, now),
        *_arriving(standing, config, now),
        *_taken(standing),
        *_pulling(pulls, config),
        *_sending(standing),
    ]
    return Verdict(tuple(sorted(found, key=lambda problem: not problem.of.serious)))


def _settings(config: Config) -> Iterator[Problem]:
    if not config.talroo_webhook_secrets:
        yield Problem("no_secret")


def at_the_door(config: Config, certificate: Certificate | str | None, now: datetime) -> Iterator[Problem]:
    """What is wrong with the way in: told at the start, too, when nobody could open the page. `certificate`: as
    `Machine` has it.
    """
    if not config.is_https and (config.tls or not _is_loopback(config.public_url)):
        yield Problem("not_https")
    if certificate is None:
        return
    if isinstance(certificate, str):
        yield Problem("certificate", {"what": f"can’t be used ({certificate.rstrip('.')})"})
        return
    if certificate.ends - now <= ENDS_SOON:
        yield Problem("certificate", {"what": _ending(certificate.ends, now)})
    if not certificate.is_for(urlsplit(config.public_url).hostname or ""):
        yield Problem("other_name")
    if certificate.open_key:
        yield Problem("open_key")


def _ending(ends: datetime, now: datetime) -> str:
    days = abs(ends - now).days
    counted = "less than a day" if not days else "1 day" if days == 1 else f"{days} days"
    return f"ends in {counted}" if ends > now else f"ended {counted} ago"


def _machine(standing: Standing, machine: Machine, config: Config, now: datetime) -> Iterator[Problem]:
    if not standing.migrated:
        yield Problem("migration")
    if WorkerSeen.of(standing.beat_at, now).silent:
        yield Problem("worker")
    if machine.files_problem:
        yield Problem("files", {"problem": machine.files_problem})
    for disk in machine.disks:
        if disk.free < config.alert_disk_free:
            yield Problem("disk", {"free": disk.free // 1_000_000, "what": disk.what})
    if standing.clock is not None and abs(standing.clock) > CLOCK_OFF:
        direction = "old" if standing.clock > 0 else "ahead of this clock"
        yield Problem("clock", {"seconds": round(abs(standing.clock)), "direction": direction})


_NO_ATTEMPT: Final = (Reason.MISSING, Reason.MALFORMED, Reason.HOST)
"""What whoever scans the internet sends: nobody's Talroo, unless it comes from where Talroo sends."""


def _arriving(standing: Standing, config: Config, now: datetime) -> Iterator[Problem]:
    last, most = standing.last_pushed_at, timedelta(hours=config.alert_silence_hours)
    if last is not None and most and now - last > most:
        yield Problem("stopped", {"hours": int((now - last).total_seconds() // 3600)})
    if config.talroo_webhook_secrets:
        yield from _refused(standing)
    for status in ("quarantined", "kept"):
        if number := standing.waiting.get(status, 0):
            yield Problem(status, {"number": number})


def _refused(standing: Standing) -> Iterator[Problem]:
    """Mails go out about what Talroo meets alone: a stranger has neither our secret nor Talroo's address."""
    lately, known = Counter(standing.refused_lately), Counter(standing.refused_known)
    talroos = Counter({name: number for name, number in lately.items() if name in SIGNED}) | known
    others = Counter({name: n for name, n in (lately - talroos).items() if name not in _NO_ATTEMPT})
    for kind, counted in (("refused", talroos), ("strangers", others)):
        if counted.total() >= REFUSED_OFTEN:
            yield Problem(kind, {"number": counted.total(), "reasons": _told(counted)})


def _told(counted: Counter[str]) -> str:
    often = sorted(counted.items(), key=lambda one: (-one[1], one[0]))
    labels = ((Reason(name).label, number) for name, number in often)
    return ", ".join(f"{label[0].lower()}{label[1:]} ({number:,})" for label, number in labels)


def _taken(standing: Standing) -> Iterator[Problem]:
    if standing.exports_stopped:
        yield Problem("exports")
    if standing.looks > LOOKS_AT_MOST:
        yield Problem("looks", {"number": f"{standing.looks:,}"})


def _pulling(pulls: Mapping[SyncKind, SyncStatus], config: Config) -> Iterator[Problem]:
    if config.talroo_client_id is None:
        return
    for kind, status in pulls.items():
        if status.last and status.last.state == "failed":
            problem = (status.last.problem or "No reason is known.").replace("{", "(").replace("}", ")")
            yield Problem("pull_failed", {"what": kind.value, "problem": problem})


def _sending(standing: Standing) -> Iterator[Problem]:
    for way in ("parked", "retrying"):
        counted = [(standing.outbox.get((channel, way), 0), WORDS[channel].nouns) for channel in Channel]
        what = ", ".join(f"{number:,} {nouns[number != 1]}" for number, nouns in counted if number)
        if what:
            yield Problem(way, {"what": what})


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
