"""How far somebody sees: the same in lists, which ask the index, and in all else, which asks the tables."""

from __future__ import annotations

import ast
import random
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from config import ROOT
from dashboard import queries, reach, review_queue, search
from dashboard.choices import current_choices
from dashboard.clock import utcnow
from dashboard.extensions import db
from dashboard.inbox import SORTS, TABS, Inbox
from dashboard.inbox_pages import inbox_batches, inbox_ids, inbox_page, inbox_total, inbox_totals
from dashboard.inbox_tabs import standing
from dashboard.models import Application, ApplicationTag, Job, Tag, User, UserScope
from dashboard.reach import EVERYTHING, NOBODY, Reach
from dashboard.services import indexing
from dashboard.services.scopes import MOST
from dashboard.stages import Stage
from tests.factories import event, file_object
from tests.limiting import limit
from tests.outbox_fixtures import add_recruiter
from tests.test_inbox import question

COMPANIES = ("Harbor & Vale", "Oak & Iron", "oak  &  IRON", None)
"""The second and the third are one."""
TITLES = ("Picker", "Welder", "Driver")
FIRST, LAST = ("Ada", "Bea", "Cleo", "Zoë"), ("Quill", "Reed", "Muñoz")


@pytest.fixture
def session(app):
    with app.app_context():
        yield db.session()


@pytest.fixture
def many(session, deliver, monkeypatch):
    """Sixty applications of all sorts, for a dozen jobs and for none."""
    rng, tags = random.Random(6), [Tag(name=name, key=name) for name in ("night", "day")]
    for number in range(60):
        job = {"originalJobReference": f"J-{number % 3}", "title": TITLES[number % 3], "company": rng.choice(COMPANIES)}
        job |= {"city": rng.choice(["Waco", "Reno"]), "state": "TX"} if rng.random() < 0.7 else {}
        if number % 17 == 0:
            job = {"originalJobReference": None, "title": None, "company": None}
        applicant: dict[str, Any] = {"firstName": rng.choice(FIRST), "lastName": rng.choice(LAST), "state": "NV"}
        applicant["emailAddress"] = f"p{number % 40}@example.com"
        applicant |= {"resume": file_object(b"I weld.", "cv.txt")} if rng.random() < 0.5 else {}
        asked = [question("Nights?", rng.choice(["yes", "no"]))]
        told = {"qualified": rng.choice([True, False]), "campaignId": rng.choice(["Spring", "Fall"])}
        day = f"2026-11-{rng.randint(10, 20)}T15:00:03Z"
        assert deliver(event(job=job, applicant=applicant, questionsAndAnswers=asked, created_at=day, **told)).json
    session.add_all(tags)
    session.flush()
    users = [add_recruiter(session, f"{name}@example.com") for name in ("rita", "dana")]
    for number in session.scalars(select(Application.id)).all():
        values = {"stage": rng.choice(list(Stage)).value, "held_at": rng.choice([None, None, utcnow()])}
        values |= {"assigned_to_id": rng.choice([None, users[0].id]), "unindexed": search.mark()}
        session.execute(update(Application).where(Application.id == number).values(**values))
        if rng.random() < 0.5:
            worn = {"application_id": number, "tag_id": rng.choice(tags).id, "at": utcnow()}
            session.execute(insert(ApplicationTag).values(**worn))
    index_all(session)
    return users


def index_all(session) -> None:
    session.commit()
    while indexing.index_waiting(lambda: Session(db.engine), 1_000):
        pass
    session.rollback()


def random_inbox(rng: random.Random, answers: list[str], viewer: str) -> dict[str, Any]:
    choices: dict[str, Any] = {
        "text": rng.choice(["ada", "welder", "zoe m", "waco", "p1", "i weld"]),
        "tab": rng.choice(list(TABS)),
        "stage": rng.choice(list(Stage)).value,
        "job": rng.choice([*TITLES, "J-1"]),
        "company": rng.choice(["Harbor & Vale", "OAK & iron"]),
        "campaign": "Spring",
        "state": rng.choice(["TX", "NV"]),
        "city": "Waco",
        "qualified": rng.choice(["yes", "no"]),
        "resume": rng.choice(["yes", "no"]),
        "assigned": rng.choice(["me", "none", viewer]),
        "tag": "night",
        "held": rng.choice(["yes", "no"]),
        "answers": (rng.choice(answers),),
        "applied_from": datetime(2026, 11, rng.randint(9, 16), tzinfo=UTC).date(),
        "applied_to": datetime(2026, 11, rng.randint(14, 21), tzinfo=UTC).date(),
        "sort": rng.choice(SORTS),
    }
    return {name: choices[name] for name in rng.sample(sorted(choices), rng.choice([0, 1, 1, 2, 2, 3]))}


