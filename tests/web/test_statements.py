"""How many statements each page sends to the database, whoever opens it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import pytest
from flask import Flask
from sqlalchemy import event as listening
from sqlalchemy import select

from dashboard.clock import utcnow
from dashboard.extensions import db
from dashboard.models import Application, Attempt, Outbound, SyncRun
from dashboard.models.outbound import Channel
from dashboard.paging import Place
from dashboard.services import reminders
from dashboard.services.reminder_rules import Rules
from tests.factories import event
from tests.noting import notes
from tests.stocked_site import Stocked, token_of

MOST: Final = 5
"""Statements of one page, with the one that says who asks."""

NOTING: Final = 3
"""More where the audit log notes who looks: its end, the entry, its new end. They are counted apart."""

COUNTING: Final = 4
"""More where an export is counted, before it begins: what is over, the row, one more in it, how many. Likewise."""

MORE: Final = {
    # Whoever is asked for is walked to (3 statements, with what none but privacy may find, and 1 for what was said of
    # them), and all that is stored of them alone is worked out from each other: deliveries, by signs (2 more) also
    # those that nobody could file, whose files, whose clicks, which reports, how many of what.
    "privacy.person": 14,
}
"""Pages that take more, with how many. None of them may take more than that."""

NO_PAGES: Final = {"health.prometheus", "health.readyz", "privacy.export"}
"""Also an archive of everything that is stored of a person: for each application it asks for each kind of thing."""


@pytest.fixture
def app(make_app: Callable[..., Flask], sqlite_url: str) -> Flask:
    return make_app(sqlite_url)


@contextmanager
def statements(app: Flask) -> Iterator[list[str]]:
    """What is sent to the database meanwhile; that a transaction begins or ends is no statement of anybody's."""
    with app.app_context():
        engine = db.engine
    sent: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if not statement.startswith("BEGIN"):
            sent.append(statement)

    listening.listen(engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        listening.remove(engine, "before_cursor_execute", note)


def counts_exports(statement: str) -> bool:
    return "login_throttle" in statement


def most(endpoint: str) -> int:
    return MORE.get(endpoint, MOST)


@pytest.mark.parametrize("role", ["recruiter", "hr_admin", "it_admin"])
def test_no_page_takes_more_statements_than_it_may(stocked: Stocked, sign_in: Callable[..., Any], role: str):
    wrong = too_many(stocked.app, sign_in(role), [*stocked.addresses(), *stocked.pages()])
    assert not wrong, "\n".join(wrong)


def too_many(app: Flask, client: Any, pages: Iterable[tuple[str, str]]) -> list[str]:
    """The pages that send more than they may, with what they send."""
    wrong = []
    for endpoint, address in pages:
        if endpoint in NO_PAGES:
            continue
        client.get(address)  # what a process keeps from then on is read once
        with statements(app) as sent:
            assert client.get(address).status_code < 500, address
        noting = [one for one in sent if notes(one)]
        assert len(noting) <= NOTING or endpoint.endswith("csv"), noting
        counting = [one for one in sent if counts_exports(one)]
        assert len(counting) <= (COUNTING if endpoint.endswith("csv") else 0), counting
        if len(sent) - len(noting) - len(counting) > most(endpoint):
            wrong.append(
                f"{address} ({endpoint}): {len(sent)}\n  " + "\n  ".join(" ".join(one.split()) for one in sent)
            )
    return wrong


def test_following_up_takes_no_more_for_many_than_for_few(
    stocked: Stocked, sign_in: Callable[..., Any], deliver: Callable[..., Any]
):
    begun = [_begin(deliver, number) for number in range(6)]
    for number in range(2):
        deliver(event(applicant={"firstName": f"N{number}", "emailAddress": f"n{number}@example.com"}))
    with stocked.app.app_context():
        _write_and_pull(stocked.app, begun[2:])
    chosen = "&".join(f"application={one}" for one in begun)
    pages = [page for page in stocked.addresses() if page[0] in FOLLOWING_UP]
    pages += [("incomplete.show", f"/incomplete/{one}") for one in begun]
    pages += [("compose.index", f"/incomplete/message?{chosen}"), ("incomplete.index", "/incomplete?show=recovered")]
    wrong = too_many(stocked.app, sign_in("hr_admin"), pages)
    assert not wrong, "\n".join(wrong)


FOLLOWING_UP: Final = {
    "incomplete.index",
    "incomplete.pulling",
    "compose.index",
    "messages.index",
    "follow_up_jobs.show",
    "stops.index",
}


def _begin(deliver: Callable[..., Any], number: int) -> str:
    applicant = {"firstName": f"N{number}", "emailAddress": f"n{number}@example.com"}
    return str(deliver(event(kind="started:v1", applicant=applicant)).json["application"])


def _write_and_pull(app: Flask, begun: Iterable[str]) -> None:
    """A message to each, tried twice; two pulls that ended and one under way."""
    session, now = db.session(), utcnow()
    whom = session.scalars(select(Application.id).where(Application.public_id.in_(begun))).all()
    rules = Rules("http://localhost", (app.config["SECRET_KEY"],), True, "jobs@example.com", "1 Pier Road")
    reminders.queue(session, whom, "Still there?", "Hello", template_id=None, user_id=None, at=now, rules=rules)
    for row in session.scalars(select(Outbound).where(Outbound.channel == Channel.REMINDER)):
        for number in (1, 2):
            session.add(Attempt(outbound=row, number=number, worker="w", started_at=now, outcome="retry"))
    for state in ("done", "failed", "running"):
        session.add(SyncRun(kind="incomplete", trigger="worker", started_at=now, state=state, since=now))
    session.commit()


@pytest.mark.parametrize("verb", ["rate:3", "stage:reviewed"])
def test_the_confirmation_of_what_is_done_to_many_takes_no_more(
    stocked: Stocked, sign_in: Callable[..., Any], verb: str
):
    client = sign_in("recruiter")
    token = token_of(client.get("/applications").text)
    with statements(stocked.app) as sent:
        page = client.post(
            "/applications/bulk",
            data={"csrf_token": token, "application": stocked.ids["applications"], "do": verb},
        )
    assert page.status_code == 200
    assert len(sent) <= MOST, "\n".join(sent)


@pytest.mark.parametrize("asked", ["", "&stage=hired"])
def test_asking_who_came_since_a_list_was_opened_takes_one_beside_who_asks(
    stocked: Stocked, sign_in: Callable[..., Any], asked: str
):
    client = sign_in("recruiter")
    address = f"/applications/newer?since={Place(0, 0).cursor()}{asked}"
    client.get(f"/applications?{asked}")  # who waits for the index is put into it
    with statements(stocked.app) as sent:
        assert client.get(address).status_code == 200
    assert len(sent) == 2, "\n".join(sent)
