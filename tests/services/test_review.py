"""Moving people through the stages."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from itertools import product

import pytest
from sqlalchemy import Engine, select, update
from sqlalchemy.orm import Session

from dashboard.database import start_writing
from dashboard.models import Application, Outbound, StageChange
from dashboard.reach import EVERYTHING
from dashboard.services import reading, review, teamwork
from dashboard.services.review import BadChange, Change, Wanted
from dashboard.stages import Stage, still_true
from tests.colleagues import by, do, told
from tests.outbox_fixtures import NOON, RULES, add_applicant, add_recruiter, all_at_once, conversions, move, rules


def stage_of(session: Session, application: Application) -> str:
    session.rollback()
    return session.scalars(select(Application.stage).where(Application.id == application.id)).one()


def read_change(stage: str, **fields: str) -> Change:
    return Change.read(stage, user_id=1, remote_addr="192.0.2.7", at=NOON, **fields)


def test_any_stage_can_follow_any_other_and_the_timeline_tells_every_step(session: Session):
    rita = add_recruiter(session)
    for before, after in product(Stage, Stage):
        application = add_applicant(session, stage=before.value)
        move(session, application, after, user=rita)
        assert stage_of(session, application) == after
        steps = session.scalars(select(StageChange).where(StageChange.application_id == application.id)).all()
        told = [(step.from_stage, step.to_stage, step.actor, step.remote_addr, step.at) for step in steps]
        expected = [] if before == after else [(before, after, "rita@example.com", "192.0.2.7", NOON)]
        assert told == expected


def test_the_timeline_says_who_when_from_where_and_why(session: Session):
    application = add_applicant(session)
    move(session, application, "rejected", user=add_recruiter(session), reason="no_show", note="Twice.")
    newest = reading.timeline(session, application, EVERYTHING)[0]
    assert (newest.at, newest.actor) == (NOON, "rita@example.com from 192.0.2.7")
    assert (newest.text, newest.note) == ("New → Rejected: Did not come to the interview", "Twice.")


def test_a_change_made_from_an_older_page_overwrites_nothing(session: Session):
    application = add_applicant(session)
    first, second = add_recruiter(session, "first@example.com"), add_recruiter(session, "second@example.com")
    move(session, application, "interview", seen=0, user=first)
    move(session, application, "offer", seen=1, user=first)
    moved = move(session, application, "rejected", seen=0, user=second)
    assert moved.overtaken == (application.id,)
    assert stage_of(session, application) == "offer"
    meanwhile = review.changes_since(session, application.id, 0)
    assert [(step.actor, step.text) for step in meanwhile] == [
        ("first@example.com", "New → Interview"),
        ("first@example.com", "Interview → Offer"),
    ]


def test_moving_somebody_to_where_they_are_is_no_change_even_from_an_older_page(session: Session):
    application = add_applicant(session)
    move(session, application, "hired", seen=0)
    moved = move(session, application, "hired", seen=0)
    assert (moved.unchanged, moved.changed, moved.overtaken) == ((application.id,), (), ())
    assert len(review.changes_since(session, application.id, 0)) == 1
    assert len(conversions(session)) == 1


def test_many_are_moved_at_once_and_each_is_judged_by_itself(session: Session):
    ready, there, overtaken = (add_applicant(session, name) for name in ("Ada", "Bea", "Cleo"))
    move(session, there, "hired")
    move(session, overtaken, "offer")
    wanted = [Wanted(ready.id, 0), Wanted(there.id, 0), Wanted(overtaken.id, 0), Wanted(999_999, 0)]
    session.rollback()
    start_writing(session)
    moved = review.move(session, wanted, Change(Stage.HIRED, None, None, NOON), RULES)
    session.commit()
    assert (moved.changed, moved.unchanged, moved.overtaken) == ((ready.id,), (there.id,), (overtaken.id,))
    assert {row.application_id for row in conversions(session)} == {ready.id, there.id}


def test_of_two_recruiters_at_the_same_moment_one_is_told_what_the_other_did(engine: Engine, session: Session):
    application_id = add_applicant(session).id
    for version in range(0, 16, 2):
        outcomes: dict[str, review.Moved] = {}

        def decide(stage: str, seen: int = version, outcomes: dict[str, review.Moved] = outcomes) -> None:
            with Session(engine) as own:
                outcomes[stage] = move(own, application_id, stage, seen=seen)

        all_at_once(partial(decide, "offer"), partial(decide, "rejected"))
        session.rollback()
        winner = session.scalars(select(Application.stage)).one()
        loser = "rejected" if winner == "offer" else "offer"
        assert outcomes[winner].changed == outcomes[loser].overtaken == (application_id,)
        move(session, application_id, "new")


def test_a_rejection_may_carry_a_reason_of_the_list_and_a_note_and_nothing_else_does():
    change = read_change("rejected", reason="withdrew", note="  Found another job.  ")
    assert (change.reason, change.note) == ("withdrew", "Found another job.")
    assert read_change("rejected").reason is None
    assert read_change("offer", reason="withdrew").reason is None


def test_a_hire_may_carry_a_first_day_and_nothing_else_does(session: Session):
    assert read_change("hired", start_date=" 2026-12-01 ").start_date == "2026-12-01"
    assert read_change("offer", start_date="nonsense").start_date is None
    application = add_applicant(session)
    move(session, application, "hired", start_date="2026-12-01")
    assert session.get_one(Application, application.id).start_date == "2026-12-01"
    assert ", first day of work Dec 1, 2026" in reading.timeline(session, application, EVERYTHING)[0].text


def test_the_first_day_of_a_hire_taken_back_is_offered_again_and_a_new_one_replaces_it(session: Session):
    application = add_applicant(session)
    move(session, application, "hired", start_date="2026-12-01")
    move(session, application, "offer")
    assert session.get_one(Application, application.id).start_date == "2026-12-01"
    move(session, application, "hired", start_date="")
    assert session.get_one(Application, application.id).start_date is None


def test_the_history_tells_what_talroo_was_told_and_what_it_was_not(session: Session):
    application = add_applicant(session)
    reports = rules({"hired": 2}, {"interview": "interviewed", "hired": "hired"})
    move(session, application, "interview", rules=reports)
    move(session, application, "hired", rules=reports, at=NOON + timedelta(hours=1))
    stood = {
        "2": {"state": "sent", "sent_at": NOON + timedelta(hours=2), "last_status": 200},
        "hired": {"state": "parked"},
    }
    for event, values in stood.items():
        session.execute(update(Outbound).where(Outbound.event == event).values(**values))
    told = reading.timeline(session, application, EVERYTHING, now=NOON - timedelta(hours=1))
    assert [(entry.text, entry.actor) for entry in told if "Talroo" in entry.text] == [
        ("Conversion event 2: sent to Talroo", "status 200"),
        ("Disposition “hired” to Talroo: failed", ""),
        ("Disposition “interviewed” to Talroo: waiting", ""),
    ]
    assert [entry.text for entry in told][2:] == [
        "Interview → Hired",
        "Disposition “interviewed” to Talroo: waiting",
        "New → Interview",
    ]


@pytest.mark.parametrize(
    ("stage", "fields"),
    [
        ("", {}),
        ("Hired", {}),
        ("fired" * 1000, {}),
        ("rejected", {"reason": "ugly"}),
        ("hired", {"start_date": "2026-02-30"}),
        ("hired", {"start_date": "1.12.2026"}),
        ("hired", {"start_date": "٢٠٢٦-١٢-٠١"}),
        ("hired", {"start_date": "20261201"}),
    ],
)
def test_what_cannot_be_done_is_refused_in_words(stage: str, fields: dict[str, str]):
    with pytest.raises(BadChange, match=r"\.$"):
        read_change(stage, **fields)


def test_a_note_where_the_stage_stays_is_kept_and_tells_talroo_nothing(session: Session):
    application = add_applicant(session)
    move(session, application, "hired", seen=0, start_date="2026-12-01")
    moved = move(session, application, "hired", seen=1, note="Asked about the shift.")
    assert (moved.noted, moved.changed, moved.unchanged) == ((application.id,), (), ())
    kept = session.get_one(Application, application.id)
    assert (kept.stage, kept.stage_version, kept.start_date) == ("hired", 2, "2026-12-01")
    (step,) = review.changes_since(session, application.id, 1)
    assert (step.text, step.note) == ("Note, at Hired", "Asked about the shift.")
    assert len(conversions(session)) == 1
    assert review.stage_before(session, application.id) == Stage.NEW


def test_a_reason_given_later_to_somebody_who_is_rejected_is_kept(session: Session):
    application = add_applicant(session, stage="rejected")
    assert move(session, application, "rejected", reason="withdrew").noted == (application.id,)
    (step,) = review.changes_since(session, application.id, 0)
    assert step.text == "Note, at Rejected: Withdrew"


def test_a_double_click_writes_a_note_once_and_the_same_words_later_are_another_note(session: Session):
    application = add_applicant(session)
    note = {"note": "Called, no answer."}
    outcomes = [move(session, application, "new", seen=seen, **note) for seen in (0, 0, 1)]
    assert [bool(one.noted) for one in outcomes] == [True, False, True]
    move(session, application, "offer", seen=2, **note)
    assert move(session, application, "offer", seen=2, **note).unchanged == (application.id,)


def test_the_lines_of_a_long_note_count_as_the_form_counts_them():
    typed = "x\n" * (review.MAX_NOTE // 2 - 1) + "ab"
    assert read_change("new", note=typed.replace("\n", "\r\n")).note == typed


def test_a_note_of_any_characters_and_length_can_be_kept(session: Session):
    note = read_change("offer", note="NUL \x00 and more" + "x" * 5_000).note
    application = add_applicant(session)
    move(session, application, "offer", note=note)
    (step,) = review.changes_since(session, application.id, 0)
    assert step.note is not None
    assert step.note.startswith("NUL \ufffd and more")
    assert len(step.note) == review.MAX_NOTE


def test_the_stage_before_is_where_a_hire_taken_back_goes(session: Session):
    application = add_applicant(session)
    assert review.stage_before(session, application.id) == Stage.NEW
    move(session, application, "interview")
    move(session, application, "hired")
    assert review.stage_before(session, application.id) == Stage.INTERVIEW


@pytest.mark.parametrize(
    ("reached", "now_at", "true"),
    [
        ("interview", "interview", True),
        ("interview", "offer", True),
        ("interview", "hired", True),
        ("interview", "rejected", True),
        ("interview", "contacted", False),
        ("hired", "hired", True),
        ("hired", "offer", False),
        ("hired", "rejected", False),
        ("rejected", "new", False),
        ("rejected", "hired", False),
    ],
)
def test_progress_stays_true_and_what_was_left_or_gone_back_from_does_not(reached: str, now_at: str, true: bool):
    assert still_true(Stage(reached), Stage(now_at)) is true


def test_whoever_is_moved_is_taken_up_again_and_taking_the_move_back_holds_them_as_before(session: Session):
    rita, ada = add_recruiter(session), add_applicant(session)
    do(session, teamwork.hold, [ada.id], by(rita))
    move(session, ada, "reviewed", user=rita, at=NOON + timedelta(minutes=1))
    assert session.get_one(Application, ada.id).held_at is None
    assert told(session, ada)[:2] == ["New → Reviewed", "No longer held"]
    assert review.was_held(session, ada.id)
    move(session, ada, "new", user=rita, at=NOON + timedelta(minutes=2), holds=True)
    assert session.get_one(Application, ada.id).held_at is not None
    assert not review.was_held(session, ada.id)
