"""Whoever is erased takes nothing along that is somebody else's, or another application's that stays."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import create_engine, select
from sqlalchemy.orm import Session

from dashboard.clock import utcnow
from dashboard.database import start_writing
from dashboard.extensions import db
from dashboard.models import Application, Delivery
from dashboard.models.privacy import HoldKind
from dashboard.services import cleaning, erasing, erasing_again, tombstones
from dashboard.services.erasing import Cause, Warrant
from dashboard.services.erasing_again import Again
from dashboard.services.tombstones import Kind
from tests.factories import event, file_object
from tests.reminder_fixtures import SECRET
from tests.services.test_holding import end_all, keep

Deliver = Callable[..., Any]


@pytest.fixture
def session(app: Flask) -> Iterator[Session]:
    with app.app_context(), Session(db.engine, expire_on_commit=False) as opened:
        yield opened


def erase(session: Session, *public_ids: str, cause: Cause = Cause.REQUEST) -> None:
    session.rollback()
    start_writing(session)
    erasing.erase(session, public_ids, Warrant(cause, "asked", utcnow()))
    session.commit()


def bury_again(session: Session) -> Any:
    session.rollback()
    start_writing(session)
    done = erasing_again.bury_again(session, (SECRET,), at=utcnow())
    session.commit()
    return done


def left(session: Session) -> set[str]:
    session.rollback()
    return set(session.scalars(select(Application.public_id)))


# --- ids that several have ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cause", [Cause.RETENTION, Cause.REQUEST])
def test_what_they_finished_lives_on_when_only_what_they_began_is_erased(session, deliver, cause):
    begun = deliver(event(kind="started:v1", tlrApplicationId="TLR-77")).json["application"]
    done = deliver(event(application_id="done-1", tlrApplicationId="TLR-77")).json["application"]
    erase(session, begun, cause=cause)
    update = event(
        application_id="done-1",
        tlrApplicationId="TLR-77",
        applicant={"phone": "5551234567"},
        created_at="2026-11-19T15:00:03Z",
    )
    assert deliver(update).json == {"status": "accepted", "application": done}
    bury_again(session)
    assert left(session) == {done}
    erase(session, done, cause=cause)
    another = event(tlrApplicationId="TLR-77", created_at="2099-11-19T15:00:03Z")
    assert deliver(another).json == {"status": "duplicate"}, "nobody has it any more"


# --- what nobody could file -----------------------------------------------------------------------------------------


def nameless(**more: Any) -> dict[str, Any]:
    """An event that cannot be filed: it does not say which application it is about."""
    found = event(**more)
    del found["data"]["id"]
    return found


def bodies(session: Session, status: str = "kept") -> list[bytes]:
    session.rollback()
    return list(session.scalars(select(Delivery.body).where(Delivery.status == status).order_by(Delivery.id)))


def by(address: str, **more: Any) -> dict[str, Any]:
    return {"applicant": {"emailAddress": address, **more}}


@pytest.mark.parametrize("fields", [{"tlrSid": "applicant"}, {"tlrApplicationId": "emailAddress"}])
def test_a_word_of_everybodys_body_takes_nobody_along(session, deliver, fields):
    kept = nameless(**by("victim@example.com"))
    assert deliver(kept).json["status"] == "kept"
    eve = deliver(event(**by("eve@example.com"), **fields)).json["application"]
    erase(session, eve)
    assert len(bodies(session)) == 1
    kept["data"]["id"] = "victim-1"
    assert deliver(kept).json["status"] == "duplicate", "known, and still here"
    assert len(bodies(session)) == 2


def test_an_address_in_somebodys_answer_is_not_theirs(session, deliver):
    eve = deliver(event(**by("eve@example.com"))).json["application"]
    question = {"id": "q", "type": "text", "question": "Who told you of us?"}
    told = nameless(
        **by("victim@example.com"), questionsAndAnswers=[{"question": question, "answer": "eve@example.com"}]
    )
    assert deliver(told).json["status"] == "kept"
    erase(session, eve)
    assert len(bodies(session)) == 1


@pytest.mark.parametrize(
    "told",
    [
        nameless(**by("EVE@Example.com", note="eve@example.com")),
        nameless(**by("x@example.com"), tlrSid="click-of-eve"),
        nameless(**by("x@example.com"), tlrApplicationId="tlr-of-eve"),
        {"id": "odd-1", "type": "platform:Odd:v1", "data": {"id": "app-of-eve"}},
        {"id": "odd-2", "type": "platform:Odd:v1", "data": {"mail": "eve@example.com"}},
        b'{"id": "odd-3", "data": {"id": "app-of-eve", ',
    ],
)
def test_what_tells_of_whoever_is_erased_goes_and_does_not_come_back(session, deliver, told):
    own = {"tlrSid": "click-of-eve", "tlrApplicationId": "tlr-of-eve"}
    eve = deliver(event(application_id="app-of-eve", **by("eve@example.com"), **own)).json["application"]
    assert deliver(told).json["status"] == "kept"
    erase(session, eve)
    assert bodies(session) == []
    assert deliver(told).json["status"] == "duplicate"
    assert bodies(session) == []


def test_what_cannot_be_read_is_not_theirs_for_an_address(session, deliver):
    eve = deliver(event(**by("eve@example.com"))).json["application"]
    assert deliver(b'{"data": {"emailAddress": "eve@example.com", ').json["status"] == "kept"
    erase(session, eve)
    assert len(bodies(session)) == 1


def test_an_address_empties_what_tells_of_another_application_and_shuts_no_door(session, deliver):
    """Whoever types somebody's address, and is erased, does not keep that person out."""
    eve = deliver(event(**by("victim@example.com"))).json["application"]
    told = {"id": "odd-9", "type": "platform:Odd:v1", "data": {"id": "victim-1", **by("victim@example.com")}}
    assert deliver(told).json["status"] == "kept"
    erase(session, eve)
    assert bodies(session) == []
    assert deliver(told).json["status"] == "kept"


