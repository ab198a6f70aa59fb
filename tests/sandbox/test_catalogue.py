"""The catalogue: that it is as various as life, in Talroo's shapes, and the same for the same seed."""

from __future__ import annotations

import base64
import hashlib
import json
import random
import re
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dashboard.sandbox.applications import catalogue, never_pushed, next_application
from dashboard.sandbox.envelopes import COMPLETED, STARTED
from dashboard.sandbox.incomplete import incomplete_applications
from dashboard.sandbox.scenes import WITHDRAWN
from dashboard.talroo import wire

NOW = datetime(2026, 3, 14, 9, 26, 53, tzinfo=UTC)
ENVELOPE = {"id", "initiator", "requestId", "correlationId", "type", "data", "createdAt"}
DATA = {
    "id", "job", "tlrSid", "applicant", "completed", "qualified", "createdAt", "segmentId", "campaignId", "redirectUrl",
    "tlrApplicationId", "applicationTime", "questionsAndAnswers", "qualifyingQuestionAnswers", "analytics",
}  # fmt: skip


@pytest.fixture(scope="module")
def events() -> list[dict[str, Any]]:
    return catalogue(now=NOW)


@pytest.fixture(scope="module")
def applications(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [event["data"] for event in events if event["type"] in (COMPLETED, STARTED)]


def entries(data: dict[str, Any]) -> list[dict[str, Any]]:
    given = data["questionsAndAnswers"]
    return given.get("questionsAndAnswers", []) if isinstance(given, dict) else given or []


def resumes(applications: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    return (found["applicant"]["resume"] for found in applications if found["applicant"].get("resume"))


def test_the_same_seed_and_time_give_the_same_events(events: list[dict[str, Any]]) -> None:
    assert catalogue(now=NOW) == events


def test_event_ids_depend_on_the_seed_alone(events: list[dict[str, Any]]) -> None:
    later = catalogue(now=NOW + timedelta(days=300))
    assert [event["id"] for event in later] == [event["id"] for event in events]
    assert {event["id"] for event in catalogue(21, NOW)}.isdisjoint(event["id"] for event in events)


def test_it_is_large_and_every_event_has_its_own_id(events: list[dict[str, Any]]) -> None:
    assert len(events) >= 48
    assert len({event["id"] for event in events}) == len(events)


def test_every_event_has_the_fields_of_the_contract(events: list[dict[str, Any]]) -> None:
    for event in events:
        assert set(event) == ENVELOPE
        if event["type"] != WITHDRAWN:
            assert DATA - set(event["data"]) <= {"tlrSid"}
            assert not [name for name in event["data"] if name.startswith("_")]


def test_events_happened_in_order_up_to_a_few_minutes_ago(events: list[dict[str, Any]]) -> None:
    times = [event["data"]["applicationTime"] for event in events if event["data"].get("applicationTime")]
    assert times == sorted(times)
    assert timedelta(0) < NOW - datetime.fromisoformat(times[-1]) < timedelta(minutes=10)
    assert timedelta(days=2) < NOW - datetime.fromisoformat(times[0]) < timedelta(days=7)
    created = [event["createdAt"] for event in events]
    assert created == sorted(created)


def test_many_jobs_of_many_employers_are_applied_for(applications: list[dict[str, Any]]) -> None:
    assert len({found["job"]["company"] for found in applications}) >= 5
    assert len({found["job"]["originalJobReference"] for found in applications}) >= 10
    assert any(found["job"]["jobReference"] != found["job"]["originalJobReference"] for found in applications)


def test_every_kind_of_question_and_every_format_is_asked(applications: list[dict[str, Any]]) -> None:
    asked = [entry["question"] for found in applications for entry in entries(found)]
    assert {question["type"] for question in asked} == {
        "text", "textarea", "date", "select", "multiselect", "file", "hierarchical", "pagebreak", "information",
        "star_rating",
    }  # fmt: skip
    assert {question.get("format") for question in asked if question["type"] == "text"} == {
        None, "decimal", "numeric_text", "integer",
    }  # fmt: skip


def test_answers_are_nested_plain_null_and_absent_lists(applications: list[dict[str, Any]]) -> None:
    shapes = {json.dumps(found["questionsAndAnswers"])[:24] for found in applications}
    assert {"null", "{}", "[]", '{"questionsAndAnswers": ['[:24]} <= shapes
    assert any(shape.startswith('[{"question"') for shape in shapes)


def test_optional_questions_are_sometimes_left_empty(applications: list[dict[str, Any]]) -> None:
    empty = [entry for found in applications for entry in entries(found) if entry["answer"] is None]
    assert sum(entry["question"]["type"] in ("text", "textarea", "file") for entry in empty) >= 5
    assert not [entry for entry in empty if entry["question"].get("required") is True]


def depth(entry: dict[str, Any]) -> int:
    parents = {branch["id"]: branch["condition"]["id"] for branch in entry["question"]["hierarchicalOptions"]}

    def levels(name: str) -> int:
        return 1 if name not in parents else 1 + levels(parents[name])

    return max(levels(name) for name in entry["answer"])


def test_branches_are_shallow_deep_and_forty_levels_deep(applications: list[dict[str, Any]]) -> None:
    trees = [entry for found in applications for entry in entries(found) if entry["question"]["type"] == "hierarchical"]
    depths = Counter(depth(entry) for entry in trees)
    assert {1, 2, 40} <= set(depths)
    assert depths[40] == 1
    assert any(depths[number] for number in (3, 4, 5, 6))


def test_a_branch_is_answered_exactly_where_its_condition_holds(applications: list[dict[str, Any]]) -> None:
    for found in applications:
        for entry in entries(found):
            if entry["question"]["type"] == "hierarchical":
                shown = {
                    branch["id"]
                    for branch in entry["question"]["hierarchicalOptions"]
                    if entry["answer"].get(branch["condition"]["id"]) == branch["condition"]["value"]
                }
                assert set(entry["answer"]) == shown | {entry["question"]["id"]}


def test_chosen_values_are_among_the_options(applications: list[dict[str, Any]]) -> None:
    for found in applications:
        for entry in entries(found):
            values = [option["value"] for option in entry["question"].get("options", ())]
            if entry["question"]["type"] == "select" and entry["answer"] is not None:
                assert entry["answer"] in values
            if entry["question"]["type"] == "multiselect" and entry["answer"] is not None:
                assert entry["answer"] == [value for value in values if value in entry["answer"]] != []


def test_unqualified_applications_hold_a_disqualifying_answer(applications: list[dict[str, Any]]) -> None:
    unqualified = [found for found in applications if found["qualified"] is False]
    assert len(unqualified) >= 5
    for found in unqualified:
        wrong = [
            entry
            for entry in entries(found)
            for option in entry["question"].get("options", ())
            if entry["question"]["type"] == "select" and option["value"] == entry["answer"] and not option["correct"]
            if any(other["correct"] for other in entry["question"]["options"])
        ]
        assert wrong


def test_numbers_come_as_numbers_and_as_text(applications: list[dict[str, Any]]) -> None:
    assert {type(found["id"]) for found in applications} == {int, str}
    assert {type(found["applicant"]["zipcode"]) for found in applications} == {int, str}
    assert any(found["applicant"]["zipcode"] == "01103" for found in applications)
    assert any(found["applicant"]["zipcode"] == 1103 for found in applications)


def test_names_are_of_every_difficulty(applications: list[dict[str, Any]]) -> None:
    people = [found["applicant"] for found in applications]
    names = " ".join(f"{person['firstName']} {person['lastName'] or ''}" for person in people)
    for script in ("[一-龯]", "[ぁ-ん]", "[가-힣]", "[\u0600-\u06ff]", "[\u0590-\u05ff]", "[çøłầ]", "['’]", "-", "<i>"):
        assert re.search(script, names), script
    assert any(person["lastName"] in ("", None) for person in people)
    assert any(person["firstName"].isupper() and len(person["firstName"]) > 2 for person in people)
    assert any(len(person["lastName"] or "") > 60 for person in people)
    assert any(person["address"] is None for person in people)


def test_one_person_applies_to_several_jobs_and_writes_it_differently(applications: list[dict[str, Any]]) -> None:
    by_mail: dict[str, list[dict[str, Any]]] = {}
    for found in applications:
        by_mail.setdefault(found["applicant"]["emailAddress"].lower(), []).append(found)
    busiest = max(by_mail.values(), key=lambda some: len({found["job"]["originalJobReference"] for found in some}))
    assert len({found["job"]["originalJobReference"] for found in busiest}) >= 3
    assert len({found["applicant"]["firstName"] for found in busiest}) >= 2
    assert len({found["applicant"]["phone"] for found in busiest}) >= 2


def test_one_application_comes_twice_under_two_event_ids(events: list[dict[str, Any]]) -> None:
    finished = [event for event in events if event["type"] == COMPLETED]
    repeated = [count for count in Counter(event["data"]["id"] for event in finished).values() if count > 1]
    assert repeated == [2]


def test_some_only_began_one_of_them_came_back_and_one_event_is_of_an_unknown_type(
    events: list[dict[str, Any]],
) -> None:
    begun = [event["data"] for event in events if event["type"] == STARTED]
    finished = {event["data"]["tlrApplicationId"]: event["data"] for event in events if event["type"] == COMPLETED}
    returned = [found for found in begun if found["tlrApplicationId"] in finished]
    assert len(begun) == 3
    assert not any(found["completed"] or found["applicationTime"] for found in begun)
    assert len(returned) == 1
    assert finished[returned[0]["tlrApplicationId"]]["id"] != returned[0]["id"]
    assert finished[returned[0]["tlrApplicationId"]]["tlrSid"] == returned[0]["tlrSid"]
    assert len(events) - len(begun) - sum(event["type"] == COMPLETED for event in events) == 1


def test_one_application_has_no_click_id(applications: list[dict[str, Any]]) -> None:
    assert sum("tlrSid" not in found for found in applications) == 1


def test_nobody_in_it_can_be_reached(applications: list[dict[str, Any]]) -> None:
    begun = incomplete_applications(20, NOW, catalogue(now=NOW))
    for found in (*applications, *begun, *never_pushed(20, NOW)):
        mail, number = found["applicant"].get("emailAddress"), found["applicant"].get("phone")
        assert mail is None or re.fullmatch(r"[\w.]+@example\.(com|org|net)", mail, re.ASCII)
        assert number is None or re.fullmatch(r"1?[2-9]\d{2}55501\d{2}", re.sub(r"\D", "", number))


def test_files_of_every_kind_are_attached_and_some_are_broken(applications: list[dict[str, Any]]) -> None:
    verdicts: Counter[str] = Counter()
    for found in resumes(applications):
        verdicts[verdict(found)] += 1
    assert set(verdicts) == {
        "pdf", "docx", "rtf", "txt", "png", "jpeg", "truncated", "html", "empty", "no data", "broken base64",
        "wrong hash",
    }  # fmt: skip
    assert sum("resume" not in found["applicant"] for found in applications) >= 5
    sizes = [len(found["data"] or "") * 3 // 4 for found in resumes(applications)]
    assert 60_000 < max(sizes) < 120_000


def verdict(found: dict[str, Any]) -> str:
    if found["data"] is None:
        return "no data"
    try:
        content = base64.b64decode(found["data"], validate=True)
    except ValueError:
        return "broken base64"
    if hashlib.sha256(content).hexdigest() != found["contentSha256"]:
        return "wrong hash"
    return next((kind for start, kind in STARTS.items() if content.startswith(start)), kind_of_text(content))


STARTS = {
    b"PK\x03\x04": "docx",
    b"{\\rtf": "rtf",
    b"\x89PNG": "png",
    b"\xff\xd8\xff": "jpeg",
    b"<!DOCTYPE": "html",
}


def kind_of_text(content: bytes) -> str:
    if content.startswith(b"%PDF"):
        return "pdf" if content.endswith(b"%%EOF\n") else "truncated"
    return "txt" if content else "empty"


def test_every_event_is_json_that_the_wire_reads_without_a_note(events: list[dict[str, Any]]) -> None:
    for event in events:
        assert wire.parse(json.dumps(event, ensure_ascii=False).encode()).notes == ()


def test_the_stream_goes_on_with_new_ids_and_the_time_it_is_given() -> None:
    rng = random.Random(3)
    stream = [next_application(rng, NOW) for _ in range(40)]
    assert len({event["id"] for event in stream}) == len({event["data"]["id"] for event in stream}) == 40
    assert {event["data"]["applicationTime"] for event in stream} == {"2026-03-14T09:26:53Z"}
    assert {event["type"] for event in stream} == {COMPLETED}


def test_twenty_five_and_more_are_incomplete_and_three_of_them_later_completed(events: list[dict[str, Any]]) -> None:
    begun = incomplete_applications(20, NOW, events)
    finished = [event["data"] for event in events if event["type"] == COMPLETED]
    keys = {name: {found.get(name) for found in finished} for name in ("tlrApplicationId", "tlrSid")}
    assert len(begun) >= 25
    assert not any(found["completed"] or found["applicationTime"] for found in begun)
    assert len({found["id"] for found in begun}) == len(begun)
    for name, known in keys.items():
        assert any(found.get(name) in known for found in begun if found.get(name)), name
    assert any(found["applicant"] == {} for found in begun)
    assert any(found["applicant"].get("resume") for found in begun)
    assert any(entries(found) for found in begun)
