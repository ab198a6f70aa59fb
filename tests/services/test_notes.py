"""Notes, and who is told because they were named in one."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import Engine, select, update
from sqlalchemy.orm import Session

from dashboard.models import Mention, Note, User
from dashboard.reach import EVERYTHING
from dashboard.services import notes, reading
from dashboard.services.review import BadChange
from tests.colleagues import by, do, told
from tests.outbox_fixtures import NOON, add_applicant, add_recruiter, all_at_once, move


def only_note(session: Session) -> Note:
    session.rollback()
    return session.scalars(select(Note)).one()


def unread(session: Session, user: User) -> list[str]:
    session.rollback()
    return [note.body for note in notes.unread_mentions(session, user.id, EVERYTHING)]


def test_notes_and_moves_are_one_timeline_with_who_when_and_from_where(session: Session):
    ada, rita = add_applicant(session), add_recruiter(session)
    do(session, notes.write, [ada.id], "Called, no answer.", by(rita))
    move(session, ada, "contacted", user=rita, note="Reached her.", at=NOON + timedelta(hours=1))
    do(session, notes.write, [ada.id], "Wants the night shift.", by(rita, NOON + timedelta(hours=2)))
    entries = reading.timeline(session, ada, EVERYTHING)
    assert [(entry.text, entry.note) for entry in entries] == [
        ("Note", "Wants the night shift."),
        ("New → Contacted", "Reached her."),
        ("Note", "Called, no answer."),
    ]
    assert {entry.actor for entry in entries} == {"rita@example.com from 192.0.2.7"}


def test_whoever_is_named_is_told_until_they_have_read_it(session: Session):
    ada, bea = add_applicant(session), add_applicant(session, "Bea")
    rita, dana = add_recruiter(session), add_recruiter(session, "dana@example.com")
    written = do(session, notes.write, [ada.id], "@dana, can you call her?", by(rita))
    do(session, notes.write, [bea.id], "And him, @dana@example.com.", by(rita))
    assert written.told == ("dana@example.com",)
    assert unread(session, dana) == ["And him, @dana@example.com.", "@dana, can you call her?"]
    assert notes.unread_mentions(session, dana.id, EVERYTHING)[0].application.name == "Bea Quill"
    assert do(session, notes.read_mentions, dana.id, ada.id, NOON) == 1
    assert do(session, notes.read_mentions, dana.id, ada.id, NOON) == 0
    assert unread(session, dana) == ["And him, @dana@example.com."]
    assert unread(session, rita) == []


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ("@rita", ["rita@example.com"]),
        ("Ask @RITA.", ["rita@example.com"]),
        ("(@rita)", ["rita@example.com"]),
        ("@rita@elsewhere.com", ["rita@elsewhere.com"]),
        ("@rita @dana @rita", ["dana@example.com", "rita@example.com"]),
        ("@jo.o'neil-smith: look", ["jo.o'neil-smith@example.com"]),
        ("rita", []),
        ("mail rita@example.com", []),
        ("@rit", []),
        ("@%", []),
        ("@ rita", []),
        ("@nobody", []),
        ("@admin", []),
        ("@gone", []),
    ],
)
def test_people_are_named_by_their_address_or_what_stands_before_its_at(session: Session, body: str, named: list[str]):
    for local in ("rita", "dana", "jo.o'neil-smith", "admin", "gone"):
        add_recruiter(session, f"{local}@example.com")
    session.execute(update(User).where(User.email == "admin@example.com").values(role="it_admin"))
    session.execute(update(User).where(User.email == "gone@example.com").values(active=False))
    if "elsewhere" in body:
        add_recruiter(session, "rita@elsewhere.com")
    assert [user.email for user in notes.mentioned(session, body)] == named


def test_a_name_that_two_have_tells_both_and_nobody_is_told_of_their_own_note(session: Session):
    ada = add_applicant(session)
    here, there = add_recruiter(session, "rita@example.com"), add_recruiter(session, "rita@elsewhere.com")
    assert do(session, notes.write, [ada.id], "@rita", by(here)).told == ("rita@elsewhere.com",)
    assert (unread(session, here), unread(session, there)) == ([], ["@rita"])


def test_a_note_sent_twice_is_written_once_and_the_same_words_later_are_another(session: Session):
    ada, bea = add_applicant(session), add_applicant(session)
    written = [do(session, notes.write, [ada.id, bea.id], "Called.", by(None), token=token) for token in "aab"]
    assert [len(one.changed) for one in written] == [2, 0, 2]
    assert written[1].skipped == tuple((one.id, "Already has this note") for one in (ada, bea))
    assert told(session, ada) == ["Note", "Note"]


def test_a_note_sent_twice_at_the_same_moment_is_written_once(engine: Engine, session: Session):
    dana = add_recruiter(session, "dana@example.com")
    ada = add_applicant(session).id

    def write() -> None:
        with Session(engine) as own:
            do(own, notes.write, [ada], "@dana", by(None), token="made with the form")

    all_at_once(write, write, write)
    assert unread(session, dana) == ["@dana"]


@pytest.mark.parametrize("body", ["", "  \r\n ", "x" * (notes.MAX_NOTE + 1)])
def test_a_note_without_words_or_with_too_many_is_refused_in_words(session: Session, body: str):
    with pytest.raises(BadChange, match=r"\.( Split it in two\.)?$"):
        notes.write(session, [add_applicant(session).id], body, by(None))


def test_a_note_of_any_characters_is_kept(session: Session):
    do(session, notes.write, [add_applicant(session).id], "  NUL \x00, عربي, 😀\r\nsecond line \ud800 ", by(None))
    assert only_note(session).body == "NUL \ufffd, عربي, 😀\nsecond line \ufffd"


def test_only_the_author_changes_a_note_and_whoever_is_named_newly_is_told(session: Session):
    ada, rita, dana = add_applicant(session), add_recruiter(session), add_recruiter(session, "dana@example.com")
    do(session, notes.write, [ada.id], "Call her.", by(rita))
    with pytest.raises(BadChange, match=r"\.$"):
        notes.edit(session, only_note(session), "Mine now.", by(dana), seen=0)
    assert do(session, notes.edit, only_note(session), "Call her, @dana.", by(rita), seen=0)
    assert unread(session, dana) == ["Call her, @dana."]
    assert told(session, ada) == ["Note (edited)", "Changed a note"]


def test_of_two_changes_from_the_same_edition_the_second_overwrites_nothing(session: Session):
    ada, rita = add_applicant(session), add_recruiter(session)
    do(session, notes.write, [ada.id], "First.", by(rita))
    assert do(session, notes.edit, only_note(session), "Second.", by(rita), seen=0)
    assert not do(session, notes.edit, only_note(session), "Third.", by(rita), seen=0)
    assert not do(session, notes.remove, only_note(session), by(rita), seen=0)
    assert only_note(session).body == "Second."


def test_a_removed_note_is_gone_with_its_words_and_its_mentions_and_the_timeline_says_so(session: Session):
    ada, rita, dana = add_applicant(session), add_recruiter(session), add_recruiter(session, "dana@example.com")
    do(session, notes.write, [ada.id], "@dana, something unkind", by(rita))
    with pytest.raises(BadChange, match=r"\.$"):
        notes.remove(session, only_note(session), by(dana), seen=0)
    assert do(session, notes.remove, only_note(session), by(rita), seen=0)
    assert do(session, notes.remove, only_note(session), by(rita), seen=0), "twice is as good as once"
    assert (only_note(session).body, unread(session, dana)) == ("", [])
    assert session.scalars(select(Mention)).all() == []
    assert told(session, ada) == ["Removed a note by rita@example.com"]


def test_an_hr_administrator_removes_anybodys_note(session: Session):
    ada, rita, boss = add_applicant(session), add_recruiter(session), add_recruiter(session, "boss@example.com")
    session.execute(update(User).where(User.id == boss.id).values(role="hr_admin"))
    session.commit()
    do(session, notes.write, [ada.id], "Something unkind.", by(rita))
    assert do(session, notes.remove, only_note(session), by(boss), seen=0)
    assert only_note(session).removed_at == NOON
