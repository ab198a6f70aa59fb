"""What each channel of the outbox is called where people read of it: on pages, in the timeline, in the navigation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from dashboard.models.outbound import Channel
from dashboard.permissions import Permission


@dataclass(frozen=True, slots=True)
class Words:
    """`label`: the whole channel. `nouns`: one and several of its rows. `unsendable`: what such a row lacks.

    `sent` and `unsent`: a row in the timeline; `{event}`, `{status}` and `{state}` stand for the row's. `sent_by`: who
    said so. `badge`: the entry of the navigation where its failing rows count.
    """

    label: str
    nouns: tuple[str, str]
    unsendable: str
    sent: str
    unsent: str
    sent_by: str
    badge: Permission


WORDS: Final[Mapping[Channel, Words]] = {
    Channel.CONVERSION: Words(
        label="Conversions",
        nouns=("report", "reports"),
        unsendable="no click ID",
        sent="Conversion event {event}: sent to Talroo",
        unsent="Conversion event {event} to Talroo: {state}",
        sent_by="status {status}",
        badge=Permission.LEDGER,
    ),
    Channel.DISPOSITION: Words(
        label="Dispositions",
        nouns=("report", "reports"),
        unsendable="no application ID or click ID",
        sent="Disposition “{event}”: sent to Talroo",
        unsent="Disposition “{event}” to Talroo: {state}",
        sent_by="status {status}",
        badge=Permission.LEDGER,
    ),
    Channel.REMINDER: Words(
        label="Messages to applicants",
        nouns=("message", "messages"),
        unsendable="no email address",
        sent="Reminder {event}: sent",
        unsent="Reminder {event}: {state}",
        sent_by="",
        badge=Permission.INCOMPLETE,
    ),
    Channel.MORNING: Words(
        label="Morning emails",
        nouns=("morning email", "morning emails"),
        unsendable="no email address",
        sent="Morning email of {event}: sent",
        unsent="Morning email of {event}: {state}",
        sent_by="",
        badge=Permission.INTEGRATION,
    ),
    Channel.ACCESS: Words(
        label="Invitations and password reset links",
        nouns=("invitation", "invitations"),
        unsendable="no email address",
        sent="Link {event}: sent",
        unsent="Link {event}: {state}",
        sent_by="",
        badge=Permission.INTEGRATION,
    ),
    Channel.ALERT: Words(
        label="Alert emails",
        nouns=("alert email", "alert emails"),
        unsendable="no email address",
        sent="Alert {event}: sent",
        unsent="Alert {event}: {state}",
        sent_by="",
        badge=Permission.INTEGRATION,
    ),
}
"""A line for every channel (`tests/test_outbound_words.py`)."""


def counted_at(badge: Permission) -> tuple[Channel, ...]:
    """The channels whose failing rows count at this entry of the navigation."""
    return tuple(channel for channel, words in WORDS.items() if words.badge == badge)
