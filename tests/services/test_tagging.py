"""Tags on applications."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from dashboard.models import Application, Tag
from dashboard.services import tagging
from dashboard.services.review import BadChange
from tests.colleagues import by, do, tags_of, told
from tests.outbox_fixtures import add_applicant, add_recruiter, all_at_once


def names(session: Session, application: Application) -> list[str]:
    session.rollback()
    return tags_of(session, application.id)


def test_a_tag_is_put_on_many_and_taken_off_again_and_the_timelines_tell(session: Session):
    ada, bea, rita = add_applicant(session), add_applicant(session), add_recruiter(session)
    do(session, tagging.tag, [bea.id], "forklift", by(rita))
    done = do(session, tagging.tag, [ada.id, bea.id, 999_999], "Forklift", by(rita))
    assert (done.changed, done.skipped) == ((ada.id,), ((bea.id, "Already has the tag"),))
    assert names(session, ada) == names(session, bea) == ["forklift"]
    tag = tagging.find(session, "forklift")
    assert tag is not None
    done = do(session, tagging.untag, [ada.id, bea.id], tag, by(rita))
    assert done.changed == (ada.id, bea.id)
    assert do(session, tagging.untag, [ada.id], tag, by(rita)).skipped == ((ada.id, "Does not have the tag"),)
    assert told(session, ada) == ["Tag removed: forklift", "Tagged forklift"]


@pytest.mark.parametrize(
    ("first", "same"),
    [
        ("Night Shift", "night   shift"),
        ("Straße", "STRASSE"),
        ("Ｆｕｌｌ", "full"),
        ("cafe\u0301", "CAFÉ"),
        ("ΟΔΟΣ", "οδος"),
    ],
)
def test_one_tag_however_it_is_written_named_as_first_typed(session: Session, first: str, same: str):
    ada = add_applicant(session)
    for name in (first, same):
        do(session, tagging.tag, [ada.id], name, by(None))
    assert names(session, ada) == [first]
    assert [tag.name for tag in tagging.choices(session)] == [first]


@pytest.mark.parametrize("name", ["", " \t", "\u3000", "x" * 41, "ﷺ" * 40])
def test_a_name_that_is_none_is_refused_in_words(session: Session, name: str):
    with pytest.raises(BadChange, match=r"\.$"):
        tagging.tag(session, [add_applicant(session).id], name, by(None))


def test_an_application_has_room_for_so_many_tags(session: Session):
    ada, bea = add_applicant(session), add_applicant(session)
    for number in range(tagging.MAX_TAGS):
        do(session, tagging.tag, [ada.id], f"tag {number}", by(None))
    done = do(session, tagging.tag, [ada.id, bea.id], "one more", by(None))
    assert (done.changed, done.skipped) == ((bea.id,), ((ada.id, "Already has 20 tags"),))


def test_only_tags_in_use_are_offered(session: Session):
    ada = add_applicant(session)
    for name in ("zeta", "alpha"):
        do(session, tagging.tag, [ada.id], name, by(None))
    zeta = tagging.find(session, "ZETA")
    assert zeta is not None
    assert tagging.find(session, zeta.public_id) is zeta
    do(session, tagging.untag, [ada.id], session.merge(zeta), by(None))
    assert [tag.name for tag in tagging.choices(session)] == ["alpha"]


def test_the_same_new_tag_from_two_at_the_same_moment_is_one(engine: Engine, session: Session):
    ids = [add_applicant(session).id for _ in range(10)]

    def tag(name: str, chosen: list[int]) -> None:
        with Session(engine) as own:
            do(own, tagging.tag, chosen, name, by(None))

    all_at_once(lambda: tag("Night", ids), lambda: tag("night", ids[::-1]))
    session.rollback()
    assert session.query(Tag).count() == 1
    assert {len(tags_of(session, number)) for number in ids} == {1}
