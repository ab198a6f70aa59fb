"""How each channel of the outbox gets a claimed row out: what it says, whether it is still wanted, how it is sent."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from config import Config
from dashboard import daytime, mail
from dashboard.calls import Proof
from dashboard.clock import zone_named
from dashboard.mail import Letter, Mailer
from dashboard.models import Application, FollowUp, Outbound, Reminder
from dashboard.models.outbound import Channel, State
from dashboard.services import (
    access_links,
    alerts,
    cadence,
    invitations,
    morning,
    mornings,
    notices,
    opt_outs,
    reminders,
    reporting,
    secret_uses,
)
from dashboard.services.cadence import APART
from dashboard.services.reminder_rules import GONE_WORDS, Rules, last_written_at, no_longer_wanted
from dashboard.talroo.conversions import ConversionClient
from dashboard.talroo.dispositions import Disposition, DispositionClient

DISPOSITIONS_AT_ONCE: Final = 50
"""At most so many dispositions in one call."""
RESTRICTED_WAITS: Final = timedelta(hours=1)
"""Until a report about somebody restricted is looked at again, and so, at most, from the end of that until it goes."""


@dataclass(frozen=True, slots=True)
class NoLonger:
    """The decision behind a row does not stand any more; `why` in words."""

    why: str


@dataclass(frozen=True, slots=True)
class NotBefore:
    """A row has to wait until `at`. `anew`: its tries begin there, as if none had failed."""

    at: datetime
    anew: bool = False


class Way(Protocol):
    """One channel's way out. `at_once`: how many messages go in one call. `deadline`: seconds for a whole call."""

    at_once: int
    deadline: float

    def load(self, session: Session, row: Outbound, now: datetime) -> Any:
        """What to send for `row`, read in the transaction that claims it; or `NoLonger`, or `NotBefore`."""

    def send(self, messages: Sequence[Any], *, stop: threading.Event | None) -> Proof:
        """Send them in one call. Returns the proof for all of them, or raises `CallFailed`."""

    def still_stands(self, session: Session, row: Outbound) -> bool:
        """Whether the decision behind `row` was not taken back while a call was under way that did not get it out."""

    def was_sent(self, session: Session, row: Outbound, now: datetime) -> None:
        """Note what it means that `row` went out, in the transaction that records it."""


def ways(config: Config, *, abort_after: float) -> dict[Channel, Way]:
    """The channels that can send with these settings. No other addresses are ever called."""
    deadline = config.talroo_call_deadline
    found: dict[Channel, Way] = {
        Channel.CONVERSION: Conversions(config.talroo_conversion_url, deadline=deadline, abort_after=abort_after),
        Channel.DISPOSITION: Dispositions(config.talroo_disposition_url, deadline=deadline, abort_after=abort_after),
    }
    rules = Rules.of(config)
    if config.mail_url is not None and config.mail_from is not None:
        mailer = Mailer(config.mail_url, config.mail_from, abort_after=abort_after)
        log_in = _log_in_of(config)
        found[Channel.MORNING] = Mornings(mailer, config.public_url, log_in)
        found[Channel.ALERT] = Alerts(mailer, config.public_url, log_in)
        found[Channel.ACCESS] = Invitations(mailer, rules, log_in)
        if rules.unready is None:
            found[Channel.REMINDER] = Reminders(mailer, rules, log_in)
    return found


@dataclass(frozen=True, slots=True)
class Report:
    """What Talroo is told of one decision."""

    event: str
    stage: str | None
    event_time: datetime
    tlr_sid: str | None
    tlr_application_id: str | None

    @classmethod
    def of(cls, row: Outbound) -> Report:
        return cls(row.event, row.stage, row.event_time, row.tlr_sid, row.tlr_application_id)


