"""`tests/payloads/*.json` keep to the contract, so that parsers can be trusted because of them."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pypdfium2
import pytest

PAYLOADS = Path(__file__).parents[1] / "payloads"
COMPLETED = "platform:JobApplication:completed:v2"


def payload(name: str) -> dict[str, Any]:
    return dict(json.loads((PAYLOADS / f"{name}.json").read_bytes()))


def files(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict) and "contentSha256" in value:
        yield value
    elif isinstance(value, (dict, list)):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from files(inner)


def test_there_is_one_of_each() -> None:
    names = {path.stem for path in PAYLOADS.glob("*.json")}
    assert {"complete", "complete-plain", "minimal", "started", "unqualified", "odd"} <= names


@pytest.mark.parametrize("name", ["complete", "complete-plain", "unqualified"])
def test_files_are_real_and_hash_as_they_say(name: str) -> None:
    found = list(files(payload(name)))
    assert found or name == "unqualified"
    for file in found:
        content = base64.b64decode(file["data"], validate=True)
        assert hashlib.sha256(content).hexdigest() == file["contentSha256"]
        assert 500 < len(content) < 12_000


def test_the_resume_of_the_complete_one_opens_and_says_the_name() -> None:
    applicant = payload("complete")["data"]["applicant"]
    with pypdfium2.PdfDocument(base64.b64decode(applicant["resume"]["data"])) as opened:
        text = opened[0].get_textpage().get_text_range()
    assert f"{applicant['firstName']} {applicant['lastName']}" in text


def test_the_two_complete_ones_differ_in_the_form_of_their_questions() -> None:
    nested, plain = (payload(name)["data"]["questionsAndAnswers"] for name in ("complete", "complete-plain"))
    assert nested["questionsAndAnswers"] == plain
    kinds = {entry["question"]["type"] for entry in plain}
    assert kinds == {"select", "text", "textarea", "date", "hierarchical", "multiselect", "file"}


def test_the_odd_one_is_odd_in_hash_kinds_and_numbers() -> None:
    data = payload("odd")["data"]
    resume = data["applicant"]["resume"]
    assert hashlib.sha256(base64.b64decode(resume["data"])).hexdigest() != resume["contentSha256"].lower()
    kinds = {entry["question"]["type"] for entry in data["questionsAndAnswers"][:-2]}
    assert {"star_rating", "signature_pad", "pagebreak", "information"} <= kinds
    assert isinstance(data["id"], str)
    assert isinstance(data["applicant"]["zipcode"], int)


def test_types_tell_begun_from_completed() -> None:
    assert payload("started")["type"] == "platform:JobApplication:started:v1"
    assert payload("started")["data"]["completed"] is False
    assert payload("unqualified")["data"]["qualified"] is False
    assert {payload(name)["type"] for name in ("complete", "complete-plain", "minimal", "odd")} == {COMPLETED}
