"""Who is likely the same person though nothing says so."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy.orm import Session

from dashboard import search, tokens
from dashboard.models import Application, Attachment, StoredFile
from dashboard.reach import EVERYTHING
from dashboard.services import likeness, people
from tests.colleagues import by, do
from tests.outbox_fixtures import NOON, add_applicant

LATER = NOON + timedelta(hours=1)


def applicant(session: Session, first: str, last: str, city: str | None = "Austin", **fields: object) -> Application:
    """Somebody in the inbox, found by their words."""
    numbers = session.query(Application).count() + 1
    made = add_applicant(session, first, last_name=last, city=city, inbox_no=numbers, **fields)
    words = tokens.application_words(made, None)
    search.put(session, [search.Entry(numbers, words, (), ())])
    session.commit()
    return made


def attach(session: Session, application: Application, sha256: str, question: str | None = None) -> None:
    if session.get(StoredFile, sha256) is None:
        session.add(StoredFile(sha256=sha256, size=1, mime="text/plain", stored_at=NOON))
        session.flush()
    file = {"sha256": sha256, "size": 1, "verdict": "ok", "arrived_at": NOON, "question_id": question}
    session.add(Attachment(application_id=application.id, **file))
    session.commit()


def suggested(session: Session, application: Application) -> dict[str, str]:
    session.rollback()
    found = likeness.likely(session, people.person(session, application, EVERYTHING), EVERYTHING)
    return {suggestion.application.name: suggestion.why for suggestion in found}


def test_a_similar_name_in_the_same_city_is_suggested_and_others_are_not(session: Session):
    ana = applicant(session, "María", "Muñoz")
    applicant(session, "Maria", "Munoz")
    applicant(session, "Marian", "Muñozz", city="AUSTIN")
    applicant(session, "Maria", "Munoz", city="Houston")
    applicant(session, "Marvin", "Munro")
    applicant(session, "Bea", "Quill")
    assert suggested(session, ana) == {
        "Maria Munoz": "A similar name, also from Austin",
        "Marian Muñozz": "A similar name, also from AUSTIN",
    }


def test_names_that_part_after_two_letters_are_found_by_the_index(session: Session):
    jon = applicant(session, "Jon", "Smith")
    applicant(session, "John", "Smyth")
    applicant(session, "Smith", "Jon")
    assert set(suggested(session, jon)) == {"John Smyth", "Smith Jon"}


def test_what_is_alike_is_told_beside_the_one_it_resembles(session: Session):
    old = applicant(session, "Ada", "Quill", email_key="ada@one.example", phone_key="5125550101")
    new = applicant(session, "Ada", "Quill", email_key="ada@one.example", phone_key=None, arrived_at=LATER)
    other = applicant(session, "Ada", "Quil", email_key="ada@two.example", phone_key="7375550101")
    for one in (old, other):
        attach(session, one, "a" * 64)
    attach(session, other, "b" * 64)
    (suggestion,) = likeness.likely(session, people.person(session, new, EVERYTHING), EVERYTHING)
    assert (suggestion.application, suggestion.beside) == (other, old)
    assert suggestion.alike == {"name", "city", "email", "phone", "resume"}
    assert suggestion.resumes == ("a" * 64, "a" * 64)
    assert suggestion.why == (
        "The same résumé, a similar name, also from Austin, a similar email address, a similar phone number"
    )


def test_of_one_who_applied_often_only_one_application_is_suggested(session: Session):
    ada = applicant(session, "Ada", "Quill", email_key="ada@one.example")
    for _ in range(3):
        applicant(session, "Ada", "Quil", email_key="ada@two.example")
    (suggestion,) = likeness.likely(session, people.person(session, ada, EVERYTHING), EVERYTHING)
    assert do(session, people.tell_apart, ada, suggestion.application, by(None), EVERYTHING)
    assert suggested(session, ada) == {}


def test_the_same_resume_is_suggested_whatever_the_name(session: Session):
    ada, other, third = (applicant(session, name, "Quill", city=None) for name in ("Ada", "Zoe", "Kim"))
    attach(session, ada, "a" * 64)
    attach(session, other, "a" * 64)
    attach(session, third, "a" * 64, question="certificate")
    assert suggested(session, ada) == {"Zoe Quill": "The same résumé"}


def test_who_was_judged_already_or_is_the_person_anyway_is_not_suggested(session: Session):
    ada = applicant(session, "Ada", "Quill", email_key="ada@x")
    applicant(session, "Ada", "Quill", email_key="ada@x")
    linked, parted = applicant(session, "Ada", "Quil"), applicant(session, "Adah", "Quill", phone_key="1")
    attach(session, parted, "a" * 64)
    attach(session, ada, "a" * 64)
    do(session, people.link, ada.id, linked.id, by(None))
    do(session, people.link, ada.id, parted.id, by(None))
    assert suggested(session, ada) == {}
    do(session, people.part, parted, people.person(session, ada, EVERYTHING).ids, by(None))
    assert suggested(session, ada) == {}


def test_few_are_suggested_and_those_without_name_or_city_get_no_guess(session: Session):
    ada, nobody = applicant(session, "Ada", "Quill"), applicant(session, "", "")
    for _ in range(likeness.SUGGESTED + 3):
        applicant(session, "Ada", "Quill")
    assert len(likeness.likely(session, people.person(session, ada, EVERYTHING), EVERYTHING)) == likeness.SUGGESTED
    assert suggested(session, nobody) == {}


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ("Jon Smith", "John Smyth", True),
        ("María Muñoz", "MUNOZ MARIA", True),
        ("Maria Garcia Lopez", "Lopez Maria Garcia", True),
        ("Catherine Jones", "Katherine Jones", True),
        ("Иван Петров", "Ivan Petrov", True),
        ("John Smith", "Jane Smith", False),
        ("Li Wu", "Lu Wi", False),
        ("Ada Quill", "Bea Marsh", False),
        ("", "", False),
    ],
)
def test_names_are_alike_whatever_their_writing(one: str, other: str, alike: bool):
    assert (likeness.similarity(one, other) >= likeness.SIMILAR) is alike
    assert likeness.similarity(one, other) == pytest.approx(likeness.similarity(other, one), abs=0.1)


def test_however_long_a_name_is_it_is_compared_at_once(monkeypatch: pytest.MonkeyPatch):
    compared: list[int] = []

    class Noted(likeness.SequenceMatcher):  # type: ignore[type-arg]
        def __init__(self, *sides: object, **more: object) -> None:
            compared.extend(len(side) for side in sides if isinstance(side, str))
            super().__init__(*sides, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(likeness, "SequenceMatcher", Noted)
    assert likeness.similarity("Jon Smith" + " 林" * 50_000, "Jon Smith" + " x" * 50_000) < 1
    assert likeness.similarity("Jon Smith", "Smith Jon") == 1
    assert compared
    assert max(compared) <= likeness.COMPARED


def test_somebodys_own_applications_are_not_compared(session: Session, monkeypatch: pytest.MonkeyPatch):
    own = [applicant(session, "John", "Smith", email="john@example.com", email_key="john@example.com") for _ in "ab"]
    monkeypatch.setattr(likeness, "similarity", lambda *_: pytest.fail("compared"))
    assert suggested(session, own[0]) == {}
