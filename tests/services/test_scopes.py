"""Limiting a recruiter: what is kept, what is offered to choose from, and what is noted of it."""

from __future__ import annotations

import json

import pytest
from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from dashboard import reach, tokens
from dashboard.models import Application, AuditEntry, Job, User, UserScope
from dashboard.reach import EVERYTHING
from dashboard.services import scopes
from dashboard.services.review import BadChange
from dashboard.services.scopes import MOST, OFFERED, Scope
from tests.colleagues import by, do
from tests.limiting import limit
from tests.outbox_fixtures import NOON, add_applicant, add_recruiter


@pytest.fixture
def jobs(session: Session) -> list[Job]:
    told = (("WH-1", "Picker", "Harbor & Vale"), ("WH-2", "Driver", "HARBOR & vale"), ("OI-1", "Welder", "Oak & Iron"))
    made = [
        Job(
            identity=reference,
            reference=reference,
            title=title,
            company=company,
            company_term=tokens.term("company", company),
            city="Waco",
        )
        for reference, title, company in told
    ]
    session.add_all(made)
    session.commit()
    return made


def seen_by(session: Session, user: User) -> set[str]:
    own = reach.of(session, user)
    return set(session.scalars(select(Job.reference).where(own.holds(Job.id))))


def test_what_is_chosen_takes_the_place_of_what_was(session: Session, jobs: list[Job]):
    rita = add_recruiter(session)
    limit(session, rita, jobs=["WH-1"], companies=["Oak & Iron"])
    assert seen_by(session, rita) == {"WH-1", "OI-1"}
    limit(session, rita, companies=["Harbor & Vale"])
    assert seen_by(session, rita) == {"WH-1", "WH-2"}
    assert scopes.of(session, rita).companies == ((jobs[0].company_term, "HARBOR & vale"),)
    do(session, scopes.limit, rita, Scope(False), by(None))
    assert reach.of(session, rita) == EVERYTHING
    assert session.query(UserScope).count() == 0


def test_it_is_noted_by_ids_alone(session: Session, jobs: list[Job]):
    rita = add_recruiter(session)
    limit(session, rita, jobs=["WH-1"], companies=["Oak & Iron"])
    (entry,) = session.scalars(select(AuditEntry)).all()
    assert (entry.action, entry.subject_kind, entry.subject_id) == ("scope_changed", "user", rita.public_id)
    told = {"limited": True, "jobs": [jobs[0].public_id], "companies": [jobs[2].company_term]}
    assert json.loads(entry.details) == told


def test_only_recruiters_can_be_limited_and_to_so_much_at_most(session: Session, jobs: list[Job]):
    rita = add_recruiter(session)
    with pytest.raises(BadChange, match=f"at most {MOST}"):
        do(session, scopes.limit, rita, Scope(True, jobs=[(f"{n}", "") for n in range(MOST + 1)]), by(None))
    rita.role = "hr_admin"
    session.commit()
    with pytest.raises(BadChange, match="Only recruiters"):
        do(session, scopes.limit, rita, Scope(True), by(None))
    assert session.query(AuditEntry).count() == 0


def test_what_is_assigned_to_them_and_cannot_be_seen_any_more_is_counted(session: Session, jobs: list[Job]):
    rita = add_recruiter(session)
    facts = {"assigned_to_id": rita.id}
    for job_id, more in ((jobs[0].id, {}), (jobs[2].id, {}), (None, {}), (jobs[2].id, {"stage": "hired"})):
        add_applicant(session, job_id=job_id, **facts, **more)
    add_applicant(session, job_id=jobs[2].id)
    wanted = scopes.chosen(session, [jobs[0].public_id], [], is_limited=True)
    assert do(session, scopes.limit, rita, wanted, by(None)) == 2
    assert session.query(Application).filter_by(assigned_to_id=rita.id).count() == 4, "it is left as it is"


def test_what_occurs_is_offered_by_any_part_of_its_name_without_what_is_chosen(session: Session, jobs: list[Job]):
    whole = scopes.offered(session, "", Scope())
    assert [name for _, name in whole.jobs] == [
        "Driver · HARBOR & vale · Waco",
        "Picker · Harbor & Vale · Waco",
        "Welder · Oak & Iron · Waco",
    ]
    assert len(whole.companies) == 2
    assert not whole.more
    assert [name for _, name in scopes.offered(session, "vale pick", Scope()).jobs] == ["Picker · Harbor & Vale · Waco"]
    assert [value for value, _ in scopes.offered(session, "IRON", Scope()).companies] == [jobs[2].company_term]
    assert scopes.offered(session, "100%", Scope()).jobs == ()
    chosen = scopes.chosen(session, [jobs[2].public_id, "none"], [str(jobs[2].company_term), "none"], is_limited=True)
    assert (len(chosen.jobs), len(chosen.companies)) == (1, 1)
    left = scopes.offered(session, "", chosen)
    assert (len(left.jobs), len(left.companies)) == (2, 1)


def test_of_many_the_first_are_offered_and_a_search_finds_the_others(session: Session, jobs: list[Job]):
    many = [{"identity": f"m{n}", "reference": f"m{n}", "title": f"A{n:03}", "public_id": f"p-{n}"} for n in range(99)]
    session.execute(insert(Job), many)
    session.commit()
    offer = scopes.offered(session, "", Scope())
    assert (len(offer.jobs), offer.more) == (OFFERED, True)
    assert [value for value, _ in scopes.offered(session, "A098", Scope()).jobs] == ["p-98"]


def test_a_company_stands_for_its_jobs_also_for_those_that_come_later(session: Session, jobs: list[Job]):
    rita = add_recruiter(session)
    limit(session, rita, companies=["Oak & Iron"])
    later = Job(identity="OI-2", reference="OI-2", company_term=jobs[2].company_term)
    session.add(later)
    session.commit()
    assert seen_by(session, rita) == {"OI-1", "OI-2"}
    assert add_applicant(session, job_id=later.id, arrived_at=NOON)
