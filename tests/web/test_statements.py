"""How many statements each page sends to the database, whoever opens it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import pytest
from flask import Flask
from sqlalchemy import event

from dashboard.extensions import db
from tests.stocked_site import Stocked, token_of

MOST: Final = 5
"""Statements of one page, with the one that says who asks."""

NOTING: Final = 3
"""More where the audit log notes who looks: its end, the entry, its new end. They are counted apart."""

MORE: Final = {
    "applications.csv": 6,  # of each five hundred: who they are, where they were moved, their tags, whose they are
    # Pages of few readers, each of whose parts is read by one statement of its own, as many for much as for little.
    "incomplete.index": 12,  # the list, its choices and totals, what the last pull did and whether one can be wished
    "incomplete.show": 9,  # the application, its answers, files, messages, reminders and who may be written to
    "incomplete.pulling": 6,  # what a pull does now, asked for every few seconds while it runs
    "compose.index": 9,  # the letter, and each rule about whether its people may be written to
    "messages.index": 6,  # the ledger of reminders, its counts and choices
    "conversions.index": 7,  # the ledger of hires, its counts and choices
    "follow_up_jobs.show": 10,  # the job, its cadence, templates, and what it would write
    "stops.index": 6,  # how far people come, by job and by question
    "privacy.index": 11,  # what is held, restricted and erased, and each kind of thing that retention would take
    "privacy.person": 20,  # who belongs to the person, and how much of every kind would go
    "privacy.export": 50,  # all of it, for each of the person's applications
}
"""Pages that take more, with how many. None of them may take more than that."""

NO_PAGES: Final = {"health.prometheus", "health.readyz"}


@pytest.fixture
def app(make_app: Callable[..., Flask], sqlite_url: str) -> Flask:
    return make_app(sqlite_url)


NOTES: Final = ("INSERT INTO audit_entry", "UPDATE audit_head", "SELECT audit_head.number, audit_head.digest")


@contextmanager
def statements(app: Flask) -> Iterator[list[str]]:
    """What is sent to the database meanwhile; that a transaction begins or ends is no statement of anybody's."""
    with app.app_context():
        engine = db.engine
    sent: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if not statement.startswith("BEGIN"):
            sent.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        event.remove(engine, "before_cursor_execute", note)


def most(endpoint: str) -> int:
    return MORE.get(endpoint, MOST)


@pytest.mark.parametrize("role", ["recruiter", "hr_admin", "it_admin"])
def test_no_page_takes_more_statements_than_it_may(stocked: Stocked, sign_in: Callable[..., Any], role: str):
    client = sign_in(role)
    wrong = []
    for endpoint, address in (*stocked.addresses(), *stocked.pages()):
        if endpoint in NO_PAGES:
            continue
        client.get(address, buffered=True)  # what a process keeps from then on is read once
        with statements(stocked.app) as sent:
            client.get(address, buffered=True)
        noting = [one for one in sent if one.startswith(NOTES)]
        assert len(noting) <= NOTING or endpoint.endswith("csv"), noting
        if len(sent) - len(noting) > most(endpoint):
            wrong.append(
                f"{address} ({endpoint}): {len(sent)}\n  " + "\n  ".join(" ".join(one.split()) for one in sent)
            )
    assert not wrong, "\n".join(wrong)


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
