"""What the inbox can be asked for: every filter alone and with others, in every order, page by page."""

from __future__ import annotations

import random
import re
from dataclasses import fields
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select, update
from sqlalchemy.orm import Session
from werkzeug.datastructures import MultiDict

from config import ROOT
from dashboard import inbox_tabs, search, tokens
from dashboard.choices import current_choices
from dashboard.clock import utcnow
from dashboard.extensions import db
from dashboard.inbox import Inbox
from dashboard.inbox_pages import inbox_ids, inbox_page, inbox_total
from dashboard.models import Application, ApplicationTag, Facet, Seen, Tag, User
from dashboard.reach import EVERYTHING
from dashboard.services import indexing
from dashboard.stages import Stage
from dashboard.web.inbox_frame import FOLDED
from tests.factories import event, file_object


def question(text, answer, kind="select", options=("Yes", "No")):
    listed = [{"label": option, "value": option.lower()} for option in options]
    return {"question": {"id": f"q{len(text)}", "type": kind, "question": text, "options": listed}, "answer": answer}


NURSE = [question("Do you hold an RN license?", "yes"), question("Why us?", "I like it", "textarea", ())]
OTHER = [question("Do you hold an RN license?", "no")]


def test_every_filter_is_read_from_an_address_stands_in_it_narrows_the_list_and_is_shown():
    """A tab and an order are links over the list; all else has a chip and a field."""
    at_hand, links = {"text", "job"}, {"tab", "sort"}
    form = (ROOT / "templates/macros/inbox_filters.html").read_text()
    shown = {found[1] for found in re.finditer(r"""(?:name="|choice\(')(\w+)""", form)}
    day = date(2026, 1, 31)
    filters = {"text": "zoe", "tab": "new", "stage": "new", "applied_from": day, "applied_to": day, "sort": "oldest"}
    filters |= dict.fromkeys(("qualified", "resume", "held"), "no") | {"answers": ("0123456789abcdef",)}
    filters |= dict.fromkeys(("job", "company", "campaign", "state", "city", "assigned", "tag"), "WH-1")
    assert filters.keys() == {one.name for one in fields(Inbox) if one.compare}
    for name, value in filters.items():
        asked = Inbox(**{name: value})
        assert len(asked.args) == 1, name
        assert Inbox.read(MultiDict(asked.args)) == asked != Inbox(), name
        assert name == "sort" or not asked.query.is_empty, name
        assert [chip.without for chip in asked.chips({})] == ([] if name in links else [{}]), name
        assert name in {"text"} | links or shown >= asked.args.keys(), name
    assert filters.keys() == {*FOLDED, "answers"} | at_hand | links


@pytest.fixture
def session(app):
    with app.app_context():
        yield db.session()


@pytest.fixture
def index(session):
    """Index what waits, as the worker would."""

    def run(limit=1_000):
        session.commit()
        done = indexing.index_waiting(lambda: Session(db.engine), limit)
        session.rollback()
        return done

    return run


@pytest.fixture
def people(session, deliver, index):
    """Four applications; name → id."""

    def add(name, **data):
        applicant = {"firstName": name, **data.pop("applicant", {})}
        deliver(event(application_id=name, applicant=applicant, **data))

    waco = {"city": "Waco", "state": "TX"}
    add(
        "Ann", job={"originalJobReference": "RN-1", "title": "Nurse", **waco}, questionsAndAnswers=NURSE, qualified=True
    )
    add("Bo", applicant={"resume": file_object(b"I was a nurse", "cv.txt")}, qualified=False, campaignId="Spring")
    add("Cy", job={"company": "Oak & Iron"}, applicant={"city": "Reno", "state": "NV"}, questionsAndAnswers=OTHER)
    add("Nurse", applicant={"lastName": "Dee"})
    index()
    found = session.execute(select(Application.talroo_id, Application.id)).all()
    return dict(found)


@pytest.fixture
def asked(session, people):
    """The names that match, in the list's order."""
    names = {number: name for name, number in people.items()}

    def ask(**fields):
        wanted = Inbox(**fields)
        page = inbox_page(session, wanted, None)
        found = [names[row.id] for row in page.rows]
        assert page.total == len(found) == inbox_total(session, wanted)
        if wanted.order != "name":
            assert inbox_ids(session, wanted, 10) == [row.id for row in page.rows]
        return found

    return ask


def answer_to(session, text, label):
    value = session.scalar(select(Facet.value).where(Facet.question == text, Facet.label == label))
    assert value is not None
    return value