def pages(session, asked: Inbox) -> list[str]:
    found, cursor = [], None
    while True:
        page = inbox_page(session, asked, cursor)
        found += [row.public_id for row in page.rows]
        cursor = page.next_cursor
        if cursor is None:
            return found


def test_what_a_limited_viewer_sees_of_any_list_is_the_list_restricted_to_their_reach(session, many):
    rng, viewer = random.Random(11), many[0].public_id
    answers = [value for one in current_choices(session, (1,), EVERYTHING).questions for value, _ in one.answers]
    scopes = [{"companies": ["Oak & Iron"]}, {"jobs": ["J-1"]}, {"jobs": ["J-0"], "companies": ["Harbor & Vale"]}, {}]
    some = 0
    for scope in scopes:
        dana = session.scalars(select(User).where(User.email == "dana@example.com")).one()
        seen = limit(session, dana, **scope)
        theirs = set(session.scalars(select(Application.public_id).where(seen.holds(Application.job_id))))
        assert bool(theirs) is bool(scope)
        for _ in range(25):
            filters = random_inbox(rng, answers, viewer)
            wanted = Inbox(**filters, viewer=viewer)
            own = Inbox(**filters, viewer=viewer, reach=seen)
            expected = [one for one in pages(session, wanted) if one in theirs]
            assert pages(session, own) == expected, (scope, filters)
            assert inbox_total(session, own) == len(expected), (scope, filters)
            ids = select(Application.public_id).where(Application.id.in_(inbox_ids(session, own, 1_000)))
            assert sorted(session.scalars(ids)) == sorted(expected), (scope, filters)
            batches = [one.public_id for batch in inbox_batches(session, own) for one in batch]
            assert sorted(batches) == sorted(expected), (scope, filters)
            some += bool(expected)
            if expected:
                around(session, own, expected, rng)
        tabs = standing(session, 0, Inbox(viewer=viewer, reach=seen)).tabs
        for tab, number in tabs.items():
            assert len(pages(session, Inbox(tab=tab, viewer=viewer, reach=seen))) == number, tab
    assert some > 30


def around(session, asked: Inbox, expected: list[str], rng: random.Random) -> None:
    """Whoever goes through the list meets the same ones, in its order."""
    at = rng.randrange(len(expected))
    one = session.scalars(select(Application).where(Application.public_id == expected[at])).one()
    queue = review_queue.around(session, asked, one)
    assert queue.is_listed
    assert (queue.position, queue.total) == (at + 1, len(expected))
    assert queue.previous == (expected[at - 1] if at else None)
    assert queue.next == (expected[at + 1] if at + 1 < len(expected) else None)
    assert {row.public_id for row in queue.rows} <= set(expected)


def test_a_company_is_the_same_however_it_is_written_in_lists_and_in_tables(session, many):
    spelt = set(session.scalars(select(Job.company).where(Job.company.is_not(None))))
    assert {"Oak & Iron", "oak  &  IRON"} <= spelt
    seen = limit(session, many[1], companies=["Oak & Iron"])
    companies = session.scalars(select(Job.company).where(Job.id.in_(reach.jobs_of(seen.user_id))))
    assert set(companies) == {"Oak & Iron", "oak  &  IRON"}
    assert {row.company for row in inbox_page(session, Inbox(reach=seen), None).rows} == set(spelt) - {"Harbor & Vale"}


def test_whoever_has_no_job_is_seen_by_nobody_who_is_limited(session, many):
    seen = limit(session, many[1], jobs=["J-0", "J-1", "J-2"])
    without = set(session.scalars(select(Application.public_id).where(Application.job_id.is_(None))))
    assert without
    assert not without & set(pages(session, Inbox(reach=seen)))
    assert queries.application(session, without.pop(), seen) is None


def test_others_of_one_person_are_counted_and_shown_as_far_as_they_are_seen(session, many):
    seen = limit(session, many[1], jobs=["J-1"])
    counts = {row.public_id: row.other_count for row in inbox_page(session, Inbox(reach=seen), None).rows}
    everybody = {one.public_id: one for one in session.scalars(select(Application))}
    theirs = set(session.scalars(select(Application.public_id).where(seen.holds(Application.job_id))))
    for public_id, number in counts.items():
        same = [one for one in theirs if everybody[one].email_key == everybody[public_id].email_key]
        assert number == len(same) - 1


