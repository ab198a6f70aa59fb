"""The same person: joined by what applications tell or by what somebody said, and parted again."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from dashboard.models import Activity, Application, PersonLink
from dashboard.reach import EVERYTHING
from dashboard.services import people, reading, traces
from dashboard.services.review import BadChange
from tests.colleagues import by, do, told
from tests.outbox_fixtures import NOON, add_applicant, add_recruiter, all_at_once, move

LATER = NOON + timedelta(hours=1)


def applicant(session: Session, name: str, email: str = "", phone: str = "", **fields: Any) -> Application:
    return add_applicant(session, name, email_key=email or None, phone_key=phone or None, **fields)


def names(session: Session, application: Application) -> set[str | None]:
    session.rollback()
    return {one.first_name for one in people.person(session, application, EVERYTHING).applications}


def test_applications_with_the_same_address_or_number_are_one_persons_newest_first(session: Session):
    ada = applicant(session, "Ada", "ada@x", "5125550101")
    applicant(session, "Mail", "ada@x", arrived_at=LATER)
    applicant(session, "Phone", phone="5125550101", arrived_at=NOON - timedelta(days=1))
    applicant(session, "Stranger", "bea@x", "5125550102")
    applicant(session, "Unfinished", "ada@x", completed=False)
    person = people.person(session, ada, EVERYTHING)
    assert [one.first_name for one in person.applications] == ["Mail", "Ada", "Phone"]
    assert (person.name, person.more) == ("Mail Quill", False)


def test_a_chain_is_followed_and_each_of_it_shows_the_same_person(session: Session):
    chain = [
        applicant(session, "A", "one@x"),
        applicant(session, "B", "one@x", "1111111"),
        applicant(session, "C", "two@x", "1111111"),
        applicant(session, "D", "two@x"),
    ]
    for one in chain:
        assert names(session, one) == {"A", "B", "C", "D"}


def test_who_told_neither_address_nor_number_is_alone(session: Session):
    nobody = applicant(session, "Nobody")
    applicant(session, "Nobody else")
    assert names(session, nobody) == {"Nobody"}


def test_a_link_joins_two_persons_with_all_they_have_and_can_be_taken_back(session: Session):
    rita = add_recruiter(session)
    ada, also_ada = applicant(session, "Ada", "ada@x"), applicant(session, "Ada 2", "ada@x")
    adah, also_adah = applicant(session, "Adah", "adah@x"), applicant(session, "Adah 2", "adah@x")
    assert do(session, people.link, also_ada.id, adah.id, by(rita))
    assert not do(session, people.link, adah.id, also_ada.id, by(rita)), "in either order it is the same"
    for one in (ada, also_ada, adah, also_adah):
        assert names(session, one) == {"Ada", "Ada 2", "Adah", "Adah 2"}
    (said,) = people.person(session, ada, EVERYTHING).said
    assert (said.same, said.at, said.user and said.user.email) == (True, NOON, "rita@example.com")
    assert do(session, people.take_back, said.low_id, said.high_id, by(rita), EVERYTHING)
    assert not do(session, people.take_back, also_ada.id, adah.id, by(rita), EVERYTHING)
    assert names(session, ada) == {"Ada", "Ada 2"}
    assert told(session, adah) == [
        "Undone: marked as the same person as another application",
        "Marked as the same person as another application",
    ]


def test_who_is_somebody_else_is_parted_from_all_of_them_and_comes_back_when_it_is_taken_back(session: Session):
    ada, bea = applicant(session, "Ada", "ada@x", "1111111"), applicant(session, "Bea", "ada@x", "1111111")
    mother = applicant(session, "Mother", "mother@x", "1111111")
    also_mother = applicant(session, "Mother 2", "mother@x")
    assert do(session, people.part, mother, [ada.id, bea.id, also_mother.id], by(None)) == 3
    assert names(session, ada) == names(session, bea) == {"Ada", "Bea"}
    assert names(session, mother) == {"Mother"}
    do(session, people.link, mother.id, also_mother.id, by(None, LATER))
    assert names(session, also_mother) == {"Mother", "Mother 2"}
    assert do(session, people.take_back, ada.id, mother.id, by(None, LATER), EVERYTHING)
    assert names(session, ada) == {"Ada", "Bea", "Mother", "Mother 2"}


def test_two_who_were_parted_are_not_joined_again_by_a_third(session: Session):
    ada, bea = applicant(session, "Ada", phone="1111111"), applicant(session, "Bea", phone="1111111")
    do(session, people.part, ada, [bea.id], by(None))
    third = applicant(session, "Third", phone="1111111")
    assert names(session, ada) == {"Ada", "Third"}
    assert names(session, bea) == {"Bea", "Third"}
    assert names(session, third) == {"Ada", "Bea", "Third"}


def test_parting_two_that_nothing_joins_says_nothing(session: Session):
    ada, bea = applicant(session, "Ada", "ada@x"), applicant(session, "Bea", "bea@x")
    assert do(session, people.part, ada, [bea.id, ada.id, 999_999], by(None)) == 0
    assert told(session, ada) == []


def test_telling_two_apart_cuts_what_joins_them_or_is_remembered_and_is_said_once(session: Session):
    ada, bea = applicant(session, "Ada", "ada@x", "1111111"), applicant(session, "Bea", "ada@x")
    mother, stranger = applicant(session, "Mother", phone="1111111"), applicant(session, "Stranger")
    for other, left in ((mother, {"Ada", "Bea"}), (stranger, {"Ada", "Bea"}), (bea, {"Ada"})):
        assert do(session, people.tell_apart, bea if other is mother else ada, other, by(None), EVERYTHING)
        assert not do(session, people.tell_apart, bea if other is mother else ada, other, by(None), EVERYTHING)
        assert names(session, ada) == left
    outsiders = people.person(session, ada, EVERYTHING).outsiders
    assert {one.first_name for one in outsiders} == {"Mother", "Stranger", "Bea"}


def test_an_application_is_told_apart_from_all_others_of_its_person(session: Session):
    ada, bea = applicant(session, "Ada", "ada@x"), applicant(session, "Bea", "ada@x")
    mother = applicant(session, "Mother", "ada@x")
    assert do(session, people.tell_apart, mother, mother, by(None), EVERYTHING)
    assert names(session, mother) == {"Mother"}
    (saying,) = people.person(session, mother, EVERYTHING).sayings
    assert {one.first_name for one in saying.about} == {"Ada", "Bea"}
    assert saying.of == {one.public_id for one in (ada, bea, mother)}
    assert not do(session, people.tell_apart, mother, mother, by(None), EVERYTHING), "nobody is left"


def test_what_was_said_in_one_breath_is_one_saying_the_newest_first(session: Session):
    rita = add_recruiter(session)
    ada, bea, cleo = (applicant(session, name, "ada@x") for name in ("Ada", "Bea", "Cleo"))
    dora = applicant(session, "Dora", "dora@x")
    do(session, people.tell_apart, ada, cleo, by(rita), EVERYTHING)
    do(session, people.link, ada.id, dora.id, by(None, LATER))
    linked, parted = people.person(session, ada, EVERYTHING).sayings
    assert (linked.same, linked.actor, {one.id for one in linked.about}) == (True, "The system", {ada.id, dora.id})
    assert (parted.same, parted.actor, [one.id for one in parted.about]) == (False, "rita@example.com", [cleo.id])
    assert do(session, people.take_back, *(one.id for one in parted.pair), by(rita, LATER), EVERYTHING)
    assert names(session, ada) == {"Ada", "Bea", "Cleo", "Dora"}
    assert bea.id in people.person(session, cleo, EVERYTHING).ids


def test_who_moved_each_application_last_is_told_but_not_who_wrote_a_note(session: Session):
    rita = add_recruiter(session)
    ada, bea = applicant(session, "Ada", "ada@x"), applicant(session, "Bea", "ada@x")
    move(session, ada, "reviewed", at=NOON)
    move(session, ada, "interview", user=rita, at=LATER)
    move(session, ada, "interview", note="Called.", at=LATER + timedelta(hours=1))
    moves = people.person(session, bea, EVERYTHING).moves
    assert {number: (move.actor, move.to_stage) for number, move in moves.items()} == {
        ada.id: ("rita@example.com", "interview")
    }


def test_the_newer_word_stands_and_the_timeline_has_both(session: Session):
    ada, bea = applicant(session, "Ada", "ada@x"), applicant(session, "Bea", "ada@x")
    do(session, people.part, ada, [bea.id], by(None))
    do(session, people.link, ada.id, bea.id, by(None, LATER))
    assert names(session, ada) == {"Ada", "Bea"}
    assert told(session, bea) == [
        "Marked as the same person as another application",
        "Marked as a different person from another application",
    ]
    assert {entry.other for entry in reading.timeline(session, bea, EVERYTHING)} == {ada.public_id}


def test_what_cannot_be_linked_is_refused_in_words(session: Session):
    ada, started = applicant(session, "Ada"), applicant(session, "Started", completed=False)
    for other in (ada.id, started.id, 999_999):
        with pytest.raises(BadChange, match=r"\.$"):
            people.link(session, ada.id, other, by(None))


def test_an_address_that_half_the_world_shares_is_followed_no_further_than_anybody_reads(session: Session):
    row = {"applied_at": NOON, "arrived_at": NOON, "flags": [], "email_key": "none@none"}
    session.add_all(Application(talroo_id=f"many-{number}", **row) for number in range(traces.MOST + 50))
    session.commit()
    one = session.scalars(select(Application).limit(1)).one()
    person = people.person(session, one, EVERYTHING)
    assert (len(person.applications), person.more) == (traces.MOST, True)
    assert one in person.applications


def test_two_who_say_the_same_at_the_same_moment_say_it_once_and_opposites_leave_one(engine: Engine, session: Session):
    ada, bea = (applicant(session, name, "ada@x").id for name in ("Ada", "Bea"))

    def link() -> None:
        with Session(engine) as own:
            do(own, people.link, ada, bea, by(None))

    def part() -> None:
        with Session(engine) as own:
            do(own, lambda session: people.part(session, session.get_one(Application, ada), [bea], by(None)))

    all_at_once(link, link)
    session.rollback()
    assert session.query(PersonLink).count() == 1
    all_at_once(link, part)
    session.rollback()
    assert session.query(PersonLink).count() == 1


def test_two_who_take_back_what_was_said_in_one_breath_at_the_same_moment_do_it_once(engine: Engine, session: Session):
    ids = [applicant(session, name, "ada@x").id for name in ("Ada", "Bea", "Cleo")]
    do(session, lambda session: people.part(session, session.get_one(Application, ids[0]), ids[1:], by(None)))
    outcomes: list[bool] = []

    def take_back(other: int) -> None:
        with Session(engine) as own:
            outcomes.append(do(own, people.take_back, ids[0], other, by(None, LATER), EVERYTHING))

    all_at_once(lambda: take_back(ids[1]), lambda: take_back(ids[2]))
    assert sorted(outcomes) == [False, True]
    session.rollback()
    assert session.query(PersonLink).count() == 0
    assert session.query(Activity).count() == 2 * 2 * 2, "two pairs, both sides of each, said and taken back"


def test_taking_back_a_parting_brings_the_link_by_hand_back_that_it_took_the_place_of(session: Session):
    one, other = add_applicant(session, phone=None), add_applicant(session, "Bo", phone=None)
    rita = add_recruiter(session)
    do(session, people.link, one.id, other.id, by(rita))
    do(session, people.part, one, [other.id], by(rita, NOON + timedelta(minutes=1)))
    assert people.person(session, one, EVERYTHING).ids == {one.id}
    assert do(session, people.take_back, one.id, other.id, by(rita, NOON + timedelta(minutes=2)), EVERYTHING)
    assert people.person(session, one, EVERYTHING).ids == {one.id, other.id}
    assert do(session, people.take_back, one.id, other.id, by(rita, NOON + timedelta(minutes=3)), EVERYTHING)
    assert people.person(session, one, EVERYTHING).ids == {one.id}