def test_each_filter_finds_whom_it_names(session, asked):
    yes = answer_to(session, "Do you hold an RN license?", "Yes")
    cases = (
        ({"job": "RN-1"}, ["Ann"]),
        ({"job": "Nurse"}, ["Ann"]),
        ({"job": "WH-1"}, ["Nurse", "Cy", "Bo"]),
        ({"company": "oak & iron"}, ["Cy"]),
        ({"campaign": "Spring"}, ["Bo"]),
        ({"state": "TX"}, ["Ann"]),
        ({"state": "nv"}, ["Cy"]),
        ({"city": "Reno"}, ["Cy"]),
        ({"city": "Waco, TX"}, ["Ann"]),
        ({"qualified": "yes"}, ["Ann"]),
        ({"qualified": "no"}, ["Bo"]),
        ({"resume": "yes"}, ["Bo"]),
        ({"resume": "no"}, ["Nurse", "Cy", "Ann"]),
        ({"answers": (yes,)}, ["Ann"]),
        ({"answers": (answer_to(session, "Do you hold an RN license?", "No"),)}, ["Cy"]),
        ({"answers": (yes,), "stage": "new", "job": "RN-1", "text": "ann wac"}, ["Ann"]),
        ({"answers": ("0" * 16,)}, []),
        ({"tab": "new", "resume": "no", "sort": "oldest"}, ["Ann", "Cy", "Nurse"]),
        ({"assigned": "none"}, ["Nurse", "Cy", "Bo", "Ann"]),
        ({"tab": "mine"}, []),
        ({"assigned": "me"}, []),
    )
    for filters, expected in cases:
        assert asked(**filters) == expected, filters


def test_who_is_called_so_comes_before_who_only_writes_so(asked):
    assert asked(text="nurse") == ["Nurse", "Ann"]  # not Bo: the worker has read no file here
    assert asked(text="nurse", sort="newest") == ["Nurse", "Ann"]
    assert asked(text="nurse", sort="oldest") == ["Ann", "Nurse"]
    assert asked(text="like") == ["Ann"]  # an answer


def test_by_name_means_last_name_first_name(asked):
    assert asked(sort="name") == ["Nurse", "Ann", "Bo", "Cy"]  # Dee, then three Quills


def test_what_people_decide_is_in_the_lists_at_once(session, people, asked, add_user):
    dana, tag = add_user("dana@example.com"), Tag(name="Night Shift", key="night shift")
    session.add(tag)
    session.flush()
    change(session, people["Ann"], assigned_to_id=dana.id)
    change(session, people["Bo"], stage="interview", held_at=utcnow())
    change(session, people["Cy"], stage="rejected")
    session.add(ApplicationTag(application_id=people["Cy"], tag_id=tag.id, at=utcnow()))
    indexing.restate(session, [people["Ann"], people["Bo"], people["Cy"]])
    session.commit()
    assert asked(tab="mine", viewer=dana.public_id) == ["Ann"]
    assert asked(assigned=dana.public_id) == ["Ann"]
    assert asked(assigned="me", viewer=dana.public_id, text="ann") == ["Ann"]
    assert asked(tab="new") == ["Nurse", "Ann"]
    assert asked(tab="held") == asked(held="yes") == asked(stage="interview") == ["Bo"]
    assert asked(tab="progress") == []
    assert asked(tab="rejected") == asked(tag="Night  shift") == ["Cy"]
    tabs = inbox_tabs.standing(session, dana.id, Inbox()).tabs
    assert tabs == {"new": 2, "mine": 1, "progress": 0, "hired": 0, "rejected": 1, "held": 1}
    # What nobody decided is found as before.
    assert asked(resume="yes") == ["Bo"]
    assert asked(text="ann quill") == ["Ann"]


def test_every_tab_counts_what_its_list_shows(session, people, add_user, index):
    dana = add_user("dana@example.com")
    rng = random.Random(4)
    for number in people.values():
        values = {"held_at": rng.choice([None, utcnow()]), "assigned_to_id": rng.choice([None, dana.id])}
        change(session, number, stage=rng.choice(list(Stage)).value, unindexed=search.mark(), **values)
    assert inbox_tabs.standing(session, dana.id, Inbox()).waiting
    index()
    standing = inbox_tabs.standing(session, dana.id, Inbox())
    assert not standing.waiting
    for tab, number in standing.tabs.items():
        assert inbox_total(session, Inbox(tab=tab, viewer=dana.public_id)) == number, tab


def test_a_change_while_an_entry_is_made_is_not_lost(session, people, index, monkeypatch):
    """Between reading what an application is and writing its entry, somebody rejects it."""
    change(session, people["Ann"], unindexed=search.mark())
    session.commit()
    prepare = indexing._prepare

    def slowly(reading, limit):
        ready = prepare(reading, limit)
        reading.rollback()
        change(session, people["Ann"], stage="rejected")
        indexing.restate(session, [people["Ann"]])
        session.commit()
        return ready

    monkeypatch.setattr(indexing, "_prepare", slowly)
    assert index() == 1
    monkeypatch.undo()
    assert index() == 1
    assert index() == 0
    assert inbox_ids(session, Inbox(tab="rejected"), 10) == [people["Ann"]]
    assert people["Ann"] not in inbox_ids(session, Inbox(tab="new"), 10)