def test_choices_name_what_is_within_reach_alone(session, many, deliver):
    hidden = {
        "originalJobReference": "H-1",
        "title": "Hidden",
        "company": "Hidden Works",
        "city": "Hilo",
        "state": "HI",
    }
    asked = [question("Secret?", "yes"), question("Nights?", "yes")]
    deliver(event(job=hidden, applicant={}, questionsAndAnswers=asked, campaignId="Hush"))
    index_all(session)
    seen = limit(session, many[1], companies=["Harbor & Vale"])
    whole, own = (current_choices(session, (2,), one) for one in (EVERYTHING, seen))
    for name in ("jobs", "companies", "campaigns", "states", "cities"):
        assert set(getattr(own, name)) < set(getattr(whole, name)), name
        assert getattr(own, name), name
    assert [one.text for one in own.questions] == ["Nights?"]
    assert len(whole.questions) == 2
    assert own.tags == whole.tags
    assert "Hidden" not in str(own)
    assert {company for _, company in own.companies} == {"Harbor & Vale"}
    public_id = session.scalars(select(Job.public_id).where(Job.reference == "H-1")).one()
    for called in (public_id, "H-1", "Hidden"):
        assert own.jobs_with(called, session, seen)[0] == (called, called)
        assert "Hidden Works" in str(whole.jobs_with(called, session, EVERYTHING))
    nobody = current_choices(session, (2,), limit(session, many[1]))
    assert (nobody.jobs, nobody.companies, nobody.questions, nobody.tags) == ((), (), (), ())


def test_as_many_jobs_as_a_user_may_have_are_asked_for_at_once(session, many):
    _rita, dana = many
    jobs = [{"identity": f"m{n}", "reference": f"m{n}", "public_id": f"public-{n}"} for n in range(MOST)]
    session.execute(insert(Job), jobs)
    session.commit()
    seen = limit(session, dana, jobs=["J-1", *(one["reference"] for one in jobs[: MOST - 40])])
    assert len(seen.terms) > MOST - 40
    theirs = set(session.scalars(select(Application.public_id).where(seen.holds(Application.job_id))))
    assert set(pages(session, Inbox(reach=seen))) == theirs != set()


def test_only_recruiters_are_limited_and_without_scopes_to_nobody(session):
    rita = add_recruiter(session)
    assert reach.of(session, rita) == EVERYTHING
    rita.is_limited = True
    session.commit()
    assert reach.of(session, rita) == Reach(rita.id, NOBODY.terms)
    assert reach.of(session, rita).is_nowhere
    rita.role = "hr_admin"
    session.commit()
    assert reach.of(session, rita) == EVERYTHING


def test_a_job_called_as_another_is_named_in_addresses_is_not_found_by_that(session, deliver, many):
    """An index entry that has a term of the reach is not enough: the rows are asked for their job."""
    own = session.scalars(select(Job).where(Job.reference == "J-1")).first()
    assert own is not None
    posing = {"originalJobReference": own.public_id, "title": "Posing", "company": "Elsewhere"}
    stranger = deliver(event(job=posing, applicant={})).json["application"]
    index_all(session)
    session.execute(insert(UserScope).values(user_id=many[1].id, job_id=own.id))
    session.execute(update(User).where(User.id == many[1].id).values(is_limited=True))
    session.commit()
    session.refresh(many[1])
    seen = reach.of(session, many[1])
    for asked in (Inbox(reach=seen), Inbox(reach=seen, sort="name"), Inbox(reach=seen, text="posing")):
        assert stranger not in pages(session, asked)
    batches = [one.public_id for batch in inbox_batches(session, Inbox(reach=seen)) for one in batch]
    assert stranger not in batches
    assert inbox_totals(session, [Inbox(reach=NOBODY)]) == [0]


def test_no_list_is_made_by_hand_at_the_edge_without_saying_how_far_its_reader_sees():
    """`Inbox(…)` made by hand sees everybody; what is read from an address sees nobody until somebody says more."""
    wrong = []
    for path in sorted(Path(ROOT, "dashboard", "web").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in ("Inbox", "Ledger"):
                told = {word.arg for word in node.keywords}
                if (node.args or node.keywords) and not told & {"reach", None}:
                    wrong.append(f"{path.name}:{node.lineno}")
    assert wrong == []
    assert Inbox.read({}).reach == NOBODY