def test_an_address_that_an_application_has_which_stays_empties_nothing(session, deliver):
    eve = deliver(event(**by("victim@example.com"))).json["application"]
    deliver(event(**by("victim@example.com")))
    assert deliver(nameless(**by("victim@example.com"))).json["status"] == "kept"
    erase(session, eve)
    assert len(bodies(session)) == 1


def test_hundreds_of_one_person_are_erased_at_once(session, deliver):
    ids = [
        deliver(event(tlrSid=f"click-number-{number}", tlrApplicationId=f"tlr-number-{number}")).json["application"]
        for number in range(180)
    ]
    erase(session, *ids)
    assert left(session) == set()


# --- a restore ------------------------------------------------------------------------------------------------------


def test_a_restore_leaves_what_is_held_unless_it_was_erased_itself(session, deliver):
    shared, own, _ = (
        deliver(event(application_id=f"app-{name}", tlrApplicationId=f"tlr-{name}", **by(f"{name}@example.com"))).json
        for name in ("shared", "own", "free")
    )
    session.rollback()
    start_writing(session)
    graves = [(Kind.APPLICATION, "tlr-shared"), (Kind.ID, "app-own"), (Kind.APPLICATION, "tlr-free")]
    tombstones.bury(session, graves, at=utcnow())
    session.commit()
    keep(session, HoldKind.LEGAL, shared["application"], own["application"])
    assert bury_again(session) == Again(erased=2, held=1)
    assert left(session) == {shared["application"]}
    assert len(bodies(session, "accepted")) == 1


def test_a_hold_that_ended_keeps_nothing_from_a_restore(session, deliver):
    deliver(event(tlrApplicationId="tlr-1"))
    session.rollback()
    start_writing(session)
    tombstones.bury(session, [(Kind.APPLICATION, "tlr-1")], at=utcnow())
    session.commit()
    keep(session, HoldKind.LEGAL, *left(session))
    end_all(session)
    assert bury_again(session) == Again(erased=1)


def test_whoever_has_no_keys_to_the_tombstones_takes_nobody_in(sqlite_url):
    engine = create_engine(sqlite_url)
    with Session(engine) as stranger, pytest.raises(KeyError):
        tombstones.is_buried(stranger, tombstones.Signs.of(email="ada@example.com"))
    engine.dispose()


# --- contents that two people sent ----------------------------------------------------------------------------------


def test_a_content_that_is_brought_again_while_it_is_deleted_stays(app, session, deliver, monkeypatch):
    def sent(name: str) -> dict[str, Any]:
        return event(applicant={"emailAddress": f"{name}@example.com", "resume": file_object(b"the same", "a.txt")})

    store = app.extensions["file_store"]
    sha256, delete = hashlib.sha256(b"the same").hexdigest(), store.delete
    erase(session, deliver(sent("ada")).json["application"])
    session.rollback()

    def delete_slowly(content: str) -> None:
        assert deliver(sent("bea")).json["status"] == "accepted", "nobody waits for the store"
        delete(content)

    monkeypatch.setattr(store, "delete", delete_slowly)
    assert cleaning.finish(db.engine, store, clock=utcnow)
    assert store.get(sha256) == b"the same"
