"""Finding people by what a recruiter would type, on both databases, whatever is typed."""

from __future__ import annotations

import re

import pytest

from dashboard import tokens
from dashboard.worker import Worker
from tests.factories import event, file_object

PEOPLE = {
    "zoe": {
        "firstName": "Zoë",
        "lastName": "Núñez-Çelikson",
        "phone": "(512) 555-0142",
        "emailAddress": "zoe.n@example.com",
    },
    "leila": {
        "firstName": "ليلى",
        "lastName": "المنصورية",
        "phone": "+1 413 555 0107",
        "emailAddress": "leila@example.org",
    },
    "dshaun": {
        "firstName": "D'Shaun",
        "lastName": "O’Mallory-Kerr",
        "phone": "9735550118",
        "emailAddress": "DS@Example.net",
    },
    "xiaoyu": {"firstName": "小雨", "lastName": "林田", "phone": None, "emailAddress": None},
}

FINDS = (
    ("zoe", ["zoe"]),
    ("Zoë", ["zoe"]),
    ("ZOE nunez", ["zoe"]),
    ("nunez zoe", ["zoe"]),
    ("nun", ["zoe"]),
    ("celikson", ["zoe"]),
    ("zoe leila", []),
    ("ليلى", ["leila"]),
    ("ليلى المنصورية", ["leila"]),
    ("小雨", ["xiaoyu"]),
    ("d'shaun", ["dshaun"]),
    ("o'mallory", ["dshaun"]),
    ("O’Mallory-Kerr", ["dshaun"]),
    ("zoe.n@example.com", ["zoe"]),
    ("ds@example.net", ["dshaun"]),
    ("5125550142", ["zoe"]),
    ("(512) 555-0142", ["zoe"]),
    ("512.555.0142", ["zoe"]),
    ("+1 512 555 0142", ["zoe"]),
    ("555-0142", ["zoe"]),
    ("1-413-555-0107", ["leila"]),
    ("Driver", ["leila"]),
    ("WH-1 zoe", ["zoe"]),
    ("PF-77", ["leila"]),
    ("forklift", ["dshaun"]),
    ("FORKLIFT licence", ["dshaun"]),
    ("wel", ["dshaun"]),
    ("nobody", []),
    ("z", ["zoe"]),
    ("", ["dshaun", "leila", "xiaoyu", "zoe"]),
    ("   ", ["dshaun", "leila", "xiaoyu", "zoe"]),
)

HARMLESS = (
    '"', "'", '"zoe', "zoe*", "zoe AND leila", "zoe OR leila", "NOT zoe", "NEAR(zoe leila, 5)", "words:zoe", "^zoe",
    "zoe & leila", "zoe | leila", "!zoe", "zoe <-> nunez", "zoe:*", "zoe:A", "(((", ")", "\\", "''",
    "';DROP TABLE job;--",
    "%", "_", "--", "/*", "{zoe}", "[zoe]", "zoe\tnunez", "\x00",
    "\ud800".encode("utf-8", "surrogatepass").decode("latin1"),
    "😀", "\u202e", "zoe " * 500, "a" * 5_000, "1 2 3 4 5 6 7 8 9 10 11", "٣٤٥",
)  # fmt: skip


@pytest.fixture
def people(app, deliver):
    """`PEOPLE`, by their application's public id."""
    jobs = {"leila": {"originalJobReference": "PF-77", "title": "Delivery Driver"}}
    resume = file_object(b"Forklift licence. Welding.", "cv.txt")
    found = {}
    for name, applicant in PEOPLE.items():
        more = {"resume": resume} if name == "dshaun" else {}
        found[deliver(event(applicant=applicant | more, job=jobs.get(name))).json["application"]] = name
    Worker.of(app).once()
    return found


@pytest.fixture
def find(people, sign_in):
    client = sign_in("recruiter")

    def ask(typed: str) -> list[str]:
        answer = client.get("/applications", query_string={"q": typed})
        assert answer.status_code == 200, typed
        return sorted(people[found] for found in re.findall(r'<tr data-application="([\w-]+)"', answer.text))

    return ask


def test_people_are_found_by_name_mail_phone_job_and_resume(find):
    for typed, expected in FINDS:
        assert find(typed) == expected, typed


def test_nothing_that_can_be_typed_breaks_the_search_or_is_an_operator(find):
    for typed in HARMLESS:
        find(typed)
    assert find("zoe OR leila") == []
    assert find("NOT zoe") == []
    assert find("zoe*") == ["zoe"]


def test_a_newer_delivery_is_found_by_its_new_words(deliver, sign_in):
    first = deliver(event(application_id="one", applicant={"firstName": "Before"})).json["application"]
    deliver(event(application_id="one", applicant={"firstName": "After"}, created_at="2026-11-19T00:00:00Z"))
    client = sign_in("recruiter")
    assert first in client.get("/applications?q=after").text
    assert first not in client.get("/applications?q=before").text


def test_words_are_folded_and_bounded():
    assert tokens.words(["Zoë O’Mallory", None, "x" * 100]) == ["zoe", "o", "mallory", "x" * tokens.MAX_WORD]
    assert len(tokens.words(["a b " * 10_000])) == tokens.MAX_WORDS


def test_a_phone_number_is_known_by_its_usual_forms():
    assert tokens.phone_forms("+1 (512) 555-0142") == ("15125550142", "5125550142", "5550142", "0142")
    assert tokens.phone_forms("٥١٢") == ("512",)
    assert tokens.phone_forms(None) == ()
