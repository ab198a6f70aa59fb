"""`flask audit verify`: says that the chain holds, or where it does not."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from dashboard.audit_actions import Action
from dashboard.clock import utcnow
from dashboard.extensions import db
from dashboard.services import audit


@pytest.fixture
def verify(app):
    """`verify("--expect", …)` runs the command in this process."""
    runner = app.test_cli_runner()
    return lambda *words: runner.invoke(args=["audit", "verify", *words])


@pytest.fixture
def ends(app) -> list[str]:
    """After each of three entries, the end of the chain."""
    found = []
    with app.app_context():
        for _ in range(3):
            audit.note(db.session(), Action.SIGNED_IN, at=utcnow())
            db.session.commit()
            found.append(str(audit.head(db.session())))
    return found


def test_an_empty_log_holds(verify):
    result = verify()
    assert (result.exit_code, result.stdout) == (0, "The chain holds: 0 entries, head none\n")


def test_a_chain_that_holds_is_told_with_its_end(verify, ends):
    result = verify()
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == f"The chain holds: 3 entries, head {ends[-1].partition(':')[0]}\n"


def test_every_end_it_once_had_is_in_it(verify, ends):
    for end in ends:
        assert verify("--expect", end).exit_code == 0


@pytest.mark.parametrize("end", [f"{'0' * 64}:2", f"{'0' * 64}:7"], ids=["another", "longer"])
def test_an_end_that_is_not_in_it_any_more_is_told_in_one_line(verify, ends, end):
    result = verify("--expect", end)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("The chain is broken at entry ")
    assert result.stderr.count("\n") == 1


def test_an_expectation_that_is_none_is_refused(verify, ends):
    result = verify("--expect", "yesterday")
    assert result.exit_code == 2
    assert "DIGEST:NUMBER" in result.stderr


def test_the_first_broken_entry_is_named(verify, ends, app):
    with app.app_context():
        session = db.session()
        if session.get_bind().dialect.name == "postgresql":
            session.execute(text("ALTER TABLE audit_entry DISABLE TRIGGER USER"))
        else:
            session.execute(text("DROP TRIGGER audit_entry_no_update"))
        session.execute(text("UPDATE audit_entry SET action = 'hired' WHERE number = 2"))
        session.commit()
    result = verify()
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == ("The chain is broken at entry 2: it, or the one before it, is not as it was written.\n")