class _Reports:
    """Reports to Talroo: whoever takes the decision back cancels the row, so a claimed one is wanted."""

    at_once = 1

    def __init__(self, deadline: float) -> None:
        self.deadline = deadline

    def load(self, session: Session, row: Outbound, now: datetime) -> Report | NotBefore:
        """Of somebody restricted nothing is told; once that is lifted, it goes out."""
        restricted = select(Application.restricted_at).where(Application.id == row.application_id)
        return NotBefore(now + RESTRICTED_WAITS, anew=True) if session.scalar(restricted) else Report.of(row)

    def still_stands(self, session: Session, row: Outbound) -> bool:
        return reporting.still_stands(session, row)

    def was_sent(self, session: Session, row: Outbound, now: datetime) -> None:
        """Nothing else depends on it."""


class Conversions(_Reports):
    """`options` as `ConversionClient` takes them."""

    def __init__(self, url: str, *, deadline: float, **options: Any) -> None:
        super().__init__(deadline)
        self._client = ConversionClient(url, deadline=deadline, **options)

    def send(self, messages: Sequence[Report], *, stop: threading.Event | None) -> Proof:
        return self._client.send(messages[0].tlr_sid or "", int(messages[0].event), stop=stop)


class Dispositions(_Reports):
    """`options` as `DispositionClient` takes them."""

    at_once = DISPOSITIONS_AT_ONCE

    def __init__(self, url: str, *, deadline: float, **options: Any) -> None:
        super().__init__(deadline)
        self._client = DispositionClient(url, deadline=deadline, **options)

    def send(self, messages: Sequence[Report], *, stop: threading.Event | None) -> Proof:
        return self._client.send([_disposition(message) for message in messages], stop=stop)


class _Mails:
    """Mails, each asked immediately before it goes whether it still should. `log_in`: what the server's is called."""

    at_once = 1
    deadline = mail.DEADLINE

    def __init__(self, mailer: Mailer, log_in: str | None) -> None:
        self._mailer = mailer
        self._log_in = log_in

    def send(self, messages: Sequence[Letter], *, stop: threading.Event | None) -> Proof:
        return self._mailer.send(messages[0], stop=stop)

    def still_stands(self, session: Session, row: Outbound) -> bool:
        """Asked when it is claimed again."""
        return True

    def was_sent(self, session: Session, row: Outbound, now: datetime) -> None:
        """The server's log-in has proved something."""
        if self._log_in is not None:
            secret_uses.note(session, {(secret_uses.MAIL, self._log_in): now})


class Reminders(_Mails):
    """Mails to people who did not finish."""

    def __init__(self, mailer: Mailer, rules: Rules, log_in: str | None = None) -> None:
        super().__init__(mailer, log_in)
        self._rules = rules

    def load(self, session: Session, row: Outbound, now: datetime) -> Letter | NoLonger | NotBefore:
        reminder = session.scalar(select(Reminder).where(Reminder.outbound_id == row.id))
        application = row.application
        follow_up = session.scalar(select(FollowUp).where(FollowUp.application_id == row.application_id))
        why = no_longer_wanted(session, application, follow_up, self._rules)
        if why or reminder is None or application is None:
            return NoLonger(why or GONE_WORDS)
        if reminder.automatic and not daytime.is_day(now, *application.states):
            return NotBefore(daytime.next_day(now, *application.states))
        last = last_written_at(session, application, besides=row.id)
        if last is not None and now - last < APART:
            return NotBefore(last + APART)
        to = application.email or ""
        link = f"{self._rules.public_url}/unsubscribe/{opt_outs.token(to, row.public_id, self._rules.secrets[0])}"
        return Letter(
            id=row.public_id,
            to=to,
            subject=reminder.subject,
            text=f"{reminder.body}\n\n{reminders.closing(application, link, self._rules)}\n",
            unsubscribe=link,
            automatic=reminder.automatic,
        )

    def was_sent(self, session: Session, row: Outbound, now: datetime) -> None:
        super().was_sent(session, row, now)
        follow_up = session.scalar(
            select(FollowUp)
            .where(FollowUp.application_id == row.application_id)
            .with_for_update(of=FollowUp, key_share=True)
            .execution_options(populate_existing=True)
        )
        if follow_up is None:
            return
        # Counted anew, because a proof may be recorded more than once.
        follow_up.messages = _sent_to(session, row)
        follow_up.last_message_at = now
        cadence.plan(session, follow_up, now)


