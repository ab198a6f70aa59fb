"""Every channel of the outbox can be told of wherever people read of it."""

from __future__ import annotations

import pytest

from dashboard.ledger import PARITY_WORDS, STATES, Parity
from dashboard.models import Outbound
from dashboard.models.outbound import Channel, State
from dashboard.outbound_words import WORDS, counted_at
from dashboard.permissions import Permission
from dashboard.services import reading
from dashboard.stages import Stage
from tests.outbox_fixtures import NOON


def test_every_channel_has_words_and_counts_at_one_entry_of_the_navigation():
    assert list(WORDS) == list(Channel)
    assert sorted(channel for badge in Permission for channel in counted_at(badge)) == sorted(Channel)
    assert len({words.label for words in WORDS.values()}) == len(Channel)


@pytest.mark.parametrize("channel", Channel)
@pytest.mark.parametrize("shown", STATES)
def test_every_channel_can_stand_in_the_timeline_in_every_state(channel: Channel, shown: str):
    row = Outbound(channel=channel, event="2", event_time=NOON, last_status=200, state=State.WAITING)
    entry = reading._report(row, shown)
    assert "2" in entry.text
    assert "{" not in entry.text + entry.actor
    assert (reading.REPORT_WORDS[shown] in entry.text) or shown == "sent"


@pytest.mark.parametrize("channel", Channel)
def test_every_channel_can_be_summed_up(channel: Channel):
    everything = dict.fromkeys(PARITY_WORDS, 1)
    assert (
        f"1 can't be sent ({WORDS[channel].unsendable})"
        in Parity(channel, Stage.HIRED, len(everything), everything).sentence
    )
