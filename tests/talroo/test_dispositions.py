from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest

from dashboard.talroo.dispositions import Disposition, DispositionClient
from dashboard.talroo.http import TalrooBusy
from tests.upstream import Upstream, busy

AT = datetime(2026, 1, 31, 23, 30, 5, 999_999, tzinfo=UTC)


def disposition(**other: object) -> Disposition:
    given = {"event": "application_completed", "raw_event": "hired", "event_time": AT, "tlr_application_id": "app-1"}
    return Disposition(**{**given, **other})


def sent_body(*dispositions: Disposition) -> object:
    with Upstream() as talroo:
        DispositionClient(talroo.url + "/disposition/v1/events").send(dispositions)
        request = talroo.requests[0]
    assert (request.method, request.target) == ("POST", "/disposition/v1/events")
    assert request.headers["content-type"] == "application/json"
    assert "authorization" not in request.headers
    return json.loads(request.body)


def test_one_disposition_goes_as_an_object():
    assert sent_body(disposition()) == {
        "tlr_application_id": "app-1",
        "event": "application_completed",
        "raw_event": "hired",
        "event_time": "2026-01-31T23:30:05Z",
    }


def test_many_go_as_an_array_in_their_order():
    stages = ["interview", "offer", "hired"]
    body = sent_body(*(disposition(raw_event=stage) for stage in stages))
    assert isinstance(body, list)
    assert [event["raw_event"] for event in body] == stages


def test_the_click_id_stands_in_only_where_the_application_id_is_not_known():
    assert disposition(tlr_sid="click").as_json().keys() & {"tlr_sid", "tlr_application_id"} == {"tlr_application_id"}
    assert disposition(tlr_application_id=None, tlr_sid="click").as_json()["tlr_sid"] == "click"
    assert "tlr_application_id" not in disposition(tlr_application_id="", tlr_sid="click").as_json()


def test_times_are_told_in_utc():
    there = timezone(timedelta(hours=-6))
    assert disposition(event_time=AT.astimezone(there)).as_json()["event_time"] == "2026-01-31T23:30:05Z"


def test_a_time_without_a_zone_is_not_guessed():
    with pytest.raises(ValueError, match="time zone"):
        disposition(event_time=AT.replace(tzinfo=None))


def test_a_disposition_of_nobody_cannot_be_made():
    with pytest.raises(ValueError, match="tlr_application_id or a tlr_sid"):
        disposition(tlr_application_id=None)


def test_sending_nothing_is_a_mistake():
    with Upstream() as talroo:
        with pytest.raises(ValueError, match="nothing to send"):
            DispositionClient(talroo.url).send([])
        assert talroo.requests == []


def test_words_of_any_language_arrive_whole():
    body = sent_body(disposition(raw_event="entrevista – 面接 🎉"))
    assert isinstance(body, dict)
    assert body["raw_event"] == "entrevista – 面接 🎉"


def test_a_busy_talroo_is_a_matter_of_waiting():
    with Upstream([busy(60)]) as talroo, pytest.raises(TalrooBusy) as caught:
        DispositionClient(talroo.url).send([disposition()])
    assert caught.value.proof.retry_after == 60