class Mornings(_Mails):
    """Mails to those who work here, written in the moment they go: what is told is what is so then."""

    def __init__(self, mailer: Mailer, public_url: str, log_in: str | None = None) -> None:
        super().__init__(mailer, log_in)
        self._public_url = public_url

    def load(self, session: Session, row: Outbound, now: datetime) -> Letter | NoLonger:
        user = row.created_by
        why = mornings.no_longer_wanted(user, row, now)
        if why or user is None:
            return NoLonger(why or mornings.TURNED_OFF_WORDS)
        since = mornings.morning_before(row.event, zone_named(user.time_zone))
        told = morning.mail(session, user, since=since, public_url=self._public_url)
        if told is None:
            return NoLonger(mornings.NOTHING_WORDS)
        return Letter(
            id=row.public_id,
            to=user.email,
            subject=told.subject,
            text=told.text,
            unsubscribe=f"{self._public_url}/me",
            one_click=False,
            automatic=True,
        )


class Alerts(_Mails):
    """Mails to those who run the dashboard, written in the moment they go: what is over by then is not told of."""

    def __init__(self, mailer: Mailer, public_url: str, log_in: str | None = None) -> None:
        super().__init__(mailer, log_in)
        self._public_url = public_url

    def load(self, session: Session, row: Outbound, now: datetime) -> Letter | NoLonger:
        told = alerts.mail(session, row, self._public_url)
        if isinstance(told, str) or row.created_by is None:
            return NoLonger(str(told))
        return Letter(
            id=row.public_id,
            to=row.created_by.email,
            subject=told.subject,
            text=told.text,
            unsubscribe=f"{self._public_url}/me",
            one_click=False,
            automatic=True,
        )


class Invitations(_Mails):
    """To those who work here: links to choose a password by, and notices of what was done to their way in."""

    def __init__(self, mailer: Mailer, rules: Rules, log_in: str | None = None) -> None:
        super().__init__(mailer, log_in)
        self._rules = rules

    def load(self, session: Session, row: Outbound, now: datetime) -> Letter | NoLonger:
        return self._notice(session, row) if notices.is_one(row) else self._link(session, row, now)

    def _notice(self, session: Session, row: Outbound) -> Letter | NoLonger:
        user = notices.user_of(session, row)
        if user is None:
            return NoLonger(GONE_WORDS)
        told = notices.words(session, row, self._rules.public_url)
        return Letter(id=row.public_id, to=user.email, subject=told.subject, text=told.text, automatic=True)

    def _link(self, session: Session, row: Outbound, now: datetime) -> Letter | NoLonger:
        link = invitations.link_of(session, row)
        why = invitations.no_longer_wanted(session, link, now)
        if why or link is None or link.user is None:
            return NoLonger(why or access_links.REPLACED_WORDS)
        address = access_links.address(link, self._rules.public_url, self._rules.secrets)
        by = row.created_by.email if row.created_by else None
        told = invitations.words(link, address, self._rules.public_url, by)
        return Letter(id=row.public_id, to=link.user.email, subject=told.subject, text=told.text, automatic=by is None)


def _log_in_of(config: Config) -> str | None:
    """What the mail server's log-in is called where its use is noted; None where there is none."""
    secret = secret_uses.mail_log_in(config)
    return secret_uses.fingerprint(config.secret_key, secret_uses.MAIL, secret) if secret else None


def _disposition(report: Report) -> Disposition:
    return Disposition(
        event=report.event,
        raw_event=report.stage or "",
        event_time=report.event_time,
        tlr_application_id=report.tlr_application_id,
        tlr_sid=report.tlr_sid,
    )


def _sent_to(session: Session, row: Outbound) -> int:
    sent = select(func.count()).where(
        Outbound.application_id == row.application_id,
        Outbound.channel == Channel.REMINDER,
        Outbound.state == State.SENT,
    )
    return session.scalar(sent) or 0
