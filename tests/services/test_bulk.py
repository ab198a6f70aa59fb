"""One thing done to many applications, looked at before and taken back after."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, delete, event, select, update
from sqlalchemy.orm import Session

from dashboard.inbox import Inbox
from dashboard.models import Activity, Application, BulkAction, Outbound, StageChange, Tag, User
from dashboard.models.outbound import State
from dashboard.reach import EVERYTHING
from dashboard.services import bulk, bulk_verbs, review, tagging, teamwork
from dashboard.services.bulk import Selection
from dashboard.services.bulk_verbs import Verb
from dashboard.services.reporting import Rules
from dashboard.services.review import BadChange
from tests.colleagues import by, do, tags_of, told
from tests.outbox_fixtures import (
    HOLD,
    NOON,
    RULES,
    add_applicant,
    add_recruiter,
    all_at_once,
    conversions,
    move,
    restrict,
)

TELLS_BOTH = Rules({"hired": 2}, {"hired": "hired", "rejected": "declined"}, HOLD)
LATER = NOON + timedelta(minutes=5)


@pytest.fixture
def rita(session: Session) -> User:
    return add_recruiter(session)


def verb(session: Session, name: str, **fields: str) -> Verb:
    return bulk_verbs.read({"verb": name, **fields}, session)


def these(*applications: Application) -> Selection:
    return Selection.read(f"{one.public_id}:{one.stage_version}" for one in applications)


def act(
    session: Session, chosen: Selection, what: Verb, user: User, token: str = "", rules: Rules = RULES
) -> BulkAction:
    return do(session, bulk.act, chosen, what, by(user), rules, EVERYTHING, token=token)


def undo(session: Session, action: BulkAction, user: User) -> bool:
    return do(session, bulk.undo, action, by(user, LATER), RULES, EVERYTHING)


def left(parts: Sequence[bulk.Left]) -> dict[str, list[str | None]]:
    return {part.why: [one.first_name for one in part.applications] for part in parts}


def values(session: Session, column: Any) -> list[Any]:
    session.rollback()
    return list(session.scalars(select(column).order_by(Application.id)))


def test_many_are_moved_and_the_result_names_who_was_skipped_and_why(session: Session, rita: User):
    ada, bea, cleo = (add_applicant(session, name) for name in ("Ada", "Bea", "Cleo"))
    move(session, bea, "hired")
    chosen = these(ada, bea, cleo)
    move(session, cleo, "offer")
    gone = Selection((*chosen.picked, bulk.Picked("nobody-has-this-id")))
    action = act(session, gone, verb(session, "stage", stage="hired"), rita)
    result = bulk.result(session, action, EVERYTHING)
    assert (result.words, result.done, action.missing) == ("Move to Hired: 1 done, 3 skipped.", 1, 1)
    assert left(result.skipped) == {
        "Already in Hired": ["Bea"],
        "Someone changed it first; it is now in Offer": ["Cleo"],
    }
    assert values(session, Application.stage) == ["hired", "hired", "offer"]
    assert {row.application_id for row in conversions(session)} == {ada.id, bea.id}


def test_a_rejection_of_many_carries_its_reason(session: Session, rita: User):
    ada, bea = add_applicant(session), add_applicant(session)
    action = act(session, these(ada, bea), verb(session, "stage", stage="rejected", reason="filled"), rita)
    assert action.words == "Reject: Position filled"
    assert told(session, ada) == told(session, bea) == ["New → Rejected: Position filled"]


def test_what_will_be_done_and_sent_is_counted_before(session: Session):
    plain = [add_applicant(session, tlr_sid=f"9e21f3a0-1c2d-4e5f-8a9b-00000000000{n}") for n in range(3)]
    twin = add_applicant(session, tlr_sid=plain[0].tlr_sid)
    unclicked = add_applicant(session, tlr_sid=None, tlr_application_id=None)
    hired, back = add_applicant(session), add_applicant(session)
    for one in (hired, back):
        move(session, one, "hired", rules=TELLS_BOTH)
    move(session, back, "new", rules=TELLS_BOTH)
    session.execute(update(Outbound).where(Outbound.application_id == back.id).values(state=State.SENT))
    chosen = these(*plain, twin, unclicked, hired, back)
    shown = bulk.preview(session, chosen, verb(session, "stage", stage="hired"), TELLS_BOTH, EVERYTHING)
    assert (shown.verb, shown.total) == ("Move to Hired", 7)
    assert shown.words == (
        "6 applications will change.",
        "1 application is already there and won’t change.",
        "3 conversions (event 2) will be sent.",
        "1 conversion was sent before and is not sent again.",
        "1 conversion for the same click is not sent twice.",
        "1 conversion can't be sent: no click ID.",
        "4 dispositions “hired” will be sent.",
        "1 disposition was sent before and is not sent again.",
        "1 disposition can't be sent: no application ID and no click ID.",
        "Applicants are not notified.",
    )
    assert set(shown.picked) == {str(picked) for picked in chosen.picked}
    assert len(session.scalars(select(StageChange.id)).all()) == 3, "only the moves before"


def test_what_was_counted_is_what_is_sent(session: Session, rita: User):
    able, twin = add_applicant(session), add_applicant(session, tlr_sid=None)
    before = len(conversions(session))
    shown = bulk.preview(session, these(able, twin), verb(session, "stage", stage="hired"), RULES, EVERYTHING)
    assert shown.words[1:-1] == ("1 conversion (event 2) will be sent.", "1 conversion can't be sent: no click ID.")
    act(session, Selection.read(shown.picked), verb(session, "stage", stage="hired"), rita)
    states = [row.state for row in conversions(session)[before:]]
    assert sorted(states) == [State.UNSENDABLE, State.WAITING]


def test_a_test_application_is_not_counted_among_those_talroo_hears_of(session: Session, rita: User):
    able, test = add_applicant(session), add_applicant(session, is_test=True)
    before = len(conversions(session))
    shown = bulk.preview(session, these(able, test), verb(session, "stage", stage="hired"), RULES, EVERYTHING)
    assert shown.words[:-1] == ("2 applications will change.", "1 conversion (event 2) will be sent.")
    act(session, Selection.read(shown.picked), verb(session, "stage", stage="hired"), rita)
    assert len(conversions(session)) == before + 1
    alone = bulk.preview(session, these(test), verb(session, "stage", stage="new"), RULES, EVERYTHING)
    assert alone.words[1:] == ("Nothing is sent to Talroo.", "Applicants are not notified.")


def test_what_is_taken_back_by_a_move_is_told_before(session: Session):
    waiting, sent = add_applicant(session), add_applicant(session)
    for one in (waiting, sent):
        move(session, one, "hired")
    session.execute(update(Outbound).where(Outbound.application_id == sent.id).values(state=State.SENT))
    shown = bulk.preview(session, these(waiting, sent), verb(session, "stage", stage="rejected"), RULES, EVERYTHING)
    assert shown.words == (
        "2 applications will change.",
        "Nothing is sent to Talroo.",
        "1 report not sent yet will be canceled.",
        "1 report was already sent and cannot be recalled.",
        "Applicants are not notified.",
    )


@pytest.mark.parametrize("name", ["hold", "tag", "assign", "rate"])
def test_talroo_hears_nothing_of_what_recruiters_do_among_themselves(session: Session, rita: User, name: str):
    ada = add_applicant(session)
    what = verb(session, name, tag="night", user=rita.public_id, rating="3")
    shown = bulk.preview(session, these(ada), what, RULES, EVERYTHING)
    assert shown.words == ("1 application will change.", "Nothing is sent to Talroo.")
    act(session, these(ada), what, rita)
    idle = bulk.preview(session, these(ada), what, RULES, EVERYTHING)
    assert idle.words[:2] == ("0 applications will change.", "1 application is already there and won’t change.")


@pytest.mark.parametrize(
    ("name", "fields", "column", "before"),
    [
        ("assign", {"user": "dana"}, "assigned_to_id", None),
        ("assign", {"user": ""}, "assigned_to_id", "rita"),
        ("rate", {"rating": "4"}, "rating", 2),
        ("rate", {"rating": ""}, "rating", 2),
        ("hold", {}, "held_at", None),
        ("unhold", {}, "held_at", NOON - timedelta(days=1)),
    ],
)
def test_undo_puts_back_what_nobody_changed_since(
    session: Session, rita: User, name: str, fields: dict[str, str], column: str, before: Any
):
    dana = add_recruiter(session, "dana@example.com")
    users: dict[Any, User] = {"rita": rita, "dana": dana}
    was = users[before].id if before in users else before
    ada, bea, cleo = (add_applicant(session, one, **{column: was}) for one in ("Ada", "Bea", "Cleo"))
    public = {key: users[value].public_id if value in users else value for key, value in fields.items()}
    action = act(session, these(ada, bea), verb(session, name, **public), rita)
    changed = session.get_one(Application, ada.id)
    assert getattr(changed, column) != was
    assert getattr(session.get_one(Application, cleo.id), column) == was
    other = {"assigned_to_id": rita.id if was is None else dana.id, "rating": 1, "held_at": NOON - timedelta(days=9)}
    session.execute(update(Application).where(Application.id == bea.id).values({column: other[column]}))
    session.commit()
    assert undo(session, action, rita)
    back = session.get_one(Application, ada.id)
    assert (getattr(back, column) is None) == (was is None)
    assert column == "held_at" or getattr(back, column) == was
    assert getattr(session.get_one(Application, bea.id), column) == other[column]
    assert left(bulk.result(session, action, EVERYTHING).kept) == {"Someone changed it since": ["Bea"]}


def test_undo_of_a_move_puts_everybody_where_they_were_with_reason_and_first_day(session: Session, rita: User):
    ada, bea, cleo = (add_applicant(session, name) for name in ("Ada", "Bea", "Cleo"))
    move(session, ada, "rejected", reason="withdrew")
    move(session, bea, "hired", start_date="2026-12-01")
    action = act(session, these(ada, bea, cleo), verb(session, "stage", stage="interview"), rita)
    move(session, cleo, "offer")
    assert bulk.result(session, action, EVERYTHING).can_be_undone
    assert undo(session, action, rita)
    assert values(session, Application.stage) == ["rejected", "hired", "offer"]
    assert values(session, Application.start_date) == [None, "2026-12-01", None]
    assert told(session, ada)[0] == "Interview → Rejected: Applicant withdrew"
    result = bulk.result(session, action, EVERYTHING)
    assert not result.can_be_undone
    assert left(result.kept) == {"Someone changed it since; it is now in Offer": ["Cleo"]}


def test_a_first_day_is_kept_where_nothing_is_said_of_it_and_undo_restores_it(session: Session, rita: User):
    ada, bea = add_applicant(session, "Ada"), add_applicant(session, "Bea")
    for one in (ada, bea):
        move(session, one, "hired", start_date="2026-12-01")
        move(session, one, "offer")
    action = act(session, these(ada, bea), verb(session, "stage", stage="hired"), rita)
    assert values(session, Application.start_date) == ["2026-12-01", "2026-12-01"], "nobody said another day"
    session.execute(update(Application).where(Application.id == ada.id).values(start_date=None))
    session.commit()
    assert undo(session, action, rita)
    assert values(session, Application.start_date) == ["2026-12-01", "2026-12-01"]
    move(session, ada, "hired", start_date="")
    assert values(session, Application.start_date) == [None, "2026-12-01"], "an empty field takes it away"


def test_hires_undone_in_time_are_never_reported(session: Session, rita: User):
    applicants = [add_applicant(session) for _ in range(3)]
    action = act(session, these(*applicants), verb(session, "stage", stage="hired"), rita)
    assert {row.state for row in conversions(session)} == {State.WAITING}
    undo(session, action, rita)
    assert {row.state for row in conversions(session)} == {State.CANCELLED}


def test_undo_takes_a_tag_off_those_that_got_it(session: Session, rita: User):
    had, got, lost = (add_applicant(session, name) for name in ("Ada", "Bea", "Cleo"))
    do(session, tagging.tag, [had.id], "night", by(rita))
    action = act(session, these(had, got, lost), verb(session, "tag", tag="Night"), rita)
    night = tagging.find(session, "night")
    assert night is not None
    do(session, tagging.untag, [lost.id], night, by(rita))
    undo(session, action, rita)
    assert [tags_of(session, one.id) for one in (had, got, lost)] == [["night"], [], []]
    assert left(bulk.result(session, action, EVERYTHING).kept) == {"Does not have the tag": ["Cleo"]}
    action = act(session, these(had, got), verb(session, "untag", tag="night"), rita)
    undo(session, action, rita)
    assert [tags_of(session, one.id) for one in (had, got)] == [["night"], []]


EACH_VERB = {
    "stage": {"stage": "hired"},
    "assign": {"user": "rita"},
    "rate": {"rating": "4"},
    "hold": {},
    "tag": {"tag": "night"},
}


def stored(session: Session, application: Application) -> list[Any]:
    """What bulk actions change of an application, with its history and what Talroo is to hear of it."""
    session.rollback()
    one, tags = session.get_one(Application, application.id), tags_of(session, application.id)
    history = [
        session.scalars(select(kind.id).where(kind.application_id == one.id)).all() for kind in (StageChange, Activity)
    ]
    reports = session.scalars(select(Outbound.state).where(Outbound.application_id == one.id)).all()
    return [one.stage, one.stage_version, one.rating, one.held_at, one.assigned_to_id, tags, history, reports]


@pytest.mark.parametrize("name", EACH_VERB)
def test_undo_leaves_alone_who_was_restricted_since_and_names_nobody(session: Session, rita: User, name: str):
    ada, bea = (add_applicant(session, one) for one in ("Ada", "Bea"))
    fields = {key: rita.public_id if value == "rita" else value for key, value in EACH_VERB[name].items()}
    action = act(session, these(ada, bea), verb(session, name, **fields), rita)
    restrict(session, ada)
    kept, changed = stored(session, ada), stored(session, bea)
    assert undo(session, action, rita)
    assert stored(session, ada) == kept
    assert stored(session, bea) != changed
    (part,) = bulk.result(session, action, EVERYTHING).kept
    assert (part.why, part.number, part.applications) == (bulk.BEYOND_REACH, 1, ())


@pytest.mark.parametrize("name", EACH_VERB)
def test_what_is_restricted_between_choosing_and_doing_stays_as_it_is(session: Session, rita: User, name: str):
    ada = add_applicant(session)
    fields = {key: rita.public_id if value == "rita" else value for key, value in EACH_VERB[name].items()}
    what = verb(session, name, **fields)
    wanted = bulk.choose(session, these(ada), EVERYTHING).wanted
    restrict(session, ada)
    kept = stored(session, ada)
    assert do(session, lambda writer: what.do(writer, wanted, by(rita), RULES)).changed == ()
    assert stored(session, ada) == kept


def test_undo_finds_a_tag_gone_that_nobody_wears_any_more(session: Session, rita: User):
    ada, bea = add_applicant(session, "Ada"), add_applicant(session, "Bea")
    action = act(session, these(ada, bea), verb(session, "tag", tag="Night"), rita)
    night = tagging.find(session, "night")
    assert night is not None
    do(session, tagging.untag, [ada.id, bea.id], night, by(rita))
    session.execute(delete(Tag))  # as erasing does
    session.commit()
    assert undo(session, action, rita)
    assert left(bulk.result(session, action, EVERYTHING).kept) == {"Someone changed it since": ["Bea", "Ada"]}
    action = act(session, these(ada, bea), verb(session, "tag", tag="Night"), rita)
    off = act(session, these(ada, bea), verb(session, "untag", tag="Night"), rita)
    session.execute(delete(Tag))
    session.commit()
    assert undo(session, off, rita)
    assert tags_of(session, ada.id) == ["Night"], "what was taken off is put on again, and the tag made for it"


def test_what_stays_is_noted_once_for_each_reason(engine: Engine, session: Session, rita: User):
    people = [add_applicant(session) for _ in range(3)]
    action = act(session, these(*people), verb(session, "rate", rating="3"), rita)
    do(session, teamwork.rate, [one.id for one in people], 1, by(rita))
    noted: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        noted.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    undo(session, action, rita)
    event.remove(engine, "before_cursor_execute", note)
    assert len([statement for statement in noted if statement.startswith("UPDATE bulk_item")]) == 1
    assert [part.number for part in bulk.result(session, action, EVERYTHING).kept] == [3]


def test_a_confirmation_sent_twice_is_one_action_and_undo_pressed_twice_one_undo(session: Session, rita: User):
    ada = add_applicant(session)
    chosen, what = these(ada), verb(session, "hold")
    first, second = (act(session, chosen, what, rita, token="made with the form") for _ in range(2))
    assert first.id == second.id
    assert [undo(session, first, rita) for _ in range(2)] == [True, False]
    assert told(session, ada) == ["Taken off hold", "Held for later"]


def test_two_who_confirm_or_undo_at_the_same_moment_do_it_once(engine: Engine, session: Session, rita: User):
    ids = [add_applicant(session).public_id for _ in range(5)]
    user = rita.id

    def confirm() -> None:
        with Session(engine) as own:
            do(own, bulk.act, Selection.read(ids), bulk_verbs.Hold(), by(user), RULES, EVERYTHING, token="one")

    def take_back() -> None:
        with Session(engine) as own:
            do(own, bulk.undo, own.scalars(select(BulkAction)).one(), by(user), RULES, EVERYTHING)

    all_at_once(confirm, confirm)
    session.rollback()
    assert session.query(Activity).count() == 5
    all_at_once(take_back, take_back)
    session.rollback()
    assert session.query(Activity).count() == 10


def test_only_whoever_did_it_finds_it_to_take_it_back(session: Session, rita: User):
    dana = add_recruiter(session, "dana@example.com")
    action = act(session, these(add_applicant(session)), bulk_verbs.Hold(), rita)
    assert bulk.find(session, action.public_id, rita.id) is action
    assert bulk.find(session, action.public_id, dana.id) is None


def test_all_that_match_are_chosen_as_the_list_shows_them(session: Session, rita: User):
    everybody = [add_applicant(session, inbox_no=number) for number in range(1, 4)]
    add_applicant(session, completed=False)
    shown = bulk.preview(session, Selection(asked=Inbox()), bulk_verbs.Hold(), RULES, EVERYTHING)
    assert {one.partition(":")[0] for one in shown.picked} == {one.public_id for one in everybody}
    late = add_applicant(session, inbox_no=4)
    act(session, Selection.read(shown.picked), bulk_verbs.Hold(), rita)
    session.rollback()
    assert session.get_one(Application, late.id).held_at is None, "arrived after it was looked at"


def test_more_than_an_action_takes_is_said_and_left_alone(session: Session, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(bulk, "MOST", 2)
    everybody = [add_applicant(session, inbox_no=number) for number in range(1, 4)]
    for chosen in (Selection(asked=Inbox()), these(*everybody)):
        shown = bulk.preview(session, chosen, bulk_verbs.Hold(), RULES, EVERYTHING)
        assert shown.total == len(shown.picked) == 2
        assert shown.words[:2] == (
            "2 applications will change.",
            "These are the newest 2, the most one action can take. Do the rest next.",
        )


def test_somebody_who_is_not_finished_is_nobodys_to_decide_on(session: Session, rita: User):
    started = add_applicant(session, completed=False)
    action = act(session, these(started), bulk_verbs.Hold(), rita)
    assert (bulk.result(session, action, EVERYTHING).done, action.missing) == (0, 1)


def test_one_picked_twice_is_chosen_once():
    assert Selection.read(["a:1", "b", "a:2", "b"]).picked == (bulk.Picked("a", 2), bulk.Picked("b"))


@pytest.mark.parametrize("values", [["../x"], ["a" * 33], ["a:b"], ["a:-1"], ["a:1:2"], [""], ["é"]])
def test_what_is_no_application_is_not_chosen(values: list[str]):
    assert Selection.read(values) == Selection()


@pytest.mark.parametrize(
    "form",
    [
        {},
        {"verb": "delete"},
        {"verb": "stage"},
        {"verb": "stage", "stage": "rejected", "reason": "ugly"},
        {"verb": "assign", "user": "nobody"},
        {"verb": "rate", "rating": "5"},
        {"verb": "rate", "rating": "٣"},
        {"verb": "tag"},
        {"verb": "untag", "tag": " "},
    ],
)
def test_a_verb_that_is_none_is_refused_in_words(session: Session, form: dict[str, str]):
    with pytest.raises(BadChange, match=r"\.$"):
        bulk_verbs.read(form, session)


def test_who_cannot_be_given_anything_is_refused_before_anything_is_done(session: Session, rita: User):
    ada = add_applicant(session)
    admin = add_recruiter(session, "admin@example.com")
    session.execute(update(User).where(User.id == admin.id).values(role="it_admin"))
    session.commit()
    with pytest.raises(BadChange, match=r"\.$"):
        act(session, these(ada), verb(session, "assign", user=admin.public_id), rita)
    session.rollback()
    assert session.scalars(select(BulkAction)).all() == []


def test_a_kept_verb_is_the_same_again(session: Session, rita: User):
    forms = (
        {"verb": "stage", "stage": "rejected", "reason": "filled", "note": "x" * review.MAX_NOTE},
        {"verb": "assign", "user": rita.public_id},
        {"verb": "rate", "rating": str(teamwork.BEST)},
        {"verb": "unhold"},
        {"verb": "untag", "tag": "Night"},
    )
    for form in forms:
        what = bulk_verbs.read(form, session)
        assert bulk_verbs.again(what.name, what.arguments) == what


def test_a_token_is_its_users_and_for_what_it_was_made_alone(session: Session, rita: User):
    ada, bea, dana = add_applicant(session), add_applicant(session), add_recruiter(session, "dana@example.com")
    act(session, these(ada), bulk_verbs.Hold(), rita, token="made with the form")
    for chosen, what in ((these(ada), bulk_verbs.Rate(3)), (these(ada, bea), bulk_verbs.Hold())):
        with pytest.raises(BadChange, match="already used for something else"):
            act(session, chosen, what, rita, token="made with the form")
    hers = act(session, these(bea), bulk_verbs.Hold(), dana, token="made with the form")
    assert hers.user_id == dana.id
    assert bulk.result(session, hers, EVERYTHING).done == 1