def test_who_was_indexed_unfinished_is_found_once_when_finished(session, deliver, index):
    deliver(event(kind="started:v1", application_id="slow", applicant={"firstName": "Zelda"}))
    assert index() == 1
    assert inbox_ids(session, Inbox(text="zelda"), 10) == []
    unfinished = search.narrow(select(Application.id), "zelda", session.get_bind().dialect.name)
    (number,) = session.scalars(unfinished).all()
    deliver(event(application_id="slow", applicant={"firstName": "Zelda"}, created_at="2026-11-19T00:00:00Z"))
    assert index() == 1
    assert inbox_ids(session, Inbox(text="zelda"), 10) == [number]
    assert session.scalars(unfinished).all() == [number]
    assert inbox_total(session, Inbox(text="zelda")) == 1


def test_pages_follow_each_other_without_gap_or_repeat(session, deliver, index):
    """More than a page of each: people called so, and people who only wrote so."""
    names = ["Baker" if number % 2 else "Smith" for number in range(130)]
    session.add_all(made(number, name) for number, name in enumerate(names))
    session.commit()
    assert index() == 130
    for wanted in (Inbox(), Inbox(tab="new"), Inbox(tab="new", sort="oldest"), Inbox(text="p"), Inbox(sort="name")):
        seen, cursor, sizes = [], None, []
        while cursor is not None or not sizes:
            page = inbox_page(session, wanted, cursor)
            assert page.total == 130
            seen += [row.inbox_no for row in page.rows]
            sizes.append(len(page.rows))
            cursor = page.next_cursor
        assert sizes == [50, 50, 30], wanted
        by_age = sorted(range(1, 131), reverse=wanted.sort != "oldest")
        called = {number for number in by_age if wanted.sort == "name" and names[number - 1] == "Baker"}
        assert seen == [n for n in by_age if n in called] + [n for n in by_age if n not in called], wanted


def made(number, name):
    now = utcnow()
    known = {"email": f"p{number}@example.com", "last_name": name, "first_name": "Pat", "inbox_no": number + 1}
    return Application(talroo_id=f"made-{number}", applied_at=now, arrived_at=now, unindexed=1, **known)


def test_far_back_it_is_found_as_well_as_near(session, index, monkeypatch):
    """Where few of the newest match, PostgreSQL's index is asked; both ways find the same."""
    session.add_all(made(number, "Rare" if number % 20 == 0 else "Common") for number in range(120))
    session.commit()
    index()
    for looked_through in (1, 10, 1_500):
        monkeypatch.setattr(search, "LOOKED_THROUGH", looked_through)
        monkeypatch.setattr(search, "WALKED_THROUGH", 16 * looked_through)
        for text in ("rare", "common"):
            for sort in ("best", "newest", "oldest"):
                page = inbox_page(session, Inbox(text=text, sort=sort), None)
                expected = [n + 1 for n in range(120) if (n % 20 == 0) == (text == "rare")]
                newest_first = expected if sort == "oldest" else expected[::-1]
                assert [row.inbox_no for row in page.rows] == newest_first[:50], (looked_through, text, sort)


def test_others_of_one_person_are_counted_beside_each_row(session, deliver):
    for _ in range(3):
        deliver(event(applicant={"emailAddress": "Ada@Example.com"}))
    deliver(event(applicant={"emailAddress": "bo@example.com"}))
    deliver(event(kind="started:v1", applicant={"emailAddress": "bo@example.com"}))
    deliver(event(applicant={"emailAddress": None}))
    assert [row.other_count for row in inbox_page(session, Inbox(), None).rows] == [0, 0, 2, 2, 2]


def test_a_row_says_who_has_it_what_it_is_tagged_with_and_whether_it_is_new_to_the_viewer(session, people):
    now = utcnow()
    dana, eli = (
        User(email=f"{name}@example.com", password_hash="-", role="recruiter", created_at=now) for name in "de"
    )
    tags = [Tag(name=name, key=name.casefold()) for name in ("night shift", "Bilingual")]
    session.add_all([dana, eli, *tags])
    session.flush()
    session.add_all(ApplicationTag(application_id=people["Ann"], tag_id=tag.id, at=now) for tag in tags)
    session.add(Seen(user_id=dana.id, application_id=people["Ann"], first_at=now, last_at=now))
    session.execute(update(Application).where(Application.id == people["Ann"]).values(assigned_to_id=eli.id, rating=3))
    session.commit()

    def rows(viewer, **asked):
        found = inbox_page(session, Inbox(**asked, viewer=viewer.public_id), None).rows
        return {row.id: row for row in found}

    for asked in ({}, {"text": "nurse"}, {"sort": "name"}):
        ann, other = rows(dana, **asked)[people["Ann"]], rows(dana, **asked)[people["Nurse"]]
        assert (ann.tag_names, ann.assignee, ann.rating) == (["Bilingual", "night shift"], eli.email, 3), asked
        assert (other.tag_names, other.assignee, other.rating) == ([], None, None), asked
        assert (ann.unread, other.unread) == (False, True), asked
        assert rows(eli, **asked)[people["Ann"]].unread is True, asked


def test_choices_are_what_really_occurs(session, people):
    choices = current_choices(session, inbox_tabs.standing(session, 0, Inbox()).version, EVERYTHING)
    assert [one.text for one in choices.questions] == ["Do you hold an RN license?"]
    assert [label for _, label in choices.questions[0].answers] == ["No", "Yes"]
    assert {value for value, _ in choices.states} == {"TX", "NV"}
    assert {value for value, _ in choices.cities} == {"Waco, TX", "Reno, NV"}
    assert {value for value, _ in choices.companies} == {"Harbor & Vale", "Oak & Iron"}
    assert {value for value, _ in choices.campaigns} == {"Spring"}
    assert len(choices.jobs) == 3


def test_chips_name_what_is_asked_and_lead_to_the_rest(session, people):
    yes = answer_to(session, "Do you hold an RN license?", "Yes")
    args = MultiDict([("q", "ann"), ("stage", "new"), ("answer", yes), ("from", "2026-01-31"), ("sort", "oldest")])
    wanted = Inbox.read(args)
    chips = wanted.chips(current_choices(session, inbox_tabs.standing(session, 0, Inbox()).version, EVERYTHING).labels)
    assert [chip.label for chip in chips] == [
        "“ann”",
        "Stage: New",
        "Do you hold an RN license?: Yes",
        "Applied from Jan 31, 2026",
    ]
    assert chips[2].without == {"q": "ann", "stage": "new", "from": "2026-01-31", "sort": "oldest"}
    assert Inbox.read(MultiDict(wanted.args)) == wanted


def test_days_the_wrong_way_round_are_told():
    backwards = Inbox.read(MultiDict([("from", "2026-02-01"), ("to", "2026-01-31")]))
    assert backwards.problems == ("“Applied until” is before “Applied from”, so nobody matches.",)
    assert Inbox.read(MultiDict([("from", "2026-01-31"), ("to", "2026-01-31")])).problems == ()


def test_what_cannot_be_read_is_left_out_and_said():
    wanted = Inbox.read(MultiDict([("tab", "lost"), ("answer", "x"), ("answer", "a" * 16), ("sort", "size")]))
    assert wanted.answers == ("a" * 16,)
    assert (wanted.tab, wanted.sort) == ("", "")
    assert len(wanted.problems) == 3


@given(st.dates(date(1990, 1, 1), date(2200, 12, 31)), st.integers(0, 4_000), st.integers(-5, 4_005))
def test_units_of_time_cover_exactly_the_days_that_are_asked_for(first, days, offset):
    last = min(first + timedelta(days=days), date(2200, 12, 31))
    covering = list(tokens._cover(first, last))
    assert len(covering) <= 120
    if date(1990, 1, 6) < first < date(2185, 1, 1):
        one = first + timedelta(days=offset)
        assert (not set(tokens._units(one)).isdisjoint(covering)) == (first <= one <= last)


def test_open_ends_and_impossible_ranges_are_terms_too():
    noon = datetime(2026, 5, 5, 12, tzinfo=UTC)
    assert len(tokens.applied_terms(None, noon)) < 60
    assert len(tokens.applied_terms(noon, None)) < 60
    assert tokens.applied_terms(noon, noon - timedelta(days=3)) == (tokens.term("applied", "never"),)


def test_no_word_is_ever_taken_for_a_term():
    term = tokens.term("stage", "new")
    assert term not in tokens.words([term])
    assert tokens.term("state", "new  York ") == tokens.term("state", "New york")
    assert tokens.term("city", "x") != tokens.term("state", "x")


def change(session, number, **values):
    session.execute(update(Application).where(Application.id == number).values(**values))


@pytest.fixture
def add_user(session):
    def add(email):
        user = User(email=email, password_hash="x", role="recruiter", created_at=utcnow())
        session.add(user)
        session.commit()
        return user

    return add
